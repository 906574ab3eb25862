import os

# Shapes in annotations are checked while the tests run, and only then.
os.environ.setdefault("JAXTYPING_DISABLE", "0")

import torch
from jaxtyping import install_import_hook

torch.set_num_threads(1)
hook = install_import_hook("mmrec", "beartype.beartype")

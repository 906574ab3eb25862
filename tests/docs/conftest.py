import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
# What builds the documentation is no package: Sphinx finds it on this path too.
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS / "figures"), str(DOCS)]

"""How Sphinx builds the documentation: ``make docs``."""

import logging
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
warnings.filterwarnings("ignore")  # of the packages that autodoc imports

from elsewhere import mapping  # noqa: E402

import mmrec  # noqa: E402

project = "mmrec"
author = "the authors of mmrec"
copyright = author
version = release = mmrec.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_nb",
    "reference",
    "commands",
    "gallery",
    "navigation",
]
exclude_patterns = ["_*", "images", "**/.ipynb_checkpoints"]
# A folder of pages may be empty.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: "toctree glob pattern" not in record.msg
)
intersphinx_mapping = mapping(DOCS / "_inventories")

# Markdown and notebooks; notebooks are committed with their outputs.
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"

# Docstrings; a role that leads nowhere is an error of `make docs`
nitpicky = True
autodoc_class_signature = "mixed"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = True
python_use_unqualified_type_names = False
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_attr_annotations = False  # the signature has them
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Shape", "Shape")]
add_module_names = False

# Pages
html_theme = "furo"
html_title = f"mmrec {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

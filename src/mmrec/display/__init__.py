"""What pages, plots and tables share: names, templates, thumbnails, the look of plots."""

from mmrec.display.names import BASELINE_NAMES, title_in, title_of
from mmrec.display.template import load_template
from mmrec.display.thumbnails import Thumbnails

__all__ = ["BASELINE_NAMES", "Thumbnails", "load_template", "title_in", "title_of"]

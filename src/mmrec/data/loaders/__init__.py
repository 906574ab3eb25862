"""Loaders of data sets as they are published."""

from mmrec.data.loaders.importing import LAYOUTS, import_folder
from mmrec.data.loaders.report import FileCounts, ImportReport

__all__ = ["LAYOUTS", "FileCounts", "ImportReport", "import_folder"]

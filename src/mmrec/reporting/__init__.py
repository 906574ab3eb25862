"""A report about a trained recommender as one HTML page: what it learned, how good it is, examples.

It needs ``pip install 'mmrec[compare]'``.
"""

from mmrec.reporting.cases import Case, Visit, draw_targets, read_cases, worst_targets
from mmrec.reporting.page import write_report

__all__ = ["Case", "Visit", "draw_targets", "read_cases", "worst_targets", "write_report"]

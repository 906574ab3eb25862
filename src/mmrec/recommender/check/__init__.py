"""What is in a data set folder, what ``fit`` would use of it, and what is odd.

:func:`check_folder` reads the tables as ``fit`` does, goes on with what can be read, and collects
every :class:`Finding` in a :class:`CheckReport`.
"""

from mmrec.recommender.check.check import check_folder
from mmrec.recommender.check.finding import Finding, Severity
from mmrec.recommender.check.report import CheckReport

__all__ = ["CheckReport", "Finding", "Severity", "check_folder"]

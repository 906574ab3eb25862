"""A search for the options and parts of a recommender, by validation (extra ``tune``)."""

from mmrec.tuning.space import DEFAULT, USUAL, Range, parse_space
from mmrec.tuning.trials import trial_table
from mmrec.tuning.tuned import Tuned, tune

__all__ = ["DEFAULT", "USUAL", "Range", "Tuned", "parse_space", "trial_table", "tune"]

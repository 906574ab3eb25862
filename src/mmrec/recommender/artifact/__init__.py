"""The state of a trained recommender, and its files."""

from mmrec.recommender.artifact.run import Run, RunError, read_run, write_run
from mmrec.recommender.artifact.state import RecommenderState

__all__ = ["RecommenderState", "Run", "RunError", "read_run", "write_run"]

"""Learning from the events of a log, and publishing what was learned."""

from mmrec.realtime.learning.online import OnlineLearner
from mmrec.realtime.learning.trainer import OnlineTrainer
from mmrec.realtime.learning.versions import Version, Versions

__all__ = ["OnlineLearner", "OnlineTrainer", "Version", "Versions"]

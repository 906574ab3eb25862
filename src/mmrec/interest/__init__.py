"""Interest models: a history of item vectors, oldest first, to the user's interest at every step.

:class:`Interest` is the contract. Each model here has ``forward`` for whole histories and ``step``
for one event. Folding ``step`` over a history equals ``forward``, so serving a user costs one step
per event.
"""

from mmrec.interest.attention import SelfAttentionInterest
from mmrec.interest.gru import GRUInterest
from mmrec.interest.hstu import HSTUInterest
from mmrec.interest.inputs import EventInputs
from mmrec.interest.ligr import LiGRInterest
from mmrec.interest.linear import LinearRecurrentInterest, RecurrentState
from mmrec.interest.mean import MeanInterest, MeanState
from mmrec.interest.narm import NARMInterest, NARMState
from mmrec.interest.protocol import Interest, LastInterest, SteppingInterest
from mmrec.interest.request import RequestTime
from mmrec.interest.windowed import WindowState

__all__ = [
    "EventInputs",
    "GRUInterest",
    "HSTUInterest",
    "Interest",
    "LastInterest",
    "LiGRInterest",
    "LinearRecurrentInterest",
    "MeanInterest",
    "MeanState",
    "NARMInterest",
    "NARMState",
    "RecurrentState",
    "RequestTime",
    "SelfAttentionInterest",
    "SteppingInterest",
    "WindowState",
]

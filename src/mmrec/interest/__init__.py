"""Interest models: a history of item vectors, oldest first, to the user's interest at every step.

:class:`Interest` is the contract. Each of them has ``forward`` for whole histories and ``step``
for one event. Folding ``step`` over a history equals ``forward``, so serving a user costs one step
per event. :class:`DINInterest` is none of these: its interest depends on the candidate.
"""

from mmrec.interest.additive import AdditiveAttentionInterest, AdditiveState
from mmrec.interest.attention import SelfAttentionInterest
from mmrec.interest.din import DINInterest
from mmrec.interest.gru import GRUInterest
from mmrec.interest.hstu import HSTUInterest
from mmrec.interest.inputs import EventInputs
from mmrec.interest.last import last_interest
from mmrec.interest.ligr import LiGRInterest
from mmrec.interest.linear import LinearRecurrentInterest, RecurrentState
from mmrec.interest.mean import MeanInterest, MeanState
from mmrec.interest.narm import NARMInterest, NARMState
from mmrec.interest.nrms import NRMSInterest
from mmrec.interest.protocol import (
    Interest,
    LastInterest,
    SteppingInterest,
    TargetAwareInterest,
)
from mmrec.interest.request import RequestTime
from mmrec.interest.windowed import WindowState

__all__ = [
    "AdditiveAttentionInterest",
    "AdditiveState",
    "DINInterest",
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
    "NRMSInterest",
    "RecurrentState",
    "RequestTime",
    "SelfAttentionInterest",
    "SteppingInterest",
    "TargetAwareInterest",
    "WindowState",
    "last_interest",
]

"""Interest models: a history of item vectors, oldest first, to the user's interest at every step.

Each has ``forward`` over whole histories and ``step`` for one event; folding ``step`` over a
history gives what ``forward`` gives, so a served user costs one step an event.
"""

from mmrec.interest.attention import SelfAttentionInterest, WindowState
from mmrec.interest.gru import GRUInterest
from mmrec.interest.inputs import EventInputs
from mmrec.interest.linear import LinearRecurrentInterest, RecurrentState

__all__ = [
    "EventInputs",
    "GRUInterest",
    "LinearRecurrentInterest",
    "RecurrentState",
    "SelfAttentionInterest",
    "WindowState",
]

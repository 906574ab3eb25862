"""Losses as pure functions: logits over a batch's pool and each row's target, to one number.

``logits`` is (N, P): one row for every position that is trained, one column for every slot of the
pool. ``target`` is (N,): the slot of each row's next item. Slot 0 is padding and never a candidate.
"""

from mmrec.losses.alignment import alignment_loss
from mmrec.losses.pairwise import bpr_loss
from mmrec.losses.pointwise import bce_loss
from mmrec.losses.shortlist import shortlist, shortlist_loss
from mmrec.losses.softmax import softmax_loss

__all__ = [
    "alignment_loss",
    "bce_loss",
    "bpr_loss",
    "shortlist",
    "shortlist_loss",
    "softmax_loss",
]

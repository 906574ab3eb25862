"""Losses as pure functions: logits over a batch's pool and each row's target, to a scalar.

``logits`` is (N, P), with a row for every trained position and a column for every slot of the pool.
``target`` is (N,): the slot of each row's next item. Slot 0 is padding and never a candidate.
:class:`Loss` is the contract; a part of a model with a loss of its own is an
:class:`AuxiliaryLoss`.

InfoNCE is :func:`softmax_loss` of cosines over a temperature, which the scorer ``cosine`` gives.
"""

from mmrec.losses.alignment import alignment_loss
from mmrec.losses.clicks import click_loss, click_softmax_loss
from mmrec.losses.hardest import hard_bpr_loss
from mmrec.losses.labeled import labeled_negative_loss
from mmrec.losses.pairwise import bpr_loss
from mmrec.losses.pointwise import bce_loss, gbce_loss
from mmrec.losses.protocol import AuxiliaryLoss, ClickLoss, Loss, Output
from mmrec.losses.ranking_max import bpr_max_loss, top1_max_loss
from mmrec.losses.shortlist import shortlist, shortlist_loss
from mmrec.losses.softmax import softmax_loss
from mmrec.losses.uniformity import directau_loss

__all__ = [
    "AuxiliaryLoss",
    "ClickLoss",
    "Loss",
    "Output",
    "alignment_loss",
    "bce_loss",
    "bpr_loss",
    "bpr_max_loss",
    "click_loss",
    "click_softmax_loss",
    "directau_loss",
    "gbce_loss",
    "hard_bpr_loss",
    "labeled_negative_loss",
    "shortlist",
    "shortlist_loss",
    "softmax_loss",
    "top1_max_loss",
]

"""Fusion: the vectors of an item's modalities become one item vector.

:class:`Fusion` is the contract. Absent modalities are allowed: the result does not depend on the
values in an absent slot.
"""

from mmrec.fusion.attention import AttentionFusion
from mmrec.fusion.concat import ConcatFusion
from mmrec.fusion.protocol import Fusion
from mmrec.fusion.siamese import SiameseFusion

__all__ = ["AttentionFusion", "ConcatFusion", "Fusion", "SiameseFusion"]

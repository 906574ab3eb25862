"""Fusion: the vectors of an item's modalities become one item vector.

:class:`Fusion` is the contract. Absent modalities are allowed: the result does not depend on the
values in an absent slot.
"""

from mmrec.fusion.additive import AdditiveFusion
from mmrec.fusion.attention import AttentionFusion
from mmrec.fusion.bilinear import BilinearFusion
from mmrec.fusion.concat import ConcatFusion
from mmrec.fusion.experts import ExpertsFusion
from mmrec.fusion.film import FiLMFusion
from mmrec.fusion.gated import GatedFusion
from mmrec.fusion.protocol import Fusion
from mmrec.fusion.siamese import SiameseFusion
from mmrec.fusion.sum import SumFusion

__all__ = [
    "AdditiveFusion",
    "AttentionFusion",
    "BilinearFusion",
    "ConcatFusion",
    "ExpertsFusion",
    "FiLMFusion",
    "Fusion",
    "GatedFusion",
    "SiameseFusion",
    "SumFusion",
]

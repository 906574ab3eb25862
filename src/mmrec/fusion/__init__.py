"""Fusion: the modalities of an item become one vector, whichever of them are missing.

A fusion is an `nn.Module` with `dims` (the width of each modality it expects, by name), `dim` (D,
the width of an item vector) and `forward(features, present)`, which takes `(P, dims[name])`
features and a `(P,)` mask per modality and gives `(P, D)`. Its answer doesn't depend on what lies
in an absent slot.
"""

from mmrec.fusion.attention import AttentionFusion
from mmrec.fusion.concat import ConcatFusion
from mmrec.fusion.siamese import SiameseFusion

__all__ = ["AttentionFusion", "ConcatFusion", "SiameseFusion"]

"""Which columns of item vectors say what items are like."""

from jaxtyping import Float
from torch import Tensor

from mmrec.affinities.content import NOVELTY_COLUMNS
from mmrec.affinities.fusion import AffinityFusion
from mmrec.models import SequentialModel


def without_novelty(model: SequentialModel, vectors: Float[Tensor, "N _"]) -> Float[Tensor, "N _"]:
    """Return item vectors without the columns that tell new items from known ones.

    With these columns, all new items look alike. They are the last of a model with ``novelty``, see
    :class:`ContentDirections`; other models have none.

    Example:
        >>> import torch
        >>> from mmrec.affinities import ContentAffinity, with_content
        >>> from mmrec.encoders import FeatureEncoder, IdEncoder
        >>> from mmrec.models import gru4rec
        >>> model = gru4rec({"id": IdEncoder(9, 4), "text": FeatureEncoder(6)}, dim=4)
        >>> new = ContentAffinity({"text": 2}, identity="id", novelty=True)
        >>> without_novelty(with_content(model, new), torch.ones(3, 8)).shape
        torch.Size([3, 6])
    """
    fusion = model.items.fusion
    if isinstance(fusion, AffinityFusion) and fusion.content.novelty:
        return vectors[:, :-NOVELTY_COLUMNS]
    return vectors

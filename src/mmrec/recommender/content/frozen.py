"""What frozen encoders say of the items: one vector each."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.baselines.content import centered
from mmrec.encoders import FeatureEncoder
from mmrec.recommender.content.read import Content

MAX_CELLS = 2**28
"""Numbers in all vectors together, at most: 1 GB."""


def frozen_vectors(content: Content) -> tuple[Float[Tensor, "V1 E"], Bool[Tensor, " V1"]] | None:
    """Return the features of frozen encoders and given vectors, and which indices have any.

    Those of each modality are centered and scaled to length 1, and they stand side by side, zeros
    where an item lacks one. None if there are none, or more than 268 million numbers.

    Example:
        >>> frozen_vectors(Content()) is None
        True
    """
    made = content.encoders.items()
    widths = {name: part.dim_in for name, part in made if isinstance(part, FeatureEncoder)}
    sources = {name: content.sources[name] for name in widths}
    if not sources or sum(widths[n] * len(s.present) for n, s in sources.items()) > MAX_CELLS:
        return None
    parts, present = [], []
    for name, source in sources.items():
        has = torch.from_numpy(np.asarray(source.present))
        vectors = torch.zeros(len(has), widths[name])
        vectors[has] = torch.as_tensor(source.load(np.flatnonzero(source.present))).float()
        parts.append(centered(vectors, has))
        present.append(has)
    return torch.cat(parts, dim=1), torch.stack(present).any(0)

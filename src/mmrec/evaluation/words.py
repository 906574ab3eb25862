"""Which items are alike by the words of their texts, whatever a model makes of them."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

DIM = 256


def word_vectors(texts: Sequence[str], dim: int = DIM) -> Float[Tensor, "n dim"]:
    """The rarer words that texts share, the more their vectors point one way.

    Each different word adds its inverse document frequency, with the sign that a hash says, at the
    place that a hash says (Weinberger et al., "Feature hashing for large scale multitask learning",
    arXiv 0902.2206). Nothing is learned, so equal texts have equal vectors in each run.

    Example:
        >>> texts = ["a red lamp", "The red lamp!", "blue chair", ""]
        >>> vectors = torch.nn.functional.normalize(word_vectors(texts), dim=1)
        >>> (vectors @ vectors.T)[0].round(decimals=2)
        tensor([1.0000, 0.3900, 0.0000, 0.0000])
    """
    frame = pl.DataFrame({"row": np.arange(len(texts)), "word": pl.Series(texts, dtype=pl.String)})
    words = pl.col("word").str.to_lowercase().str.extract_all(r"\w+")
    met = frame.with_columns(words).explode("word").drop_nulls().unique(maintain_order=True)
    vectors = torch.zeros(len(texts), dim)
    if len(met):
        counts = met.group_by("word", maintain_order=True).len()
        hashes = np.array([crc32(word.encode()) for word in counts["word"]], dtype=np.int64)
        weights = np.log((1 + len(texts)) / counts["len"].to_numpy()) * np.sign(hashes % 2 - 0.5)
        place = met["word"].replace_strict(
            counts["word"], np.arange(len(counts)), return_dtype=pl.Int64
        )
        at = place.to_numpy()
        cell = met["row"].to_numpy() * dim + hashes[at] // 2 % dim
        vectors.view(-1).index_add_(
            0, torch.from_numpy(cell), torch.from_numpy(weights[at].astype(np.float32))
        )
    return vectors

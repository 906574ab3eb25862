"""The builder of a generative model: it holds the defaults."""

from mmrec.generative.item_codes import ItemCodes
from mmrec.generative.model import TIGER


def tiger(
    codes: ItemCodes,
    *,
    dim: int = 128,
    heads: int = 4,
    layers: int = 2,
    hidden: int = 512,
    dropout: float = 0.1,
    max_items: int = 20,
) -> TIGER:
    """Build a TIGER for the codes of a catalogue.

    Width, dropout and length of a history are those of the paper. Its 4 layers of 6 heads, with
    hidden layers of 1024, are for logs of hundreds of thousands of events; the defaults here are
    half of that.

    Args:
        codes: of the catalogue.
        dim: width of a token; a multiple of ``heads``.
        heads: attention heads.
        layers: layers of the encoder, and of the decoder.
        hidden: width of the hidden layer of a block.
        dropout: dropout probability.
        max_items: last items of a history that are read.

    Raises:
        ValueError: a number is below 1, or ``dim`` is no multiple of ``heads``.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065.

    Example:
        >>> import torch
        >>> from mmrec.quantization import SemanticIds
        >>> three = torch.tensor([0.0, 1.0, 2.0])
        >>> vectors = torch.cartesian_prod(10 * three, three)  # three groups of three
        >>> ids = SemanticIds.fit(vectors, levels=2, size=3)
        >>> tiger(ItemCodes.of(ids), dim=16).sizes
        (3, 3, 3)
    """
    return TIGER(
        codes.sizes,
        dim=dim,
        heads=heads,
        layers=layers,
        hidden=hidden,
        dropout=dropout,
        max_items=max_items,
    )

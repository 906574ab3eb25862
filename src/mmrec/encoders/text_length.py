"""How many tokens a text model can read."""

from typing import Any

from torch import nn

USUAL = 128
"""Tokens of a text that are read by default: an item's text is rarely longer, and cost grows."""

_SANE = 10**6  # a tokenizer without a limit states a number of 31 digits


def positions_of(backbone: nn.Module) -> int | None:
    """Return how many tokens a model has positions for; None if it has no limit.

    RoBERTa numbers its positions from the one after padding, so it has two fewer than its
    configuration says. T5 has relative positions and no limit.

    Example:
        >>> from transformers import RobertaConfig, RobertaModel
        >>> positions_of(RobertaModel(RobertaConfig(vocab_size=9, hidden_size=8,
        ...     num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        ...     max_position_embeddings=514)))
        512
    """
    config: Any = backbone.config
    relative = hasattr(config, "relative_attention_num_buckets")
    stated = getattr(config, "max_position_embeddings", None)
    if stated is None and not relative:
        stated = getattr(config, "n_positions", None)
    tables = [
        part.num_embeddings - part.padding_idx - 1
        for name, part in backbone.named_modules()
        if name.endswith("position_embeddings")
        and isinstance(part, nn.Embedding)
        and part.padding_idx is not None
    ]
    limits = [limit for limit in (stated, *tables) if isinstance(limit, int) and limit > 0]
    return min(limits, default=None)


def default_length(backbone: nn.Module, tokenizer: Any, stated: int | None = None) -> int:
    """Return how many tokens of a text are read by default: 128, or fewer if a limit is lower.

    Args:
        backbone: the model.
        tokenizer: its tokenizer, whose ``model_max_length`` counts if it is a limit at all.
        stated: a limit that comes with the model, or None.
    """
    most = getattr(tokenizer, "model_max_length", None)
    own = int(most) if most is not None and 0 < most < _SANE else None
    limits = (USUAL, positions_of(backbone), own, stated)
    return min(limit for limit in limits if limit is not None)

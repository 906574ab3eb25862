"""Whether a language model reads a text in one direction only."""

from typing import Any

import torch
from torch import nn

from mmrec.encoders.modes import evaluating

_NOISE = 1e-6  # relative; a row of a batch may be rounded differently from the next


@torch.no_grad()
def is_causal(backbone: nn.Module) -> bool:
    """Return whether later tokens leave the vectors of earlier ones as they are.

    Decoders such as GPT-2 and Qwen are causal: their last token alone has read the whole text.
    Encoders such as BERT are not. The model itself decides, not a list of names: a token at the end
    is changed, and the vector of the first one is compared.

    Args:
        backbone: a model whose output has ``last_hidden_state``; its mode stays as it is.

    Example:
        >>> from transformers import BertConfig, BertModel, GPT2Config, GPT2Model
        >>> size = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1,
        ...         "num_attention_heads": 2}
        >>> is_causal(BertModel(BertConfig(intermediate_size=8, **size)))
        False
        >>> is_causal(GPT2Model(GPT2Config(**size, bos_token_id=0, eos_token_id=0)))
        True
    """
    config: Any = backbone.config
    device = next((p.device for p in backbone.parameters()), None)
    token = int(config.get_text_config().vocab_size) - 1
    ids = torch.full((3, 4), token, device=device)
    ids[2, -1] = token - 1
    with evaluating(backbone):
        output = backbone(input_ids=ids, attention_mask=torch.ones_like(ids))
    same, again, changed = output.last_hidden_state[:, 0].float()
    noise = (same - again).abs().max() + _NOISE * same.abs().max()
    return bool((same - changed).abs().max() <= 2 * noise)

"""RecTools' weights in mmrec's interest models: the largest difference of their outputs.

    PYTHONPATH=src python benchmarks/peers/parity_rectools.py

Runs where RecTools and mmrec can both be imported. RecTools builds its models, and all their
weights are drawn at random. Our models take these weights and the inputs of RecTools' blocks: item
vectors with its positions and scale. So our own positions, which count from the oldest event, are
0. Histories of 1 to 7 events are padded on the left for RecTools and on the right for us, and all
events are compared. RecTools' SASRec masks padding if asked to, and is asked to here. The exit
status is 1 if a difference exceeds ``TOLERANCE``.

Where two formulas differ, the function of the model says what it changes. So a row shows that
nothing else differs.
"""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from pytorch_lightning import Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import HSTUModel, SASRecModel
from rectools.models.nn.transformers.hstu import RelativeAttentionBias
from rectools.models.nn.transformers.ligr import LiGRLayers
from rectools.models.nn.transformers.net_blocks import PreLNTransformerLayers
from torch import Tensor, nn

from mmrec.interest import HSTUInterest, LiGRInterest, SelfAttentionInterest

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
SIZES = ((1, 1), (2, 2), (3, 4))  # layers and heads
DIM, WINDOW, ITEMS = 16, 7, 30

Pair = tuple[nn.Module, nn.Module]  # RecTools' net and our interest model


def sasrec(layers: int, heads: int) -> Pair:
    """SASRec by the formula of its paper, ``x + f(norm(x))``.

    RecTools has such blocks beside those of its SASRec. Here they get a ReLU in place of the GELU,
    and the width of the paper. RecTools has no norm after the last block: it gets ours.
    """
    net = built(
        SASRecModel,
        layers,
        heads,
        use_key_padding_mask=True,
        transformer_layers_type=PreLNTransformerLayers,
        transformer_layers_kwargs={"ff_factors_multiplier": 1},
    )
    ours = SelfAttentionInterest(DIM, layers=layers, heads=heads, window=WINDOW)
    for block, theirs in zip(ours.blocks, net.transformer_layers.transformer_blocks, strict=True):
        theirs.feed_forward.ff_activation = nn.ReLU()
        take_attention(block, theirs.multi_head_attn)
        take(block.attention_norm, theirs.layer_norm_1)
        take(block.feed_forward_norm, theirs.layer_norm_2)
        take(block.feed_forward[0], theirs.feed_forward.ff_linear_1)
        take(block.feed_forward[2], theirs.feed_forward.ff_linear_2)
    nn.init.zeros_(ours.positions)
    net.transformer_layers = WithNorm(net.transformer_layers, ours.norm)
    return net, ours


def sasrec_of_the_code(layers: int, heads: int) -> Pair:
    """RecTools' SASRec as it is; our blocks get its residuals, see :class:`FromNormalized`."""
    net = built(SASRecModel, layers, heads, use_key_padding_mask=True)
    ours = SelfAttentionInterest(DIM, layers=layers, heads=heads, window=WINDOW)
    for block, theirs in zip(ours.blocks, net.transformer_layers.transformer_blocks, strict=True):
        take_attention(block, theirs.multi_head_attn)
        take(block.attention_norm, theirs.q_layer_norm)
        take(block.feed_forward_norm, theirs.ff_layer_norm)
        take(block.feed_forward[0], theirs.feed_forward.ff_linear_1)
        take(block.feed_forward[2], theirs.feed_forward.ff_linear_2)
    nn.init.zeros_(ours.positions)
    take(ours.norm, net.transformer_layers.last_layernorm)
    ours.blocks = nn.ModuleList(FromNormalized(block) for block in ours.blocks)
    return net, ours


def esasrec(layers: int, heads: int) -> Pair:
    """SASRec with LiGR layers. RecTools has no norm after the last block: it gets ours."""
    net = built(
        SASRecModel, layers, heads, use_key_padding_mask=True, transformer_layers_type=LiGRLayers
    )
    ours = LiGRInterest(DIM, layers=layers, heads=heads, window=WINDOW)
    for block, theirs in zip(ours.blocks, net.transformer_layers.transformer_blocks, strict=True):
        take_attention(block, theirs.multi_head_attn)
        take(block.attention_norm, theirs.layer_norm_1)
        take(block.feed_forward_norm, theirs.layer_norm_2)
        take(block.attention_gate, theirs.gating_linear_1)
        take(block.feed_forward_gate, theirs.gating_linear_2)
        inner = theirs.feed_forward
        block.gate_and_up.weight.copy_(
            torch.cat([inner.ff_linear_1.weight, inner.ff_linear_3.weight])
        )
        take(block.down, inner.ff_linear_2)
    nn.init.zeros_(ours.positions)
    net.transformer_layers = WithNorm(net.transformer_layers, ours.norm)
    return net, ours


def hstu(layers: int, heads: int, *, timed: bool) -> Pair:
    """HSTU, with and without a bias for time.

    RecTools divides a sum by the length of the window, we by the number of events in the sum. A
    norm follows, so this makes a difference by its epsilon alone, which is next to 0 here. The bias
    for time gets the time between two events, see :func:`between_events`. Our bias of ``uvqk`` and
    our input of the time gap have no counterpart: they are 0. RecTools has no norm after the last
    unit: it gets ours.
    """
    net = built(HSTUModel, layers, heads, relative_time_attention=timed)
    ours = HSTUInterest(DIM, layers=layers, heads=heads, window=WINDOW, time_gap=timed)
    for unit, theirs in zip(ours.units, net.transformer_layers.stu_blocks, strict=True):
        theirs.norm_attn_output.eps = 1e-30
        take(unit.norm, theirs.norm_input)
        take(unit.attended_norm, theirs.norm_attn_output)
        take(unit.output_proj, theirs.output_mlp)
        unit.uvqk.weight.copy_(theirs.uvqk_proj.T)
        nn.init.zeros_(unit.uvqk.bias)
        # The first half is for the past, from the event farthest back to the event itself.
        unit.place.copy_(theirs.rel_attn.pos_weights[:WINDOW].flip(0))
        if timed:
            unit.time[1:].copy_(theirs.rel_attn.time_weights[:-1])  # ours begin with "unknown"
            theirs.rel_attn.forward_time_attention = partial(between_events, theirs.rel_attn)
    if timed:
        nn.init.zeros_(ours.inputs.gap.weight)
        nn.init.zeros_(ours.inputs.gap.bias)
    net.transformer_layers = WithNorm(net.transformer_layers, ours.norm)
    return net, ours


MODELS: dict[str, Callable[[int, int], Pair]] = {
    "SASRec, paper": sasrec,
    "SASRec, RecTools": sasrec_of_the_code,
    "eSASRec": esasrec,
    "HSTU": partial(hstu, timed=False),
    "HSTU with times": partial(hstu, timed=True),
}


class WithNorm(nn.Module):
    """RecTools' layers with a norm after them."""

    def __init__(self, layers: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.layers, self.norm = layers, norm

    def forward(self, *arguments: Any, **keywords: Any) -> Tensor:
        """Return the normalized states."""
        return self.norm(self.layers(*arguments, **keywords))


class FromNormalized(nn.Module):
    """Our block with the residuals of RecTools' SASRec, which are those of the authors' code.

    Both sublayers are ``norm(x) + f(norm(x))``, where ours are ``x + f(norm(x))``, and keys and
    values are made of ``x``, where ours are made of ``norm(x)``.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, states: Tensor) -> Tensor:
        """Return the states after the block."""
        block = self.block
        normed = block.attention_norm(states)
        query, key, value = (
            F.linear(x, weight, bias).unflatten(-1, (block.heads, -1)).transpose(1, 2)
            for x, weight, bias in zip(
                (normed, states, states),
                block.qkv.weight.chunk(3),
                block.qkv.bias.chunk(3),
                strict=True,
            )
        )
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        states = block.feed_forward_norm(
            normed + block.output_proj(attended.transpose(1, 2).flatten(2))
        )
        return states + block.feed_forward(states)


def between_events(bias: RelativeAttentionBias, times: Tensor) -> Tensor:
    """The bias for the time between two events.

    RecTools takes the time from an event to the one after the attending event, which is the time of
    the target in training and of the request afterwards.
    """
    events = times[:, :-1]
    buckets = bias._quantization_func(events.unsqueeze(2) - events.unsqueeze(1))
    return bias.time_weights[buckets.clamp(max=bias.num_buckets)]


def take(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy a layer's weights, and the epsilon of a norm."""
    ours.load_state_dict(theirs.state_dict())
    if isinstance(ours, nn.LayerNorm):
        ours.eps = theirs.eps


def take_attention(block: nn.Module, theirs: nn.MultiheadAttention) -> None:
    """Copy the weights of an attention."""
    block.qkv.weight.copy_(theirs.in_proj_weight)
    block.qkv.bias.copy_(theirs.in_proj_bias)
    take(block.output_proj, theirs.out_proj)


def no_epoch() -> Trainer:
    """A trainer that makes a net and leaves it as it is."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return Trainer(
        max_epochs=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def built(kind: Any, layers: int, heads: int, **more: Any) -> nn.Module:
    """RecTools' net of a model that was trained for no epoch, with random weights."""
    item = np.arange(1, ITEMS + 1)
    events = pd.DataFrame(
        {
            Columns.User: (item - 1) // 2,
            Columns.Item: item,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(item, unit="s"),
        }
    )
    model = kind(
        n_factors=DIM,
        n_blocks=layers,
        n_heads=heads,
        session_max_len=WINDOW,
        get_trainer_func=no_epoch,
        **more,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.enable_grad():
            model.fit(Dataset.construct(events))
    for weight in model.torch_model.parameters():
        nn.init.normal_(weight, std=0.5)
    return model.torch_model.eval()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """What is built within has this type, constants that RecTools makes in ``forward`` too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def outputs(net: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What our model reads, padded on the right, and RecTools' output after each event.

    Returns:
        inputs (B, T, D), mask (B, T), gaps (B, T), outputs of the real events (N, D); one history
        of each length.
    """
    length = torch.arange(1, WINDOW + 1)
    times = torch.randint(1, 10**6, (WINDOW, WINDOW + 1)).cumsum(1)
    times[:, 3] = times[:, 2]  # of one second
    left = torch.arange(WINDOW) >= WINDOW - length.unsqueeze(1)
    ids = torch.randint(1, ITEMS + 1, (WINDOW, WINDOW)) * left
    items = net.item_model.get_all_embeddings()
    theirs = net.encode_sessions({"x": ids, "unix_ts": times}, items)[left]

    right = left.flip(1)
    inputs = torch.zeros(WINDOW, WINDOW, items.shape[1])
    inputs[right] = net.pos_encoding_layer(items[ids])[left]
    gap = torch.full((WINDOW, WINDOW), -1.0)  # unknown before the first event
    gap[right & (torch.arange(WINDOW) > 0)] = (times[:, 1:-1] - times[:, :-2]).to(gap.dtype)[
        left[:, :-1]
    ]
    return inputs, right, gap, theirs


def difference(net: nn.Module, ours: nn.Module) -> float:
    """The largest difference of two outputs, over all events of histories of each length."""
    inputs, mask, gap, theirs = outputs(net)
    return float((ours.eval()(inputs, mask, gap)[mask] - theirs).abs().max())


@torch.no_grad()
def measured(name: str, layers: int, heads: int, dtype: torch.dtype) -> float:
    """The difference of one model in one precision."""
    torch.manual_seed(0)
    with default_dtype(dtype):
        return difference(*MODELS[name](layers, heads))


def main() -> int:
    """Print a table; return 1 if a difference exceeds its tolerance."""
    exceeded = False
    print("| model | layers | heads | float64 | float32 |")
    print("| --- | --- | --- | --- | --- |")
    for name in MODELS:
        for layers, heads in SIZES:
            found = {dtype: measured(name, layers, heads, dtype) for dtype in TOLERANCE}
            print(
                f"| {name} | {layers} | {heads} | "
                + " | ".join(f"{value:.1e}" for value in found.values())
                + " |"
            )
            # A difference that is not a number exceeds its tolerance, too.
            exceeded |= not all(value <= TOLERANCE[dtype] for dtype, value in found.items())
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())

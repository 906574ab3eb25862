"""Training that starts from the kept states of frozen lower layers."""

import logging
from typing import cast

from torch import nn

from mmrec.data import RawSource
from mmrec.encoders import LayeredEncoder, RawEncoder, StateStore
from mmrec.encoders.lower import why_whole
from mmrec.encoders.protocol import has_layers
from mmrec.encoders.state_store import TooLargeError
from mmrec.recommender.content.modality import Context, KeptStates

log = logging.getLogger(__name__)


def keep_states(
    name: str, encoder: RawEncoder, source: RawSource, context: Context, *, changes: bool = False
) -> KeptStates | None:
    """Run the frozen layers of an encoder over a catalogue, if they can be left out of training.

    One line says what is kept, or why nothing is.

    Args:
        name: of the modality.
        encoder: an encoder with the tuning "last-N".
        source: its raw values.
        context: says whether states are kept, where, and on which device the layers run.
        changes: whether training changes values at random, as it does with images. Then states are
            kept only if the context states a type of numbers: without these changes.

    Returns:
        The source of the states, with the values that have some, and why others have none, by row;
        None if each step runs the whole encoder.
    """
    how = context.hidden_cache
    if how == "off":
        return None
    level = logging.INFO if how == "auto" else logging.WARNING
    why = _why_whole(encoder, changes and how == "auto")
    if why is None:
        try:
            return _kept(name, encoder, source, context, changes)
        except TooLargeError as error:
            why, level = str(error), logging.WARNING
    log.log(level, "modality %r: each step runs the frozen layers: %s", name, why)
    return None


def _why_whole(encoder: RawEncoder, changes: bool) -> str | None:
    if changes:
        return "training changes its images at random"
    if not has_layers(encoder):
        return f"{type(encoder).__name__} has no method lower"
    return why_whole(encoder)


def _kept(
    name: str, encoder: RawEncoder, source: RawSource, context: Context, changes: bool
) -> KeptStates:
    module = cast(nn.Module, encoder)
    device = next(module.parameters()).device
    try:
        layered = cast(LayeredEncoder, module.to(context.device))
        store = StateStore(layered, context.cache, half=context.hidden_cache == "float16")
        states, problems = store.encode(source.values, progress=context.progress)
    finally:
        module.to(device)
    log.info(
        "modality %r: training starts from the output of frozen layers, %.2f GB of %s in %s%s",
        name,
        states.nbytes / 1e9,
        store.dtype,
        store.folder or "memory",
        ", without random changes of its images" if changes else "",
    )
    here = source.present[1:]
    rows = [i if has and i not in problems else None for i, has in enumerate(here)]
    return RawSource(rows, states), problems

"""Training that starts from the kept states of frozen lower layers."""

import logging

from mmrec.data import RawSource
from mmrec.encoders import LayeredEncoder, RawEncoder, StateStore
from mmrec.encoders.lower import why_whole
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
    if changes and how == "auto":
        return _whole(name, logging.INFO, "training changes its images at random")
    if not isinstance(encoder, LayeredEncoder):
        return _whole(name, logging.INFO, f"{type(encoder).__name__} has no method lower")
    if (why := why_whole(encoder)) is not None:
        return _whole(name, logging.INFO if how == "auto" else logging.WARNING, why)
    device = next(encoder.parameters()).device
    try:
        store = StateStore(encoder.to(context.device), context.cache, half=how == "float16")
        states, problems = store.encode(source.values, progress=context.progress)
    except TooLargeError as error:
        return _whole(name, logging.WARNING, str(error))
    finally:
        encoder.to(device)
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


def _whole(name: str, level: int, why: str) -> None:
    log.log(level, "modality %r: each step runs the frozen layers: %s", name, why)

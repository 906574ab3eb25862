"""Counts of events that were counted already."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

from mmrec.affinities.counted import COUNTED, continued
from mmrec.affinities.protocol import Counted
from mmrec.data import Sequences

ROOM = 2**29
"""Bytes of counts that are remembered at most."""

Remembered = OrderedDict[tuple[object, ...], Counted]
_remembered: ContextVar[Remembered | None] = ContextVar("remembered", default=None)


@contextmanager
def counting_once() -> Iterator[None]:
    """Within it, :func:`counted_in` counts the same events once."""
    token = _remembered.set(OrderedDict())
    try:
        yield
    finally:
        _remembered.reset(token)


def counted_in(
    kind: str,
    events: Sequences,
    catalog_size: int,
    negative_types: tuple[int, ...] = (),
    before: Counted | None = None,
) -> Counted:
    """Return an affinity of weight 1, counted in events.

    Args:
        kind: one of :data:`mmrec.affinities.COUNTED`.
        events: the events.
        catalog_size: V.
        negative_types: event types whose items are passed over in histories.
        before: earlier counts that go on with these events.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> with counting_once():
        ...     counted_in("unseen", events, 3) is counted_in("unseen", events, 3)
        True
    """
    kept = _remembered.get()
    # An entry holds the tensor whose identity is in its key.
    start = None if before is None else id(before.tensors()["totals"])
    key = (kind, _fingerprint(events), catalog_size, negative_types, start)
    if kept is not None and key in kept:
        kept.move_to_end(key)
        return kept[key]
    if before is None:
        made = COUNTED[kind].of(events, catalog_size, negative_types)
    else:
        made = continued(before, events, catalog_size).weighted(1.0)
    made = made.updated(None if before is None else before.updated(None))
    if kept is not None:
        kept[key] = made
        while sum(map(_bytes, kept.values())) > ROOM:
            kept.popitem(last=False)
    return made


def _fingerprint(events: Sequences) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in (events.offsets, events.item, events.time):
        digest.update(array.tobytes())
    return digest.digest()


def _bytes(counted: Counted) -> int:
    held = sum(value.nbytes for value in vars(counted).values() if isinstance(value, Tensor))
    return held + (0 if counted.before is None else _bytes(counted.before))

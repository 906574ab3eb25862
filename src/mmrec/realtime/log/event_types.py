"""Types under which live events count, given the columns that conditions read."""

from collections.abc import Iterable, Mapping
from typing import Any

from mmrec.data import EventReader
from mmrec.realtime.log.event_values import plain_values
from mmrec.realtime.log.events import LONGEST

Given = tuple[str, Mapping[str, Any]]
"""Type and ``values`` of an event, as they were sent."""


def types_of(events: Iterable[Given], reader: EventReader) -> list[str | ValueError]:
    """Return the type under which each event counts, or why the event is refused.

    It is refused if no condition reads one of its values, a value can't be compared with its
    condition, a text among them has more than 1,000 characters, it has no type and events of
    several types were in training, or its type is too long with its role.

    Example:
        >>> from mmrec.data import EventRules
        >>> reader = EventReader(EventRules(negative=("watched < 0.3",)), ("view", "view:negative"))
        >>> types_of([("view", {"watched": 0.1}), ("view", {})], reader)
        ['view:negative', 'view']
    """
    given = [_checked(*event, reader) for event in events]
    with_values = [one for one in given if not isinstance(one, ValueError) and one[1]]
    resolved = iter(reader.rules.resolve_all(with_values))
    types: list[str | ValueError] = []
    for one in given:
        if isinstance(one, ValueError):
            types.append(one)
        else:
            event_type, values = one
            types.append(_not_too_long(event_type, next(resolved)) if values else event_type)
    return types


def _checked(event_type: str, values: Mapping[str, Any], reader: EventReader) -> Given | ValueError:
    """Return an event whose values are all read, with the only type if it has none."""
    columns = reader.rules.columns
    if unread := sorted(map(str, set(values) - columns)):
        some = f"columns among {sorted(columns)}, which the" if columns else "none: no"
        return ValueError(f"values: expected {some} rules of the RUN read; got {unread!s:.200}")
    try:
        plain_values(values)
        return (reader.typed(event_type) if values else event_type), values
    except ValueError as error:
        return error


def _not_too_long(event_type: str, kind: str | ValueError) -> str | ValueError:
    """Return the type of an event, or an error if no log can store it."""
    if isinstance(kind, ValueError) or not len(kind) > LONGEST >= len(event_type):
        return kind
    role = kind[len(event_type) :]
    return ValueError(
        f"event_type: expected at most {LONGEST - len(role)} characters, since the role {role!r} "
        f"follows; got {len(event_type)}"
    )

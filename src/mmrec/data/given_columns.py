"""The option ``--columns`` in messages: new names, behind those that were given already."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from shlex import quote

_GIVEN: ContextVar[Mapping[str, str]] = ContextVar("given")


@contextmanager
def columns_given(columns: Mapping[str, str] | None) -> Iterator[None]:
    """Let messages of the block repeat the names of columns that were given.

    Args:
        columns: our names of columns by theirs.
    """
    token = _GIVEN.set(columns or {})
    try:
        yield
    finally:
        _GIVEN.reset(token)


def renamed(name: str, known: Collection[str]) -> str:
    """Return which known name a column was given, to follow its own one; empty if none was.

    Example:
        >>> with columns_given({"topic": "category"}):
        ...     renamed("topic", ["item_id", "category"])
        " (it was renamed: here it is 'category')"
    """
    ours = _GIVEN.get({}).get(name)
    return f" (it was renamed: here it is {ours!r})" if ours is not None and ours in known else ""


def as_columns_option(new: Mapping[str, str]) -> str:
    """Return ``--columns`` with new names behind those that were given, by the names in tables.

    Args:
        new: new names by the present ones.

    Example:
        >>> with columns_given({"wer": "user_id", "name": "titel"}):
        ...     as_columns_option({"titel": "title", "item": "item_id"})
        '--columns wer=user_id,name=title,item=item_id'
    """
    given = _GIVEN.get({})
    theirs = {ours: old for old, ours in given.items()}
    pairs = {**given, **{theirs.get(name, name): ours for name, ours in new.items()}}
    return f"--columns {quote(','.join(f'{old}={ours}' for old, ours in pairs.items()))}"

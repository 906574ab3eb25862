"""Words of messages: counts with their nouns, verbs that agree, and what a name may mean."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache


def counted(number: int, what: str) -> str:
    """Return a number with a noun in the right form.

    Example:
        >>> counted(1, "item"), counted(2_000, "item"), counted(2, "category")
        ('1 item', '2,000 items', '2 categories')
    """
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what[:-1]}ies" if what.endswith("ory") else f"{number:,} {what}s"


def verb(number: int, one: str, many: str) -> str:
    """Return the form of a verb for a number of things.

    Example:
        >>> f"{counted(1, 'event')} {verb(1, 'is', 'are')} late"
        '1 event is late'
    """
    return one if number == 1 else many


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    Example:
        >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
        ('a', 'a and b', 'a, b and c')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return which known name may be meant, to follow a name in a message; empty if none is near.

    Upper and lower case are the same.

    Example:
        >>> did_you_mean("Purchse", ["view", "purchase"])
        " (did you mean 'purchase'?)"
        >>> did_you_mean("rain", ["view", "purchase"])
        ''
    """
    near = _nearest(name.lower(), tuple(known))
    return "" if near is None else f" (did you mean {near!r}?)"


@lru_cache(1024)  # a live log may have the same unknown type in each event
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    folded = {one.lower(): one for one in known}
    near = get_close_matches(name, folded, n=1)
    return folded[near[0]] if near else None

"""Words of messages: counts with their nouns, verbs that agree, and what a name may mean."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import floor, log10


def counted(number: int, what: str) -> str:
    """Return a number with a noun in the right form.

    Example:
        >>> counted(1, "item"), counted(2_000, "item"), counted(2, "category")
        ('1 item', '2,000 items', '2 categories')
    """
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what[:-1]}ies" if what.endswith("ory") else f"{number:,} {what}s"


_UNITS = {"day": 86_400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}


def duration(seconds: float) -> str:
    """Return a time in the largest unit of which it is one or more.

    Example:
        >>> duration(604_800.0), duration(5400.0), duration(60.0), duration(0.5)
        ('7 days', '1.5 hours', '1 minute', '0.5 seconds')
    """
    # Rounded first, so that what is nearly an hour isn't 60 minutes.
    unit = next((u for u, size in _UNITS.items() if round(seconds / size, 1) >= 1), "second")
    number = f"{seconds / _UNITS[unit]:,.1f}".removesuffix(".0")
    return f"{number} {unit}{'' if number == '1' else 's'}"


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


def shortened(text: str) -> str:
    """Return the first line of a text, cut after 200 characters.

    Example:
        >>> shortened("a" * 300)[198:]
        'aa…'
    """
    line = (text.splitlines() or [""])[0]
    return line if len(line) <= 200 else line[:200] + "…"


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


def some_meant(names: Iterable[str], known: Iterable[str]) -> str:
    """Return which known names several may mean, as :func:`did_you_mean` does for one.

    Example:
        >>> some_meant(["titel", "colour", "x"], ["title", "color", "brand"])
        " (did you mean 'title', 'color'?)"
        >>> some_meant(["x"], ["title"])
        ''
    """
    known = tuple(known)
    near = dict.fromkeys(_nearest(name.lower(), known) for name in names)
    meant = [repr(name) for name in near if name is not None]
    return f" (did you mean {', '.join(meant)}?)" if meant else ""


@lru_cache(1024)  # a live log may have the same unknown type in each event
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    folded = {one.lower(): one for one in known}
    near = get_close_matches(name, folded, n=1)
    return folded[near[0]] if near else None


def gain_said(gain: float, error: float) -> str:
    """Return a gain and its standard error, with two significant digits of the error.

    There are four decimals or more.

    Example:
        >>> gain_said(0.0123, 0.0045), gain_said(2.6e-05, 2.61e-05), gain_said(-0.1, 0.0)
        ('+0.0123 ± 0.0045', '+0.000026 ± 0.000026', '-0.1000 ± 0.0000')
    """
    digits = 4 if error <= 0 else max(4, 1 - floor(log10(error)))
    return f"{gain:+.{digits}f} ± {error:.{digits}f}"

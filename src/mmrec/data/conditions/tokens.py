"""The words of a condition, and errors that show a place in it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mmrec.data.conditions.nodes import KEYWORDS, UNITS

LONGEST = 10_000
"""Characters of a condition, at most."""

AROUND = 40
"""Characters that an error shows on each side of its place."""

# Each alternative takes linear time, and no text is tried twice.
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>D{4}-DD-DD(?:TDD:DD(?::DD(?:\.D{1,6})?)?(?:Z|[+-]DD:DD)?)?)(?!\w)
    | (?P<number>(?:D+(?:\.D*)?|\.D+)(?:[eE][+-]?D+)?)(?P<unit>[^\W\d]\w*)?
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>`(?:[^`\\]|\\.)*`)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign><=|>=|==|!=|[=<>+\-*/(),\[\]])
    | (?P<end>\Z)
    )""".replace("D", "[0-9]"),
    re.VERBOSE | re.DOTALL,
)

_SIGNED = re.compile(r"(?<![\w.])\w[\w.]*([+*/-])[\w.+*/-]*(?<=\w)")


class Token(NamedTuple):
    """A word of a condition.

    Attributes:
        kind: ``"time"``, ``"number"``, ``"text"``, ``"name"``, ``"word"``, ``"keyword"``,
            ``"sign"`` or ``"end"``.
        value: what was written; a text or name without its quotes, a keyword in lower case.
        at: its place in the text.
        unit: of a number that is a span of time.
    """

    kind: str
    value: str
    at: int
    unit: str = ""

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else shortened(self.value + self.unit)


def tokens_of(text: str) -> Iterator[Token]:
    """Return the words of a condition, the last of the kind ``"end"``.

    Raises:
        ValueError: the text is too long, or something in it is no word.

    Example:
        >>> [token.value for token in tokens_of("price<20")]
        ['price', '<', '20', '']
    """
    if len(text) > LONGEST:
        raise ValueError(f"a condition must have {LONGEST:,} characters at most; got {len(text):,}")
    place, kind = 0, ""
    while kind != "end":
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise _not_a_word(text, place)
        kind = "number" if found["number"] else found.lastgroup
        value, at, place = found[kind], found.start(kind), found.end()
        unit = found["unit"] or ""
        if unit and unit not in UNITS:
            advice = f"a unit must be one of {', '.join(UNITS)}, and a text needs quotes"
            got = f"{advice}; got {shortened(value + unit)}{unquoted(text, at)}"
            raise ValueError(misread(got, text, at))
        if kind in ("text", "name"):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        if kind == "word" and value.lower() in KEYWORDS:
            yield Token("keyword", value.lower(), at)
        else:
            yield Token(kind, value, at, unit)


def shortened(text: str) -> str:
    """Return a text in quotes, cut if it is long."""
    return repr(text if len(text) <= AROUND else text[:AROUND] + "…")


def unquoted(text: str, at: int | None) -> str:
    """Return advice on a text that has a sign and no quotes, to follow a reason; empty if none.

    Args:
        text: the condition.
        at: the place of the sign, or where a word of the text begins.

    Example:
        >>> unquoted("item_id = NEW-1", 13), unquoted("price = cost - 1", 13)
        ('; a text with - needs quotes: "NEW-1"', '')
    """
    for found in _SIGNED.finditer(text):
        if at is not None and found.start() <= at < found.end():
            return f'; a text with {found[1]} needs quotes: "{found[0]}"'
    return ""


def misread(reason: str, text: str, at: int | None) -> str:
    """Return the message of an error: the reason, and the text with the place marked.

    Example:
        >>> misread("expected a value; got ')'", "price < )", 8)
        "the condition can't be used: expected a value; got ')': price < [here])"
    """
    if at is None:
        return f"the condition can't be used: {reason}"
    start, stop = max(at - AROUND, 0), at + AROUND
    before = ("…" if start else "") + text[start:at]
    after = text[at:stop] + ("…" if stop < len(text) else "")
    return f"the condition can't be used: {reason}: {before}[here]{after}"


def _not_a_word(text: str, place: int) -> ValueError:
    at = place + len(text[place:]) - len(text[place:].lstrip())
    if text[at] in "\"'`":
        return ValueError(misread(f"the quote {text[at]} is not closed", text, at))
    return ValueError(misread(f"{text[at]!r} has no meaning here; a text needs quotes", text, at))

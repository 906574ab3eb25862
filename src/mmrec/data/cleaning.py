"""Raw texts made plain: no markup, no entities, no invisible characters."""

import html
import re
import unicodedata
from html.entities import html5

# html.parser needs minutes for 100,000 characters of '<a ' (it rescans to the end for every '<').
# Here an attempt at a tag never looks past the next '<', and what is left open (a comment, a
# script) swallows the rest, as in a browser: every character is read a bounded number of times.
_ATTRIBUTES = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*'|["'])*+"""
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<(?P<raw>script|style)\b{_ATTRIBUTES}>.*?(?:</(?P=raw)\s*>|\Z)"
    rf"|</?(?P<tag>[a-z][^\s<>/\"']*+){_ATTRIBUTES}>"
    r"|<![a-z\[][^<>]*>|<\?[a-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_INLINE = re.compile(
    r"a|abbr|b|bd[io]|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span"
    r"|strike|strong|su[bp]|time|tt|u|var|wbr",
    re.IGNORECASE,
)  # stand inside a word; any other tag parts words
_PASSES = 6  # markup inside entities inside markup …: real pages nest twice
_MARKS = 30  # combining marks on one letter (Unicode's Stream-Safe format); NFC sorts them slowly
_BACK = 40  # characters given up to end on a whole word


def clean_text(raw: str | float | int | None, max_chars: int = 10_000) -> str:
    """Make a raw text plain: no markup, no entities, no invisible characters, single spaces.

    Works on any language and in linear time; cleaning twice changes nothing. Markup hidden in
    entities (``&lt;b&gt;``) is markup too; a ``<`` that opens no tag stays.

    Args:
        raw: Text as it came; None and NaN are no text, another number is its digits.
        max_chars: Longest result; a longer text ends on a whole word where there is one.

    Raises:
        ValueError: If max_chars is not positive.

    >>> clean_text("<p>Caf\u00e9 &amp; bar</p><p>3 < 4</p>")
    'Café & bar 3 < 4'
    """
    if max_chars < 1:
        raise ValueError(f"max_chars is at least 1; got {max_chars}")
    if raw is None or raw != raw:
        return ""
    text = str(raw)
    for _ in range(_PASSES):
        before, text = text, _spaces(_decode(_MARKUP.sub(_unmark, _normalise(text))))
        if text == before:
            break
    else:  # nested deeper than any page: no tag and no entity without these two
        text = _spaces(_normalise(text.replace("<", " ").replace("&", " ")))
    return _truncate(text, max_chars)


def _unmark(match: re.Match[str]) -> str:
    tag = match["tag"]
    return "" if tag is not None and _INLINE.fullmatch(tag) else " "


def _decode(text: str) -> str:
    if "&" not in text:
        return text
    # Only with the semicolon: '?a=1&copy=2' is not a copyright sign.
    return _ENTITY.sub(
        lambda m: html.unescape(m[0]) if m[0][1] == "#" else html5.get(m[0][1:], m[0]), text
    )


def _spaces(text: str) -> str:
    return " ".join(text.split())


def _normalise(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _visible(unicodedata.normalize("NFC", _visible(text)))  # NFC may add marks


def _visible(text: str) -> str:
    """Without control, format (zero-width, direction) and surrogate characters, heaped marks."""
    kept: list[str] = []
    marks = 0
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cf", "Cs") and not char.isspace():
            continue
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MARKS:
            kept.append(char)
    return "".join(kept)


def _truncate(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    end = max_chars
    while end > max_chars - _MARKS - 1 and end > 1 and unicodedata.combining(text[end]):
        end -= 1  # an accent stays with its letter
    # Chinese, Japanese and Korean (wide characters) may be cut anywhere.
    inside_word = text[end - 1].isalnum() and text[end].isalnum()
    if inside_word and unicodedata.east_asian_width(text[end - 1]) not in ("W", "F"):
        space = text.rfind(" ", max(end - _BACK, 1), end)
        end = space if space > 0 else end
    return text[:end].rstrip()

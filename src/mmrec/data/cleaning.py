"""Cleaning of raw texts: removes markup, entities and invisible characters."""

import html
import re
import unicodedata
from html.entities import html5

# html.parser needs minutes for 100,000 characters of '<a ': it scans to the end for every '<'.
# Here matching a tag stops at the next '<', and an unclosed comment or script matches all of the
# rest, as in a browser. So every character is read a bounded number of times.
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
)  # may stand inside a word; any other tag separates words
_PASSES = 6  # entities may hide markup, which may hide entities; real pages nest twice
_MARKS = 30  # combining marks per letter, as in Unicode's Stream-Safe format; NFC is slow on many
_BACK = 40  # characters that may be cut off to end on a whole word


def clean_text(raw: str | float | int | None, max_chars: int = 10_000) -> str:
    """Return a text without markup, entities and invisible characters, with single spaces.

    It handles any language in linear time; cleaning twice changes nothing. Markup that is written
    as entities (``&lt;b&gt;``) is removed too. A ``<`` that opens no tag stays.

    Args:
        raw: raw text, or a number; None and NaN give an empty text.
        max_chars: longest result; a longer text is cut after a whole word if possible.

    Raises:
        ValueError: ``max_chars`` is below 1.

    Example:
        >>> clean_text("<p>Caf\u00e9 &amp; bar</p><p>3 < 4</p>")
        'Café & bar 3 < 4'
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be 1 or more; got {max_chars}")
    if raw is None or raw != raw:
        return ""
    text = str(raw)
    for _ in range(_PASSES):
        before, text = text, _spaces(_decode(_MARKUP.sub(_unmark, _normalise(text))))
        if text == before:
            break
    else:  # nested too deeply; without < and & there are no tags and entities
        text = _spaces(_normalise(text.replace("<", " ").replace("&", " ")))
    return _truncate(text, max_chars)


def _unmark(match: re.Match[str]) -> str:
    tag = match["tag"]
    return "" if tag is not None and _INLINE.fullmatch(tag) else " "


def _decode(text: str) -> str:
    if "&" not in text:
        return text
    # Entities must end with a semicolon: '?a=1&copy=2' is not a copyright sign.
    return _ENTITY.sub(
        lambda m: html.unescape(m[0]) if m[0][1] == "#" else html5.get(m[0][1:], m[0]), text
    )


def _spaces(text: str) -> str:
    return " ".join(text.split())


def _normalise(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _visible(unicodedata.normalize("NFC", _visible(text)))  # again, since NFC may add marks


def _visible(text: str) -> str:
    """Remove control, format (zero-width, direction) and surrogate characters, and excess marks."""
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
        end -= 1  # keep an accent with its letter
    # Chinese, Japanese and Korean (wide characters) may be cut anywhere.
    inside_word = text[end - 1].isalnum() and text[end].isalnum()
    if inside_word and unicodedata.east_asian_width(text[end - 1]) not in ("W", "F"):
        space = text.rfind(" ", max(end - _BACK, 1), end)
        end = space if space > 0 else end
    return text[:end].rstrip()

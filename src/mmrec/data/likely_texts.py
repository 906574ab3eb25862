"""Which columns hold texts, by their values: their names may be of any language."""

import re
from collections.abc import Sequence

import polars as pl

from mmrec.data.held_kinds import is_id
from mmrec.data.odd_values import SAMPLE
from mmrec.data.text import DESCRIPTIONS, TITLES

NOT_TEXTS = ("image", "images", "url", "path")
"""Names, in lower case, of columns that hold files and addresses."""

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Characters of scripts that put no spaces between words; two of them count as a word."""

_LETTERS = r"[\p{L}\p{M}]"
_ADDRESS = r"\S*(?:://|@|www\.)\S*"
_FILE = (
    r"(?i)\.(?:png|jpe?g|gif|webp|avif|bmp|tiff?|svg|pdf|mp3|mp4|webm|wav|html?|xml|json|csv|txt|md"
    r"|docx?|zip|parquet|npy)$"
)
_SLASH = r"(?:^|[^<])[/\\](?:[^>]|$)"  # not that of a tag
_WORDS_OF_A_STEP = 6  # words by slash of a path, at most; a longer text may have a slash
_AMOUNTS = r"^(?:\d[\d.,]*\s*\p{L}+\.?[\s,]*(?:\p{L}{1,3}\s+)?)+$"
_LIST = r"(?s)^[\[{(].*[\])}]$|\S\|\S"
_SEPARATORS = {",", "+"}  # no modality names a column that has one
_OF_TEMPLATES = {":", "!", "{", "}"}  # nor does a text
_ENOUGH = 30  # different words, in a column of as many values or more


def likely_texts(frame: pl.DataFrame) -> list[str]:
    """Return the columns whose values look like titles and descriptions, in their order.

    It is a guess, see :func:`looks_like_text`. Columns that are ids or files by their names are
    passed over, and those that ``--modalities`` can't name, see :func:`can_be_named`.

    Example:
        >>> titel = ["Rote Lampe", "Stuhl aus Holz", "Tisch mit Glas", "Runder Teppich"]
        >>> url = [f"https://shop.example/{n}" for n in range(4)]
        >>> likely_texts(pl.DataFrame({"titel": titel, "url": url, "farbe": ["dunkel rot"] * 4}))
        ['titel']
    """
    return [
        name
        for name in frame.columns
        if not is_id(name)
        and name.lower() not in NOT_TEXTS
        and can_be_named(name)
        and looks_like_text(frame[name])
    ]


def looks_like_text(column: pl.Series) -> bool:
    """Return whether a column holds texts in words, such as titles, rather than names of something.

    Half or more of its values have several words and more letters than other characters, half or
    more are different, and their words are too. So ids, codes, numbers, dates, durations, addresses
    and files are mostly no texts, nor are categories and lists of categories. Names of persons may
    be taken for texts.

    Example:
        >>> looks_like_text(pl.Series(["真鍮の読書灯", "木の椅子", "ガラスの机"]))
        True
        >>> looks_like_text(pl.Series(["2024-05-01 10:00", "AB-12 X", "red-brass-lamp"]))
        False
    """
    values = _values(column)
    different = values.n_unique()
    if different < 2 or 2 * different < len(values) or looks_like_paths(values):
        return False
    text = pl.col("value").str.replace_all(_ADDRESS, "")
    spaced = text.str.replace_all(_UNSPACED, " ")
    words = text.str.count_matches(_UNSPACED + "{2}")
    words += spaced.str.count_matches(rf"\S*{_LETTERS}{{2}}\S*")
    letters, all_ = (text.str.count_matches(some) for some in (_LETTERS, r"\S"))
    named = pl.any_horizontal(pl.col("value").str.contains(some) for some in (_LIST, _AMOUNTS))
    fits = (words >= 2) & (2 * letters >= all_) & ~named
    return bool(values.to_frame().select(2 * fits.sum() >= pl.len()).item()) and _vary(values)


def looks_like_paths(column: pl.Series) -> bool:
    """Return whether half or more of the values end as files do, or nearly all are paths.

    Example:
        >>> looks_like_paths(pl.Series(["/srv/my files/red lamp", "/srv/my files/chair"]))
        True
        >>> looks_like_paths(pl.Series(["A lamp of 220 V / 50 Hz", "<b>A chair</b> of wood"]))
        False
    """
    values = _values(column)
    text = pl.col("value").str.replace_all(_ADDRESS, "")
    slashes, words = text.str.count_matches(_SLASH), text.str.count_matches(_LETTERS + "{2,}")
    path = (slashes > 0) & (words <= _WORDS_OF_A_STEP * slashes)
    ends = pl.col("value").str.contains(_FILE)
    found = (2 * ends.sum() >= pl.len()) | (10 * (path | ends).sum() >= 9 * pl.len())
    return len(values) > 0 and bool(values.to_frame().select(found).item())


def _values(column: pl.Series) -> pl.Series:
    """Return texts that are not empty, of some rows if there are many; none of other columns."""
    if column.dtype != pl.String:
        return pl.Series("value", [], dtype=pl.String)
    values = column.gather_every(max(len(column) // SAMPLE, 1)).str.strip_chars()
    return values.filter((values != "").fill_null(False)).alias("value")


def _vary(values: pl.Series) -> bool:
    """Return whether values have many words, unlike ``"Friday 5 May"`` or ``"Drama, Crime"``."""
    found = values.str.to_lowercase().str.extract_all(_LETTERS + "{2,}").explode()
    return found.n_unique() >= min(values.n_unique() / 2, _ENOUGH)


def as_titles(frame: pl.DataFrame, texts: Sequence[str]) -> dict[str, str]:
    """Return the names that ``--columns`` may give to texts: ``title`` and ``description``.

    The shortest texts are titles, and the longest descriptions. A name is given only if no column
    has it, or another one that is read as the same.

    Example:
        >>> frame = pl.DataFrame({"titel": ["Rote Lampe"], "inhalt": ["Sie leuchtet im Flur."]})
        >>> as_titles(frame, ["titel", "inhalt"])
        {'titel': 'title', 'inhalt': 'description'}
        >>> as_titles(frame.rename({"titel": "name"}), ["inhalt"])
        {'inhalt': 'description'}
    """
    there = {name.lower() for name in frame.columns}
    lengths = [float(str(frame[name].str.len_chars().mean() or 0.0)) for name in texts]
    left = [name for _, name in sorted(zip(lengths, texts, strict=True), key=lambda pair: pair[0])]
    new = {}
    if left and there.isdisjoint(TITLES):
        new[left.pop(0)] = TITLES[0]
    if left and there.isdisjoint(DESCRIPTIONS):
        new[left.pop()] = DESCRIPTIONS[0]
    return new


def as_modality(columns: Sequence[str], kind: str = "text") -> str:
    """Return the modality of columns, as ``--modalities`` takes it, see :func:`can_be_named`.

    Example:
        >>> as_modality(["titel", "beschreibung"]), as_modality(["item.titel"])
        ('text:titel+beschreibung', 'text=text:item.titel')
        >>> as_modality(["preis.netto"], "number")
        'preis_netto=number:preis.netto'
    """
    written = f"{kind}:{'+'.join(columns)}"
    if "." not in written:
        return written
    name = kind if kind == "text" else re.sub(r"[.:=]", "_", "_".join(columns))
    return f"{name}={written}"


def can_be_named(column: str, kind: str = "text") -> bool:
    """Return whether ``--modalities`` can name a column as it is.

    Spaces around a name would be cut, and ``,``, ``+`` and, in a text, ``:``, ``!`` and braces mean
    something else. Vectors whose name ends as a file's are read from a file.

    Example:
        >>> can_be_named("titel"), can_be_named(" titel"), can_be_named("a:b")
        (True, False, False)
        >>> can_be_named("a:b", "category")
        True
    """
    special = _SEPARATORS | (_OF_TEMPLATES if kind == "text" else set())
    if kind == "vectors" and column.lower().endswith((".parquet", ".npy")):
        return False
    return column == column.strip() != "" and not set(column) & special

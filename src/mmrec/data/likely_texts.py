"""Which columns hold texts, by their values: their names may be of any language."""

from collections.abc import Sequence

import polars as pl

from mmrec.data.held_kinds import is_id
from mmrec.data.odd_values import SAMPLE

NOT_TEXTS = ("image", "images", "url", "path")
"""Names, in lower case, of columns that hold files and addresses."""

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Characters of scripts that put no spaces between words; two of them count as a word."""

_LETTERS = r"[\p{L}\p{M}]"
_ADDRESS = r"\S*(?:://|@|www\.)\S*"
_FILE = r"(?i)\.(?:png|jpe?g|gif|webp|avif|bmp|tiff?|svg|pdf|mp3|mp4|webm|wav)$"
_LIST = r"(?s)^[\[{(].*[\])}]$|\S\|\S"
_SEPARATORS = {",", "+"}  # no modality names a column that has one
_ENOUGH = 30  # different words, in a column of as many values or more


def likely_texts(frame: pl.DataFrame) -> list[str]:
    """Return the columns whose values look like titles and descriptions, in their order.

    It is a guess, see :func:`looks_like_text`. Columns that are ids or files by their names are
    passed over, and those whose names have the separators of ``--modalities``.

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
        and not set(name) & _SEPARATORS
        and looks_like_text(frame[name])
    ]


def looks_like_text(column: pl.Series) -> bool:
    """Return whether a column holds texts in words, such as titles, rather than names of something.

    Half or more of its values have several words and more letters than other characters, half or
    more are different, and their words are too. So ids, codes, numbers, dates, addresses, files,
    categories and lists of categories are no texts. Names of persons may be taken for texts.

    Example:
        >>> looks_like_text(pl.Series(["真鍮の読書灯", "木の椅子", "ガラスの机"]))
        True
        >>> looks_like_text(pl.Series(["2024-05-01 10:00", "AB-12 X", "red-brass-lamp"]))
        False
    """
    if column.dtype != pl.String:
        return False
    values = column.gather_every(max(len(column) // SAMPLE, 1)).str.strip_chars()
    values = values.filter((values != "").fill_null(False)).alias("value")
    different = values.n_unique()
    if different < 2 or 2 * different < len(values):
        return False
    text = pl.col("value").str.replace_all(_ADDRESS, "")
    spaced = text.str.replace_all(_UNSPACED, " ")
    words = text.str.count_matches(_UNSPACED + "{2}")
    words += spaced.str.count_matches(rf"\S*{_LETTERS}{{2}}\S*")
    letters, all_ = (text.str.count_matches(some) for some in (_LETTERS, r"\S"))
    named = pl.col("value").str.contains(_FILE) | pl.col("value").str.contains(_LIST)
    fits = (words >= 2) & (2 * letters >= all_) & ~named
    return bool(values.to_frame().select(2 * fits.sum() >= pl.len()).item()) and _vary(values)


def _vary(values: pl.Series) -> bool:
    """Return whether values have many words, unlike ``"Friday 5 May"`` or ``"Drama, Crime"``."""
    found = values.str.to_lowercase().str.extract_all(_LETTERS + "{2,}").explode()
    return found.n_unique() >= min(values.n_unique() / 2, _ENOUGH)


def as_modality(columns: Sequence[str]) -> str:
    """Return the text modality of columns, as ``--modalities`` takes it.

    Example:
        >>> as_modality(["titel", "beschreibung"]), as_modality(["item.titel"])
        ('text:titel+beschreibung', 'text=text:item.titel')
    """
    written = f"text:{'+'.join(columns)}"
    return f"text={written}" if "." in written else written

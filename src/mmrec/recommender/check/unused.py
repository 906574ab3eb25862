"""Columns that nothing uses, with a hint on how to use them."""

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import polars as pl

from mmrec.data.conditions.columns import Columns
from mmrec.data.event_rules import SIGNALS
from mmrec.data.given_columns import as_columns_option
from mmrec.data.held_kinds import is_id
from mmrec.data.likely_texts import as_modality, can_be_named, looks_like_paths, looks_like_text
from mmrec.data.wording import counted
from mmrec.recommender.check.finding import Finding, note
from mmrec.recommender.check.reading import Material
from mmrec.recommender.check.signals import negative_option, suggested_rules, with_duration
from mmrec.recommender.check.there import filled
from mmrec.recommender.check.used import Use, columns_in_use
from mmrec.recommender.content.written import Written
from mmrec.recommender.options import Options
from mmrec.recommender.users import choose_features

WORDS, WORDS_OF_PART, DIFFERENT_WORDS = 4.0, 1.5, 20
"""Words of a text, of each part between its commas, and of all texts of a column, on average."""

MANY = 500
"""A text column with more different values is not suggested as a category."""

SESSIONS = ("session_id", "sessionid", "session")
"""Names, in lower case, of columns of events that tell sessions apart."""

IMPRESSION = "impression_id"

COMMAS = 0.9
"""Share of texts with a decimal comma from which a column looks like numbers."""

_RULE = "A rule of events can read it"
_MEANT = ("user_id", "item_id", "event")


def find_unused(
    material: Material,
    use: Use,
    options: Options,
    columns: Mapping[str, str] | None = None,
    pictures: str | None = None,
) -> dict[str, list[dict[str, str]]]:
    """Return the columns that ``fit`` would not use, each with a hint, by table.

    Args:
        material: what could be read.
        use: what ``fit`` would use.
        options: its options.
        columns: our names of columns by theirs, as they were given.
        pictures: a column of the items that names files of the folder images.
    """
    unused: dict[str, list[dict[str, str]]] = {}
    if material.log is not None:
        taken = {*_MEANT, material.log.order, *options.event_rules.columns}
        frame = material.tables["interactions"]
        joined = material.log.frame
        if material.catalog is not None:
            joined = with_duration(joined, material.catalog.frame)
        unused["interactions"] = [
            {
                "column": name,
                "hint": _event_hint(joined, name, columns or {}, options.negative or ()),
            }
            for name in frame.columns
            if name not in taken
        ]
    if material.catalog is not None:
        frame = material.catalog.frame
        taken = {"item_id", *columns_in_use(frame, use, options)}
        unused["items"] = [
            {
                "column": name,
                "hint": _of_pictures(name) if name == pictures else _hint(frame[name], name),
            }
            for name in frame.columns
            if name not in taken
        ]
    if "users" in material.tables:
        users = material.tables["users"]
        read = {
            name for text in choose_features(users) for name in Written.read(text).columns or ()
        }
        unused["users"] = [
            {
                "column": name,
                "hint": f"--user-features 'category:{name}' or 'number:{name}' reads it.",
            }
            for name in users.columns
            if name not in read and name != "user_id"
        ]
    return {table: found for table, found in unused.items() if found}


def unused_findings(unused: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Finding]:
    """Return a note for each table with unused columns."""
    # A signal has a warning of its own.
    of_events = [one for one in unused.get("interactions", ()) if one["column"] not in SIGNALS]
    hints = {one["column"]: one["hint"] for one in of_events}
    ruled = any(hint.startswith(_RULE) for hint in hints.values())
    of_rules = ["Rules of events can read them, see --targets, --negative and --ignored."] * ruled
    others = dict.fromkeys(hint for hint in hints.values() if not hint.startswith(_RULE))
    advice = {
        "interactions": " ".join([*of_rules, *others]),
        "items": "Modalities can read them, see --modalities; and conditions, see mmrec recommend "
        "--where.",
        "users": "Features of users can read them, see --user-features.",
    }
    names = {table: [column["column"] for column in found] for table, found in unused.items()}
    names["interactions"] = [*hints]
    return [
        note(
            f"unused_columns_{table}",
            len(found),
            f"nothing uses {counted(len(found), 'column')} of the {table}: {_listed(found)}",
            advice[table],
        )
        for table, found in names.items()
        if found
    ]


def _listed(names: Sequence[Any], most: int = 12) -> str:
    more = f" and {len(names) - most} others" if len(names) > most else ""
    return ", ".join(str(name) for name in names[:most]) + more


def _event_hint(
    events: pl.DataFrame, name: str, columns: Mapping[str, str], given: Sequence[str]
) -> str:
    """Return how a column of the events can be used."""
    if name.lower() in SESSIONS:
        return (
            "Sessions are not read: a history has all events of a user. To recommend within "
            f"sessions, make each a user: {_with_sessions(name, columns)} (on the left, the names "
            "in your table)."
        )
    if name == IMPRESSION:
        return "It groups what was shown at once, for models of clicks; fit reads no impressions."
    if is_id(name):
        return "It looks like an id of something else."
    rules = suggested_rules(events, name) if name in SIGNALS else None
    if rules is None:
        return f"{_RULE}: --ignored '{name} …'."
    return f"{_RULE}: {negative_option(rules[0], given)} or --targets '{rules[1]}'."


def _with_sessions(name: str, columns: Mapping[str, str]) -> str:
    """Return the option with which each session is a user; other columns keep their names."""
    theirs = {ours: old for old, ours in columns.items()}
    changed = {theirs.get("user_id", "user_id"): "person", theirs.get(name, name): "user_id"}
    pairs = {**changed, **{old: ours for old, ours in columns.items() if old not in changed}}
    return f"--columns {quote(','.join(f'{old}={ours}' for old, ours in pairs.items()))}"


def _of_pictures(name: str) -> str:
    return f"It names files of the folder images: {as_columns_option({name: 'image'})}."


def _hint(column: pl.Series, name: str) -> str:
    """Return how a column of the items can be used; "" if nothing reads its type."""
    dtype = column.dtype
    if not filled(column).any():
        return "It is empty."
    if name == "image":
        return "The modality image reads it."
    if is_id(name):
        return "It looks like an id of something else."
    if dtype.is_numeric() or (dtype.is_temporal() and dtype != pl.Time) or _is_number(column):
        return _modality(name, "side", "number")
    if isinstance(dtype, pl.List | pl.Array):
        kind = "vectors" if dtype.inner.is_float() else "category"
        return _modality(name, kind)
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Time):
        return ""
    if looks_like_text(column):
        return _modality(name, "text")
    if Columns(column.to_frame()).holds(name) == "time":
        return "It holds times as texts; conditions can read them, see mmrec recommend --where."
    if _has_commas(column):
        return (
            "It looks like numbers with a decimal comma. With a point in its place: "
            f"{_modality(name, 'side', 'number')}"
        )
    texts = column.drop_nulls()
    different = texts.n_unique()
    few = different <= min(MANY, len(column) // 2)
    if not few and (_is_codes(column) or looks_like_paths(column)):
        each = "each item has another"
        if different < len(texts):
            each = f"{different:,} of {len(texts):,} differ"
        return (
            f"It looks like codes, addresses or files, of which {each}; a modality learns little "
            "from them."
        )
    return _modality(name, "category" if few and not _is_wordy(column) else "text")


def _modality(name: str, *kinds: str) -> str:
    """Return the modalities that read a column, or that its name stands in the way."""
    if not can_be_named(name, kinds[0]):
        some = " or ".join(kinds)
        return f"A modality, {some}, can read it under another name: {name!r} can't be typed."
    return f"A modality can read it: {' or '.join(as_modality([name], kind) for kind in kinds)}."


def _is_wordy(column: pl.Series) -> bool:
    """Return whether texts are sentences rather than names, although many items have the same."""
    texts = column.cast(pl.String).drop_nulls().str.to_lowercase()
    words = texts.str.extract_all(r"\p{L}{2,}")
    found = int(words.list.len().sum())
    parts = int(texts.str.count_matches(r"[,;|/>+]").sum()) + len(texts)
    many = words.explode().n_unique() >= DIFFERENT_WORDS
    return many and found >= WORDS * len(texts) and found >= WORDS_OF_PART * parts


def _has_commas(column: pl.Series) -> bool:
    """Return whether nearly all values are numbers with a decimal comma."""
    if column.dtype != pl.String:
        return False
    texts = column.filter(filled(column)).str.strip_chars()
    return int(texts.str.contains(r"^[+-]?\d[\d.]*,\d{1,2}(\s?\D{1,4})?$").sum()) > COMMAS * len(
        texts
    )


def _is_codes(column: pl.Series) -> bool:
    """Return whether half or more of the values have digits, ``:`` or ``@``, and no words."""
    texts = column.cast(pl.String).filter(filled(column)).str.strip_chars()
    worded = texts.str.contains(r"\s") & texts.str.contains(r"\p{L}{3}")
    codes = texts.str.contains(r"[\d:@]") & ~worded
    return 2 * int(codes.sum()) >= len(texts)


def _is_number(column: pl.Series) -> bool:
    """Return whether all texts that are not empty are numbers."""
    if column.dtype != pl.String:
        return False
    texts = column.filter(filled(column))
    return len(texts) > 0 and texts.str.strip_chars().cast(pl.Float64, strict=False).count() == len(
        texts
    )

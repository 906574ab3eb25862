"""From a table of users to modalities: those that are named, or a guess by the types of columns."""

import logging
from collections.abc import Iterable, Sequence

import polars as pl

from mmrec.data import Catalog
from mmrec.data.wording import some_meant
from mmrec.recommender.content import CategoryModality, Modality, NumberModality
from mmrec.recommender.content.written import Written

log = logging.getLogger(__name__)

KINDS = {"category": CategoryModality, "number": NumberModality}
"""The modalities that a user can have."""

FEW, MANY = 20, 100
"""Numbers with more different values than the first are no categories; nor are texts with more
than the second."""


def choose_features(
    users: pl.DataFrame, wanted: Sequence[str] | None = None
) -> dict[str, Modality]:
    """Return the modalities of a table of users, by name.

    Without names, columns with at most 100 different values, each of two users on average, are
    categories, and numbers and dates with more than 20 are numbers. One line says what is read and
    what is left out.

    Args:
        users: ``user_id`` and other columns.
        wanted: names such as ``category:gender+occupation``; by default a guess.

    Raises:
        ValueError: a name is malformed, of another kind, or twice, or a column is missing.

    Example:
        >>> table = pl.DataFrame({"user_id": [1, 2, 3, 4], "gender": ["f", "m", "f", "m"]})
        >>> list(choose_features(table))
        ['category:gender']
    """
    return _guessed(users) if wanted is None else _named(users, wanted)


def user_catalog(users: pl.DataFrame, columns: Iterable[str]) -> Catalog:
    """Return a table of users in the form that modalities read: the user's id is ``item_id``.

    Example:
        >>> table = pl.DataFrame({"user_id": ["ann"], "age": [30], "mail": ["ann@example.com"]})
        >>> user_catalog(table, ["age"]).row("ann")
        {'item_id': 'ann', 'age': 30}
    """
    kept = [name for name in dict.fromkeys(columns) if name in users.columns]
    return Catalog(users.select(pl.col("user_id").alias("item_id"), *kept))


def _named(users: pl.DataFrame, wanted: Sequence[str]) -> dict[str, Modality]:
    made: dict[str, Modality] = {}
    for text in wanted:
        written = Written.read(text)
        if written.kind not in KINDS or written.columns is None:
            raise ValueError(
                f"a feature of users must be written as category:column+column or number:column; "
                f"got {text!r}"
            )
        if written.name in made:
            raise ValueError(f"features of users must have different names; got {text!r} twice")
        missing = [name for name in written.columns if name not in _free(users)]
        if missing:
            meant = some_meant(missing, _free(users))
            raise ValueError(f"users must have the columns {missing}{meant}; got {_free(users)}")
        made[written.name] = KINDS[written.kind](written.columns)
    return made


def _guessed(users: pl.DataFrame) -> dict[str, Modality]:
    made: dict[str, Modality] = {}
    left: list[str] = []
    for name in _free(users):
        kind, why = _kind_of(users[name])
        if kind is None:
            left.append(f"{name} {why}")
        else:
            made[f"{kind}:{name.replace('.', '_')}"] = KINDS[kind](name)
    said = ", ".join(made) or "none"
    if left:
        log.warning("features of users: %s (left out: %s)", said, "; ".join(left))
    else:
        log.info("features of users: %s", said)
    return made


def _kind_of(column: pl.Series) -> tuple[str | None, str]:
    """Return the kind of a column, or None and why it is left out."""
    dtype = column.dtype
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return None, f"holds {dtype}"
    texts = column.cast(pl.String).str.strip_chars()
    texts = texts.filter((texts != "").fill_null(False))
    different = texts.n_unique()
    if different < 2:
        return None, "has the same value for all users" if different else "is empty"
    if different > FEW and (dtype in (pl.Date, pl.Datetime) or _are_numbers(texts)):
        return "number", ""
    if different <= min(MANY, len(texts) // 2):
        return "category", ""
    return None, f"has {different:,} different values"


def _are_numbers(texts: pl.Series) -> bool:
    """Return whether texts are numbers; with zeros before them, they are codes."""
    codes = texts.str.contains(r"^0\d").any()
    return not codes and texts.cast(pl.Float64, strict=False).is_not_null().all()


def _free(users: pl.DataFrame) -> list[str]:
    """Return the columns that may be features; what modalities read is found by ``item_id``."""
    return [name for name in users.columns if name not in ("user_id", "item_id", "image")]

"""What is odd about items: no content, no events, or the content of another item."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from mmrec.data import Catalog
from mmrec.data.wording import counted, verb
from mmrec.recommender.check.content import texts_of
from mmrec.recommender.check.finding import Finding, note, warning
from mmrec.recommender.content import Modality, unread_numbers
from mmrec.recommender.content.ranges import out_of_range


def item_findings(
    catalog: Catalog,
    modalities: Mapping[str, Modality],
    template: str | None,
    pictured: np.ndarray,
    met: pl.Series | None,
    read: Mapping[str, np.ndarray],
) -> list[Finding]:
    """Return what is odd about items.

    Args:
        catalog: the items.
        modalities: the modalities, of which texts are looked at.
        template: the template of texts, see :class:`mmrec.data.TextTemplate`; None to guess.
        pictured: which items have a picture, ``(V,)``.
        met: the items of the events; None if there are no events.
        read: which items each modality reads something of, ``(V,)``, by its name.
    """
    try:
        texts, columns = texts_of(catalog, modalities, template)
    except ValueError:  # a finding of its own, if text is a modality
        texts, columns = [""] * len(catalog), ()
    found = _empty(catalog, texts, pictured) + _rows_alike(catalog)
    found += _texts_alike(catalog, texts, columns)
    if met is None:
        return found
    never = ~catalog.frame["item_id"].is_in(met.unique().implode()).to_numpy()
    known = [there for name, there in read.items() if modalities[name].has_content]
    found += _unknown(catalog, never & ~np.any([np.zeros_like(never), *known], axis=0))
    return found + _never_met(catalog, never)


def number_findings(catalog: Catalog) -> list[Finding]:
    """Return which usual columns of numbers hold mostly none, see :func:`unread_numbers`."""
    return [
        warning(
            "unread_numbers",
            many,
            why,
            "Write them as plain numbers: with a point and no unit; a year, or seconds.",
        )
        for many, why in unread_numbers(catalog).values()
    ] + _out_of_range(catalog)


def _out_of_range(catalog: Catalog) -> list[Finding]:
    return [
        warning(
            "out_of_range",
            int(wrong.sum()),
            said,
            "Correct them, or leave them empty: conditions and modalities read them as they are.",
            _ids(catalog, wrong),
        )
        for wrong, said in out_of_range(catalog.frame).values()
    ]


def _empty(catalog: Catalog, texts: Sequence[str], pictured: np.ndarray) -> list[Finding]:
    empty = _is_empty(texts, pictured)
    if not empty.any():
        return []
    many = int(empty.sum())
    return [
        warning(
            "items_without_content",
            many,
            f"{counted(many, 'item')} of {len(catalog):,} {verb(many, 'has', 'have')} neither a "
            "text nor a picture",
            "Add texts or pictures; without events, such items can't be recommended sensibly.",
            _ids(catalog, empty),
        )
    ]


def _rows_alike(catalog: Catalog) -> list[Finding]:
    """Find items whose columns are all equal, except for their ids."""
    schema = catalog.frame.drop("item_id").schema
    names = [name for name, dtype in schema.items() if dtype != pl.Object]
    if not names:
        return []
    alike = catalog.frame.select(pl.struct(names).is_duplicated()).to_series()
    some = catalog.frame.select(pl.any_horizontal(pl.col(names).is_not_null())).to_series()
    alike &= some
    if not alike.any():
        return []
    return [
        warning(
            "copied_items",
            int(alike.sum()),
            f"{counted(int(alike.sum()), 'item')} of {len(catalog):,} equal another item in every "
            "column but the id",
            "If they are one item, give them one id: their events are divided among the copies.",
            _ids(catalog, alike.to_numpy()),
        )
    ]


def _texts_alike(catalog: Catalog, texts: Sequence[str], columns: Sequence[str]) -> list[Finding]:
    series = pl.Series(texts, dtype=pl.String).str.to_lowercase()
    alike = series.is_duplicated() & (series != "")
    if not alike.any():
        return []
    return [
        note(
            "texts_alike",
            int(alike.sum()),
            f"{counted(int(alike.sum()), 'item')} of {len(catalog):,} have the text of another "
            f"item ({', '.join(columns)})",
            "A text model can't tell them apart; more columns in --text-template may.",
            _ids(catalog, alike.to_numpy()),
        )
    ]


def _is_empty(texts: Sequence[str], pictured: np.ndarray) -> np.ndarray:
    empty: np.ndarray = ~(np.array([bool(text) for text in texts], dtype=bool) | pictured)
    return empty


def _unknown(catalog: Catalog, unknown: np.ndarray) -> list[Finding]:
    """Find items of which nothing is known."""
    if not unknown.any():
        return []
    many = int(unknown.sum())
    return [
        warning(
            "items_of_nothing",
            many,
            f"{counted(many, 'item')} of {len(catalog):,} {verb(many, 'has', 'have')} neither "
            "content nor events",
            "All of them get one score, so no list has them. Add texts or pictures.",
            _ids(catalog, unknown),
        )
    ]


def _never_met(catalog: Catalog, never: np.ndarray) -> list[Finding]:
    if not never.any():
        return []
    many = int(never.sum())
    return [
        note(
            "items_never_met",
            many,
            f"{counted(many, 'item')} of {len(catalog):,} {verb(many, 'occurs', 'occur')} in no "
            "event",
            "They are recommended by their content alone.",
            _ids(catalog, never),
        )
    ]


def _ids(catalog: Catalog, mask: np.ndarray) -> list[str | int]:
    return catalog.ids_of((np.flatnonzero(mask)[:3] + 1).tolist())

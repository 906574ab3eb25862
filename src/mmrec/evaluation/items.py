"""What a report knows of the items beside who met them: words, categories, content."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.data import Catalog, TextTemplate
from mmrec.evaluation.words import word_vectors

CATEGORIES = ("category", "categories", "genres", "genre")
"""Columns that say what kind an item is, in the order in which they are looked for."""

MOST = 500
"""Of more different values a column is no category."""


@dataclass(frozen=True)
class ItemFacts:
    """What is known of every catalogue index; what is not is None or left out.

    Attributes:
        vectors: say which items are alike, ``(V + 1, D)``.
        categories: the share of each category in an item, ``(V + 1, C)``.
        has: which indices have a modality, such as ``"image"``, ``(V + 1,)``.
    """

    vectors: Float[Tensor, "V1 D"] | None = None
    categories: Float[np.ndarray, "V1 C"] | None = None
    has: Mapping[str, Bool[np.ndarray, " V1"]] = field(default_factory=dict)


def facts_of(catalog: Catalog) -> ItemFacts:
    """Return what a catalogue's columns say.

    Vectors are of the words of the texts (:func:`mmrec.evaluation.words.word_vectors`), so that
    lists of any two models can be compared by them; there are none without a column of texts.

    Categories are those of the first column named ``category``, ``categories``, ``genres`` or
    ``genre``: one for an item, several between bars (``Comedy|Drama``), or a list. An item has a
    image where the catalogue has a folder of them and it names one, and a text where a column
    that texts are usually made of isn't empty.

    Example:
        >>> catalog = Catalog({"item_id": [1, 2, 3], "genres": ["Drama", "Comedy|Drama", None]})
        >>> facts = facts_of(catalog)
        >>> facts.categories
        array([[0. , 0. ],
               [0. , 1. ],
               [0.5, 0.5],
               [0. , 0. ]], dtype=float32)
        >>> facts.has["text"]
        array([False,  True,  True, False])
    """
    has, vectors = {}, None
    if catalog.images is not None and "image" in catalog.frame.columns:
        has["image"] = _filled(catalog.frame, ["image"])
    with suppress(ValueError):  # no column looks like a text
        columns = catalog.frame.schema.items()
        template = TextTemplate.guess(name for name, kind in columns if kind != pl.Struct)
        has["text"] = _filled(catalog.frame, template.columns)
        vectors = word_vectors(["", *template.render_all(catalog.frame)])
    return ItemFacts(vectors, _categories(catalog.frame), has)


def _filled(frame: pl.DataFrame, columns: list[str] | tuple[str, ...]) -> Bool[np.ndarray, " V1"]:
    """Return where one of the columns isn't empty."""
    given = np.zeros(len(frame) + 1, dtype=bool)
    for name in columns:
        column = frame[name]
        real = column.is_not_null()
        if column.dtype == pl.String:
            real &= column.str.strip_chars() != ""
        elif column.dtype == pl.List:
            real &= column.list.len() > 0
        given[1:] |= real.fill_null(False).to_numpy()
    return given


def _categories(frame: pl.DataFrame) -> Float[np.ndarray, "V1 C"] | None:
    lower = {name.lower(): name for name in reversed(frame.columns)}
    name = next((lower[name] for name in CATEGORIES if name in lower), None)
    if name is None:
        return None
    values = frame[name]
    if not isinstance(values.dtype, pl.List):
        if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
            return None
        values = values.cast(pl.String).str.split("|")
    rows = pl.DataFrame({"row": np.arange(1, len(frame) + 1), "name": values})
    rows = rows.explode("name").with_columns(pl.col("name").cast(pl.String).str.strip_chars())
    rows = rows.filter(pl.col("name").fill_null("") != "").unique()
    names = rows["name"].unique().sort()
    if not 1 < len(names) <= MOST:
        return None
    shares = np.zeros((len(frame) + 1, len(names)), dtype=np.float32)
    shares[rows["row"].to_numpy(), names.search_sorted(rows["name"]).to_numpy()] = 1
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    return shares


def on_cpu(vectors: Tensor) -> Tensor:
    """Return vectors beside the lists, which are always there."""
    return vectors.detach().to("cpu", torch.float32)

"""Facts about items that reports use: word vectors, categories, and which content exists."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.data import Catalog, TextTemplate

CATEGORIES = ("category", "categories", "genres", "genre")
"""Columns that may hold the categories; the first that exists is used."""

MAX_CATEGORIES = 500
"""Columns with more distinct values are not categories."""

DIM = 256
"""Length of a word vector."""


@dataclass(frozen=True)
class ItemFacts:
    """Facts about every catalogue index; unknown ones are None or left out.

    Attributes:
        vectors: similar items have similar vectors, ``(V + 1, D)``.
        categories: the share of each category in an item, ``(V + 1, C)``.
        has: which indices have a modality, ``(V + 1,)``, by its name, such as ``"image"``.
    """

    vectors: Float[Tensor, "V1 D"] | None = None
    categories: Float[np.ndarray, "V1 C"] | None = None
    has: Mapping[str, Bool[np.ndarray, " V1"]] = field(default_factory=dict)


def facts_of(catalog: Catalog) -> ItemFacts:
    """Return the facts in a catalogue's columns.

    Vectors are ``word_vectors`` of the items' texts, which depend on no model, so that the
    lists of different models can be compared. They are None if no column has the usual name of a
    text.

    Categories are those of the first column named ``category``, ``categories``, ``genres`` or
    ``genre``. Its values are one category, several separated by bars (``Comedy|Drama``), or a list.

    An item has an image if the catalogue has a folder of images and the item names one. It has a
    text if one of the columns of the guessed template is not empty.

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
    with suppress(ValueError):  # no column has the usual name of a text
        columns = catalog.frame.schema.items()
        template = TextTemplate.guess(name for name, dtype in columns if dtype != pl.Struct)
        has["text"] = _filled(catalog.frame, template.columns)
        vectors = word_vectors(["", *template.render_all(catalog.frame)])
    return ItemFacts(vectors, _categories(catalog.frame), has)


def _filled(frame: pl.DataFrame, columns: list[str] | tuple[str, ...]) -> Bool[np.ndarray, " V1"]:
    """Return the indices at which at least one of the columns is not empty."""
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
    if not 1 < len(names) <= MAX_CATEGORIES:
        return None
    shares = np.zeros((len(frame) + 1, len(names)), dtype=np.float32)
    shares[rows["row"].to_numpy(), names.search_sorted(rows["name"]).to_numpy()] = 1
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    return shares


def word_vectors(texts: Sequence[str], dim: int = DIM) -> Float[Tensor, "n dim"]:
    """Return vectors whose cosine grows with the number and rarity of the words that texts share.

    A hash of each distinct word of a text gives a dimension and a sign; the word adds its inverse
    document frequency there. Nothing is learned, so equal texts always have equal vectors.

    References:
        Weinberger et al., "Feature hashing for large scale multitask learning" (2009),
        arXiv 0902.2206.

    Example:
        >>> texts = ["a red lamp", "The red lamp!", "blue chair", ""]
        >>> vectors = torch.nn.functional.normalize(word_vectors(texts), dim=1)
        >>> (vectors @ vectors.T)[0].round(decimals=2)
        tensor([1.0000, 0.3900, 0.0000, 0.0000])
    """
    frame = pl.DataFrame({"row": np.arange(len(texts)), "word": pl.Series(texts, dtype=pl.String)})
    words = pl.col("word").str.to_lowercase().str.extract_all(r"\w+")
    pairs = frame.with_columns(words).explode("word").drop_nulls().unique(maintain_order=True)
    vectors = torch.zeros(len(texts), dim)
    if not len(pairs):
        return vectors
    counts = pairs.group_by("word", maintain_order=True).len()
    hashes = np.array([crc32(word.encode()) for word in counts["word"]], dtype=np.int64)
    weights = np.log((1 + len(texts)) / counts["len"].to_numpy()) * np.sign(hashes % 2 - 0.5)
    numbers = np.arange(len(counts))
    at = pairs["word"].replace_strict(counts["word"], numbers, return_dtype=pl.Int64).to_numpy()
    cell = pairs["row"].to_numpy() * dim + hashes[at] // 2 % dim
    values = torch.from_numpy(weights[at].astype(np.float32))
    vectors.view(-1).index_add_(0, torch.from_numpy(cell), values)
    return vectors

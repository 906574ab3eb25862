"""Precomputed vectors of items as a modality: a column of the catalogue, or a file."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source
from mmrec.data.wording import did_you_mean
from mmrec.encoders import FeatureEncoder, Features
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import column_of
from mmrec.recommender.content.modality import Context, Facts, Prepared
from mmrec.recommender.content.pretrained import fitted
from mmrec.recommender.content.vector_table import VectorTable, read_vectors, usual_width
from mmrec.recommender.content.written import is_file

log = logging.getLogger(__name__)


@record_init_args
class VectorsModality:
    """A vector of each item that was computed before, such as one of CLIP.

    The vectors are standardized by those of the trained items, see
    :class:`mmrec.encoders.FeatureEncoder`. A vector of another width than most, or with NaN or
    infinity, is left out and reported.

    The vector of a later item is in its row, in the column (for a file, a column of the file's name
    without its ending), in the file, or in ``features``. Otherwise the item lacks the modality.

    Args:
        source: a column of lists of numbers; or a Parquet file with ``item_id`` and either one
            column of lists or one column for each number; or a ``.npy`` file of one row an item,
            beside which ``NAME.ids.txt`` has an item id a line, in the order of the rows.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "clip": [[0.5, 2.0], None]})
        >>> context = Context(dim=4, trained=np.array([1, 2]))
        >>> made = VectorsModality("clip").prepare(catalog, context)
        >>> made.facts["feature_dim"], made.source.present.tolist()
        (2, [False, True, False])
    """

    has_content = True

    def __init__(self, source: str) -> None:
        if not isinstance(source, str) or not source:
            raise ValueError(f"source must be a column, or a .parquet or .npy file; got {source!r}")
        self.source = source

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the column of the vectors."""
        return (facts["column"],)

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the vectors of the catalogue."""
        facts = dict(context.before) if context.before is not None else self._facts()
        column, file = facts["column"], facts["file"]
        if file is None and column not in catalog.frame.columns:
            raise ValueError(
                f"modality 'vectors' must find the column {column!r}; items have "
                f"{catalog.frame.columns}{did_you_mean(column, catalog.frame.columns)}"
            )
        table = None if file is None else read_vectors(Path(file))
        if table is not None:
            table.check_items(catalog)
        width = facts.get("feature_dim") or usual_width(column_of(catalog, column), table)
        features = self._features(catalog, column, table, width)
        if not features.present.any():
            raise ValueError(
                f"modality 'vectors': none of the {len(catalog)} items has a vector in "
                f"{self.source!r}"
            )
        encoder = fitted(features, features.dim, context.trained)
        facts["feature_dim"] = width
        return Prepared(features, encoder, facts, problems=features.problems)

    def rebuild(self, facts: Facts) -> FeatureEncoder:
        """Make an encoder of the vectors' width."""
        return FeatureEncoder(facts["feature_dim"])

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return the column, the file and the width."""
        if not isinstance(encoder, FeatureEncoder):
            raise ValueError(
                f"VectorsModality expects a FeatureEncoder; got {type(encoder).__name__}"
            )
        return self._facts() | {"feature_dim": encoder.dim_in}

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the vectors of further items, of their rows or else of the file."""
        column, file = facts["column"], facts["file"]
        table = None
        if file is not None and column_of(items, column).is_null().any():
            if Path(file).is_file():
                table = read_vectors(Path(file))
            else:
                log.warning("vectors: no file at %s, so only the rows of items have them", file)
        features = self._features(items, column, table, facts["feature_dim"])
        return features, features.problems

    def _facts(self) -> dict[str, Any]:
        if is_file(self.source):
            path = Path(self.source)
            # A RUN may be used from another folder.
            return {"column": path.stem, "file": str(path.resolve())}
        return {"column": self.source, "file": None}

    @staticmethod
    def _features(items: Catalog, column: str, table: VectorTable | None, width: int) -> Features:
        """Return the vectors of items; index 0 is padding."""
        own, rows, wrong = VectorTable.of_column(column_of(items, column), width)
        values, start = own, len(own)
        problems = dict(wrong)
        if table is not None:
            if table.vectors.shape[1] != width:
                raise ValueError(
                    f"the vectors of a file must be {width} wide as in training; got "
                    f"{table.vectors.shape[1]}"
                )
            found = np.where(rows < 0, table.rows_of(items.ids), -1)
            found[list(wrong)] = -1  # what a row says takes precedence, even if it is wrong
            values = np.concatenate([own, table.vectors]) if start else table.vectors
            rows = np.where(found >= 0, start + found, rows)
        finite = np.ones(len(rows), dtype=bool)
        given = np.flatnonzero(rows >= 0)
        for some in np.array_split(given, len(given) // 10_000 + 1):  # a file may be memory-mapped
            finite[some] = np.isfinite(values[rows[some]]).all(axis=1)
        problems |= {int(row): "it holds NaN or infinity" for row in np.flatnonzero(~finite)}
        rows = np.where(finite, rows, -1)
        return Features(values, np.pad(rows, (1, 0), constant_values=-1), problems)

"""Rows in, recommendations out."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from mmrec.data import (
    Catalog,
    Histories,
    Interactions,
    ItemId,
    Split,
    Table,
    check_known,
    drop_consecutive_duplicates,
)
from mmrec.evaluation import describe_split, evaluate, evaluate_baselines
from mmrec.models import CatalogRanker, SequentialModel, encode_catalog
from mmrec.recommender.build import build_model, build_split, renumbered
from mmrec.recommender.content import feature_dims, read_content, with_template
from mmrec.recommender.newcomers import encode_rows, rebuild_encoders
from mmrec.recommender.options import Options
from mmrec.recommender.popular import popular_and_diverse
from mmrec.recommender.run import Run, RunError, is_main_process, read_run, write_run

Where = Mapping[str, Any] | pl.Expr
History = Sequence[ItemId] | np.ndarray | pl.Series


class Recommendation(NamedTuple):
    """One line of a list.

    Attributes:
        item: the item's id.
        score: higher is better; comparable within one list only.
        reason: ``"interest"``, or ``"popularity"`` for someone without a history.
    """

    item: ItemId
    score: float
    reason: str


class Recommender:
    """A trained recommender with its catalogue. Make one with :meth:`fit` or :meth:`load`.

    Attributes:
        options: what it was made with.
        catalog: the items that can be recommended.
        model: the trained model.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        report: how training and evaluation went.
    """

    def __init__(
        self,
        options: Options,
        catalog: Catalog,
        model: SequentialModel,
        vectors: Tensor,
        counts: Tensor,
        slots: np.ndarray,
        config: dict[str, Any],
        report: dict[str, Any],
    ) -> None:
        self.options, self.catalog, self.model = options, catalog, model.eval()
        self.vectors, self.counts, self.slots = vectors, counts, slots
        self.config, self.report = config, report
        self._log: Interactions | None = None

    @classmethod
    def fit(
        cls,
        events: Table | Interactions,
        items: Table | Catalog,
        *,
        images: str | Path | None = None,
        cache: str | Path | None = None,
        options: Options | None = None,
        progress: bool = False,
    ) -> "Recommender":
        """Train a recommender and measure it on the test part of its split.

        Args:
            events: the log, see :class:`mmrec.data.Interactions`.
            items: the catalogue, see :class:`mmrec.data.Catalog`.
            images: folder of the pictures that ``items`` name.
            cache: folder in which the features of frozen encoders are kept for the next run.
            options: all else; the defaults are good ones.
            progress: whether to show progress bars.

        Raises:
            ValueError: the data is not what is expected; the message says what is wrong.
        """
        options = options or Options()
        start = time.perf_counter()
        catalog = items if isinstance(items, Catalog) else Catalog(items, images)
        options = with_template(options, catalog)
        log = events if isinstance(events, Interactions) else Interactions(events)
        check_known(log, catalog)
        split = build_split(options, prepared(log, options), catalog)
        torch.manual_seed(options.seed)
        trained = np.flatnonzero(split.train_counts)
        content = read_content(
            options, catalog, trained, cache=Path(cache) if cache else None, progress=progress
        )
        encoded = time.perf_counter()
        kinds = split.sequences.kinds
        model = build_model(options, content.encoders, len(kinds))
        from mmrec.recommender.training import train  # loads Lightning

        history = train(model, options, split, content, progress=progress)
        vectors = encode_catalog(model.items, content.sources, len(catalog))
        counts = torch.from_numpy(split.train_counts)
        slots = np.zeros(len(catalog) + 1, dtype=np.int64)
        slots[trained] = np.arange(1, len(trained) + 1)
        config = {
            "options": options.to_dict(),
            "kinds": list(kinds),
            "feature_dims": feature_dims(content.encoders),
            "encoders": content.described,
            "images": str(catalog.images.resolve()) if catalog.images else None,
        }
        made = cls(options, catalog, model, vectors.cpu(), counts, slots, config, {})
        made._log = log
        trained_at = time.perf_counter()
        made.report = made._measure(split) | {
            "training": history,
            "items": len(catalog),
            "items_with": {name: int(s.present.sum()) for name, s in content.sources.items()},
            "unreadable_pictures": content.problems,
            "cut_texts": content.cut_texts,
            "seconds": {
                "encode": round(encoded - start, 1),
                "train": round(trained_at - encoded, 1),
                "evaluate": round(time.perf_counter() - trained_at, 1),
            },
        }
        return made

    def recommend(
        self,
        history: History | Sequence[History],
        k: int = 10,
        *,
        where: Where | None = None,
        exclude_seen: bool = True,
    ) -> list[Any]:
        """Recommend ``k`` items to someone with this history, or to many at once.

        Args:
            history: item ids, oldest first, in a list, NumPy array or polars series; or a list
                of such lists.
            k: how many.
            where: only items that meet this: ``{"genre": ["Comedy", "Drama"]}`` or a polars
                expression over the catalogue's columns, ``pl.col("price") < 20``.
            exclude_seen: False if an item of the history may be recommended again.

        Returns:
            A list of :class:`Recommendation`, or a list of such lists. It is shorter than ``k``
            only where fewer items are allowed. An empty history gets popular, diverse items.

        Raises:
            ValueError: an item id is unknown, or ``k`` is not positive.
        """
        _check_count(k)
        if isinstance(history, str):
            raise ValueError(f"a history must be a list of item ids; got the text {history!r}")
        many = len(history) > 0 and isinstance(history[0], Sequence | np.ndarray | pl.Series)
        many = many and not isinstance(history[0], str)
        rows: Any = history if many else [history]
        allowed = self._allowed(where)
        lists: list[list[Recommendation]] = []
        for start in range(0, len(rows), 256):
            indices = [self.catalog.indices_of(_plain(row)) for row in rows[start : start + 256]]
            lists += self._recommend(indices, k, allowed, exclude_seen)
        return lists if many else lists[0]

    def similar(
        self, item: ItemId, k: int = 10, *, where: Where | None = None
    ) -> list[Recommendation]:
        """Return the ``k`` items whose vectors point most nearly the way of ``item``'s.

        Raises:
            ValueError: the item id is unknown, or ``k`` is not positive.
        """
        _check_count(k)
        index = int(self.catalog.indices_of([item])[0])
        allowed = self._allowed(where)
        allowed[index] = False
        scores = F.normalize(self.vectors, dim=1) @ F.normalize(self.vectors[index], dim=0)
        return self._top(scores.masked_fill(~allowed, -torch.inf), k, "similarity")

    def evaluate(self, events: Table | Interactions | None = None) -> dict[str, Any]:
        """Measure the recommender on the validation and test parts of a log.

        The log is split as it was for training, so the same log gives the same report.

        Args:
            events: the log; by default the one of :meth:`fit`, which a RUN doesn't hold.

        Raises:
            ValueError: the recommender was loaded, and no log is given.
        """
        events = self._log if events is None else events
        if events is None:
            raise ValueError("evaluate needs the log of events: a loaded recommender holds none")
        log = events if isinstance(events, Interactions) else Interactions(events)
        check_known(log, self.catalog)
        split = build_split(self.options, prepared(log, self.options), self.catalog)
        return self._measure(renumbered(split, self.config["kinds"]))

    def add_items(self, rows: Table) -> list[ItemId]:
        """Add items to the catalogue; they can be recommended at once, by their content.

        Args:
            rows: as for :class:`mmrec.data.Catalog`; pictures lie in the catalogue's folder.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is there already, or an encoder is not the one of the run.
            OSError: an encoder of the run is not at hand.
        """
        new = Catalog(rows, self.catalog.images)
        known = [item for item in new.ids if item in self.catalog]
        if known:
            raise ValueError(f"items: {known[:3]!r} are in the catalogue already")
        vectors = encode_rows(self.model, self.options, self.config, new)
        self.catalog.append(new.frame)
        self.vectors = torch.cat([self.vectors, vectors.to(self.vectors)])
        self.counts = F.pad(self.counts, (0, len(new)))
        self.slots = np.pad(self.slots, (0, len(new)))
        return new.ids

    def save(self, directory: str | Path) -> None:
        """Write a RUN: model.safetensors, config.json, items.parquet and report.json.

        Where a script runs once for each of several devices, the first process writes it.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
        """
        if not is_main_process():
            return
        weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
        run = Run(
            self.config,
            weights,
            self.catalog.frame,
            self.vectors,
            self.counts,
            self.slots,
            self.report,
        )
        write_run(run, Path(directory))

    @classmethod
    def load(cls, directory: str | Path) -> "Recommender":
        """Read a RUN. Nothing in it is executed.

        Raises:
            FileNotFoundError: there is no such folder.
            RunError: a file is missing or damaged, or the RUN is of another version.
        """
        run = read_run(Path(directory))
        try:
            options = Options.from_dict(run.config["options"])
            encoders = rebuild_encoders(options, run.config["feature_dims"], int(run.slots.max()))
            model = build_model(options, encoders, len(run.config["kinds"]))
            model.load_state_dict(run.weights)
            catalog = Catalog(run.items, run.config["images"])
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            # The first line of a state dict's error only says that there is one.
            lines = str(error).splitlines() or [type(error).__name__]
            reason = lines[min(len(lines), 2) - 1].strip()
            if isinstance(error, KeyError):
                reason = f"{reason} is missing"
            raise RunError(f"{directory} does not describe a model: {reason}") from error
        if run.vectors.shape[1] != model.items.dim:
            raise RunError(
                f"{directory} must hold item vectors of width {model.items.dim}; they have "
                f"{run.vectors.shape[1]}"
            )
        return cls(
            options, catalog, model, run.vectors, run.counts, run.slots, run.config, run.report
        )

    def to(self, device: str | torch.device) -> "Recommender":
        """Move model and item vectors to a device."""
        self.model.to(device)
        self.vectors = self.vectors.to(device)
        self.counts = self.counts.to(device)
        return self

    @property
    def ranker(self) -> CatalogRanker:
        """The model over the catalogue as it is now."""
        return CatalogRanker(
            self.model, self.vectors, self.counts, max_length=self.options.max_length
        )

    def _measure(self, split: Split) -> dict[str, Any]:
        length = self.options.max_length
        return describe_split(split) | {
            "seed": self.options.seed,
            "valid": evaluate(self.ranker, split, "valid", max_length=length),
            "test": evaluate(self.ranker, split, "test", max_length=length),
            "baselines": evaluate_baselines(split, "test", max_length=length),
        }

    def _allowed(self, where: Where | None) -> Tensor:
        mask = self.catalog.where({} if where is None else where)
        return torch.from_numpy(mask).to(self.vectors.device)

    def _recommend(
        self, rows: list[np.ndarray], k: int, allowed: Tensor, exclude_seen: bool
    ) -> list[list[Recommendation]]:
        length = self.options.max_length
        scores = self.ranker.scores(Histories.of_items([row[-length:] for row in rows]))
        lists = []
        for row, line in zip(rows, scores, strict=True):
            if not len(row):
                chosen = popular_and_diverse(line, self.vectors, allowed, k)
                lists.append(self._lines(chosen, line[chosen], "popularity"))
                continue
            line = line.masked_fill(~allowed, -torch.inf)
            if exclude_seen:
                line[torch.from_numpy(row)] = -torch.inf
            lists.append(self._top(line, k, "interest"))
        return lists

    def _top(self, scores: Tensor, k: int, reason: str) -> list[Recommendation]:
        top = scores.topk(min(k, len(scores) - 1))
        found = top.values > -torch.inf
        return self._lines(top.indices[found], top.values[found], reason)

    def _lines(self, indices: Tensor, scores: Tensor, reason: str) -> list[Recommendation]:
        ids = self.catalog.ids_of(indices.tolist())
        return [
            Recommendation(item, score, reason)
            for item, score in zip(ids, scores.tolist(), strict=True)
        ]


def _plain(history: History) -> list[ItemId]:
    """Return ids as Python's text and integers, whatever the history is made of."""
    return [item.item() if isinstance(item, np.generic) else item for item in history]


def _check_count(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")


def prepared(log: Interactions, options: Options) -> Interactions:
    """Return the log as a recommender reads it."""
    return drop_consecutive_duplicates(log) if options.drop_repeats else log

"""Rows in, recommendations out."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from mmrec.data import Catalog, Interactions, ItemId, Table
from mmrec.models import CatalogScorer, SequentialModel, encode_with_contributions
from mmrec.recommender.build import (
    build_model,
    build_split,
    check_no_folder,
    known_log,
    prepared,
    renumbered,
)
from mmrec.recommender.clock import Clock
from mmrec.recommender.content import read_content, with_template
from mmrec.recommender.describe import describe_content, describe_run, measure
from mmrec.recommender.lists import Recommendation, recommend_lists, top_list
from mmrec.recommender.new_items import encode_rows
from mmrec.recommender.options import Options
from mmrec.recommender.parts import Build, build_name, check_kept, names_of, parts_of
from mmrec.recommender.private import check_private, train_private
from mmrec.recommender.requests import History, Where, as_rows, check_count, check_item
from mmrec.recommender.restore import restore
from mmrec.recommender.resume import describe_start, open_folder, remove_folder
from mmrec.recommender.run import Run, is_main_process, read_run, write_run
from mmrec.recommender.training import check_devices, train, training_device


class Recommender:
    """A trained recommender with its catalogue. Make one with :meth:`fit` or :meth:`load`.

    Attributes:
        options: what it was made with.
        catalog: the items that can be recommended.
        model: the trained model.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        modality_contributions: what each modality adds to these vectors.
        report: how training and evaluation went; without the metrics in all but the first of
            several processes.
        targets: the rank of each test target, see :func:`mmrec.evaluation.target_table`; None if
            it was loaded from a RUN that has none.
        build: what put parts of one's own into the model, or None.

    Example:
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> items = {"item_id": [*"abc"], "title": ["A lamp", "A chair", "A desk"]}
        >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
        >>> recommender = Recommender.fit(events, items, options=options)
        >>> sorted(line.item for line in recommender.recommend(["a"], k=2))
        ['b', 'c']
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
        build: Build | None = None,
    ) -> None:
        self.options, self.catalog, self.model = options, catalog, model.eval()
        self.vectors, self.counts, self.slots = vectors, counts, slots
        self.config, self.report, self.build = config | {"parts": names_of(model)}, report, build
        if build is not None:
            self.config["build"] = build_name(build)
        self._parts = parts_of(model)
        self.targets: pl.DataFrame | None = None
        self.modality_contributions: dict[str, Tensor] = {}
        self._log: Interactions | None = None
        self._checkpoints: Path | None = None

    @classmethod
    def fit(
        cls,
        events: Table | Interactions,
        items: Table | Catalog,
        *,
        images: str | Path | None = None,
        cache: str | Path | None = None,
        options: Options | None = None,
        build: Build | None = None,
        progress: bool = False,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> "Recommender":
        """Train a recommender and measure it on the test part of its split.

        Args:
            events: the log, see :class:`mmrec.data.Interactions`.
            items: the catalogue, see :class:`mmrec.data.Catalog`.
            images: folder of the images that ``items`` name.
            cache: folder in which the features of frozen encoders are kept for the next run.
            options: all else; the defaults are good ones.
            build: puts parts of your own into the model that ``options`` make: a function that
                takes this :class:`mmrec.models.SequentialModel`, untrained, and returns it with
                parts replaced, or another one. :meth:`load` needs the same function.
            progress: whether to show progress bars.
            checkpoints: folder in which the state of the training is kept after each epoch;
                :meth:`save` removes it. What an earlier training left there is replaced.
            resume: go on from the last checkpoint in that folder instead. On a CPU the result is
                that of a training that was never interrupted, bit for bit.

        Raises:
            ValueError: the data is not what is expected, the loss is no longer finite, or the
                training to go on with was of other options or data, or the parts of ``build``
                don't fit; the message says what is wrong.
            ImportError: ``options`` have an epsilon, and Opacus is not installed.
            OSError: a checkpoint can't be written. The ones before are kept.

        Example:
            >>> from mmrec.interest import LinearRecurrentInterest
            >>> def build(model):  # any module will do: see examples/own_component.py
            ...     model.interest = LinearRecurrentInterest(model.items.dim, layers=1)
            ...     return model
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = Recommender.fit(events, {"item_id": [*"abc"]}, options=options, build=build)
            >>> parts = made.config["parts"]
            >>> parts["interest"]
            'mmrec.interest.LinearRecurrentInterest'
        """
        if options is not None and not isinstance(options, Options):
            raise ValueError(f"options must be mmrec.Options(...); got {options!r}")
        options, clock, device = options or Options(), Clock(), training_device()
        folder = Path(cache) if cache else None
        place = Path(checkpoints) if checkpoints else None
        check_devices(options.devices)
        check_private(options, place)
        if resume and place is None:
            raise ValueError("resume needs checkpoints: the folder of the interrupted training")
        check_no_folder(items, "items")
        # A copy, since `add_items` changes it.
        catalog = deepcopy(items) if isinstance(items, Catalog) else Catalog(items, images)
        options = with_template(options, catalog)
        log = known_log(events, catalog)
        split = build_split(options, prepared(log, options), catalog)
        if place is not None:
            open_folder(place, describe_start(options, split, catalog, build), resume=resume)
        torch.manual_seed(options.seed)
        private = options.epsilon is not None
        # Which items have events is private, too: features are scaled by all of them.
        known = np.ones(len(catalog) + 1, bool) if private else split.train_counts
        trained = np.flatnonzero(known[1:]) + 1
        content = read_content(
            options, catalog, trained, cache=folder, device=device, progress=progress
        )
        clock.lap("encode")
        model = build_model(options, content.encoders, len(split.sequences.event_types), build)
        privacy: dict[str, Any] = {}
        if private:
            history, privacy["privacy"] = train_private(model, options, split, content)
        else:
            history = train(
                model,
                options,
                split,
                content,
                progress=progress,
                checkpoints=place,
                resume=resume,
            )
        vectors, contributions = encode_with_contributions(
            model.to(device).items, content.sources, len(catalog)
        )
        counts = torch.from_numpy(split.train_counts)
        slots = np.zeros(len(catalog) + 1, dtype=np.int64)
        slots[trained] = np.arange(1, len(trained) + 1)
        config = describe_run(options, catalog, split, content)
        made = cls(options, catalog, model, vectors, counts, slots, config, {}, build)
        made._log, made._checkpoints, made.modality_contributions = log, place, contributions
        clock.lap("train")
        measured: dict[str, Any] = {}
        if is_main_process():  # the others have the same model, and write nothing
            measured, made.targets = measure(made.catalog_scorer, split, options, catalog)
        made.report = measured | {"training": history} | privacy
        clock.lap("evaluate")
        made.report |= describe_content(catalog, content) | {"seconds": clock.seconds}
        return made.to("cpu")

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
                expression over the catalogue's columns. What was read from a CSV file is text
                there: ``pl.col("price").cast(float) < 20``.
            exclude_seen: False if an item of the history may be recommended again.

        Returns:
            A list of :class:`Recommendation`, or a list of such lists. It is shorter than ``k``
            only where fewer items are allowed. An empty history gets popular, diverse items.

        Raises:
            ValueError: an item id is unknown, a history is no list, or ``k`` isn't positive.
        """
        check_count(k)
        rows, many = as_rows(history)
        allowed, scorer = self._allowed(where), self.catalog_scorer
        lists: list[list[Recommendation]] = []
        for start in range(0, len(rows), 256):
            indices = [self.catalog.indices_of(row) for row in rows[start : start + 256]]
            lists += recommend_lists(
                scorer, self.catalog, indices, k, allowed=allowed, exclude_seen=exclude_seen
            )
        return lists if many else lists[0]

    def similar(
        self, item: ItemId, k: int = 10, *, where: Where | None = None
    ) -> list[Recommendation]:
        """Return the ``k`` items whose vectors point most nearly the way of ``item``'s.

        Raises:
            ValueError: the item id is unknown or a list, or ``k`` is not positive.
        """
        check_count(k)
        check_item(item)
        index = int(self.catalog.indices_of([item])[0])
        allowed = self._allowed(where)
        allowed[index] = False
        scores = F.normalize(self.vectors, dim=1) @ F.normalize(self.vectors[index], dim=0)
        scores = scores.masked_fill(~allowed, -torch.inf)
        return top_list(self.catalog, scores, k, "similarity")

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
        log = known_log(events, self.catalog)
        split = build_split(self.options, prepared(log, self.options), self.catalog)
        split = renumbered(split, self.config["event_types"])
        return measure(self.catalog_scorer, split, self.options, self.catalog)[0]

    def add_items(self, rows: Table) -> list[ItemId]:
        """Add items to the catalogue; they can be recommended at once, by their content.

        Args:
            rows: as for :class:`mmrec.data.Catalog`; images lie in the catalogue's folder.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is there already, or an encoder is not the one of the run. Nothing is
                added then.
            OSError: an encoder of the run, or its tokenizer, is not at hand; likewise.
        """
        new = Catalog(rows, self.catalog.images)
        known = [item for item in new.ids if item in self.catalog]
        if known:
            raise ValueError(f"items: {known[:3]!r} are in the catalogue already")
        vectors, contributions = encode_rows(self.model, self.options, self.config, new)
        vectors = torch.cat([self.vectors, vectors.to(self.vectors)])
        contributions = {
            name: torch.cat([share, contributions[name].to(share)])
            for name, share in self.modality_contributions.items()
        }
        counts = F.pad(self.counts, (0, len(new)))
        slots = np.pad(self.slots, (0, len(new)))
        self.catalog.append(new.frame)  # the last that can fail
        self.vectors, self.modality_contributions, self.counts, self.slots = (
            vectors,
            contributions,
            counts,
            slots,
        )
        return new.ids

    def save(self, directory: str | Path) -> None:
        """Write a RUN: model.safetensors, config.json, items.parquet and report.json.

        Where a script runs once for each of several devices, the first process writes it.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written; what was at ``directory`` is as it was.
            ValueError: a part of the model was replaced, which :meth:`load` couldn't do again.
        """
        check_kept(self._parts, self.model)
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
            self.targets,
            self.modality_contributions,
        )
        write_run(run, Path(directory))
        if self._checkpoints is not None:
            remove_folder(self._checkpoints)

    @classmethod
    def load(cls, directory: str | Path, *, build: Build | None = None) -> "Recommender":
        """Read a RUN. Nothing in it is executed, and no pretrained weights are needed.

        Adding items needs them where encoders were frozen, and else the tokenizer.

        Args:
            directory: the RUN.
            build: what :meth:`fit` was given, if it was.

        Raises:
            FileNotFoundError: there is no such folder.
            RunError: a file is missing or damaged, the RUN is of another version, or its model has
                parts that ``build`` doesn't make.
        """
        run = read_run(Path(directory))
        options, catalog, model = restore(run, Path(directory), build)
        made = cls(
            options,
            catalog,
            model,
            run.vectors,
            run.counts,
            run.slots,
            run.config,
            run.report,
            build,
        )
        made.targets, made.modality_contributions = run.targets, run.modality_contributions
        return made

    def to(self, device: str | torch.device) -> "Recommender":
        """Move model and item vectors to a device."""
        self.model.to(device)
        self.vectors = self.vectors.to(device)
        self.counts = self.counts.to(device)
        self.modality_contributions = {
            name: share.to(device) for name, share in self.modality_contributions.items()
        }
        return self

    @property
    def catalog_scorer(self) -> CatalogScorer:
        """The model over the catalogue as it is now."""
        return CatalogScorer(
            self.model, self.vectors, self.counts, max_length=self.options.max_length
        )

    def _allowed(self, where: Where | None) -> Tensor:
        mask = self.catalog.where({} if where is None else where)
        return torch.from_numpy(mask).to(self.vectors.device)

"""The recommender: training, recommendations and RUN folders."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack, cast

import polars as pl
import torch
from torch import Tensor

from mmrec.affinities import without_novelty
from mmrec.data import (
    Catalog,
    GivenId,
    Interactions,
    ItemId,
    Source,
    Split,
    Table,
    TimeUnit,
    read_tables,
    renamed,
)
from mmrec.data.given_columns import columns_given
from mmrec.data.inherited import TableReading
from mmrec.data.sent_images import (
    read_images,
    warn_of_missing_images,
    with_images,
    write_images,
)
from mmrec.layers.progress import shows_progress
from mmrec.models import CatalogScorer, SequentialModel
from mmrec.recommender.artifact.convert import from_run, to_run
from mmrec.recommender.artifact.run import is_main_process, read_run, write_run
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.artifact.unrecorded import warn_of_unrecorded
from mmrec.recommender.content import Modality
from mmrec.recommender.degradation import SHARES, degradation
from mmrec.recommender.hub import find_run, push
from mmrec.recommender.lists import (
    Recommendation,
    asked_for,
    recommend_lists,
    similar_items,
)
from mmrec.recommender.notebook import RecommendationList, RecommendationLists
from mmrec.recommender.options import Options, checked_options
from mmrec.recommender.parts import Own, Parts, handed_over
from mmrec.recommender.parts.sources import warn_of_changed
from mmrec.recommender.past import past_of_history
from mmrec.recommender.pipeline.adopt import adopt
from mmrec.recommender.pipeline.affinity import continuing
from mmrec.recommender.pipeline.assemble import Recipe, check_kept, parts_of
from mmrec.recommender.pipeline.data import split_again
from mmrec.recommender.pipeline.fit import carry_out
from mmrec.recommender.pipeline.leaks import leak_of, with_known, without_leaks
from mmrec.recommender.pipeline.measure import measure
from mmrec.recommender.pipeline.own_interest import check_own_interest
from mmrec.recommender.pipeline.plan import Execution
from mmrec.recommender.pipeline.prepare import check_given, describe_given, make_plan
from mmrec.recommender.pipeline.private import check_private
from mmrec.recommender.pipeline.resume import describe_start, open_folder, remove_folder
from mmrec.recommender.pipeline.tracking import make_tracking
from mmrec.recommender.pipeline.unused import warn_of_unused
from mmrec.recommender.pipeline.update import given_to_learn, update_state
from mmrec.recommender.quotas import AtMost
from mmrec.recommender.report import Report, one_line, summary
from mmrec.recommender.requests import (
    Count,
    History,
    Seen,
    When,
    Where,
    as_history,
    check_count,
    check_item,
    check_many,
)
from mmrec.recommender.shared import save_shared
from mmrec.recommender.users.features import AskedUser
from mmrec.recommender.zoo import MODEL, resolve
from mmrec.trends import CreatedTimes


class Recommender:
    """A trained recommender with its catalogue.

    Make one with :meth:`fit`, :meth:`from_model` or :meth:`load`.

    Args:
        state: the trained model, its catalogue and all else that a RUN holds.

    Attributes:
        state: the present state; :meth:`add_items` and :meth:`to` replace it.

    Example:
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> items = {"item_id": [*"abc"], "title": ["A lamp", "A chair", "A desk"]}
        >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
        >>> recommender = Recommender.fit(events, items, options=options)
        >>> sorted(line.item for line in recommender.recommend(["a"], k=2))
        ['b', 'c']
    """

    def __init__(self, state: RecommenderState) -> None:
        self.state = state
        self._parts = parts_of(state.model)
        self._log: Interactions | None = None
        self._checkpoints: Path | None = None
        self._own: Own = ()

    def __repr__(self) -> str:
        return one_line(self.state)

    def __str__(self) -> str:
        return summary(self.state)

    @classmethod
    def fit(
        cls,
        events: Table | Interactions,
        items: Table | Catalog,
        *,
        model: str | None = None,
        users: Table | None = None,
        images: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
        cache: str | Path | None = None,
        options: Options | None = None,
        progress: bool | None = None,
        checkpoints: str | Path | None = None,
        resume: bool = False,
        logger: Any = None,
        callbacks: Sequence[Any] | None = None,
        trainer: Mapping[str, Any] | None = None,
        logs: str | Path | None = None,
        **parts: Unpack[Parts],
    ) -> "Recommender":
        """Train a recommender and measure it on the test part of its split.

        Args:
            events: the log, see :class:`mmrec.data.Interactions`.
            items: the catalogue, see :class:`mmrec.data.Catalog`.
            model: name of a model that is made as in its paper, see
                :data:`mmrec.recommender.zoo.ZOO`. The name sets parts and options, which the report
                lists; those that are given take precedence.
            users: features of users: a table with ``user_id`` and free columns, of which
                ``options.user_features`` are read. With gru4rec, lrurec, narm and mean, they are
                where the interest of a user starts, so that a user without events has a list of
                their own.
            images: folder of the images that ``items`` name.
            columns: our names of columns by theirs, for all tables: ``{"movieId": "item_id"}``.
            time_unit: unit of timestamps that are numbers, see :class:`mmrec.data.Interactions`.
            cache: folder in which the features of frozen encoders are kept for the next run, and
                the states of frozen layers (``hidden_cache``).
            options: numbers and choices.
            progress: whether to show how far encoding, training and ranking are. By default in a
                terminal and in a notebook, but not where the output is a file or a pipe.
            checkpoints: folder for a checkpoint after each epoch. Checkpoints of an earlier
                training are removed first; :meth:`save` removes the folder.
            resume: continue from the last checkpoint in that folder. On a CPU the result equals
                that of an uninterrupted training bit for bit.
            logger: where metrics of each epoch are logged: ``"csv"``, ``"tensorboard"``,
                ``"wandb"`` or ``"mlflow"``; a function that makes a logger of Lightning for the
                name of a training (``select``, ``valid`` or ``all``, see ``options.refit``); a
                logger, which is that of ``select``; or a list of these.
            callbacks: callbacks of Lightning, or ``{"class_path": …, "init_args": {…}}``, which
                take part in each training. The module's ``stage`` is the name of the training.
            trainer: arguments of Lightning's Trainer, such as ``{"accelerator": "cpu"}``.
            logs: folder of loggers that are given by name; each training has a folder in it.
            **parts: ``encoders``, ``fusion``, ``interest``, ``scorer``, ``reranker``, ``loss`` and
                ``negatives``, see :class:`mmrec.recommender.Parts`. Parts from outside mmrec must
                be given to :meth:`load` again.

        Raises:
            ValueError: the data is malformed, an option or part is wrong, parts don't fit together,
                the loss is not finite, or the interrupted training had other options, parts or
                data.
            ImportError: ``options.epsilon`` is set, and Opacus is not installed; or the package of
                a logger isn't.
            OSError: a checkpoint can't be written; earlier ones are kept.

        Example:
            >>> from functools import partial
            >>> from mmrec.interest import LinearRecurrentInterest
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> interest = partial(LinearRecurrentInterest, layers=1)
            >>> made = Recommender.fit(
            ...     events, {"item_id": [*"abc"]}, options=options, interest=interest
            ... )
            >>> made.state.specs["interest"].class_path
            'mmrec.interest.LinearRecurrentInterest'
        """
        resolved = resolve(model, options, parts)
        recipe = Recipe(cast(Parts, resolved.parts))
        tracking, chosen = make_tracking(resolved.options, logger, callbacks, trainer, logs)
        place, stated = Path(checkpoints) if checkpoints else None, checked_options(options)
        options, modalities = check_given(chosen, recipe)
        check_private(options, recipe, modalities, place)
        given = describe_given(
            stated,
            parts,
            model=model,
            columns=columns,
            time_unit=time_unit,
            logger=logger,
            callbacks=callbacks,
            trainer=trainer,
        )
        if resume and place is None:
            raise ValueError("resume needs checkpoints: the folder of the interrupted training")
        if isinstance(items, Catalog):  # a copy, so that the caller's catalogue stays as it is
            items = deepcopy(items)
        data = read_tables(
            events, items, users, images=images, columns=columns, time_unit=time_unit
        )
        with columns_given(columns):
            plan = make_plan(data, options, recipe, modalities)
        if resolved.facts:
            plan = replace(plan, about={**plan.about, MODEL: resolved.facts})
        warn_of_unused(plan.options, recipe, plan.modalities, plan.check())
        check_own_interest(recipe, plan.options, tuple(plan.split.sequences.event_types))
        if options.epsilon is not None:  # the budget covers one training
            plan = replace(plan, options=plan.options.replace(refit="none"))
        if place is not None:
            table = None if plan.users is None else plan.users.catalog
            started = describe_start(plan.options, recipe, plan.split, plan.catalog, table)
            started |= {"trainer": tracking.described}
            open_folder(place, started, resume=resume)
        how = Execution(
            Path(cache) if cache else None,
            place,
            resume,
            shows_progress(progress),
            tracking=tracking,
        )
        with columns_given(columns):
            made = cls(replace(carry_out(plan, how), given=given))
        made._log, made._checkpoints = data.interactions, place
        made._own = given_to_learn(parts)
        return made

    @classmethod
    def from_model(
        cls,
        model: SequentialModel,
        catalog: Catalog,
        split: Split,
        sources: Mapping[str, Source],
        *,
        options: Options | None = None,
        modalities: Mapping[str, Modality] | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> "Recommender":
        """Make a recommender from a model that was trained without :meth:`fit`, and measure it.

        It can be saved, served, exported and compared like any other; what a part of one's own
        needs for that is its contract, see ``docs/parts.md``. :meth:`load` needs the parts
        from outside mmrec and those that don't record their arguments.

        Args:
            model: the trained model.
            catalog: the items.
            split: the labelled events that it was trained on.
            sources: the inputs of its encoders for the catalogue, by modality.
            options: options to record; ``max_length`` also limits histories. ``modalities``,
                ``dim`` and ``split`` are set to those of the arguments.
            modalities: how later items are encoded, by modality. By default a later item has no id
                vector, and its other modalities must be given as ``features``.
            report: further facts for the report, such as how training went.

        Raises:
            ValueError: ``sources`` or ``modalities`` are not for the modalities of the model.

        Example:
            >>> from mmrec.data import id_source, leave_one_out
            >>> from mmrec.encoders import IdEncoder
            >>> from mmrec.models import gru4rec
            >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> catalog = Catalog({"item_id": [*"abc"]})
            >>> split = leave_one_out(Interactions(events), catalog)
            >>> model = gru4rec({"id": IdEncoder(3, 8)}, dim=8)
            >>> sources = {"id": id_source({1: 1, 2: 2, 3: 3}, 3)}
            >>> made = Recommender.from_model(model, catalog, split, sources)
            >>> len(made.recommend(["a"], k=2))
            2
        """
        return cls(adopt(model, catalog, split, sources, options, modalities, report))

    def update(
        self,
        events: Table | Interactions,
        items: Table | Catalog | None = None,
        *,
        users: Table | None = None,
        images: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
        cache: str | Path | None = None,
        progress: bool | None = None,
        options: Mapping[str, Any] | None = None,
        **parts: Unpack[Parts],
    ) -> "Recommender":
        """Continue training on new events; this recommender isn't changed.

        Rows of new items are added to the catalogue, and rows of known items replace theirs.
        Training starts at the present weights. An item gets an id vector once it has training
        events. Earlier events are not read, so the model may forget what the new events don't show;
        fewer epochs and a lower learning rate preserve more.

        Args:
            events: the new log, of new or known users.
            items: rows of new or changed items, if there are any.
            users: rows of new or changed users, if the recommender reads features of users.
            images: folder of their images; by default that of the catalogue. It must also hold the
                images of the items that keep theirs, those that were added live included.
            columns: our names of columns by theirs; by default those of the training. A name of the
                training that the tables lack is no error if a table has ours.
            time_unit: unit of timestamps that are numbers; by default that of the training.
            cache: folder in which the features of frozen encoders and layers are kept.
            progress: as for :meth:`fit`.
            options: options that change, such as ``{"epochs": 5, "lr": 1e-3}``.
            **parts: ``loss`` and ``negatives``; by default those of before, with their arguments.
                After :meth:`load`, those from outside mmrec must be in its ``parts``, or be given.

        Returns:
            A new recommender, measured on the test part of the new log. ``report["before"]`` has
            the metrics of this recommender there, with new items ranked by their content.

        Raises:
            ValueError: the data is malformed, a text or image model is not the one of before, or an
                option is unknown or can't change.

        Example:
            >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = Recommender.fit(log, {"item_id": [*"abc"]}, options=options)
            >>> later = {"user_id": [*"wwwwxxxx"], "item_id": [*"abdabdab"], "position": range(8)}
            >>> len(made.update(later, {"item_id": ["d"]}, options={"epochs": 2}).catalog)
            4
        """
        how = Execution(Path(cache) if cache else None, progress=shows_progress(progress))
        changes = {} if options is None else options
        given = {"interactions": events, "items": items, "users": users}
        tables, unit = self._read_as_trained(given, columns, time_unit)
        rows, new, people = (tables.get(name) for name in given)
        own = self._own
        made = update_state(self.state, rows, new, images, parts, changes, how, unit, people, own)
        later = {"columns": columns, "time_unit": time_unit}
        read = TableReading.of(later, self.state.about, self.state.given)
        about = {"columns": dict(read.columns), "time_unit": read.time_unit}
        kept = {name: fact for name, fact in about.items() if fact}
        updated = Recommender(replace(made, about={**made.about, **kept}))
        updated._own = [*given_to_learn(parts), *own]
        return updated

    def recommend(
        self,
        history: History,
        k: Count = 10,
        *,
        user: AskedUser = None,
        at: When | None = None,
        where: Where | None = None,
        exclude_seen: Seen = True,
        exclude: Iterable[ItemId] = (),
        at_most: AtMost | None = None,
    ) -> list[Recommendation]:
        """Recommend ``k`` items to someone with this history.

        Args:
            history: item ids, oldest first, in a list, NumPy array, series or generator; or events,
                as a table or a list of mappings with ``item_id`` and, if they are known, ``event``,
                ``timestamp`` and the columns that conditions on events read, such as ``rating``.
                The type of a plain id is unknown: it is read, and no condition makes it a no.
            k: how many.
            user: whose features are where the interest starts, if the recommender was trained with
                features of users: an id of the table of users, or features by column, such as
                ``{"gender": "f", "age": 31}``.
            at: the time of the request; now by default, if the recommender was trained on times.
            where: condition on the recommended items, such as ``"price < 20 and genre in (Comedy,
                Drama)"``; a mapping or polars expression is possible too, see
                :meth:`mmrec.data.Catalog.where`.
            exclude_seen: whether to leave out the items of the history: those of all events, or of
                targets and negative events if ``targets`` were set in training; or the event types
                that count, such as ``["purchase"]``. Whatever this is, items of negative events are
                left out, unless a later event on them is a target.
            exclude: ids of further items to leave out.
            at_most: how many items of the list may have the same value, by column, such as
                ``{"author": 2}``; items beyond that are passed over. Empty values are not limited,
                and each value of a list counts.

        Returns:
            The best items, best first; fewer than ``k`` only if fewer are allowed. Items of which
            nothing is known are left out: without events, and without content if the model reads
            content. For a history
            that is empty, or has negative events alone, and without features of the user: popular
            and diverse items, whose ``reason`` is ``"popularity"``; ``report["without_history"]``
            says by which rule. A notebook shows the list with pictures and titles.

        Raises:
            ValueError: ``history`` is not a history of known items, ``where`` can't be applied to
                the catalogue, ``at`` is no time, ``user`` is unknown, ``at_most`` names an unknown
                column or a number below 1, or ``k`` isn't positive.

        Example:
            >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "timestamp": range(8)}
            >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = Recommender.fit(log, {"item_id": [*"abc"]}, options=options)
            >>> past = {"item_id": ["a", "b"], "timestamp": [10.0, 11.0]}
            >>> [line.item for line in made.recommend(past, at=20.0)]
            ['c']
        """
        [lines] = self.recommend_many(
            [history],
            check_count(k),
            users=[user],
            at=at,
            where=where,
            exclude_seen=exclude_seen,
            exclude=exclude,
            at_most=at_most,
        )
        return lines

    def recommend_many(
        self,
        histories: Iterable[History],
        k: Count = 10,
        *,
        users: Sequence[AskedUser] | None = None,
        at: When | None = None,
        where: Where | None = None,
        exclude_seen: Seen = True,
        exclude: Iterable[ItemId] = (),
        at_most: AtMost | None = None,
    ) -> list[list[Recommendation]]:
        """Recommend ``k`` items to each of many histories; arguments as for :meth:`recommend`.

        The histories may come from a generator; a few hundred are read at once. ``users`` has the
        ``user`` of each.

        Raises:
            ValueError: as for :meth:`recommend`, or there are not as many users as histories.
        """
        k = check_count(k)
        check_many(histories)
        time = self.state.time_of(at)  # one for all
        allowed = self._allowed(where, exclude, time)
        quotas = self.state.quotas(at_most)
        lists: list[list[Recommendation]] = []
        waiting, reader = iter(histories), self.state.reader
        while rows := list(islice(waiting, 256)):
            pasts = [past_of_history(one, self.catalog, reader) for one in rows]
            who = None if users is None else users[len(lists) : len(lists) + len(rows)]
            if who is not None and len(who) < len(rows):
                raise ValueError(f"users must be as many as histories; got {len(users or ())}")
            asked = asked_for(self.state, pasts, time, allowed, exclude_seen, who)
            lists += recommend_lists(self.catalog_scorer, self.catalog, asked, k, quotas)
        if users is not None and len(users) > len(lists):
            raise ValueError(f"users must be as many as histories, {len(lists)}; got {len(users)}")
        return RecommendationLists(lists, self.catalog)

    def similar(
        self, item: GivenId, k: Count = 10, *, where: Where | None = None
    ) -> list[Recommendation]:
        """Return the ``k`` items whose vectors have the highest cosine similarity to ``item``'s.

        Columns that say whether an item is new don't count. An item of which nothing is known,
        neither events nor content that the model reads, is like no other: its list is empty.

        Raises:
            ValueError: the item id is unknown or a list, or ``k`` is not positive.
        """
        k = check_count(k)
        check_item(item)
        index = int(self.catalog.indices_of([item])[0])
        allowed = self._allowed(where)
        if self.state.unknown[index]:
            return RecommendationList([], self.catalog)
        vectors = without_novelty(self.model, self.vectors)
        lines = similar_items(self.catalog, vectors, index, allowed, k)
        return RecommendationList(lines, self.catalog)

    def evaluate(
        self,
        events: Table | Interactions | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
    ) -> Report:
        """Measure the recommender on the validation and test parts of a log.

        The log is split as it was for training, so the same log gives the same report. What is
        counted goes on from the counts before the update for the log of an update, and from those
        that are served for a log of later events. Any other log is counted alone. On another log
        than that of the training, cold items are those that the recommender has not trained on.

        Args:
            events: the log; by default that of :meth:`fit`, which a loaded recommender lacks.
            columns: as for :meth:`update`.
            time_unit: as for :meth:`update`.

        Raises:
            ValueError: ``events`` is needed and missing, or malformed, or an item is not in the
                catalogue; :meth:`add_items` adds it by its content.
        """
        split = self._split("evaluate", events, columns, time_unit)
        report = measure(continuing(self.state, split), split)[0]
        return Report(without_leaks(report, self.state, split))

    def degradation(
        self,
        events: Table | Interactions | None = None,
        *,
        modalities: Sequence[str] | None = None,
        shares: Sequence[float] = SHARES,
        columns: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
        seed: int = 0,
    ) -> pl.DataFrame:
        """Return how good the recommender is when a share of the items loses a modality.

        The log is split as for :meth:`evaluate`. A warning says if the model has trained on its
        test events. What the table holds and what is raised, see
        ``mmrec.recommender.degradation.degradation``.

        Args:
            events: the log; by default that of :meth:`fit`, which a loaded recommender lacks.
            modalities: those that are removed, one at a time; None for all.
            shares: shares of the items with the modality that lose it, from 0 to 1.
            columns: as for :meth:`update`.
            time_unit: as for :meth:`update`.
            seed: seed of the draw of these items.

        Example:
            >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcda"], "position": [*range(8)]}
            >>> items = {"item_id": [*"abcd"], "look": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], None]}
            >>> options = Options(
            ...     modalities="id,look=vectors:look", split="leave-one-out", epochs=1, refit="none"
            ... )
            >>> made = Recommender.fit(log, items, options=options)
            >>> made.degradation(shares=(0.0, 1.0))["modality", "share"].rows()
            [('id', 0.0), ('id', 1.0), ('look', 0.0), ('look', 1.0)]
        """
        split = self._split("degradation", events, columns, time_unit)
        leak_of(self.state, split)
        state = continuing(self.state, split)
        return degradation(state, split, modalities=modalities, shares=shares, seed=seed)

    def plot_training(self) -> Any:
        """Return a figure of NDCG@10 on validation after each epoch.

        This and the other figures are matplotlib's, made without pyplot; a notebook shows them, and
        ``figure.savefig("file.svg")`` writes them. They need ``pip install 'mmrec[compare]'``.

        Raises:
            ValueError: the report has no training curve.
            ImportError: matplotlib is not installed.
        """
        from mmrec.recommender.figures import plot_training

        return plot_training(self.state)

    def plot_metrics(self, metric: str = "ndcg@10") -> Any:
        """Return a figure of a test metric, with its interval over users, beside the baselines.

        Raises:
            ValueError: the report has no such metric.
            ImportError: matplotlib or SciPy is not installed.
        """
        from mmrec.recommender.figures import plot_metrics

        return plot_metrics(self.state, metric)

    def plot_slices(self, metric: str = "ndcg@10") -> Any:
        """Return a figure of a test metric on slices: cold items, short histories and so on.

        Raises:
            ValueError: the report has no such metric, or no slices.
            ImportError: matplotlib or SciPy is not installed.
        """
        from mmrec.recommender.figures import plot_slices

        return plot_slices(self.state, metric)

    def plot_items(self, color: str | None = None) -> Any:
        """Return a map of the item vectors, by UMAP if umap-learn is installed, else by PCA.

        Args:
            color: column of the catalogue that the items are colored by.

        Raises:
            ValueError: the catalogue has no such column, or there are fewer than three items.
            ImportError: matplotlib is not installed.
        """
        from mmrec.recommender.figures import plot_items

        return plot_items(self.state, color)

    def plot_modalities(self) -> Any:
        """Return a figure of how much each modality adds to the vectors of items.

        Raises:
            ValueError: the recommender holds no contributions of modalities.
            ImportError: matplotlib is not installed.
        """
        from mmrec.recommender.figures import plot_modalities

        return plot_modalities(self.state)

    def add_items(
        self, rows: Table, *, images: str | Path | Mapping[ItemId, bytes] | None = None
    ) -> list[ItemId]:
        """Add items to the catalogue; they can be recommended at once, by their content.

        Args:
            rows: as for :class:`mmrec.data.Catalog`.
            images: folder of the images that the rows name, or JPEG, PNG, WebP or GIF files by item
                id. They are copied to ``added`` in the catalogue's folder of images. By default the
                images are in that folder already; a warning says how many items name one that isn't
                there.

        Returns:
            The ids that were added.

        Raises:
            ValueError: an id is in the catalogue already, the catalogue lacks a column, a value
                doesn't fit its column, a ``created_at`` is in another unit or form than those of
                the catalogue, an image is not in the folder, that of the catalogue is not there, or
                an encoder is not the one of the training. Nothing is added.
            OSError: an encoder or its tokenizer can't be loaded. Nothing is added.

        Example:
            >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> items = {"item_id": [*"abc"], "look": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]}
            >>> options = Options(
            ...     modalities="id,look=vectors:look", split="leave-one-out", epochs=1, dim=4
            ... )
            >>> made = Recommender.fit(log, items, options=options)
            >>> made.add_items({"item_id": ["d"], "look": [[0.0, 1.0]]})
            ['d']
        """
        frame = self.catalog.typed(rows, strict=True, more=self.state.columns_read)
        CreatedTimes(self.catalog).check(frame)
        known = [item for item in frame["item_id"].to_list() if item in self.catalog]
        if known:
            raise ValueError(f"items: {known[:3]!r} are in the catalogue already")
        sent = read_images(frame, Path(images)) if isinstance(images, str | Path) else images
        frame, files = with_images(frame, sent, self.catalog)
        write_images(files)
        new = Catalog(frame, self.catalog.images)
        self.state = self.state.with_items(new.frame, *self.state.encode(new))
        if "image" not in self.state.columns_read:  # otherwise the modality has said it
            warn_of_missing_images(self.catalog, new.ids)
        return self.catalog.ids_of(self.catalog.indices_of(new.ids))

    def save(self, directory: str | Path, **about: Any) -> None:
        """Write a RUN: model.safetensors, config.json, items.parquet and report.json.

        If several processes train the model, only the first writes. A warning names parts that were
        given built and do not record their arguments.

        Args:
            directory: the folder to write; an existing RUN is replaced.
            **about: further facts for ``config.json``, in JSON values.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written; an existing RUN stays as it was.
            ValueError: a part of the model was replaced, so :meth:`load` couldn't make it again.
        """
        state = replace(self.state, about={**self.state.about, **about})
        check_kept(self._parts, self.model)
        if not is_main_process():
            return
        warn_of_unrecorded(state)
        write_run(to_run(state, Path(directory)), Path(directory))
        self.state = state
        if self._checkpoints is not None:
            remove_folder(self._checkpoints)

    @classmethod
    def load(
        cls,
        directory: str | Path,
        *,
        parts: Sequence[Any] | Mapping[str, Any] = (),
        images: str | Path | None = None,
    ) -> "Recommender":
        """Read a RUN. No code in it is executed.

        Loading needs no pretrained weights. :meth:`add_items` needs them if encoders were frozen,
        otherwise only the tokenizer. A warning names parts from outside mmrec whose source has
        changed since the training.

        Args:
            directory: the RUN.
            parts: the classes of parts from outside mmrec, such as ``[FadingMean]``, partials of
                them, modules that define them, or the names of these, such as ``["my_parts"]``.
                Objects if the RUN doesn't hold their arguments.
            images: folder of the images; by default the one that the RUN names, or one that was
                moved together with the RUN.

        Raises:
            FileNotFoundError: there is no such folder.
            RunError: a file is missing or damaged, the RUN is of another version, or a part from
                outside mmrec is missing in ``parts``.
        """
        place, folder = Path(directory), None if images is None else Path(images)
        own = handed_over(parts)
        made = cls(from_run(read_run(place), place, own, folder))
        warn_of_changed(made.state.about, [part for _, part in own])
        made._own = own
        return made

    def save_pretrained(
        self,
        directory: str | Path,
        *,
        license: str | None = None,
        card: str | None = None,
        include_users: bool = False,
    ) -> None:
        """Write a RUN for others, with a model card.

        It lacks what names users (``targets.parquet``, ``users.parquet``) and places of this
        machine, such as the data set folder. The catalogue with all its columns is in it. Images
        and events are not part of a RUN. Without ``users.parquet``, features of users must be given
        with each request.

        Args:
            directory: the folder to write; a RUN that is there is replaced, with its card.
            license: identifier of a license, such as ``apache-2.0``; None is said in the card.
            card: the text of the card, README.md; by default it is made from the report.
            include_users: whether to write the files that name users, too.

        Raises:
            FileExistsError: ``directory`` holds something other than a RUN.
            OSError: the RUN can't be written.
            ValueError: a part of the model was replaced.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
            >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
            >>> made = Recommender.fit(log, {"item_id": [*"abc"]}, options=options)
            >>> with TemporaryDirectory() as folder:
            ...     made.save_pretrained(f"{folder}/shop", license="apache-2.0")
            ...     Recommender.from_pretrained(f"{folder}/shop")
            Recommender(3 items, id, GRUInterest, test ndcg@10 ...)
        """
        check_kept(self._parts, self.model)
        if is_main_process():
            save_shared(
                self.state,
                Path(directory),
                license=license,
                card=card,
                include_users=include_users,
            )

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = True,
        token: str | bool | None = None,
        message: str = "A RUN of mmrec",
        license: str | None = None,
        card: str | None = None,
        include_users: bool = False,
    ) -> str:
        """Upload what :meth:`save_pretrained` writes to the Hugging Face Hub.

        The repository is made if there is none. The log says which files are uploaded and which are
        left out.

        Args:
            repo_id: its id, ``owner/name``.
            private: whether the repository must be private. A repository that exists keeps what it
                is; a public one is an error unless ``private`` is False.
            token: a token of the hub; by default the one that is stored.
            message: of the commit.
            license: as for :meth:`save_pretrained`, as are ``card`` and ``include_users``.
            card: the text of the card.
            include_users: whether to upload the files that name users, too.

        Returns:
            The address of the commit.

        Raises:
            ValueError: ``repo_id`` is no id, or the repository is public.
            OSError: the hub can't be reached, or refuses.
        """
        check_kept(self._parts, self.model)
        return push(
            self.state,
            repo_id,
            private=private,
            token=token,
            message=message,
            license=license,
            card=card,
            include_users=include_users,
        )

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        parts: Sequence[Any] | Mapping[str, Any] = (),
        images: str | Path | None = None,
    ) -> "Recommender":
        """Read a RUN from a folder or from the Hugging Face Hub. No code in it is executed.

        Args:
            name: a folder, or the id of a repository, ``owner/name``.
            revision: a branch, a tag or a commit of the repository.
            token: a token of the hub; by default the one that is stored.
            parts: as for :meth:`load`: parts from outside mmrec come from the caller alone.
            images: as for :meth:`load`.

        Raises:
            FileNotFoundError: there is no such folder, and ``name`` is no id.
            ValueError: it holds code or pickles.
            RunError: as for :meth:`load`.
            OSError: the hub or the repository can't be read.
        """
        place = find_run(name, revision=revision, token=token)
        return cls.load(place, parts=parts, images=images)

    def to(self, device: str | torch.device) -> "Recommender":
        """Move model and item vectors to a device."""
        self.state = self.state.to(device)
        return self

    @property
    def options(self) -> Options:
        """The options that it was trained with."""
        return self.state.options

    @property
    def catalog(self) -> Catalog:
        """The items that can be recommended."""
        return self.state.catalog

    @property
    def model(self) -> SequentialModel:
        """The trained model."""
        return self.state.model

    @property
    def vectors(self) -> Tensor:
        """The vector of every catalogue index, ``(V + 1, D)``."""
        return self.state.vectors

    @property
    def report(self) -> Report:
        """How training and evaluation went; only the first process has metrics."""
        return Report(self.state.report)

    @property
    def targets(self) -> pl.DataFrame | None:
        """The rank of each test target, see :func:`mmrec.evaluation.target_table`."""
        return self.state.targets

    @property
    def catalog_scorer(self) -> CatalogScorer:
        """The model over the catalogue as it is now."""
        return self.state.scorer

    def _split(
        self,
        what: str,
        events: Table | Interactions | None,
        columns: Mapping[str, str] | None,
        time_unit: TimeUnit | None,
    ) -> Split:
        """Return a log, or that of ``fit``, split as for training; warm is what was trained on."""
        events = self._log if events is None else events
        if events is None:
            raise ValueError(f"{what} needs the log of events: a loaded recommender holds none")
        tables, unit = self._read_as_trained({"interactions": events}, columns, time_unit)
        advice = "; add_items adds them by their content"
        split = split_again(self.state, tables["interactions"], unit, advice)
        return with_known(split, self.state)

    def _read_as_trained(
        self,
        given: Mapping[str, Any],
        columns: Mapping[str, str] | None,
        time_unit: TimeUnit | None,
    ) -> tuple[dict[str, Any], TimeUnit | None]:
        """Return later tables with our names of columns, and the unit of their times.

        What is not given is as it was for the training. What was read before stays as it is.
        """
        tables = {name: table for name, table in given.items() if table is not None}
        built = {
            name: table.frame
            for name, table in tables.items()
            if isinstance(table, Interactions | Catalog)
        }
        if len(built) == len(tables):
            return tables, time_unit
        trained = TableReading.of(self.state.about, self.state.given)
        how = trained.fitted({**tables, **built}, columns, time_unit)
        unit = time_unit if "interactions" in built else how.time_unit
        return renamed(tables, how.columns), unit

    def _allowed(
        self, where: Where | None, exclude: Iterable[ItemId] = (), at: float | None = None
    ) -> Tensor:
        mask = self.state.where(where, at)
        mask[self.catalog.indices_of(as_history(exclude, "exclude"))] = False
        allowed = (torch.from_numpy(mask) & self.state.available).to(self.vectors.device)
        return allowed & ~self.state.unknown

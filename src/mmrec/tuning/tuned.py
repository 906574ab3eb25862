"""A search for the options and parts of a recommender."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import polars as pl

from mmrec.data import Catalog, Interactions, Table, TimeUnit, read_tables
from mmrec.data.wording import counted as _number
from mmrec.data.wording import verb
from mmrec.recommender.options import Options
from mmrec.recommender.parts import Parts
from mmrec.recommender.pipeline.resume import describe_start
from mmrec.recommender.recommender import Recommender
from mmrec.tuning.proposal import propose
from mmrec.tuning.search import Search, make_search, silent
from mmrec.tuning.space import Dimension, as_text
from mmrec.tuning.study import StudyFile, needs_optuna, open_study
from mmrec.tuning.trials import METRIC, best_of, counted, one_line, run_trial, trial_table

log = logging.getLogger(__name__)

TUNING = "tuning"
"""Key in the report of a recommender of how its options were found."""


@dataclass(frozen=True)
class Tuned:
    """What a search gives.

    Attributes:
        recommender: trained with the best values; its report says under ``tuning`` how they were
            found.
        trials: a row for each trial, see :func:`mmrec.tuning.trial_table`.
    """

    recommender: Recommender
    trials: pl.DataFrame


def tune(
    events: Table | Interactions,
    items: Table | Catalog,
    *,
    study: str | Path,
    trials: int = 30,
    space: Mapping[str, Dimension] | None = None,
    prune: bool = True,
    model: str | None = None,
    users: Table | None = None,
    images: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
    cache: str | Path | None = None,
    options: Options | None = None,
    progress: bool = False,
    **parts: Unpack[Parts],
) -> Tuned:
    """Search for options and parts by validation NDCG@10, and train with the best.

    Each trial trains with values that the sampler TPE (Bergstra et al. 2011) proposes, and is
    stopped early where its NDCG@10 is below the median of others (Golovin et al. 2017). The first
    trial has the defaults, as far as they are in the space. The test part is measured once, for
    the recommender that is trained with the best values at the end. All trials have one seed,
    ``options.seed``, and one split.

    A trial is kept when it has ended. A search that was interrupted goes on when it is started
    again in the same way. On a CPU it gives what it would have given without the interruption.
    With more ``trials``, it is continued.

    Args:
        events: as for :meth:`mmrec.Recommender.fit`, as are ``items``, ``users``, ``images``,
            ``columns``, ``time_unit`` and ``progress``.
        items: the catalogue.
        study: the file of the search, an Optuna study in SQLite; a new one is made for its owner
            alone.
        trials: number of trials, with those that are in the file.
        space: what is searched: a :class:`Range` or choices by name, see :data:`USUAL` for the
            names and :func:`parse_space` for a text. By default the usual values of
            :data:`DEFAULT`, without those that ``options`` sets, ``parts`` has or that have no
            effect.
        prune: whether trials are stopped early.
        model: as for ``fit``. The parts that the name sets are not searched by default; its options
            are, and the first trial has their values.
        users: features of users.
        images: folder of images.
        columns: our names of columns by theirs.
        time_unit: unit of timestamps.
        cache: folder of the features of frozen encoders, which are computed once for all trials;
            by default beside the file, ``STUDY.features``.
        options: what all trials have in common.
        progress: whether to show progress bars.
        **parts: what all trials have in common.

    Raises:
        ImportError: Optuna is not installed.
        ValueError: as for ``fit``; a name can't be searched, a value is out of range, the file is
            of another search, or no trial is complete.
        OSError: the file can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1)
        >>> with TemporaryDirectory() as folder:
        ...     tuned = tune(
        ...         events,
        ...         {"item_id": [*"abc"]},
        ...         study=Path(folder, "study.db"),
        ...         trials=2,
        ...         space={"dim": (4, 8), "interest": ("gru4rec", "sasrec")},
        ...         options=options,
        ...     )
        >>> tuned.trials.height, tuned.recommender.report["tuning"]["trials"]
        (2, 2)
    """
    needs_optuna()
    if not isinstance(trials, int) or trials < 1:
        raise ValueError(f"trials must be a whole number of 1 or more; got {trials!r}")
    place = Path(study)
    kept = place.with_name(f"{place.name}.features") if cache is None else Path(cache)
    data = read_tables(events, items, users, images=images, columns=columns, time_unit=time_unit)
    search = make_search(data, options, parts, space, model)
    with open_study(place, _started(search, prune)) as file:
        _run(search, file, trials, kept, prune=prune, progress=progress)
        ended = file.trials[:trials]
    best = best_of(ended)
    facts = counted(ended) | {
        "best_trial": best.number,
        f"valid_{METRIC}": best.value,
        "chosen": best.params,
        "space": as_text(search.space),
    }
    log.info("the best is trial %d; training with its values", best.number)
    chosen, given = search.chosen(best.params)
    made = Recommender.fit(
        data.interactions,
        data.catalog,
        model=model,
        users=data.users,
        cache=kept,
        options=chosen,
        progress=progress,
        **given,
    )
    made.state = replace(made.state, report={**made.state.report, TUNING: facts})
    return Tuned(made, trial_table(ended, list(search.space)))


def _run(
    search: Search, file: StudyFile, trials: int, cache: Path, *, prune: bool, progress: bool
) -> None:
    """Run the trials that the file lacks."""
    before = len(file.trials)
    if before:
        used = min(before, trials)
        log.info("%s of %s %s used", _number(used, "trial"), file.path, verb(used, "is", "are"))
    for number in range(before, trials):
        seed = search.options.seed
        trial = propose(file.trials, search.space, seed=seed, first=search.defaults, prune=prune)
        # What is odd about the data is the same in all trials, and is said once.
        with silent() if number > before else nullcontext():
            ended = run_trial(search, trial, cache, progress=progress)
        file.add(ended, number)
        log.info("%s", one_line(ended, number))


def _started(search: Search, prune: bool) -> dict[str, Any]:
    """Return what must be the same when a search goes on."""
    plan = search.plan
    table = None if plan.users is None else plan.users.catalog
    started = describe_start(plan.options, plan.recipe, plan.split, plan.catalog, table)
    return started | {"space": as_text(search.space), "prune": prune}

"""Later data sets: items that a RUN doesn't have, and earlier events that they lack."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data import Catalog, Dataset, Interactions, read_folder
from mmrec.data.times import iso
from mmrec.data.wording import counted, verb
from mmrec.recommender import Recommender, RecommenderState
from mmrec.recommender.pipeline.leaks import TRAINED
from mmrec.recommender.report import BEFORE
from mmrec.trends import CreatedTimes

logger = logging.getLogger(__name__)


def read_later(folder: Path, catalog: Catalog, how: Mapping[str, Any]) -> Dataset:
    """Return what a later folder holds. Without a folder of images, those of a RUN are its own.

    A line says for how many items.

    Args:
        folder: the data set folder.
        catalog: the items of the RUN.
        how: arguments of :func:`mmrec.data.read_folder`.
    """
    own = catalog.images
    if (folder / "images").is_dir() or own is None or not own.is_dir():
        return read_folder(folder, **how)
    dataset = read_folder(folder, **how, images=own)
    if many := sum(path is not None for path in dataset.catalog.image_paths()):
        logger.info(
            "%s %s an image, and %s has no folder images: those of the RUN are used, in %s",
            *(counted(many, "item"), verb(many, "names", "name"), folder, own),
        )
    return dataset


def log_of_run(dataset: Dataset, recommender: Recommender, folder: Path) -> Interactions:
    """Return the events of a data set; its items that a recommender lacks are added to it.

    They are added if there are events of them, by their content, as
    :meth:`Recommender.add_items` adds them, but with the pictures of the data set. They are cold. A
    line says how many they are.

    Args:
        dataset: what the folder holds.
        recommender: gets the items.
        folder: the folder, for messages.

    Raises:
        ValueError: an id may be another form of one that the recommender has, or a row doesn't fit
            its catalogue.
        OSError: an encoder can't be loaded.

    Example:
        >>> from mmrec import Options
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> made = Recommender.fit(
        ...     events,
        ...     {"item_id": [*"abc"]},
        ...     options=Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4),
        ... )
        >>> later = {"user_id": ["w"], "item_id": ["d"], "position": [0]}
        >>> dataset = Dataset(Interactions(later), Catalog({"item_id": [*"bd"]}))
        >>> len(log_of_run(dataset, made, Path("later")))
        1
        >>> made.catalog.ids
        ['a', 'b', 'c', 'd']
    """
    events, catalog = dataset.interactions, recommender.catalog
    items = events.frame["item_id"]
    unknown = [item for item in items.unique(maintain_order=True) if not catalog.find(item)]
    if not unknown:
        return events
    count, many = int(items.is_in(unknown).sum()), len(unknown)
    said = f"{counted(count, 'event')} of {folder} {verb(count, 'is', 'are')} of"
    if doubt := catalog.mistaken(unknown):
        raise ValueError(
            f"{said} {counted(many, 'item')} that {verb(many, 'is', 'are')} not in the catalogue "
            f"of the RUN ({counted(len(catalog), 'item')}), first {unknown[:3]!r}{doubt}"
        )
    new = [not catalog.find(item) for item in dataset.catalog.ids]
    rows = catalog.typed(dataset.catalog.frame.filter(pl.Series(new)))
    CreatedTimes(catalog).check(rows)
    images = dataset.catalog.images
    there = images is not None and images.is_dir()  # that it is not was said when it was read
    vectors = recommender.state.encode(Catalog(rows, images if there else None))
    kept = rows.select(name for name in rows.columns if name in catalog.columns)
    recommender.state = recommender.state.with_items(kept, *vectors)
    logger.info(
        "%s of %s that the RUN lacks %s added by content for this command: lists may have them, "
        "and they count as cold; %s them",
        *(counted(len(rows), "item"), folder, verb(len(rows), "is", "are"), said),
    )
    return events


def warn_of_earlier(log: Interactions, state: RecommenderState, folder: Path) -> None:
    """Warn that histories lack events of earlier trainings, if an updated RUN has such events.

    Which events a RUN has trained on is unknown but for their number and the last time of an
    earlier training. Events up to that time are taken for those of the earlier trainings. Without
    times, a log of as many events or more is taken for all of them.

    Args:
        log: the events of the histories.
        state: what the RUN holds.
        folder: where the log comes from, for the message.

    Example:
        >>> from mmrec import Options, Recommender
        >>> events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> made = Recommender.fit(
        ...     events,
        ...     {"item_id": [*"abc"]},
        ...     options=Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4),
        ... )
        >>> warn_of_earlier(Interactions(events), made.state, Path("shop"))  # nothing is lacking
    """
    if BEFORE not in state.report:
        return
    trained, before = int(state.counts.sum()), state.about.get(TRAINED, {}).get("before")
    if log.order != "timestamp" or before is None:
        if trained <= len(log):
            return
    elif (known := int((log.frame["timestamp"] <= before).sum())) and trained - len(log) <= known:
        return
    users = log.frame["user_id"].n_unique()
    logger.warning(
        "histories are of the %s of %s in %s alone: the RUN is an update, which has trained on %s "
        "in all, and users and events of earlier trainings are not in them, so that lists may have "
        "items that were seen then; give --data with all events",
        *(counted(len(log), "event"), counted(users, "user"), folder, counted(trained, "event")),
    )


def measured_part(report: Mapping[str, Any], events: Interactions) -> str:
    """Return which events of a log a report has measured.

    Example:
        >>> log = Interactions({"user_id": [*"uv"], "item_id": [*"ab"], "timestamp": [0, 60]})
        >>> report = {"split": "time", "split_options": {"cuts": [0.0, 60.0]}}
        >>> print(measured_part({**report, "test": {"targets": 1}}, log))
        1 of 2 events is measured, those from 1970-01-01T00:01:00Z on, and 1 of them is a target...
    """
    targets, most = report["test"]["targets"], counted(len(events), "event")
    if report["split"] != "time":
        return (
            f"{targets:,} of {most} {verb(targets, 'is', 'are')} measured, the last target of each "
            f"user: the log is split as for training"
        )
    cut = report["split_options"]["cuts"][-1]
    count = int((events.frame["timestamp"] >= cut).sum())
    return (
        f"{count:,} of {most} {verb(count, 'is', 'are')} measured, those from {iso(cut)} on, and "
        f"{targets:,} of them {verb(targets, 'is a target', 'are targets')}: the log is split as "
        f"for training, so the events before are history and what baselines are fitted to; a "
        f"history has no events of the training"
    )

"""Which events a model has trained on: figures on them are no test, and their items are warm."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from mmrec.data import Split
from mmrec.data.splits import PARTS
from mmrec.data.times import iso
from mmrec.data.wording import counted
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.plan import Plan

log = logging.getLogger(__name__)

TRAINED = "trained_on"
"""In ``about``: what the model has trained on. In a report: figures on parts that it trained on."""

LEAK = "leak"
"""In a report: a sentence about test events that the model has trained on, or may have."""


def describe_trained(plan: Plan, last: str) -> dict[str, Any]:
    """Return what a RUN keeps of the events of its training, up to and including part ``last``.

    They are the fingerprint of the split, the parts, the time of the last event (None without
    times, or if only the training part was used), and the last such time of earlier trainings.
    """
    events, refitted = plan.split.until(last), last != "train"
    return {
        "split": plan.split.fingerprint,
        "parts": list(PARTS)[: PARTS[last] + 1],
        "until": events.end if events.timed and refitted else None,
        "before": last_time(plan.start),
    }


def without_leaks(report: dict[str, Any], state: RecommenderState, split: Split) -> dict[str, Any]:
    """Return a report whose ``valid`` and ``test`` are not of events that trained the model.

    On the split of the training, the figures on parts that it has trained on are moved to
    :data:`TRAINED`. On another split it is unknown which events are the same, so those are counted
    that are not later than the last event of the training. Both are said in the report and, for
    the test part, in a warning.
    """
    trained = state.about.get(TRAINED, {})
    if trained.get("split") != split.fingerprint:
        return with_overlap(report, last_time(state), split)
    moved = {part: report[part] for part in trained["parts"] if part in report}
    if moved:
        kept = {name: value for name, value in report.items() if name not in moved}
        report = kept | {TRAINED: moved}
    if "test" not in moved:
        return with_overlap(report, trained["before"], split)
    return _said(
        report,
        "the model has trained on the test events of this log, so these figures are not a test; "
        "the report of fit has a test, made before that; give a log of later events, or fit with "
        "refit='valid'",
    )


def leak_of(state: RecommenderState, split: Split) -> str | None:
    """Return, and warn, that the model has trained on test events of a split, or may have."""
    return without_leaks({"test": {}}, state, split).get(LEAK)


def with_overlap(
    report: dict[str, Any], until: float | None, split: Split, counted_until: float | None = None
) -> dict[str, Any]:
    """Return a report that says how many test events may not be new, if some are.

    Args:
        report: of the split.
        until: time of the last event of an earlier training; None if it is unknown.
        split: labelled events.
        counted_until: time of the last event that affinities go on from; None if they don't.
    """
    targets = split.targets("test")
    trained, known = _overlaps(split, targets, until, counted_until)
    if trained:
        return _said(
            report,
            f"{trained:,} of {len(targets):,} test events are not later than the last event of an "
            f"earlier training; figures on events that were in it are not a test",
        )
    if known:
        return _said(
            report,
            f"{known:,} of {len(targets):,} test events are not later than the last event that the "
            f"affinities of the RUN before have counted; figures on events that were counted are "
            f"not a test of affinities",
        )
    return report


def warn_of_counted(state: RecommenderState, split: Split) -> None:
    """Warn of the events of an update that the RUN may have trained on, or may have counted.

    It is unknown which of them it has. Nothing is left out, since late events are new. The
    affinities of a RUN that was saved live have counted events of its log, which trained nothing.

    Args:
        state: the recommender that is updated.
        split: the new log.
    """
    until, counted_until = last_time(state), last_known(state)
    every = np.arange(len(split.sequences.time))
    trained, known = _overlaps(split, every, until, counted_until)
    events = counted(len(every), "event")
    if trained and until is not None:
        log.warning(
            "%s of %s of the log are not later than the last event that the RUN has trained on, at "
            "%s: they are trained on and added to the counts of items and of affinities like all "
            "others, so those that the RUN has count twice; give the events since then",
            *(f"{trained:,}", events, iso(until)),
        )
    if known and counted_until is not None:
        log.warning(
            "%s of %s of the log are later than what the RUN has trained on, but not later than "
            "%s, up to when its affinities have counted events, such as live ones: which of them "
            "is unknown, and those count twice in affinities; where the RUN was saved live, update "
            "the RUN before it with all events since its training",
            *(f"{known:,}", events, iso(counted_until)),
        )


def _overlaps(
    split: Split, events: Int[np.ndarray, " N"], until: float | None, counted_until: float | None
) -> tuple[int, int]:
    """Return how many events are not later than a training, and how many more than a count."""
    if not split.sequences.timed:
        return 0, 0
    times = split.sequences.time[events]
    trained = int(np.count_nonzero(times <= until)) if until is not None else 0
    known = int(np.count_nonzero(times <= counted_until)) if counted_until is not None else 0
    return trained, max(0, known - trained)


def with_known(split: Split, state: RecommenderState) -> Split:
    """Return a split whose warm items are those that a recommender knows from its training.

    On the split of the training these are the items of its training part, whatever the refit has
    read, and those of earlier trainings. On another split they are all that it has trained on.
    """
    trained, counts = state.about.get(TRAINED, {}), state.counts.cpu().numpy()
    if trained.get("split") != split.fingerprint:
        return replace(split, known=counts > 0)
    read = split.until(list(PARTS)[len(trained["parts"]) - 1])
    return with_earlier(split, counts - read.counts(split.catalog_size))


def with_earlier(split: Split, counts: Int[np.ndarray, " V1"]) -> Split:
    """Return the split of a training whose warm items include those of earlier trainings.

    Args:
        split: labelled events.
        counts: events in earlier trainings by catalogue index; later items may be missing.
    """
    known = split.train_counts > 0
    known[: len(counts)] |= counts > 0
    return replace(split, known=known)


def last_time(state: RecommenderState | None) -> float | None:
    """Return the time of the last event that a refit has read; None if it is unknown."""
    trained = {} if state is None else state.about.get(TRAINED, {})
    times = [trained.get(name) for name in ("until", "before")]
    return max((time for time in times if time is not None), default=None)


def last_known(start: RecommenderState | None) -> float | None:
    """Return the last time of which an update knows events: its tables go on from the old ones."""
    counted = [] if start is None else [one.until for one in start.neighbours]
    times = [last_time(start), *counted]
    return max((time for time in times if time is not None), default=None)


def _said(report: dict[str, Any], sentence: str) -> dict[str, Any]:
    log.warning("%s", sentence)
    return report | {LEAK: sentence}

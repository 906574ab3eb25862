"""The half-life of popularity, chosen by the likelihood of later events."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from mmrec.trends.events import ItemEvents
from mmrec.trends.popularity import (
    LEAST_PSEUDO_COUNT,
    PSEUDO_SHARE,
    prior_count,
    static_share,
    weight_of_age,
)

HOUR, DAY = 3600.0, 86_400.0
WEEK = 7 * DAY
HALF_LIVES = (HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 180 * DAY, math.inf)
"""The half-lives that are tried, in seconds."""

SHORTER = (60.0, 300.0, 900.0, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
"""Times that are also tried for a log that spans less than a week, in seconds."""

LEAST_SPAN = 1 / 500
"""Share of the span of a log below which a time is too short to count events in."""

UNIFORM = 0.01
"""Share of the uniform distribution in the likelihood, so that a new item's is not 0."""

BLOCK = 256
SAMPLED_TIMES = 1000
FORGOTTEN = 60.0
"""Half-lives after which an event is left out: it counts less than rounding."""


def shorter_times(times: Float[np.ndarray, " E"]) -> list[float]:
    """Return the times, in seconds, in which events of a short log can be counted.

    There are none for a log of a week or more: days are the better choice there, and as before.

    Example:
        >>> shorter_times(np.array([0.0, 5 * 3600.0]))
        [60.0, 300.0, 900.0, 3600.0, 10800.0]
        >>> shorter_times(np.array([0.0, 30 * 86_400.0]))
        []
    """
    span = float(np.ptp(times)) if len(times) else 0.0
    return [t for t in SHORTER if span * LEAST_SPAN <= t < span] if span < WEEK else []


def pseudo_count(train: ItemEvents, half_life: float) -> float:
    """Return the pseudo-count of :func:`mmrec.trends.smoothed_share` for a half-life.

    It is 5 % of the median decayed number of events, taken at the times of training events, and at
    least 0.5.

    Example:
        >>> pseudo_count(ItemEvents(np.ones(101, dtype=int), np.arange(101.0)), math.inf)
        2.5
    """
    if not len(train):
        return LEAST_PSEUDO_COUNT
    at = np.linspace(0, len(train) - 1, min(len(train), SAMPLED_TIMES)).round().astype(int)
    stop = np.searchsorted(train.time, train.time[at], side="left")
    usual = float(np.median(_totals(train.time, stop, train.time[at], half_life)))
    return max(PSEUDO_SHARE * usual, LEAST_PSEUDO_COUNT)


def choose_half_life(
    events: ItemEvents,
    train: ItemEvents,
    target: Int[np.ndarray, " N"],
    at: Float[np.ndarray, " N"],
    catalog_size: int,
    *,
    half_lives: Sequence[float] = HALF_LIVES,
) -> tuple[float, dict[float, float]]:
    """Return the half-life under whose smoothed share later events are most likely.

    As in :class:`mmrec.trends.Trend`, events decay up to the last event before a time.

    Args:
        events: all events that a request may know of; those before its time count.
        train: the training events, for the long-run shares.
        target: items of later events, such as those of validation, ``(N,)``.
        at: their times, ``(N,)``.
        catalog_size: V, the number of items.
        half_lives: the choices, in seconds.

    Returns:
        The half-life, and the mean log likelihood of each choice.

    Raises:
        ValueError: there are no targets or no choices.

    Example:
        >>> events = ItemEvents(np.repeat([1, 2], 50), np.arange(100.0) * 3600)
        >>> late = np.arange(60.0, 90.0) * 3600
        >>> best, _ = choose_half_life(events, events.before(6e4), np.full(30, 2), late, 2)
        >>> best
        21600.0
    """
    if not len(target) or not half_lives:
        raise ValueError(
            f"choose_half_life expects targets and half-lives; got {len(target)} and "
            f"{len(half_lives)}"
        )
    static = static_share(train.counts(catalog_size))[target]
    starts, times = _by_item(events, catalog_size)
    stop = np.searchsorted(events.time, at, side="left")
    last = np.where(stop > 0, np.append(at[:1], events.time)[stop], at)  # as of the last event
    likelihood = {}
    for half_life in half_lives:
        total = _totals(events.time, stop, last, half_life)
        prior = prior_count(total, pseudo_count(train, half_life))
        recent = _decayed_sums(starts, times, target, at, last, half_life)
        share = (recent + prior * static) / (total + prior)
        mixed = (1 - UNIFORM) * share + UNIFORM / catalog_size
        likelihood[float(half_life)] = float(np.log(mixed).mean())
    return max(likelihood, key=likelihood.__getitem__), likelihood


def _totals(
    times: Float[np.ndarray, " E"],
    stop: Int[np.ndarray, " N"],
    at: Float[np.ndarray, " N"],
    half_life: float,
) -> Float[np.ndarray, " N"]:
    """Return what the first ``stop`` events count at each time; the events' times ascend.

    They are summed in blocks: the full blocks before a time, and the events since.
    """
    full = len(times) // BLOCK
    blocks = times[: full * BLOCK].reshape(full, BLOCK)
    ends = blocks[:, -1]
    own = weight_of_age(ends[:, None] - blocks, half_life).sum(1)
    decay = weight_of_age(np.diff(ends, prepend=ends[:1]), half_life)
    until = np.zeros(full + 1)  # the first 0, 1, 2, … blocks, at the end of the last of them
    for row in range(full):
        until[row + 1] = until[row] * decay[row] + own[row]
    number = stop // BLOCK
    since = np.where(number > 0, at - np.append(0.0, ends)[number], 0.0)
    place = number[:, None] * BLOCK + np.arange(BLOCK)
    before = place < stop[:, None]
    age = np.where(before, at[:, None] - np.append(times, np.zeros(BLOCK))[place], 0.0)
    rest = (weight_of_age(age, half_life) * before).sum(1)
    totals: np.ndarray = until[number] * weight_of_age(since, half_life) + rest
    return totals


def _by_item(
    events: ItemEvents, catalog_size: int
) -> tuple[Int[np.ndarray, " V2"], Float[np.ndarray, " E"]]:
    """Return where each item's times start, and the times, ascending within an item."""
    order = np.argsort(events.item, kind="stable")
    starts = np.searchsorted(events.item[order], np.arange(catalog_size + 2))
    return starts, events.time[order]


def _decayed_sums(
    starts: Int[np.ndarray, " V2"],
    times: Float[np.ndarray, " E"],
    items: Int[np.ndarray, " N"],
    before: Float[np.ndarray, " N"],
    at: Float[np.ndarray, " N"],
    half_life: float,
) -> Float[np.ndarray, " N"]:
    """Return what the events of each item before some times count at other times."""
    sums = np.empty(len(items))
    for row, (item, until, now) in enumerate(zip(items, before, at, strict=True)):
        own = times[starts[item] : starts[item + 1]]
        first, stop = np.searchsorted(own, [now - FORGOTTEN * half_life, until], side="left")
        sums[row] = np.exp2((own[first:stop] - now) / half_life).sum()
    return sums

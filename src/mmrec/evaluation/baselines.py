"""The baselines of a report: their settings are chosen on validation, then they are measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.baselines import (
    EASE,
    Baseline,
    ContentNearest,
    ItemKNN,
    Markov,
    Popularity,
    RecentPopularity,
    WindowedPopularity,
)
from mmrec.baselines.decayed import with_decay
from mmrec.baselines.ease import MAX_SIDE
from mmrec.data import Sequences, Split
from mmrec.evaluation.item_facts import ItemFacts
from mmrec.evaluation.protocol import RankingProtocol
from mmrec.evaluation.ranking import rank_targets
from mmrec.evaluation.report import evaluate
from mmrec.metrics import ndcg
from mmrec.trends import HALF_LIVES, shorter_times

BEFORE = {"valid": "train", "test": "valid"}
"""For each part, the last part before it, up to which baselines are fitted."""

MAX_VALID = 1000
"""Validation targets by which settings are chosen, at most."""

MAX_CHOICE = 4000
"""The side of EASE's matrix up to which its strength is chosen, since each choice inverts one."""

DAY = 86_400.0
DECAYS = (0.9, 0.7, 0.5)

Settings = dict[str, float]
ContentVectors = tuple[Float[Tensor, "V1 E"], Bool[Tensor, " V1"]]
"""A vector of each catalogue index, and which indices have one."""


@dataclass(frozen=True)
class Kind:
    """A baseline and the settings to choose from.

    Attributes:
        make: makes it from settings.
        settings: the choices; the first is the default. Those that differ in ``decay`` alone follow
            one another, since they share what is fitted.
        timed: whether it takes the events that a request may know of, rather than those before the
            part.
    """

    make: Callable[..., Baseline]
    settings: Sequence[Settings] = ({},)
    timed: bool = False


def evaluate_baselines(
    split: Split,
    part: str = "test",
    *,
    protocol: RankingProtocol | None = None,
    max_length: int | None = None,
    items: ItemFacts | None = None,
    content: ContentVectors | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the reports of baselines by name, see :func:`mmrec.evaluation.evaluate`.

    They are popularity, a Markov chain, item-kNN and EASE; for a log with times, popularity that
    decays and popularity in a window; and with ``content``, the items nearest in content.

    Settings are chosen by NDCG@10 of at most 1,000 validation targets, after a fit to the training
    events. For the test part a baseline is then fitted to training and validation events. A report
    has the choice as ``"chosen"``. The validation part is measured with the defaults.

    Args:
        split: labelled events.
        part: ``"valid"`` or ``"test"``.
        protocol: targets, filter and cut-offs; by default :class:`RankingProtocol` as it is.
        max_length: events of a history, instead of the protocol's.
        items: facts about the items, for diversity, calibration and slices by content.
        content: a vector of each catalogue index, and which indices have one.

    Raises:
        ValueError: ``part`` is neither ``"valid"`` nor ``"test"``.
    """
    if part not in BEFORE:
        raise ValueError(f"part must be one of {sorted(BEFORE)}; got {part!r}")
    rules = protocol or RankingProtocol()
    rules = rules if max_length is None else replace(rules, max_length=max_length)
    reports = {}
    for name, kind in kinds_of(split, part, content).items():
        chosen = kind.settings[0]
        if len(kind.settings) > 1 and part == "test" and len(split.targets("valid")):
            chosen = choose(kind, split, rules)
        fitted = kind.make(**chosen).fit(_events(kind, split, part), split.catalog_size)
        reports[name] = evaluate(fitted, split, part, protocol=rules, items=items)
        if chosen:
            reports[name]["chosen"] = dict(chosen)
    return reports


def left_out_baselines(split: Split, part: str = "test") -> dict[str, str]:
    """Return why baselines are left out that :func:`evaluate_baselines` would measure, by name."""
    side = EASE.side(_before(split, part))
    if side <= MAX_SIDE:
        return {}
    return {"ease": f"{side:,} users and items with events; at most {MAX_SIDE:,} of either"}


def known_sequences(split: Split, part: str) -> Sequences:
    """Return the events that requests of a part may know of, if they come before them.

    In a split by time these are all events, as in a service. Leave-one-out holds out the last
    events of each user, so only those of earlier parts are known.
    """
    if split.name == "time":
        return split.sequences.without_negatives()
    return _before(split, part)


def choose(kind: Kind, split: Split, protocol: RankingProtocol | None = None) -> Settings:
    """Return the settings with the highest NDCG@10 on validation, after a fit to training events.

    Of equally good ones it is the first.

    Args:
        kind: the baseline and its settings.
        split: labelled events.
        protocol: targets and filter.
    """
    rules = protocol or RankingProtocol()
    found: list[tuple[float, Settings]] = []
    for settings, fitted in _fitted(kind, _events(kind, split, "valid"), split.catalog_size):
        ranks = rank_targets(
            fitted,
            split,
            "valid",
            filter_seen=rules.filter_seen,
            targets=rules.targets,
            max_length=rules.max_length,
            at_most=MAX_VALID,
        )
        found.append((float(ndcg(ranks.per_list, 10).mean()), settings))
    return max(found, key=lambda pair: pair[0])[1]


def kinds_of(split: Split, part: str, content: ContentVectors | None) -> dict[str, Kind]:
    """Return the baselines that a split allows, by name."""
    kinds = {"popularity": Kind(Popularity)}
    if split.sequences.timed:
        times = _times(split.train.time)
        lives, windows = ([{name: t} for t in times] for name in ("half_life", "window"))
        kinds["recent-popularity"] = Kind(RecentPopularity, lives, timed=True)
        kinds["windowed-popularity"] = Kind(WindowedPopularity, windows, timed=True)
    kinds["markov"] = Kind(Markov)
    shrinks = (10.0, 100.0)
    kinds["item-knn"] = Kind(ItemKNN, [{"shrink": s, "decay": d} for s in shrinks for d in DECAYS])
    side = EASE.side(_before(split, part))
    if side <= MAX_SIDE:
        strengths = (100.0, 10.0, 1000.0) if side <= MAX_CHOICE else (100.0,)
        kinds["ease"] = Kind(EASE, [{"l2": s, "decay": d} for s in strengths for d in DECAYS])
    if content is not None:
        near = partial(ContentNearest, *content)
        kinds["content-nearest"] = Kind(near, [{"decay": decay} for decay in (0.8, 0.95, 0.5)])
    return kinds


def _times(events: Float[np.ndarray, " E"]) -> list[float]:
    """Return half-lives and windows to choose from: days, and what a trend may have in the log."""
    days = [number * DAY for number in (7, 1, 30, 180)]
    span = float(np.ptp(events)) if len(events) else 0.0
    own = [*shorter_times(events), *(time for time in HALF_LIVES if time < span)]
    return list(dict.fromkeys([*days, *sorted(own)]))


def _fitted(kind: Kind, events: Sequences, size: int) -> Iterator[tuple[Settings, Baseline]]:
    """Yield a fitted baseline for each of the settings; fit once for those that share it."""
    last: tuple[Mapping[str, float], Any] | None = None
    for settings in kind.settings:
        rest = {name: value for name, value in settings.items() if name != "decay"}
        if last is not None and last[0] == rest:
            yield settings, with_decay(last[1], settings["decay"])
        else:
            last = rest, kind.make(**settings).fit(events, size)
            yield settings, last[1]


def _events(kind: Kind, split: Split, part: str) -> Sequences:
    return known_sequences(split, part) if kind.timed else _before(split, part)


def _before(split: Split, part: str) -> Sequences:
    return split.until(BEFORE[part]).without_negatives()

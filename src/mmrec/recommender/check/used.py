"""What ``fit`` would use of a data set, and how: roles of events, parts, content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mmrec.data import Catalog, EventRules, Interactions, Split
from mmrec.data.times import iso
from mmrec.data.wording import counted, did_you_mean, verb
from mmrec.recommender.check.content import ModalityUse, uses_of
from mmrec.recommender.check.finding import FEW, Finding, error, note, warning
from mmrec.recommender.check.signals import negative_option, suggested_rules
from mmrec.recommender.content import Modality
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.data import split_log
from mmrec.trends import ItemEvents, about_undated, created_times
from mmrec.trends.age import created_column

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Use:
    """What ``fit`` would use.

    Attributes:
        split: the labelled events; None if ``fit`` would refuse them.
        events: roles, repeats and parts, in plain values.
        content: what each modality reads.
        created: when each item began to exist, ``(V + 1,)``; None if no column says it.
        findings: why ``fit`` would refuse.
    """

    split: Split | None
    events: dict[str, Any]
    content: dict[str, ModalityUse] = field(default_factory=dict)
    created: np.ndarray | None = None
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "events": self.events,
            "modalities": {name: use.to_dict() for name, use in self.content.items()},
        }


def find_use(
    log: Interactions,
    catalog: Catalog,
    modalities: Mapping[str, Modality],
    options: Options,
    pictured: Mapping[str, np.ndarray],
) -> Use:
    """Return what ``fit`` would use of events and items; arguments as for :func:`uses_of`."""
    findings: list[Finding] = []
    split = None
    events: dict[str, Any] = {"roles": {}, "dropped_repeats": {}, "guessed": {}, "split": None}
    try:
        split = split_log(log, options, catalog)
        facts = split.facts
    except ValueError as problem:
        findings.append(error("split", None, str(problem), _advice(log, options)))
        facts = _facts(log, options)
    events |= {name: facts.get(name, events[name]) for name in ("roles", "dropped_repeats")}
    events["guessed"] = facts.get("guessed", {})
    if split is not None:
        events["split"] = _parts(split)
        trained = np.flatnonzero(split.train_counts[1:]) + 1
    else:  # which items are trained is unknown: as if all that have events were
        trained = np.unique(catalog.indices_of(log.frame["item_id"].unique().to_list()))
    content, refused = uses_of(catalog, modalities, trained, pictured)
    created, wrong = _created(catalog, log, counts=options.trend)
    findings += [*refused, *wrong]
    findings += [
        *_signals(facts, log.frame, options.negative or ()),
        *_unmatched(log, options),
        *_unlabelled(log),
    ]
    return Use(split, events, content, created, tuple(findings))


def _advice(log: Interactions, options: Options) -> str:
    if log.order != "timestamp" and options.split == "time":
        return "Add a column timestamp, or split with --split leave-one-out."
    if lacking := options.event_rules.columns - set(log.frame.columns):
        return f"Correct {verb(len(lacking), 'the name', 'the names')} in the rules of events."
    return "Change the rules of events, --split or --min-count."


def _facts(log: Interactions, options: Options) -> dict[str, Any]:
    """Return the roles of events that can't be split, if the rules fit them."""
    try:
        return options.event_rules.apply(log)[1]
    except ValueError:
        return {}


def _parts(split: Split) -> dict[str, Any]:
    sizes, users = split.sizes(), split.sequences.owner
    return {
        "name": split.name,
        "targets": sizes,
        "users": {part: len(np.unique(users[split.targets(part)])) for part in PARTS},
        "cuts": [iso(cut) for cut in split.options.get("cuts", [])],
        "candidates": len(split.candidates),
        "trained_items": int((split.train_counts > 0).sum()),
        "fingerprint": split.fingerprint,
    }


def _created(
    catalog: Catalog, log: Interactions, *, counts: bool
) -> tuple[np.ndarray | None, Sequence[Finding]]:
    """Return when items began to exist, and why ``fit`` would refuse that, or what is lacking.

    Args:
        catalog: the items.
        log: the events.
        counts: whether the age of items may be part of the score.
    """
    if log.order != "timestamp" or created_column(catalog.frame.columns) is None:
        return None, []
    nothing = ItemEvents(np.zeros(0, dtype=np.int64), np.zeros(0))
    try:
        created, said = created_times(catalog.frame, nothing), about_undated(catalog.frame)
    except ValueError as problem:
        advice = "Write it as ISO dates or unix seconds, empty where unknown; or pass --no-trend."
        return None, [error("created_at", None, str(problem), advice)]
    if said is None or not counts:
        return created, []
    lacking = np.isnan(created[1:])
    rows = (np.flatnonzero(lacking)[:FEW] + 1).tolist()
    advice = "Where the time is known, write it; the age of items is part of the score."
    return created, [note("undated_items", int(lacking.sum()), said, advice, catalog.ids_of(rows))]


def _signals(facts: dict[str, Any], events: pl.DataFrame, given: Sequence[str]) -> list[Finding]:
    found = []
    for name in facts.get("unused_columns", []):
        low, high = suggested_rules(events, name) or (f"{name} …", f"{name} …")
        found.append(
            warning(
                "unused_signal",
                None,
                f"the column {name!r} of the events is not used: every event counts alike",
                f"A rule gives it a meaning, such as {negative_option(low, given)} or "
                f"--targets '{high}'.",
            )
        )
    return found


def _unmatched(log: Interactions, options: Options) -> list[Finding]:
    """Find rules that name an event type which no event has."""
    types = set(log.frame["event"].drop_nulls()) if "event" in log.frame.columns else set()
    rules = [*(options.negative or ()), *(options.shown or ()), *options.ignored]
    # A condition reads a column, a name doesn't.
    names = [r for r in rules if r not in types and not EventRules(ignored=(r,)).columns]
    return [
        warning(
            "unmatched_rule",
            None,
            f"no event has the type {name!r}{did_you_mean(name, types)}",
            "Check its spelling.",
        )
        for name in names
    ]


def _unlabelled(log: Interactions) -> list[Finding]:
    if "event" not in log.frame.columns:
        return []
    empty = int((log.frame["event"].fill_null("").str.strip_chars() == "").sum())
    if not empty:
        return []
    return [
        note(
            "event_without_type",
            empty,
            f"{empty:,} of {counted(len(log), 'event')} {verb(empty, 'has', 'have')} no type",
            "They are one more type, whose name is empty.",
        )
    ]


def columns_in_use(frame: pl.DataFrame, use: Use, options: Options) -> dict[str, list[str]]:
    """Return what reads each column of the items, by column."""
    readers: dict[str, list[str]] = {}
    for name, modality in use.content.items():
        for column in modality.columns:
            readers.setdefault(column, []).append(name)
    if use.created is not None and options.trend:
        readers.setdefault(str(created_column(frame.columns)), []).append("age of items")
    return readers

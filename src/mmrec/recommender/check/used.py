"""What ``fit`` would use of a data set, and how: roles of events, parts, content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mmrec.data import Catalog, Interactions, Split
from mmrec.data.conditions.columns import RefusedValues
from mmrec.data.rule_conditions import condition_of, unmatched_conditions
from mmrec.data.times import iso
from mmrec.data.usable import tried
from mmrec.data.wording import counted, did_you_mean, verb
from mmrec.recommender.check.content import ModalityUse, uses_of
from mmrec.recommender.check.finding import FEW, Finding, error, note, warning
from mmrec.recommender.check.signals import negative_option, suggested_rules, with_duration
from mmrec.recommender.content import Modality
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.data import check_columns, split_log
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
    rows: pl.DataFrame | None = None,
) -> Use:
    """Return what ``fit`` would use of events and items.

    Args:
        log: the events that can be used.
        catalog: the items.
        modalities: the modalities, by name.
        options: the options of ``fit``.
        pictured: as for :func:`uses_of`.
        rows: all events, where some can't be used: a rule that fits these alone is no mistake.
    """
    whole = log if rows is None or len(rows) == len(log) else _of_all_rows(log, rows)
    findings: list[Finding] = []
    split = None
    events: dict[str, Any] = {"roles": {}, "dropped_repeats": {}, "guessed": {}, "split": None}
    try:
        split = split_log(log, options, catalog)
        facts = split.facts
    except ValueError as problem:
        facts, of_rules = _applied(log, options, catalog)
        said = problem if of_rules is None else _applied(whole, options, catalog)[1]
        if said is not None:
            advice = _advice(said, log, options, catalog)
            findings.append(error("split", None, str(said), advice))
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
        *_signals(facts, log.frame, catalog.frame, options.negative or ()),
        *_doubtful(facts.get("doubtful", {}), options.negative or ()),
        *_unmatched(whole, options),
        *_unlabelled(log),
    ]
    return Use(split, events, content, created, tuple(findings))


def _advice(problem: ValueError, log: Interactions, options: Options, catalog: Catalog) -> str:
    if isinstance(problem, RefusedValues):
        return "Correct such values, or leave them empty."
    if log.order != "timestamp" and options.split == "time":
        return "Add a column timestamp, or split with --split leave-one-out."
    if lacking := options.event_rules.columns - set(log.frame.columns):
        if lacking <= set(catalog.columns):
            return "Write it to the table of events; live events have it in their values."
        return f"Correct {verb(len(lacking), 'the name', 'the names')} in the rules of events."
    return "Change the rules of events, --split or --min-count."


def _applied(
    log: Interactions, options: Options, catalog: Catalog
) -> tuple[dict[str, Any], ValueError | None]:
    """Return the roles of events that can't be split, and why rules refuse them, if they do."""
    try:
        check_columns(log, options, catalog)
        return options.event_rules.apply(log)[1], None
    except ValueError as problem:
        return {}, problem


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


def _signals(
    facts: dict[str, Any], events: pl.DataFrame, items: pl.DataFrame, given: Sequence[str]
) -> list[Finding]:
    found = []
    joined = with_duration(events, items)
    for name in facts.get("unused_columns", []):
        low, high = suggested_rules(joined, name) or (f"{name} …", f"{name} …")
        first = ""
        if "duration" in high and "duration" not in events.columns:
            first = " The duration is a column of items: join it to the events first."
        found.append(
            warning(
                "unused_signal",
                None,
                f"the column {name!r} of the events is not used: every event counts alike",
                f"A rule gives it a meaning, such as {negative_option(low, given)} or "
                f"--targets '{high}'.{first}",
            )
        )
    return found


def _doubtful(types: dict[str, int], given: Sequence[str]) -> list[Finding]:
    """Find event types whose names say no, and that count as a yes."""
    return [
        warning(
            "negative_name",
            many,
            f"event type {name!r} sounds like a no ({counted(many, 'event')}), but counts as a yes",
            f"If it is a no, say so: {negative_option(name, given)}.",
        )
        for name, many in types.items()
    ]


def _unmatched(log: Interactions, options: Options) -> list[Finding]:
    """Find rules that name an event type which no event has, and conditions that fit none."""
    types = set(log.frame["event"].drop_nulls()) if "event" in log.frame.columns else set()
    rules = [*(options.negative or ()), *(options.shown or ()), *options.ignored]
    # A condition that can't be read from the events is an error of its own.
    conditions = tried(lambda: unmatched_conditions(options.event_rules.rules, log.frame)) or []
    said = [f"no event fits the rule {rule!r}" for rule in conditions]
    said += [
        f"no event has the type {name!r}{did_you_mean(name, types)}"
        for name in rules
        if condition_of(name) is None and name not in types
    ]
    advice = "Check its spelling, its numbers and what the column holds."
    return [warning("unmatched_rule", None, text, advice) for text in said]


def _of_all_rows(log: Interactions, rows: pl.DataFrame) -> Interactions:
    """Return a log that has also the rows that can't be used, for rules of events alone."""
    return log.with_frame(rows.with_columns(pl.col("^event$").cast(pl.String)))


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

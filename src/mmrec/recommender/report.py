"""The report of a recommender as a table, and the summary that ``print(recommender)`` shows."""

from collections.abc import Mapping
from html import escape
from typing import Any

from mmrec.affinities import learned
from mmrec.affinities.new_items import CONTENT
from mmrec.data.wording import counted, duration, gain_said
from mmrec.display import BASELINE_NAMES
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.zoo import MODEL

COLUMNS = ("ndcg@10", "hr@10", "mrr@10", "coverage@10")
LISTS = {
    "gini@10": ("Gini", 2),
    "novelty@10": ("novelty (bits)", 1),
    "diversity@10": ("diversity", 2),
    "miscalibration@10": ("miscalibration", 2),
    "popularity@10": ("training events an item", 0),
    "popularity_of_targets": ("of the targets", 0),
}
BEFORE = "before"
"""In a report: the metrics of the recommender that was updated, on the same test events."""
COLD_SHARE = "cold_share@10"
NO_TARGETS = "no targets"
"""In place of a metric where there is nothing to measure, such as without cold items."""
MAIN = "ndcg@10"
SEEN, MET = 0.05, 0.1
"""Shares of test targets that were seen before, and that lists leave out or keep, for a line."""
MOSTLY_MET, SATURATED = 0.5, 0.8
"""Share of test targets that are met items, and NDCG@10 on validation, for advice."""
NEW_TO_USER = "items new to their user"
"""The row of targets that their user has not met, ranked without met items."""
TIMES = ("half_life", "window")
"""Settings of baselines in seconds."""


class Report(dict[str, Any]):
    """How training and evaluation went: a dictionary of JSON values that prints as a table.

    Example:
        >>> print(Report({"seconds": 3}))
        no metrics: this report has only seconds
    """

    def __str__(self) -> str:
        return metrics_table(self)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        if not has_metrics(self):
            return f"<p>{escape(_without_metrics(self))}</p>"
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", *COLUMNS))
        rows = "".join(
            f"<tr><th>{escape(label)}</th>{''.join(f'<td>{value}</td>' for value in values)}</tr>"
            for label, values in _rows(self).items()
        )
        about = "<br>".join(map(escape, notes(self)))
        return f"<table><caption>{about}</caption><tr>{head}</tr>{rows}</table>"


def notes(report: Mapping[str, Any]) -> list[str]:
    """Return what a report says besides metrics, a line each."""
    said = [*_worse(report), *_ahead(report), *_of_model(report), *_of_events(report)]
    said.append(_of_split(report))
    said += _of_seen(report)
    said += [*_of_refit(report), *_of_choices(report)]
    return [*said, *_of_lists(tested(report)), *_of_baselines(report)]


def metrics_table(report: Mapping[str, Any]) -> str:
    """Return the test metrics of a report and of its baselines."""
    if not has_metrics(report):
        return _without_metrics(report)
    rows = _rows(report)
    width = max(map(len, rows))
    lines = [_of_split(report), *_of_seen(report), *_of_refit(report), *_of_choices(report)]
    lines += [" " * width + "".join(f"{column:>13}" for column in COLUMNS)]
    for label, values in rows.items():
        lines.append(f"{label:<{width}}" + "".join(f"{value:>13}" for value in values))
    first = [*_worse(report), *_ahead(report), *_of_model(report), *_of_events(report)]
    return "\n".join([*first, *lines, *_of_lists(tested(report)), *_of_baselines(report)])


def _ahead(report: Mapping[str, Any]) -> list[str]:
    """Return a line if a baseline is better than the model."""
    name, value = best_baseline(report)
    own = tested(report).get(MAIN)
    if name is None or own is None or value <= own:
        return []
    return [f"{name} is ahead of mmrec: {MAIN} {value:.4f} against {own:.4f}"]


def _worse(report: Mapping[str, Any]) -> list[str]:
    """Return a line if an update is worse than the recommender that was updated."""
    line = worse_than_before(report)
    return [] if line is None else [f"warning: {line}"]


def worse_than_before(report: Mapping[str, Any]) -> str | None:
    """Return that an update is worse than the recommender before, with both figures; else None.

    Example:
        >>> worse_than_before({"test": {"ndcg@10": 0.1}, "before": {"ndcg@10": 0.2}})
        'this update is worse than the RUN before it: ndcg@10 0.1000 against 0.2000'
        >>> worse_than_before({"test": {"ndcg@10": 0.2}})
    """
    before = report.get(BEFORE, {}).get(MAIN)
    own = tested(report).get(MAIN) if has_metrics(report) else None
    if before is None or own is None or own >= before:
        return None
    return f"this update is worse than the RUN before it: {MAIN} {own:.4f} against {before:.4f}"


def _of_model(report: Mapping[str, Any]) -> list[str]:
    """Return what the name of a model has set."""
    facts = report.get(MODEL)
    if not facts:
        return []
    values = {**facts["parts"], **facts["options"]}
    said = ", ".join(f"{name} {_value(value)}" for name, value in values.items())
    return [f"model {facts['name']} ({facts['paper']}) sets: {said or 'nothing'}"]


def _value(value: Any) -> str:
    """Return a value as on the command line; of a part with arguments, its class and these."""
    if isinstance(value, Mapping):
        given = ", ".join(f"{name}={one}" for name, one in value["init_args"].items())
        return f"{value['class_path'].rpartition('.')[2]}({given})"
    return ",".join(value) if isinstance(value, list) else str(value)


def _of_baselines(report: Mapping[str, Any]) -> list[str]:
    """Return what was chosen for baselines on validation, and which ones are left out."""
    chosen = [
        f"{name} {', '.join(f'{key} {_setting(key, value)}' for key, value in settings.items())}"
        for name, metrics in report.get("baselines", {}).items()
        if (settings := metrics.get("chosen"))
    ]
    lines = [f"chosen on validation: {'; '.join(chosen)}"] if chosen else []
    left_out = report.get("baselines_left_out", {}).items()
    return lines + [f"{name} is left out: {why}" for name, why in left_out]


def _setting(name: str, value: float) -> str:
    return duration(value) if name in TIMES else f"{value:g}"


def _of_events(report: Mapping[str, Any]) -> list[str]:
    """Return what each type of event was used for, and which events were left out."""
    facts = report.get("event_roles", {})
    roles = {role: counts for role, counts in facts.get("roles", {}).items() if role != "ignored"}
    lines = []
    if set(roles) - {"target"} or any(counts.keys() - {""} for counts in roles.values()):
        said = [f"{role} {_counted(counts)}" for role, counts in roles.items()]
        lines.append("events: " + "; ".join(said))
    left_out = {
        "repeats of the event before": facts.get("dropped_repeats"),
        "ignored": facts.get("roles", {}).get("ignored"),
    }
    said = [f"{why} {_counted(counts)}" for why, counts in left_out.items() if counts]
    return lines + (["events left out: " + "; ".join(said)] if said else [])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}".rstrip() for name, count in counts.items())


def has_metrics(report: Mapping[str, Any]) -> bool:
    """Return whether a report has figures on the test part."""
    return "test" in report or "test" in report.get("trained_on", {})


def tested(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures on the test part, whether or not the model has trained on it."""
    figures: Mapping[str, Any] = report.get("test") or report["trained_on"]["test"]
    return figures


def _of_refit(report: Mapping[str, Any]) -> list[str]:
    """Return a line about the trainings after the one that selects, and one about leaks."""
    stages = report.get("refit", {})
    said = [
        f"{' + '.join(stage['parts'])} ({counted(stage['events'], 'event')})"
        for name, stage in stages.items()
        if name != "select"
    ]
    lines = []
    if said:
        kept = f"; kept: {said[-1]}" if len(said) > 1 else ""
        first = stages["select"]
        measured = first.get("test", {}).get("ndcg@10")
        before = "" if measured is None else f"; NDCG@10 before the refit {measured:.4f}"
        lines.append(f"refit for {first['steps']:,} steps: tested: {said[0]}{kept}{before}")
    return lines + ([f"note: {report['leak']}"] if "leak" in report else [])


def _of_choices(report: Mapping[str, Any]) -> list[str]:
    """Return a line about each thing that validation has chosen after the training."""
    parts = (_of_trend, _of_affinities, _of_reranker, _of_strangers)
    return [line for part in parts for line in part(report)]


def _of_trend(report: Mapping[str, Any]) -> list[str]:
    """Return a line about whether what is popular now and the age of items lift validation."""
    facts = report.get("trend")
    if not facts:
        return []
    if facts["chosen"] is None:
        return ["trend: neither what is popular now nor the age of items lifts validation"]
    found = facts["terms"][facts["chosen"]]
    gain = gain_said(found["gain"], found["standard_error"])
    return [f"trend: {facts['chosen']} (NDCG@10 on validation {gain})"]


def _of_affinities(report: Mapping[str, Any]) -> list[str]:
    """Return a line about the affinities that validation has chosen."""
    facts = report.get("affinities")
    if not facts:
        return []
    weights = [f"{name} {weight:.2f}" for name, weight in facts["weights"].items()]
    new = _nothing_for_new(facts.get("cold", {}))
    left_out = _not_taken(facts)
    if not weights:
        return [f"affinities: none lifts validation{left_out}", *new]
    gain = gain_said(facts["gain"], facts["standard_error"])
    line = f"affinities: {', '.join(weights)} (NDCG@10 on validation {gain}"
    if (cold := facts.get("cold", {})).get("weights") and "gain" in cold and "places" not in cold:
        line += f"; then on new items {gain_said(cold['gain'], cold['standard_error'])}"
        line += f", {_cost_said(cold['cost'])}"
    return [f"{line}){left_out}", *new]


def _cost_said(cost: float) -> str:
    """Return what new items cost others: the share of NDCG@10 that these lose, or gain."""
    if cost < 0:
        return f"and others gain {-cost:.1%}"
    return f"at a cost of {cost:.1%} for others"


def _not_taken(facts: Mapping[str, Any]) -> str:
    """Return which modalities were tried as affinities of content and have no weight."""
    taken = {name.partition(":")[2] for name in facts["weights"] if ":" in name}
    tried = [n.removeprefix(CONTENT) for n in facts.get("terms", {}) if n.startswith(CONTENT)]
    left_out = [name for name in tried if name not in taken]
    return f"; tried and not taken: {', '.join(left_out)}" if left_out else ""


def _nothing_for_new(facts: Mapping[str, Any]) -> list[str]:
    """Return a line if validation has not chosen what is best for new items."""
    if "places" in facts:
        events = counted(facts["requests"], "validation event")
        share = f"{facts['places']:.1%} of the places in lists of ten, at a cost of "
        why = "don't tell what is best" if "gain" in facts else "are of too few users"
        return [f"new items: {share}{facts['cost']:.1%} for others; their {events} {why}"]
    if not facts or not facts["requests"]:
        return []
    events = counted(facts["requests"], "validation event")
    if "gain" not in facts and facts["weights"]:
        return [f"new items: weights as before; their {events} are of too few users"]
    if facts["weights"]:
        return []
    if "gain" not in facts:
        return [f"new items: nothing is chosen for them; their {events} are of too few users"]
    return [f"new items: nothing is chosen for them; no lift helps within new_item_cost ({events})"]


def _of_reranker(report: Mapping[str, Any]) -> list[str]:
    """Return a line about whether the reranker is kept."""
    facts = report.get("reranker")
    if not facts:
        return []
    gain = gain_said(facts["gain"], facts["standard_error"])
    return [f"reranker: {'kept' if facts['kept'] else 'left out'} (NDCG@10 on validation {gain})"]


def _of_strangers(report: Mapping[str, Any]) -> list[str]:
    """Return a line about the list of someone without a history."""
    return [f"no history: {report['without_history']}"] if "without_history" in report else []


def _without_metrics(report: Mapping[str, Any]) -> str:
    return f"no metrics: this report has only {', '.join(report) or 'nothing'}"


def _of_split(report: Mapping[str, Any]) -> str:
    events = report["events"]
    return (
        f"split {report['split']} {report['fingerprint']}, seed {report['seed']}: "
        f"{events['train']:,} training, {events['valid']:,} validation and {events['test']:,} "
        f"test events; {report['candidates']:,} items ranked"
    )


def _of_seen(report: Mapping[str, Any]) -> list[str]:
    """Return lines if many targets can't be found, or were interacted with before."""
    seen, targets = report.get("seen_targets", 0), report.get("test", {}).get("targets", 0)
    kept, lines = report.get("met_targets", seen) - seen, list[str]()
    if targets and seen >= SEEN * targets:
        lines.append(
            f"note: {seen:,} of {targets:,} test targets are items that their user has interacted "
            f"with before{seen_types(report.get('seen_targets_by_type', {}))}; lists leave these "
            f"out, so they count as misses (see: seen items ranked too)"
        )
    if targets and kept >= MET * targets:
        lines.append(
            f"note: {kept:,} of {targets:,} test targets are items that their user has interacted "
            f"with before, such as a view before a purchase; lists keep these, so whoever "
            f"recommends the last items finds many (see: {NEW_TO_USER})"
        )
        valid = report.get("valid", {}).get(MAIN, 0.0)
        if kept >= MOSTLY_MET * targets and valid >= SATURATED:
            lines.append(
                f"note: validation is saturated by such targets ({MAIN} {valid:.4f}), so it says "
                f"little of lists of other items; if these matter, predict the events before them, "
                f"too, such as --targets view,purchase"
            )
    return lines


def seen_types(by_type: Mapping[str, Mapping[str, int]]) -> str:
    """Return how many targets of each type lists leave out, if there are several types.

    Args:
        by_type: as :meth:`mmrec.data.Split.seen_targets_by_type` returns it.

    Example:
        >>> seen_types({"watch": {"targets": 90, "seen": 0}, "like": {"targets": 10, "seen": 9}})
        ' (9 of 10 like)'
        >>> seen_types({"": {"targets": 90, "seen": 5}})
        ''
    """
    seen = {name: counts for name, counts in by_type.items() if counts["seen"]}
    if len(by_type) < 2 or not seen:
        return ""
    most = sorted(seen, key=lambda name: -seen[name]["seen"])
    each = (f"{seen[name]['seen']:,} of {seen[name]['targets']:,} {name}" for name in most)
    return f" ({', '.join(each)})"


def _rows(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the metrics of each row of the table, as text."""
    test = tested(report)
    us = "mmrec" if "test" in report else "mmrec, trained on these"
    before = {"RUN before the update": report[BEFORE]} if BEFORE in report else {}
    rows: dict[str, Mapping[str, Any]] = {us: test, **before, **report["baselines"]}
    rows[f"{us}, seen items ranked too"] = test["with_seen"]
    if "new_to_user" in test:
        rows[f"{us}, {NEW_TO_USER}"] = test["new_to_user"]
    if test["cold"]["targets"]:
        rows[f"{us}, warm items"] = test["warm"]
        rows[f"{us}, cold items"] = test["cold"]
    if "among_cold" in test:
        rows[f"{us}, cold items among one another"] = test["among_cold"]
    for name, metrics in test.get("slices", {}).items():
        rows.setdefault(f"{us}, {name}", metrics)
    return {label: _cells(metrics) for label, metrics in rows.items()}


def _cells(metrics: Mapping[str, Any]) -> list[str]:
    """Return metrics as text; without targets there are none."""
    if metrics.get("targets") == 0:
        return [NO_TARGETS, *["–"] * (len(COLUMNS) - 1)]
    return [f"{metrics[column]:.4f}" if column in metrics else "–" for column in COLUMNS]


def _of_lists(test: Mapping[str, Any]) -> list[str]:
    """Return lines about the lists of ten and the cold items in them, if a report has these."""
    said = [
        f"{label} {test[name]:,.{places}f}"
        for name, (label, places) in LISTS.items()
        if name in test
    ]
    lines = [f"lists of ten: {', '.join(said)}"] if said else []
    if (share := test.get(COLD_SHARE)) is not None and test["cold"]["targets"]:
        of = f"{test['cold']['targets']:,} of {test['targets']:,} test targets"
        lines.append(f"cold items: {share:.1%} of the places in lists of ten ({COLD_SHARE}); {of}")
    return lines


def one_line(state: RecommenderState) -> str:
    """Return what a recommender is, on one line."""
    said = [
        counted(len(state.catalog), "item"),
        "+".join(state.modalities),
        type(learned(state.model).interest).__name__,
    ]
    if MAIN in state.report.get("test", {}):
        said.append(f"test {MAIN} {state.report['test'][MAIN]:.4f}")
    return f"Recommender({', '.join(said)})"


def summary(state: RecommenderState) -> str:
    """Return what a recommender is and how good it is, in a few lines."""
    model, report = learned(state.model), state.report
    parts = {
        "fusion": model.items.fusion,
        "interest": model.interest,
        "scorer": model.scorer,
        "reranker": model.reranker,
    }
    named = [f"{slot} {type(part).__name__}" for slot, part in parts.items() if part is not None]
    size = sum(weight.numel() for weight in model.parameters())
    lines = [
        f"Recommender of {counted(len(state.catalog), 'item')}",
        f"  modalities  {', '.join(state.modalities)}",
        *([f"  users       {', '.join(state.users.modalities)}"] if state.users else []),
        f"  parts       {', '.join(named)}",
        f"  size        {size:,} parameters, item vectors of {state.vectors.shape[1]}",
    ]
    if "events" in report:
        lines.append(f"  split       {_of_split(report).removeprefix('split ')}")
    lines += [f"  refit       {line.removeprefix('refit ')}" for line in _of_refit(report)]
    lines += [f"  {line.replace(': ', '  ', 1)}" for line in _of_choices(report)]
    if MAIN in report.get("test", {}):
        lines.append(f"  test        {MAIN} {report['test'][MAIN]:.4f}{_best(report)}")
    lines += [f"  {line.replace(': ', '     ', 1)}" for line in _worse(report)]
    return "\n".join(lines)


def _best(report: Mapping[str, Any]) -> str:
    """Return the baseline with the highest metric, for the end of a line."""
    name, value = best_baseline(report)
    return "" if name is None else f"; best baseline: {BASELINE_NAMES.get(name, name)} {value:.4f}"


def best_baseline(report: Mapping[str, Any]) -> tuple[str | None, float]:
    """Return the name and the NDCG@10 of the best baseline of a report; None if it has none.

    Example:
        >>> best_baseline({"baselines": {"a": {"ndcg@10": 0.2}, "b": {"ndcg@10": 0.3}}})
        ('b', 0.3)
    """
    baselines = report.get("baselines", {}).items()
    found = {name: float(metrics[MAIN]) for name, metrics in baselines if MAIN in metrics}
    if not found:
        return None, 0.0
    name = max(found, key=found.__getitem__)
    return name, found[name]

"""Metrics and lists as plain text."""

from collections.abc import Sequence
from typing import Any

from mmrec.data import Catalog, ItemId, Where
from mmrec.display import title_of

COLUMNS = ("ndcg@10", "hr@10", "mrr@10", "coverage@10")
LISTS = {
    "gini@10": ("Gini", 2),
    "novelty@10": ("novelty (bits)", 1),
    "diversity@10": ("diversity", 2),
    "miscalibration@10": ("miscalibration", 2),
    "popularity@10": ("training events an item", 0),
    "popularity_of_targets": ("of the targets", 0),
}


def metrics_table(report: dict[str, Any]) -> str:
    """Return the test metrics of a report and of its baselines."""
    test = report["test"]
    rows: dict[str, dict[str, Any]] = {"mmrec": test, **report["baselines"]}
    rows["mmrec, seen items ranked too"] = test["with_seen"]
    if test["cold"]["targets"]:
        rows["mmrec, warm items"] = test["warm"]
        rows["mmrec, cold items"] = test["cold"]
    for name, metrics in test.get("slices", {}).items():
        rows.setdefault(f"mmrec, {name}", metrics)
    width = max(map(len, rows))
    events = report["events"]
    lines = [
        f"split {report['split']} {report['fingerprint']}, seed {report['seed']}: "
        f"{events['train']:,} training, {events['valid']:,} validation and {events['test']:,} "
        f"test events; {report['candidates']:,} items ranked",
        " " * width + "".join(f"{column:>13}" for column in COLUMNS),
    ]
    for name, metrics in rows.items():
        values = "".join(f"{metrics.get(column, float('nan')):13.4f}" for column in COLUMNS)
        lines.append(f"{name:<{width}}{values}")
    lines += _of_lists(test)
    return "\n".join(lines)


def _of_lists(test: dict[str, Any]) -> list[str]:
    """Return a line about the lists of ten, if the report has such metrics."""
    said = [
        f"{label} {test[name]:,.{places}f}"
        for name, (label, places) in LISTS.items()
        if name in test
    ]
    return [f"lists of ten: {', '.join(said)}"] if said else []


def recommendations_table(
    catalog: Catalog,
    history: Sequence[ItemId],
    lines: Sequence[Any],
    *,
    where: Where | None = None,
) -> str:
    """Return a history and the list recommended for it, with titles, or why the list is empty."""
    rows = [f"after {len(history)} items:"] if history else ["without a history, what is popular:"]
    rows += [f"         {item}  {title_of(catalog, item)}" for item in history]
    return "\n".join([*rows, *_ranked(catalog, lines, where)])


def similar_table(
    catalog: Catalog, item: ItemId, lines: Sequence[Any], *, where: Where | None = None
) -> str:
    """Return an item and those that are like it, with titles, or why there are none."""
    said = f"like {item}  {title_of(catalog, item)}".rstrip()
    return "\n".join([f"{said}:", *_ranked(catalog, lines, where)])


def _ranked(catalog: Catalog, lines: Sequence[Any], where: Where | None) -> list[str]:
    """Return a row for each line of a list; of an empty one, why it is empty."""
    if not lines:
        unmet = where is not None and not catalog.where(where).any()
        return ["no item meets the condition" if unmet else "no item is left to recommend"]
    return [
        f"{place:>3}. {line.score:8.3f}  {line.item}  {title_of(catalog, line.item)}"
        for place, line in enumerate(lines, 1)
    ]

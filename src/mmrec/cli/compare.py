"""A comparison of RUNs as Markdown, as an HTML page and as plots."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from mmrec.cli.plots import draw_plots
from mmrec.data.wording import listed
from mmrec.display import BASELINE_NAMES, load_template
from mmrec.evaluation.comparison import Comparison, Group
from mmrec.evaluation.statistics import Difference, Interval

DASH = "–"
Rows = list[list[str]]


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``compare.md``, ``compare.html`` and the plots, and return their paths.

    The page is one file that loads nothing else; the Markdown shows the plots beside it.

    Raises:
        ImportError: matplotlib or jinja2 is not installed.
    """
    page_template = load_template("mmrec.cli", "compare.html.j2", extra="compare")
    plots = draw_plots(comparison, BASELINE_NAMES)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for plot in plots:
        written.append(folder / f"{plot.name}.png")
        written[-1].write_bytes(plot.png)
    text = "\n\n".join([to_markdown(comparison), *(f"![{p.says}]({p.name}.png)" for p in plots)])
    written.append(folder / "compare.md")
    written[-1].write_text(text + "\n", encoding="utf-8")
    figures = [
        {"name": p.name, "says": p.says, "uri": f"data:image/svg+xml;base64,{_base64(p.svg)}"}
        for p in plots
    ]
    page = page_template.render(
        title=f"{_upper(comparison.metric)} of {_count(comparison)}",
        lead=describe(comparison),
        tables=tables(comparison),
        figures=figures,
    )
    written.append(folder / "compare.html")
    written[-1].write_text(page, encoding="utf-8")
    return written


def to_markdown(comparison: Comparison) -> str:
    """Return the tables of a comparison as Markdown."""
    parts = [describe(comparison)]
    for title, note, rows in tables(comparison):
        parts += [f"**{title}**", *([note] if note else []), _markdown_table(rows)]
    return "\n\n".join(parts)


def describe(comparison: Comparison) -> str:
    """Return a sentence about what was measured."""
    facts = comparison.facts
    events = facts.get("events", {}).get("test")
    text = f"Split {facts.get('split')} {facts.get('fingerprint')}"
    text += f", protocol {facts['protocol']}" if facts["protocol"] else ""
    text += f": {events:,} test events" if events else ""
    text += f" of {facts['test_users']:,} users" if "test_users" in facts else ""
    text += f", {facts['candidates']:,} items ranked" if "candidates" in facts else ""
    return text + "."


def tables(comparison: Comparison) -> list[tuple[str, str, Rows]]:
    """Return title, note and rows (the header first) of each table."""
    result = [(_upper(comparison.metric), _about_means(comparison), _means(comparison))]
    if comparison.versus:
        result.append((f"Difference from {comparison.groups[0].name}", *_differences(comparison)))
    if comparison.slices:
        note = "Their intervals are of single comparisons: among many, some exclude 0 by chance."
        note = note if comparison.versus else ""
        result.append(("Parts of the test events", note, _slices(comparison)))
    beside = _beside(comparison)
    if len(beside) > 1:
        result.append(("Other metrics, means over seeds", "", beside))
    return [*result, ("RUNs", _about_refits(comparison), _runs(comparison))]


def _about_refits(comparison: Comparison) -> str:
    """Return a note, if some models were measured after training on validation events too."""
    found = comparison.facts.get("refit", [])
    if len(found) < 2 or not {"valid", "all"} & set(found):
        return ""
    return (
        "With refit valid or all, the model that is measured has trained on validation events too; "
        "with none it has not."
    )


def _means(comparison: Comparison) -> Rows:
    percent = f"{100 * comparison.level:g} %"
    rows = [["", "seeds", _upper(comparison.metric)]]
    rows[0] += [f"{percent} over users", f"{percent} over seeds"]
    for group in comparison.groups:
        mean = f"{group.mean:.4f}"
        bounds = [_bounds(group.over_users), _bounds(group.over_seeds)]
        rows.append([group.name, str(len(group.runs)), mean, *bounds])
    for name, value in comparison.baselines.items():
        shown = DASH if value is None else f"{value:.4f}"
        rows.append([BASELINE_NAMES.get(name, name), "", shown, "", ""])
    return rows


def _about_means(comparison: Comparison) -> str:
    notes = []
    if changed := comparison.facts.get("changed"):
        notes.append(
            f"The source of {listed(changed)} is not the same in all RUNs: those of another source "
            "are another model."
        )
    if any(group.over_users is None for group in comparison.groups):
        notes.append(
            "Without the targets.parquet of every RUN there are no intervals over users and no "
            "tests; evaluate or fit the RUNs again."
        )
    return " ".join(notes)


def _differences(comparison: Comparison) -> tuple[str, Rows]:
    percent = f"{100 * comparison.level:g} %"
    rows = [["", "difference", f"{percent} over users", "p", "p, Holm", "p, Wilcoxon"]]
    for versus in comparison.versus:
        d = versus.difference
        wilcoxon = DASH if versus.wilcoxon is None else _p(versus.wilcoxon)
        rows.append([versus.name, f"{d.mean:+.4f}", _bounds(d), _p(d.p), _p(versus.holm), wilcoxon])
    note = (
        "Paired by test event, averaged over seeds; p by a bootstrap of whole users. Wilcoxon "
        "counts each user once and isn't corrected."
    )
    return note, rows


def _slices(comparison: Comparison) -> Rows:
    rows = [["", "events", *(group.name for group in comparison.groups)]]
    rows[0] += [f"difference of {versus.name}" for versus in comparison.versus]
    for part, events in comparison.slices.items():
        row = [part, f"{events:,}", *(f"{group.slices[part]:.4f}" for group in comparison.groups)]
        for versus in comparison.versus:
            d = versus.slices.get(part)  # none of a single user
            row.append(f"{d.mean:+.4f} ({_bounds(d)})" if d else DASH)
        rows.append(row)
    return rows


def _beside(comparison: Comparison) -> Rows:
    groups = comparison.groups
    names = [name for name in groups[0].metrics if all(name in g.metrics for g in groups)]
    rows = [["", *(group.name for group in groups)]]
    for name in names:
        if name != comparison.metric:
            form = ".4f" if "@" in name else ",.0f"  # without a cut-off it is a count
            rows.append([name, *(f"{group.metrics[name]:{form}}" for group in groups)])
    return rows


def _runs(comparison: Comparison) -> Rows:
    rows = [["folder", "group", "seed", _upper(comparison.metric), "epochs", "best epoch"]]
    return rows + [row for group in comparison.groups for row in _runs_of(group)]


def _runs_of(group: Group) -> Rows:
    rows = []
    for run, seed, value, curve in zip(
        group.runs, group.seeds, group.values, group.curves, strict=True
    ):
        best = str(curve.index(max(curve)) + 1) if curve else DASH
        shown = DASH if seed is None else str(seed)
        rows.append([run, group.name, shown, f"{value:.4f}", str(len(curve) or DASH), best])
    return rows


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(_padded(cell, widths[i], i) for i, cell in enumerate(row)) + " |"
        for row in cells
    ]
    rule = [("-" * width) if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def _bounds(interval: Interval | Difference | None) -> str:
    if interval is None:
        return DASH
    sign = "+" if isinstance(interval, Difference) else ""
    return f"{interval.low:{sign}.4f} to {interval.high:{sign}.4f}"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _upper(metric: str) -> str:
    return metric.upper()


def _count(comparison: Comparison) -> str:
    runs = sum(len(group.runs) for group in comparison.groups)
    return "one RUN" if runs == 1 else f"{runs} RUNs"


def _base64(data: bytes) -> str:
    return b64encode(data).decode()

"""A report about a data set as sections of rows, which text and HTML share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrec.data.wording import counted, duration
from mmrec.recommender.check.finding import Finding, Severity
from mmrec.recommender.check.report import CheckReport
from mmrec.recommender.check.there import DAY

MOST_ROWS = 30
"""So many rows of a table are shown."""

_WIDEST = 40  # characters of a cell that others are aligned to


@dataclass(frozen=True)
class Section:
    """A heading with rows; the first row is the header."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def shown(self) -> tuple[tuple[str, ...], ...]:
        """The header and the first rows."""
        return self.rows[: MOST_ROWS + 1]

    @property
    def rest(self) -> str:
        """How many rows are not shown; "" if all are."""
        more = len(self.rows) - len(self.shown)
        return f"and {more:,} more, see --json" if more else ""


def verdict(report: CheckReport) -> str:
    """Return in one sentence whether ``fit`` would take the data.

    Example:
        >>> verdict(CheckReport("shop", {}, None, ()))
        'fit would take this data: 0 errors, 0 warnings, 0 notes'
    """
    counts = [report.count(severity) for severity in Severity]
    said = ", ".join(
        f"{number} {name}{'' if number == 1 else 's'}"
        for number, name in zip(counts, Severity, strict=True)
    )
    return f"fit would {'take' if report.fits else 'refuse'} this data: {said}"


def sections(report: CheckReport) -> list[Section]:
    """Return what is there and what is used, without what is odd."""
    there = report.there
    found = [_overview(there)]
    if events := there.get("events"):
        found += _event_sections(events)
    found += [
        _columns(f"Columns of the {name}", table["columns"])
        for name, key in (("interactions", "events"), ("items", "items"), ("users", "users"))
        if (table := there.get(key))
    ]
    return found + ([] if report.used is None else _used(report.used))


def to_text(report: CheckReport) -> str:
    """Return a report as text, without control characters."""
    shown = map(_section_text, sections(report))
    parts = [visible(report.data), *shown, _findings(report.findings), verdict(report)]
    return "\n\n".join(parts)


def visible(text: str) -> str:
    r"""Return a text in which characters that a terminal would obey are escaped.

    Example:
        >>> visible("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _overview(there: Mapping[str, Any]) -> Section:
    events, items, users, images = (there.get(n) for n in ("events", "items", "users", "images"))
    rows: list[tuple[str, ...]] = [("", "")]
    if events is None:
        rows.append(("events", "no table that can be read"))
    else:
        rows.append(("events", _usable(events)))
        if events.get("users") is not None:
            rows.append(("users with events", f"{events['users']:,}"))
            rows.append(("items with events", f"{events['items']:,}"))
            rows.append(
                ("density", f"{100 * events['density']:.3g} % of all pairs of user and item")
            )
        if events.get("first"):
            long = duration(DAY * events["days"])
            rows.append(("time", f"{events['first']} to {events['last']}, {long}"))
    rows.append(("items", "no table that can be read" if items is None else _usable(items)))
    if users is not None:
        rows.append(("table of users", counted(users["rows"], "row")))
    if images is not None:
        rows.append(("pictures", _pictures(images)))
    return Section("What is there", tuple(rows))


def _usable(table: Mapping[str, Any]) -> str:
    refused = table["rows"] - table["usable"]
    return f"{table['rows']:,}" + (f", {refused:,} of which can't be used" if refused else "")


def _pictures(images: Mapping[str, Any]) -> str:
    if not images["pictures"]:
        return "no item has one"
    there = images["pictures"] - images["missing"]
    drawn = " (a fixed draw; --images all opens every one)" if images["opened"] < there else ""
    said = f"{images['pictures']:,}, of {counted(images['items'], 'item')}"
    said += f"; {images['missing']:,} without a file"
    return f"{said}, {images['opened']:,} opened{drawn}, {images['unreadable']:,} unreadable"


def _event_sections(events: Mapping[str, Any]) -> list[Section]:
    found = []
    if events.get("types"):
        counts, total = events["types"].items(), sum(events["types"].values())
        rows = [(name or "(none)", f"{n:,}", f"{100 * n / total:.1f} %") for name, n in counts]
        found.append(Section("Event types", (("type", "events", "share"), *rows)))
    if events.get("per_user"):
        header = ("events", "min", "median", "p90", "max")
        rows_ = [
            (name, *(f"{events[key][column]:,g}" for column in header[1:]))
            for name, key in (("per user", "per_user"), ("per item", "per_item"))
        ]
        found.append(Section("Events per user and item", (header, *rows_)))
    return found


def _columns(title: str, columns: Sequence[Mapping[str, Any]]) -> Section:
    rows = [(c["name"], c["type"], c["holds"], f"{100 * c['filled']:.1f} %") for c in columns]
    return Section(title, (("column", "type", "holds", "filled"), *rows))


def _used(used: Mapping[str, Any]) -> list[Section]:
    modalities = [
        (name, f"{m['items']:,}", ", ".join(m["columns"])) for name, m in used["modalities"].items()
    ]
    content = Section(
        "What fit would use: content", (("modality", "items", "columns"), *modalities)
    )
    unused = [(t, one["column"], one["hint"]) for t, many in used["unused"].items() for one in many]
    idle = Section("What nothing uses", (("table", "column", "hint"), *unused))
    found = [_roles(used["events"]), _parts(used["events"]["split"]), content, idle]
    return [section for section in found if len(section.rows) > 1]


def _roles(events: Mapping[str, Any]) -> Section:
    guessed = {name for names in events["guessed"].values() for name in names}
    repeats = events["dropped_repeats"]
    rows = [  # an event is in one row
        (
            *(_ROLES[role], name or "(none)", f"{count - repeats.get(name, 0):,}"),
            "by its name" if name in guessed else "",
        )
        for role, counts in events["roles"].items()
        for name, count in counts.items()
    ]
    rows += [
        ("dropped as a repeat", name or "(none)", f"{count:,}", "same item as the event before")
        for name, count in repeats.items()
    ]
    return Section("What fit would use: events", (("role", "type", "events", ""), *rows))


def _parts(split: Mapping[str, Any] | None) -> Section:
    rows: list[tuple[str, ...]] = [("part", "targets", "users")]
    if split is None:
        return Section("", tuple(rows))
    rows += [(p, f"{n:,}", f"{split['users'][p]:,}") for p, n in split["targets"].items()]
    cuts = f", cut at {' and '.join(split['cuts'])}" if split["cuts"] else ""
    ranked, trained = split["candidates"], split["trained_items"]
    note = f"{split['name']}{cuts}; {ranked:,} items are ranked, {trained:,} have training events"
    return Section("What fit would use: parts", tuple(rows), note)


_ROLES = {
    "target": "predicted",
    "context": "context",
    "negative": "says no",
    "shown": "shown, not chosen",
    "ignored": "left out",
}


def _section_text(section: Section) -> str:
    rows = [[visible(cell) for cell in row] for row in section.shown]
    widths = [min(max(len(row[i]) for row in rows), _WIDEST) for i in range(len(rows[0]))]
    shown = rows if any(rows[0]) else rows[1:]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    head = [section.title, *([visible(section.note)] if section.note else [])]
    return "\n  ".join([*head, *lines, *([section.rest] if section.rest else [])])


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "What is odd\n  nothing"
    lines = ["What is odd"]
    for finding in findings:
        lines.append(f"  {finding.severity.upper():<8} {visible(finding.text)}")
        lines += [f"           {visible(finding.advice)}"] if finding.advice else []
        if finding.examples:
            lines.append(f"           first: {visible(', '.join(finding.examples))}")
    return "\n".join(lines)

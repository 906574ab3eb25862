"""What `accuracy.py` found, as a table for machines and as a page for readers."""

import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mmrec.evaluation.comparison import Comparison, compare_runs
from mmrec.evaluation.results import read_result
from mmrec.evaluation.statistics import seed_interval

Results = list[dict[str, Any]]
PLACES = (
    ("ml-100k-posters", "leave-one-out"),
    ("ml-latest-small-posters", "time"),
    ("ml-100k-posters", "time"),
    ("ml-latest-small-posters", "leave-one-out"),
)
CUTS = (10, 100)
HEAD = """# Benchmarks: accuracy

The command below wrote this page from its results; nothing on it is typed by hand.

    python benchmarks/accuracy.py FOLDER --peers DIR --work DIR --page docs/benchmarks.md --json

Trainings ran on two CPU cores, several at once, one thread each. So the seconds show what a
training costs here, not which library is faster; [numbers](numbers.md) has timings side by side.
All models read the same split file, whose fingerprint stands below its name. They train on the
training part of a 5-core, choose their epoch by NDCG@10 on validation, and are measured once on the
test part: every item ranked, seen items filtered, ties against the model. Peers run in environments
of their own, with their own data preparation, losses and stopping: at most 60 epochs, Adam at .001.
RecTools has width 128 and 100 events of a history. RecBole, whose epochs take minutes, has its
defaults of 64 and 50. RecBole's SASRec is limited to 45 minutes of processor time, and RecTools'
UniSRec, HSTU and eSASRec (SASRec with LiGR layers) to 15; every other training ends before that.

**Inputs.** A peer without modalities in its name reads ids. The others read the vectors of text and
image that mmrec trains on: frozen, standardized, side by side. UniSRec reads them alone. "All" adds
a linear map of them to the embedding of the id, for input and output, as RecTools does with other
features of items. HSTU also reads times, as mmrec does.

**Search.** Where a row says "of", a peer was trained with these dropouts, and validation chose one.
The other peers ran with the dropout of their library. mmrec ran with the defaults of `mmrec fit`.
These were chosen on the validation part of the first two splits when the library was built, so it
has had more attention than the peers. ± is the 95 % interval of the mean over seeds (Student's t).
"""


def groups(results: Results) -> dict[tuple[str, str], dict[str, Results]]:
    """Put results of one place and one row together; of a peer's search only what was chosen."""
    found: dict[tuple[str, str], dict[str, Results]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        job = result["job"]
        found[job["data"], job["split"]][job["name"]].append(result)
    return {
        place: {name: _chosen(rows) for name, rows in found[place].items()}
        for place in PLACES
        if place in found
    }


def _chosen(rows: Results) -> Results:
    first = [row for row in rows if row["job"]["seed"] == 0] or rows
    command = max(first, key=lambda row: row["valid"])["job"]["command"]
    tried = sorted({row["job"]["command"][-1] for row in first})
    chosen = [row | {"tried": tried} for row in rows if row["job"]["command"] == command]
    return sorted(chosen, key=lambda row: row["job"]["seed"])


def table(results: Results) -> dict[str, Any]:
    """Return what the page shows, for machines."""
    shown: dict[str, Any] = {}
    for (data, split), rows in groups(results).items():
        baselines = next((r["baselines"] for g in rows.values() for r in g if "baselines" in r), {})
        shown[f"{data} {split}"] = {
            name: {
                "ndcg@10": statistics.mean(r["ndcg@10"] for r in group),
                "hr@10": statistics.mean(r["hr@10"] for r in group),
                "seeds": [r["ndcg@10"] for r in group],
                "valid": statistics.mean(r["valid"] for r in group),
            }
            for name, group in rows.items()
        } | {name: {"ndcg@10": b["ndcg@10"], "hr@10": b["hr@10"]} for name, b in baselines.items()}
    return shown


def page(results: Results, work: Path) -> str:
    """Return the page in Markdown."""
    parts = [HEAD, _codes(results)]
    for (data, split), rows in groups(results).items():
        own = [row for group in rows.values() for row in group if "baselines" in row]
        parts.append(f"## {data}, {split}\n")
        if own:
            parts.append(
                f"Split `{own[0]['fingerprint']}`, {own[0]['targets']:,} test events, of which "
                f"{own[0]['cold']['targets']:,} on items without a training event.\n"
            )
        parts.append(_accuracy(rows, own))
        parts.append(_contest(rows))
        if split == "time" and own:
            parts.append(_cold(rows, own[0], work))
    return "\n".join(part for part in parts if part)


def _codes(results: Results) -> str:
    """Say which states of mmrec's source the results are of."""
    count = Counter(row["code"] for row in results if "baselines" in row)
    said = ", ".join(f"{number} of `{code}`" for code, number in count.most_common())
    return f"Trainings of mmrec by the hash of its source (`accuracy.py`, `code`): {said}.\n"


def _accuracy(rows: dict[str, Results], own: Results) -> str:
    lines = [
        "| | NDCG@10 | seeds | HR@10 | validation | epochs | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, measured in (own[0]["baselines"] if own else {}).items():
        lines.append(f"| {name} | {_n(measured['ndcg@10'])} | | {_n(measured['hr@10'])} | | | |")
    order = sorted(rows, key=lambda name: statistics.mean(r["ndcg@10"] for r in rows[name]))
    for name in order:
        group = rows[name]
        values = [row["ndcg@10"] for row in group]
        spread = ""
        if len(values) > 1:
            low_high = seed_interval(values)
            spread = f" ± {_n(low_high.high - low_high.mean)}"
        label = f"**{name}**" if name.startswith("mmrec") else name
        if not name.startswith("mmrec"):
            label += f", dropout {group[0]['job']['command'][-1]}"
            if len(tried := group[0]["tried"]) > 1:
                label += f" of {', '.join(tried)}"
        lines.append(
            f"| {label} | {_n(statistics.mean(values))}{spread} | "
            f"{', '.join(map(_n, values))} | {_n(_mean(group, 'hr@10'))} | "
            f"{_n(_mean(group, 'valid'))} | {_mean(group, 'epochs'):.0f} | "
            f"{_mean(group, 'seconds'):,.0f} |"
        )
    limited = [_limit(name, rows[name]) for name in order]
    return "\n".join([*lines, *filter(None, limited)]) + "\n"


def _limit(name: str, group: Results) -> str:
    """Say whether the limit of time ended a training that might have become better."""
    ended = [row for row in group if row.get("stopped_by") == "minutes"]
    if not ended:
        return ""
    epochs = ", ".join(f"{row['best_epoch']} of {row['epochs']}" for row in ended)
    return f"\nThe limit of time ended {name}: best epochs {epochs}. More time may give more."


def _contest(rows: dict[str, Results]) -> str:
    """Return how mmrec's best on validation compares with the best peer on test."""
    ids = {name: group for name, group in rows.items() if not _reads_content(name)}
    said = []
    for lead, some in (("", rows), ("With ids alone, ", ids)):
        own = [name for name in some if name.startswith("mmrec")]
        peers = [name for name in some if name not in own]
        if own and peers:
            best = max(own, key=lambda name: _mean(rows[name], "valid"))
            peer = max(peers, key=lambda name: _mean(rows[name], "ndcg@10"))
            ratio = _mean(rows[best], "ndcg@10") / _mean(rows[peer], "ndcg@10")
            said.append(
                f"{lead}mmrec's best on validation, {best}, has {ratio:.2f} times the NDCG@10 of "
                f"the best peer on test, {peer}."
            )
    return " ".join(said) + "\n" if said else ""


def _reads_content(name: str) -> bool:
    """Whether a row's model reads more than ids, which stands behind the comma."""
    return name.partition(", ")[2] not in ("", "id")


def _cold(rows: dict[str, Results], own: dict[str, Any], work: Path) -> str:
    """Return what content does: all against id only, and cold items."""
    runs = {name: _runs(group, work) for name, group in rows.items() if name.startswith("mmrec")}
    text = ""
    everything, ids = runs.get("mmrec GRU4Rec, all"), runs.get("mmrec GRU4Rec, id")
    if everything and ids:
        compared = compare_runs([read_result(run) for run in [*ids, *everything]])
        text += _versus(compared)
    count = own["cold"]["targets"]
    lines = [
        f"### Items without a training event ({count:,} test events)\n",
        "Ranked among all items. The mean place is 0 % for the best and 50 % for chance.\n",
        "| | HR@10 | HR@100 | mean place |",
        "| --- | --- | --- | --- |",
    ]
    items = read_result(next(iter(runs.values()))[0]).report["candidates"]
    lines.append(f"| random | {_n(10 / items, 4)} | {_n(100 / items, 4)} | 50.0 % |")
    lines.append(f"| popularity | {_n(own['baselines']['popularity']['cold']['hr@10'], 4)} | | |")
    for name, folders in runs.items():
        ranks = np.concatenate([_cold_ranks(folder) for folder in folders])
        shares = [_n(float((ranks <= cut).mean()), 4) for cut in CUTS]
        lines.append(
            f"| **{name}** | {shares[0]} | {shares[1]} | {100 * ranks.mean() / items:.1f} % |"
        )
    return text + "\n".join(lines) + "\n"


def _versus(compared: Comparison) -> str:
    one = compared.versus[0]
    said = []
    for what, gap in [("every test event", one.difference), *one.slices.items()]:
        said.append(f"| {what} | {_s(gap.mean)} | {_s(gap.low)} to {_s(gap.high)} | {_p(gap.p)} |")
    return (
        "### All modalities less id only (GRU4Rec)\n\n"
        "Difference in NDCG@10, means over seeds paired by test event; intervals by a bootstrap "
        "that draws whole users.\n\n| | difference | 95 % interval | p |\n"
        "| --- | --- | --- | --- |\n" + "\n".join(said) + "\n\n"
    )


def _runs(group: Results, work: Path) -> list[Path]:
    return [work / row["key"] / "RUN" for row in group]


def _cold_ranks(run: Path) -> np.ndarray:
    targets = pl.read_parquet(run / "targets.parquet")
    ranks: np.ndarray = targets.filter(~pl.col("warm"))["rank"].to_numpy()
    return ranks


def _mean(group: Results, name: str) -> float:
    return statistics.mean(row[name] for row in group)


def _n(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}".lstrip("0") or "0"


def _p(value: float) -> str:
    return "below .001" if value < 0.001 else _n(value, 3)


def _s(value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + _n(abs(value))

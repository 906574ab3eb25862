"""What benchmarks of many trainings share: sets, results that are kept, and tables of them."""

import argparse
import hashlib
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from common import code, command_line

RESULTS = Path(__file__).parent / "results"
"""The results of the published pages, a folder for each page."""

REAL: dict[str, dict[str, Any]] = {
    "ml-100k-posters": {"split": "leave-one-out", "min_count": 5},
    "ml-latest-small-posters": {"split": "time", "min_count": 5},
}
"""The real sets and how they are split."""

SPARSE: dict[str, Any] = {"split": "leave-one-out"}
"""How the other sets are split."""

T95 = {1: float("nan"), 2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Quantiles of Student's t for an interval of 95 %, by the number of seeds."""


def grid_line(doc: str | None, results: str, *shared: str) -> argparse.ArgumentParser:
    """Return a parser with what all these benchmarks take.

    Args:
        doc: the docstring of the script.
        results: name of the folder in ``RESULTS``.
        shared: see :func:`common.command_line`.
    """
    parser = command_line(doc, *shared)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--work", type=Path, default=RESULTS / results, help="results are kept here"
    )
    parser.add_argument("--no-run", action="store_true", help="train nothing")
    parser.add_argument("--page", type=Path, help="write a page of what is in the work folder")
    return parser


def split_of(name: str) -> dict[str, Any]:
    """Return how a set is split."""
    return REAL.get(name, SPARSE)


def kept(
    work: Path, name: str, job: dict[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the result of a job from the work folder; make it and keep it if it isn't there.

    Args:
        work: the folder.
        name: begins the name of the file; a hash of the job follows.
        job: all that tells this training from others, in JSON values.
        make: trains, and returns figures.
    """
    work.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:8]
    file = work / f"{name}-{key}.json"
    if not file.is_file():
        file.write_text(json.dumps(job | {"code": code()} | make(), indent=1) + "\n")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def all_kept(work: Path) -> list[dict[str, Any]]:
    """Return the results in a work folder, by the names of their files."""
    return [json.loads(path.read_text()) for path in sorted(work.glob("*.json"))]


def made_by(results: Iterable[dict[str, Any]]) -> str:
    """Return the sentence about the code that made some results."""
    codes = ", ".join(sorted({found["code"] for found in results}))
    return f"Made by code {codes} (a hash of the sources).\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), ""])


def interval(values: Sequence[float]) -> float:
    """Return half of the 95 % interval of a mean; NaN for one value."""
    if len(values) < 2:
        return float("nan")
    return T95[len(values)] * statistics.stdev(values) / len(values) ** 0.5


def with_interval(values: Sequence[float], *, signed: bool = False) -> str:
    """Return a mean and its interval, or that there is one seed."""
    sign = "+" if signed and statistics.mean(values) >= 0 else ""
    tail = f" ± {short(interval(values))}" if len(values) > 1 else " (one seed)"
    return f"{sign}{short(statistics.mean(values))}{tail}"


def short(value: float) -> str:
    """Return a number below 1 without its leading zero."""
    return f"{value:.4f}".replace("0.", ".", 1)

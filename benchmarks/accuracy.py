"""Accuracy of mmrec, of simple baselines and of its peers on the same split files.

    python benchmarks/accuracy.py FOLDER --peers DIR --work DIR [--only TEXT …] [--jobs 2] [--json]

FOLDER holds the data sets `ml-100k-posters` and `ml-latest-small-posters`. Each training is a job.
Its result is kept in the work folder under a hash of its settings, which include the defaults of
`mmrec fit` and the versions of the peers. So an interrupted grid continues where it stopped, and a
wider one computes only what is new. A result contains a hash of the code. A work
folder of an mmrec that wrote another format of RUN is refused. Every model chooses its
epoch by NDCG@10 on validation and is measured once on the test part: whole catalogue ranked, seen
items filtered, ties against the model.

`PEERS` and the page list the settings that were searched. A peer trains with seed 0 for each
dropout, validation chooses one, and the other seeds follow with it. RecBole trains one sample for
each prefix and needs minutes for an epoch, so it runs at its default width and length. Where
`PEERS` has `--minutes`, a training is limited to that processor time. RecBole's state is kept, so a
training that was stopped can continue with more minutes.

The split file also holds the vectors of text and image on which mmrec trains, for the peers that
have modalities in their names.

`--page docs/benchmarks.md` writes the page from what has been computed.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from accuracy_page import page, table
from common import (
    PEER_PACKAGES,
    PEER_SCRIPTS,
    code,
    command_line,
    environment,
    print_json,
    run_script,
)

from mmrec.recommender.artifact.run import FORMAT
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.assemble import Recipe

SEEDS = (0, 1, 2)
MAIN = (("ml-100k-posters", "leave-one-out"), ("ml-latest-small-posters", "time"))
MMREC = {
    "mmrec GRU4Rec, all": ("gru4rec", "id,text,image"),
    "mmrec GRU4Rec, id": ("gru4rec", "id"),
    "mmrec GRU4Rec, text + image": ("gru4rec", "text,image"),
    "mmrec SASRec, all": ("sasrec", "id,text,image"),
    "mmrec SASRec, id": ("sasrec", "id"),
    "mmrec LRURec, all": ("lrurec", "id,text,image"),
    "mmrec GRU4Rec, text": ("gru4rec", "text"),
    "mmrec GRU4Rec, image": ("gru4rec", "image"),
}
ONCE = ("mmrec GRU4Rec, text", "mmrec GRU4Rec, image", "mmrec SASRec, id", "RecBole GRU4Rec")
"""Rows of one seed: beside the others they only say which part does what."""

RECTOOLS = ("--dim", "128", "--loss", "flat", "--minutes", "15")
PEERS = {
    "RecTools SASRec": ("rectools", ("sasrec", "--dim", "128"), (0.2, 0.4)),
    "RecBole GRU4Rec": ("recbole", ("gru4rec", "--dim", "64", "--max-length", "50"), (0.3,)),
    "RecTools BERT4Rec": ("rectools", ("bert4rec", "--dim", "128"), (0.2,)),
    "RecBole SASRec": (
        "recbole",
        ("sasrec", "--dim", "64", "--max-length", "50", "--minutes", "45"),
        (0.5,),
    ),
    "RecTools UniSRec, text + image": ("rectools", ("unisrec", *RECTOOLS), (0.2, 0.4)),
    "RecTools HSTU, all": ("rectools", ("hstu", "--content", *RECTOOLS), (0.2, 0.4)),
    "RecTools eSASRec, all": ("rectools", ("esasrec", "--content", *RECTOOLS), (0.2, 0.4)),
    "RecTools HSTU": ("rectools", ("hstu", *RECTOOLS), (0.2, 0.4)),
    "RecTools eSASRec": ("rectools", ("esasrec", *RECTOOLS), (0.2, 0.4)),
}
"""Of each: the environment, what its script is given, and the dropouts of the search.

A name without modalities is that of a peer that reads ids alone.
"""

MMREC_CELLS = [(place, name) for name in MMREC for place in MAIN]
MMREC_CELLS.remove((MAIN[1], "mmrec SASRec, id"))  # there for the SASRecs of the peers
PEER_CELLS = [(MAIN[0], name) for name in PEERS] + [(MAIN[1], "RecTools SASRec")]


def seeds(split: str, name: str) -> tuple[int, ...]:
    """How often a row is trained."""
    once = name in ONCE or (split, name) == ("time", "RecTools SASRec")  # it is far behind there
    return SEEDS[:1] if once else SEEDS


@dataclass(frozen=True)
class Job:
    """One training: everything that its result depends on.

    Attributes:
        data: the data set's folder name.
        split: ``"leave-one-out"`` or ``"time"``.
        name: the row of the table.
        command: arguments of the script that trains.
        seed: of everything random.
        rest: what is not an argument: a hash of the defaults, or the peer's version.
    """

    data: str
    split: str
    name: str
    command: tuple[str, ...]
    seed: int
    rest: str

    @property
    def key(self) -> str:
        """Names the folder of the result."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """For the eye, and for ``--only``."""
        return f"{self.data} {self.split} | {self.name} | {' '.join(self.command)} | {self.seed}"


def all_jobs() -> Iterator[Job]:
    """What the grid may hold: a peer's seeds for each candidate of its search."""
    yield from mmrec_jobs()
    for place, name in PEER_CELLS:
        for job in peer_search(*place, name):
            yield from (replace(job, seed=seed) for seed in seeds(job.split, name))


def mmrec_jobs() -> Iterator[Job]:
    """The trainings of mmrec, in the order of what they are worth."""
    defaults = json.dumps([Options().to_dict(), Recipe().to_dict()], sort_keys=True)
    rest = hashlib.sha256(defaults.encode()).hexdigest()[:16]
    for (data, split), name in MMREC_CELLS:
        interest, modalities = MMREC[name]
        command = ("--modalities", modalities, "--interest", interest)
        yield from (Job(data, split, name, command, seed, rest) for seed in seeds(split, name))


def peer_search(data: str, split: str, name: str) -> list[Job]:
    """The trainings with seed 0 of which validation chooses."""
    peer, arguments, dropouts = PEERS[name]
    commands = [(*arguments, "--dropout", str(dropout)) for dropout in dropouts]
    return [Job(data, split, name, command, 0, PEER_PACKAGES[peer][0]) for command in commands]


def check_formats(work: Path) -> None:
    """Refuse a work folder with RUNs that this version of mmrec can't read."""
    for config in sorted(work.glob("*/RUN/config.json")):
        if (found := json.loads(config.read_text()).get("format")) != FORMAT:
            raise SystemExit(
                f"{work} must hold RUNs of format {FORMAT} only; {config.parent} is of format "
                f"{found}, by another version of mmrec: give another folder with --work"
            )


class Grid:
    """Runs jobs and keeps what they gave."""

    def __init__(self, data: Path, peers: Path, work: Path, cache: Path) -> None:
        self.data, self.peers, self.work, self.cache = data, peers, work, cache
        work.mkdir(parents=True, exist_ok=True)
        check_formats(work)

    def result(self, job: Job) -> dict[str, Any] | None:
        """What a job gave, or None."""
        path = self.work / job.key / "result.json"
        return json.loads(path.read_text()) if path.exists() else None

    def run(self, job: Job) -> dict[str, Any]:
        """Give the result of a job, computed where it isn't there."""
        kept = self.result(job)
        if kept is not None:
            return kept
        folder = self.work / job.key
        folder.mkdir(exist_ok=True)
        start = time.perf_counter()
        found = (
            self._mmrec(job, folder) if job.name.startswith("mmrec") else self._peer(job, folder)
        )
        wall = time.perf_counter() - start
        result = {"job": asdict(job), "wall": wall, "code": code()} | found
        (folder / "result.json.part").write_text(json.dumps(result))
        (folder / "result.json.part").rename(folder / "result.json")
        print(f"{result['wall']:6.0f} s  {found['ndcg@10']:.4f}  {job.label}", flush=True)
        return result

    def _mmrec(self, job: Job, folder: Path) -> dict[str, Any]:
        command = [sys.executable, "-c", "from mmrec.cli import main; main()", "fit"]
        command += [str(self.data / job.data), "--out", str(folder / "RUN"), "--split", job.split]
        command += ["--refit", "none"]  # the peers train on the training part alone, too
        command += ["--min-count", "5", "--cache", str(self.cache), "--seed", str(job.seed)]
        done = subprocess.run([*command, *job.command], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{job.label} failed:\n{done.stderr[-2000:]}")
        report = json.loads((folder / "RUN" / "report.json").read_text())
        test, training = report["test"], report["training"]
        numbers = {name: value for name, value in test.items() if isinstance(value, float)}
        return numbers | {
            "valid": report["valid"]["ndcg@10"],
            "best_epoch": training["best_epoch"],
            "epochs": training["epochs"],
            "fingerprint": report["fingerprint"],
            "targets": test["targets"],
            "cold": test["cold"],
            "baselines": report["baselines"],
            "seconds": report["seconds"]["train"],
        }

    def _peer(self, job: Job, folder: Path) -> dict[str, Any]:
        peer = PEERS[job.name][0]
        script = PEER_SCRIPTS / f"accuracy_{peer}.py"
        python, split = environment(self.peers, peer), self.split_file(job.data, job.split)
        model, *rest = job.command
        rest += ["--seed", str(job.seed)]
        if peer == "recbole":
            rest += ["--state", str(folder / "state.pt")]
        return run_script([python, script, model, split, *rest])

    def split_file(self, data: str, split: str) -> Path:
        """What all peers read."""
        path = self.work / f"{data}-{split}-content.npz"
        if not path.exists():
            script = PEER_SCRIPTS / "export_split.py"
            command = [sys.executable, script, self.data / data, path, "--split", split]
            command += ["--cache", self.cache]
            subprocess.run(command, check=True, capture_output=True)
        return path

    def chosen(self, data: str, split: str, name: str) -> list[Job]:
        """A peer's jobs: the search, then the other seeds of the best on validation."""
        search = peer_search(data, split, name)
        best = max(search, key=lambda job: self.run(job)["valid"])
        return [replace(best, seed=seed) for seed in seeds(split, name)]


def main() -> None:
    """Run what is asked for, and write the page."""
    parser = command_line(__doc__, "data", "--peers", "--cache")
    parser.add_argument("--work", type=Path, default=Path("accuracy"))
    parser.add_argument("--only", nargs="+", default=[""], help="jobs whose label holds a text")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, a thread each")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--no-run", action="store_true", help="only what has been computed")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    grid = Grid(arguments.data, arguments.peers, arguments.work, arguments.cache)

    def wanted(job: Job) -> bool:
        return any(text in job.label for text in arguments.only)

    def peer(place: tuple[str, str], name: str) -> None:
        if wanted(peer_search(*place, name)[0]):
            for job in grid.chosen(*place, name):
                grid.run(job)

    if not arguments.no_run:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            tasks = [pool.submit(grid.run, job) for job in mmrec_jobs() if wanted(job)]
            tasks += [pool.submit(partial(peer, *cell)) for cell in PEER_CELLS]
            for task in tasks:
                task.result()
    jobs = list(all_jobs())
    results = [kept | {"key": job.key} for job in jobs if (kept := grid.result(job))]
    if arguments.page is not None:
        arguments.page.write_text(page(results, arguments.work))
    print_json(arguments, table(results))


if __name__ == "__main__":
    main()

"""Seconds of training until a quality on validation is reached: mmrec and RecTools' SASRec.

    python benchmarks/quality.py DATA --peers DIR [--ndcg .09] [--seeds 3] [--json]

Both sides read the same split (leave-one-out of a 5-core), use one thread, and rank the whole
catalogue on validation after each epoch. Seconds include validation and the work before the first
epoch. The sides take turns, one training at a time. RecTools stops at the quality. mmrec trains to
its end; its seconds count up to the first epoch with the quality, all epochs taken as equally
long. Settings are those of ``benchmarks/accuracy.py``.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from common import PEER_SCRIPTS, command_line, environment, print_json, run_script

MMREC = {
    "mmrec GRU4Rec, id": ("gru4rec", "id"),
    "mmrec SASRec, id": ("sasrec", "id"),
    "mmrec GRU4Rec, all": ("gru4rec", "id,text,image"),
}


def mmrec_seconds(data: Path, out: Path, name: str, seed: int, ndcg: float) -> float | None:
    """Return the seconds until mmrec reaches the NDCG; None if it never does."""
    interest, modalities = MMREC[name]
    command = [sys.executable, "-c", "from mmrec.cli import main; main()", "fit", str(data)]
    command += ["--out", str(out), "--split", "leave-one-out", "--min-count", "5"]
    command += ["--interest", interest, "--modalities", modalities, "--seed", str(seed)]
    command += ["--refit", "none"]  # the seconds are of the epochs that are validated
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((out / "report.json").read_text())
    training = report["training"]
    reached = [n for n, value in enumerate(training["valid_curve"], 1) if value >= ndcg]
    if not reached:
        return None
    return float(report["seconds"]["train"]) * reached[0] / int(training["epochs"])


def peer_seconds(python: Path, split: Path, seed: int, ndcg: float) -> float | None:
    """Return the seconds until RecTools reaches the NDCG; None if it never does."""
    script = PEER_SCRIPTS / "accuracy_rectools.py"
    command: list[str | Path] = [
        python,
        script,
        "sasrec",
        split,
        "--until",
        str(ndcg),
        "--seed",
        str(seed),
    ]
    said = run_script(command)
    return float(said["seconds"]) if said["stopped_by"] == "until" else None


def main() -> None:
    """Print a line a training, then medians and ratios."""
    parser = command_line(__doc__, "data", "--peers")
    parser.add_argument("--ndcg", type=float, default=0.09, help="on validation")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    python = environment(arguments.peers, "rectools")
    taken: dict[str, list[float | None]] = {name: [] for name in (*MMREC, "RecTools SASRec")}
    with TemporaryDirectory() as place:
        folder = Path(place)
        split = folder / "split.npz"
        export = [sys.executable, str(PEER_SCRIPTS / "export_split.py")]
        export += [str(arguments.data), str(split), "--split", "leave-one-out"]
        subprocess.run(export, check=True, capture_output=True)
        for seed in range(arguments.seeds):
            for name, found in taken.items():
                if name in MMREC:
                    out = folder / f"{name} {seed}"
                    seconds = mmrec_seconds(arguments.data, out, name, seed, arguments.ndcg)
                else:
                    seconds = peer_seconds(python, split, seed, arguments.ndcg)
                found.append(seconds)
                print(f"{name:<18} {seed}  {seconds or float('nan'):8.1f} s", flush=True)
    medians = {
        name: None if None in found else statistics.median(s for s in found if s is not None)
        for name, found in taken.items()
    }
    peer = medians["RecTools SASRec"]
    for name, median in medians.items():
        ratio = f"× {peer / median:.1f}" if peer and median else "not every seed reached it"
        print(f"{name:<18} {ratio}")
    print_json(arguments, {"ndcg@10": arguments.ndcg, "seconds": taken, "medians": medians})


if __name__ == "__main__":
    main()

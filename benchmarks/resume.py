"""Trainings killed at a random moment and resumed, against one that was never interrupted.

    python benchmarks/resume.py [--times 20] [--seed 0] [--json]

`mmrec fit` trains on a miniature shop once as it is. Then, each time, it is started again, killed
with SIGKILL at a random moment of the training or its refits, and resumed: the bytes
of `model.safetensors` must be the same. All runs are processes of their own, on the CPU.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from common import command_line, print_json

from mmrec.demo import make_shop

OPTIONS = ["--modalities", "id", "--reranker", "mlp", "--negatives", "popularity"]
OPTIONS += ["--dim", "64", "--epochs", "10", "--batch-size", "8", "--devices", "1"]


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Start `mmrec fit` on the CPU, on one thread: sums then have one order."""
    script = "from mmrec.cli import main; main()"
    command = [sys.executable, "-c", script, "fit", str(data), "--out", str(out), *OPTIONS, *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def finish(process: subprocess.Popen[str], out: Path) -> str:
    """Wait for the end, and return the hash of the model."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"mmrec fit ended with {process.returncode}: {said[-2000:]}")
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def training_starts(process: subprocess.Popen[str], checkpoints: Path) -> float:
    """Wait until the training begins, and return when that is."""
    while not (checkpoints / "training.json").exists():
        if process.poll() is not None:
            raise SystemExit(process.communicate()[0][-2000:])
        time.sleep(0.005)
    return time.monotonic()


def epochs_kept(checkpoints: Path) -> int:
    """How many epochs the last checkpoint of each training has seen; 0 where there is none."""
    last: dict[Path, int] = {}
    for path in sorted(checkpoints.rglob("epoch-*.ckpt")):
        last[path.parent] = int(path.stem[-5:])
    return sum(last.values())


def main() -> None:
    """Print what was killed when, and how many of the resumed models are equal."""
    parser = command_line(__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often to kill and resume")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with TemporaryDirectory() as folder:
        data = make_shop(Path(folder, "shop"), users=250, items=120)
        out, checkpoints = Path(folder, "run"), Path(folder, "run.training")
        process = start(data, out)
        began = training_starts(process, checkpoints)
        expected = finish(process, out)
        seconds = time.monotonic() - began
        print(f"uninterrupted: {seconds:.1f} s of training, sha256 {expected[:16]}", flush=True)
        kills: list[dict[str, float | bool]] = []
        while len(kills) < arguments.times:
            process = start(data, out)
            began = training_starts(process, checkpoints)
            after = moments.uniform(0, seconds)
            time.sleep(max(began + after - time.monotonic(), 0))
            process.kill()
            process.communicate()
            if process.returncode != -9:
                continue  # it was quicker this time
            kept = epochs_kept(checkpoints)
            equal = finish(start(data, out, "--resume"), out) == expected
            kills.append({"seconds": round(after, 2), "epochs": kept, "equal": equal})
            said = "equal" if equal else "DIFFERENT"
            print(f"killed after {after:5.2f} s, {kept:2} epochs kept: {said}", flush=True)
        equal = sum(bool(kill["equal"]) for kill in kills)
        print(f"{equal} of {arguments.times} equal")
        print_json(arguments, {"times": arguments.times, "equal": equal, "kills": kills})
        if equal < arguments.times:
            raise SystemExit(1)


if __name__ == "__main__":
    main()

"""mmrec on a GPU: is it right there, how fast, and what limits it; one JSON file and a table.

    python benchmarks/gpu.py [--out gpu.json] [--only SECTION …] [--budget 450] [--dry]

It needs torch for CUDA, this checkout and mmrec's dependencies. Nothing is downloaded: data are
generated, and text and image models have random weights. Each section is a process of its own with
a time limit: one that fails, hangs or crashes loses its own figures alone. Sections:

- ``card``: bandwidth of a large copy, and operations a second of a large product, by number format;
- ``suite``: the tests that need CUDA;
- ``parity``: scores, ranks and losses of the card against the CPU, with tolerances;
- ``precision``: loss and NDCG@10 of 32-true, TF32, bf16-mixed and 16-mixed, over seeds;
- ``throughput``: events a second against all of 20,000 items, and the loss beside the floor that
  memory bandwidth sets;
- ``encoders``: share of the peak that a BERT and a ResNet-50 reach, and their memory;
- ``pool``: training them end to end, each item of a batch once against each occurrence;
- ``reads``: which lines of a training step make the CPU wait for the card;
- ``transfers``: page-locked and overlapping copies, loader processes;
- ``resume``: a training that is repeated or resumed against the same undisturbed;
- ``compile``: ``torch.compile`` of the interest model.

With the defaults it ends after 8 minutes at the latest.

Times are medians after a warm-up, by CUDA events. ``--dry`` runs all of it on a CPU at toy sizes;
it shows that the script works, and its figures mean nothing. The exit status is 1 if a section has
an error.
"""

import argparse
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from common import code
from gpu_bench import Bench, Skipped
from gpu_encoders import card, encoders, pool, suite
from gpu_steps import reads, resume, transfers
from gpu_training import compiled, parity, precision, throughput

Section = Callable[[Bench], None]
SECTIONS: dict[str, tuple[Section, float]] = {
    "card": (card, 30),
    "suite": (suite, 120),
    "parity": (parity, 60),
    "precision": (precision, 100),
    "throughput": (throughput, 60),
    "encoders": (encoders, 70),
    "pool": (pool, 60),
    "reads": (reads, 30),
    "transfers": (transfers, 40),
    "resume": (resume, 60),
    "compile": (compiled, 120),
}
"""The sections in their order, each with its most seconds."""


def run(
    sections: Mapping[str, tuple[Section, float]], device: torch.device, *, dry: bool, budget: float
) -> dict[str, dict[str, Any]]:
    """Run sections one after the other, each in a process of its own, and return what they found.

    Args:
        sections: functions and their most seconds, by name.
        device: where they run.
        dry: whether sizes are toys.
        budget: seconds for all together.
    """
    results: dict[str, dict[str, Any]] = {}
    ends = time.monotonic() + budget
    with TemporaryDirectory() as folder:
        for name, (section, most) in sections.items():
            start = time.monotonic()
            left = min(most, ends - start)
            if left <= 0:
                # A dry run is there to run all of it.
                how = "error" if dry else "skipped"
                results[name] = {how: f"the budget of {budget:g} s was used up"}
            else:
                path = Path(folder, f"{name}.json")
                results[name] = _in_process(section, Bench(device, dry, path, left))
                results[name]["seconds"] = round(time.monotonic() - start, 2)
            _show(name, results[name])
    return results


def _in_process(section: Section, bench: Bench) -> dict[str, Any]:
    """Run a section in a process, and return its figures, with an error if there was one."""
    process = multiprocessing.get_context("fork").Process(target=_work, args=(section, bench))
    process.start()
    error = None
    try:
        process.join(bench.seconds_left)
    finally:
        if process.is_alive() and process.pid is not None:
            error = f"stopped after {bench.seconds_left:.3g} s"
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it started
            process.join()
    said = bench.read()
    if error is None and process.exitcode:
        error = f"the process ended with {process.exitcode}"
    return said | ({"error": error} if error else {})


def _work(section: Section, bench: Bench) -> None:
    os.setsid()  # a group of its own, which can be stopped together
    if bench.dry:
        torch.set_num_threads(1)
    bench.note()
    ending: dict[str, str] = {}
    try:
        section(bench)
    except Skipped as reason:
        ending = {"skipped": str(reason)}
    except Exception as error:
        ending = {"error": f"{type(error).__name__}: {error}"[:2000]}
        ending["trace"] = traceback.format_exc()[-4000:]
    bench.write(ending)


def _show(name: str, result: Mapping[str, Any]) -> None:
    """Print what a section found."""
    print(f"\n{name} ({result.get('seconds', 0):.1f} s)", flush=True)
    for key in ("skipped", "error"):
        if key in result:
            print(f"  {key}: {result[key]}", flush=True)
    for key, value in _leaves(result.get("figures", {})):
        print(f"  {key:58} {value}", flush=True)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return the numbers of nested figures as text, with where they are."""
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in _leaves(part, (*path, key))]
    return [(" / ".join(path), _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return str(value)


def has_card() -> bool:
    """Return whether there is a CUDA device; CUDA that this process asks is lost to the others."""

    def ask() -> None:
        raise SystemExit(0 if torch.cuda.is_available() else 1)

    process = multiprocessing.get_context("fork").Process(target=ask)
    process.start()
    process.join()
    return process.exitcode == 0


def driver() -> str | None:
    """Return what the driver says of its cards and itself; None without one."""
    asked = "--query-gpu=name,driver_version,memory.total"
    command = ["nvidia-smi", asked, "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def main() -> None:
    """Run the sections, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="the JSON file")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), help="run these sections")
    parser.add_argument("--budget", type=float, default=450, help="seconds for all together")
    parser.add_argument("--dry", action="store_true", help="toy sizes on a CPU")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if not arguments.dry and not has_card():
        raise SystemExit("gpu.py needs a CUDA device; --dry runs on a CPU, at toy sizes")
    device = torch.device("cpu" if arguments.dry else "cuda:0")
    start = time.monotonic()
    chosen = {name: SECTIONS[name] for name in SECTIONS if name in (arguments.only or SECTIONS)}
    results = run(chosen, device, dry=arguments.dry, budget=arguments.budget)
    about = {
        "card": driver(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "code": code(),
        "dry": arguments.dry,
        "seconds": round(time.monotonic() - start, 1),
    }
    arguments.out.write_text(json.dumps(about | {"sections": results}, indent=1) + "\n")
    failed = [name for name, result in results.items() if "error" in result]
    print(f"\n{about['seconds']} s; {arguments.out}; errors in: {', '.join(failed) or 'none'}")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

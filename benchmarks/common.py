"""What the benchmarks share: command lines, clocks, memory, and the scripts of the peers."""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

PEER_SCRIPTS = Path(__file__).parent / "peers"
PEER_PACKAGES = {
    "recbole": ["recbole==1.2.1", "numpy<2", "setuptools<80"],
    "rectools": ["rectools[torch]==0.19.0"],
}
KEEP_MEMORY = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**30))
SHARED: dict[str, dict[str, Any]] = {
    "data": {"help": "folder of a data set"},
    "run": {"help": "folder of a trained RUN"},
    "--peers": {"default": Path("peers"), "help": "folder of the peers' virtual environments"},
    "--cache": {"default": Path.home() / ".cache" / "mmrec", "help": "features are kept here"},
    "--folder": {"default": Path(), "help": "the log lies in a new folder here"},
}
"""Paths that several benchmarks take."""


def command_line(doc: str | None, *shared: str) -> argparse.ArgumentParser:
    """Return a parser with ``--json`` and some of the ``SHARED`` arguments.

    Args:
        doc: the docstring of the script; its first line is the description.
        shared: names in ``SHARED``.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    for name in shared:
        parser.add_argument(name, type=Path, **SHARED[name])
    parser.add_argument("--json", action="store_true", help="print the result as the last line")
    return parser


def print_json(arguments: argparse.Namespace, result: object) -> None:
    """Print the result as one line of JSON if ``--json`` was given."""
    if arguments.json:
        print(json.dumps(result))


def code() -> str:
    """Return a hash of the source of mmrec."""
    import mmrec

    digest = hashlib.sha256()
    for path in sorted(Path(mmrec.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def seconds_of(action: Callable[[], Any]) -> float:
    """Return the seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def median_seconds(action: Callable[[], Any], repeats: int) -> float:
    """Return the median seconds of an action that is repeated."""
    return statistics.median(seconds_of(action) for _ in range(repeats))


def memory(field: str) -> int:
    """Return a figure of this process in bytes: VmHWM, RssAnon, VmRSS."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith(f"{field}:")]
    return int(found.split()[1]) * 1024


class PeakMemory(threading.Thread):
    """A context that samples how much memory of the process is not a page of a file.

    Attributes:
        first: bytes at the start.
        peak: the most bytes so far.
    """

    def __init__(self, every: float) -> None:
        super().__init__(daemon=True)
        self.every = every
        self.first = self.peak = memory("RssAnon")
        self.ended = threading.Event()

    def run(self) -> None:
        """Sample once in ``every`` seconds."""
        while not self.ended.wait(self.every):
            self.peak = max(self.peak, memory("RssAnon"))

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        self.join()


def environment(folder: Path, peer: str) -> Path:
    """Return the interpreter of a peer's virtual environment; make the environment if missing."""
    python = folder / peer / "bin" / "python"
    if not python.exists():
        import torch

        subprocess.run([sys.executable, "-m", "venv", folder / peer], check=True)
        version = torch.__version__.split("+")[0]
        command = [python, "-m", "pip", "install", "-q", f"torch=={version}"]
        subprocess.run([*command, *PEER_PACKAGES[peer]], check=True)
    return python


def run_script(command: list[str | Path]) -> dict[str, Any]:
    """Run a script whose last line is JSON, and return that."""
    words, kept = [str(part) for part in command], os.environ | KEEP_MEMORY
    done = subprocess.run(words, capture_output=True, text=True, env=kept)
    if done.returncode:
        raise SystemExit(f"{command[1]} failed:\n{done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said

"""Try a wheel on every Python that is at hand, each in a clean environment.

    python .ci/pythons.py WHEEL [PYTHON …]

Without a PYTHON these are the newest `python3.N` from 3.11 on in PATH and in ~/.pyenv, one of each
N. The wheel is installed with its dependencies and no extra, as its users get it. Then mmrec is
imported, trains on a tiny log, is saved, loaded and asked for a list, and its command starts. An
environment takes some 6 GB where torch is built for CUDA, and is deleted before the next is made.
It takes minutes for each Python: a step of a release, not of `.ci/run`.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

FIRST = 11
"""The minor version of the oldest Python."""

IMPORT_SECONDS = 0.2

IMPORT = "import time; a = time.perf_counter(); import mmrec; print(time.perf_counter() - a)"
USE = """
import mmrec

events = {"user_id": [*"uuuuvvvv"] * 3, "item_id": [*"abcdbcda"] * 3, "timestamp": range(24)}
options = mmrec.Options(
    modalities=("id",), dim=8, epochs=1, refit="none", split="leave-one-out"
)
made = mmrec.Recommender.fit(events, {"item_id": [*"abcd"]}, options=options)
made.save("run")
loaded = mmrec.Recommender.load("run")
assert loaded.recommend(["a"], k=2) == made.recommend(["a"], k=2)
assert len(made.recommend(["a"], k=2)) == 2
"""


def version_of(python: Path) -> tuple[int, ...]:
    """Return the version of a Python, or nothing if it doesn't start."""
    code = "import sys; print(*sys.version_info[:3])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def at_hand() -> list[Path]:
    """Return the newest Python of each minor version from the first on, the oldest before."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
    found: dict[int, tuple[tuple[int, ...], Path]] = {}
    for python in (path for folder in folders for path in folder.glob("python3.*")):
        if not re.fullmatch(r"python3\.\d+", python.name):
            continue
        minor = int(python.suffix[1:])
        if minor >= FIRST and (version := version_of(python)) > found.get(minor, ((),))[0]:
            found[minor] = version, python
    return [python for _, (_, python) in sorted(found.items())]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command in a folder and return what it printed; stop if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def try_on(python: Path, wheel: Path) -> str:
    """Install the wheel in an environment of this Python, use it, and say what it took."""
    with TemporaryDirectory() as name:
        folder, start = Path(name), time.perf_counter()
        run(python, "-m", "venv", "env", cwd=folder)
        inside = folder / "env" / "bin" / "python"
        run(inside, "-m", "pip", "install", "-q", wheel, cwd=folder)
        installed = time.perf_counter() - start
        size = sum(path.lstat().st_size for path in (folder / "env").rglob("*"))
        imported = min(float(run(inside, "-c", IMPORT, cwd=folder)) for _ in range(3))
        if imported > IMPORT_SECONDS:
            sys.exit(f"import mmrec took {imported:.2f} s; expected at most {IMPORT_SECONDS}")
        start = time.perf_counter()
        run(inside, "-c", USE, cwd=folder)
        used = time.perf_counter() - start
        if "recommend" not in run(inside.parent / "mmrec", "--help", cwd=folder):
            sys.exit("expected the command recommend in mmrec --help")
    return (
        f"installed in {installed:.0f} s ({size / 1e9:.1f} GB), imported in {imported:.3f} s, "
        f"trained, saved, loaded and asked in {used:.0f} s, mmrec --help works"
    )


def main() -> None:
    """Try each Python, one after the other."""
    if len(sys.argv) < 2:
        sys.exit("expected the path of a wheel, and of Pythons; got nothing")
    wheel, *pythons = (Path(word).absolute() for word in sys.argv[1:])
    for python in pythons or at_hand():
        if (free := shutil.disk_usage(gettempdir()).free) < 8e9:
            sys.exit(f"expected 8 GB of free space for an environment; got {free / 1e9:.1f} GB")
        version = ".".join(map(str, version_of(python)))
        print(f"Python {version}: {try_on(python, wheel)}", flush=True)


if __name__ == "__main__":
    main()

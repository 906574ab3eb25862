"""Build the wheel and the sdist, and check what a user of them gets.

    python .ci/wheel.py DIST

The sdist holds the files of the package and its tests that git knows, and no other; a wheel made
from it equals one made from the checkout. The wheel holds the package alone; it installs into an
environment of its own, beside the dependencies of this one; `import mmrec` is quick; the command
starts; a typed program that uses it passes mypy and pyright.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

CLIENT = """
from typing import assert_type

import torch
from torch import Tensor

import mmrec
from mmrec.encoders import IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.losses import softmax_loss
from mmrec.models import SequentialModel, gru4rec

model = gru4rec({"id": IdEncoder(5, 8)}, dim=8)
assert_type(model, SequentialModel)
fusion = ConcatFusion({"id": 8, "text": 4}, 8)
vectors: Tensor = fusion({"id": torch.zeros(2, 8)}, {"id": torch.ones(2, dtype=torch.bool)})
interest: Tensor = GRUInterest(8)(vectors[None], torch.ones(1, 2, dtype=torch.bool))
options = mmrec.Options(epochs=3)
assert_type(options.epochs, int)


def first(recommender: mmrec.Recommender) -> list[str | int]:
    return [found.item for found in recommender.recommend(["a"], k=3)]


def wrong(recommender: mmrec.Recommender) -> None:
    recommender.recommend(["a"], k="3")  # type: ignore[arg-type]
    assert softmax_loss is not None
"""
"""A program with types: each of its lines is right, but for the one that says so."""

IMPORT_SECONDS = 0.2

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ["src", "tests", "pyproject.toml", "README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE"]
"""What the sdist is made of."""


def run(*command: str | Path, **options: object) -> str:
    """Run a command and return what it printed; stop if it fails."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in command], capture_output=True, text=True, **options
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def build(dist: Path) -> Path:
    """Write the sdist and a wheel that is made from it, and return the path of the wheel."""
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", dist, cwd=ROOT)
    (wheel,) = dist.glob("*.whl")
    return wheel


def check_sdist(sdist: Path, tracked: set[str]) -> None:
    """Stop if the sdist holds other files than those that git knows, and what a build adds."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    added = {"PKG-INFO", ".gitignore"}
    stray, missing = sorted(names - added - tracked), sorted((tracked | {"PKG-INFO"}) - names)
    if stray or missing:
        sys.exit(f"{sdist.name}: stray files {stray}, missing {missing}")
    print(f"{sdist.name}: {len(names)} files, {sdist.stat().st_size / 1e3:.0f} kB")


def check_equal(wheel: Path, other: Path) -> None:
    """Stop if two wheels differ in a file."""
    files = [
        {name: book.read(name) for name in book.namelist()} for book in map(ZipFile, (wheel, other))
    ]
    names = files[0].keys() | files[1].keys()
    if differ := sorted(name for name in names if files[0].get(name) != files[1].get(name)):
        sys.exit(f"expected equal wheels of sdist and checkout; these files differ: {differ}")
    print("the wheel made from the checkout equals it")


def check_content(wheel: Path) -> None:
    """Stop if the wheel holds anything but the package."""
    names = ZipFile(wheel).namelist()
    package = [name for name in names if ".dist-info/" not in name]
    allowed = re.compile(r"mmrec/.*\.(py|typed|j2|css|js|svg|html)$")
    stray = [name for name in package if not allowed.match(name) or "test_" in name]
    wanted = ["mmrec/__init__.py", "mmrec/py.typed"]
    missing = [name for name in wanted if name not in names]
    if stray or missing:
        sys.exit(f"{wheel.name}: stray files {stray}, missing {missing}")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {len(names)} files, {size / 1e3:.0f} kB")


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone and return its Python, which finds the dependencies of this one."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # The editable mmrec of this environment is found by its own path file, which is not read there.
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    found = run(python, "-c", "import mmrec; print(mmrec.__file__)", cwd=folder).strip()
    if not Path(found).is_relative_to(site):
        sys.exit(f"expected mmrec in {site}; got {found}")
    return python


def check_use(python: Path, folder: Path) -> None:
    """Stop if the import is slow or the command does not start."""
    code = "import time; a = time.perf_counter(); import mmrec; print(time.perf_counter() - a)"
    seconds = min(float(run(python, "-c", code, cwd=folder)) for _ in range(3))
    print(f"import mmrec: {seconds:.3f} s")
    if seconds > IMPORT_SECONDS:
        sys.exit(f"import mmrec took {seconds:.2f} s; expected at most {IMPORT_SECONDS}")
    print(run(python.parent / "mmrec", "--version", cwd=folder).strip())


def check_types(python: Path, folder: Path) -> None:
    """Stop if a typed program that uses the wheel does not pass."""
    client = folder / "client.py"
    client.write_text(CLIENT)
    cache = folder / "cache"
    if (known := ROOT / ".mypy_cache").is_dir():  # of `make check`: torch is not read once more
        shutil.copytree(known, cache)
    rules = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", cache]  # strict
    checked = ["mypy", *rules, "--python-executable", python, client]
    print("mypy:", run(sys.executable, "-m", *checked, cwd=folder).strip().splitlines()[-1])
    checked = ["pyright", "--pythonpath", python, client]
    print("pyright:", run(sys.executable, "-m", *checked, cwd=folder).strip().splitlines()[-1])


def main() -> None:
    """Build, then check."""
    start = time.perf_counter()
    wheel = build(Path(sys.argv[1]).resolve())
    check_content(wheel)
    (sdist,) = wheel.parent.glob("*.tar.gz")
    check_sdist(sdist, set(run("git", "ls-files", *SOURCES, cwd=ROOT).splitlines()))
    with TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, cwd=ROOT)
        check_equal(wheel, folder / wheel.name)
        python = install(wheel, folder / "venv")
        check_use(python, folder)
        check_types(python, folder)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

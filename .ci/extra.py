"""Install an extra alone in a new environment, and run what it is for.

    python .ci/extra.py [EXTRA …]

The environment gets hard links to what mmrec itself requires, from the environment that runs this,
so torch is neither loaded again nor copied. Then pip installs mmrec with the extra, and the
extra's own packages come as its users get them. Without names it is one extra, another after each
commit.
"""

import os
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
ALONE = ROOT / "tests" / "hooks" / "alone.py"
SITE = Path(sysconfig.get_path("purelib"))

sys.path.insert(0, str(ALONE.parent))
from alone import closure, extras, plain  # noqa: E402


def run(*command: str | Path) -> str:
    """Run a command and return what it printed; stop if it fails."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=kept)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def of_this_commit() -> str:
    """Return the extra whose turn it is."""
    names = extras()
    return names[int(run("git", "rev-list", "--count", "HEAD")) % len(names)]


def link(names: set[str], site: Path) -> None:
    """Make hard links to the files of some distributions in another folder of packages."""
    for name in names:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # for another platform or Python
        for file in files:
            if ".." in file.parts:
                continue  # a command
            sources = [Path(file)]
            if file.suffix == ".py":  # pip does not list what an import has compiled
                sources.append(Path(cache_from_source(str(file))))
            for path in sources:
                if (SITE / path).is_file() and not (site / path).exists():
                    (site / path).parent.mkdir(parents=True, exist_ok=True)
                    os.link(SITE / path, site / path)


def packages(site: Path) -> set[str]:
    """Return the distributions in a folder of packages, with their versions."""
    return {path.stem for path in site.glob("*.dist-info")}


def check(extra: str) -> None:
    """Install one extra, run it, and say what came and how long it took."""
    start = time.perf_counter()
    # Hard links do not reach another disk, so the environment lies beside the one that runs this.
    with TemporaryDirectory(dir=sys.prefix) as name:
        run(sys.executable, "-m", "venv", "--without-pip", name)
        python = Path(name, "bin", "python")
        site = Path(name) / SITE.relative_to(sys.prefix)
        link(closure(("mmrec", ())) - {"mmrec"}, site)
        before = packages(site)
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
        run(*pip, f"{ROOT}[{extra}]")
        after = packages(site)
        if replaced := before - after:
            print(f"{extra} replaces {sorted(replaced)}")
        came = sorted(after - before)
        installed = time.perf_counter() - start
        said = run(python, ALONE, extra).strip().splitlines()[-1]
    seconds = time.perf_counter() - start
    print(
        f"{said} with {len(came)} packages, {' '.join(came)} "
        f"(installed in {installed:.0f} s, {seconds:.0f} s in all)"
    )


def main() -> None:
    """Check the extras that are named, or the one whose turn it is."""
    for extra in sys.argv[1:] or [of_this_commit()]:
        check(plain(extra))


if __name__ == "__main__":
    main()

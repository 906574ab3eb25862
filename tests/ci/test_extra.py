"""An environment with one extra alone."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture(scope="module")
def extra(script):
    return script("extra")


@pytest.fixture
def folder():
    """A folder on the disk of the packages, as hard links need."""
    with TemporaryDirectory(dir=sys.prefix) as name:
        yield Path(name)


def test_files_of_a_distribution_are_linked_and_no_others(extra, folder):
    extra.link({"einops", "no-such-distribution"}, folder)
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"einops"}
    linked, old = folder / "einops" / "einops.py", extra.SITE / "einops" / "einops.py"
    assert linked.samefile(old)
    assert extra.packages(folder) == {f"einops-{extra.distribution('einops').version}"}
    extra.link({"einops"}, folder)  # once more changes nothing


def test_each_commit_has_the_next_extra(extra, monkeypatch):
    names = extra.extras()
    monkeypatch.setattr(extra, "run", lambda *_: f"{len(names) * 3 + 1}\n")
    assert extra.of_this_commit() == names[1]


def test_a_linked_environment_does_not_see_the_one_beside_it(extra, folder):
    extra.run(sys.executable, "-m", "venv", "--without-pip", folder)
    site = folder / extra.SITE.relative_to(sys.prefix)
    extra.link({"einops"}, site)
    code = (
        "import importlib.util as u; print(*[u.find_spec(x) is None for x in ('einops', 'torch')])"
    )
    command = [folder / "bin" / "python", "-c", code]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["False", "True"]

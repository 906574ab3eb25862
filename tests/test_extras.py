"""Each extra of pyproject.toml has all that its part of mmrec imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ALONE = Path(__file__).parent / "hooks" / "alone.py"


def run(*arguments):
    command = [sys.executable, ALONE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_each_extra_runs_with_its_own_packages_alone():
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "nothing runs alone" in lines  # mmrec without an extra trains and recommends
    assert "serve runs alone" in lines


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_package_that_an_extra_lacks_is_noticed():
    done = run("--without", "fastapi-offline", "serve", "tune")
    assert done.returncode == 1
    assert "serve fails" in done.stdout
    assert "tune runs alone" in done.stdout
    assert "serving needs fastapi_offline" in done.stderr

"""The workflows do what `.ci/run` does, on every Python that is promised."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps_of(path):
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_the_first_job_is_the_script():
    assert any(step.get("run") == "bash .ci/run" for step in steps_of(WORKFLOWS[0]))


def test_each_promised_python_is_tested():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    promised = {line.split()[-1] for line in classifiers if re.search(r":: 3\.\d+$", line)}
    tested = set(re.findall(r'python(?:-version)?: "([\d.]+)"', WORKFLOWS[0].read_text()))
    assert tested == promised


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_scripts_that_a_workflow_starts_are_there(path):
    started = re.findall(r"\.ci/\w+(?:\.py)?", path.read_text(encoding="utf-8"))
    assert started
    for name in started:
        assert (ROOT / name).is_file(), name

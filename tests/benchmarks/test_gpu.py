import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import gpu

    return gpu


def test_a_section_loses_its_own_figures_alone(gpu):
    def fails(bench):
        bench.note(half=1)
        raise ValueError("no such thing")

    def skips(bench):
        raise gpu.Skipped("timm is missing")

    def crashes(bench):
        bench.note(half=2)
        os._exit(3)

    def garbles(bench):
        bench.path.write_text('{"figures": {"ha')
        os._exit(4)

    def hangs(bench):
        bench.note(half=3)
        time.sleep(60)

    def ends(bench):
        bench.note(twice=2 * bench.size(10, 1))

    sections = [fails, skips, crashes, garbles, hangs, ends]
    times = {section.__name__: (section, 0.3 if section is hangs else 20) for section in sections}
    found = gpu.run(times, torch.device("cpu"), dry=True, budget=60)
    assert list(found) == list(times)
    assert found["fails"]["error"] == "ValueError: no such thing"
    assert "in fails" in found["fails"]["trace"]
    assert found["skips"]["skipped"] == "timm is missing"
    assert "error" not in found["skips"]
    assert found["crashes"]["error"] == "the process ended with 3"
    assert found["garbles"]["error"] == "the process ended with 4"
    assert found["garbles"]["figures"] == {}
    assert found["hangs"]["error"] == "stopped after 0.3 s"
    assert [found[name]["figures"] for name in ("fails", "crashes", "hangs")] == [
        {"half": 1},
        {"half": 2},
        {"half": 3},
    ]
    assert found["ends"]["figures"] == {"twice": 2}
    assert "error" not in found["ends"]


@pytest.mark.parametrize(("dry", "how"), [(True, "error"), (False, "skipped")])
def test_the_budget_ends_the_run(gpu, dry, how):
    found = gpu.run({"late": (lambda bench: None, 5)}, torch.device("cpu"), dry=dry, budget=0)
    assert list(found["late"]) == [how]
    assert "budget" in found["late"][how]


def test_figures_are_written_at_once(gpu, tmp_path):
    bench = gpu.Bench(torch.device("cpu"), True, tmp_path / "figures.json", 60.0)
    bench.note(one=1)
    with bench.path.open() as before:
        bench.note(two=2)
        assert json.load(before) == {"figures": {"one": 1}}
    assert bench.read() == {"figures": {"one": 1, "two": 2}}


@pytest.mark.parametrize(
    ("dry", "said", "sentence"),
    [
        (True, None, "pytest could not start: no plugin"),
        (False, None, "pytest could not start: no plugin"),
        (False, "<testsuites/>", "expected tests in"),
        (True, "<testsuites/>", None),
    ],
)
def test_a_suite_that_runs_nothing_is_an_error(gpu, monkeypatch, tmp_path, dry, said, sentence):
    def run(command, **options):
        if said is not None:
            Path(command[-1].partition("=")[2]).write_text(said)
        return subprocess.CompletedProcess(command, 4, "", "no plugin\n")

    monkeypatch.setattr(subprocess, "run", run)
    bench = gpu.Bench(torch.device("cpu"), dry, tmp_path / "figures.json", 60.0)
    if sentence is None:
        gpu.suite(bench)
        assert bench.figures["passed"] == []
        return
    with pytest.raises(RuntimeError, match=sentence):
        gpu.suite(bench)


def test_the_suite_is_skipped_where_pytest_is_missing(gpu, monkeypatch, tmp_path):
    import gpu_encoders

    monkeypatch.setattr(gpu_encoders, "find_spec", lambda name: None)
    bench = gpu.Bench(torch.device("cpu"), False, tmp_path / "figures.json", 60.0)
    with pytest.raises(gpu.Skipped, match="pytest is missing"):
        gpu.suite(bench)


def test_a_run_writes_one_file(gpu, monkeypatch, tmp_path, capsys):
    def fast(bench):
        bench.note(way={"seconds": 0.25, "lines": {"model.py:3": 1}})

    def refused(bench):
        raise gpu.Skipped("timm is missing")

    out = tmp_path / "gpu.json"
    made = {"refused": (refused, 20), "left out": (fast, 20), "fast": (fast, 20)}
    monkeypatch.setattr(gpu, "SECTIONS", made)
    command = ["gpu.py", "--dry", "--only", "fast", "refused", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    gpu.main()
    said = json.loads(out.read_text())
    assert {"card", "torch", "cuda", "python", "code", "dry", "seconds", "sections"} == set(said)
    assert said["torch"] == torch.__version__
    assert said["dry"] is True
    assert list(said["sections"]) == ["refused", "fast"]
    assert set(said["sections"]["refused"]) == {"figures", "skipped", "seconds"}
    assert said["sections"]["fast"]["figures"]["way"]["seconds"] == 0.25
    assert "way / lines / model.py:3" in capsys.readouterr().out


def test_sections(gpu, tmp_path):
    # In this process: threads of other tests might hold locks in a copy of it.
    found = {}
    for name in ("card", "reads"):
        bench = gpu.Bench(torch.device("cpu"), True, tmp_path / "figures.json", 60.0)
        gpu.SECTIONS[name][0](bench)
        found[name] = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert all(value > 0 for value in found["card"].values())
    lines = found["reads"]["gru"]["lines"]
    assert sum(lines.values()) == found["reads"]["gru"]["a_step"]
    # A look at each of two modalities, at padding, at targets and at candidates.
    waits = {"items.py": 2, "inputs.py": 1, "sequential.py": 1, "columns.py": 1}
    for name, count in waits.items():
        assert sum(n for line, n in lines.items() if f"/{name}:" in line) <= count
    assert not any("lightning" in line for line in lines)

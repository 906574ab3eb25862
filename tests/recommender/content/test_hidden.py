"""Training that starts from the kept output of frozen layers."""

import logging

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from mmrec import Recommender
from mmrec.data import Catalog
from mmrec.encoders import ImageEncoder, StateStore, TextEncoder
from mmrec.encoders import state_store as module
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.content import Context, ImageModality, TextModality

LOG = {"users": 12, "steps": 8}
SMALL = {"modalities": ("text",), "tuning": "last-1", "affinities": False, "trend": False}


class Losses(Callback):
    """The loss of each step."""

    def __init__(self):
        self.found = []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.found.append(float(outputs["loss"]))


@pytest.fixture(scope="module")
def train(chain, options, bert_folder, images, tiny_encoders):
    """Return the recommender and the loss of each step."""

    def run(hidden_cache, *, cache=None, encoders=None, parts=None, **changes):
        losses = Losses()
        made = Recommender.fit(
            *chain(**LOG),
            images=images[0].parent,
            options=options(**SMALL | {"hidden_cache": hidden_cache, "epochs": 3} | changes),
            encoders=encoders or {"text": str(bert_folder)},
            cache=cache,
            callbacks=[losses],
            **(parts or {}),
        )
        return made, losses.found

    return run


@pytest.fixture(scope="module")
def kept(train):
    """A training on kept states; don't change it."""
    return train("auto")


@pytest.fixture(scope="module")
def without(train):
    """A training that keeps no states; don't change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(StateStore, "encode")
        return train("off")


@pytest.fixture
def stores(monkeypatch):
    """How many values each call of a store was given."""
    given, plain = [], StateStore.encode

    def encode(self, values, **how):
        given.append(len(values))
        return plain(self, values, **how)

    monkeypatch.setattr(StateStore, "encode", encode)
    return given


def assert_same(found, wanted, tolerance=1e-4):
    (one, losses), (other, expected) = found, wanted
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    assert losses[-1] != losses[0]
    torch.testing.assert_close(one.vectors, other.vectors, rtol=tolerance, atol=tolerance)
    weights = other.model.state_dict()
    for name, weight in one.model.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=tolerance, atol=tolerance)
    curve = "valid_curve"
    assert one.report["training"][curve] == pytest.approx(other.report["training"][curve], abs=0.02)


def test_the_loss_curve_is_that_of_a_training_without_it(train, without, tmp_path, stores):
    assert_same(train("auto"), without)
    assert_same(train("auto", cache=tmp_path), without)
    assert stores == [12, 12]
    assert [path.name[:7] for path in tmp_path.iterdir()] == ["states-"]


def test_trained_layers_have_dropout_and_draw_the_same_numbers(train, kept, bert_folder):
    still = TextEncoder.from_pretrained(str(bert_folder), tuning="last-1")
    for part in still.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    plain = [train(how, encoders={"text": still}) for how in ("auto", "off")]
    assert_same(*plain)
    assert kept[1] != pytest.approx(plain[0][1], rel=1e-3)


def test_the_frozen_layers_do_not_run_in_training(train, monkeypatch):
    ran, plain = [], TextEncoder.forward

    def forward(self, inputs):
        ran.append("states" in inputs)
        return plain(self, inputs)

    monkeypatch.setattr(TextEncoder, "forward", forward)
    train("auto", epochs=1)
    assert sum(not states for states in ran) == 1  # the sample of `why_whole`
    assert sum(ran) > 5


def test_all_stages_share_the_states(train, stores):
    made, _ = train("auto", refit="all", epochs=1)
    assert stores == [12]
    assert len(made.report["refit"]) == 3


def test_half_precision_is_near(train, without):
    (_, losses), (_, expected) = train("float16"), without
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    assert losses != expected


@pytest.mark.parametrize("precision", ["bf16-mixed"])
def test_mixed_precision(train, precision):
    (one, losses), (_, expected) = (
        train("auto", precision=precision),
        train("off", precision=precision),
    )
    np.testing.assert_allclose(losses, expected, rtol=0.02)
    assert one.vectors.isfinite().all()


def test_workers_read_the_states(train, tmp_path):
    # A process that loads batches has random numbers of its own.
    assert_same(train("auto", cache=tmp_path, workers=1), train("off", workers=1))


class Plain:
    """The transform of a model, which training doesn't change at random."""

    def __init__(self, transform):
        self.transform, self.size = transform, transform.size

    def __call__(self, values):
        return self.transform(values)

    def settings(self):
        return self.transform.settings()


def plain_image(name):
    torch.manual_seed(0)
    encoder = ImageEncoder.from_timm(name, pretrained=False, tuning="last-1")
    encoder.transform = Plain(encoder.transform)
    return encoder


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_the_loss_curve_of_images(name, train, stores):
    given = {"modalities": ("image",), "epochs": 2}
    made = [train(how, encoders={"image": plain_image(name)}, **given) for how in ("auto", "off")]
    assert stores == [12]
    assert_same(*made)


def test_images_that_change_at_random_are_kept_if_that_is_asked_for(train, stores, caplog):
    given = {"modalities": ("image",), "epochs": 1, "encoders": {"image": "test_vit"}}
    with caplog.at_level(logging.INFO):
        train("auto", **given)
    assert stores == []
    said = "modality 'image': each step runs the frozen layers: training changes its images"
    assert said in caplog.text
    with caplog.at_level(logging.INFO):
        train("float32", **given)
    assert stores == [12]
    assert "0.00 GB of float32 in memory, without random changes of its images" in caplog.text


@pytest.mark.parametrize("how", ["auto", "float16"])
def test_a_run_encodes_new_items_from_their_text(how, train, kept, tmp_path):
    made, _ = kept if how == "auto" else train(how)
    made.save(tmp_path / "run")
    loaded = Recommender.load(tmp_path / "run")
    live = RealtimeRecommender(loaded)
    live.add_items({"item_id": ["twin"], "title": [made.catalog.row("i5")["title"]]})
    vectors = live.snapshots.now.state.vectors
    near = 1e-5 if how == "auto" else 1e-2
    torch.testing.assert_close(
        vectors[-1], vectors[made.catalog.indices_of(["i5"])[0]], rtol=near, atol=near
    )
    assert (vectors[1] - vectors[2]).abs().max() > 1e-3
    again = loaded.state.encode(loaded.catalog)[0]
    torch.testing.assert_close(again, loaded.vectors[1:], rtol=near, atol=near)


def test_an_update_starts_from_the_states_too(train, chain, tmp_path, stores):
    made, _ = train("auto", cache=tmp_path / "cache")
    made.save(tmp_path / "run")
    rows = {"item_id": ["new"], "title": ["warm lamp"]}
    events = chain(users=6, seed=1)[0]
    updates = []
    for how in ("auto", "off"):
        loaded = Recommender.load(tmp_path / "run")
        options = {"epochs": 1, "hidden_cache": how}
        updates.append(loaded.update(events, rows, options=options, cache=tmp_path / "cache"))
    assert stores == [12, 13]
    one, other = updates
    torch.testing.assert_close(one.vectors, other.vectors, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(one.vectors[:13], made.vectors)


def test_a_catalogue_that_does_not_fit_trains_as_before(train, without, monkeypatch, caplog):
    monkeypatch.setattr(module, "free_memory", lambda: 3000)
    found = train("auto")
    said = (
        "modality 'text': each step runs the frozen layers: the states of 12 values must take at "
        "most half of what is free in memory, 0.0 GB; they would take about 0.0 GB"
    )
    assert caplog.text.count(said) == 1
    assert_same(found, without)


@pytest.mark.parametrize(("how", "level"), [("auto", "INFO"), ("float32", "WARNING")])
def test_a_model_that_cannot_run_in_two_parts_trains_as_before(
    how, level, train, checkpoint, caplog
):
    given = {"encoders": {"text": str(checkpoint("t5"))}, "epochs": 1}
    with caplog.at_level(logging.INFO):
        found = train(how, **given)
    (line,) = [r for r in caplog.records if "each step runs the frozen layers" in r.message]
    assert line.message.endswith("expected blocks that give one tensor; got tuple")
    assert line.levelname == level
    assert_same(found, train("off", **given))


def test_items_without_a_value_and_with_a_damaged_one(images, tmp_path, tiny_encoders):
    (tmp_path / "0.png").write_bytes(images[0].read_bytes())
    (tmp_path / "bad.png").write_bytes(b"no image")
    rows = {"item_id": ["a", "b", "c", "d"], "image": ["0.png", None, "bad.png", "0.png"]}
    context = Context(8, np.array([1, 2]), hidden_cache="float32")
    modality = ImageModality("test_vit", tuning="last-1")
    made = modality.prepare(Catalog(rows, tmp_path), context)
    assert made.source.present.tolist() == [False, True, False, False, True]
    assert list(made.problems) == [2]
    assert made.train_source is None
    states = made.source.load(np.array([4, 1]))["states"]
    assert torch.equal(states[0], states[1])


def test_the_encoder_stays_as_it_was(bert_folder):
    context = Context(8, np.array([1]), hidden_cache="auto")
    rows = Catalog({"item_id": ["a"], "title": ["red shoes"]})
    made = TextModality(str(bert_folder), tuning="last-1").prepare(rows, context)
    fresh = TextEncoder.from_pretrained(str(bert_folder), tuning="last-1")
    modes = [part.training for part in fresh.modules()]
    assert [part.training for part in made.encoder.modules()] == modes
    assert {True, False} == set(modes)
    assert made.encoder.state_dict().keys() == fresh.state_dict().keys()
    assert set(made.source.load(np.array([1]))) == {"states", "attention_mask"}

"""The cache of the states of frozen layers."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from mmrec.encoders import HiddenStates, ImageEncoder, StateStore, TextEncoder
from mmrec.encoders import state_store as module
from mmrec.encoders.state_store import TooLargeError
from mmrec.layers import progress

TEXTS = ["red shoes", None, "a lamp for the winter", "", "red shoes", "hat"]


@pytest.fixture
def encoder(bert_folder):
    return TextEncoder.from_pretrained(str(bert_folder), tuning="last-1")


@pytest.fixture(params=["disk", "memory"])
def place(request, tmp_path):
    return tmp_path / "cache" if request.param == "disk" else None


@pytest.fixture
def counted(monkeypatch):
    """How many texts and images went through frozen layers; samples are not counted."""
    ran = []

    def count(kind):
        plain = kind.lower

        def lower(self, inputs):
            made = plain(self, inputs)
            if not inputs_equal(inputs, self.sample()):
                ran.append(len(made["states"]))
            return made

        monkeypatch.setattr(kind, "lower", lower)

    def inputs_equal(one, other):
        pair = (
            (one, other)
            if isinstance(one, torch.Tensor)
            else (one["input_ids"], other["input_ids"])
        )
        return pair[0].shape == pair[1].shape and torch.equal(*pair)

    count(TextEncoder)
    count(ImageEncoder)
    return ran


def test_states_are_those_of_each_text(encoder, place):
    states, problems = StateStore(encoder, place).encode(TEXTS)
    assert problems == {}
    inputs = states([2, 0, 5])
    encoder.eval()
    expected = encoder.lower(encoder.transform([TEXTS[2], TEXTS[0], TEXTS[5]]))
    assert torch.equal(inputs["attention_mask"], expected["attention_mask"])
    torch.testing.assert_close(inputs["states"], expected["states"], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        whole = encoder(encoder.transform([TEXTS[2], TEXTS[0], TEXTS[5]]))
        torch.testing.assert_close(encoder(inputs), whole, rtol=1e-5, atol=1e-6)


def test_each_content_runs_once(encoder, place, counted):
    store = StateStore(encoder.train(), place)
    states, _ = store.encode(TEXTS)
    assert sum(counted) == 3
    assert encoder.training  # as it was
    assert torch.equal(states([0])["states"], states([4])["states"])
    store.encode([*TEXTS, "a new one"])
    assert sum(counted) == 4
    tokens = [len(row) for row in encoder.transform.tokenize(["red shoes", TEXTS[2], "hat"])]
    assert states.nbytes == sum(tokens) * 32 * 4


def test_a_store_opened_again_only_reads(encoder, tmp_path, counted):
    StateStore(encoder, tmp_path).encode(TEXTS)
    counted.clear()
    states, _ = StateStore(encoder, str(tmp_path)).encode(TEXTS[::-1])
    assert counted == []
    found = states([3])  # "a lamp for the winter"
    expected = encoder.eval().lower(encoder.transform([TEXTS[2]]))
    torch.testing.assert_close(found["states"], expected["states"], rtol=1e-5, atol=1e-6)


def test_a_store_that_was_open_sees_what_another_has_written(encoder, tmp_path, counted):
    store = StateStore(encoder, tmp_path)
    StateStore(encoder, tmp_path).encode(TEXTS)
    counted.clear()
    store.encode(TEXTS)
    assert counted == []


def test_processes_take_turns(encoder, tmp_path, counted):
    stores = [StateStore(encoder.eval(), tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda store: store.encode(TEXTS)[0], stores))
    assert sum(counted) == 3
    for states in made[1:]:
        assert torch.equal(states([0, 2])["states"], made[0]([0, 2])["states"])


def test_a_killed_run_continues(encoder, tmp_path, monkeypatch, counted):
    plain = TextEncoder.lower
    calls = []

    def killed(self, inputs):
        calls.append(None)
        if len(calls) == 4:  # the sample of the store, then three batches of one text
            raise KeyboardInterrupt
        return plain(self, inputs)

    monkeypatch.setattr(TextEncoder, "lower", killed)
    with pytest.raises(KeyboardInterrupt):
        StateStore(encoder, tmp_path).encode(
            [f"{'red ' * n}hat" for n in range(40, 44)], batch_size=1
        )
    monkeypatch.setattr(TextEncoder, "lower", plain)
    counted.clear()
    texts = [f"{'red ' * n}hat" for n in range(40, 44)]
    states, _ = StateStore(encoder, tmp_path).encode(texts, batch_size=1)
    assert (states.rows >= 0).all()
    assert sum(counted) == 2


def test_what_decides_the_states_is_in_the_key(encoder, bert_folder, tmp_path):
    store = StateStore(encoder, tmp_path)
    folder = str(bert_folder)
    assert StateStore(TextEncoder.from_pretrained(folder, tuning="last-1"), None).fingerprint == (
        store.fingerprint
    )
    others = [
        StateStore(encoder, tmp_path, half=True),
        StateStore(TextEncoder.from_pretrained(folder, tuning="last-1", max_length=3), None),
    ]
    with torch.no_grad():
        next(encoder.backbone.encoder.layer[0].parameters()).add_(1)
    others.append(StateStore(encoder, tmp_path))
    assert len({store.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_another_number_of_frozen_layers_has_its_own_states():
    def build(tuning):
        torch.manual_seed(0)
        return ImageEncoder.from_timm("test_vit", pretrained=False, tuning=tuning)

    two, three = StateStore(build("last-2"), None), StateStore(build("last-3"), None)
    assert build("last-2").fingerprint() == build("last-3").fingerprint()
    assert two.fingerprint != three.fingerprint


def test_pickled_states_map_the_files_again(encoder, place):
    states, _ = StateStore(encoder, place).encode(["hat " * 20, *TEXTS[2:]])
    sent = pickle.dumps(states)
    if place is not None:
        assert len(sent) < 2000 < states.nbytes
    again = pickle.loads(sent)
    assert torch.equal(again([0, 1, 4])["states"], states([0, 1, 4])["states"])


def test_half_precision(encoder, place):
    whole, _ = StateStore(encoder, place).encode(TEXTS)
    half, _ = StateStore(encoder, place, half=True).encode(TEXTS)
    assert 2 * half.nbytes == whole.nbytes
    assert half([2])["states"].dtype == torch.float16
    torch.testing.assert_close(
        half([2])["states"].float(), whole([2])["states"], rtol=1e-3, atol=1e-3
    )
    with torch.no_grad():
        found, expected = encoder.eval()(half([0, 2])), encoder(whole([0, 2]))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=5e-3)


def test_numbers_that_half_precision_cannot_hold_are_refused(encoder):
    with torch.no_grad():
        encoder.backbone.encoder.layer[0].output.LayerNorm.bias.fill_(1e5)
    with pytest.raises(ValueError, match=r"at most 65,504 to be kept as float16; got 100,0\d\d"):
        StateStore(encoder, None, half=True).encode(TEXTS)
    StateStore(encoder, None).encode(TEXTS)


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_images(name, images, place, counted):
    encoder = ImageEncoder.from_timm(name, pretrained=False, tuning="last-2").eval()
    values = [images[0], None, b"no image", images[3].read_bytes(), images[0].with_name("gone.png")]
    states, problems = StateStore(encoder, place).encode(values)
    assert list(problems) == [2, 4]
    assert (states.rows >= 0).tolist() == [True, False, False, True, False]
    assert sum(counted) == 2
    inputs = states([3, 0])
    assert list(inputs) == ["states"]
    with torch.no_grad():
        expected = encoder(encoder.transform([images[3], images[0]]))
        torch.testing.assert_close(encoder(inputs), expected, rtol=1e-4, atol=1e-5)


def test_a_text_without_tokens_has_a_vector_of_zeros(checkpoint):
    encoder = TextEncoder.from_pretrained(str(checkpoint("gpt2")), tuning="last-1")
    table = {1: np.arange(16, dtype=np.float32)[None]}
    states = HiddenStates(table, np.array([1, 0]), np.array([0, -1]), (16,))
    inputs = states([1, 0])
    assert inputs["attention_mask"].tolist() == [[0], [1]]
    vectors = encoder.eval()(inputs)
    assert torch.equal(vectors[0], torch.zeros(16))
    assert vectors[1].abs().sum() > 0


def test_what_does_not_fit_is_refused_before_anything_runs(encoder, place, monkeypatch, counted):
    store = StateStore(encoder, place)
    monkeypatch.setattr(module, "free_disk", lambda folder: 1999)
    monkeypatch.setattr(module, "free_memory", lambda: 1999)
    with pytest.raises(TooLargeError, match=r"states of 3 values must take at most half of what"):
        store.encode(TEXTS)
    assert counted == []
    # What is kept already needs no room.
    monkeypatch.undo()
    store.encode(TEXTS)
    monkeypatch.setattr(module, "free_disk", lambda folder: 0)
    store.encode(TEXTS[:3])


def test_an_encoder_without_frozen_layers_is_refused(bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), tuning="full")
    with pytest.raises(ValueError, match="expected frozen blocks below trained ones"):
        StateStore(encoder, None)


def test_progress(encoder, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    StateStore(encoder, None).encode(TEXTS, progress=True)
    assert capsys.readouterr().err == "\rfrozen layers: 3 of 3\n"

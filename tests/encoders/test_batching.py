import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmrec.data.images import ImageError
from mmrec.encoders.batching import load_images, load_texts, raw_batches, text_batches


@given(st.lists(st.integers(0, 700), max_size=60), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_every_text_once_and_little_padding(lengths, batch_size):
    batches = list(text_batches(lengths, batch_size))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(lengths, reverse=True)
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert len(batch) == 1 or padded <= 64 * batch_size
        assert len(batch) <= 16 * batch_size


def test_a_batch_is_filled():
    assert [len(batch) for batch in text_batches([64] * 20, 8)] == [8, 8, 4]


class Letters:
    """A transform whose tokens are letters."""

    def tokenize(self, values):
        return [[ord(letter) for letter in value] for value in values]

    def pad(self, rows):
        return rows


def test_texts_in_blocks(monkeypatch):
    monkeypatch.setattr("mmrec.encoders.batching._BLOCK", 3)
    texts = ["a", "bbb", "", "cc", "dddd"]
    got = [
        (position, "".join(map(chr, row)))
        for positions, rows in load_texts(texts, Letters(), 8)
        for position, row in zip(positions, rows, strict=True)
    ]
    assert sorted(got) == list(enumerate(texts))
    assert [position for position, _ in got] == [1, 0, 2, 4, 3]


def pixels(paths):
    return torch.stack([torch.tensor([float(path.stem)]) for path in paths])


@pytest.mark.parametrize("batch_size", [1, 5, 40])
def test_images_in_order(tmp_path, batch_size):
    paths = [tmp_path / f"{i}.png" for i in range(23)]
    seen = []
    for positions, stacked, problems in load_images(paths, pixels, batch_size):
        assert stacked[:, 0].tolist() == positions
        assert len(positions) <= batch_size
        assert not problems
        seen += positions
    assert seen == list(range(23))


def test_unreadable_images_are_left_out(tmp_path):
    def transform(paths):
        if int(paths[0].stem) % 3 == 0:
            raise ImageError(f"{paths[0].name} is bad")
        return pixels(paths)

    paths = [tmp_path / f"{i}.png" for i in (0, 3, 1, 2, 6, 4)]
    batches = list(load_images(paths, transform, 2))
    assert batches[0] == ([], None, {0: "0.png is bad", 1: "3.png is bad"})
    assert [batch[0] for batch in batches] == [[], [2, 3], [5]]
    assert batches[2][2] == {4: "6.png is bad"}


def test_no_more_than_two_batches_are_in_memory(tmp_path):
    loaded, lock = [], threading.Lock()

    def transform(paths):
        with lock:
            loaded.append(paths[0])
        return pixels(paths)

    paths = [tmp_path / f"{i}.png" for i in range(100)]
    batches = load_images(paths, transform, 4)
    for used in range(1, 4):
        next(batches)
        assert len(loaded) <= 4 * (used + 1)
    batches.close()
    assert len(loaded) <= 16


def test_nothing_is_decoded_beside_the_encoder_on_request(tmp_path):
    loaded = []

    def transform(paths):
        loaded.append(paths[0])
        return pixels(paths)

    paths = [tmp_path / f"{i}.png" for i in range(10)]
    for positions, _, _ in load_images(paths, transform, 4, ahead=False):
        assert len(loaded) == positions[-1] + 1


@pytest.mark.parametrize(("threads", "processors", "ahead"), [(2, 2, False), (1, 2, True)])
def test_decoding_ahead_only_beside_idle_processors(monkeypatch, threads, processors, ahead):
    seen = []

    def load(paths, transform, batch_size, *, ahead):
        seen.append(ahead)
        return iter(())

    monkeypatch.setattr("mmrec.encoders.batching.load_images", load)
    monkeypatch.setattr("mmrec.encoders.batching.cpu_count", lambda: processors)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    encoder = torch.nn.Linear(1, 1)
    encoder.transform = pixels
    assert list(raw_batches(encoder, [], 4)) == []
    encoder.to("meta")  # as on another device
    assert list(raw_batches(encoder, [], 4)) == []
    assert seen == [ahead, True]


def test_another_error_is_not_swallowed(tmp_path):
    def transform(paths):
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        list(load_images([tmp_path / "1.png"], transform, 2))


def test_with_a_real_transform(images):
    from mmrec.encoders import ImageTransform

    transform = ImageTransform(16)
    [(positions, stacked, _)] = load_images(images, transform, 50)
    assert positions == list(range(12))
    assert torch.equal(stacked, transform([Image.open(path) for path in images]))

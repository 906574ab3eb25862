import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.encoders import FeatureStore, ImageEncoder, ImageTransform, TextEncoder
from mmrec.layers import progress

TEXTS = ["red shoes", None, "a lamp for the winter", "", "red shoes", "hat"]


class Letters(nn.Module):
    """Counts letters, and how many texts it was asked for."""

    def __init__(self, version="1", broken=()):
        super().__init__()
        self.dim = 3
        self.version, self.broken, self.asked = version, broken, []

    def transform(self, texts):
        self.asked += texts
        return torch.tensor([[ord(text[0]), len(text), text in self.broken] for text in texts])

    def forward(self, inputs):
        assert not self.training
        return torch.where(inputs[:, 2:] > 0, torch.nan, inputs.float())

    def fingerprint(self):
        return self.version * 64


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    return FeatureStore(tmp_path / "store" if request.param == "disk" else None)


def test_each_content_once(store):
    encoder = Letters()
    features = store.encode(encoder, TEXTS)
    assert sorted(encoder.asked) == sorted(set(filter(None, TEXTS)))
    assert features.present.tolist() == [True, False, True, False, True, True]
    want = [[0.0] * 3 if not text else [ord(text[0]), len(text), 0.0] for text in TEXTS]
    assert features[range(6)].tolist() == want
    assert (features.dim, len(features), features.problems) == (3, 6, {})
    assert encoder.training  # as it was


def test_a_second_run_only_reads(store):
    store.encode(Letters(), TEXTS)
    encoder = Letters()
    features = store.encode(encoder, [*TEXTS[:2], "a new one", *TEXTS[3:]])
    assert encoder.asked == ["a new one"]
    assert features[[2, 5]].tolist() == [[97, 9, 0], [104, 3, 0]]


def test_a_store_opened_again_only_reads(tmp_path):
    FeatureStore(tmp_path).encode(Letters(), TEXTS)
    encoder = Letters()
    files = sorted(tmp_path.rglob("*.*"))
    before = [(path, path.stat().st_mtime_ns) for path in files]
    FeatureStore(str(tmp_path)).encode(encoder, TEXTS)
    assert encoder.asked == []
    assert [(path, path.stat().st_mtime_ns) for path in files] == before


def test_another_encoder_has_its_own_features(store):
    store.encode(Letters("1"), TEXTS)
    encoder = Letters("2")
    store.encode(encoder, TEXTS)
    assert len(encoder.asked) == 3


def test_ways_to_index(store):
    features = store.encode(Letters(), TEXTS)
    all_rows = features[:]
    assert all_rows.shape == (6, 3)
    assert all_rows.dtype == torch.float32
    for index in ([4, 1, 4], np.array([4, 1, 4]), torch.tensor([4, 1, 4])):
        assert torch.equal(features[index], all_rows[[4, 1, 4]])
    assert torch.equal(features[features.present], all_rows[[0, 2, 4, 5]])
    assert torch.equal(features.load(np.array([2])), all_rows[[2]])
    assert features[np.array([], dtype=np.int64)].shape == (0, 3)


def test_the_answer_is_a_copy(store):
    features = store.encode(Letters(), TEXTS)
    features[[0]].zero_()
    assert features[[0]].any()


@pytest.mark.parametrize("values", [[], [None, ""]])
def test_nothing_to_encode(store, values):
    features = store.encode(Letters(), values)
    assert features[:].shape == (len(values), 3)
    assert not features.present.any()


def test_features_are_pickled_without_their_rows(tmp_path):
    texts = [f"{i}" for i in range(2000)]
    features = FeatureStore(tmp_path).encode(Letters(), texts)
    pickled = pickle.dumps(features)
    assert len(pickled) < 17_000  # eight bytes a value
    assert torch.equal(pickle.loads(pickled)[:], features[:])
    memory = FeatureStore(None).encode(Letters(), texts)
    assert torch.equal(pickle.loads(pickle.dumps(memory))[:], features[:])


def test_earlier_features_stay_valid_while_the_store_grows(store):
    first = store.encode(Letters(), TEXTS)
    before = first[:]
    store.encode(Letters(), [f"more {i}" for i in range(50)])
    assert torch.equal(first[:], before)


def test_keys_stand_for_contents(store):
    encoder = Letters()
    store.encode(encoder, ["one", "two"], keys=["v1", "v1"])
    assert encoder.asked == ["one"]
    features = store.encode(encoder, ["other", None], keys=["v1", "v1"])
    assert encoder.asked == ["one"]
    assert features.present.tolist() == [True, False]
    with pytest.raises(ValueError, match="one key per value; got 1 and 2"):
        store.encode(encoder, ["one", "two"], keys=["v1"])


def test_a_vector_that_is_not_finite_is_a_problem(store):
    features = store.encode(Letters(broken=["hat"]), TEXTS)
    assert features.problems == {5: "the encoder gave NaN or infinity"}
    assert features.present.tolist() == [True, False, True, False, True, False]


def test_progress_goes_to_stderr(store, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    store.encode(Letters(), TEXTS, progress=True)
    shown = capsys.readouterr()
    assert shown.err.endswith("encoded 3 of 3\n")
    assert shown.out == ""


def test_a_trainable_encoder_is_refused(store, bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), tuning="last-1", max_length=32)
    with pytest.raises(ValueError, match="got TextEncoder with tuning 'last-1'"):
        store.encode(encoder, TEXTS)


def test_augmentation_is_refused(store):
    encoder = ImageEncoder.from_timm("test_efficientnet", pretrained=False, augment=True)
    with pytest.raises(ValueError, match="without augmentation"):
        store.encode(encoder, [])


def test_texts_as_encoded_one_by_one(store, bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), max_length=32)
    texts = [*TEXTS, *("the lamp " * i for i in range(1, 30))]
    features = store.encode(encoder, texts, batch_size=2)
    for i, text in enumerate(texts):
        if text:
            alone = encoder(encoder.transform([text]))
            assert torch.allclose(features[[i]], alone, atol=1e-5)


def test_images(store, images, tmp_path):
    encoder = ImageEncoder.from_timm("test_efficientnet", pretrained=False)
    copy = tmp_path / "copy.png"
    shutil.copy(images[3], copy)
    bad, cut = tmp_path / "bad.png", tmp_path / "cut.png"
    bad.write_bytes(b"nothing to see")
    cut.write_bytes(images[5].read_bytes()[:60])
    values = [*images, copy, bad, None, tmp_path / "none.png", cut]
    features = store.encode(encoder, values, batch_size=5)
    assert features.present.tolist() == [True] * 13 + [False] * 4
    assert list(features.problems) == [13, 15, 16]
    assert "bad.png" in features.problems[13]
    assert "none.png" in features.problems[15]
    assert features.rows[12] == features.rows[3]
    want = encoder(encoder.transform(images))
    assert torch.allclose(features[range(12)], want, atol=1e-4)

    shutil.copy(images[7], bad)  # repaired: a content that is known
    again = store.encode(encoder, values)
    assert again.rows[13] == again.rows[7]
    assert list(again.problems) == [15, 16]
    other = ImageEncoder(encoder.backbone, ImageTransform(64))
    assert not torch.allclose(store.encode(other, images)[:], want, atol=1e-4)


def test_equal_broken_files_are_named_each_by_its_own_path(store, images, tmp_path):
    encoder = ImageEncoder.from_timm("test_efficientnet", pretrained=False)
    whole = images[5].read_bytes()
    values = [tmp_path / "0.png", images[0], tmp_path / "2.png", whole[:60], tmp_path / "4.png"]
    for place in (0, 2, 4):
        values[place].write_bytes(whole[:60])
    features = store.encode(encoder, values)
    assert list(features.problems) == [0, 2, 3, 4]
    for place in (0, 2, 4):
        assert f"image {values[place]} is" in features.problems[place]


class Multiples(nn.Module):
    """What the script below encodes with, without the pauses."""

    def __init__(self):
        super().__init__()
        self.dim, self.asked = 5, []

    def transform(self, texts):
        self.asked += texts
        return torch.tensor([[float(text) * k for k in range(5)] for text in texts])

    def forward(self, inputs):
        return inputs

    def fingerprint(self):
        return "slow" * 16


SLOW = """
    import sys, time
    import torch
    from torch import nn
    from mmrec.encoders import FeatureStore

    class Slow(nn.Module):
        dim = 5

        def transform(self, texts):
            return torch.tensor([[float(text) * k for k in range(5)] for text in texts])

        def forward(self, inputs):
            time.sleep(float(sys.argv[2]))
            return inputs

        def fingerprint(self):
            return "slow" * 16

    texts = [str(i) for i in range(int(sys.argv[3]))]
    features = FeatureStore(sys.argv[1]).encode(Slow(), texts, batch_size=1)
    assert features.present.all()
    assert torch.equal(features[:], Slow().transform(texts))
"""


def start(directory, pause, texts):
    command = [sys.executable, "-c", textwrap.dedent(SLOW), directory, str(pause), str(texts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def rows_in(directory):
    return sum(path.stat().st_size // 20 for path in Path(directory).rglob("rows.f32"))


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_and_taken_up_again(tmp_path):
    worker = start(tmp_path, 0.02, 4000)
    until = time.monotonic() + 60
    while rows_in(tmp_path) < 100:
        assert time.monotonic() < until
        assert worker.poll() is None
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert 100 <= rows_in(tmp_path) < 4000

    encoder = Multiples()
    texts = [str(i) for i in range(4000)]
    features = FeatureStore(tmp_path).encode(encoder, texts)
    assert 0 < len(encoder.asked) < 4000  # what was done stayed done, but for a torn batch
    clean = FeatureStore(None).encode(encoder, texts)
    assert torch.equal(features[:], clean[:])
    assert rows_in(tmp_path) == 4000


@pytest.mark.skipif(os.name != "posix", reason="needs file locks")
def test_two_processes_at_once(tmp_path):
    workers = [start(tmp_path, 0.001, 300) for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0  # it has checked its own answer
    assert rows_in(tmp_path) == 300


class Together(Letters):
    """Waits in its first batch for the encoder of the other thread."""

    def __init__(self, meeting):
        super().__init__()
        self.meeting, self.met = meeting, False

    def forward(self, inputs):
        if not self.met:
            self.meeting.wait(timeout=20)
            self.met = True
        return super().forward(inputs)


@pytest.mark.skipif(os.name != "posix", reason="needs file locks")
def test_shards_encode_each_content_once_and_at_the_same_time(tmp_path):
    texts = [None, *(f"text {i % 50}" for i in range(80))]
    meeting = threading.Barrier(2)
    encoders = [Together(meeting), Together(meeting)]
    with ThreadPoolExecutor(2) as threads:
        jobs = [
            threads.submit(
                FeatureStore(tmp_path).encode, encoder, texts[::step], batch_size=1, shard=(rank, 2)
            )
            for rank, (encoder, step) in enumerate(zip(encoders, (1, -1), strict=True))
        ]
        parts = [job.result() for job in jobs]
    asked = [set(encoder.asked) for encoder in encoders]
    assert sorted(encoders[0].asked + encoders[1].asked) == sorted(set(texts[1:]))
    assert min(map(len, asked)) > 10
    assert all(part.problems == {} for part in parts)
    last = Letters()
    features = FeatureStore(tmp_path).encode(last, texts)
    assert last.asked == []
    assert features.present.tolist() == [False] + [True] * 80
    assert torch.equal(features[:], FeatureStore(None).encode(Letters(), texts)[:])
    assert not list(tmp_path.rglob("part-*"))


def test_a_killed_shard_is_taken_up_again(tmp_path):
    class Killed(Letters):
        def forward(self, inputs):
            if len(self.asked) > 5:
                raise KeyboardInterrupt
            return super().forward(inputs)

    texts = [f"text {i}" * (1 + i) for i in range(20)]
    first, second = Killed(), Letters()
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(tmp_path).encode(first, texts, batch_size=1, shard=(0, 1))
    features = FeatureStore(tmp_path).encode(second, texts, batch_size=1, shard=(0, 1))
    assert features.present.all()
    assert 0 < len(second.asked) < 20


def test_a_shard_number_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"0 <= rank < world; got \(2, 2\)"):
        FeatureStore(tmp_path).encode(Letters(), TEXTS, shard=(2, 2))
    with pytest.raises(ValueError, match="got one in memory"):
        FeatureStore(None).encode(Letters(), TEXTS, shard=(0, 2))


def test_a_fingerprint_that_is_known_is_not_computed(tmp_path):
    store = FeatureStore(tmp_path, fingerprint=lambda encoder: "2" * 64)
    encoder = Letters()
    assert len(store.encode(encoder, TEXTS)) == len(TEXTS)
    assert [folder.name for folder in tmp_path.iterdir()] == ["2" * 32]
    assert FeatureStore(tmp_path).encode(Letters("2"), TEXTS)[range(6)].any()
    assert len(encoder.asked) == 3

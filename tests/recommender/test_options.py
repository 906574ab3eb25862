import json

import numpy as np
import pytest

from mmrec.recommender import Options


def test_they_survive_json():
    options = Options(modalities=("text", "id"), tuning="last-3", dim=24, devices=2, lr=0.5)
    again = Options.from_dict(json.loads(json.dumps(options.to_dict())))
    assert again == options
    assert again.modalities == ("text", "id")


def test_modalities_in_a_text(unchecked):
    assert Options(modalities="text, image").modalities == ("text", "image")
    assert Options(modalities="id").modalities == ("id",)
    assert Options(modalities="text,").modalities == ("text",)


def test_numbers_of_numpy_are_written_as_numbers(unchecked):
    chosen = Options(epochs=np.int64(3), lr=np.float32(0.5), devices=np.int64(2), layers=None)
    assert chosen == Options(epochs=3, lr=0.5, devices=2)
    assert json.loads(json.dumps(chosen.to_dict()))["training"]["epochs"] == 3
    assert Options(dropout=0).dropout == 0.0
    with pytest.raises(ValueError, match=r"epochs must be a whole number .*; got .*2\.0"):
        Options(epochs=np.float64(2.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"modalities": ()}, r"modalities must be one or more different names; got \[\]"),
        ({"modalities": ("id", "id")}, r"modalities must be .*; got \['id', 'id'\]"),
        ({"fusion": "sum"}, "fusion is a part, not an option: give it to Recommender.fit"),
        ({"sparkle": 1}, r"options must be among \[.*'dim'.*; got 'sparkle'"),
        ({"split": "random"}, r"split must be one of \['time', 'leave-one-out'\]; got 'random'"),
        ({"pooling": "sum"}, "pooling must be one of"),
        ({"new_item_cost": -0.1}, r"new_item_cost must be .*; got -0\.1"),
        ({"precision": "junk"}, "precision must be one of .*; got 'junk'"),
        ({"tuning": "lora-"}, "'frozen', 'last-N', 'lora', 'lora-R' or 'full'; got 'lora-'"),
        ({"tuning": "last-0"}, "got 'last-0'"),
        ({"devices": "junk"}, "devices must be 1 or more, or 'auto'; got 'junk'"),
        ({"devices": 0}, "devices must be 1 or more, or 'auto'; got 0"),
        ({"devices": True}, "devices must be 1 or more, or 'auto'; got True"),
        ({"epochs": 0}, "epochs must be a whole number from 1 to .*; got 0"),
        ({"dim": -1}, "dim must be a whole number from 1 to 65536; got -1"),
        ({"dim": True}, "dim must be a whole number"),
        ({"dropout": 1.0}, "dropout must be a number from 0.0 to 0.99; got 1.0"),
        ({"lr": 0.0}, "lr must be a number from"),
        ({"lr": float("nan")}, "lr must be a number from .*; got nan"),
        ({"ema": 1.0}, "ema must be a number from 0.0 to 0.999999; got 1.0"),
        ({"ema": -0.1}, "ema must be a number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"workers": -1}, "workers must be a whole number"),
        ({"layers": 0}, "layers must be a whole number from 1 to 64; got 0"),
        ({"layers": True}, "layers must be a whole number from 1 to 64; got True"),
        ({"max_length": 0}, "max_length must be a whole number"),
        ({"targets": ("watched > ",)}, "expected a value; got the end: watched >"),
        ({"negative": "skip, stars <"}, "expected a value; got the end: stars <"),
        ({"shown": ("stars in (",)}, "the condition can't be used: "),
        ({"ignored": ("stars <",)}, "the condition can't be used: "),
        ({"event_weights": {"view": -1}}, r"weights must be numbers of 0 or more; got .*-1\.0"),
    ],
)
def test_bad_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options(**wrong)


@pytest.mark.parametrize(("name", "value"), [("dim", 16.5), ("epochs", "3"), ("ema", None)])
def test_values_of_another_type(name, value):
    values = Options().to_dict()
    group = next(group for group in values.values() if name in group)
    group[name] = value
    with pytest.raises(ValueError, match=name):
        Options.from_dict(values)


def test_an_option_of_another_version():
    with pytest.raises(ValueError, match=r"options \['sparkle'\] are unknown to this version"):
        Options.from_dict(Options().to_dict() | {"sparkle": 1})
    with pytest.raises(ValueError, match=r"options \['sparkle'\] are unknown to this version"):
        Options.from_dict({"model": {"sparkle": 1}})

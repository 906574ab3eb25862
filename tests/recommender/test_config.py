from enum import StrEnum
from functools import partial

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec import Options, Recommender
from mmrec.interest import GRUInterest
from mmrec.recommender.config import KEYS, PART_HELPS, PLACES, FitConfig, config_text, plain_given
from mmrec.recommender.options import PARTS

QUICK = {"modalities": ("id",), "epochs": 1, "dim": 4, "split": "leave-one-out", "refit": "none"}


@pytest.fixture
def written(tmp_path):
    """Return the configuration of a text."""

    def read(text):
        file = tmp_path / "run.yaml"
        file.write_text(text)
        return FitConfig.from_yaml(file, ["a.B"])

    return read


def test_every_key_is_in_the_file_with_a_help():
    lines = FitConfig().to_yaml().splitlines()
    for key in KEYS:
        place = next(n for n, line in enumerate(lines) if line.startswith(f"#{key}:"))
        assert lines[place - 1].startswith("# "), key
    assert set(PART_HELPS) == set(PARTS)
    assert yaml.safe_load(FitConfig().to_yaml()) is None


def test_a_file_in_which_all_is_uncommented_says_the_defaults(written):
    text = FitConfig().to_yaml()
    bare = "\n".join(
        line[1:] if line[:1] == "#" and line[1:2] not in " #" else line
        for line in text.splitlines()
    )
    config = written(bare)
    assert config.options == Options()
    assert config.places == {}


names = st.one_of(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8),
    st.text("0123456789.eE+-:_x", min_size=1, max_size=6),
)
plain = {
    "dim": st.integers(1, 500),
    "lr": st.one_of(st.none(), st.floats(1e-9, 10)),
    "modalities": st.lists(
        st.sampled_from(["id", "text", "no", "clip=vectors:a b.parquet"]), min_size=1, unique=True
    ),
    "text_template": names,
    "event_weights": st.dictionaries(names, st.floats(0, 5), max_size=3),
    "time_gap": st.booleans(),
    "devices": st.one_of(st.just("auto"), st.integers(1, 9)),
    "columns": st.dictionaries(names, names, min_size=1, max_size=3),
    "data": names,
    "interest": st.fixed_dictionaries(
        {"class_path": names, "init_args": st.dictionaries(names, st.floats(0, 1), max_size=2)}
    ),
}


@settings(deadline=None, max_examples=25)
@given(st.fixed_dictionaries({}, optional=plain))
def test_what_is_written_is_read_again(tmp_path_factory, values):
    config = FitConfig.from_dict(values)
    file = tmp_path_factory.mktemp("config") / "run.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    own = [part["class_path"] for part in config.parts.values()]
    again = FitConfig.from_yaml(file, own)
    assert again == config
    assert again.options.model_fields_set == config.options.model_fields_set
    assert again.to_yaml() == config.to_yaml()


def test_numbers_as_people_write_them(written):
    config = written("lr: 1e-3\nweight_decay: 1.5E-2\nepochs: 3\ndropout: .25\n")
    assert (config.options.lr, config.options.weight_decay) == (0.001, 0.015)
    assert (config.options.epochs, config.options.dropout) == (3, 0.25)
    config = written("seed: 010\nepochs: 0x1F\ndim: 0o17\ntrainer: {a: .inf, b: -5, c: +5E3}\n")
    assert (config.options.seed, config.options.epochs, config.options.dim) == (10, 31, 15)
    assert config.places["trainer"] == {"a": float("inf"), "b": -5, "c": 5000.0}


@pytest.mark.parametrize(
    "text",
    ["5e3", "1e-3", "010", "1:30", "1_000", "0x1F", ".5", "2024-01-01", "no", "~", "<<", "="],
)
def test_a_text_stays_a_text(written, text):
    config = FitConfig.from_dict({"data": text, "user_features": (text,), "columns": {text: text}})
    assert written(config.to_yaml()) == config


def test_dates_are_texts(written):
    assert written("data: 2024-01-01\nout: 1:30").places == {"data": "2024-01-01", "out": "1:30"}


def test_a_name_sets_what_the_file_shows_as_defaults():
    text = FitConfig.from_dict({"model": "sasrec", "dim": 9}).to_yaml()
    lines = set(text.splitlines())
    assert {"model: sasrec", "dim: 9", "#layers: 2", "#negatives: uniform"} <= lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", r"run.yaml has the unknown key 'epoch'; did you mean 'epochs'\?"),
        ("batch-size: 3", r"did you mean 'batch_size'\?"),
        ("text_encoder: x", r"did you mean 'encoders'\?"),
        ("xyzxyz: 3", r"unknown key 'xyzxyz'; expected keys among \['data'"),
        ("3: 4", r"unknown key 3"),
        ("dim: 4\ndim: 5", r"run.yaml must hold YAML: the key 'dim' occurs twice"),
        ("trainer: {a: 1, a: 2}", r"the key 'a' occurs twice"),
        ("epochs: 1:30", r"run.yaml: epochs must be a whole number .*; got '1:30'"),
        ("<<: {dim: 4}", r"run.yaml has the unknown key '<<'"),
        ("dim: [", r"run.yaml must hold YAML"),
        ("- dim", r"run.yaml must hold values by key; it holds list"),
        ("dim: abc", r"run.yaml: dim must be a whole number from 1 to 65536; got 'abc'"),
        ("dim: null", r"run.yaml: dim must be a whole number .*; got None"),
        ("interest: 3", r"interest must be a name, a class path, or .*; got 3"),
        ("encoders: bert", r"encoders must be a map by modality; got 'bert'"),
        ("encoders: {text: 3}", r"the encoder of text must be a name"),
        ("columns: [a]", r"columns must be a mapping of names; got \['a'\]"),
        ("columns: {a: 1}", r"columns must be a mapping of names; got"),
        ("logger: {a: b}", r"logger must be a name or a list of names"),
        ("data: 3", r"data must be text; got 3"),
        ("loss: {class_path: a.B, init_args: null}", r"loss was given to fit as an object of a.B"),
        ("!!python/object/apply:os.system ['true']", r"must hold YAML"),
    ],
)
def test_files_that_say_nothing_right(written, text, message):
    with pytest.raises(ValueError, match=message):
        written(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no configuration at"):
        FitConfig.from_yaml(tmp_path / "no.yaml")
    with pytest.raises(ValueError, match=r"expected a YAML file such as .*; got the folder"):
        FitConfig.from_yaml(tmp_path)


def test_a_run_says_what_fit_was_given(chain, tmp_path):
    events, items = chain(users=8, steps=8)
    del items["image"]
    made = Recommender.fit(
        events, items, options=Options(**QUICK), interest=partial(GRUInterest, layers=2), loss=None
    )
    made.save(tmp_path / "run")
    config = FitConfig.from_yaml(tmp_path / "run" / "run.yaml")
    assert config.options == Options(**QUICK)
    assert config.options.model_fields_set == set(QUICK)
    layers = {"class_path": "mmrec.interest.GRUInterest", "init_args": {"layers": 2}}
    assert (config.parts, config.places) == ({"interest": layers}, {})
    again = Recommender.fit(events, items, **config.arguments())
    again.save(tmp_path / "again")
    for name in ("model.safetensors", "run.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    Recommender.load(tmp_path / "run").save(tmp_path / "copy", data="/shop")
    assert FitConfig.from_yaml(tmp_path / "copy" / "run.yaml").places == {"data": "/shop"}


def test_only_a_fit_can_be_repeated(chain, tmp_path):
    events, items = chain(users=8, steps=8)
    del items["image"]
    made = Recommender.fit(events, items, options=Options(**QUICK))
    made.update(events, options={"epochs": 1}).save(tmp_path)
    assert not (tmp_path / "run.yaml").exists()


def test_an_object_without_known_arguments_is_not_repeated_silently(chain, tmp_path):
    class Bag:
        """Arguments that no file can hold."""

    class Own(GRUInterest):
        def __init__(self, dim, bag):
            super().__init__(dim)

    events, items = chain(users=8, steps=8)
    del items["image"]
    built = Own(4, Bag())
    Recommender.fit(events, items, options=Options(**QUICK), interest=built).save(tmp_path)
    with pytest.raises(ValueError, match=r"interest was given to fit as an object of .*Own"):
        FitConfig.from_yaml(tmp_path / "run.yaml", [Own])


def test_places_are_arguments_where_fit_has_them():
    config = FitConfig.from_dict({"data": "d", "out": "o", "columns": {"a": "b"}, "model": "narm"})
    assert set(PLACES) >= set(config.places)
    assert config.arguments() == {"options": Options(), "model": "narm"}


class Unit(StrEnum):
    SECONDS = "s"


def test_values_of_other_types_are_written_as_pythons_own(written):
    places = {
        "columns": {np.str_("who"): np.str_("user_id")},
        "trainer": {"gradient_clip_val": np.float64(0.5), "log_every_n_steps": np.int64(2)},
        "time_unit": Unit.SECONDS,
        "logger": ("csv", "mlflow"),
    }
    kept = written(config_text(plain_given(Options(dim=4), {}, places))).places
    assert kept == {
        "columns": {"who": "user_id"},
        "trainer": {"gradient_clip_val": 0.5, "log_every_n_steps": 2},
        "time_unit": "s",
        "logger": ["csv", "mlflow"],
    }


def test_one_object_takes_nothing_else_along(caplog):
    timer = {"class_path": "lightning.pytorch.callbacks.Timer"}
    places = {
        "trainer": {"log_every_n_steps": 1, "profiler": object()},
        "callbacks": [object(), timer],
        "logger": object(),
        "columns": None,
    }
    kept = plain_given(Options(), {}, places)
    assert kept == {"trainer": {"log_every_n_steps": 1}, "callbacks": [timer]}
    said = "can't repeat what is no plain value: profiler of trainer, object in callbacks, logger"
    assert said in caplog.text

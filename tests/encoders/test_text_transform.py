import pickle

import pytest
import torch

from mmrec.encoders import TextTransform

TEXTS = ["red shoes for the winter", "lamp", "a soft blue scarf a b c d e f g h"]


@pytest.fixture
def transform(bert_folder):
    return TextTransform(str(bert_folder), max_length=32)


def test_ids_are_those_of_the_tokenizer(transform, bert_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bert_folder)
    inputs = transform(TEXTS)
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape
    for text, ids, mask in zip(TEXTS, *inputs.values(), strict=True):
        expected = tokenizer(text)["input_ids"]
        assert ids[: len(expected)].tolist() == expected
        assert ids[len(expected) :].tolist() == [tokenizer.pad_token_id] * (
            len(ids) - len(expected)
        )
        assert mask.tolist() == [1] * len(expected) + [0] * (len(ids) - len(expected))


def test_no_text(transform):
    assert transform.tokenize([]) == []
    assert transform([])["input_ids"].shape == (0, 1)


def test_long_texts_are_cut(transform):
    assert transform(["lamp " * 500])["input_ids"].shape == (1, 32)


def test_it_is_pickled_without_its_tokenizer(transform):
    ids = transform(TEXTS)["input_ids"]
    pickled = pickle.dumps(transform)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert again == transform
    assert torch.equal(again(TEXTS)["input_ids"], ids)


def test_a_pickle_of_an_earlier_version_loads(transform):
    # The class was in the file of the encoder.
    there = pickle.dumps(transform, protocol=0)
    earlier = there.replace(b"mmrec.encoders.text_transform", b"mmrec.encoders.text")
    assert earlier != there
    assert pickle.loads(earlier) == transform


@pytest.mark.usefixtures("offline")
def test_a_tokenizer_that_is_not_at_hand():
    with pytest.raises(
        OSError, match="tokenizer of the text model 'no-such/model' cannot be found"
    ):
        TextTransform("no-such/model")(["lamp"])

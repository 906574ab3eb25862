import os

# Shapes in annotations are checked while the tests run, and only then.
os.environ.setdefault("JAXTYPING_DISABLE", "0")

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook
from PIL import Image

torch.set_num_threads(1)
hook = install_import_hook("mmrec", "beartype.beartype")

WORDS = ["red", "blue", "warm", "soft", "shoes", "hat", "scarf", "lamp", "for", "the", "winter"]


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A BERT of two layers and width 32, saved with its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefgh", "##a", "##b"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=128,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Twelve pictures of different sizes and colours."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{i}.png" for i in range(12)]
    for i, path in enumerate(paths):
        picture = Image.new("RGB", (30 + 7 * i, 50), (20 * i, 255 - 20 * i, 90))
        picture.paste((255, 255, 255), (0, 0, 5 + i, 20))
        picture.save(path)
    return paths


@pytest.fixture(scope="session")
def chain():
    """Make a log in which an item is followed by the next one (the last by the first).

    Twelve items at most have texts and the names of `pictures`. Shuffled, every user has the same
    events in an order of chance.
    """

    def make(*, users=40, steps=12, items=12, seed=0, shuffled=False):
        rng = np.random.default_rng(seed)
        walks = (rng.integers(items, size=(users, 1)) + np.arange(steps)) % items
        if shuffled:
            walks = rng.integers(items, size=walks.shape)
        events = {
            "user_id": [f"u{user}" for _ in range(steps) for user in range(users)],
            "item_id": [f"i{item}" for item in walks.T.flatten()],
            "timestamp": list(range(users * steps)),
            "event": [["view", "cart"][number % 2] for number in range(users * steps)],
        }
        catalog = {
            "item_id": [f"i{item}" for item in range(items)],
            "title": [f"{WORDS[item % 11]} {'abcdefgh'[item % 8]}" for item in range(items)],
            "kind": [["even", "odd"][item % 2] for item in range(items)],
            "image": [f"{item % 12}.png" for item in range(items)],
        }
        return events, catalog

    return make

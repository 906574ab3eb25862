import pytest
import torch
from PIL import Image
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = ["red", "blue", "warm", "soft", "shoes", "hat", "scarf", "lamp", "for", "the", "winter"]


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A BERT of two layers and width 32, saved with its tokenizer."""
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
        max_position_embeddings=64,
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


@pytest.fixture
def offline(monkeypatch):
    """The hub refuses at once, instead of retrying for a while."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

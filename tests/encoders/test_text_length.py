from types import SimpleNamespace

import pytest
from torch import nn

from mmrec.encoders.text_length import default_length, positions_of


def model(table=None, padding=None, **config):
    """A backbone with a configuration and a table of positions."""
    made = nn.Module()
    made.config = SimpleNamespace(**config)
    if table is not None:
        made.position_embeddings = nn.Embedding(table, 2, padding_idx=padding)
    return made


@pytest.mark.parametrize(
    ("backbone", "positions"),
    [
        (model(512, max_position_embeddings=512), 512),
        (model(514, 1, max_position_embeddings=514), 512),  # RoBERTa
        (model(n_positions=1024), 1024),
        (model(n_positions=512, relative_attention_num_buckets=32), None),  # T5
        (model(514, 1, max_position_embeddings=514, relative_attention_num_buckets=32), 512),
        (model(max_position_embeddings=-1), None),
        (model(), None),
    ],
)
def test_positions(backbone, positions):
    assert positions_of(backbone) == positions


@pytest.mark.parametrize(
    ("positions", "tokenizer", "stated", "length"),
    [
        (512, 512, None, 128),
        (77, 77, None, 77),
        (77, 10**30, None, 77),
        (None, 64, None, 64),
        (None, None, None, 128),
        (512, 512, 100, 100),
        (512, 512, 256, 128),
    ],
)
def test_the_smallest_limit(positions, tokenizer, stated, length):
    backbone = model(max_position_embeddings=positions)
    limited = SimpleNamespace(model_max_length=tokenizer)
    assert default_length(backbone, limited, stated) == length

import pytest
import torch

from mmrec.generative import ItemCodes
from mmrec.quantization import SemanticIds


def test_row_r_is_index_r_plus_1():
    ids = SemanticIds.fit(torch.randn(6, 3), levels=2, size=3)
    codes = ItemCodes.of(ids)
    assert torch.equal(codes.codes[1:], ids.codes)
    assert not codes.codes[0].any()
    assert len(codes) == 6
    assert codes.trained.all()
    last = codes.trie.levels[-1].prefix
    assert torch.equal(last[codes.trie.leaf], ids.codes)


def test_trained_items_of_a_split(unchecked):
    ids = SemanticIds.fit(torch.randn(2, 3), levels=2, size=3)
    trained = torch.tensor([0, 4, 0]) > 0
    assert torch.equal(ItemCodes.of(ids, trained.numpy()).trained, trained)
    with pytest.raises(ValueError, match=r"of shape \(4, 3\), a row an index; got \(3, 3\)"):
        ItemCodes.of(ids, torch.ones(4, dtype=torch.bool))

import sys

import pytest
import torch

pytest.importorskip("lancedb")

from mmrec.realtime.index.lance_index import LanceIndex


def test_is_there_again_after_it_was_opened_anew(tmp_path):
    first = LanceIndex(2, tmp_path)
    first.add(torch.tensor([1, 2, 3]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    first.update(torch.tensor([2]), torch.tensor([[0.0, 5.0]]))
    first.remove(torch.tensor([1]))
    first.compact()
    again = LanceIndex(2, tmp_path)
    assert len(again) == 2
    result = again.search(torch.tensor([[1.0, 2.0]]), 3)
    assert result.keys.tolist() == [[2, 3, 0]]
    assert result.scores.tolist() == [[10.0, 3.0, -torch.inf]]
    assert len(LanceIndex(2, tmp_path, table="others")) == 0


def test_refuses_another_width(tmp_path):
    LanceIndex(2, tmp_path)
    with pytest.raises(ValueError, match=r"width 3; .* holds 2"):
        LanceIndex(3, tmp_path)
    with pytest.raises(ValueError, match="dim of 1 or more; got 0"):
        LanceIndex(0, tmp_path)


def test_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ImportError, match=r"mmrec\[lance\]"):
        LanceIndex(4, tmp_path)

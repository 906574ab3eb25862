import pytest
import torch

from mmrec.fusion import ConcatFusion


def test_one_modality_passes_straight_through():
    fusion = ConcatFusion({"id": 4}, 4)
    ids = torch.randn(3, 4)
    assert torch.equal(fusion({"id": ids}, {"id": torch.ones(3).bool()}), ids)


@pytest.mark.parametrize("hidden", [None, 8])
def test_starts_as_the_sum_of_what_is_there(hidden):
    fusion = ConcatFusion({"id": 4, "more": 4}, 4, hidden=hidden)
    if fusion.mlp is not None:
        for parameter in fusion.mlp.parameters():
            torch.nn.init.zeros_(parameter)
    features = {"id": torch.randn(3, 4), "more": torch.randn(3, 4)}
    present = {"id": torch.ones(3).bool(), "more": torch.tensor([True, False, True])}
    more = features["more"].clone()
    more[1] = fusion.adapters.missing["more"].detach()
    assert torch.allclose(fusion(features, present), features["id"] + more)


def test_dropout_only_in_training():
    fusion = ConcatFusion({"id": 4}, 4, dropout=0.5)
    ids, present = torch.ones(50, 4), {"id": torch.ones(50).bool()}
    assert not torch.equal(fusion({"id": ids}, present), ids)
    assert torch.equal(fusion.eval()({"id": ids}, present), ids)

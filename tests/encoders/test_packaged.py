import pytest
import torch
from torch import nn

from mmrec.encoders.packaged import load_in_order, packaged_image_weights, packaged_text_model


def test_unknown_names_come_from_no_package():
    assert packaged_text_model("google-bert/bert-base-uncased") is None
    assert packaged_image_weights("resnet18") is None


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("mmrec.encoders.packaged.find_spec", lambda name: None)
    assert packaged_text_model("sentence-transformers/all-MiniLM-L6-v2") is None
    assert packaged_image_weights("tf_efficientnet_lite0") is None


def test_what_is_found_exists():
    for found in (
        packaged_text_model("sentence-transformers/all-MiniLM-L6-v2"),
        packaged_image_weights("tf_efficientnet_lite0"),
    ):
        assert found is None or found.exists()


def test_load_in_order():
    source, target = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.Module()
    target.first, target.second = nn.Linear(2, 3), nn.BatchNorm1d(3)
    load_in_order(target, source.state_dict())
    for mine, theirs in zip(
        target.state_dict().values(), source.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_load_in_order_refuses_what_does_not_fit():
    model = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="expects 2 tensors; got a file with 1"):
        load_in_order(model, {"w": torch.zeros(3, 2)})
    with pytest.raises(ValueError, match=r"weight of shape \(3, 2\); got w of shape \(2,"):
        load_in_order(model, {"w": torch.zeros(2, 3), "b": torch.zeros(3)})

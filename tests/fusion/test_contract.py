"""What holds for every fusion of ours, beside the contract that `mmrec.testing` checks."""

import pytest
import torch

import mmrec.fusion
from mmrec.fusion import SiameseFusion

DIMS = {"id": 8, "text": 5, "image": 3}
CLASSES = [getattr(mmrec.fusion, name) for name in mmrec.fusion.__all__ if name != "Fusion"]
every_fusion = pytest.mark.parametrize("build", CLASSES)


def trained(fusion):
    """Return a fusion without a zero among its weights, as after some steps of training."""
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return fusion


def batch(mask):
    present = {name: torch.tensor([row[m] for row in mask]) for m, name in enumerate(DIMS)}
    features = {n: torch.randn(len(mask), width).requires_grad_() for n, width in DIMS.items()}
    return features, present


@every_fusion
def test_starts_as_the_sum_of_an_id_and_the_content(build):
    # Siamese starts as the id plus the mean of the content; with one content both are the same.
    known = {"content": ["text"]} if build is SiameseFusion else {}
    fusion = build({"id": 8, "text": 5}, 8, **known)
    features = {"id": torch.randn(4, 8), "text": torch.randn(4, 5)}
    present = {name: torch.ones(4).bool() for name in features}
    without = fusion(features | {"id": torch.zeros(4, 8)}, present)
    assert torch.allclose(fusion(features, present) - without, features["id"], atol=1e-6)


@every_fusion
def test_a_single_modality(build):
    fusion = trained(build({"text": 5}, 8))
    features, present = {"text": torch.randn(3, 5)}, {"text": torch.tensor([True, True, False])}
    output = fusion(features, present)
    output.sum().backward()
    assert output.shape == (3, 8)
    assert all(parameter.grad is not None for parameter in fusion.parameters())


@every_fusion
def test_every_modality_counts_where_it_is_present(build):
    fusion = trained(build(DIMS, 8))
    features, present = batch([(True, True, True), (True, False, True)])
    fusion(features, present).sin().sum().backward()
    assert features["text"].grad[0].any()
    assert all(features[name].grad.any(dim=1).all() for name in ("id", "image"))


@every_fusion
def test_an_item_without_anything_has_a_direction_that_is_learned(build):
    fusion = trained(build(DIMS, 8))
    vectors = fusion(*batch([(False, False, False)] * 2))
    assert vectors.any()
    vectors.sin().sum().backward()
    missing = [weight for name, weight in fusion.named_parameters() if "missing" in name]
    assert all(weight.grad.any() for weight in missing)
    assert missing


@every_fusion
def test_wrong_modalities(build):
    fusion = build(DIMS, 8)
    features, present = batch([(True, True, True)])
    del features["text"]
    with pytest.raises(
        ValueError, match=r"expects modalities \['id', 'text', 'image'\]; got \['id', 'image'\]"
    ):
        fusion(features, present)
    features["text"] = torch.zeros(1, 4)
    with pytest.raises(ValueError, match=r"'text' features of shape \(1, 5\); got \(1, 4\)"):
        fusion(features, present)
    features["text"] = torch.zeros(1, 5)
    del present["id"]
    with pytest.raises(ValueError, match=r"got \['image', 'text'\]"):
        fusion(features, present)


@pytest.mark.usefixtures("unchecked")
@every_fusion
def test_dims_that_name_nothing(build):
    with pytest.raises(ValueError, match=r"expects dims as {modality: width}; got \[3\]"):
        build([3], 8)


@every_fusion
def test_wrong_construction(build):
    with pytest.raises(ValueError, match="at least one modality"):
        build({}, 8)
    with pytest.raises(ValueError, match="widths of at least 1"):
        build({"id": 0}, 8)
    for name in ("", "a.b", "keys", "training"):
        with pytest.raises(ValueError, match="cannot name a modality"):
            build({name: 3}, 8)

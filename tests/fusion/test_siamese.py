import pytest
import torch

from mmrec.fusion import SiameseFusion
from mmrec.losses import AuxiliaryLoss, Output, alignment_loss

DIMS = {"image": 6, "text": 5}


def batch(items):
    features = {name: torch.randn(items, width) for name, width in DIMS.items()}
    present = {name: torch.rand(items) < 0.6 for name in DIMS}
    return features, present


def test_is_the_mean_of_what_is_present():
    fusion = SiameseFusion(DIMS, 4)
    features, present = batch(20)
    fused, projected = fusion(features, present), fusion.project(features, present)
    for item in range(20):
        there = [projected[name][item] for name in DIMS if present[name][item]]
        want = torch.stack(there).mean(dim=0) if there else fusion.missing
        assert torch.allclose(fused[item], want, atol=1e-6)


def test_one_tower_for_all():
    fusion = SiameseFusion({"a": 5, "b": 5}, 4)
    fusion.adapters["b"].load_state_dict(fusion.adapters["a"].state_dict())
    same, present = torch.randn(3, 5), torch.ones(3).bool()
    vectors = fusion.project({"a": same, "b": same}, {"a": present, "b": present})
    assert torch.equal(vectors["a"], vectors["b"])


def test_an_id_stays_outside_of_the_tower():
    fusion = SiameseFusion({**DIMS, "id": 4}, 4, content=[*DIMS])
    features, present = batch(20)
    features["id"], present["id"] = torch.randn(20, 4), torch.rand(20) < 0.6
    fused, projected = fusion(features, present), fusion.project(features, present)
    assert list(projected) == [*DIMS]
    for item in range(20):
        there = [projected[name][item] for name in DIMS if present[name][item]]
        content = torch.stack(there).mean(dim=0) if there else fusion.missing
        own = features["id"][item] if present["id"][item] else fusion.others.missing["id"]
        assert torch.allclose(fused[item], content + own, atol=1e-6)


def test_without_content_everything_shares_the_tower():
    for content in (None, []):
        fusion = SiameseFusion({"id": 4}, 4, content=content)
        assert (fusion.content, fusion.others) == (["id"], None)


def test_absent_vectors_are_zero():
    features, present = batch(20)
    vectors = SiameseFusion(DIMS, 4).project(features, present)
    for name, vector in vectors.items():
        assert not vector[~present[name]].any()
        assert vector[present[name]].any(dim=1).all()


def test_alignment_learns_which_image_belongs_to_which_text():
    torch.manual_seed(0)
    meaning = torch.randn(64, 3)
    features = {name: meaning @ torch.randn(3, width) for name, width in DIMS.items()}
    present = {name: torch.ones(64).bool() for name in DIMS}
    fusion = SiameseFusion(DIMS, 8, hidden=32)
    optimizer = torch.optim.Adam(fusion.parameters(), lr=1e-2)
    for _ in range(150):
        vectors = fusion.project(features, present)
        loss = alignment_loss(vectors["image"], vectors["text"], present["text"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = torch.nn.functional.normalize(vectors["image"]) @ vectors["text"].T
    right = (found.argmax(dim=0) == torch.arange(64)).float().mean()
    assert right > 0.5  # chance is 1 / 64


def output_of(features, present):
    none = torch.zeros(0)
    return Output(torch.zeros(1, 20), *[none] * 8, features, present)


@pytest.mark.parametrize("content", [["image", "text"], ["text", "image", "id"], None])
def test_the_auxiliary_loss_is_the_mean_over_pairs(content):
    fusion = SiameseFusion({**DIMS, "id": 3}, 4, alignment=0.3, content=content)
    features, present = batch(20)
    features["id"], present["id"] = torch.randn(20, 3), torch.rand(20) < 0.6
    vectors = fusion.project(features, present)
    pairs = [("image", "text"), ("image", "id"), ("text", "id")][: 1 if content == [*DIMS] else 3]
    expected = [alignment_loss(vectors[a], vectors[b], present[a] & present[b]) for a, b in pairs]
    loss = fusion.auxiliary_loss(output_of(features, present))
    assert torch.allclose(loss, torch.stack(expected).mean())
    assert isinstance(fusion, AuxiliaryLoss)
    assert fusion.auxiliary_weight == 0.3


def test_one_modality_has_nothing_to_align():
    features, present = batch(20)
    fusion = SiameseFusion(DIMS, 4, content=["text"])
    assert fusion.auxiliary_loss(output_of(features, present)) == torch.tensor(0.0)


def test_wrong_alignment():
    with pytest.raises(ValueError, match=r"content must name modalities of .*; got \['audio'\]"):
        SiameseFusion(DIMS, 4, content=["text", "audio"])
    with pytest.raises(ValueError, match=r"alignment must be 0 or more; got -1.0"):
        SiameseFusion(DIMS, 4, alignment=-1.0)

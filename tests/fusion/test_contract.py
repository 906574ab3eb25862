"""What holds for every fusion."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmrec.fusion
from mmrec.fusion import (
    AttentionFusion,
    BilinearFusion,
    ConcatFusion,
    ExpertsFusion,
    FiLMFusion,
    Fusion,
    GatedFusion,
    SiameseFusion,
    SumFusion,
)

DIMS = {"id": 8, "text": 5, "image": 3}


def trained(fusion):
    """Return a fusion without a zero among its weights, as after some steps of training."""
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return fusion


FUSIONS = {
    "concat": lambda: ConcatFusion(DIMS, 8),
    "concat with a hidden layer": lambda: ConcatFusion(DIMS, 8, hidden=6),
    "attention": lambda: trained(AttentionFusion(DIMS, 8, heads=2)),
    "bilinear": lambda: trained(BilinearFusion(DIMS, 8, rank=3)),
    "experts": lambda: trained(ExpertsFusion(DIMS, 8, experts=2, hidden=6)),
    "film": lambda: trained(FiLMFusion(DIMS, 8, modulated="id")),
    "gated": lambda: trained(GatedFusion(DIMS, 8)),
    "sum": lambda: SumFusion(DIMS, 8),
    "siamese": lambda: trained(SiameseFusion(DIMS, 8)),
    "siamese with an id outside": lambda: trained(
        SiameseFusion(DIMS, 8, hidden=12, content=["text", "image"])
    ),
}
CLASSES = [getattr(mmrec.fusion, name) for name in mmrec.fusion.__all__ if name != "Fusion"]
every_fusion = pytest.mark.parametrize("build", FUSIONS.values(), ids=FUSIONS)
masks = st.lists(st.tuples(*[st.booleans()] * len(DIMS)), min_size=1, max_size=5)
garbage = st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e30, 7.0])


def batch(mask, dtype=torch.float32):
    present = {name: torch.tensor([row[m] for row in mask]) for m, name in enumerate(DIMS)}
    features = {
        name: torch.randn(len(mask), width, dtype=dtype).requires_grad_()
        for name, width in DIMS.items()
    }
    return features, present


def gradients(fusion, features, present):
    fusion.zero_grad()
    inputs = {name: value.detach().requires_grad_() for name, value in features.items()}
    output = fusion(inputs, present)
    output.sin().sum().backward()
    return output, inputs, [parameter.grad.clone() for parameter in fusion.parameters()]


@every_fusion
def test_is_a_fusion(build):
    fusion = build()
    assert isinstance(fusion, Fusion)
    assert (fusion.dims, fusion.dim) == (DIMS, 8)


@pytest.mark.parametrize("build", CLASSES)
def test_starts_as_the_sum_of_an_id_and_the_content(build):
    # Siamese starts as the id plus the mean of the content; with one content both are the same.
    known = {"content": ["text"]} if build is SiameseFusion else {}
    fusion = build({"id": 8, "text": 5}, 8, **known)
    features = {"id": torch.randn(4, 8), "text": torch.randn(4, 5)}
    present = {name: torch.ones(4).bool() for name in features}
    without = fusion(features | {"id": torch.zeros(4, 8)}, present)
    assert torch.allclose(fusion(features, present) - without, features["id"], atol=1e-6)


@pytest.mark.parametrize("build", CLASSES)
def test_a_single_modality(build):
    fusion = trained(build({"text": 5}, 8))
    features, present = {"text": torch.randn(3, 5)}, {"text": torch.tensor([True, True, False])}
    output = fusion(features, present)
    output.sum().backward()
    assert output.shape == (3, 8)
    assert all(parameter.grad is not None for parameter in fusion.parameters())


@every_fusion
@given(mask=masks, bad=garbage)
@settings(max_examples=20, deadline=None)
def test_what_lies_in_an_absent_slot_changes_nothing(build, mask, bad):
    fusion = build()
    features, present = batch(mask)
    spoilt = {
        name: torch.where(present[name].unsqueeze(-1), value, bad)
        for name, value in features.items()
    }
    clean_output, _, clean = gradients(fusion, features, present)
    output, inputs, spoilt_gradients = gradients(fusion, spoilt, present)
    assert torch.equal(output, clean_output)
    assert output.isfinite().all()
    for first, second in zip(clean, spoilt_gradients, strict=True):
        assert torch.equal(first, second)
        assert first.isfinite().all()
    for name, value in inputs.items():
        assert not value.grad[~present[name]].any()  # NaN would count as True


@every_fusion
@pytest.mark.parametrize("size", [0, 1, 4])
def test_an_item_without_anything_has_a_vector(build, size):
    features, present = batch([(False, False, False)] * size) if size else batch([(True,) * 3])
    if not size:
        features = {name: value[:0] for name, value in features.items()}
        present = {name: value[:0] for name, value in present.items()}
    output = build()(features, present)
    assert output.shape == (size, 8)
    assert output.isfinite().all()
    assert torch.allclose(output, output[:1].expand_as(output), atol=1e-6)
    assert size == 0 or output.any()


@every_fusion
@given(mask=masks)
@settings(max_examples=10, deadline=None)
def test_permuting_items_permutes_vectors(build, mask):
    fusion = build().eval()
    features, present = batch(mask)
    order = torch.randperm(len(mask))
    permuted = fusion(
        {name: value[order] for name, value in features.items()},
        {name: value[order] for name, value in present.items()},
    )
    assert torch.allclose(permuted, fusion(features, present)[order], atol=1e-5)


@every_fusion
def test_every_modality_counts_where_it_is_present(build):
    fusion = build()
    features, present = batch([(True, True, True), (True, False, True)])
    fusion(features, present).sin().sum().backward()
    assert features["text"].grad[0].any()
    assert all(features[name].grad.any(dim=1).all() for name in ("id", "image"))


@every_fusion
def test_order_of_the_given_modalities_does_not_matter(build):
    fusion = build()
    features, present = batch([(True, False, True), (True, True, True)])
    turned = fusion(dict(reversed(features.items())), dict(reversed(present.items())))
    assert torch.equal(turned, fusion(features, present))


@every_fusion
def test_every_parameter_gets_a_finite_gradient(build):
    fusion = build()
    features, present = batch([(True, False, True), (False, True, False), (False,) * 3])
    fusion(features, present).sin().sum().backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(p.grad.any() for n, p in fusion.named_parameters() if "missing" in n)


@every_fusion
def test_gradcheck(build):
    fusion = build().double()
    features, present = batch([(True, False, True), (True, True, False)], torch.float64)

    def fuse(*values):
        return fusion(dict(zip(DIMS, values, strict=True)), present)

    assert torch.autograd.gradcheck(fuse, tuple(features.values()))


@every_fusion
def test_bfloat16_autocast(build):
    fusion = build()
    features, present = batch([(True, False, True), (False, False, False)])
    exact = fusion(features, present)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = fusion(features, present)
    rounded.float().sum().backward()
    assert torch.allclose(rounded.float(), exact, atol=0.1)
    assert all(p.grad.isfinite().all() for p in fusion.parameters())


@every_fusion
def test_state_dict_round_trip(build):
    first, second = build(), build()
    second.load_state_dict(first.state_dict())
    features, present = batch([(True, False, True), (False, True, False)])
    assert torch.equal(first(features, present), second(features, present))


@every_fusion
def test_wrong_modalities(build):
    fusion = build()
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
@pytest.mark.parametrize("build", CLASSES)
def test_dims_that_name_nothing(build):
    with pytest.raises(ValueError, match=r"expects dims as {modality: width}; got \[3\]"):
        build([3], 8)


@pytest.mark.parametrize("build", CLASSES)
def test_wrong_construction(build):
    with pytest.raises(ValueError, match="at least one modality"):
        build({}, 8)
    with pytest.raises(ValueError, match="widths of at least 1"):
        build({"id": 0}, 8)
    for name in ("", "a.b", "keys", "training"):
        with pytest.raises(ValueError, match="cannot name a modality"):
            build({name: 3}, 8)

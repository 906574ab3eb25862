import pytest
import torch

from mmrec.fusion import AttentionFusion


def test_is_attention_from_one_query():
    fusion = AttentionFusion({"a": 4, "b": 3}, 4, heads=1)
    torch.nn.init.normal_(fusion.attention.out_proj.weight)
    features = {"a": torch.randn(3, 4), "b": torch.randn(3, 3)}
    present = {"a": torch.tensor([True, True, False]), "b": torch.tensor([True, False, False])}
    tokens = fusion.norm(fusion.adapters(features, present) + fusion.modality_embeddings)
    weights = fusion.attention.in_proj_weight.chunk(3)  # biases start at zero
    for item in range(3):
        query = weights[0] @ fusion.query
        keys, values = tokens[item] @ weights[1].T, tokens[item] @ weights[2].T
        attended = fusion.attention.out_proj((keys @ query / 2).softmax(0) @ values)
        parts = fusion.adapters(features, present)[item]
        want = parts.sum(0) + attended + fusion.mlp(attended)
        assert torch.allclose(fusion(features, present)[item], want, atol=1e-6)


def test_modalities_of_one_width_are_told_apart():
    fusion = AttentionFusion({"a": 4, "b": 4}, 4, heads=2)
    torch.nn.init.normal_(fusion.attention.out_proj.weight)
    first, second = torch.randn(2, 4), torch.randn(2, 4)
    present = {name: torch.ones(2).bool() for name in "ab"}
    straight = fusion({"a": first, "b": second}, present)
    swapped = fusion({"a": second, "b": first}, present)
    assert not torch.allclose(straight, swapped, atol=1e-4)


def test_dropout_only_in_training():
    fusion = AttentionFusion({"a": 4}, 4, dropout=0.5)
    torch.nn.init.normal_(fusion.attention.out_proj.weight)
    inputs = {"a": torch.randn(20, 4)}, {"a": torch.ones(20).bool()}
    assert not torch.equal(fusion(*inputs), fusion(*inputs))
    fusion.eval()
    assert torch.equal(fusion(*inputs), fusion(*inputs))


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_divide(heads):
    with pytest.raises(ValueError, match=f"got dim 8 and {heads} heads"):
        AttentionFusion({"a": 4}, 8, heads=heads)

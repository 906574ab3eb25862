import pytest
import torch

from mmrec.fusion import ExpertsFusion


def test_is_a_weighted_sum_of_experts():
    fusion = ExpertsFusion({"a": 4, "b": 4}, 4, experts=3)
    for expert in fusion.experts:
        torch.nn.init.normal_(expert.layers[-1].weight)
    first, second = torch.randn(2, 4), torch.randn(2, 4)
    present = {name: torch.ones(2).bool() for name in "ab"}
    fused = fusion({"a": first, "b": second}, present)
    for item in range(2):
        wide = torch.cat([first[item], second[item]])
        shares = torch.exp(fusion.gate(wide)) / torch.exp(fusion.gate(wide)).sum()
        given = [share * expert(wide) for share, expert in zip(shares, fusion.experts, strict=True)]
        assert torch.allclose(fused[item], first[item] + second[item] + sum(given), atol=1e-5)


def test_no_expert():
    with pytest.raises(ValueError, match="1 or more experts; got 0"):
        ExpertsFusion({"a": 4}, 4, experts=0)

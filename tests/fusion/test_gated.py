import torch

from mmrec.fusion import GatedFusion


def test_is_a_sum_of_gated_modalities():
    fusion = GatedFusion({"a": 4, "b": 4}, 4)
    with torch.no_grad():
        fusion.gates.weight.normal_()
    first, second = torch.randn(3, 4), torch.randn(3, 4)
    present = {name: torch.ones(3).bool() for name in "ab"}
    fused = fusion({"a": first, "b": second}, present)
    for item in range(3):
        weights = fusion.gates(torch.cat([first[item], second[item]]))
        gates = 2 / (1 + torch.exp(-weights))
        want = gates[:4] * first[item] + gates[4:] * second[item]
        assert torch.allclose(fused[item], want, atol=1e-5)

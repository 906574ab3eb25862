import pytest
import torch

from mmrec.fusion import FiLMFusion


@pytest.mark.parametrize(("modulated", "place"), [(None, 0), ("a", 0), ("b", 1)])
def test_scales_and_shifts_one_modality(modulated, place):
    fusion = FiLMFusion({"a": 4, "b": 4, "c": 4}, 4, modulated=modulated)
    with torch.no_grad():
        fusion.scale.weight.normal_()
        fusion.shift.weight.normal_()
    values = [torch.randn(2, 4) for _ in range(3)]
    present = {name: torch.ones(2).bool() for name in "abc"}
    fused = fusion(dict(zip("abc", values, strict=True)), present)
    others = torch.cat([value for n, value in enumerate(values) if n != place], dim=1)
    scale, shift = others @ fusion.scale.weight.T, others @ fusion.shift.weight.T
    assert torch.allclose(fused, sum(values) + scale * values[place] + shift, atol=1e-5)


def test_unknown_modality():
    with pytest.raises(ValueError, match=r"modulated must be one of \['a'\]; got 'b'"):
        FiLMFusion({"a": 4}, 4, modulated="b")

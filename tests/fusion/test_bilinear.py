import pytest
import torch

from mmrec.fusion import BilinearFusion


def test_is_a_tensor_product_of_low_rank():
    """The paper's full tensor, contracted with the product of all modalities with a 1 appended."""
    fusion = BilinearFusion({"a": 3, "b": 3}, 3, rank=2)
    with torch.no_grad():
        fusion.mix.weight.normal_()
    first, second = torch.randn(4, 3), torch.randn(4, 3)
    a, b = (torch.cat([f.weight, f.bias.unsqueeze(1)], dim=1) for f in fusion.factors)
    tensor = torch.einsum("ri,rj,dr->ijd", a, b, fusion.mix.weight)
    one = torch.ones(4, 1)
    products = torch.einsum("pi,pj->pij", torch.cat([first, one], 1), torch.cat([second, one], 1))
    want = first + second + torch.einsum("pij,ijd->pd", products, tensor)
    present = {name: torch.ones(4).bool() for name in "ab"}
    assert torch.allclose(fusion({"a": first, "b": second}, present), want, atol=1e-5)


def test_wrong_rank():
    with pytest.raises(ValueError, match="rank of 1 or more; got 0"):
        BilinearFusion({"a": 3}, 3, rank=0)

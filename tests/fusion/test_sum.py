import torch
import torch.nn.functional as F

from mmrec.fusion import SumFusion


def test_is_the_sum_of_ids_and_projected_modalities():
    fusion = SumFusion({"id": 4, "text": 3}, 4)
    norm, layer = fusion.adapters.layers["text"]
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    features = {"id": torch.randn(3, 4), "text": torch.randn(3, 3)}
    present = {"id": torch.tensor([1, 0, 1]).bool(), "text": torch.tensor([1, 1, 0]).bool()}
    rows = []
    for n in range(3):
        text = F.layer_norm(features["text"][n], (3,), norm.weight, norm.bias)
        row = {"id": features["id"][n], "text": layer.weight @ text + layer.bias}
        rows.append(sum(row[m] if present[m][n] else fusion.adapters.missing[m] for m in row))
    assert torch.allclose(fusion(features, present), torch.stack(rows), atol=1e-6)

import numpy as np
import pytest
import torch

from mmrec.fusion import AdditiveFusion


def test_the_formula_by_hand():
    torch.manual_seed(0)
    fusion = AdditiveFusion({"id": 4, "text": 6}, 4, hidden=3).double()
    torch.nn.init.normal_(fusion.attention.query.weight)  # 0 at the start
    features = {"id": torch.randn(5, 4).double(), "text": torch.randn(5, 6).double()}
    present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
    tokens = fusion.adapters(features, present).detach().numpy()
    key, bias = (p.detach().numpy() for p in fusion.attention.key.parameters())
    query = fusion.attention.query.weight.detach().numpy()[0]
    found = fusion(features, present).detach().numpy()
    for item in range(5):
        weights = np.exp([query @ np.tanh(key @ token + bias) for token in tokens[item]])
        shares = weights / weights.sum()
        np.testing.assert_allclose(found[item], 2 * shares @ tokens[item], atol=1e-12)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="fusion expects at least one modality"):
        AdditiveFusion({}, 4)
    with pytest.raises(ValueError, match="positive dim and hidden; got 4 and 0"):
        AdditiveFusion({"id": 4}, 4, hidden=0)

import warnings
from pathlib import Path

import pytest
import torch

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
NAMES = ["SASRec, paper", "SASRec, RecTools", "eSASRec", "HSTU", "HSTU with times"]


@pytest.fixture
def parity(monkeypatch):
    monkeypatch.syspath_prepend(PEERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # RecTools' own
        pytest.importorskip("rectools", reason="needs RecTools, which mmrec does not depend on")
        import parity_rectools

        yield parity_rectools


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2), (3, 4)])
def test_the_weights_of_rectools_give_its_outputs(parity, name, layers, heads):
    assert list(parity.MODELS) == NAMES
    assert parity.measured(name, layers, heads, torch.float64) < 1e-10
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_each_weight_of_rectools_is_compared(parity, name):
    torch.manual_seed(0)
    with torch.no_grad():
        net, ours = parity.MODELS[name](2, 2)
        for key, weight in net.transformer_layers.named_parameters():
            if key not in ("norm.weight", "norm.bias"):  # ours, in both
                before = weight.clone()
                weight += 0.1 * torch.randn_like(weight)
                assert parity.difference(net, ours) > 1e-4, key
                weight.copy_(before)
        assert parity.difference(net, ours) < 1e-5


def test_a_difference_beyond_its_tolerance_is_the_exit_status(parity, monkeypatch, capsys):
    monkeypatch.setattr(parity, "SIZES", [(1, 2)])
    monkeypatch.setattr(parity, "MODELS", {"eSASRec": parity.MODELS["eSASRec"]})
    assert parity.main() == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("| eSASRec | 1 | 2 | ")
    for found in (1e-4, float("nan")):
        monkeypatch.setattr(parity, "measured", lambda *_, found=found: found)
        assert parity.main() == 1

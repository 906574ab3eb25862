from contextlib import nullcontext

import pytest
import torch

from mmrec.layers import seeded


def test_draws_inside_are_those_of_the_seed_and_change_nothing_outside():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    with seeded(5):
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_generators_of_gpus_are_restored():
    state = torch.cuda.get_rng_state()
    with seeded(5):
        torch.rand(3, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), state)


def test_the_state_of_every_gpu_is_kept(monkeypatch):
    kept = []
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        patch.setattr(torch, "manual_seed", lambda seed: None)  # it would seed them
        patch.setattr(
            torch.random, "fork_rng", lambda devices: kept.append([*devices]) or nullcontext()
        )
        with seeded(0):
            pass
    assert kept == [[0, 1]]

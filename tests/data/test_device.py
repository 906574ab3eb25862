from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from mmrec.data.device import OnDevice


@dataclass(frozen=True)
class Inner(OnDevice):
    values: Tensor
    parts: dict[str, Tensor | dict[str, Tensor]]


@dataclass(frozen=True)
class Outer(OnDevice):
    inner: Inner
    mask: Tensor
    rows: np.ndarray
    name: str


def example():
    inner = Inner(torch.ones(2), {"a": torch.zeros(1), "b": {"ids": torch.arange(3)}})
    return Outer(inner, torch.tensor([True]), np.arange(2), "x")


def test_to_moves_every_tensor():
    # The meta device needs no hardware, and a tensor on it can't be mistaken for one on the CPU.
    before = example()
    after = before.to("meta")
    assert after.mask.is_meta
    assert after.inner.values.is_meta
    assert after.inner.parts["a"].is_meta
    assert after.inner.parts["b"]["ids"].is_meta
    assert after.rows is before.rows
    assert after.name == "x"
    assert not before.inner.values.is_meta
    assert isinstance(after, Outer)
    assert isinstance(after.inner, Inner)


def test_to_keeps_values():
    after = example().to(torch.device("cpu"), non_blocking=True)
    assert after.inner.parts["b"]["ids"].tolist() == [0, 1, 2]
    assert after.mask.tolist() == [True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs CUDA")
def test_pin_memory_on_cuda():
    pinned = example().pin_memory()
    assert pinned.mask.is_pinned()
    assert pinned.inner.parts["b"]["ids"].is_pinned()
    assert pinned.to("cuda", non_blocking=True).inner.values.tolist() == [1, 1]

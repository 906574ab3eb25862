import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmrec.cpu import checkpointed, fast_products, products

DNNL = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN")


@pytest.fixture
def calls(monkeypatch):
    """Whatever the processor and the size: the products that oneDNN computes, by their shapes."""
    seen = []

    def product(rows, weight, bias=None):
        seen.append((tuple(rows.shape), tuple(weight.shape)))
        return F.linear(rows, weight, bias)

    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)
    monkeypatch.setattr(products, "_LARGE", 4096)
    monkeypatch.setattr(products, "_RECURRING", 64)
    monkeypatch.setattr(products, "_product", product)
    return seen


@pytest.fixture
def onednn(monkeypatch):
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)
    monkeypatch.setattr(products, "_LARGE", 0)
    monkeypatch.setattr(products, "_RECURRING", 0)


@DNNL
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(24, 8), (8, 24)])
@pytest.mark.parametrize("shape", [(40,), (5, 7)])
def test_it_computes_what_pytorch_computes(onednn, widths, shape, bias):
    torch.manual_seed(0)
    layer = nn.Linear(*widths, bias=bias)
    rows = torch.randn(*shape, widths[0], requires_grad=True)
    parameters = [rows, *layer.parameters()]

    def values():
        out = layer(rows)
        return out, *torch.autograd.grad(out.sin().sum(), parameters)

    expected = values()
    with fast_products():
        got = values()
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_rows_of_a_gradient_are_contiguous(calls, monkeypatch):
    seen, product = [], products._product

    def noted(rows, weight, bias=None):
        seen.append(rows.is_contiguous() or rows.T.is_contiguous())
        return product(rows, weight, bias)

    monkeypatch.setattr(products, "_product", noted)
    layer, rows = nn.Linear(16, 8), torch.randn(64, 16, requires_grad=True)
    with fast_products():
        torch.cat([layer(rows), rows], dim=1).sin().sum().backward()
    assert seen == [True] * 3


@DNNL
def test_a_gradient_may_be_expanded(onednn):
    layer, rows = nn.Linear(8, 4), torch.randn(16, 8)
    with fast_products():
        layer(rows).sum().backward()
    torch.testing.assert_close(layer.weight.grad, rows.sum(0).expand(4, 8))


def test_only_gradients_that_are_wanted_are_computed(calls):
    layer = nn.Linear(8, 16).requires_grad_(False)
    rows = torch.randn(32, 8, requires_grad=True)
    with fast_products():
        out = layer(rows)
    torch.autograd.grad(out.sum(), rows)
    assert calls == [((32, 8), (16, 8)), ((32, 16), (8, 16))]


def test_the_narrower_is_first_in_the_gradient_of_weights(calls):
    for widths in ((8, 16), (16, 8)):
        with fast_products():
            nn.Linear(*widths)(torch.randn(32, widths[0])).sum().backward()
    assert [rows for rows, _ in calls] == [(32, 8), (8, 32), (32, 16), (8, 32)]


def test_small_and_unsupported_products_stay_pytorchs(calls):
    rows, weight = torch.randn(32, 16), torch.randn(16, 16)
    with fast_products():
        F.linear(rows[:8], weight)  # small
        F.linear(rows[:8], weight.requires_grad_())  # shapes of what is no layer need not recur
        F.linear(rows.double(), weight.double())
        F.linear(rows.T.contiguous().T, weight)
        F.linear(rows, weight.T)
        rows @ weight.T
        with torch.autocast("cpu", dtype=torch.bfloat16):
            F.linear(rows, weight)
    F.linear(rows, weight)
    assert calls == []
    with fast_products(), torch.no_grad():
        F.linear(rows, weight)
    assert len(calls) == 1


def test_a_layer_is_computed_again_alike(calls):
    layer = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    rows = torch.randn(16, 8, requires_grad=True)
    with fast_products():
        out = checkpointed(layer)(rows)
    out.sum().backward()
    assert len(calls) == 8  # two forward passes of two layers, four gradients


def test_it_decorates_a_function(calls):
    layer, rows = nn.Linear(8, 8), torch.randn(16, 8)

    @fast_products()
    def twice(depth=1):
        return layer(rows) + (twice(0) if depth else 0)

    assert torch.equal(twice(), 2 * layer(rows))
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("capability", "vendor", "slow"),
    [
        ("AVX512", "AuthenticAMD", True),
        ("AVX2", "AuthenticAMD", False),
        ("AVX512", "GenuineIntel", False),
        ("AVX512", None, False),
    ],
)
def test_which_processors(monkeypatch, tmp_path, capability, vendor, slow):
    about = tmp_path / "cpuinfo"
    if vendor:
        about.write_text(f"processor : 0\nvendor_id : {vendor}\n")
    monkeypatch.setattr(products, "_ABOUT", about)
    for library in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(library, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert products._mkl_is_slow.__wrapped__() is slow

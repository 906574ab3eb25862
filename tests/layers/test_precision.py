import pytest
import torch

from mmrec.layers import at_least_float32, full_precision


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_only_half_precision_is_widened(given, expected):
    assert at_least_float32(torch.zeros(2, dtype=given)).dtype == expected


def test_full_precision_switches_autocast_off_and_back_on():
    x = torch.full((1, 1), 1 + 2**-10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with full_precision(x):
            exact = x @ x
        rounded = x @ x
    assert exact.item() == pytest.approx((1 + 2**-10) ** 2, rel=1e-7)
    assert rounded.dtype == torch.bfloat16

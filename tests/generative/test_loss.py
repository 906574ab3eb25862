import math

import pytest
import torch

from mmrec.generative import code_loss


def test_the_loss_is_minus_the_log_probability_of_the_items():
    torch.manual_seed(0)
    logits = [torch.randn(4, 5), torch.randn(4, 3)]
    codes = torch.tensor([[4, 0], [0, 2], [1, 1], [3, 0]])
    wanted = 0.0
    for row, item in enumerate(codes.tolist()):
        for level, code in enumerate(item):
            shares = [math.exp(value) for value in logits[level][row].tolist()]
            wanted -= math.log(shares[code] / sum(shares)) / len(codes)
    assert float(code_loss(logits, codes)) == pytest.approx(wanted, rel=1e-5)


def test_it_is_computed_in_float32():
    logits = [torch.zeros(1, 3, dtype=torch.bfloat16)]
    assert code_loss(logits, torch.tensor([[0]])).dtype == torch.float32


def test_other_levels_than_codes():
    with pytest.raises(ValueError, match="logits of 2 levels, one a code; got 1"):
        code_loss([torch.zeros(1, 3)], torch.zeros(1, 2).long())

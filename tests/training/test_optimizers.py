import copy
import math

import pytest
import torch
from torch import nn

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.models import gru4rec
from mmrec.scoring import MLPScorer
from mmrec.training import build_optimizer, warmup_cosine


class Text(nn.Module):
    """A text model: half of it frozen, with a transform."""

    def __init__(self):
        super().__init__()
        self.dim, self.transform = 4, str
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.trained = nn.Linear(4, 4)


def build():
    encoders = {"id": IdEncoder(3, 8), "text": Text(), "feature": FeatureEncoder(5, 8)}
    return gru4rec(encoders, dim=8, reranker=MLPScorer(8, 8))


def test_each_parameter_has_its_rate_and_decay():
    model = build()
    optimizer = build_optimizer(model, lr=0.1, encoder_lr=0.001, weight_decay=0.3)
    found = {
        parameter: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(found)
    for name, parameter in model.named_parameters():
        if "frozen" in name:
            assert parameter not in found
            continue
        rate = 0.001 if name.startswith("items.encoders.text.") else 0.1
        decay = 0.0 if name.endswith("bias") or "bias" in name or "missing" in name else 0.3
        decay = 0.0 if parameter.ndim == 1 else decay
        assert found[parameter] == (rate, decay), name
    text = model.items.encoders["text"]
    assert found[text.trained.weight] == (0.001, 0.3)
    assert found[text.trained.bias] == (0.001, 0.0)
    assert found[model.items.fusion.adapters.missing["text"]] == (0.1, 0.0)
    assert found[model.items.encoders["id"].table.weight] == (0.1, 0.3)


def test_frozen_weights_stay():
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = build_optimizer(model, 0.1, 0.1, 0.1)
    sum(p.square().sum() for p in model.parameters() if p.requires_grad).backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        trained = dict(model.named_parameters()).get(name)
        still = trained is None or not trained.requires_grad or not before[name].any()
        assert torch.equal(value, before[name]) == still, name


def test_fused_is_the_same_arithmetic():
    plain = build()
    fused = copy.deepcopy(plain)
    for model, options in ((plain, {}), (fused, {"fused": True})):
        optimizer = build_optimizer(model, 0.01, 0.001, 0.1, **options)
        for _ in range(5):
            optimizer.zero_grad()
            sum(p.square().sum() for p in model.parameters() if p.requires_grad).backward()
            optimizer.step()
    for (name, one), other in zip(plain.named_parameters(), fused.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 0.1), (7, 0.5), (10, 0.0), (1, 0.05)])
def test_warmup_cosine_is_the_formula(steps, warmup):
    parameter = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([{"params": [parameter], "lr": 0.2}])
    schedule = warmup_cosine(optimizer, steps, warmup)
    rising = max(int(steps * warmup), 1)
    for step in range(steps + 5):  # a schedule may be asked for more steps than were estimated
        if step < rising:
            expected = (step + 1) / rising
        else:
            share = min((step - rising) / max(steps - rising, 1), 1)
            expected = 0.1 + 0.45 * (1 + math.cos(math.pi * share))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * expected)
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)

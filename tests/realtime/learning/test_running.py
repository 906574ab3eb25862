import math

import numpy as np
import pytest
import torch

from mmrec.data import Histories
from mmrec.encoders import IdEncoder
from mmrec.evaluation import Observed
from mmrec.models import CatalogScorer, gru4rec
from mmrec.realtime.learning.running import RunningNDCG

V = 30


@pytest.fixture
def scorer():
    torch.manual_seed(0)
    model = gru4rec({"id": IdEncoder(V, 8)}, dim=8).eval()
    return CatalogScorer(model, torch.randn(V + 1, 8), torch.ones(V + 1))


def observed(items, histories):
    items = torch.tensor(items)
    zeros = torch.zeros_like(items)
    return Observed(zeros, items, zeros, zeros.double(), Histories.of_items(histories))


def by_hand(scorer, item, history):
    """NDCG@10 of one target, by sorting the scores of items that are not in the history."""
    scores = scorer.scores(Histories.of_items([history]))[0].numpy()
    others = [n for n in range(1, len(scores)) if n not in history]
    rank = 1 + sum(scores[n] > scores[item] for n in others)
    return 1 / math.log2(1 + rank) if item in others and rank <= 10 else 0.0


def test_as_by_hand(scorer):
    rng = np.random.default_rng(0)
    items = rng.integers(1, V + 1, 20).tolist()
    histories = [rng.integers(1, V + 1, rng.integers(1, 6)).tolist() for _ in items]
    running = RunningNDCG(100)
    running.add("online", scorer, observed(items, histories), V + 1)
    expected = [by_hand(scorer, *pair) for pair in zip(items, histories, strict=True)]
    assert list(running.gains["online"]) == pytest.approx(expected, abs=1e-6)
    assert running.means()["online"] == pytest.approx(np.mean(expected), abs=1e-6)


def test_items_that_a_model_does_not_have(scorer):
    """They are left out of histories, and are never found."""
    running = RunningNDCG(100)
    running.add("frozen", scorer, observed([3, V + 2], [[V + 1, 4, 5], [6]]), V + 3)
    first, second = running.gains["frozen"]
    assert first == pytest.approx(by_hand(scorer, 3, [4, 5]), abs=1e-6)
    assert second == 0.0


def test_only_the_last_events_count_and_a_state_is_restored():
    running, again = RunningNDCG(3), RunningNDCG(3)
    assert math.isnan(running.means()["online"])
    running.gains["online"].extend([1.0, 0.0, 0.0, 0.5])
    assert running.means() | {"frozen": None} == {
        "online": pytest.approx(1 / 6),
        "frozen": None,
        "events": 3.0,
    }
    again.load_state_dict(running.state_dict())
    assert again.gains == running.gains

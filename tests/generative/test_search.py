import itertools

import pytest
import torch
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mmrec.data import Histories
from mmrec.generative import GenerativeScorer, ItemCodes, score_items, tiger
from mmrec.quantization import SemanticIds

ROWS = [[3, 1, 2], [5], [], [7, 7, 1, 9]]


def one_by_one(model, codes, row):
    """The log probability of every item, each decoded alone with all of its codes given."""
    history = codes.codes[torch.tensor([row], dtype=torch.long)]
    mask = torch.ones(1, len(row), dtype=torch.bool)
    found = []
    for item in range(1, len(codes) + 1):
        target = codes.codes[item : item + 1]
        with torch.no_grad():
            logits = model(history, mask, target)
        steps = [float(x.log_softmax(1)[0, c]) for x, c in zip(logits, target[0], strict=True)]
        if not codes.trained[item]:
            same = (codes.codes[1:, :-1] == target[:, :-1]).all(1).sum()
            steps[-1] = -float(same.float().log())
        found.append(sum(steps))
    return torch.tensor(found)


def by_hand(model, codes, row, beam, allowed):
    """Beam search with Python's lists and sets; return the score of each item that it finds."""
    history = codes.codes[torch.tensor([row], dtype=torch.long)]
    with torch.no_grad():
        memory = model.encode(history, torch.ones(1, len(row), dtype=torch.bool))
    items = {tuple(c): n for n, c in enumerate(codes.codes[1:].tolist()) if n in allowed}
    kept = {(): 0.0}
    for length in range(1, codes.codes.shape[1] + 1):
        longer = {}
        for prefix, score in kept.items():
            with torch.no_grad():
                given = torch.tensor(prefix, dtype=torch.long).reshape(1, 1, length - 1)
                step = model.next_code(memory, given)[0, 0].log_softmax(0)
            for code in {item[length - 1] for item in items if item[: length - 1] == prefix}:
                longer[(*prefix, code)] = score + float(step[code])
        if length == codes.codes.shape[1]:
            return {items[prefix]: score for prefix, score in longer.items()}
        kept = dict(sorted(longer.items(), key=lambda pair: -pair[1])[:beam])
    return {}


@pytest.mark.parametrize(("levels", "size"), [(1, 4), (2, 3), (3, 2)])
def test_exact_scores_are_those_of_every_item_alone(codes, small, levels, size):
    trained = torch.arange(21) % 4 != 2
    given = codes(levels=levels, size=size, trained=trained)
    model = small(given)
    scores = GenerativeScorer(model, given).scores(Histories.of_items(ROWS))
    assert scores.shape == (4, 21)
    assert (scores[:, 0] == -torch.inf).all()
    for row, found in zip(ROWS, scores, strict=True):
        torch.testing.assert_close(found[1:], one_by_one(model, given, row), rtol=1e-4, atol=1e-4)


def test_probabilities_of_all_codes_sum_to_one(codes, small):
    given = codes(levels=2, size=2)
    model = small(given)
    memory = model.encode(given.codes[torch.tensor([[3, 1]])], torch.ones(1, 2).bool())
    total = 0.0
    for row in itertools.product(*map(range, given.sizes)):
        steps = [
            model.next_code(
                memory, torch.tensor(row[:level], dtype=torch.long).reshape(1, 1, level)
            )
            for level in range(3)
        ]
        log_p = sum(s[0, 0].log_softmax(0)[code] for s, code in zip(steps, row, strict=True))
        total += float(log_p.detach().exp())
    assert total == pytest.approx(1, abs=1e-4)


def test_a_beam_that_holds_everything_is_exact(codes, small):
    given = codes()
    model, histories = small(given), Histories.of_items(ROWS)
    exact = GenerativeScorer(model, given).scores(histories)
    wide = GenerativeScorer(model, given, beam=20).scores(histories)
    torch.testing.assert_close(wide, exact)


@settings(deadline=None, max_examples=25)
@forall(st.integers(1, 6), st.sets(st.integers(0, 19), min_size=1), st.sampled_from(ROWS))
def test_a_beam_finds_what_a_search_by_hand_finds(made, beam, allowed, row):
    given, model = made
    exclude = torch.ones(1, 21, dtype=torch.bool)
    exclude[0, torch.tensor(sorted(allowed)) + 1] = False
    wanted = by_hand(model, given, row, beam, allowed)
    scorer = GenerativeScorer(model, given, beam=beam)
    top = scorer.top(Histories.of_items([row]), 20, exclude=exclude)[0]
    best = sorted(wanted, key=lambda item: -wanted[item])
    assert [item - 1 for item in top.tolist() if item] == best


@pytest.fixture(scope="module")
def made():
    vectors = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    given = ItemCodes.of(SemanticIds.fit(vectors, levels=2, size=3))
    torch.manual_seed(0)
    model = tiger(given, dim=16, heads=2, layers=1, hidden=24)
    torch.nn.init.normal_(model.tokens.weight)
    return given, model.eval()


def test_a_beam_below_one(codes, small):
    given = codes()
    model = small(given)
    memory = model.encode(given.codes[torch.tensor([[1]])], torch.ones(1, 1).bool())
    with pytest.raises(ValueError, match="beam must be 1 or more; got 0"):
        score_items(model, given, memory, beam=0)

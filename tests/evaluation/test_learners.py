import numpy as np
import pytest
import torch

from mmrec.baselines import Markov, Popularity
from mmrec.data import Catalog, Histories, Interactions, to_sequences
from mmrec.evaluation.history_scorer import second_stage
from mmrec.evaluation.learners import Frozen, OnlineMarkov
from mmrec.evaluation.prequential import Learner, prequential

V = 8
CATALOG = Catalog({"item_id": range(1, V + 1)})
QUERIES = Histories.of_items([[1, 2], [8], [3, 3, 5], []])


def events_of(seed=0, count=150):
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, 12, count), rng.integers(1, V + 1, count)
    log = Interactions({"user_id": users, "item_id": items, "timestamp": np.arange(count)})
    return to_sequences(log, CATALOG)


def test_both_are_learners():
    assert isinstance(Frozen(Popularity()), Learner)
    assert isinstance(OnlineMarkov(V), Learner)
    assert not isinstance(Popularity(), Learner)


def test_without_forgetting_it_is_the_markov_chain_of_the_same_events():
    events = events_of()
    expected = Markov().fit(events, V).scores(QUERIES)
    torch.testing.assert_close(OnlineMarkov(V).fit(events).scores(QUERIES), expected)
    online = OnlineMarkov(V)
    prequential(online, events, -1.0, catalog_size=V, batch_size=7)
    torch.testing.assert_close(online.scores(QUERIES), expected)


def test_half_life_equals_a_loop():
    before, items = np.array([0, 1, 1, 2, 1]), np.array([1, 2, 3, 1, 2])
    whole, parts = OnlineMarkov(3, half_life=2.0), OnlineMarkov(3, half_life=2.0)
    whole.learn(before, items)
    for cut in (slice(0, 2), slice(2, 5)):
        parts.learn(before[cut], items[cut])
    counts = [0.0] * 4
    for age, item in zip([4, 3, 2, 1, 0], items.tolist(), strict=True):
        counts[item] += 0.5 ** (age / 2)
    assert whole.counts.tolist() == pytest.approx(counts)
    assert dict(whole.after[1]) == pytest.approx({2: 0.5 + 1, 3: 0.5**0.5})
    for history in ([1], [2], [3], []):
        row = Histories.of_items([history])
        torch.testing.assert_close(whole.scores(row), parts.scores(row))


def test_frozen_scores_as_its_scorer_and_does_not_change():
    events = events_of()
    scorer = Popularity().fit(events, V)
    frozen = Frozen(scorer)
    before = frozen.scores(QUERIES).clone()
    prequential(frozen, events_of(1), 0.0, catalog_size=V)
    assert torch.equal(frozen.scores(QUERIES), before)
    assert torch.equal(scorer.scores(QUERIES), before)
    assert second_stage(frozen) is None


def test_frozen_keeps_the_second_stage():
    class TwoStages(Popularity):
        reranks = True

        def rerank(self, scores, histories, exclude):
            return -scores

    events = events_of()
    scorer = TwoStages().fit(events, V)
    one = prequential(Frozen(Popularity().fit(events, V)), events, 100.0, catalog_size=V)
    two = prequential(Frozen(scorer), events, 100.0, catalog_size=V)
    assert one.rank.tolist() != two.rank.tolist()


def test_bad_half_life():
    with pytest.raises(ValueError, match="half_life must be above 0; got 0"):
        OnlineMarkov(3, half_life=0.0)

import ir_measures
import numpy as np
import pytest
import torch
from ir_measures import AP, RR, P, R, Success, nDCG

from mmrec.data import Catalog, Interactions, split_by_time
from mmrec.evaluation import held_out, rank_targets, summarize

V = 25
CATALOG = Catalog({"item_id": range(1, V + 1)})
rng = np.random.default_rng(4)
SPLIT = split_by_time(
    Interactions(
        {
            "user_id": rng.integers(0, 15, 400),
            "item_id": rng.integers(1, V + 1, 400),
            "timestamp": np.arange(400),
        }
    ),
    CATALOG,
    test=0.85,
)


class LastItem:
    """Scores that depend on the last item, negative ones and ties among them."""

    table = torch.from_numpy(rng.integers(-4, 4, (V + 1, V + 1)))

    def scores(self, histories):
        last = (histories.mask.sum(1, keepdim=True) - 1).clamp(min=0)
        return self.table[histories.items.gather(1, last)[:, 0]].float()


def of_users(part="test"):
    """The events of each user in a part, by a loop."""
    found = {}
    for position in SPLIT.targets(part).tolist():
        found.setdefault(int(SPLIT.sequences.owner[position]), []).append(position)
    return found


def test_last_is_the_last_event_of_each_user():
    batches = list(held_out(SPLIT, "test", max_length=9, batch_size=4, targets="last"))
    positions = [p for batch in batches for p in batch.position.tolist()]
    assert sorted(positions) == sorted(events[-1] for events in of_users().values())
    # Between them, the history is what it would be.
    steps = {
        p: batch.histories.items[row][batch.histories.mask[row]].tolist()
        for batch in held_out(SPLIT, "test", max_length=9, batch_size=4)
        for row, p in enumerate(batch.position.tolist())
    }
    for batch in batches:
        for row, p in enumerate(batch.position.tolist()):
            assert batch.histories.items[row][batch.histories.mask[row]].tolist() == steps[p]


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_all_are_predicted_from_before_the_first(batch_size):
    users, found = of_users(), {}
    item, offsets = SPLIT.sequences.item, SPLIT.sequences.offsets
    for batch in held_out(SPLIT, "test", max_length=500, batch_size=batch_size, targets="all"):
        assert batch.target.tolist() == item[batch.position].tolist()
        for row in range(len(batch.histories)):
            mine = batch.position[batch.row == row]
            user = int(SPLIT.sequences.owner[mine[0]])
            stop = users[user][0]
            history = item[offsets[user] : stop].tolist()
            kept = batch.histories.items[row]
            assert kept[kept > 0].tolist() == history
            assert batch.seen[1][batch.seen[0] == row].tolist() == history
            found[user] = mine.tolist()
    for user, events in users.items():
        items = [int(item[p]) for p in events]
        first = [p for n, p in enumerate(events) if items[n] not in items[:n]]
        assert found[user] == first
    assert any(len(found[user]) < len(events) for user, events in users.items())


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match=r"targets must be one of .*; got 'first'"):
        next(held_out(SPLIT, "test", max_length=3, targets="first"))


def test_all_at_once_equals_trec_eval():
    """Seen items filtered; ties count against what is relevant."""
    scorer = LastItem()
    item, offsets = SPLIT.sequences.item, SPLIT.sequences.offsets
    run, truth = [], []
    for user, events in of_users().items():
        history = item[offsets[user] : events[0]]
        relevant = set(item[events].tolist())
        scores = scorer.table[history[-1] if len(history) else 0].tolist()
        left = [i for i in range(1, V + 1) if i not in set(history.tolist())]
        order = sorted(left, key=lambda i: (-scores[i], i in relevant))
        run += [ir_measures.ScoredDoc(str(user), str(i), -float(p)) for p, i in enumerate(order)]
        truth += [ir_measures.Qrel(str(user), str(i), 1) for i in relevant]
    ours = summarize(rank_targets(scorer, SPLIT, targets="all", batch_size=4), V, ks=(5, 100))
    assert ours["lists"] == len(of_users()) < ours["targets"]
    names = {"ndcg": nDCG, "hr": Success, "mrr": RR, "recall": R, "precision": P}
    for k in (5, 100):
        for name, measure in names.items():
            theirs = ir_measures.calc_aggregate([measure @ k], truth, run)[measure @ k]
            assert ours[f"{name}@{k}"] == pytest.approx(theirs, abs=1e-4), (name, k)
    theirs = ir_measures.calc_aggregate([AP], truth, run)[AP]
    assert ours["map@100"] == pytest.approx(theirs, abs=1e-4)

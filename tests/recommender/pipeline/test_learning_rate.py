import pytest

from mmrec import Options
from mmrec.data import Catalog, Interactions, leave_one_out
from mmrec.recommender.pipeline.learning_rate import learning_rate


def split(users, events):
    log = {
        "user_id": [f"u{u}" for u in range(users) for _ in range(events)],
        "item_id": [n for _ in range(users) for n in range(events)],
        "position": list(range(events)) * users,
    }
    return leave_one_out(Interactions(log), Catalog({"item_id": list(range(events))}))


@pytest.mark.parametrize(
    ("users", "events", "rate"),
    [
        (40, 5, 1e-3),  # 64 targets of a batch
        (40, 103, 3e-3),  # 3,200
        (40, 18, 3e-3 * 0.48**0.5),  # 480
        (2, 103, 3e-3 * 0.2**0.5),  # two windows
    ],
)
def test_the_rate_follows_the_targets_of_a_batch(users, events, rate):
    assert learning_rate(split(users, events), Options()) == pytest.approx(rate)


def test_a_rate_that_was_set_stays():
    assert learning_rate(split(4, 5), Options(lr=0.5)) == 0.5

import numpy as np
import pytest

from mmrec import Options, Recommender

GROUPS, EACH, ITEMS = 4, 4, 24


@pytest.fixture(scope="session")
def planted():
    """Events of users whose first item depends on their group alone; the others are random."""
    rng = np.random.default_rng(0)
    rows, users = [], {"user_id": [], "group": [], "age": []}
    for user in range(240):
        group, time = user % GROUPS, int(rng.integers(100_000))
        users["user_id"].append(f"u{user}")
        users["group"].append(f"g{group}")
        users["age"].append(20 + int(rng.integers(40)))
        items = [group * EACH + int(rng.integers(EACH)), *rng.integers(ITEMS, size=user % 4)]
        for item in items:
            rows.append((f"u{user}", f"i{item}", time))
            time += int(rng.integers(1, 1000))
    names = ("user_id", "item_id", "timestamp")
    events = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return events, {"item_id": [f"i{n}" for n in range(ITEMS)]}, users


@pytest.fixture(scope="session")
def fit_users_of(planted):
    """Fit on the planted events, with a table of users."""

    def run(users, interest="gru4rec", **changes):
        events, items, _ = planted
        chosen = {"modalities": ("id",), "user_features": ("category:group",), "dim": 16}
        chosen |= {"epochs": 30, "lr": 1e-2, "dropout": 0.1, "trend": False, "affinities": False}
        chosen |= {"refit": "none"} | changes
        return Recommender.fit(
            events, items, users=users, options=Options(**chosen), interest=interest
        )

    return run


@pytest.fixture(scope="session", params=["gru4rec", "lrurec"])
def by_group(planted, fit_users_of, request):
    """A recommender that reads the group of users; don't change it."""
    return fit_users_of(planted[2], request.param)

"""What the choice of a half-life counts."""

import numpy as np

from mmrec import Options, Recommender
from mmrec.data import Interactions
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.requests import ValidRequests

DAY = 86_400


def carts_after_views(users=120, items=60, days=100):
    """A log in which what is popular never changes, and each view leads to a cart in minutes."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, items + 1)
    rows = {"user_id": [], "item_id": [], "event": [], "timestamp": []}
    for user in range(users):
        for start in np.sort(rng.uniform(0, days * DAY, 12)):
            item = rng.choice(items, p=share / share.sum())
            for kind, minutes in (("view", 0), ("cart", 5)):
                rows["user_id"].append(f"u{user}")
                rows["item_id"].append(f"i{item}")
                rows["event"].append(kind)
                rows["timestamp"].append(1.7e9 + start + 60 * minutes)
    return rows, {"item_id": [f"i{item}" for item in range(items)]}


def test_events_on_items_that_their_user_has_seen_do_not_choose_the_half_life():
    events, items = carts_after_views()
    options = Options(modalities=("id",), epochs=1, dim=4, refit="none")
    made = Recommender.fit(events, items, options=options)
    half_life = made.report["trend"]["half_life"]
    assert "returns" not in made.report["affinities"]["terms"]  # lists leave out what was viewed
    assert half_life is None or half_life >= 30 * DAY


def test_a_cart_after_a_view_as_context_does_not_choose_a_trend():
    """Where views don't exclude an item from lists, their popularity would give away each cart."""
    events, items = carts_after_views(users=60)
    options = Options(modalities=("id",), epochs=1, dim=4, refit="none", targets=("cart",))
    made = Recommender.fit(events, items, options=options)
    assert "trend" not in made.report  # no cart is on an item that its user has not viewed
    # What gives it away is the item itself, and that holds for each user.
    assert "returns" in made.report["affinities"]["weights"]
    best = max(one["ndcg@10"] for one in made.report["baselines"].values())
    assert made.report["test"]["ndcg@10"] > best
    [viewed] = made.recommend([{"item_id": "i7", "event": "view", "timestamp": 1.7e9}], k=1)
    assert viewed.item == "i7"
    made.add_items({"item_id": ["new"]})
    live = RealtimeRecommender(made)
    past = [{"item_id": "new", "event": "view", "timestamp": 1.7e9}]
    for [viewed] in (made.recommend(past, k=1), live.recommend(history=past, k=1)):
        assert viewed.item == "new"
    requests = ValidRequests.of(split_log(Interactions(events), options, made.catalog))
    assert len(requests.reachable().stops) > 20
    assert not len(requests.new_to_users().stops)


def test_reachable_requests_lead_to_candidates_that_the_user_has_not_seen():
    events, items = carts_after_views(users=30)
    options = Options(modalities=("id",))
    made = Recommender.fit(events, items, options=Options(modalities=("id",), epochs=1, dim=4))
    split = split_log(Interactions(events), options, made.catalog)
    requests = ValidRequests.of(split)
    left = requests.reachable()
    assert 0 < len(left.stops) < len(requests.stops)
    for row, stop in enumerate(requests.stops):
        excluded = requests.excluded(np.array([row]))[0, requests.targets[row]]
        assert bool(excluded) == (stop not in left.stops)


def test_a_small_update_keeps_when_a_new_item_was_first_met():
    """With too few validation events the trend is that of the RUN, with the new items."""
    events, items = carts_after_views(users=40)
    options = Options(modalities=("id",), epochs=1, dim=4, refit="none")
    made = Recommender.fit(events, items, options=options)
    start = max(events["timestamp"]) + DAY
    rows = [("u1", "new"), ("u1", "i1"), ("u2", "new"), ("u2", "i3"), ("u3", "new"), ("u3", "i5")]
    late = {
        "user_id": [user for user, _ in rows],
        "item_id": [item for _, item in rows],
        "event": ["view"] * len(rows),
        "timestamp": [start + 60 * place for place in range(len(rows))],
    }
    later = made.update(late, {"item_id": [*items["item_id"], "new"]})
    assert "trend" not in later.report
    assert later.state.trend.created[-1] == start

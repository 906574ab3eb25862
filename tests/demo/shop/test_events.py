import numpy as np
import pytest

from mmrec.demo.shop.events import DAYS, EVENTS, START, draw_events
from mmrec.demo.shop.folder import draw_shop
from mmrec.demo.shop.products import CATEGORIES, draw_products


@pytest.fixture(scope="module")
def shop():
    return draw_shop(users=600, items=400, seed=1)


def one_hot(codes):
    return np.concatenate([np.eye(code.max() + 1)[code] for code in codes], axis=1)


def ndcg_at_10(scores, target, seen):
    scores = np.where(seen, -np.inf, scores)
    rank = (scores >= scores[target]).sum()  # ties count against the scorer
    return 1 / np.log2(1 + rank) if rank <= 10 else 0.0


def test_both_kinds_of_attributes_predict_and_complement_each_other(shop):
    products, events = shop
    cut = np.quantile(events.timestamp, 0.8)
    past = events.item[events.timestamp < cut]
    popularity = np.bincount(past, minlength=len(products)).astype(float)
    features = {
        "visual": one_hot(products.visual.values()),
        "verbal": one_hot(products.verbal.values()),
    }
    features["both"] = np.concatenate(list(features.values()), axis=1)
    found = {name: [] for name in ("popularity", *features)}
    for user in range(events.user.max() + 1):
        rows = np.flatnonzero(events.user == user)
        for step in range(3, len(rows)):
            if events.timestamp[rows[step]] < cut:
                continue
            history, target = events.item[rows[:step]], events.item[rows[step]]
            seen = np.isin(np.arange(len(products)), history)
            found["popularity"].append(ndcg_at_10(popularity, target, seen))
            for name, vectors in features.items():
                score = vectors @ vectors[history].mean(axis=0)
                found[name].append(ndcg_at_10(score, target, seen))
    quality = {name: np.mean(values) for name, values in found.items()}
    assert len(found["both"]) > 1000
    assert quality["visual"] > 1.4 * quality["popularity"]
    assert quality["verbal"] > 1.4 * quality["popularity"]
    assert quality["both"] > 1.5 * quality["visual"]
    assert quality["both"] > 1.5 * quality["verbal"]
    assert quality["both"] > 3 * quality["popularity"]


def pairs(products, events):
    """Category of an event and of the user's next, within an hour."""
    order = np.lexsort((events.timestamp, events.user))
    user, time = events.user[order], events.timestamp[order]
    category = products.category[events.item[order]]
    together = (user[1:] == user[:-1]) & (time[1:] - time[:-1] < 3600)
    return category[:-1][together], category[1:][together]


def test_the_look_of_an_item_predicts_that_of_the_next(shop):
    first, then = pairs(*shop)
    step = np.bincount((then - first) % len(CATEGORIES), minlength=len(CATEGORIES)) / len(first)
    assert step.argmax() == 1
    assert step[1] > 2.5 / len(CATEGORIES)


def test_tastes_drift(shop):
    """Two of a user's events look more alike the closer in time they are."""
    products, events = shop
    color, near, far = products.visual["color"], [], []
    for user in range(events.user.max() + 1):
        rows = np.flatnonzero(events.user == user)
        alike = color[events.item[rows]][:, None] == color[events.item[rows]]
        days = np.abs(events.timestamp[rows][:, None] - events.timestamp[rows]) / 86_400
        near.append(alike[(days > 0.5) & (days < 15)])  # other sessions only
        far.append(alike[days > 60])
    assert np.concatenate(near).mean() > np.concatenate(far).mean() + 0.02


def test_times_and_event_types(shop):
    products, events = shop
    assert (np.diff(events.timestamp) >= 0).all()
    assert events.timestamp.min() >= START
    assert events.timestamp.max() < START + (DAYS + 1) * 86_400
    assert len(set(zip(events.user.tolist(), events.item.tolist(), strict=True))) == len(
        events.user
    )
    share = np.bincount(events.event_type, minlength=len(EVENTS)) / len(events.event_type)
    assert share[0] > share[1] > share[2] > 0.05
    assert 15 < len(events.user) / 600 < 30
    launched = START + products.launch[events.item] * DAYS * 86_400
    assert (events.timestamp >= launched).all()


def test_cold_items_and_mild_popularity(shop):
    products, events = shop
    counts = np.bincount(events.item, minlength=len(products))
    assert (counts[np.isinf(products.launch)] == 0).all()
    late = (products.launch >= 0.9) & np.isfinite(products.launch)
    first = np.array(
        [events.timestamp[events.item == item].min() for item in np.flatnonzero(counts)]
    )
    cut = START + 0.9 * DAYS * 86_400
    assert (first >= cut).sum() >= 0.8 * late.sum() > 0
    top = np.sort(counts)[::-1][: len(counts) // 10].sum() / counts.sum()
    assert 0.12 < top < 0.4


def test_a_tiny_shop_runs_out_of_items():
    products = draw_products(3, np.random.default_rng(0))
    events = draw_events(products, 2, np.random.default_rng(0))
    assert np.bincount(events.user).max() <= 3

"""A shop: what will be bought, predicted from what was looked at.

The data has its truth built in. In each visit someone needs one kind of thing, looks at some of
that kind, mostly at its showpieces, and buys one in their own style. So the views of a visit say
what kind, and earlier purchases say which style; neither is enough alone. And what is looked at
most is hardly bought.
"""

from typing import Any

import numpy as np

import mmrec

KINDS, STYLES, EACH = 12, 5, 5
USERS, VISITS = 300, 5


def make_shop(seed: int = 0) -> tuple[dict[str, list], dict[str, list]]:
    """Return events (views and purchases) and items."""
    rng = np.random.default_rng(seed)
    items = [(k, s, n) for k in range(KINDS) for s in range(STYLES) for n in range(EACH)]
    names = [f"kind{k}-style{s}-{n}" for k, s, n in items]
    kind, style = np.array([k for k, _, _ in items]), np.array([s for _, s, _ in items])
    rows: list[tuple[str, str, float, str]] = []
    for user in range(USERS):
        own, bought = rng.integers(1, STYLES), set()  # style 0 are the showpieces
        for visit in range(VISITS):
            need, time = rng.integers(KINDS), 86_400.0 * (visit + rng.random())
            likely = np.where(style[kind == need] == 0, 0.14, 0.3 / (4 * EACH))
            many = rng.integers(2, 6)
            looked = rng.choice(np.flatnonzero(kind == need), many, replace=False, p=likely)
            wanted = np.flatnonzero((kind == need) & (style == own))
            free = [item for item in wanted if item not in bought and item not in looked]
            if not free:
                continue
            buy = rng.choice(free)
            bought |= {buy, *looked}
            for step, item in enumerate([*looked, buy]):
                what = "purchase" if item == buy else "view"
                rows.append((f"user{user}", names[item], time + 60.0 * step, what))
    columns = ("user_id", "item_id", "timestamp", "event")
    events = {
        name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    }
    return events, {"item_id": names}


def fit(events: dict[str, list], items: dict[str, list], **more: Any) -> mmrec.Recommender:
    """Train a small model; the last purchase of each user is the test."""
    options = mmrec.Options(
        modalities=("id",),
        split="leave-one-out",
        dim=32,
        epochs=12,
        dropout=0.2,
        lr=0.01,
        batch_size=8,
        ema=0.0,
        refit="none",  # quicker; the models are compared, not served
        **more,
    )
    return mmrec.Recommender.fit(events, items, options=options)


def main() -> None:
    """Train in three ways, and compare how well the last purchase of each user is predicted."""
    events, items = make_shop()
    bought = [n for n, what in enumerate(events["event"]) if what == "purchase"]
    purchases = {name: [values[n] for n in bought] for name, values in events.items()}
    shop = fit(events, items, targets=("purchase",))
    ways = {
        "views as context": shop,
        "purchases alone": fit(purchases, items),
        "every event a target": fit(events, items),
    }
    found = {name: made.report["test"]["ndcg@10"] for name, made in ways.items()}
    for name, value in found.items():
        print(f"{name:<22} NDCG@10 of the last purchase: {value:.3f}")
    assert found["views as context"] > 1.1 * found["purchases alone"]
    assert found["views as context"] > 1.1 * found["every event a target"]

    # What was looked at may still be bought; what was bought is not offered again.
    past = [
        {"item_id": "kind3-style1-0", "event": "purchase", "timestamp": 1_000.0},
        {"item_id": "kind7-style2-0", "event": "view", "timestamp": 90_000.0},
        {"item_id": "kind7-style4-1", "event": "view", "timestamp": 90_060.0},
    ]
    offered = [line.item for line in shop.recommend(past, k=300, at=90_100.0)]
    print("after views of kind 7 by a buyer of style 1:", offered[:5])
    assert "kind3-style1-0" not in offered
    assert "kind7-style2-0" in offered
    unseen = [line.item for line in shop.recommend(past, k=300, exclude_seen=["view", "purchase"])]
    assert "kind7-style2-0" not in unseen


if __name__ == "__main__":
    main()

"""A trained recommender serves: events, a new item, and learning on, with made data.

    python examples/live.py

It trains on ids, so no pretrained weights are needed. Then a user clicks, an item without events
is added, and a learner follows the log.
"""

import tempfile
from pathlib import Path

import numpy as np

import mmrec
from mmrec.realtime import OnlineTrainer, RealtimeRecommender, SqliteLog, Versions

ITEMS = 40
rng = np.random.default_rng(0)
items = {
    "item_id": [f"i{n:02}" for n in range(ITEMS)],
    "title": [f"{'lamp' if n % 2 else 'chair'} number {n}" for n in range(ITEMS)],
    "category": ["lamp" if n % 2 else "chair" for n in range(ITEMS)],
}
# Each user stays in one category: lamps are followed by lamps.
walks = 2 * rng.integers(ITEMS // 2, size=(60, 12)) + rng.integers(2, size=(60, 1))
events = {
    "user_id": np.repeat([f"u{n}" for n in range(60)], 12),
    "item_id": [f"i{n:02}" for n in walks.ravel()],
    "timestamp": np.arange(walks.size) * 60.0,
}
options = mmrec.Options(
    modalities=("id",), split="leave-one-out", dim=16, epochs=12, lr=0.02, batch_size=8, ema=0.0
)
recommender = mmrec.Recommender.fit(events, items, options=options)


def categories(live: RealtimeRecommender, user: str) -> list[str]:
    """The categories of the items that a user is shown."""
    return [live.catalog.row(line.item)["category"] for line in live.recommend(user, k=5)]


with tempfile.TemporaryDirectory() as folder:
    log = SqliteLog(Path(folder, "events.db"))
    live = RealtimeRecommender(recommender, log=log)
    print("before any event:", categories(live, "ann"))
    for item in ("i01", "i05", "i09"):
        live.observe("ann", item)
    print("after three lamps:", categories(live, "ann"))
    for item in ("i02", "i06", "i10", "i14"):
        live.observe("ann", item)
    print("after four chairs:", categories(live, "ann"))

    live.add_items({"item_id": ["new"], "title": ["a new lamp"], "category": ["lamp"]})
    print("the new item is there:", "new" in {x.item for x in live.recommend("ann", k=50)})

    versions = Versions(Path(folder, "versions"))
    trainer = OnlineTrainer(recommender, log, versions, tolerance=1.0)
    while trainer.run_once():
        pass
    trainer.publish()
    live.follow(versions)
    print("served now:", live.version, "after offset", trainer.offset)
    print("events of ann that were forgotten:", live.forget("ann"))
    log.close()

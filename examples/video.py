"""A video site: a watch share below a tenth is a skip, and what was skipped moves the list away.

The data has its truth built in. Everyone likes two topics of eight, and this differs between users.
Videos are offered at random: those of a liked topic are watched, the others are skipped.
"""

import time

import numpy as np

import mmrec
from mmrec.realtime import RealtimeRecommender

TOPICS, EACH, USERS, OFFERS = 8, 15, 250, 30
SKIPPED = "watch_seconds / duration < 0.1"


def make_site(seed: int = 0) -> tuple[dict[str, list], dict[str, list]]:
    """Return events with watched seconds, and videos with topics."""
    rng = np.random.default_rng(seed)
    topic = np.repeat(np.arange(TOPICS), EACH)
    events: dict[str, list] = {
        name: [] for name in ("user_id", "item_id", "timestamp", "watch_seconds", "duration")
    }
    for user in range(USERS):
        liked = rng.choice(TOPICS, 2, replace=False)
        offered = rng.choice(len(topic), OFFERS, replace=False)
        for step, video in enumerate(offered):
            watches = topic[video] in liked
            row = (
                f"user{user}",
                f"video{video}",
                1.7e9 + 86_400.0 * rng.integers(20) + 200.0 * step,
                float(rng.uniform(100, 200) if watches else rng.uniform(0, 15)),
                200.0,
            )
            for name, value in zip(events, row, strict=True):
                events[name].append(value)
    videos = {
        "item_id": [f"video{n}" for n in range(len(topic))],
        "category": [f"topic{t}" for t in topic],
    }
    return events, videos


def main() -> None:
    """Train with skips as negative events; then skip one topic, live."""
    events, videos = make_site()
    options = mmrec.Options(
        modalities=("id", "category"),
        split="leave-one-out",
        negative=(SKIPPED,),
        drop_repeats=False,
        dim=32,
        epochs=12,
        dropout=0.2,
        lr=0.01,
        batch_size=8,
        ema=0.0,
        refit="none",  # quicker; the models are compared, not served
    )
    site = mmrec.Recommender.fit(events, videos, options=options)
    print(site.report["event_roles"]["roles"])
    topic_of = dict(zip(videos["item_id"], videos["category"], strict=True))

    live = RealtimeRecommender(site)
    for number, video in enumerate(("video0", "video16", "video1", "video17")):
        live.observe("ann", video, "watch", time.time() + number)  # of topics 0 and 1
    before = [topic_of[line.item] for line in live.recommend("ann", k=20)]
    skipped = ("video2", "video3", "video4")
    for number, video in enumerate(skipped):  # of topic 0
        values = {"watch_seconds": 3.0, "duration": 200.0}
        live.observe("ann", video, "watch", time.time() + 10 + number, values=values)
    after = [line.item for line in live.recommend("ann", k=20)]
    share = {
        "before": before.count("topic0") / 20,
        "after": sum(topic_of[item] == "topic0" for item in after) / 20,
        "base rate": 1 / TOPICS,
    }
    print("share of topic 0 in the list", {name: round(value, 2) for name, value in share.items()})
    assert share["before"] > share["base rate"]
    assert share["after"] < share["base rate"]
    assert not set(skipped) & set(after)

    # The same without knowing what a skip means: skipped topics stay on the list.
    blind = mmrec.Recommender.fit(events, videos, options=options.replace(negative=()))
    past = {name: [] for name in ("item_id", "timestamp")}
    for number, video in enumerate(("video0", "video16", "video1", "video17", *skipped)):
        past["item_id"].append(video)
        past["timestamp"].append(1.8e9 + number)
    seen = [topic_of[line.item] for line in blind.recommend(past, k=20)]
    print("share of topic 0 where skips count as views:", seen.count("topic0") / 20)
    assert seen.count("topic0") / 20 > share["after"]


if __name__ == "__main__":
    main()

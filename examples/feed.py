"""A feed of posts: fresh posts, what is popular now, and topics that someone hides.

The data has its truth built in. A post is read within six hours of its appearance, the sooner the
better; everyone likes one topic of six, and hides posts of a topic that they dislike. So a list
needs the taste of its reader, the age of the posts, and what happens now.
"""

import time

import numpy as np

import mmrec
from mmrec.realtime import RealtimeRecommender

TOPICS, USERS, DAYS, POSTS = 6, 150, 8, 60
HOUR, START = 3_600.0, 1.7e9


def make_feed(seed: int = 0) -> tuple[dict[str, list], dict[str, list]]:
    """Return events (reads and hides) and posts."""
    rng = np.random.default_rng(seed)
    count = DAYS * POSTS
    created = np.sort(START + rng.uniform(0, DAYS * 24 * HOUR, count))
    topic, author = rng.integers(TOPICS, size=count), rng.integers(40, size=count)
    appeal = 0.5 * rng.gumbel(size=count)
    rows = []
    for user in range(USERS):
        liked, disliked = rng.choice(TOPICS, 2, replace=False)
        for session in START + HOUR * np.sort(rng.uniform(6, DAYS * 24, 2 * DAYS)):
            fresh = np.flatnonzero((created <= session) & (created > session - 5.9 * HOUR))
            age = (session - created[fresh]) / HOUR
            taste = 3.0 * (topic[fresh] == liked) - 3.0 * (topic[fresh] == disliked)
            score = taste + appeal[fresh] - age + rng.gumbel(size=len(fresh))
            for step, post in enumerate(fresh[np.argsort(-score)][:3]):
                rows.append((f"user{user}", f"post{post}", session + 20.0 * step, "read"))
            unloved = fresh[topic[fresh] == disliked]
            if len(unloved) and rng.random() < 0.5:
                hidden = rng.choice(unloved)
                rows.append((f"user{user}", f"post{hidden}", session + 70.0, "hide"))
    columns = ("user_id", "item_id", "timestamp", "event")
    events = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    posts = {
        "item_id": [f"post{n}" for n in range(count)],
        "category": [f"topic{t}" for t in topic],
        "author": [f"author{a}" for a in author],
        "created_at": created.tolist(),
    }
    return events, posts


def fit(events: dict[str, list], posts: dict[str, list], *, trend: bool) -> mmrec.Recommender:
    """Train on the topics and authors of posts: no post of the test has been read in training."""
    options = mmrec.Options(
        modalities=("category:category+author",),
        split="time",
        dim=32,
        epochs=10,
        dropout=0.2,
        lr=0.01,
        batch_size=8,
        ema=0.0,
        refit="none",  # quicker; the models are compared, not served
        trend=trend,
    )
    return mmrec.Recommender.fit(events, posts, options=options)


def main() -> None:
    """Compare with what is popular now and with taste alone; then hide a topic, live."""
    events, posts = make_feed()
    feed, taste = fit(events, posts, trend=True), fit(events, posts, trend=False)
    print("the trend is worth", feed.report["trend"]["terms"])
    found = {
        "taste, age and what is popular now": feed.report["test"]["ndcg@10"],
        "taste alone": taste.report["test"]["ndcg@10"],
        "popular now": feed.report["baselines"]["recent-popularity"]["ndcg@10"],
    }
    for name, value in found.items():
        print(f"{name:<35} NDCG@10 of posts younger than six hours: {value:.3f}")
    best, *others = found.values()
    assert best > 1.2 * max(others)

    # Live: a stranger is shown what hundreds of others have just read.
    live, now = RealtimeRecommender(feed), time.time()
    live.add_items(
        {"item_id": ["news"], "category": ["topic0"], "author": ["a"], "created_at": [now - 60]}
    )
    for reader in range(300):
        live.observe(f"reader{reader}", "news", "read", now)
    shown = [line.item for line in live.recommend("stranger", k=5, at=now + 1)]
    print("a stranger is shown", shown)
    assert "news" in shown

    # Two reads and two hides of a topic: its share of the list falls below that of the catalogue.
    topic_of = dict(zip(posts["item_id"], posts["category"], strict=True)) | {"news": "topic0"}
    base = posts["category"].count("topic1") / len(topic_of)
    names = [item for item in topic_of if topic_of[item] == "topic1"]

    def share_after(user: str, *events: tuple[str, str]) -> float:
        """Return the share of topic 1 in the list of a user after some events."""
        for kind, item in events:
            live.observe(user, item, kind, now + 60)
        listed = [line.item for line in live.recommend(user, k=20, at=now + 90)]
        return sum(topic_of[item] == "topic1" for item in listed) / len(listed)

    reads = share_after("ann", ("read", names[0]), ("read", names[1]))
    hides = share_after("ann", ("hide", names[2]), ("hide", names[3]))
    print(f"share of the topic: {reads:.2f} after two reads, {hides:.2f} after two hides as well;")
    print(f"{base:.2f} of all posts are of it")
    assert hides < base < reads

    # Who has only hidden posts is shown what is popular now, as a stranger is, without these.
    refused = [line.item for line in live.recommend("stranger", k=3, at=now + 90)][1:]
    for post in refused:
        live.observe("bob", post, "hide", now + 60)
    left = [line.item for line in live.recommend("bob", k=20, at=now + 90)]
    print("after two hides alone, bob is shown", left[:5], "and none of", refused)
    assert left[0] == "news"
    assert not set(left) & set(refused)


if __name__ == "__main__":
    main()

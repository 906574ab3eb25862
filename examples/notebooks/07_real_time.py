# %% [markdown]
# # Real time, and learning while serving
#
# Each event changes the next list, and a learner follows the log when the world changes.
#
# These are two things. *Real time*: the weights stay as they are, and the interest of one user
# moves by one step per event. *Online learning*: the weights change too, for everyone. You will
# measure what both cost, and see a learner recover from a change that a frozen model does not
# survive. The notebook takes half a minute on two CPU cores. It needs `pip install mmrec
# matplotlib`.

# %%
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import mmrec
from mmrec.data import Catalog, Interactions, to_sequences
from mmrec.evaluation import Frozen, OnlineMarkov, prequential
from mmrec.realtime import (
    OnlineLearner,
    OnlineTrainer,
    RealtimeRecommender,
    SqliteLog,
    Versions,
)

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## A world that changes on day 20
#
# 120 items belong to twelve topics. A user who is at one topic goes on to its successor, again and
# again: news, then sports, then weather. On day 20 the order of the topics is shuffled; from then
# on other topics follow. Nothing else changes.

# %%
TOPICS, EACH, USERS, DAYS, CHANGE = 12, 10, 200, 30, 20
START, DAY = 1.7e9, 86_400.0
rng = np.random.default_rng(0)
topic = np.repeat(np.arange(TOPICS), EACH)
order = {"before": rng.permutation(TOPICS), "after": rng.permutation(TOPICS)}
follows = {name: dict(zip(row, np.roll(row, -1), strict=True)) for name, row in order.items()}

rows = []
for user in range(USERS):
    for start in np.sort(rng.uniform(0, DAYS, 8)):
        now, rule = rng.integers(TOPICS), follows["before" if start < CHANGE else "after"]
        for step in range(5):
            item = now * EACH + int(10 * rng.random() ** 1.5)  # some items are more popular
            rows.append((f"user{user}", f"i{item:03}", START + DAY * start + 60.0 * step))
            now = rule[now] if rng.random() < 0.85 else rng.integers(TOPICS)
events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
events = events.sort("timestamp", maintain_order=True)
items = {"item_id": [f"i{n:03}" for n in range(len(topic))], "topic": topic.tolist()}
early = events.filter(pl.col("timestamp") < START + 12 * DAY)
len(early), len(events)

# %% [markdown]
# The recommender is trained on the first twelve days, and then it serves.

# %%
options = mmrec.Options(
    modalities=("id",),
    dim=32,
    epochs=12,
    dropout=0.2,
    lr=0.01,
    batch_size=16,
    drop_repeats=False,
    affinities=False,
    trend=False,
    ema=0.0,
    seed=0,
)
recommender = mmrec.Recommender.fit(early, items, options=options)
print(recommender)

# %% [markdown]
# ## Real time: one event, one step
#
# A live recommender writes each event to its log and moves the interest of its user. Here is what
# Ann's list consists of after each of her clicks: the share of each topic in her first ten items.

# %%
live, at = RealtimeRecommender(recommender), START + 12 * DAY
shares, clicks = [], []
walk = [order["before"][0]]
for step in range(6):
    if step == 3:
        walk.append(order["before"][7])  # she jumps
    elif step:
        walk.append(follows["before"][walk[-1]])
    item = f"i{walk[-1] * EACH + step:03}"
    live.observe("ann", item, time=at + 60.0 * step)
    listed = [line.item for line in live.recommend("ann", k=10, at=at + 60.0 * step + 30)]
    shares.append(np.bincount([topic[int(name[1:])] for name in listed], minlength=TOPICS) / 10)
    clicks.append(walk[-1])

# %%
expected = [follows["before"][now] for now in clicks]
plt.figure(figsize=(7, 4))
plt.imshow(np.array(shares).T, aspect="auto", cmap="Blues", vmin=0, vmax=1, origin="lower")
plt.plot(range(6), clicks, "o", color="C1", label="topic of the click")
plt.plot(range(6), expected, "s", mfc="none", color="black", ms=13, label="topic that follows")
plt.xlabel("click")
plt.xticks(range(6), [str(n + 1) for n in range(6)])
plt.ylabel("topic")
plt.yticks(range(TOPICS))
plt.colorbar(label="share of Ann's first ten items")
plt.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncol=2, frameon=False)
plt.title("After each click the list is at the next topic", loc="left")
plt.show()

# %% [markdown]
# What does that cost? Here are 500 events and lists of many users, in this process and with a log
# in memory. Other machines and other sizes have other times; `docs/numbers.md` has those of a large
# catalogue.

# %%
spent = {"observe": [], "recommend": []}
for row in events.tail(500).iter_rows(named=True):
    begin = time.perf_counter()
    live.observe(row["user_id"], row["item_id"], time=row["timestamp"])
    middle = time.perf_counter()
    live.recommend(row["user_id"], k=10, at=row["timestamp"] + 1)
    spent["observe"].append(1e3 * (middle - begin))
    spent["recommend"].append(1e3 * (time.perf_counter() - middle))
for name, values in spent.items():
    high = np.quantile(values, 0.99)
    print(f"{name:<10} median {np.median(values):4.1f} ms, 99 % below {high:5.1f} ms")

# %% [markdown]
# ## Online learning: test first, then learn
#
# A learner is measured fairly on a stream if every event is first predicted and only then learned
# (prequential evaluation). `prequential` does that for any learner. We compare three: the frozen
# model; an `OnlineLearner`, which starts from the same weights and remembers some of the training
# events, so that it does not forget them at once; and a Markov chain, a table of what followed
# what, which goes on counting. A learner changes neither the trend nor the affinities that are
# counted, so the frozen model is shown without them: `learned_scorer`.

# %%
catalog, start = Catalog(items), START + 12 * DAY
stream, known = (to_sequences(Interactions(log), catalog) for log in (events, early))
state = recommender.state
learner = OnlineLearner(
    state.model, state.vectors, state.counts, learn=("items", "interest"), lr=3e-3, item_lr=0.05
)
learner.remember(known)
markov = OnlineMarkov(len(topic))
markov.fit(known)
learners = {
    "frozen model": Frozen(state.learned_scorer),
    "online Markov chain": markov,
    "online learner": learner,
}
results = {
    name: prequential(one, stream, start, catalog_size=len(topic), batch_size=32, filter_seen=False)
    for name, one in learners.items()
}

# %%
plt.figure(figsize=(9, 4.2))
for (name, result), color in zip(results.items(), ("0.5", "C1", "C0"), strict=True):
    day = (result.time - START) / DAY
    curve = result.curve("ndcg@10", window=400)
    plt.plot(day[100:], curve[100:], color=color, lw=2)
    plt.text(day[-1] + 0.2, curve[-1], name, color=color, va="center")
plt.axvline(CHANGE, color="black", lw=1, ls=":")
plt.text(CHANGE + 0.2, 0.39, "the order of topics changes", va="top")
plt.xlim(12, DAYS)
plt.ylim(0, 0.4)
plt.xlabel("day")
plt.ylabel("NDCG@10, mean of the last 400 events")
plt.title("Every event is predicted before it is learned", loc="left")
plt.show()

# %% [markdown]
# Read the curve from left to right. In the first two days the learner is no better than the frozen
# model, or worse: its first steps disturb what training had found. Then it gains, because it has
# seen more events. At the change all three fall, and only those that learn come back, over days,
# not minutes. The frozen model stays where a wrong guess is.
#
# What the curve does not show: a real world changes less abruptly, and a model that is trained anew
# each night would also have recovered. This is one seed, and one setting of the learner.
#
# ## The same in production
#
# In a service, the learner is a process of its own that follows the log of events. It publishes
# versions; servers take them over between two requests. A version that is clearly worse than the
# model it started from is not published, and any version can be taken back. Here is one week after
# the change.

# %%
log = SqliteLog(Path("events.db"))
live = RealtimeRecommender(recommender, log=log)
week = events.filter(pl.col("timestamp").is_between(START + 20 * DAY, START + 27 * DAY))
live.observe_many(week.rename({"user_id": "user", "item_id": "item", "timestamp": "time"}))

versions = Versions(Path("versions"))
trainer = OnlineTrainer(recommender, log, versions, publish_every=500, lr=3e-3, item_lr=0.05)
while trainer.run_once():
    pass
trainer.publish()
live.follow(versions)
print("served now:", live.version, "after", trainer.offset, "events")
print("NDCG@10 of the last 2,000 events:", {k: round(v, 3) for k, v in trainer.metrics().items()})

# %% [markdown]
# If something is wrong with it, go back to the model of the training. The learner continues, and
# what it publishes is served again after `versions.release()`.

# %%
versions.rollback(None)
live.follow(versions)
print("served now:", live.version)
log.close()

# %% [markdown]
# From a shell, the same three are `mmrec serve RUN --log events.db --versions live`, `mmrec learn
# RUN --log events.db --versions live` and `mmrec rollback live`.

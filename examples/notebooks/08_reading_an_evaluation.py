# %% [markdown]
# # Reading an evaluation
#
# Splits, intervals, cold items and sampled candidates: how one model gets very different figures.
#
# A number such as "NDCG@10 of 0.31" says nothing by itself. Here we train small models on data
# whose truth we know, and measure them in ways that are all in use. Some of these ways can be
# believed. The notebook takes half a minute on two CPU cores. It needs `pip install
# 'mmrec[compare]'`.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import mmrec
from mmrec.evaluation import cluster_bootstrap, paired_bootstrap, seed_interval

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## A log with fashions
#
# 240 items belong to twelve categories. Most are there from the beginning, the others appear over
# sixty days, and each is chosen less the older it is. A user likes two categories, and takes an
# item once. Some users are far more active than others.

# %%
CATEGORIES, ITEMS, USERS, DAYS = 12, 240, 250, 60
START, DAY = 1.7e9, 86_400.0
rng = np.random.default_rng(0)
category = rng.integers(CATEGORIES, size=ITEMS)
old = rng.random(ITEMS) < 0.6
birth = np.sort(np.where(old, rng.uniform(-30, 0, ITEMS), rng.uniform(0, DAYS - 2, ITEMS)))
appeal = rng.gumbel(size=ITEMS)

rows = []
for user in range(USERS):
    liked, fresh = np.isin(category, rng.choice(CATEGORIES, 2, replace=False)), np.ones(ITEMS, bool)
    for day in np.sort(rng.uniform(0, DAYS, 5 + rng.geometric(0.07))):
        age = day - birth
        score = 3.5 * liked + appeal - age / 25 + rng.gumbel(size=ITEMS)
        item = np.where(fresh & (age >= 0), score, -np.inf).argmax()
        fresh[item] = False
        rows.append((f"user{user}", f"i{item:03}", START + DAY * day))
events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
items = {"item_id": [f"i{n:03}" for n in range(ITEMS)], "category": [f"c{c}" for c in category]}
days = (events["timestamp"].to_numpy() - START) / DAY

# %% [markdown]
# A picture of the log shows what matters for an evaluation: what is read today is not what was read
# a month ago. The lines are the cuts of a split by time.

# %%
number = np.array([int(item[1:]) for item in events["item_id"]])
cuts = np.quantile(days, [0.8, 0.9])
plt.figure(figsize=(9, 3.6))
plt.scatter(days, number, s=2, c=np.searchsorted(cuts, days), cmap="viridis", vmax=2.4)
for cut, name in zip([0, *cuts], ["training", "valid.", "test"], strict=True):
    plt.axvline(cut, color="black", lw=1, ls=":")
    plt.text(cut + 0.3, ITEMS + 8, name)
plt.xlabel("day")
plt.ylabel("item, in order of appearance")
plt.ylim(0, ITEMS + 25)
plt.show()

# %% [markdown]
# ## One model, two splits
#
# *Leave-one-out* takes the last event of each user as the test, and trains on all others, those of
# other users that happen later included. *By time* trains on what was before a day and tests on
# what came after it, as in service. We train the same model on ids and on categories under both.

# %%
options = mmrec.Options(
    modalities=("id", "category"),
    dim=32,
    epochs=10,
    dropout=0.2,
    lr=0.01,
    batch_size=16,
    ema=0.0,
    affinities=False,
    refit="none",
    seed=0,
)


def fit(log: pl.DataFrame = events, **changes: object) -> mmrec.Recommender:
    """Train with some options changed."""
    return mmrec.Recommender.fit(log, items, options=options.replace(**changes))


by_time, left_out = fit(), fit(split="leave-one-out")
rows = {}
for split, made in {"leave-one-out": left_out, "by time": by_time}.items():
    baselines = made.report["baselines"]
    rows[split] = {
        "model": made.report["test"]["ndcg@10"],
        "popular, all time": baselines["popularity"]["ndcg@10"],
        "popular, recently": baselines["recent-popularity"]["ndcg@10"],
    }

plt.figure(figsize=(8, 3.2))
for n, name in enumerate(rows["by time"]):
    heights = [rows[split][name] for split in rows]
    bars = plt.bar(np.arange(2) + 0.27 * (n - 1), heights, 0.25, color=f"C{n}", label=name)
    plt.bar_label(bars, fmt="%.3f")
plt.xticks(range(2), ["leave-one-out", "by time"])
plt.ylabel("NDCG@10")
plt.legend(frameon=False, loc="upper left")
plt.ylim(0, 0.22)
plt.title("The same model and the same log", loc="left")
plt.show()

# %% [markdown]
# Neither is wrong, but they answer different questions, and only the split by time asks the one
# that a service has: it must recommend what is new, and it can't see what others will like
# tomorrow. Two things to keep in mind:
#
# - Never compare figures of different splits. Each report has a fingerprint of its split; compare
#   only where it is the same.
# - Popularity over all time is a weak bar where there are fashions. Ask for recent popularity too.
#
# ## How sure is it?
#
# A test has many events but fewer users, and the events of a user resemble one another. So an
# interval resamples whole users, not events. It says what would happen with other users, not with
# another seed: for that, train again.


# %%
def gains(made: mmrec.Recommender) -> np.ndarray:
    """Return NDCG@10 of each test event."""
    rank = made.state.targets["rank"].to_numpy()
    return np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0)


timeless = fit(trend=False)  # without what is popular now, and without the age of items
seeds = [by_time, *(fit(seed=seed) for seed in (1, 2))]
gain, user = gains(by_time), by_time.state.targets["user_id"].to_numpy()
versus = paired_bootstrap(gain, gains(timeless), user)
intervals = {
    "model, events as if independent": cluster_bootstrap(gain, np.arange(len(gain))),
    "model, by users": cluster_bootstrap(gain, user),
    "model, by three seeds": seed_interval([gains(made).mean() for made in seeds]),
    "gain by knowing what is popular now": versus,
}

# %%
plt.figure(figsize=(8, 2.6))
for place, (mean, low, high, *_) in enumerate(reversed(intervals.values())):
    plt.plot([low, high], [place, place], lw=3, color="C0", solid_capstyle="butt")
    plt.plot(mean, place, "o", color="C0")
    plt.text(high + 0.004, place, f"{low:.3f} to {high:.3f}", va="center")
plt.yticks(range(len(intervals)), [*reversed(intervals)])
plt.axvline(0, color="black", lw=0.8)
plt.ylim(-0.6, len(intervals) - 0.4)
plt.xlim(-0.02, None)
plt.xlabel(f"NDCG@10 of {len(gain)} test events of {len(set(user))} users, 95 % intervals")
plt.show()

# %% [markdown]
# Here the first two are nearly alike, because our users are much alike. Among real users some are
# easy and some are hard, and the interval by users is clearly wider: use that one. The third has
# another meaning: other seeds and the same users. With three values it is a rough guide.
#
# The last line is the one to look at when two models are compared. Their intervals may overlap and
# the difference be certain all the same, because both are measured on the same events: what is hard
# for one is hard for the other. `mmrec compare RUN RUN2` prints these for saved recommenders.
#
# ## Cold items
#
# A cold item has no event in training. An average over all events hides them. And among *all* items
# a cold one competes with everything that is popular; ranked among cold items alone, it shows
# whether the model knows anything about it.

# %%
ids_alone = fit(trend=False, modalities=("id",))
ways = {
    "ids alone": ids_alone,
    "ids and categories": timeless,
    "and what is popular now": by_time,
}
rows = []
for name, made in ways.items():
    test = made.report["test"]
    parts = ("warm", "cold", "among_cold")
    rows.append({"model": name, **{part: round(test[part]["ndcg@10"], 3) for part in parts}})
print(f"{test['cold']['targets']} of {test['targets']} test events are on cold items")
pl.DataFrame(rows)

# %% [markdown]
# An id says nothing about an item without events, so the model of ids alone can only guess. With
# categories it knows which new items a user would like, but among all items they still lose against
# the known ones. They are found once the model also counts what has just become popular, and how
# old an item is. If a report has no line for cold items, ask how many of the test events were on
# them.
#
# ## Sampled candidates
#
# Many papers rank the target among 100 items that are drawn at random, not among all. The rank
# among the drawn ones follows from the full rank by chance alone, so we can compute what such a
# paper would have reported.

# %%
drawn = [20, 50, 100, 200]
plt.figure(figsize=(8, 3.4))
for color, (name, made) in enumerate(ways.items()):
    rank = made.state.targets["rank"].to_numpy()
    curve = []
    for size in drawn:
        above = rng.hypergeometric(rank - 1, np.maximum(ITEMS - rank, 0), min(size, ITEMS - 1))
        curve.append(np.where(above < 10, 1 / np.log2(above + 2), 0.0).mean())
    curve.append(gains(made).mean())
    plt.plot(range(5), curve, "o-", color=f"C{color}", label=name)
    for end in (0, 4) if color != 1 else ():
        plt.text(
            end, curve[end] + 0.05 * (color - 1), f"{curve[end]:.2f}", ha="center", va="center"
        )
plt.xticks(range(5), [*map(str, drawn), f"all {ITEMS}"])
plt.xlabel("items that the target is ranked among")
plt.ylabel("NDCG@10")
plt.ylim(0, 1)
plt.legend(frameon=False)
plt.title("The same models, the same ranks", loc="left")
plt.show()

# %% [markdown]
# With few drawn items everything looks excellent. And differences appear that no list of ten shows:
# the two lower models are alike among all items, but not among twenty, where it already counts to
# lift an item from the end of a list to its middle. Between real models even the order can change
# (Krichene and Rendle, KDD 2020). mmrec ranks the whole catalogue and offers nothing else.
#
# ## A control that must fail
#
# The best protection against a mistake of one's own: destroy what is to be learned, and see the
# figure fall. Here the items are shuffled over all events. How popular an item is stays; taste and
# fashion are gone. No model should be better than popularity now.

# %%
shuffled = events.with_columns(pl.col("item_id").shuffle(seed=0)).unique(
    ["user_id", "item_id"], maintain_order=True
)
control = fit(shuffled)
rows = []
for name, made in {"log as it is": by_time, "items shuffled": control}.items():
    popular = made.report["baselines"]["popularity"]["ndcg@10"]
    rows.append(
        {"log": name, "model": made.report["test"]["ndcg@10"], "popular, all time": popular}
    )
pl.DataFrame(rows).with_columns(pl.col("model", "popular, all time").round(3))

# %% [markdown]
# If a model had stayed ahead here, it would read the answer from somewhere, and the first figure
# could not be believed either.
#
# ## What to ask of any figure
#
# 1. Which split? By time, or can the model see the future of others?
# 2. Ranked among what? The whole catalogue, or drawn items? Are seen items left out?
# 3. Beside which baselines, and were they tuned? Recent popularity and a Markov chain are strong.
# 4. How many users and seeds, and what is the interval of the *difference*?
# 5. What about items that are new?
# 6. Was anything chosen by looking at the test? Choose on validation, and read the test once.
#
# And what none of these tell: whether people are better served. Events were caused by what was
# shown to them, so a log rewards a model that shows the same again. That takes an experiment.

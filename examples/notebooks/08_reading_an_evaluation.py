# %% [markdown]
# # Reading an evaluation
#
# Splits, intervals, cold items and sampled candidates: how one model gets very different figures.
#
# A number such as "NDCG@10 of 0.31" says nothing by itself. Here we train small models on data whose
# truth we know, and measure them in ways that are all in use. Some of these ways can be believed. The
# notebook takes half a minute on two CPU cores. It needs `pip install 'mmrec[compare]'`.

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
# 240 items belong to twelve categories and appear over sixty days; each is in fashion for about two
# weeks. A user likes two categories. Some users are far more active than others. One item in six
# appears in the last days, so that training has not seen it.

# %%
CATEGORIES, ITEMS, USERS, DAYS = 12, 240, 250, 60
START, DAY = 1.7e9, 86_400.0
rng = np.random.default_rng(0)
category = rng.integers(CATEGORIES, size=ITEMS)
birth = np.sort(rng.uniform(-15, DAYS - 2, ITEMS))
appeal = rng.gumbel(size=ITEMS)

rows = []
for user in range(USERS):
    liked, fresh = np.isin(category, rng.choice(CATEGORIES, 2, replace=False)), np.ones(ITEMS, bool)
    for day in np.sort(rng.uniform(0, DAYS, 5 + rng.geometric(0.07))):
        age = day - birth
        score = 3.0 * liked + appeal - age / 7 + rng.gumbel(size=ITEMS)
        item = np.where(fresh & (age >= 0), score, -np.inf).argmax()
        fresh[item] = False
        rows.append((f"user{user}", f"i{item:03}", START + DAY * day))
events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
items = {"item_id": [f"i{n:03}" for n in range(ITEMS)], "category": [f"c{c}" for c in category]}
days = (events["timestamp"].to_numpy() - START) / DAY

# %% [markdown]
# A picture of the log shows what matters for an evaluation: what is read today is not what was read a
# month ago. The lines are the cuts of a split by time.

# %%
number = np.array([int(item[1:]) for item in events["item_id"]])
cuts = np.quantile(days, [0.8, 0.9])
plt.figure(figsize=(9, 3.6))
plt.scatter(days, number, s=2, c=np.searchsorted(cuts, days), cmap="viridis", vmax=2.4)
for cut, name in zip([0, *cuts], ["training", "validation", "test"], strict=True):
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
# other users that happen later included. *By time* trains on what was before a day and tests on what
# came after it, as in service. We train the same model on ids and on categories under both.

# %%
options = mmrec.Options(
    modalities=("id", "category"), dim=32, epochs=10, dropout=0.2, lr=0.01, batch_size=16, ema=0.0,
    affinities=False, trend=False, refit="none", drop_repeats=False,
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
pl.DataFrame([{"split": split, **row} for split, row in rows.items()])

# %%
plt.figure(figsize=(8, 3.2))
for n, name in enumerate(rows["by time"]):
    heights = [rows[split][name] for split in rows]
    bars = plt.bar(np.arange(2) + 0.27 * (n - 1), heights, 0.25, color=f"C{n}", label=name)
    plt.bar_label(bars, fmt="%.3f")
plt.xticks(range(2), ["leave-one-out", "by time"])
plt.ylabel("NDCG@10")
plt.legend(frameon=False)
plt.title("The same model and the same log", loc="left")
plt.show()

# %% [markdown]
# The same model, and figures that differ by a factor. Neither is wrong, but they answer different
# questions, and only the split by time asks the one that a service has. Two things to keep in mind:
#
# - Never compare figures of different splits. Each report has a fingerprint of its split; compare only
#   where it is the same.
# - Popularity over all time is a weak bar where there are fashions. Ask for recent popularity too.

# %% [markdown]
# ## How sure is it?
#
# A test has many events but fewer users, and the events of a user resemble one another. An interval
# that counts events as independent is too narrow; resampling whole users is right. And it says what
# would happen with other users, not with another seed: for that, train again.

# %%
def gains(made: mmrec.Recommender) -> np.ndarray:
    """Return NDCG@10 of each test event."""
    rank = made.state.targets["rank"].to_numpy()
    return np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0)


ids_alone = fit(modalities=("id",))
seeds = [by_time, *(fit(seed=seed) for seed in (1, 2))]
gain, user = gains(by_time), by_time.state.targets["user_id"].to_numpy()
versus = paired_bootstrap(gain, gains(ids_alone), user)
intervals = {
    "events as if independent": cluster_bootstrap(gain, np.arange(len(gain))),
    "users": cluster_bootstrap(gain, user),
    "seeds (three trainings)": seed_interval([gains(made).mean() for made in seeds]),
    "difference from ids alone, users": versus,
}

# %%
plt.figure(figsize=(8, 2.6))
for place, (name, (mean, low, high, *_)) in enumerate(reversed(intervals.items())):
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
# The last line is the one to look at when two models are compared. Their intervals may overlap widely
# and the difference be certain all the same, because both are measured on the same events: what is
# hard for one is hard for the other. `mmrec compare RUN RUN2` prints these for saved recommenders.
#
# ## Cold items
#
# A cold item has no event in training. An average over all events hides them. And among *all* items a
# cold one competes with everything that is popular; ranked among cold items alone, it shows whether
# the model knows anything about it.

# %%
count = by_time.report["test"]["cold"]["targets"]
rows = []
for name, made in {"ids and categories": by_time, "ids alone": ids_alone}.items():
    test = made.report["test"]
    parts = ("warm", "cold", "among_cold")
    rows.append({"model": name, **{part: round(test[part]["ndcg@10"], 3) for part in parts}})
print(f"{count} of {by_time.report['test']['targets']} test events are on cold items")
pl.DataFrame(rows)

# %% [markdown]
# An id says nothing about an item without events, so the model of ids alone can only guess. Content,
# here a category, helps. If a report has no line for cold items, ask how many of the test events were
# on items that were new; with a split by time it is often a third.
#
# ## Sampled candidates
#
# Many papers rank the target among 100 items that are drawn at random, not among all. The rank among
# the drawn ones follows from the full rank by chance alone, so we can compute what such a paper would
# have reported.

# %%
drawn = [20, 50, 100, 200]
plt.figure(figsize=(8, 3.4))
for color, (name, made) in enumerate({"ids and categories": by_time, "ids alone": ids_alone}.items()):
    rank = made.state.targets["rank"].to_numpy()
    curve = []
    for size in drawn:
        above = rng.hypergeometric(rank - 1, np.maximum(ITEMS - rank, 0), min(size, ITEMS - 1))
        curve.append(np.where(above < 10, 1 / np.log2(above + 2), 0.0).mean())
    curve.append(gains(made).mean())
    plt.plot(range(5), curve, "o-", color=f"C{color}", label=name)
    for place, value in enumerate(curve):
        plt.text(place, value + 0.02, f"{value:.2f}", color=f"C{color}", ha="center")
plt.xticks(range(5), [*map(str, drawn), f"all {ITEMS}"])
plt.xlabel("items that the target is ranked among")
plt.ylabel("NDCG@10")
plt.ylim(0, 1)
plt.legend(frameon=False)
plt.title("The same two models, the same ranks", loc="left")
plt.show()

# %% [markdown]
# With few drawn items everything looks excellent, and models move together, because a rank of 3 and
# one of 15 become the same. Between real models even the order can change (Krichene and Rendle, KDD
# 2020). mmrec ranks the whole catalogue and offers nothing else.
#
# ## A control that must fail
#
# The best protection against a mistake of one's own: destroy what is to be learned, and see the figure
# fall. Here each event gets a random user. Fashions stay, taste is gone, so no model should be better
# than recent popularity.

# %%
shuffled = events.with_columns(pl.col("user_id").shuffle(seed=0))
control = fit(shuffled)
rows = []
for name, made in {"log as it is": by_time, "users shuffled": control}.items():
    recent = made.report["baselines"]["recent-popularity"]["ndcg@10"]
    rows.append({"log": name, "model": made.report["test"]["ndcg@10"], "popular, recently": recent})
pl.DataFrame(rows).with_columns(pl.col("model", "popular, recently").round(3))

# %% [markdown]
# If a model had stayed ahead here, it would read the answer from somewhere, and the first figure could
# not be believed either.
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
# And what none of these tell: whether people are better served. Events were caused by what was shown
# to them, so a log rewards a model that shows the same again. That takes an experiment.

# %% [markdown]
# # Video: watch time, skips and sessions
#
# A tenth of a video watched is a no, and the next list shows it.
#
# Videos are offered one after the other, and what was watched for how long is all that is known.
# You will turn watch time into events that say yes or no, see a session change a list with every
# video, and, if you have the data, do the same with films and their posters. The notebook takes
# half a minute on two CPU cores. `pip install 'mmrec[demo]' matplotlib` brings what it needs.

# %%
import logging
import os
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from PIL import Image, ImageDraw

import mmrec
from mmrec.realtime import RealtimeRecommender

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
logging.getLogger("mmrec").setLevel(logging.ERROR)
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## A site whose truth is known
#
# 120 videos have eight topics. Each has a drawn thumbnail: its background says the topic, as the
# look of a channel does, and the shapes in it say nothing. The model gets ids and thumbnails, not
# topics.

# %%
TOPICS, EACH, USERS, OFFERS, START = 8, 15, 250, 30, 1.7e9
rng = np.random.default_rng(0)
topic = np.repeat(np.arange(TOPICS), EACH)
colors = [tuple(int(255 * part) for part in plt.cm.Set2(n)[:3]) for n in range(TOPICS)]


def draw_thumbnail(topic: int) -> Image.Image:
    """Draw shapes on the background of a topic."""
    image = Image.new("RGB", (160, 90), colors[topic])
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, y, size = rng.integers(10, 130), rng.integers(5, 60), rng.integers(12, 30)
        shade = tuple(int(part) for part in rng.integers(30, 240, 3))
        form = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        form((x, y, x + size, y + size), fill=shade)
    for stripe in range(topic % 4):  # so that a topic differs from others in more than a color
        draw.line((0, 80 - 8 * stripe, 160, 80 - 8 * stripe), fill="white", width=3)
    return image


Path("images").mkdir()
for video in range(len(topic)):
    draw_thumbnail(topic[video]).save(f"images/video{video}.png")
videos = {
    "item_id": [f"video{n}" for n in range(len(topic))],
    "image": [f"video{n}.png" for n in range(len(topic))],
}

# %% [markdown]
# A user likes two topics and comes in three sessions, in each of which ten videos are offered, at
# random. Those of a liked topic are watched for most of their length, the others for some seconds.

# %%
rows = []
for user in range(USERS):
    liked = rng.choice(TOPICS, 2, replace=False)
    days = np.sort(rng.choice(20, OFFERS // 10, replace=False)) + rng.random()
    for step, video in enumerate(rng.choice(len(topic), OFFERS, replace=False)):
        watched = rng.beta(6, 2) if topic[video] in liked else rng.beta(1, 14)
        at = START + 86_400.0 * days[step // 10] + 200.0 * (step % 10)
        rows.append((f"user{user}", f"video{video}", at, 200.0 * watched, 200.0))
columns = ["user_id", "item_id", "timestamp", "watch_seconds", "duration"]
events = pl.DataFrame(rows, schema=columns, orient="row").sort("timestamp")
share = events["watch_seconds"] / events["duration"]

plt.figure(figsize=(7, 2.4))
plt.hist(share, bins=40, rwidth=0.9)
plt.axvline(0.1, color="black", ls=":")
plt.text(0.11, plt.ylim()[1] * 0.9, "below: a skip")
plt.xlabel("share of the video that was watched")
plt.ylabel("events")
plt.show()

# %% [markdown]
# ## Yes and no
#
# Rules say what an event means, by conditions on its columns. Here less than a tenth is a *no*: it
# is read as a sign against the video and those like it, and is not predicted. The rest is a *yes*.
# For comparison, a second model counts every event as a yes, as if only clicks were known.

# %%
options = mmrec.Options(
    modalities=("id", "image"),
    split="leave-one-out",
    negative=("watch_seconds / duration < 0.1",),
    drop_repeats=False,
    dim=32,
    epochs=14,
    dropout=0.2,
    lr=0.01,
    batch_size=16,
    ema=0.0,
    affinities=False,
    refit="none",
)


def fit(**changes: object) -> mmrec.Recommender:
    """Train with some options changed; thumbnails are encoded once."""
    return mmrec.Recommender.fit(
        events, videos, images="images", cache="cache", options=options.replace(**changes)
    )


site, blind = fit(), fit(negative=())
site.report["event_roles"]["roles"]

# %% [markdown]
# The two can't be compared by their own tests, since the second one predicts skips too. So we ask
# what matters: of the first ten videos that a user would be offered next, how many are of a liked
# topic? Both models get the same first ten videos of each user, watch time included.

# %%
sites = {
    "every event is a yes": RealtimeRecommender(blind),
    "a short watch is a no": RealtimeRecommender(site),
}
hits = {name: [] for name in sites}
for (user,), own in events.group_by("user_id", maintain_order=True):
    watched = own.filter(pl.col("watch_seconds") >= 20)["item_id"]
    liked = {topic[int(video[5:])] for video in watched}
    for name, live in sites.items():
        for _, video, at, seconds, length in own.head(10).iter_rows():
            values = {"watch_seconds": seconds, "duration": length}
            live.observe(user, video, "watch", at, values=values if "no" in name else None)
        lines = live.recommend(user, k=10, at=at + 200)
        hits[name].append(np.mean([topic[int(line.item[5:])] in liked for line in lines]))
by_chance = 2 / TOPICS

# %%
plt.figure(figsize=(7, 1.8))
means = {name: np.mean(values) for name, values in hits.items()}
bars = plt.barh([*means], [*means.values()], color=["C1", "C0"], height=0.6)
plt.bar_label(bars, fmt="{:.0%}", padding=4)
plt.axvline(by_chance, color="black", lw=1)
plt.text(by_chance + 0.01, 1.42, "by chance")
plt.xlim(0, 1)
plt.xlabel(f"share of liked topics among ten videos, mean of {len(hits[name])} users")
plt.show()

# %% [markdown]
# These users were in training, so this is not a test of new users; both models had the same
# advantage.
#
# ## One session, video by video
#
# Ann is new. Her first video is watched to the end, the next ones are skipped or watched, and after
# each we ask for her list. She likes topics 0 and 5.

# %%
live, now = sites["a short watch is a no"], time.time()
path, rows = [0, 40, 75, 100, 16, 5, 80, 110], []
for step, video in enumerate(path):
    seconds = 170.0 if topic[video] in (0, 5) else 6.0
    values = {"watch_seconds": seconds, "duration": 200.0}
    live.observe("ann", f"video{video}", "watch", now + 200.0 * step, values=values)
    lines = live.recommend("ann", k=8, at=now + 200.0 * step + 190)
    said = "watched" if seconds > 20 else "skipped"
    rows.append((f"video{video}", said, [line.item for line in lines]))

# %%
_, axes = plt.subplots(len(rows), 10, figsize=(12.5, 0.88 * len(rows)))
plt.subplots_adjust(hspace=0.12, wspace=0.08)
for (video, said, listed), line in zip(rows, axes, strict=True):
    for axis in line:
        axis.axis("off")
    for axis, one in zip(line, [video, None, *listed], strict=True):
        if one is not None:
            pale = axis is line[0] and said == "skipped"
            axis.imshow(plt.imread(f"images/{one}.png"), alpha=0.35 if pale else 1)
    line[1].text(0, 0.5, f"{said}  →", va="center", transform=line[1].transAxes, size=10)
axes[0, 0].set_title("the video", size=11, loc="left")
axes[0, 2].set_title("the list after it", size=11, loc="left")
plt.show()

# %% [markdown]
# Read it from top to bottom: pale thumbnails were skipped. The lists turn to the two topics that
# were watched, and away from skipped ones, though not to the last video: one no is not much. Each
# event costs the recommender one step of its interest model, a fraction of a millisecond here.
#
# ## Films with posters, if you have them
#
# The MovieLens data sets may not be handed on, so they are not part of this notebook. If
# `MMREC_DATA` names a folder that holds `ml-100k-posters` as a data folder of mmrec
# (`interactions.csv`, `items.csv` and `images/`), the same is done with films: a rating of two or
# less is a no. `mmrec import` makes such a folder of what GroupLens publishes, without posters.
# Nothing of it is kept in the outputs here.

# %%
films = Path(os.environ.get("MMREC_DATA", "")) / "ml-100k-posters"
if "MMREC_DATA" not in os.environ or not films.is_dir():
    print("skipped: MMREC_DATA names no folder with ml-100k-posters")
else:
    ratings = pl.read_csv(films / "interactions.csv").filter(pl.col("user_id") <= 200)  # quicker
    quick = mmrec.Options(
        modalities=("id", "category"),
        targets=("rating >= 3",),
        negative=("rating <= 2",),
        dim=64,
        epochs=5,
        affinities=False,
        trend=False,
        refit="none",
    )
    made = mmrec.Recommender.fit(
        ratings, films / "items.csv", images=films / "images", options=quick
    )
    catalog = made.catalog
    paths = dict(zip(catalog.ids, catalog.image_paths(), strict=True))
    seen = catalog.ids[:4]
    _, axes = plt.subplots(2, 8, figsize=(12.5, 5))
    for line, row in zip(axes, [seen, [x.item for x in made.recommend(seen, k=8)]], strict=True):
        for axis, item in zip(line, [*row, *[None] * 8], strict=False):
            axis.axis("off")
            if item is not None:
                axis.imshow(Image.open(paths[item]) if paths[item] else [[[235] * 3]])
                axis.set_title(catalog.row(item)["title"][:16], size=8)
    plt.show()

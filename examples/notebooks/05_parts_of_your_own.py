# %% [markdown]
# # Parts of your own
#
# Write a fusion and an interest model, test them, train with them, save them and serve them.
#
# A part is a plain `nn.Module`. It needs no base class and no registration: it keeps the contract
# of its slot, and `mmrec.testing` says whether it does. The rest of the recommender stays as it is.
# The notebook takes half a minute on two CPU cores. `pip install 'mmrec[demo,serve]' matplotlib`
# brings what it needs.

# %%
import textwrap
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import torch
from fastapi.testclient import TestClient
from torch import Tensor, nn

import mmrec
from mmrec.demo import make_shop
from mmrec.realtime import RealtimeRecommender
from mmrec.serving import create_app
from mmrec.testing import ContractError, check_fusion, check_interest

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## An interest model
#
# It turns a history of item vectors, `(B, T, D)`, into the interest after each event, `(B, T, H)`.
# Ours has several memories that fade at different rates: one forgets within an event or two,
# another after many. How fast each fades is learned.
#
# A memory is a sum in which an event that lies n events back counts `fade ** n`. Here is a first
# version.


# %%
class Memories(nn.Module):
    """Sums of the history that fade at learned rates."""

    def __init__(self, dim: int, count: int = 4) -> None:
        super().__init__()
        self.dim = self.interest_dim = dim
        self.rate = nn.Parameter(torch.linspace(-1, 3, count))
        self.out = nn.Linear(count * dim, dim)

    def forward(
        self,
        vectors: Tensor,
        mask: Tensor,
        gap: Tensor | None = None,
        event_type: Tensor | None = None,
    ) -> Tensor:
        age = torch.arange(vectors.shape[1], device=vectors.device)
        age = age.unsqueeze(1) - age  # (T, T): how many events back
        weights = torch.sigmoid(self.rate)[:, None, None] ** age.abs()  # (K, T, T)
        memories = torch.einsum("kts,bsd->btkd", weights, vectors)
        return self.out(memories.flatten(2))


# %% [markdown]
# Does it keep the contract? The check makes the part as training would, tries clause after clause,
# and says in a sentence what is wrong.

# %%
try:
    check_interest(Memories)
except ContractError as error:
    print("\n".join(textwrap.wrap(str(error), 95)))

# %% [markdown]
# Two mistakes are in it. Padding, the empty places at the end of a short history, must not count.
# And `age.abs()` lets an event count for the interest *before* it: the model would see the future,
# look brilliant in training, and fail in service. In the corrected version, both are zero. Three
# more methods take one event at a time, for a live recommender: the memories fade, and the new item
# is added.


# %%
class Memories(nn.Module):
    """Sums of the history that fade at learned rates."""

    def __init__(self, dim: int, count: int = 4) -> None:
        super().__init__()
        self.dim = self.interest_dim = dim
        self.rate = nn.Parameter(torch.linspace(-1, 3, count))
        self.out = nn.Linear(count * dim, dim)

    def forward(
        self,
        vectors: Tensor,
        mask: Tensor,
        gap: Tensor | None = None,
        event_type: Tensor | None = None,
    ) -> Tensor:
        vectors = vectors.masked_fill(~mask.unsqueeze(-1), 0)
        age = torch.arange(vectors.shape[1], device=vectors.device)
        age = age.unsqueeze(1) - age  # (T, T): how many events back
        weights = torch.tril(torch.sigmoid(self.rate)[:, None, None] ** age.abs())  # (K, T, T)
        memories = torch.einsum("kts,bsd->btkd", weights, vectors)
        return self.out(memories.flatten(2))

    def initial_state(self, batch_size: int) -> Tensor:
        return self.rate.new_zeros(batch_size, len(self.rate), self.dim)

    def step(
        self,
        state: Tensor,
        vectors: Tensor,
        gap: Tensor | None = None,
        event_type: Tensor | None = None,
    ) -> Tensor:
        return torch.sigmoid(self.rate)[:, None] * state + vectors.unsqueeze(1)

    def readout(self, state: Tensor) -> Tensor:
        return self.out(state.flatten(1))


print("these clauses hold:", ", ".join(check_interest(Memories)))

# %% [markdown]
# ## A fusion
#
# It turns the modalities of an item, such as text and picture, into one vector, `(P, D)`. Ours lets
# the text decide how much of each coordinate of the picture counts: a gate. An item may lack any
# modality; what lies in its place must not matter, so zeros are put there first.


# %%
class TextGate(nn.Module):
    """Adds all modalities; the text gates those that are not text."""

    def __init__(self, dims: dict[str, int], dim: int) -> None:
        super().__init__()
        self.dims, self.dim = dims, dim
        self.layers = nn.ModuleDict({name: nn.Linear(width, dim) for name, width in dims.items()})
        self.missing = nn.ParameterDict({name: 0.02 * torch.randn(dim) for name in dims})
        self.gate = nn.Linear(dim, dim)

    def forward(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        vectors = {}
        for name, layer in self.layers.items():
            here = present[name].unsqueeze(-1)
            vectors[name] = layer(features[name].where(here, 0)).where(here, self.missing[name])
        first = vectors.get("text", next(iter(vectors.values())))
        gate = torch.sigmoid(self.gate(first))
        return sum(vector if vector is first else gate * vector for vector in vectors.values())


print("these clauses hold:", ", ".join(check_fusion(TextGate)))

# %% [markdown]
# ## Training
#
# The parts go into `fit` as classes, or as `functools.partial` to set arguments. Everything around
# them stays the same: encoders, negatives, validation, baselines, report. For comparison, the same
# with the default parts, a GRU and a concatenation.

# %%
shop = make_shop("shop", users=250, items=160, seed=0)
events, items = pl.read_csv(shop / "interactions.csv"), pl.read_csv(shop / "items.csv")
options = mmrec.Options(
    dim=64, epochs=12, text_length=32, affinities=False, trend=False, refit="none", seed=0
)
fit = partial(
    mmrec.Recommender.fit, events, items, images=shop / "images", cache="cache", options=options
)
made = {
    "GRU, concatenation": fit(),
    "Memories": fit(interest=Memories),
    "Memories, TextGate": fit(interest=partial(Memories, count=6), fusion=TextGate),
}

# %%
ours = made["Memories, TextGate"]
found = {name: ours.report["baselines"][name]["ndcg@10"] for name in ("popularity", "ease")}
found |= {name: one.report["test"]["ndcg@10"] for name, one in made.items()}
plt.figure(figsize=(7, 2.6))
bars = plt.barh([*found], [*found.values()], color=["0.75", "0.75", "C1", "C0", "C0"])
plt.bar_label(bars, fmt="%.3f", padding=4)
plt.xlabel(f"NDCG@10 of {ours.report['test']['targets']} test events, one seed")
plt.title("Your parts beside the defaults", loc="left")
plt.show()

# %% [markdown]
# Our parts learn something, and are not better than the defaults here: a GRU decides by itself what
# to remember. This is one seed of a small data set, so a difference of a hundredth means little.
# `mmrec compare` gives intervals, and the notebook on evaluation says how to read them.
#
# ## What was learned
#
# The rates are six numbers, so we can look at them. Training has moved them a little, all towards
# faster fading. It seldom moves such numbers far, so where they start is a choice that matters.

# %%
fade = torch.sigmoid(ours.model.interest.rate.detach()).sort().values.numpy()
start = torch.sigmoid(torch.linspace(-1, 3, 6)).numpy()
steps = np.arange(0, 15)
plt.figure(figsize=(7, 3.4))
for n, (now, before) in enumerate(zip(fade, start, strict=True)):
    plt.plot(steps, now**steps, color=plt.cm.viridis(n / 6), lw=2)
    plt.plot(steps, before**steps, color=plt.cm.viridis(n / 6), lw=1, ls=":")
plt.xlabel("how many events an item lies back")
plt.ylabel("weight in a memory")
plt.title("Six memories, learned (solid) and at the start (dotted)", loc="left")
plt.show()

# %% [markdown]
# ## Saving and serving
#
# A saved recommender holds weights and the names of classes, never code. So loading needs your
# classes again.

# %%
ours.save("RUN")
try:
    mmrec.Recommender.load("RUN")
except ValueError as error:
    print("\n".join(textwrap.wrap(str(error), 95)))

# %%
live = RealtimeRecommender.load("RUN", parts=[Memories, TextGate])
web = TestClient(create_app(live), base_url="http://127.0.0.1:8000")
for item in ("p00001", "p00013", "p00020"):
    answer = web.post("/observe", json={"user": "ann", "item": item})
    print(answer.status_code, answer.json())
lines = web.get("/recommend", params={"user": "ann", "k": 6}).json()["items"]

# %% [markdown]
# The answer over HTTP, with the pictures of the catalogue. In service, `mmrec serve RUN --part
# my_module.Memories --part my_module.TextGate` does the same.


# %%
def show(rows: dict[str, list[str]], width: int = 6) -> None:
    """Show rows of items: a label, then pictures with titles."""
    _, axes = plt.subplots(len(rows), width, figsize=(10, 2.4 * len(rows)), squeeze=False)
    plt.subplots_adjust(hspace=0.65, wspace=0.15)
    for (label, shown), line in zip(rows.items(), axes, strict=True):
        line[0].set_title(label, loc="left", fontsize=13, fontweight="bold", pad=8)
        for axis, item in zip(line, [*shown, *[None] * width], strict=False):
            axis.axis("off")
            if item is not None:
                row = live.catalog.row(item)
                picture = row["image"]
                axis.imshow(plt.imread(shop / "images" / picture) if picture else [[[235] * 3]])
                caption = "\n".join(textwrap.wrap(row["title"], 19)[:3])
                axis.text(
                    0.5, -0.05, caption, transform=axis.transAxes, ha="center", va="top", size=8.5
                )
    plt.show()


show(
    {
        "Ann looked at": ["p00001", "p00013", "p00020"],
        "and is shown": [line["item"] for line in lines],
    }
)

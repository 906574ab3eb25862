# %% [markdown]
# # The formula by hand
#
# A multimodal recommender in five lines of mathematics, each of them a plain `nn.Module`.
#
# ```text
# h = BERT(x)          the text x of an item
# v = CNN(x')          its picture x'
# s = Siamese(h, v)    one vector for the item
# u = GRU(s₁ … sₜ)     the interest of a user after t items
# r̂ = MLP(u, c)        the score of a candidate item c
# ```
#
# This notebook is for those who teach or learn it: nothing is hidden in a library until the last
# section. We write each line, train all of it with a Lightning `Trainer`, look at what was learned,
# and find out that the last line is better written differently. It takes half a minute on two CPU
# cores. `pip install 'mmrec[demo]' matplotlib` brings what it needs.

# %%
import logging
import textwrap
import warnings
from itertools import pairwise

warnings.filterwarnings("ignore", message="IProgress")  # there are no progress bars here

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from lightning import LightningModule, Trainer, seed_everything
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, TensorDataset
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from mmrec import Recommender
from mmrec.data import TableSource, read_folder, split_by_time
from mmrec.demo import make_shop
from mmrec.encoders import FeatureEncoder
from mmrec.encoders.packaged import packaged_text_model
from mmrec.fusion import SiameseFusion
from mmrec.interest import GRUInterest
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.sampling import FullSampler
from mmrec.scoring import DotScorer, MLPScorer
from mmrec.training import SequenceDataModule, SequentialRecommender

for name in ("lightning.pytorch", "transformers"):  # without lines about this machine
    logging.getLogger(name).setLevel(logging.ERROR)
disable_progress_bar()
warnings.filterwarnings("ignore", module="lightning")
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## Items and events
#
# `make_shop` draws a shop. What a visitor likes is partly to be seen (color, pattern) and partly to
# be read (style, material); a title never tells a color.

# %%
shop = make_shop("shop", users=250, items=180, seed=0)
items = pl.read_csv(shop / "items.csv")
log = pl.read_csv(shop / "interactions.csv").sort("timestamp", maintain_order=True)
log.head(3)

# %% [markdown]
# The picture x' becomes a small tensor of pixels. One item in ten has none: `seen` remembers it.

# %%
SIDE = 32
paths = [shop / "images" / name if name else None for name in items["image"]]
pixels = np.zeros((len(items), 3, SIDE, SIDE), dtype=np.float32)
for row, path in enumerate(paths):
    if path:
        small = Image.open(path).convert("RGB").resize((SIDE, SIDE))
        pixels[row] = np.asarray(small).transpose(2, 0, 1) / 127.5 - 1
pixels, seen = torch.from_numpy(pixels), torch.tensor([path is not None for path in paths])
pixels.shape, f"{(~seen).sum()} items have no picture"

# %% [markdown]
# The history of a user is a row of item numbers, in the order of time, and −1 where the row is
# already over. `late` marks the last tenth of all events, by the clock: these are the test, and no
# training step will see them as a target.

# %%
number = {item: n for n, item in enumerate(items["item_id"])}
cut = log["timestamp"][int(0.9 * len(log))]
users = log.partition_by("user_id", maintain_order=True)
rows = [torch.tensor([number[item] for item in user["item_id"]]) for user in users]
history = pad_sequence(rows, batch_first=True, padding_value=-1)
times = [torch.tensor((user["timestamp"] >= cut).to_list()) for user in users]
late = pad_sequence(times, batch_first=True, padding_value=False)
history.shape, f"{late.sum()} test events"

# %% [markdown]
# ## h = BERT(x)
#
# A small pretrained BERT reads title and description. Its outputs are one vector per token; their
# mean over the real tokens is the vector of the text. We don't train it, so it runs once.


# %%
class Text(nn.Module):
    """h = BERT(x): the mean of BERT's outputs."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.bert = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=40, return_tensors="pt"
        )
        mask = tokens["attention_mask"].unsqueeze(-1)
        return (self.bert(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)


texts = [f"{title}. {more or ''}" for title, more in items["title", "description"].iter_rows()]
bert = Text(packaged_text_model("sentence-transformers/all-MiniLM-L6-v2"))
h = torch.cat([bert(texts[n : n + 60]) for n in range(0, len(texts), 60)])
h = (h - h.mean(0)) / h.std(0)  # every coordinate has mean 0 and deviation 1
h.shape

# %% [markdown]
# ## v = CNN(x')
#
# Three convolutions, each of which halves the picture, and a mean over what is left. It starts at
# random weights and learns from the events alone.


# %%
class CNN(nn.Module):
    """v = CNN(x')."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim, widths = dim, [3, 16, 32, dim]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(4, b), nn.ReLU()
                )
                for a, b in pairwise(widths)
            )
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layers(pixels).mean((2, 3))


# %% [markdown]
# ## s = Siamese(h, v)
#
# An adapter for each modality maps it to the same width. Then *one* tower, shared by both, maps
# text and picture into a common space. The item is the mean of the two, or the text alone if there
# is no picture.


# %%
class Siamese(nn.Module):
    """s = Siamese(h, v)."""

    def __init__(self, text: int, image: int, dim: int) -> None:
        super().__init__()
        self.of_text, self.of_image = nn.Linear(text, dim), nn.Linear(image, dim)
        self.tower = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)
        )

    def forward(self, h: Tensor, v: Tensor, seen: Tensor) -> Tensor:
        text, image = self.tower(self.of_text(h)), self.tower(self.of_image(v))
        return torch.where(seen.unsqueeze(-1), (text + image) / 2, text)


# %% [markdown]
# ## u = GRU(s₁ … sₜ), and r̂ = MLP(u, c)
#
# `nn.GRU` gives the interest after every event at once. Its output at step t has read the events up
# to t and no later one, so each step is a training example: what comes next? The score of a
# candidate is a perceptron of u and c. We also prepare two other scores, to compare.


# %%
class MLP(nn.Module):
    """r̂ = MLP(u, c), for all pairs."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.of_user, self.of_item = nn.Linear(dim, 32), nn.Linear(dim, 32, bias=False)
        self.out = nn.Linear(32, 1)

    def forward(self, u: Tensor, c: Tensor) -> Tensor:
        hidden = self.of_user(u).unsqueeze(1) + self.of_item(c)  # the first layer of [u; c]
        return self.out(F.relu(hidden)).squeeze(-1)


class Formula(nn.Module):
    """Items, interest and score."""

    def __init__(self, score: str, dim: int = 64) -> None:
        super().__init__()
        self.cnn, self.siamese = CNN(dim), Siamese(h.shape[1], dim, dim)
        self.gru, self.dropout = nn.GRU(dim, dim, batch_first=True), nn.Dropout(0.4)
        self.mlp = MLP(dim) if "MLP" in score else None
        self.product = "u·c" in score

    def items(self) -> Tensor:
        return self.siamese(h, self.cnn(pixels), seen)

    def forward(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score of every item after each event, and which scores count."""
        s = self.items()
        inputs, targets = history[:, :-1], history[:, 1:]
        u = self.dropout(self.gru(self.dropout(s[inputs.clamp(min=0)]))[0])[targets >= 0]
        scores = u @ s.T if self.product else 0
        return scores + (self.mlp(u, s) if self.mlp else 0), targets >= 0


# %% [markdown]
# ## Training
#
# A `LightningModule` says what a step and the optimizer are, and the `Trainer` does the loops. The
# loss is a softmax over all 180 items: the next item should score higher than every other. Test
# events are left out of the loss.


# %%
class Train(LightningModule):
    """Trains a formula on the next event."""

    def __init__(self, model: Formula) -> None:
        super().__init__()
        self.model, self.losses = model, []

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        history, late = batch
        scores, valid = self.model(history)
        known = ~late[:, 1:][valid]
        loss = F.cross_entropy(scores[known], history[:, 1:][valid][known])
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> dict:
        optimizer = torch.optim.AdamW(self.parameters(), weight_decay=0.01)
        steps = self.trainer.estimated_stepping_batches
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}


# %% [markdown]
# A figure tells how good a model is: NDCG@10 is 1 / log₂(1 + rank) of the event that came next, and
# 0 below rank ten. Items that the user has visited before are no candidates.


# %%
@torch.no_grad()
def test(model: Formula) -> float:
    """Return NDCG@10 of the test events."""
    scores, valid = model.eval()(history)
    user, step = valid.nonzero(as_tuple=True)
    before = torch.arange(history.shape[1]) <= step.unsqueeze(1)
    visited = torch.where(before, history[user], history[user, step].unsqueeze(1))
    target = history[:, 1:][valid].unsqueeze(1)
    scores = scores.scatter(1, visited, -torch.inf)
    rank = (scores >= scores.gather(1, target)).sum(1)  # ties count against the model
    gain = torch.where(rank <= 10, 1 / torch.log2(1 + rank), 0)
    return gain[late[:, 1:][valid]].mean().item()


# %% [markdown]
# Three models learn from the same seed: the perceptron alone as in the formula, a plain product u ·
# c, and the product with the perceptron added.

# %%
batches = TensorDataset(history, late)
models, found, curves = {}, {}, {}
for score in ("MLP(u, c)", "u·c", "u·c + MLP(u, c)"):
    seed_everything(0, verbose=False)
    train = Train(Formula(score))
    trainer = Trainer(
        max_epochs=10,
        accelerator="cpu",
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(train, DataLoader(batches, batch_size=25, shuffle=True))
    models[score], found[score], curves[score] = train.model, test(train.model), train.losses

# %% [markdown]
# For comparison, the same test of what is most popular in training.

# %%
counts = torch.bincount(history[(history >= 0) & ~late], minlength=len(items)).float()


class Popular(nn.Module):
    """The same scores for everyone."""

    def forward(self, history: Tensor) -> tuple[Tensor, Tensor]:
        valid = history[:, 1:] >= 0
        return counts.expand(int(valid.sum()), -1), valid


found = {"popularity": test(Popular()), **found}

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(12, 3.4), width_ratios=[3, 2])
for score, losses in curves.items():
    smooth = np.convolve(losses, np.ones(10) / 10, "valid")
    left.plot(smooth, label=score)
left.set(xlabel="training step", ylabel="loss (nats)")
left.legend(frameon=False)
left.set_title("Training loss, mean over an epoch", loc="left")
bars = right.barh([*found], [*found.values()], color=["0.75", "C0", "C1", "C2"])
right.bar_label(bars, fmt="%.3f", padding=4)
right.set(xlabel=f"NDCG@10 of {late.sum()} test events")
right.set_title("Test", loc="left")
plt.tight_layout()
plt.show()

# %% [markdown]
# A perceptron can learn a product in principle. In practice it needs more data than there is, so
# the product alone is better, and what a perceptron can add to it is small. (Rendle et al., arXiv
# 2005.09683, show this at length.) One seed and 557 test events say no more than that: the last two
# bars are too close to be told apart.

# %% [markdown]
# ## What was learned
#
# Here are the items nearest to one item (by cosine): by what BERT says, by what the CNN has learned
# to see, and in the common space. The CNN was never told what a color is. It learned from what
# people visit one after the other.


# %%
def nearest(vectors: Tensor, item: int, count: int = 8) -> list[int]:
    """Return the rows with the highest cosine to one row, itself first."""
    unit = F.normalize(vectors, dim=1)
    return (unit @ unit[item]).topk(count).indices.tolist()


with torch.no_grad():
    best = models["u·c + MLP(u, c)"].eval()
    v, s = best.cnn(pixels), best.items()
item = int(seen.nonzero()[0])
spaces = {
    "h = BERT(x): the same words": nearest(h, item),
    "v = CNN(x'): the same look": nearest(v.masked_fill(~seen.unsqueeze(1), 0), item),
    "s = Siamese(h, v): both": nearest(s, item),
}

# %%
_, axes = plt.subplots(3, 8, figsize=(12.5, 7.2))
plt.subplots_adjust(hspace=0.65, wspace=0.15)
for (label, shown), line in zip(spaces.items(), axes, strict=True):
    line[0].set_title(label, loc="left", fontsize=13, fontweight="bold", pad=8)
    for axis, n in zip(line, shown, strict=True):
        axis.axis("off")
        axis.imshow(Image.open(paths[n]) if paths[n] else [[[235] * 3]])
        caption = "\n".join(textwrap.wrap(items["title"][n], 19)[:3])
        axis.text(0.5, -0.05, caption, transform=axis.transAxes, ha="center", va="top", size=8.5)
plt.show()

# %% [markdown]
# The first picture of each row is the item itself; a gray square has no picture.
#
# ## The same from parts of the library
#
# Every line of the formula is a part of mmrec with the same role, and your own module fits in its
# place: below, the encoder of pictures is the `CNN` from above. The library adds what the lines
# above leave out, such as missing modalities that are learned, and training without the test *and*
# the validation events, by which it chooses the epoch.

# %%
data = read_folder(shop)
split = split_by_time(data.interactions, data.catalog)
trained = np.flatnonzero(split.train_counts)
has_text = np.arange(len(items) + 1) > 0  # row 0 is padding
has_image = np.append(False, seen.numpy())
sources = {
    "text": TableSource(np.vstack([np.zeros((1, h.shape[1])), h]).astype("float32"), has_text),
    "image": TableSource(np.concatenate([pixels[:1] * 0, pixels]), has_image),
}
seed_everything(0, verbose=False)
encoders = {"text": FeatureEncoder(h.shape[1], 64), "image": CNN(64)}
model = SequentialModel(
    ItemEncoder(encoders, SiameseFusion({"text": 64, "image": 64}, 64)),
    GRUInterest(64, dropout=0.4),
    DotScorer(),
    MLPScorer(64, 64),
)

# %%
trainer = Trainer(
    max_epochs=8,
    accelerator="cpu",
    gradient_clip_val=1.0,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
feed = SequenceDataModule(split, sources, FullSampler(trained), batch_size=25)
trainer.fit(SequentialRecommender(model, lr=5e-3), datamodule=feed)
made = Recommender.from_model(model, data.catalog, split, sources)
print(
    f"NDCG@10 of {made.report['test']['targets']} test events: {made.report['test']['ndcg@10']:.3f}"
)

# %% [markdown]
# This figure is not to be compared with those above: it comes from fewer events, 80 % in place of
# 90 %, and fewer epochs. `made` is a recommender like any other: it recommends, and its report has
# baselines and slices. In daily work, `Recommender.fit(events, items, fusion="siamese",
# reranker="mlp")` puts all of this together in one call.

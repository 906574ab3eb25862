"""Clicks on what was shown: r̂ = MLP(u, c), with u from a GRU and c = Siamese(text, image).

The data has its truth built in. A user likes two of eight topics and clicks on most items of these
that a page shows, and on few others; some items are more attractive than others to everyone. A text
and an image show the topic of an item, each with noise of its own; no item has an id.

python examples/clicks.py
"""

import logging
import warnings

import numpy as np
import torch
from lightning import Trainer

from mmrec.baselines import click_rates
from mmrec.data import Catalog, Impressions, Interactions, Source, TableSource, read_impressions
from mmrec.encoders import FeatureEncoder
from mmrec.evaluation import ClickReport, report_clicks, score_impressions
from mmrec.fusion import SiameseFusion
from mmrec.interest import GRUInterest
from mmrec.losses import ClickLoss, click_loss, click_softmax_loss
from mmrec.models import ClickModel, ItemEncoder, encode_catalog
from mmrec.scoring import MLPScorer
from mmrec.training import ClickRecommender, ImpressionDataModule

USERS, ITEMS, TOPICS, PAGES, PER_PAGE = 250, 400, 8, 10, 8
WIDTHS = {"text": 24, "image": 32}


def make_pages(seed: int = 0) -> tuple[Impressions, dict[str, Source]]:
    """Return impressions, and the vectors of texts and images."""
    rng = np.random.default_rng(seed)
    topic, appeal = rng.integers(TOPICS, size=ITEMS), rng.normal(0, 0.5, ITEMS)
    likes = np.array([rng.permutation(TOPICS) < 2 for _ in range(USERS)])
    rows = []
    for page in range(PAGES):
        for user in range(USERS):
            shown = rng.choice(ITEMS, PER_PAGE, replace=False)
            rate = 1 / (1 + np.exp(3.5 - 5 * likes[user, topic[shown]] - appeal[shown]))
            for item, clicked in zip(shown, rng.random(PER_PAGE) < rate, strict=True):
                event = "click" if clicked else "impression"
                rows.append((f"u{user}", f"i{item}", 1.7e9 + 3600 * page + user, event, page))
    names = ("user_id", "item_id", "timestamp", "event", "impression_id")
    log = Interactions({name: [row[n] for row in rows] for n, name in enumerate(names)})
    catalog = Catalog({"item_id": [f"i{item}" for item in range(ITEMS)]})

    def source(width: int) -> TableSource:
        vectors = rng.normal(size=(TOPICS, width))[topic] + rng.normal(0, 1.0, (ITEMS, width))
        table = np.pad(vectors, ((1, 0), (0, 0))).astype(np.float32)  # row 0 is padding
        return TableSource(table, np.arange(ITEMS + 1) > 0)

    return read_impressions(log, catalog), {name: source(width) for name, width in WIDTHS.items()}


def learn(
    train: Impressions,
    valid: Impressions,
    test: Impressions,
    sources: dict[str, Source],
    loss: ClickLoss,
) -> ClickReport:
    """Train r̂ = MLP(u, c), and return what it is worth on later pages."""
    torch.manual_seed(0)
    items = ItemEncoder(
        {name: FeatureEncoder(width) for name, width in WIDTHS.items()},
        SiameseFusion(WIDTHS, 32, alignment=0.1),
    )
    model = ClickModel(items, GRUInterest(32, dropout=0.1), MLPScorer(32, 32, dropout=0.1))
    trainer = Trainer(
        max_epochs=6,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    feed = ImpressionDataModule(train, valid, sources)
    trainer.fit(ClickRecommender(model, loss=loss, lr=0.01), feed)
    return report_clicks(
        score_impressions(model, test, encode_catalog(items, sources, ITEMS)), test, bins=6
    )


def main() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    impressions, sources = make_pages()
    train, valid, test = impressions.cut(0.7, 0.85)
    print("train:", train)
    print("test: ", test)
    reports = {
        "click rate of the item": report_clicks(click_rates(train).logit()[test.item], test),
        "MLP(u, c), cross-entropy": learn(train, valid, test, sources, click_loss),
        "MLP(u, c), softmax of a page": learn(train, valid, test, sources, click_softmax_loss),
    }
    print(f"{'':30} {'AUC':>6} {'of page':>8} {'NDCG@5':>7} {'log loss':>9}")
    for name, found in reports.items():
        line = found.auc, found.auc_by_impression, found.ndcg_at_5, found.log_loss
        print(f"{name:30} {line[0]:6.3f} {line[1]:8.3f} {line[2]:7.3f} {line[3]:9.3f}")
    print("calibration of the cross-entropy:")
    print(reports["MLP(u, c), cross-entropy"].table())


if __name__ == "__main__":
    main()

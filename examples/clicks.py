"""Clicks on what was shown: r̂ = MLP(u, c), with Siamese(text, image) → c and a GRU → u.

The data has its truth built in. A user likes two of eight topics; of the items of a page, those of a
liked topic are clicked often and the others seldom, and some items are more attractive than others
to everyone. A text and an image show the topic of an item, each with noise of its own; no item has
an id.
"""

import numpy as np
import torch
from lightning import Trainer

from mmrec.baselines import click_rates
from mmrec.data import Catalog, Interactions, TableSource, read_impressions
from mmrec.encoders import FeatureEncoder
from mmrec.evaluation import report_clicks, score_impressions
from mmrec.fusion import SiameseFusion
from mmrec.interest import GRUInterest
from mmrec.losses import click_softmax_loss
from mmrec.models import ClickModel, ItemEncoder, encode_catalog
from mmrec.scoring import MLPScorer
from mmrec.training import ClickRecommender, ImpressionDataModule

USERS, ITEMS, TOPICS, PAGES, PER_PAGE = 300, 400, 8, 12, 8


def make_pages(seed: int = 0) -> tuple[dict[str, list], dict[str, np.ndarray]]:
    """Return a log of impressions and clicks, and the vectors of texts and images."""
    rng = np.random.default_rng(seed)
    topic, appeal = rng.integers(TOPICS, size=ITEMS), rng.normal(0, 0.5, ITEMS)
    vectors = {
        name: (rng.normal(size=(TOPICS, width))[topic] + rng.normal(0, 0.7, (ITEMS, width)))
        for name, width in {"text": 24, "image": 32}.items()
    }
    log: dict[str, list] = {
        name: [] for name in ("user_id", "item_id", "timestamp", "event", "impression_id")
    }
    for page in range(PAGES):
        for user in range(USERS):
            liked = np.random.default_rng([seed, user]).choice(TOPICS, 2, replace=False)
            shown = rng.choice(ITEMS, PER_PAGE, replace=False)
            rate = 1 / (1 + np.exp(3 - 4 * np.isin(topic[shown], liked) - appeal[shown]))
            for item, clicked in zip(shown, rng.random(PER_PAGE) < rate, strict=True):
                log["user_id"].append(f"u{user}")
                log["item_id"].append(f"i{item}")
                log["timestamp"].append(1.7e9 + 3600.0 * page + user)
                log["event"].append("click" if clicked else "impression")
                log["impression_id"].append(page)
    return log, vectors


def main() -> None:
    log, vectors = make_pages()
    catalog = Catalog({"item_id": [f"i{item}" for item in range(ITEMS)]})
    impressions = read_impressions(Interactions(log), catalog)
    train, valid, test = impressions.cut(0.7, 0.85)
    print("train:", train)

    # A row of padding, then a row for each item.
    tables = {name: np.pad(values, ((1, 0), (0, 0))) for name, values in vectors.items()}
    there = np.arange(ITEMS + 1) > 0
    sources = {name: TableSource(t.astype(np.float32), there) for name, t in tables.items()}

    for name, loss in {"BCE": None, "softmax over the page": click_softmax_loss}.items():
        torch.manual_seed(0)
        widths = {"text": 24, "image": 32}
        items = ItemEncoder(
            {modality: FeatureEncoder(width) for modality, width in widths.items()},
            SiameseFusion(widths, 32, alignment=0.1),
        )
        model = ClickModel(items, GRUInterest(32, dropout=0.1), MLPScorer(32, 32, dropout=0.1))
        module = ClickRecommender(model, lr=0.005, **({} if loss is None else {"loss": loss}))
        trainer = Trainer(
            max_epochs=8,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, ImpressionDataModule(train, valid, sources))
        scores = score_impressions(model, test, encode_catalog(items, sources, ITEMS))
        report = report_clicks(scores, test, bins=6)
        print(f"MLP(u, c), {name}: AUC {report.auc:.3f}, of a page {report.auc_by_impression:.3f}, "
              f"NDCG@5 {report.ndcg_at_5:.3f}, log loss {report.log_loss:.3f}")  # fmt: skip
        if loss is None:
            print(report.table())

    base = report_clicks(click_rates(train).logit()[test.item], test)
    print(f"click rate of the item: AUC {base.auc:.3f}, of a page {base.auc_by_impression:.3f}, "
          f"NDCG@5 {base.ndcg_at_5:.3f}, log loss {base.log_loss:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()

"""A model put together and trained by hand becomes a recommender: saved, compared and served.

python examples/from_model.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning import Trainer

from mmrec import Recommender
from mmrec.data import Catalog, TableSource, TextTemplate, id_source, read_folder, split_by_time
from mmrec.demo.shop import make_shop
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import GRUInterest
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.realtime import RealtimeRecommender
from mmrec.sampling import FullSampler
from mmrec.scoring import DotScorer
from mmrec.training import SequenceDataModule, SequentialRecommender, callbacks


def hashed_words(catalog: Catalog, width: int = 256) -> np.ndarray:
    """Return a simple feature of each item's text: how often words of each hash occur."""
    texts = TextTemplate.guess(catalog.frame.columns).render_all(catalog.frame)
    table = np.zeros((len(texts) + 1, width), dtype=np.float32)
    for row, text in enumerate(texts, 1):
        for word in text.lower().split():
            table[row, sum(word.encode()) % width] += 1
    return table


def main() -> None:
    with TemporaryDirectory() as folder:
        data = read_folder(make_shop(Path(folder) / "shop", users=200, items=150))
        catalog, split = data.catalog, split_by_time(data.interactions, data.catalog)

        # Where the content of items comes from: ids of the trained items, and our own features.
        trained = np.flatnonzero(split.train_counts)
        features = hashed_words(catalog)
        sources = {
            "id": id_source({int(i): n for n, i in enumerate(trained, 1)}, len(catalog)),
            "words": TableSource(features, np.arange(len(features)) > 0),
        }

        # The model, each part by hand.
        torch.manual_seed(0)
        words = FeatureEncoder(features.shape[1], 32).fit(features[trained])
        encoders = {"id": IdEncoder(len(trained), 32), "words": words}
        items = ItemEncoder(encoders, ConcatFusion({"id": 32, "words": 32}, 32))
        model = SequentialModel(items, GRUInterest(32, dropout=0.2), DotScorer())

        # A trainer of one's own.
        best = callbacks(Path(folder) / "checkpoints", patience=3)
        trainer = Trainer(
            max_epochs=5,
            accelerator="cpu",
            gradient_clip_val=1.0,
            callbacks=best,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        feed = SequenceDataModule(split, sources, FullSampler(trained), batch_size=32)
        trainer.fit(SequentialRecommender(model, lr=3e-3), datamodule=feed)

        # From here on it is a recommender like any other.
        made = Recommender.from_model(model, catalog, split, sources)
        for name, metrics in {"by hand": made.report["test"], **made.report["baselines"]}.items():
            print(f"{name}: NDCG@10 {metrics['ndcg@10']:.3f} of {metrics['targets']} events")
        made.save(Path(folder) / "RUN")
        live = RealtimeRecommender.load(Path(folder) / "RUN")
        live.add_items(
            {"item_id": ["new"], "title": ["A brass reading lamp"]},
            features={"words": hashed_words(Catalog({"item_id": ["new"], "title": ["lamp"]}))[1:]},
        )
        for item in catalog.ids[:3]:
            live.observe("ann", item)
        for line in live.recommend("ann", k=5):
            print(line.item, catalog.row(line.item)["title"] if line.item in catalog else "new")


if __name__ == "__main__":
    main()

"""Subclass one part, keep the rest: a new interest model, trained with Lightning.

python examples/own_component.py
"""

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning import Trainer, seed_everything
from torch import Tensor, nn

from mmrec.baselines import Popularity
from mmrec.data import id_source, make_shop, read_folder, split_by_time
from mmrec.encoders import FeatureEncoder, FeatureStore, IdEncoder, TextEncoder
from mmrec.evaluation import rank_targets, summarize
from mmrec.fusion import AttentionFusion
from mmrec.models import CatalogRanker, ItemEncoder, SequentialModel, encode_catalog
from mmrec.recommender.content import raw_values
from mmrec.sampling import FullPool
from mmrec.scoring import DotScorer
from mmrec.training import SequenceDataModule, SequentialRecommender


class FadingMean(nn.Module):
    """The interest is a mean of the history in which older items fade; one number is learned."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = self.hidden = dim
        self.fade = nn.Parameter(torch.tensor(1.0))
        self.out = nn.Linear(dim, dim)

    def forward(
        self,
        vectors: Tensor,
        mask: Tensor,
        gap: Tensor | None = None,
        kind: Tensor | None = None,
    ) -> Tensor:
        steps = torch.arange(vectors.shape[1], device=vectors.device)
        age = (steps[:, None] - steps).float()
        weights = torch.where(age >= 0, torch.sigmoid(self.fade) ** age.clamp(min=0), 0.0)
        weights = weights / weights.sum(1, keepdim=True)
        return self.out(weights @ torch.where(mask.unsqueeze(-1), vectors, 0.0))


def main() -> None:
    seed_everything(0, verbose=False)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # lightning 2.6 with torch 2.14
    with TemporaryDirectory() as folder:
        data = read_folder(make_shop(Path(folder) / "shop", users=200, items=150))
        split = split_by_time(data.interactions, data.catalog)
        trained = np.flatnonzero(split.train_counts)

        text = TextEncoder.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
        texts = raw_values("text", data.catalog, None)
        features = FeatureStore(None).encode(text, [None, *texts])  # index 0 is padding

        vocabulary = {int(item): slot + 1 for slot, item in enumerate(trained)}
        sources = {"id": id_source(vocabulary, len(data.catalog)), "text": features}
        encoders = {
            "id": IdEncoder(len(vocabulary), 32),
            "text": FeatureEncoder(features.dim).fit(features[trained]),
        }
        fusion = AttentionFusion({"id": 32, "text": features.dim}, 32)
        items = ItemEncoder(encoders, fusion, modality_dropout=0.2)
        model = SequentialModel(items, FadingMean(32), DotScorer())

        Trainer(
            max_epochs=5,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(
            SequentialRecommender(model),
            datamodule=SequenceDataModule(split, sources, FullPool(trained)),
        )

        counts = torch.from_numpy(split.train_counts)
        vectors = encode_catalog(items, sources, len(data.catalog))
        rankers = {
            "fading mean": CatalogRanker(model, vectors, counts),
            "popularity": Popularity().fit(split.until("valid"), len(data.catalog)),
        }
        for name, ranker in rankers.items():
            metrics = summarize(rank_targets(ranker, split), len(data.catalog))
            print(f"{name}: NDCG@10 {metrics['ndcg@10']:.3f} of {metrics['targets']} events")


if __name__ == "__main__":
    main()

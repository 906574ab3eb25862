from dataclasses import dataclass

import pytest

from mmrec.data import Dataset, Split, make_shop, read_folder
from mmrec.recommender import Options, Recommender
from mmrec.recommender.build import build_split, prepared


@dataclass(frozen=True)
class Shop:
    recommender: Recommender
    split: Split
    dataset: Dataset


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory, bert_folder):
    """A small shop and a recommender that has learned it; don't change it."""
    dataset = read_folder(make_shop(tmp_path_factory.mktemp("shop"), users=60, items=60))
    options = Options(
        modalities=("id", "text"),
        text_encoder=str(bert_folder),
        text_template="{title} {description} {price}",
        negatives="full",
        dim=16,
        epochs=2,
        drop_repeats=False,
        devices=1,
    )
    recommender = Recommender.fit(dataset.interactions, dataset.catalog, options=options)
    split = build_split(options, prepared(dataset.interactions, options), dataset.catalog)
    return Shop(recommender, split, dataset)

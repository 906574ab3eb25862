import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Interactions, TableSource, id_source, split_by_time
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.models import gru4rec
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender import Options, Recommender
from mmrec.scoring import MLPScorer


@pytest.fixture
def by_hand(chain, stirred):
    """A model with weights of chance, and what it was made for."""
    events, items = chain(users=20)
    catalog = Catalog(items)
    split = split_by_time(Interactions(events), catalog)
    torch.manual_seed(0)
    features = torch.randn(13, 5).numpy()
    encoders = {"id": IdEncoder(12, 8), "words": FeatureEncoder(5, 8)}
    model = gru4rec(encoders, dim=8, reranker=stirred(MLPScorer(8, 8)))
    sources = {
        "id": id_source({item: 13 - item for item in range(1, 13)}, 12),
        "words": TableSource(features, np.arange(13) > 0),
    }
    return model, catalog, split, sources


def test_it_is_measured_saved_and_served(by_hand, chain, tmp_path):
    made = Recommender.from_model(*by_hand, report={"note": "by hand"})
    assert made.report["note"] == "by hand"
    assert made.report["test"]["targets"] > 0
    assert made.evaluate(chain(users=20)[0])["test"] == made.report["test"]
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i1", "i2"], 5) == made.recommend(["i1", "i2"], 5)
    assert again.state.slots.tolist() == [0, *range(12, 0, -1)]
    live = RealtimeRecommender.load(tmp_path / "run")
    new = {"item_id": ["new"], "title": ["lamp"]}
    live.add_items(new, features={"words": np.ones((1, 5))})
    assert "new" in {line.item for line in live.recommend(history=["i1"], k=20)}
    with pytest.raises(ValueError, match="unknown how items are read for an encoder from"):
        again.add_items(new)


def test_repeats_were_not_dropped_unless_it_is_said(by_hand):
    assert not Recommender.from_model(*by_hand).options.drop_repeats
    assert Recommender.from_model(*by_hand, options=Options(seed=3)).options.drop_repeats


def test_what_does_not_belong_together(by_hand):
    model, catalog, split, sources = by_hand
    with pytest.raises(ValueError, match=r"sources must be of the model's modalities, \['id', "):
        Recommender.from_model(model, catalog, split, {"id": sources["id"]})
    short = sources | {"words": TableSource(np.ones((5, 5)), np.ones(5, bool))}
    with pytest.raises(ValueError, match=r"of the catalogue, 13 indices with padding; got .*: 5"):
        Recommender.from_model(model, catalog, split, short)
    twice = gru4rec({"id": IdEncoder(12, 8), "twin": IdEncoder(12, 8)}, dim=8)
    both = {"id": sources["id"], "twin": sources["id"]}
    with pytest.raises(ValueError, match="expects one encoder of ids; got"):
        Recommender.from_model(twice, catalog, split, both)


def test_it_is_updated(by_hand, chain):
    made = Recommender.from_model(*by_hand)
    with pytest.raises(ValueError, match="from_model can't be read from a catalogue"):
        made.update(chain(users=6, seed=1)[0], options={"epochs": 1})

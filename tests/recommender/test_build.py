import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog, Interactions, windows
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import AttentionFusion, ConcatFusion, SiameseFusion
from mmrec.interest import GRUInterest, LinearRecurrentInterest, SelfAttentionInterest
from mmrec.recommender import Recommender
from mmrec.recommender.build import (
    FUSIONS,
    LOSSES,
    build_model,
    build_negatives,
    build_split,
    renumbered,
)
from mmrec.recommender.options import CHOICES
from mmrec.sampling import FullSampler, InBatchSampler, UnionSampler
from mmrec.scoring import MLPScorer


@pytest.fixture
def split(chain, options):
    events, items = chain(users=20, items=14)
    never = pl.col("item_id").is_in(["i3", "i4"])
    log = Interactions(pl.DataFrame(events).filter(~never))
    return build_split(options(split="time"), log, Catalog(items))


def encoders():
    return {"id": IdEncoder(5, 16), "text": FeatureEncoder(6)}


def test_every_choice_has_its_part():
    assert set(FUSIONS) == set(CHOICES["fusion"])
    assert set(LOSSES) == set(CHOICES["loss"])
    logits, target = torch.randn(3, 5), torch.tensor([1, 2, 4])
    for loss in LOSSES.values():  # all are called alike
        assert loss(logits, target, torch.ones(5).bool(), torch.zeros(5)).isfinite()


@pytest.mark.parametrize(
    ("fusion", "kind"),
    [("concat", ConcatFusion), ("attention", AttentionFusion), ("siamese", SiameseFusion)],
)
def test_the_model_is_what_the_options_say(options, fusion, kind):
    chosen = options(fusion=fusion, layers=2, modality_dropout=0.25, scorer="mlp", time_gap=True)
    model = build_model(chosen, encoders(), 3)
    assert isinstance(model.items.fusion, kind)
    assert isinstance(model.reranker, MLPScorer)
    assert model.items.dim == model.interest.interest_dim == 16
    assert model.interest.layers == 2
    assert model.interest.inputs.gap is not None
    assert model.interest.inputs.event_type is None
    assert model.items.modality_dropout == 0.25
    assert model.interest.dropout.p == 0.1


INTERESTS = {"gru": GRUInterest, "sasrec": SelfAttentionInterest, "lru": LinearRecurrentInterest}


@pytest.mark.parametrize("interest", CHOICES["interest"])
def test_every_interest_is_built(options, interest):
    model = build_model(options(interest=interest, dropout=0.25), encoders(), 3).interest
    assert isinstance(model, INTERESTS[interest])
    assert model.window == (6 if interest == "sasrec" else None)
    assert {part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)} == {0.25}
    assert model.inputs.gap is not None
    own = {"gru": 1, "sasrec": 2, "lru": 2}[interest]
    for layers, expected in ((None, own), (3, 3)):
        made = build_model(options(interest=interest, layers=layers), encoders(), 3).interest
        assert (made.layers if interest == "gru" else len(made.blocks)) == expected


@pytest.mark.parametrize("interest", ["sasrec", "lru"])
def test_a_run_of_every_interest_learns_and_loads_again(fit, tmp_path, interest):
    made = fit(log={"users": 60}, interest=interest, epochs=8)
    assert made.report["test"]["mrr@10"] > 0.8
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    history = [f"i{item}" for item in range(8)]  # longer than max_length
    lines = made.recommend(history, 4)
    assert lines[0].item == "i8"
    assert again.recommend(history, 4) == lines


def test_event_types(options):
    model = build_model(options(event_types=True, scorer="dot"), encoders(), 3)
    assert model.interest.inputs.event_type.num_embeddings == 4
    assert model.reranker is None


def test_splits(chain, options):
    events, items = chain()
    log, catalog = Interactions(events), Catalog(items)
    by_time = build_split(options(split="time"), log, catalog)
    by_user = build_split(options(split="leave-one-out", min_count=2), log, catalog)
    assert (by_time.name, by_user.name) == ("time", "leave-one-out")
    assert by_user.sizes()["test"] == 40
    assert by_user.options["min_count"] == 2


@pytest.mark.parametrize("negatives", CHOICES["negatives"])
def test_negatives_are_trained_items(split, options, negatives):
    pool = build_negatives(options(negatives=negatives, pool_size=4), split)
    trained = set(np.flatnonzero(split.train_counts).tolist())
    rng = np.random.default_rng(0)
    drawn = {item for _ in range(50) for item in pool.draw(rng).tolist()}
    assert drawn == (set() if negatives == "in-batch" else trained)
    log_q = pool.log_inclusion(np.array(sorted(trained)))
    assert np.isfinite(log_q).all()
    assert (log_q <= 0).all()
    kinds = {"auto": FullSampler, "full": FullSampler, "in-batch": InBatchSampler}
    assert isinstance(pool, kinds.get(negatives, UnionSampler))


def test_in_batch_counts_the_targets_that_a_batch_has(split, options):
    chosen = options(negatives="in-batch", max_length=200, batch_size=4)
    spans = windows(split.train, 200)
    pool = build_negatives(chosen, split)
    assert pool.positions == round(4 * (np.diff(spans).mean() - 1))


def test_event_types_keep_their_numbers(split):
    assert split.sequences.event_types == ("cart", "view")
    other = renumbered(split, ["view", "wish"])
    assert other.sequences.event_types == ("view", "wish")
    for before, after in zip(split.sequences.event_type, other.sequences.event_type, strict=True):
        assert after == {0: 0, 1: 0, 2: 1}[int(before)]
    assert other.fingerprint == split.fingerprint
    same = renumbered(split, split.sequences.event_types)
    assert np.array_equal(same.sequences.event_type, split.sequences.event_type)


def test_auto_negatives(split, options, monkeypatch):
    chosen = options(negatives="auto")
    assert isinstance(build_negatives(chosen, split), FullSampler)
    trained = options(negatives="auto", modalities=("id", "text"), tuning="full")
    assert isinstance(build_negatives(trained, split), InBatchSampler)
    monkeypatch.setattr("mmrec.recommender.build.FULL_UP_TO", 5)
    assert isinstance(build_negatives(chosen, split), UnionSampler)

"""Every public part of a room keeps the contract of the room.

A part is made as `fit` makes it. One that needs other arguments, or is tested with several, has a
line in the table of its room; so has what is no part. What has no line and can't be made fails.
"""

from functools import partial
from importlib import import_module

import pytest
import timm
import torch
from PIL import Image

from mmrec.affinities import (
    AffinityFusion,
    AffinityScorer,
    ContentDirections,
    LearnedReranker,
    SteppingAffinityInterest,
)
from mmrec.encoders import (
    CategoryEncoder,
    FeatureEncoder,
    GivenEncoder,
    GraphIdEncoder,
    IdEncoder,
    ImageEncoder,
    ImageTransform,
    NumberEncoder,
    QuantizedEncoder,
    SemanticIdEncoder,
    TextEncoder,
)
from mmrec.fusion import AttentionFusion, ConcatFusion, FiLMFusion, SiameseFusion
from mmrec.interest import DINInterest, GRUInterest, MeanInterest, SelfAttentionInterest
from mmrec.losses import gbce_loss
from mmrec.sampling import (
    InBatchSampler,
    PopularitySampler,
    UniformSampler,
    UnionSampler,
)
from mmrec.scoring import DotScorer, MLPScorer
from mmrec.testing import (
    check_encoder,
    check_fusion,
    check_interest,
    check_loss,
    check_reranker,
    check_sampler,
    check_scorer,
    check_target_aware,
)

NO_PART = ()
"""The line of a public name that is no part of its room's slot.

Where it is a part of another slot, which no `check_*` knows, a comment names the test of it."""


def union(items, counts, positions, size):
    in_batch = InBatchSampler(counts, positions)
    return UnionSampler([in_batch, PopularitySampler(counts, size), UniformSampler(items, size)])


FUSIONS = {
    "AttentionFusion": (AttentionFusion, partial(AttentionFusion, heads=2, dropout=0.5)),
    "ConcatFusion": (ConcatFusion, partial(ConcatFusion, hidden=6, dropout=0.5)),
    "FiLMFusion": (FiLMFusion, partial(FiLMFusion, modulated="text")),
    "SiameseFusion": (SiameseFusion, partial(SiameseFusion, content=None, hidden=12)),
}
INTERESTS = {
    "AdditiveState": NO_PART,
    "DINInterest": (DINInterest,),
    "EventInputs": NO_PART,
    "GRUInterest": (GRUInterest, partial(GRUInterest, interest_dim=5, layers=2)),
    "MeanInterest": (MeanInterest, partial(MeanInterest, layers=0)),
    "MeanState": NO_PART,
    "NARMState": NO_PART,
    "RecurrentState": NO_PART,
    # It reads an interest and a time, no history: tests/interest/test_request.py.
    "RequestTime": NO_PART,
    "WindowState": NO_PART,
    "last_interest": NO_PART,
}
SCORERS = {
    "DotScorer": (
        DotScorer,
        partial(DotScorer, temperature=0.1),
        partial(DotScorer, normalize=True),
        partial(DotScorer, item_bias=True),
        partial(DotScorer, normalize=True, temperature=0.2, item_bias=True),
    ),
}
# `check_loss` gives logits, targets, candidates and log_q. These read something else, and have the
# same clauses (formula, padding, order, gradient, half precision) in tests of their own.
LOSSES = {
    # Pairs of vectors of one item, without scores: tests/losses/test_alignment.py.
    "alignment_loss": NO_PART,
    # Labeled impressions, with several clicks or none in a row: tests/losses/test_clicks.py.
    "click_loss": NO_PART,
    "click_softmax_loss": NO_PART,
    # Interests and vectors of targets, without negatives: tests/losses/test_uniformity.py.
    "directau_loss": NO_PART,
    "gbce_loss": (gbce_loss, partial(gbce_loss, calibration=1.0)),
    # Each row's own negatives in place of candidates: tests/losses/test_labeled.py.
    "labeled_negative_loss": NO_PART,
    # Slots, no loss: tests/losses/test_shortlist.py.
    "shortlist": NO_PART,
    # Scores of a reranker, whose first column is the target: tests/losses/test_shortlist.py.
    "shortlist_loss": NO_PART,
}
SAMPLERS = {
    "PopularitySampler": (
        PopularitySampler,
        partial(PopularitySampler, alpha=1.0),
        partial(PopularitySampler, alpha=0.0),
    ),
    "UniformSampler": (UniformSampler, partial(UniformSampler, size=9)),
    "UnionSampler": (union,),
    "takes_targets": NO_PART,
    "union_log_inclusion": NO_PART,
}
NUMBERS = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
TEXTS = ["red shoes for the winter", "lamp", "a soft blue scarf a b c d e"]
IMAGES = [Image.new("RGB", (40, 30 + row), (90 * row, 20, 200 - 90 * row)) for row in range(3)]
text = TextEncoder.from_pretrained


def image():
    vit = timm.create_model("test_vit", num_classes=0, img_size=32)
    return ImageEncoder(vit, ImageTransform(32), tuning="last-1")


ENCODERS = {
    "CategoryEncoder": (
        (partial(CategoryEncoder, values=3, dim=4), torch.tensor([[1, 2], [3, 0]])),
        (
            partial(CategoryEncoder, values=3, dim=4, buckets=2, bucket_of=[0, 1, 0]),
            torch.tensor([[1, 2], [3, 0], [5, 4]]),
        ),
    ),
    "FeatureEncoder": (
        (partial(FeatureEncoder, dim_in=5), NUMBERS),
        (partial(FeatureEncoder, dim_in=5, dim=3), NUMBERS),
        (FeatureEncoder(5, 3, whiten=True).fit(NUMBERS), NUMBERS),
    ),
    "FeatureStore": NO_PART,
    "Features": NO_PART,
    "HiddenStates": NO_PART,
    "GivenEncoder": ((partial(GivenEncoder, dim=5), NUMBERS),),
    "IdEncoder": ((partial(IdEncoder, vocabulary_size=9, dim=4), torch.tensor([9, 1, 9])),),
    "ImageEncoder": ((image, IMAGES),),
    "ImageTower": NO_PART,
    "ImageTransform": NO_PART,
    "NumberEncoder": ((partial(NumberEncoder, sizes=[2, 3], dim=4), NUMBERS),),
    "GraphIdEncoder": (
        (
            GraphIdEncoder(5, 4, edges=3).link(
                torch.tensor([[1, 2], [2, 3], [1, 5]]), torch.tensor([1.0, 2.0, 0.5])
            ),
            torch.tensor([[1, 0, 0], [4, 0, 0], [3, 0, 0], [0, 2, 0], [0, 5, 1]]),
        ),
        (
            partial(GraphIdEncoder, vocabulary_size=5, dim=4, edges=0, layers=1),
            torch.tensor([[1], [5], [2]]),
        ),
    ),
    "QuantizedEncoder": (
        (QuantizedEncoder(5, 4, levels=2, size=3).fit(NUMBERS), NUMBERS),
        (QuantizedEncoder(5, 4, levels=3, size=4, rows=6).fit(NUMBERS), NUMBERS),
    ),
    "SemanticIdEncoder": (
        (partial(SemanticIdEncoder, levels=2, size=4, dim=5), torch.tensor([[0, 1], [3, 3]])),
        (
            partial(SemanticIdEncoder, levels=3, size=4, dim=5, rows=7),
            torch.tensor([[0, 1, 2], [3, 3, 3], [0, 1, 3]]),
        ),
    ),
    "TextEncoder": (
        (text, TEXTS),
        (partial(text, pooling="attention", tuning="last-1"), TEXTS),
    ),
    "StateStore": NO_PART,
    "TextTransform": NO_PART,
    "Projection": NO_PART,
    "piecewise_linear": NO_PART,
    "quantile_edges": NO_PART,
    "soft_bins": NO_PART,
    "value_vectors": NO_PART,
    "tune": NO_PART,
}


def with_weights(interest, novelty=False):
    made = SteppingAffinityInterest(interest, [3, 2], negative_types=[1], novelty=novelty)
    made.weights.copy_(torch.tensor([2.0, 0.5]))
    if novelty:
        made.constant.fill_(0.7)
    return made


DIMS = {"id": 4, "text": 6}
WITH_AFFINITIES = (
    (
        check_fusion,
        AffinityFusion(ConcatFusion(DIMS, 4), ContentDirections(DIMS, {"text": 2})),
    ),
    (
        check_fusion,
        AffinityFusion(
            ConcatFusion(DIMS, 4), ContentDirections(DIMS, {"text": 2}, "id", novelty=True)
        ),
    ),
    (check_interest, with_weights(GRUInterest(6, 5, time_gap=True, num_event_types=3))),
    (check_interest, with_weights(SelfAttentionInterest(6, window=4), novelty=True)),
    (check_scorer, AffinityScorer(DotScorer(dim=6, item_bias=True), 2)),
    (check_scorer, AffinityScorer(DotScorer(dim=6), 3, novelty=True)),
    (check_reranker, LearnedReranker(MLPScorer(6, 6), 2)),
)


def every_part(room, table):
    """Return a parameter for each public part of a room, or for each line of it in the table."""
    parts = []
    for name in import_module(f"mmrec.{room}").__all__:
        thing = getattr(import_module(f"mmrec.{room}"), name)
        if thing.__module__ != f"mmrec.{room}.protocol":
            lines = table.get(name, (thing,))
            parts += [pytest.param(line, id=f"{name}-{n}") for n, line in enumerate(lines)]
    return pytest.mark.parametrize("part", parts)


@every_part("fusion", FUSIONS)
def test_fusions(part):
    assert "absent slots" in check_fusion(part)


@every_part("interest", INTERESTS)
def test_interests(part):
    if part is DINInterest:
        assert {"padding", "candidates"} <= set(check_target_aware(part))
    else:
        assert {"padding", "causality", "step"} <= set(check_interest(part))


@every_part("scoring", SCORERS)
def test_scorers_and_rerankers(part):
    retrieves = hasattr(getattr(part, "func", part), "index_vectors")
    checked = check_scorer(part) if retrieves else check_reranker(part)
    assert ("index" if retrieves else "candidates") in checked


@every_part("losses", LOSSES)
def test_losses(part):
    assert "candidates" in check_loss(part)


@every_part("sampling", SAMPLERS)
def test_samplers(part):
    assert "frequency" in check_sampler(part)


@every_part("encoders", ENCODERS)
def test_encoders(part, bert_folder):
    assert isinstance(part, tuple), f"{part.__name__} needs a line with a factory and inputs"
    factory, inputs = part
    if getattr(factory, "func", factory) == text:
        factory = partial(factory, name_or_path=str(bert_folder))
    raw = isinstance(inputs, list)
    assert ("fingerprint" in check_encoder(factory, inputs)) == raw


@pytest.mark.parametrize(("check", "part"), WITH_AFFINITIES)
def test_parts_with_affinities(check, part):
    assert check(part)

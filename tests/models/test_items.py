import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mmrec.data import Collator, RawSource, Sequences, TableSource, id_source, load_pool
from mmrec.encoders import FeatureEncoder, IdEncoder, ImageEncoder
from mmrec.fusion import AttentionFusion, ConcatFusion, SiameseFusion
from mmrec.models import ItemEncoder, encode_catalog
from mmrec.sampling import InBatchSampler

TEXTS = ["12", "", "345", "7", "81", "9", "", "26"]
SIZE = len(TEXTS)


def content(encoder):
    """Sources of texts, of ids (all but the first item's) and of features (items 3 to 8)."""
    table = np.random.default_rng(0).normal(size=(SIZE + 1, 5)).astype(np.float32)
    return {
        "text": RawSource(TEXTS, encoder.transform),
        "id": id_source({item: item for item in range(2, SIZE + 1)}, SIZE),
        "feature": TableSource(table, np.arange(SIZE + 1) >= 3),
    }


def tower(encoder, *, fusion=ConcatFusion, **options):
    encoders = {"text": encoder, "id": IdEncoder(SIZE, 6), "feature": FeatureEncoder(5)}
    dims = {name: part.dim for name, part in encoders.items()}
    return ItemEncoder(encoders, fusion(dims, 8), **options)


def whole(sources):
    return load_pool(np.arange(1, SIZE + 1), sources)


@pytest.mark.parametrize("fusion", [ConcatFusion, AttentionFusion, SiameseFusion])
def test_every_slot_gets_a_finite_vector(raw_encoder, fusion):
    encoder = raw_encoder()
    items = tower(encoder, fusion=fusion)
    vectors = items(whole(content(encoder)))
    assert vectors.shape == (SIZE + 1, items.dim) == (SIZE + 1, 8)
    assert vectors.isfinite().all()  # slot 0 too, which has no modality at all


def test_features_are_those_of_each_item(raw_encoder):
    encoder = raw_encoder()
    items, sources = tower(encoder), content(encoder)
    features, present = items.features(whole(sources))
    for slot in range(SIZE + 1):
        for name, source in sources.items():
            assert present[name][slot] == source.present[slot]
            alone = torch.zeros(items.encoders[name].dim)
            if source.present[slot]:
                alone = items.encoders[name](source.load(np.array([slot])))[0]
            assert torch.allclose(features[name][slot], alone, atol=1e-6)


def test_a_slot_is_encoded_once_however_often_it_occurs(raw_encoder):
    encoder = raw_encoder()
    items = tower(encoder).eval()
    item = np.array([1, 3, 1, 3, 5, 1, 5, 3])
    none = np.zeros(len(item))
    log = Sequences(item, none, none.astype(np.int64), none, np.array([0, 4, 8]), ["u", "v"])
    negatives = InBatchSampler(log.counts(SIZE), 6)
    batch = Collator(log, content(encoder), negatives)([np.array([0, 4]), np.array([4, 8])])
    with torch.no_grad():
        items(batch.pool)
    assert batch.pool.items.tolist() == [0, 1, 3, 5]
    assert encoder.rows == [3]


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
def test_chunks_give_equal_vectors_and_gradients(raw_encoder, chunk):
    at_once = tower(raw_encoder(), chunk=None).double()
    chunked = copy.deepcopy(at_once)
    chunked.chunk = chunk
    pool = whole(content(at_once.encoders["text"]))
    expected, got = at_once(pool), chunked(pool)
    assert torch.allclose(got, expected)
    weights = torch.randn_like(expected)
    (expected.sin() * weights).sum().backward()
    (got.sin() * weights).sum().backward()
    for (name, one), other in zip(at_once.named_parameters(), chunked.parameters(), strict=True):
        assert torch.allclose(other.grad, one.grad), name


def test_an_encoder_never_sees_more_than_a_chunk(raw_encoder):
    encoder = raw_encoder()
    items = tower(encoder, chunk=4)
    vectors = items(whole(content(encoder)))
    assert encoder.rows == [3, 3]
    vectors.sum().backward()
    # Nothing of a chunk is kept but its input: it is computed again for its gradient. The last one
    # is kept, as its turn comes at once.
    assert encoder.rows == [3, 3, 3]
    encoder.rows.clear()
    with torch.no_grad():
        items(whole(content(encoder)))
    assert encoder.rows == [3, 3]


def test_dropout_is_the_same_when_a_chunk_is_computed_again(raw_encoder, monkeypatch):
    encoder = raw_encoder()
    encoder.body.insert(2, nn.Dropout(0.5))
    items = tower(encoder, chunk=2)
    pool = whole(content(encoder))

    def gradients():
        items.zero_grad()
        torch.manual_seed(0)
        items(pool).sin().sum().backward()
        return torch.cat([parameter.grad.flatten() for parameter in encoder.parameters()])

    again = gradients()
    monkeypatch.setattr("mmrec.models.items.checkpointed", lambda encoder: encoder)
    assert torch.allclose(again, gradients())


def test_a_light_encoder_is_not_cut():
    calls = []
    encoder = IdEncoder(SIZE, 6)
    encoder.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    items = ItemEncoder({"id": encoder}, ConcatFusion({"id": 6}, 6), chunk=2)
    items(whole({"id": id_source({i: i for i in range(1, SIZE + 1)}, SIZE)}))
    assert calls == [SIZE]


def test_garbage_of_an_absent_item_changes_nothing(raw_encoder):
    encoder = raw_encoder()
    items, sources = tower(encoder).eval(), content(encoder)
    before = items(whole(sources))
    sources["feature"].table[:3] = np.nan
    sources["id"].table[:2] = 5
    assert torch.equal(items(whole(sources)), before)


def test_a_modality_that_no_item_of_the_pool_has(raw_encoder):
    encoder = raw_encoder()
    items = tower(encoder)
    pool = load_pool(np.array([2, 7]), content(encoder))  # neither has a text
    assert "text" not in pool.content
    items(pool).sum().backward()
    assert items(pool).isfinite().all()
    assert encoder.rows == []


def test_every_trained_parameter_gets_a_finite_gradient(raw_encoder):
    encoder = raw_encoder()
    items = tower(encoder)
    items.encoders["feature"].requires_grad_(False)
    items(whole(content(encoder))).sin().sum().backward()
    for name, parameter in items.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_modality_dropout_leaves_one_and_only_in_training(raw_encoder):
    encoder = raw_encoder()
    items = tower(encoder, modality_dropout=0.7)
    pool = whole(content(encoder))
    there = torch.stack([pool.present[name] for name in items.encoders])
    torch.manual_seed(0)
    contributions = []
    for _ in range(50):
        _, present = items.features(pool)
        kept = torch.stack(list(present.values()))
        assert not (kept & ~there).any()
        assert torch.equal(kept.any(0), there.any(0))
        contributions.append(kept.sum() / there.sum())
    assert torch.stack(contributions).mean() < 0.7
    _, present = items.eval().features(pool)
    assert torch.equal(torch.stack(list(present.values())), there)


def test_an_only_modality_is_never_dropped():
    items = ItemEncoder({"id": IdEncoder(3, 4)}, ConcatFusion({"id": 4}, 4), modality_dropout=0.9)
    pool = load_pool(np.arange(1, 4), {"id": id_source({1: 1, 2: 2, 3: 3}, 3)})
    _, present = items.features(pool)
    assert torch.equal(present["id"], pool.present["id"])


def test_batch_norms_of_a_trained_cnn_stand_still(tmp_path):
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (60, 50), (40 * number, 200, 90)).save(paths[-1])
    encoder = ImageEncoder.from_timm("test_efficientnet", pretrained=False, tuning="full")
    items = ItemEncoder({"image": encoder}, ConcatFusion({"image": encoder.dim}, 4), chunk=2)
    buffers = {name: value.clone() for name, value in encoder.named_buffers()}
    assert buffers
    pool = load_pool(np.arange(1, 7), {"image": RawSource(paths, encoder.transform)})
    optimizer = torch.optim.SGD(items.parameters(), lr=0.1)
    before = encoder.backbone.conv_stem.weight.clone()
    items.train()(pool).square().sum().backward()
    optimizer.step()
    assert not torch.equal(encoder.backbone.conv_stem.weight, before)
    for name, value in encoder.named_buffers():
        assert torch.equal(value, buffers[name]), name
    items.chunk, in_chunks = None, items(pool)
    assert torch.allclose(items(pool), in_chunks, atol=1e-5)


def test_bfloat16(raw_encoder):
    encoder = raw_encoder()
    items, pool = tower(encoder, chunk=2), whole(content(encoder))
    expected = items(pool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = items(pool)
    assert (vectors.float() - expected).abs().max() < 0.1
    vectors.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in items.parameters() if p.grad is not None)


def test_a_catalogue_is_encoded_in_batches(raw_encoder):
    encoder = raw_encoder()
    items, sources = tower(encoder, modality_dropout=0.5), content(encoder)
    expected = items.eval()(whole(sources))
    items.train()
    for batch_size in (1, 3, 100):
        vectors = encode_catalog(items, sources, SIZE, batch_size=batch_size)
        assert torch.allclose(vectors[1:], expected[1:], atol=1e-6)
        assert not vectors[0].any()
        assert not vectors.requires_grad
        assert items.training


def test_a_failure_leaves_the_mode_as_it_was(raw_encoder):
    items = tower(raw_encoder())
    with pytest.raises(ValueError, match="items need the modalities"):
        encode_catalog(items, {"id": id_source({1: 1}, SIZE)}, SIZE)
    assert items.training


def test_state_dict_round_trip(raw_encoder):
    encoder = raw_encoder()
    items, other = tower(encoder).eval(), tower(raw_encoder()).eval()
    other.load_state_dict(items.state_dict())
    pool = whole(content(encoder))
    assert torch.equal(other(pool), items(pool))


@pytest.mark.usefixtures("unchecked")
def test_errors(raw_encoder):
    with pytest.raises(ValueError, match=r"fusion expects modalities \['text'\]; got .*\['id'\]"):
        ItemEncoder({"id": IdEncoder(3, 4)}, ConcatFusion({"text": 4}, 4))
    with pytest.raises(ValueError, match=r"modality_dropout must be in \[0, 1\); got 1"):
        tower(raw_encoder(), modality_dropout=1.0)
    encoder = raw_encoder()
    sources = {"text": content(encoder)["text"]}
    with pytest.raises(ValueError, match=r"items need the modalities \['feature', 'id'\]; got"):
        tower(encoder)(whole(sources))
    with pytest.raises(ValueError, match=r"'id' features of width 8; got an encoder of width 7"):
        ItemEncoder({"id": IdEncoder(5, 7)}, ConcatFusion({"id": 8}, 8))
    with pytest.raises(ValueError, match=r"must have dim, .* the one for 'id', Linear, has none"):
        ItemEncoder({"id": nn.Linear(3, 3)}, ConcatFusion({"id": 3}, 3))
    with pytest.raises(ValueError, match=r"a fusion must have dims, .* Linear lacks them"):
        ItemEncoder({"id": IdEncoder(3, 4)}, nn.Linear(4, 4))

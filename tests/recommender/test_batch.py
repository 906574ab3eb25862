import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog
from mmrec.recommender.batch import ItemVectors, encode_items, histories_of, recommend_all
from mmrec.recommender.lists import asked_for


@pytest.fixture
def everybody():
    rng = np.random.default_rng(0)
    rows = [[f"i{i}" for i in rng.integers(30, size=n)] for n in (3, 0, 1, 9, 2, 0, 5)]
    return pl.DataFrame({"user_id": [f"u{n}" for n in range(len(rows))], "history": rows})


@pytest.mark.parametrize(
    "how", [{}, {"exclude_seen": False}, {"where": {"kind": "even"}}, {"exclude": ["i6", "i7"]}]
)
@pytest.mark.parametrize("batch_size", [1, 3, 256])
@pytest.mark.parametrize("k", [4, 29])
def test_lists_are_those_of_recommend(by_id, everybody, how, batch_size, k):
    lines = recommend_all(by_id, everybody, k, batch_size=batch_size, **how)
    assert lines.columns == ["user_id", "item_id", "rank", "score"]
    want = by_id.recommend_many(everybody["history"].to_list(), k, **how)
    for user, expected in zip(everybody["user_id"], want, strict=True):
        mine = lines.filter(pl.col("user_id") == user)
        assert mine["item_id"].to_list() == [line.item for line in expected]
        assert mine["rank"].to_list() == list(range(1, len(expected) + 1))
        assert mine["score"].to_list() == pytest.approx([line.score for line in expected], abs=1e-5)
    assert lines["user_id"].unique(maintain_order=True).to_list() == everybody["user_id"].to_list()


def test_no_histories(by_id, everybody):
    with pytest.raises(ValueError, match="at least one row"):
        recommend_all(by_id, everybody.head(0))


def test_what_is_no_history(by_id):
    with pytest.raises(ValueError, match="history"):
        recommend_all(by_id, {"user_id": ["u"]})
    with pytest.raises(ValueError, match="not in the catalogue"):
        recommend_all(by_id, {"user_id": ["u"], "history": [["nothing"]]})
    with pytest.raises(ValueError, match="must hold item ids; 1 of 3 are null"):
        recommend_all(by_id, {"user_id": ["u", "v"], "history": [["i1", None], ["i2"]]})


def test_scores_of_a_large_catalogue_are_few_at_once(by_id, everybody, monkeypatch):
    usual = recommend_all(by_id, everybody)
    monkeypatch.setattr("mmrec.evaluation.rank_buffer.MAX_SCORES", 1)
    monkeypatch.setattr("mmrec.evaluation.rank_buffer.MIN_ROWS", 2)
    sizes = []
    monkeypatch.setattr(
        "mmrec.recommender.batch.asked_for",
        lambda state, pasts, *how: sizes.append(len(pasts)) or asked_for(state, pasts, *how),
    )
    assert recommend_all(by_id, everybody).drop("score").equals(usual.drop("score"))
    assert max(sizes) == 2


def test_histories_are_in_the_order_of_time(chain):
    events, _ = chain(users=5)
    found = histories_of(events)
    assert found["timestamps"].list.len().to_list() == found["history"].list.len().to_list()
    for user, history in found.select("user_id", "history").iter_rows():
        items = [i for u, i in zip(events["user_id"], events["item_id"], strict=True) if u == user]
        assert history == items


@pytest.mark.parametrize("kind", ["by_id", "by_content"])
def test_vectors_are_those_of_the_recommender(request, kind):
    made = request.getfixturevalue(kind)
    vectors = encode_items(made)
    assert vectors["item_id"].to_list() == made.catalog.ids
    assert torch.allclose(torch.tensor(vectors["vector"].to_numpy()), made.vectors[1:], atol=1e-5)


def test_an_encoder_is_loaded_once_a_process(by_content, monkeypatch):
    encode = ItemVectors(by_content)
    encode(by_content.catalog.frame.head(2))
    monkeypatch.setattr("mmrec.recommender.content.TextModality.load", None)
    monkeypatch.setattr("mmrec.recommender.content.ImageModality.load", None)
    for part in by_content.catalog.frame.iter_slices(5):
        encode(part)
    by_content.state.encode(Catalog(by_content.catalog.frame.head(1), by_content.catalog.images))

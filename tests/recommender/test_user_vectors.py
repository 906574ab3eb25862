import numpy as np
import polars as pl
import pytest

from mmrec.affinities import CoOccurrence
from mmrec.data import Interactions, to_sequences
from mmrec.recommender.user_vectors import encode_users, index_items, not_in_the_product

HISTORIES = pl.DataFrame({"user_id": ["u", "v", "w"], "history": [["i3", "i4"], [], ["i9"]]})


@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_products_are_scores(by_id, batch_size):
    users, items = encode_users(by_id, HISTORIES, batch_size=batch_size), index_items(by_id)
    assert users["user_id"].to_list() == ["u", "v", "w"]
    assert items["item_id"].to_list() == by_id.catalog.ids
    assert users["vector"].dtype == items["vector"].dtype
    scores = users["vector"].to_numpy() @ items["vector"].to_numpy().T
    for row, history in ((0, ["i3", "i4"]), (2, ["i9"])):
        lines = by_id.recommend(history, 30, exclude_seen=False)
        expected = {line.item: line.score for line in lines}
        found = dict(zip(by_id.catalog.ids, scores[row].tolist(), strict=True))
        assert found == pytest.approx(expected, abs=1e-4)
    assert not np.any(users["vector"].to_numpy()[1])


def test_a_vector_gives_the_scores_of_a_list(by_id):
    long = [f"i{n % 30}" for n in range(40)]
    frame = pl.DataFrame({"user_id": [1], "history": [long]})
    [vector] = encode_users(by_id, frame)["vector"].to_numpy()
    items = index_items(by_id)["vector"].to_numpy()
    [best] = by_id.recommend(long, 1, exclude_seen=False)
    assert float((items @ vector).max()) == pytest.approx(best.score, abs=1e-4)


def test_what_the_product_lacks_is_said(by_id, add_affinities):
    assert not_in_the_product(by_id.state) == []
    events = {"user_id": [*"uuvv"], "item_id": ["i1", "i2", "i1", "i3"], "position": [0, 1, 0, 1]}
    log = to_sequences(Interactions(events), by_id.catalog)
    table = CoOccurrence.of(log, len(by_id.catalog)).weighted(2.0)
    counted = add_affinities(by_id, neighbours=[table])
    (said,) = not_in_the_product(counted.state)
    assert said.startswith("what is counted in the log (")


def test_what_is_no_history(by_id):
    with pytest.raises(ValueError, match="histories must have the columns"):
        encode_users(by_id, {"user_id": ["u"]})
    with pytest.raises(ValueError, match="not in the catalogue"):
        encode_users(by_id, {"user_id": ["u"], "history": [["nothing"]]})

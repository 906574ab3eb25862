from collections import Counter

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.batch import recommend_all
from mmrec.recommender.quotas import Quotas, check_at_most, read_at_most

EMPTY = (None, "", " ")


def finder(scores):
    def find(count, allowed):
        top = scores.masked_fill(~allowed, -torch.inf).topk(min(count, int(allowed.sum())))
        return top.indices, top.values

    return find


def scanned(scores, columns, at_most, k):
    """The list by hand: one item after another, but for those of a value that has its number."""
    counts = {name: Counter() for name in at_most}
    chosen = []
    for index in scores.argsort(descending=True).tolist():
        held = {}
        for name in at_most:
            value = columns[name][index - 1]
            values = value if isinstance(value, list) else [value]
            held[name] = {one for one in values if one not in EMPTY}
        if index == 0 or any(counts[n][one] >= at_most[n] for n in held for one in held[n]):
            continue
        for name, values in held.items():
            counts[name].update(values)
        chosen.append(index)
    return chosen[:k]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_ranking_is_scanned_in_order(data):
    count = data.draw(st.integers(1, 25))
    rows = {"min_size": count, "max_size": count}
    columns = {
        "author": data.draw(st.lists(st.sampled_from([*"ab", None, "", " "]), **rows)),
        "tags": data.draw(st.lists(st.lists(st.sampled_from([*"xyz", None])), **rows)),
        "year": data.draw(st.lists(st.sampled_from([1995, 1996, None]), **rows)),
    }
    schema = {"item_id": pl.Int64, "author": pl.String, "tags": pl.List(pl.String)}
    frame = pl.DataFrame({"item_id": range(count), **columns}, schema=schema | {"year": pl.Int64})
    at_most = data.draw(
        st.dictionaries(st.sampled_from(list(columns)), st.integers(1, 4), min_size=1)
    )
    k = data.draw(st.integers(1, 30))
    scores = torch.from_numpy(np.random.default_rng(count).permutation(count + 1)).float()
    allowed = torch.tensor([False, *[True] * count])
    found, values = Quotas(Catalog(frame), at_most).fill(finder(scores), k, allowed)
    assert found.tolist() == scanned(scores, columns, at_most, k)
    assert values.tolist() == scores[found].tolist()


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1.5, 1.5, float("nan"), float("nan")]),
        pl.Series([True, True, None, None]),
        pl.Series(["a", "a", None, ""], dtype=pl.Categorical),
        pl.Series([[1.0, 2.0], [2.0, 1.0], None, None], dtype=pl.Array(pl.Float64, 2)),
        pl.Series(["2024-05-01", "2024-05-01", None, None]).str.to_date(),
    ],
)
def test_values_of_any_type(values):
    catalog = Catalog(pl.DataFrame({"item_id": [*"abcd"], "of": values}))
    scores = torch.tensor([0.0, 4.0, 3.0, 2.0, 1.0])
    allowed = scores > 0
    found, _ = Quotas(catalog, {"of": 1}).fill(finder(scores), 4, allowed)
    assert found.tolist() == [1, 3, 4]
    empty = Catalog(pl.DataFrame({"item_id": [*"abcd"], "of": [None] * 4}))
    assert len(Quotas(empty, {"of": 1}).fill(finder(scores), 4, allowed)[0]) == 4


def test_nothing_is_found_where_nothing_is_allowed():
    catalog = Catalog({"item_id": ["a"], "of": ["x"]})
    nothing = torch.tensor([False, False])
    found, scores = Quotas(catalog, {"of": 1}).fill(finder(torch.zeros(2)), 3, nothing)
    assert (len(found), len(scores)) == (0, 0)


def test_what_is_refused():
    catalog = Catalog(pl.DataFrame({"item_id": ["a"], "author": ["x"], "of": [{"a": 1}]}))
    with pytest.raises(ValueError, match=r"must have the columns \['autor'\].*'author'"):
        Quotas(catalog, {"autor": 1})
    with pytest.raises(ValueError, match="of must hold values or lists of values; got Struct"):
        Quotas(catalog, {"of": 1})
    for wrong in ({"author": 0}, {"author": 1.5}, {"author": True}, {1: 1}, ["author"], "author:2"):
        with pytest.raises(ValueError, match="numbers of 1 or more by column"):
            check_at_most(wrong)
    for text in ("author", "author:", ":2", "author:x", "author:-1"):
        with pytest.raises(ValueError, match="a column and a number, such as author:2"):
            read_at_most([text])
    with pytest.raises(ValueError, match="each column once"):
        read_at_most(["author:2", "author:3"])
    with pytest.raises(ValueError, match="numbers of 1 or more"):
        read_at_most(["author:0"])
    assert read_at_most(["a:b:2", "c : 3"]) == {"a:b": 2, "c": 3}


def first(lines, kinds, most):
    """The first items of a whole list, at most so many of a kind."""
    counts, kept = Counter(), []
    for line in lines:
        counts[kinds[line.item]] += 1
        kept += [line.item] if counts[kinds[line.item]] <= most else []
    return kept


@pytest.mark.parametrize("history", [["i7"], ["i1", "i2", "i3"]])
def test_lists_of_an_interest(by_id, history):
    kinds = dict(by_id.catalog.frame["item_id", "kind"].rows())
    for most, k in ((1, 10), (3, 4), (3, 30), (20, 10)):
        expected = first(by_id.recommend(history, 30), kinds, most)[:k]
        how = {"k": k, "at_most": {"kind": most}}
        assert [line.item for line in by_id.recommend(history, **how)] == expected
        live = RealtimeRecommender(by_id, at_most={"kind": most})
        assert [line.item for line in live.recommend(history=history, **how)] == expected
        assert [line.item for line in live.recommend(history=history, k=k)] == expected
        wider = live.recommend(history=history, k=k, at_most={"kind": 30, "item_id": 1})
        assert [line.item for line in wider] == expected
        table = pl.DataFrame({"user_id": ["u"], "history": [history]})
        assert recommend_all(by_id, table, **how)["item_id"].to_list() == expected


def test_lists_of_popular_items(by_id):
    kinds = dict(by_id.catalog.frame["item_id", "kind"].rows())
    live = RealtimeRecommender(by_id)
    for most, k in ((1, 10), (3, 4), (3, 30), (20, 10)):
        how = {"k": k, "at_most": {"kind": most}}
        for lines in (by_id.recommend([], **how), live.recommend("nobody", **how)):
            assert len(lines) == min(k, 2 * most)
            assert max(Counter(kinds[line.item] for line in lines).values()) <= most
            assert [line.score for line in lines] == sorted(
                (line.score for line in lines), reverse=True
            )
    assert live.recommend("nobody", at_most={}) == live.recommend("nobody")


def test_a_standing_quota_is_checked(by_id):
    with pytest.raises(ValueError, match=r"must have the columns \['kid'\].*'kind'"):
        RealtimeRecommender(by_id, at_most={"kid": 1})
    live = RealtimeRecommender(by_id, at_most={"kind": 2})
    with pytest.raises(ValueError, match="numbers of 1 or more by column"):
        live.recommend("ann", at_most={"kind": 0})

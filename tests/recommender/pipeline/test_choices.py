import pytest

from mmrec.data import Catalog, Interactions
from mmrec.recommender.pipeline import choices
from mmrec.recommender.pipeline.data import split_log


@pytest.mark.parametrize(
    ("trends", "times"),
    [(["age", None], 2), (["age", "age"], 1), ([None, None], 1), (["age", "popularity"], 2)],
)
def test_new_items_are_balanced_under_the_trend_that_is_served(by_id, monkeypatch, trends, times):
    """Affinities are chosen once more if the trend is another one beside them."""
    log = {"user_id": ["u"] * 20, "item_id": ["i1", "i2"] * 10, "timestamp": range(20)}
    split = split_log(Interactions(log), by_id.options, Catalog({"item_id": ["i1", "i2"]}))
    state, left, under = by_id.state, list(trends), []

    def with_trend(state, split, counted, usual):
        return state, {"trend": {"chosen": left.pop(0), "weights": {"now": 1.0}}}

    def with_affinities(state, sources, split, start):
        under.append(trends[len(trends) - len(left) - 1])
        return state, {"affinities": {"under": under[-1]}}

    monkeypatch.setattr(choices, "with_trend", with_trend)
    monkeypatch.setattr(choices, "with_affinities", with_affinities)
    monkeypatch.setattr(choices, "weights_of", lambda state: {"ease": 1.0})
    _, facts = choices.CHOICES[0].choose(state, {}, split, None)
    assert len(under) == times
    assert facts["affinities"]["under"] == facts["trend"]["chosen"] == trends[-1]

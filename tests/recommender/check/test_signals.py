import polars as pl
import pytest

from mmrec.data.event_rules import SIGNALS, EventRules
from mmrec.data.interactions import Interactions
from mmrec.recommender.check.signals import suggested_rules

COUNT = 50


@pytest.mark.parametrize(
    ("values", "more", "rules"),
    [
        ([f"{7 * n}" for n in range(COUNT)], {}, ("watched < 70", "watched >= 200")),
        ([2500 * n for n in range(COUNT)], {}, ("watched < 25000", "watched >= 72000")),
        ([n / 100 for n in range(COUNT)], {"duration": 60}, ("watched < 0.1", "watched >= 0.29")),
        (
            [*range(COUNT)],
            {"duration": "60"},
            ("watched / duration < 0.1", "watched / duration >= 0.5"),
        ),
        (["true", "FALSE", None, ""] * 12 + [""] * 2, {}, ("watched = false", "watched = true")),
        ([True, False] * 25, {}, ("watched = false", "watched = true")),
    ],
)
def test_rules_follow_the_values_and_can_be_given_to_fit(values, more, rules):
    frame = pl.DataFrame({"watched": values}).with_columns(
        **{name: pl.lit(value) for name, value in more.items()}
    )
    assert suggested_rules(frame, "watched") == rules
    row = pl.int_range(COUNT)
    log = frame.with_columns(user_id=row % 5, item_id=row, timestamp=row)
    for role, rule in zip(("negative", "targets"), rules, strict=True):
        _, facts = EventRules(**{role: (rule,)}).apply(Interactions(log))
        assert 0 < sum(facts["roles"][role.removesuffix("s")].values()) < COUNT
        assert not set(facts["unused_columns"]) & set(SIGNALS)


def test_nothing_is_suggested_for_other_values():
    frame = pl.DataFrame({"text": ["a", "b"], "list": [[1], [2]], "one": [5, 5], "no": [None, ""]})
    assert [suggested_rules(frame, name) for name in frame.columns] == [None] * 4

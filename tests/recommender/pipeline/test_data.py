import numpy as np
import pytest

from mmrec.data import Catalog, Interactions
from mmrec.recommender.pipeline.data import renumbered, split_log


@pytest.fixture
def split(chain, options):
    events, items = chain(users=20, items=14)
    return split_log(Interactions(events), options(split="time"), Catalog(items))


def test_splits(chain, options):
    events, items = chain()
    log, catalog = Interactions(events), Catalog(items)
    by_time = split_log(log, options(split="time"), catalog)
    by_user = split_log(log, options(split="leave-one-out", min_count=2), catalog)
    assert (by_time.name, by_user.name) == ("time", "leave-one-out")
    assert by_user.sizes()["test"] == 40
    assert by_user.options["min_count"] == 2


def test_event_types_keep_their_numbers(split):
    assert split.sequences.event_types == ("cart", "view")
    other = renumbered(split, ["view", "wish"])
    assert other.sequences.event_types == ("view", "wish")
    for before, after in zip(split.sequences.event_type, other.sequences.event_type, strict=True):
        assert after == {0: 0, 1: 0, 2: 1}[int(before)]
    assert other.fingerprint == split.fingerprint
    same = renumbered(split, split.sequences.event_types)
    assert np.array_equal(same.sequences.event_type, split.sequences.event_type)

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.baselines import Popularity
from mmrec.data import Catalog, Interactions, leave_one_out
from mmrec.evaluation import rank_with_and_without_seen, target_table

CATALOG = Catalog({"item_id": list("abcde")})


def ranked():
    log = Interactions(
        {"user_id": list("uuuvvvv"), "item_id": list("abcabde"), "position": range(7)}
    )
    split = leave_one_out(log, CATALOG)
    scorer = Popularity().fit(split.train, 5)
    return split, *rank_with_and_without_seen(scorer, split)


def test_a_row_for_each_target():
    split, ranks, everything = ranked()
    image = np.array([False, True, True, True, False, False])
    text = ~image
    table = target_table(ranks, everything, split, CATALOG.ids, image, text)
    assert table["has_text"].to_list() == [False, True]
    assert table["rank"].to_list() == ranks.rank[ranks.position.argsort()].tolist()
    assert table["user_id"].to_list() == ["u", "v"]
    assert table["item_id"].to_list() == ["c", "e"]
    assert table["history"].to_list() == [2, 3]
    assert table["warm"].to_list() == [False, False]
    assert table["has_image"].to_list() == [True, False]
    assert (table["rank"] <= table["rank_with_seen"]).all()
    assert target_table(ranks, everything, split, CATALOG.ids)["has_image"].null_count() == 2


def test_ranks_among_cold_items():
    split, ranks, everything = ranked()
    assert target_table(ranks, everything, split, CATALOG.ids)["rank_among_cold"].null_count() == 2
    cold = ranks.where(ranks.target.numpy() == 5)
    table = target_table(ranks, everything, split, CATALOG.ids, cold=cold)
    assert table["item_id"].to_list() == ["c", "e"]
    assert table["rank_among_cold"].to_list() == [None, int(cold.rank[0])]


def test_a_user_measured_twice_is_caught():
    split, ranks, everything = ranked()
    twice = [
        replace(
            part,
            rank=torch.cat([part.rank, part.rank]),
            target=torch.cat([part.target, part.target]),
            position=np.concatenate([part.position, part.position]),
            top=torch.cat([part.top, part.top]),
        )
        for part in (ranks, everything)
    ]
    with pytest.raises(ValueError, match="ranked once; got 2 more than once"):
        target_table(*twice, split, CATALOG.ids)


def test_ranks_of_other_targets_are_refused():
    split, ranks, everything = ranked()
    other = everything.where(np.array([True, False]))
    with pytest.raises(ValueError, match="same targets"):
        target_table(ranks, other, split, CATALOG.ids)

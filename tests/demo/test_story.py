from itertools import pairwise

import numpy as np
import pytest
import torch

from mmrec.data import Catalog, Interactions, split_by_time
from mmrec.demo.story import closest, farthest, is_new, pick_user, places_after, tell_story


@pytest.fixture(scope="module")
def story(small_shop):
    return tell_story(small_shop.recommender, small_shop.split, clicks=3, k=5)


def cosine(recommender, one, other):
    a, b = (recommender.vectors[i] for i in recommender.catalog.indices_of([one, other]).tolist())
    return float(torch.dot(a, b) / (a.norm() * b.norm()))


def test_each_list_is_what_the_recommender_gives(small_shop, story):
    history = list(story.history)
    for step in story.steps:
        if step.clicked is not None:
            history.append(step.clicked)
        expected = [line.item for line in small_shop.recommender.recommend(history, 5)]
        assert [line.item for line in step.lines] == expected
        assert [line.place for line in step.lines] == [1, 2, 3, 4, 5]


def test_a_line_has_its_place_before_the_click(small_shop, story):
    for before, after in pairwise(story.steps):
        top = {line.item: line.place for line in before.lines}
        assert all(line.before == top[line.item] for line in after.lines if line.item in top)
        assert after.entered == sum(line.item not in top for line in after.lines)
    assert all(line.before is None for line in story.steps[0].lines)


def test_the_first_click_is_unlike_the_list_and_the_others_are_from_it(small_shop, story):
    first, *others = [step.clicked for step in story.steps[1:]]
    for earlier, clicked in zip(story.steps[1:], others, strict=False):
        assert clicked in [line.item for line in earlier.lines]
    top = [line.item for line in story.steps[0].lines]
    assert first not in top
    assert first not in story.history
    assert not is_new(small_shop.recommender, first)


def test_farthest_and_closest_agree_with_a_loop(small_shop):
    recommender = small_shop.recommender
    places = places_after(recommender, recommender.catalog.ids[:2])
    paths = dict(zip(recommender.catalog.ids, recommender.catalog.image_paths(), strict=True))
    top = list(places)[:4]
    rest = [
        item
        for item in list(places)[4:]
        if paths[item] is not None and not is_new(recommender, item)
    ]
    far = min(rest, key=lambda item: sum(cosine(recommender, item, other) for other in top))
    assert farthest(recommender, places, 4) == far
    shown = [item for item in rest[:7] if paths[item] is not None]
    near = max(shown, key=lambda item: cosine(recommender, item, top[0]))
    assert closest(recommender, top[0], rest[:7]) == near


def test_the_median_place_of_what_is_alike(small_shop, story):
    recommender, step = small_shop.recommender, story.steps[1]
    alike = [line.item for line in recommender.similar(step.clicked, 10)]
    for history, median in (
        (story.history, step.nearest[0]),
        ([*story.history, step.clicked], step.nearest[1]),
    ):
        places = places_after(recommender, history)
        kept = [item for item in alike if item not in story.history]
        assert median == np.median([places[item] for item in kept])


def test_the_same_seed_gives_the_same_story(small_shop, story):
    assert tell_story(small_shop.recommender, small_shop.split, clicks=3, k=5) == story


def test_the_user_is_of_the_test_part_and_the_history_theirs(small_shop):
    user, history = pick_user(small_shop.split, small_shop.recommender)
    log = small_shop.dataset.interactions.frame
    own = log.filter(log["user_id"] == user)["item_id"].to_list()
    assert own[: len(history)] == history
    assert 0 < len(history) < len(own)


def test_a_test_part_without_a_user_of_long_history_is_an_error(small_shop):
    rows = {"user_id": [f"u{n}" for n in range(10)], "item_id": ["a", "b"] * 5}
    rows["timestamp"] = list(range(10))
    split = split_by_time(Interactions(rows), Catalog({"item_id": ["a", "b"]}))
    with pytest.raises(ValueError, match="needs a user with a history in the test part"):
        tell_story(small_shop.recommender, split)

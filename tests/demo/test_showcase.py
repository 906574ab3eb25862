import numpy as np

from mmrec.demo.showcase import find_new_items, find_people, find_queries


def test_users_are_shown_with_their_own_lists(small_shop):
    recommender = small_shop.recommender
    log = small_shop.dataset.interactions.frame
    people = find_people(recommender, small_shop.split, count=4)
    assert len({person.user for person in people}) == 4
    for person in people:
        own = log.filter(log["user_id"] == person.user)
        items = own["item_id"].to_list()
        assert person.upcoming.item == items[-1]
        assert person.upcoming.time == own["timestamp"][-1]
        assert person.upcoming.event_type == own["event"][-1]
        assert person.events == len(items) - 1
        assert [visit.item for visit in person.history] == items[:-1][-9:]
        lines = recommender.recommend(items[:-1], 60)
        assert person.recommended == [line.item for line in lines[:10]]
        assert person.listed == len(lines)
        assert lines[person.place - 1].item == items[-1]


def test_half_of_the_shown_users_have_a_hit(small_shop):
    people = find_people(small_shop.recommender, small_shop.split, count=4)
    assert [person.place <= 10 for person in people] == [True, True, False, False]


def test_where_every_user_has_a_hit_they_fill_up_the_rest(small_shop):
    people = find_people(small_shop.recommender, small_shop.split, count=4, k=60)
    assert [person.place <= 60 for person in people] == [True] * 4


def test_new_items_have_no_event_and_are_in_the_list_that_is_shown(small_shop):
    recommender = small_shop.recommender
    seen = set(small_shop.dataset.interactions.frame["item_id"])
    new_items = find_new_items(recommender, small_shop.split, count=3, shown=200, k=60)
    assert new_items
    for new in new_items:
        assert new.item not in seen
        assert 0 < new.lists <= new.users
        order = [line.item for line in recommender.recommend(new.history, 60)]
        assert order.index(new.item) + 1 == new.place
    assert [new.lists for new in new_items] == sorted((n.lists for n in new_items), reverse=True)


def test_queries_differ_and_one_has_no_image(small_shop):
    recommender = small_shop.recommender
    queries = find_queries(recommender, count=4)
    assert len(set(queries)) == 4
    paths = recommender.catalog.image_paths()
    rows = recommender.catalog.indices_of(queries) - 1
    assert any(paths[row] is None for row in rows)
    counts = recommender.state.counts[1:].numpy()
    assert (counts[rows[:-1]] >= np.median(counts)).all()

import pytest
import torch

from mmrec.affinities import Popularity, Unseen, counted_from
from mmrec.data import Catalog, Histories, Interactions, to_sequences

ITEMS = 6


def counted(items, kind=Unseen):
    table = {"user_id": ["u"] * len(items), "item_id": items, "position": range(len(items))}
    log = Interactions(table)
    return kind.of(to_sequences(log, Catalog({"item_id": range(1, ITEMS + 1)})), ITEMS)


def test_items_without_events_have_one():
    found = counted([1, 2, 4]).weighted(2.0).bonus(Histories.of_items([[1], [4]]), ITEMS + 1)
    assert found.tolist() == [[0, 0, 0, 2, 0, 2, 2, 2]] * 2  # one item came later


def test_popular_items_have_more():
    found = counted([1, 2, 1], Popularity).weighted(2.0).bonus(Histories.of_items([[4]]), ITEMS + 1)
    expected = torch.tensor([[0, 2, 1, 0, 0, 0, 0, 0]]).log1p() * 2
    torch.testing.assert_close(found, expected)


def test_popularity_goes_on():
    live = counted([1, 2, 1], Popularity).weighted(2.0).live()
    live.add_items(1)
    for item in (2, ITEMS + 1, 2):
        live.add(item, [], 9.0)
    expected = (torch.tensor([0.0, 2, 3, 0, 0, 0, 0, 1]).log1p() * 2).numpy()
    assert live.bonus([]) == pytest.approx(expected)
    assert live.counted.row(ITEMS + 1).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [Unseen, Popularity])
def test_what_is_written_is_read(kind):
    made = counted([1, 2, 4], kind).weighted(2.5)
    again = counted_from(made.to_dict(), made.tensors())
    assert isinstance(again, kind)
    assert again.to_dict() == made.to_dict()
    assert torch.equal(again.row(ITEMS), made.row(ITEMS))


def test_the_first_event_ends_it():
    made = counted([1, 2, 4]).weighted(2.0)
    live = made.live()
    live.add_items(2)
    live.add(3, [], 7.0)
    live.add(ITEMS + 2, [3], 9.0)
    expected = [0, 0, 0, 0, 0, 2, 2, 2, 0]
    assert live.bonus([]).tolist() == expected
    kept = live.counted
    assert kept.row(ITEMS + 2).tolist() == expected
    assert kept.until == 9.0
    assert kept.totals.sum() == 5
    assert made.totals.sum() == 3  # it stays as it is

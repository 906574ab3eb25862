import csv
from pathlib import Path

import numpy as np
import pytest

from mmrec.data.images import check_images, resolve_image
from mmrec.demo.shop.folder import draw_shop, make_shop
from mmrec.demo.shop.products import CATEGORIES


def files(folder: Path):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(path: Path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("shop") / "new", users=30, items=50, seed=3)


def test_same_seed_same_bytes(shop, tmp_path):
    first = files(shop)
    assert files(make_shop(str(tmp_path / "again"), users=30, items=50, seed=3)) == first
    other = files(make_shop(tmp_path / "other", users=30, items=50, seed=4))
    assert other["items.csv"] != first["items.csv"]
    assert other["interactions.csv"] != first["interactions.csv"]


def test_items(shop):
    items = rows(shop / "items.csv")
    names = ["item_id", "title", "description", "category", "price", "image"]
    assert list(items[0]) == names
    assert [row["item_id"] for row in items] == [f"p{number:05d}" for number in range(50)]
    assert {row["category"] for row in items} == set(CATEGORIES)
    assert all(row["title"] and float(row["price"]) > 0 for row in items)
    assert sum(not row["image"] for row in items) == 5
    assert sum(not row["description"] for row in items) == 5
    assert sum(not row["image"] and not row["description"] for row in items) == 1


def test_images_are_there_and_readable(shop):
    names = [row["image"] for row in rows(shop / "items.csv") if row["image"]]
    assert sorted(names) == sorted(path.name for path in (shop / "images").iterdir())
    assert {Path(name).suffix for name in names} == {".jpg", ".png"}
    assert sum(name.endswith(".jpg") for name in names) > len(names) / 2
    assert check_images([resolve_image(shop / "images", name) for name in names]) == {}


def test_interactions_are_the_drawn_events(shop):
    found = rows(shop / "interactions.csv")
    _, events = draw_shop(users=30, items=50, seed=3)
    assert list(found[0]) == ["user_id", "item_id", "timestamp", "event"]
    assert [row["user_id"] for row in found] == [f"u{user:04d}" for user in events.user]
    assert [row["item_id"] for row in found] == [f"p{item:05d}" for item in events.item]
    np.testing.assert_array_equal([int(row["timestamp"]) for row in found], events.timestamp)
    assert {row["event"] for row in found} == {"view", "cart", "purchase"}


def test_errors(shop, tmp_path):
    with pytest.raises(FileExistsError, match="expects a new or empty folder"):
        make_shop(shop, users=2, items=2)
    with pytest.raises(ValueError, match="at least 1 user and 1 item; got 0 and 5"):
        make_shop(tmp_path, users=0, items=5)
    assert list(tmp_path.iterdir()) == []
    assert make_shop(tmp_path, users=1, items=1) == tmp_path

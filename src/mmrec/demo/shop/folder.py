"""The miniature shop as a data set folder: images, texts and events, made in seconds."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mmrec.demo.shop.events import EVENTS, Events, draw_events
from mmrec.demo.shop.images import draw_image
from mmrec.demo.shop.products import CATEGORIES, VERBAL, VISUAL, Products, draw_products
from mmrec.demo.shop.texts import write_text

__all__ = ["draw_shop", "make_shop"]


def make_shop(directory: str | Path, *, users: int = 900, items: int = 600, seed: int = 0) -> Path:
    """Write a made-up shop as a data set folder whose rules are known.

    A visitor has a taste for attributes that only images show (shape, color, pattern) and for
    attributes that only texts tell (style, material, use). The two are independent, so images and
    texts each predict a part of the next event, and together more. Tastes drift from session to
    session, and an item leads to the next one. Some items lack their image, their description or
    both; some appear late or have no event.

    The folder holds ``interactions.csv`` (user_id, item_id, timestamp in unix seconds, and the
    event that a visit led to: view, cart or purchase), ``items.csv`` (item_id, title,
    description, category, price, image) and the images in ``images/``. The same arguments give
    the same bytes. The default has some 20,000 events and takes about 15 seconds.

    Args:
        directory: Folder to write into; it must be new or empty.
        users: Number of users.
        items: Number of products.
        seed: Seed of everything random.

    Returns:
        The folder.

    Raises:
        ValueError: If users or items is not positive.
        FileExistsError: If the folder holds something.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     shop = make_shop(folder, users=5, items=8)
    ...     sorted(path.name for path in shop.iterdir())
    ['images', 'interactions.csv', 'items.csv']
    """
    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FileExistsError(f"make_shop expects a new or empty folder; got {directory}")
    products, events = draw_shop(users=users, items=items, seed=seed)
    (directory / "images").mkdir(parents=True, exist_ok=True)
    _write(
        directory / "items.csv",
        ["item_id", "title", "description", "category", "price", "image"],
        _item_rows(directory / "images", products, seed),
    )
    _write(
        directory / "interactions.csv",
        ["user_id", "item_id", "timestamp", "event"],
        _event_rows(events),
    )
    return directory


def draw_shop(*, users: int = 900, items: int = 600, seed: int = 0) -> tuple[Products, Events]:
    """Return the ground truth of :func:`make_shop`, without texts and images.

    >>> products, events = draw_shop(users=5, items=8)
    >>> len(products)
    8
    """
    if users < 1 or items < 1:
        raise ValueError(f"a shop needs at least 1 user and 1 item; got {users} and {items}")
    rng = np.random.default_rng((seed, 0))
    products = draw_products(items, rng)
    return products, draw_events(products, users, rng)


def _item_rows(folder: Path, products: Products, seed: int) -> Iterable[Sequence[object]]:
    """Yield the rows of items.csv, and write the images."""
    for item in range(len(products)):
        rng = np.random.default_rng((seed, 1, item))
        category = CATEGORIES[products.category[item]]
        style, material, use = (VERBAL[name][code[item]] for name, code in products.verbal.items())
        title, description = write_text(category, style, material, use, rng)
        name = ""
        if products.has_image[item]:
            shape, color, pattern = (
                VISUAL[name][code[item]] for name, code in products.visual.items()
            )
            drawn = draw_image(shape, color, pattern, rng)
            name = _item_id(item) + (".png" if rng.random() < 0.1 else ".jpg")
            drawn.save(folder / name, quality=90)
        shown = description if products.has_description[item] else ""
        yield _item_id(item), title, shown, category, f"{products.price[item]:.2f}", name


def _event_rows(events: Events) -> Iterable[Sequence[object]]:
    columns = (events.user, events.item, events.timestamp, events.event_type)
    for user, item, time, event_type in zip(*(column.tolist() for column in columns), strict=True):
        yield f"u{user:04d}", _item_id(item), time, EVENTS[event_type]


def _item_id(item: int) -> str:
    return f"p{item:05d}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)

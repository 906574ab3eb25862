"""Sparse data sets with text: few events a user, many items with few events or none.

    python benchmarks/sparse_sets.py FOLDER [--data DIR] [--only shop-a ml-100k-thin] [--json]

Each set is a folder in the format of mmrec below FOLDER. The same name gives the same files.

========================  ==================================================================
sets **for choices**      a default, a rule or a hyperparameter may be chosen by their figures
------------------------  ------------------------------------------------------------------
``shop-a`` … ``shop-c``   generated shops; each has parameters of its own, drawn from ``RANGES``
``shop-d``                drawn from ``CLEAR_RANGES``: the texts tell most of what a user likes
``ml-100k-thin``          2 windows of 3 to 8 events in a row of each user of MovieLens-100K
``ml-latest-thin``        5 such windows of each user of MovieLens latest-small
sets **not for choices**  measured once, when everything is chosen
------------------------  ------------------------------------------------------------------
``shop-held``             drawn from ``HELD_RANGES``: denser, and tastes drift more
``shop-held-2``           drawn from ``CLEAR_RANGES``
========================  ==================================================================

A generated shop has about 3,200 users and 3,500 items. What a user takes next depends on

- *content*: the user likes some departments and styles, which show in the words of the texts;
  some words, categories and brands mislead (``noise``);
- *circles*: groups of items from all departments that no text tells, and the user belongs to one;
- *complements*: each item has a few items, mostly of other departments, that are taken after it;
- *popularity*: Zipf with exponent ``tail``, times a trend of each department (``drift``);
- *newness*: a share of items (``new``) comes during the last third of the time.

A window of a MovieLens user becomes a user, since 610 users give too few targets to compare
anything. All items stay, and ``images`` is a link to the folder of the source.
"""

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from common import command_line, print_json
from shop_words import BRANDS, COLORS, DEPARTMENTS, MATERIALS, SENTENCES, STYLES, words

from mmrec.baselines import ItemKNN, Popularity
from mmrec.data import leave_one_out, read_folder
from mmrec.evaluation import evaluate

DAY = 86400.0
START = 1_640_995_200.0  # 2022-01-01
RANGES: dict[str, tuple[float, float]] = {
    "departments": (12, 24),
    "noise": (0.1, 0.4),
    "tail": (0.7, 1.1),
    "more": (1.5, 3.0),
    "new": (0.05, 0.2),
    "content": (1.5, 4.0),
    "circle": (1.5, 3.5),
    "complements": (0.1, 0.4),
    "drift": (0.0, 0.6),
}
"""The range of each parameter of a shop, see :class:`Shape`."""

HELD_RANGES = RANGES | {"more": (4.0, 7.0), "drift": (0.8, 1.5), "noise": (0.2, 0.3)}
CLEAR_RANGES = RANGES | {
    "departments": (20, 24),
    "noise": (0.02, 0.08),
    "tail": (0.6, 0.9),
    "more": (4.0, 6.0),
    "new": (0.1, 0.25),
    "content": (5.5, 8.0),
    "circle": (4.0, 6.0),
    "complements": (0.0, 0.08),
}
SHOPS = {"shop-a": (1, RANGES), "shop-b": (2, RANGES), "shop-c": (3, RANGES)}
SHOPS |= {"shop-d": (4, CLEAR_RANGES)}
SHOPS |= {"shop-held": (101, HELD_RANGES), "shop-held-2": (102, CLEAR_RANGES)}
HELD = ("shop-held", "shop-held-2")
"""The sets that take part in no choice."""

THIN = {
    "ml-100k-thin": ("ml-100k-posters", 2),
    "ml-latest-thin": ("ml-latest-small-posters", 5),
}
"""The source of each set, and the windows that are cut from each user."""

NAMES = (*SHOPS, *THIN)

FACTS = "facts.json"
"""The file of a set with what it was made with."""


@dataclass(frozen=True)
class Shape:
    """Parameters of a generated shop.

    Attributes:
        users: number of users.
        items: number of items.
        departments: departments of the shop; a user likes one to three.
        noise: the share of words, categories and brands that mislead.
        tail: exponent of Zipf's law of popularity.
        more: mean number of events beyond 3, of which there are 7 at most.
        new: share of items that come during the last third of the time.
        content: by how much the log of a probability rises for a liked department.
        circle: by how much it rises for an item of the user's circle.
        complements: how probable it is that a complement of the last item follows.
        drift: standard deviation of the trends of departments at the end of the time.
    """

    users: int
    items: int
    departments: int
    noise: float
    tail: float
    more: float
    new: float
    content: float
    circle: float
    complements: float
    drift: float

    @classmethod
    def drawn(cls, seed: int, ranges: dict[str, tuple[float, float]]) -> "Shape":
        """Return a shape whose parameters are uniform in their ranges."""
        draw = np.random.default_rng(seed)
        found: dict[str, Any] = {
            name: round(draw.uniform(*ranges[name]), 3) for name in sorted(ranges)
        }
        found["departments"] = round(found["departments"])
        users, items = draw.integers(3100, 3300), draw.integers(3400, 3600)
        return cls(users=int(users), items=int(items), **found)


def make(name: str, folder: Path, data: Path | None = None) -> dict[str, Any]:
    """Write a data set and return what it was made with.

    Args:
        name: one of ``NAMES``.
        folder: where ``interactions.csv`` and ``items.csv`` are written.
        data: the folder of the MovieLens data sets; needed for those alone.

    Raises:
        ValueError: there is no such set, or ``data`` is missing.
    """
    if name not in NAMES:
        raise ValueError(f"expected one of {', '.join(NAMES)}; got {name!r}")
    folder.mkdir(parents=True, exist_ok=True)
    if name in SHOPS:
        shape = Shape.drawn(*SHOPS[name])
        draw = np.random.default_rng(SHOPS[name][0] + 1000)
        items, hidden = shop_items(shape, draw)
        events, known = shop_events(shape, hidden, draw)
        facts: dict[str, Any] = {**asdict(shape), "oracle_ndcg@10": known}
    else:
        if data is None:
            raise ValueError(f"{name} expects the folder of the MovieLens data sets; got none")
        source, windows = THIN[name]
        items, events = thin(data / source, windows)
        link = folder / "images"
        if not link.exists():
            link.symlink_to((data / source / "images").resolve())
        facts = {"source": source, "windows": windows}
    items.write_csv(folder / "items.csv")
    events.write_csv(folder / "interactions.csv")
    (folder / FACTS).write_text(json.dumps(facts))
    return facts


@dataclass(frozen=True)
class Hidden:
    """What no column tells: department, style, circle, weight, complements and day of arrival."""

    department: np.ndarray
    style: np.ndarray
    circle: np.ndarray
    weight: np.ndarray
    complements: np.ndarray
    arrival: np.ndarray


DAYS = 540
CIRCLES = 60


def shop_items(shape: Shape, draw: np.random.Generator) -> tuple[pl.DataFrame, Hidden]:
    """Return the items of a shop, and what is behind them."""
    size, names = shape.items, list(DEPARTMENTS)
    shown = draw.permutation(len(names))[: shape.departments]
    share = draw.dirichlet(np.full(shape.departments, 3.0))
    department = draw.choice(shape.departments, size, p=share)
    style = draw.integers(len(STYLES), size=size)
    circle = draw.integers(CIRCLES, size=size)
    weight = draw.permutation((np.arange(size) + 30.0) ** -shape.tail)
    late = draw.random(size) < shape.new
    arrival = np.where(late, draw.uniform(DAYS * 2 / 3, DAYS, size), 0.0)
    # A complement is more likely an item that is popular itself.
    complements = draw.choice(size, (size, 4), p=weight**0.5 / (weight**0.5).sum())
    near = draw.random((size, 4)) < 0.25
    for row in range(size):
        same = np.flatnonzero(department == department[row])
        complements[row] = np.where(near[row], draw.choice(same, 4), complements[row])
    favorite = draw.permutation(len(BRANDS)).reshape(len(STYLES), -1)
    rows = [
        text_of(shape, names[shown[department[n]]], int(style[n]), names, favorite, draw)
        for n in range(size)
    ]
    ids = pl.DataFrame({"item_id": [f"p{n:04d}" for n in range(size)]})
    hidden = Hidden(department, style, circle, weight, complements, arrival)
    return pl.concat([ids, pl.DataFrame(rows)], how="horizontal"), hidden


def text_of(
    shape: Shape,
    department: str,
    style: int,
    names: list[str],
    favorite: np.ndarray,
    draw: np.random.Generator,
) -> dict[str, Any]:
    """Return the columns of one item."""

    def misleads() -> bool:
        return bool(draw.random() < shape.noise)

    def pick(words: list[str]) -> str:
        return words[draw.integers(len(words))]

    def word() -> str:
        place = pick(names) if misleads() else department
        return pick(words(DEPARTMENTS[place].split("|")[1]))

    def mood() -> str:
        kinds = list(STYLES.values())
        return pick(words(pick(kinds) if misleads() else kinds[style]))

    brand = pick(BRANDS) if misleads() else BRANDS[draw.choice(favorite[style])]
    noun = pick(words(DEPARTMENTS[department].split("|")[0]))
    color, material = pick(COLORS), pick(MATERIALS)
    title = f"{brand} {mood()} {noun}, {color} {material}"
    sentences = [
        text.format(a=word(), b=word(), c=word(), style=mood(), material=material)
        for text in draw.choice(SENTENCES, draw.integers(2, 5), replace=False)
    ]
    price = np.exp(draw.normal(3.0 + 0.15 * style, 0.6)).round(2)
    category = pick(names) if draw.random() < shape.noise / 3 else department
    return {
        "title": title,
        "description": " ".join(sentences),
        "category": category,
        "brand": brand,
        "color": color,
        "price": float(price),
    }


def shop_events(
    shape: Shape, hidden: Hidden, draw: np.random.Generator
) -> tuple[pl.DataFrame, float]:
    """Return the events of a shop, and the NDCG@10 of an oracle on the last event of each user.

    The oracle ranks by the probabilities from which the event is drawn. It knows what no log of a
    few events tells: the user's tastes and circle, and the weights and complements of the items.
    """
    steps = draw.normal(0, shape.drift / np.sqrt(18), (18, shape.departments))
    trend = np.cumsum(steps, axis=0)  # the log weight of each department in each month
    base = np.log(hidden.weight)
    found: list[tuple[str, str, int]] = []
    gains = []
    for user in range(shape.users):
        count = 3 + min(int(draw.geometric(1 / (1 + shape.more)) - 1), 7)
        liked = np.zeros(shape.departments)
        for n in range(draw.integers(1, 4)):
            liked[draw.integers(shape.departments)] = 1.0 - 0.2 * n
        mood = np.zeros(len(STYLES))
        mood[draw.integers(len(STYLES), size=2)] = 0.5
        taste = base + shape.content * (liked[hidden.department] + mood[hidden.style])
        taste = taste + shape.circle * (hidden.circle == draw.integers(CIRCLES))
        day, taken, last = float(draw.uniform(0, DAYS * 0.95)), np.zeros(shape.items, bool), -1
        for _ in range(count):
            open_ = ~taken & (hidden.arrival <= day)
            after = [] if last < 0 else [n for n in hidden.complements[last] if open_[n]]
            month = min(int(day / 30), 17)
            logit = taste + trend[month][hidden.department]
            logit = np.where(open_, logit, -np.inf)
            chance = np.exp(logit - logit.max())
            chance *= (1 - shape.complements * bool(after)) / chance.sum()
            np.add.at(chance, after, shape.complements / max(len(after), 1))
            if after and draw.random() < shape.complements:
                last = int(after[draw.integers(len(after))])
            else:
                last = int(np.argmax(logit + draw.gumbel(size=shape.items)))
            rank = int((chance >= chance[last]).sum())
            taken[last] = True
            found.append((f"u{user:04d}", f"p{last:04d}", int(START + day * DAY)))
            pause = draw.lognormal(-5.5, 1.0) if draw.random() < 0.5 else draw.lognormal(2.0, 1.0)
            day = min(day + pause, float(DAYS))
        gains.append(1 / np.log2(1 + rank) if rank <= 10 else 0.0)
    frame = pl.DataFrame(found, schema=["user_id", "item_id", "timestamp"], orient="row")
    return frame.sort("timestamp", maintain_order=True), float(np.mean(gains))


def thin(source: Path, windows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all items of a data set, and windows of its users' events as users."""
    items = pl.read_csv(source / "items.csv", infer_schema=False)
    events = pl.read_csv(source / "interactions.csv").sort("timestamp", maintain_order=True)
    draw = np.random.default_rng(7)
    kept = []
    for (user,), rows in sorted(events.group_by("user_id", maintain_order=True)):
        for number, part in enumerate(np.array_split(np.arange(len(rows)), windows)):
            length = min(int(draw.integers(3, 9)), len(part))
            if length >= 3:
                start = part[draw.integers(len(part) - length + 1)]
                name = pl.lit(f"{user}-{number}").alias("user_id")
                kept.append(rows.slice(start, length).with_columns(name))
    return items, pl.concat(kept).select("user_id", "item_id", "timestamp").sort(
        "timestamp", maintain_order=True
    )


def describe(folder: Path) -> dict[str, Any]:
    """Return sizes of a set, and how item-kNN and popularity rank its test targets."""
    dataset = read_folder(folder)
    split = leave_one_out(dataset.interactions, dataset.catalog)
    targets, counts = split.sequences.item[split.targets("test")], split.train_counts
    found: dict[str, Any] = {
        "users": len(split.sequences),
        "items": len(dataset.catalog),
        "events": len(split.sequences.item),
        "cold_targets": float((counts[targets] == 0).mean()),
        "items_with_0_to_2": float((counts[1:] <= 2).mean()),
        "files": hashlib.sha256(
            b"".join((folder / f"{name}.csv").read_bytes() for name in ("items", "interactions"))
        ).hexdigest()[:12],
    }
    events = split.until("valid")
    for name, model in {"item-knn": ItemKNN(), "popularity": Popularity()}.items():
        report = evaluate(model.fit(events, split.catalog_size), split)
        found[name] = {metric: report[metric] for metric in ("hr@10", "ndcg@10")}
    return found


def main() -> None:
    """Write the sets and print a line for each."""
    parser = command_line(__doc__)
    parser.add_argument("folder", type=Path, help="the sets are written below it")
    parser.add_argument("--data", type=Path, help="folder of the MovieLens data sets")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these sets; default all possible")
    arguments: argparse.Namespace = parser.parse_args()
    possible = NAMES if arguments.data else tuple(SHOPS)
    results = {}
    for name in arguments.only or possible:
        facts = make(name, arguments.folder / name, arguments.data)
        found = results[name] = describe(arguments.folder / name) | {"made": facts}
        ranked = ", ".join(
            f"{model} {found[model]['hr@10']:.4f} / {found[model]['ndcg@10']:.4f}"
            for model in ("item-knn", "popularity")
        )
        print(f"{name}: {found['users']:,} users, {found['items']:,} items, {found['events']:,} "
              f"events; {found['cold_targets']:.1%} of test targets without a training event, "
              f"{found['items_with_0_to_2']:.0%} of items with 0 to 2; HR@10 / NDCG@10: {ranked}; "
              f"files {found['files']}")  # fmt: skip
        print(f"    {json.dumps(facts)}")
    print_json(arguments, results)


if __name__ == "__main__":
    main()

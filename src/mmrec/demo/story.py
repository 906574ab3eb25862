"""One user's list, before and after each of a few clicks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmrec.data import ItemId, Split
from mmrec.data.splits import target_users
from mmrec.recommender import Recommender

NEAREST = 10
"""How many of the most similar items count as being like a clicked one."""


@dataclass(frozen=True)
class Line:
    """One line of a list.

    Attributes:
        item: the item's id.
        place: its place, 1 = first.
        before: its place in the list of the step before; None in the first list.
        new: whether it has no event in training.
    """

    item: ItemId
    place: int
    before: int | None
    new: bool


@dataclass(frozen=True)
class Step:
    """A list, and the click before it.

    Attributes:
        clicked: the item; None for the list before any click.
        lines: the top of the list, best first.
        entered: how many of the lines were not on top before the click.
        nearest: median place of the items most like those clicked so far, in the first list and
            in this one.
    """

    clicked: ItemId | None
    lines: list[Line]
    entered: int = 0
    nearest: tuple[float, float] | None = None


@dataclass(frozen=True)
class Story:
    """How a list changes with the items that a user clicks on.

    Attributes:
        user: the user's id.
        history: their items before the first click, oldest first.
        steps: the list before any click, then the list after each click.
    """

    user: ItemId
    history: list[ItemId]
    steps: list[Step]


def tell_story(recommender: Recommender, split: Split, *, clicks: int = 3, k: int = 10) -> Story:
    """Let a test user click on an item unlike their list, then on items like that one.

    The user is drawn by the seed of the recommender. The first click is the item least like the
    top ``k``; each further click is the item of the new list that is most like the one before.
    Items with an image are preferred.

    Raises:
        ValueError: nobody in the test part has a history.
    """
    user, history = pick_user(split, recommender)
    first = places = places_after(recommender, history)
    steps = [Step(None, _lines(recommender, places, None, k))]
    clicked: list[ItemId] = []
    for _ in range(min(clicks, len(places) - k)):
        top = list(places)[:k]
        clicked.append(
            closest(recommender, clicked[-1], top) if clicked else farthest(recommender, places, k)
        )
        after = places_after(recommender, [*history, *clicked])
        alike = {line.item for item in clicked for line in recommender.similar(item, NEAREST)}
        alike &= after.keys()
        medians = [float(np.median([order[item] for item in alike])) for order in (first, after)]
        steps.append(
            Step(
                clicked[-1],
                _lines(recommender, after, places, k),
                entered=sum(places[item] > k for item in list(after)[:k]),
                nearest=(medians[0], medians[1]) if alike else None,
            )
        )
        places = after
    return Story(user, history, steps)


def pick_user(split: Split, recommender: Recommender) -> tuple[ItemId, list[ItemId]]:
    """Draw a test user; return their id and their items before one of their test events."""
    events = split.sequences
    targets = split.targets("test")
    lengths = targets - events.offsets[target_users(split, targets)]
    if not lengths.any():
        raise ValueError("a story needs a user with a history in the test part; there is none")
    # Long enough to describe a taste, short enough for three clicks to change the list.
    usual = targets[(lengths >= 6) & (lengths <= 16)]
    rng = np.random.default_rng(recommender.options.seed)
    target = int(rng.choice(usual if len(usual) else targets[lengths > 0]))
    owner = int(target_users(split, np.array([target]))[0])
    ids = recommender.catalog.ids
    items = events.item[events.offsets[owner] : target]
    return events.users[owner], [ids[index - 1] for index in items]


def places_after(recommender: Recommender, history: Sequence[ItemId]) -> dict[ItemId, int]:
    """Return every unseen item with its place in the list, best first."""
    lines = recommender.recommend(list(history), len(recommender.catalog))
    return {line.item: place for place, line in enumerate(lines, 1)}


def is_new(recommender: Recommender, item: ItemId) -> bool:
    """Return whether the item has no event in training."""
    return int(recommender.state.counts[recommender.catalog.indices_of([item])[0]]) == 0


def farthest(recommender: Recommender, places: dict[ItemId, int], k: int) -> ItemId:
    """Return the trained item below place ``k`` that is least like the first ``k``."""
    top, rest = list(places)[:k], list(places)[k:]
    known = [item for item in rest if not is_new(recommender, item)]
    choices = _with_image(recommender, known or rest)
    center = _directions(recommender, top).mean(0)
    return choices[int((_directions(recommender, choices) @ center).argmin())]


def closest(recommender: Recommender, item: ItemId, choices: Sequence[ItemId]) -> ItemId:
    """Return the item of ``choices`` whose vector has the highest cosine with that of ``item``."""
    choices = _with_image(recommender, choices)
    scores = _directions(recommender, choices) @ _directions(recommender, [item])[0]
    return choices[int(scores.argmax())]


def _with_image(recommender: Recommender, items: Sequence[ItemId]) -> Sequence[ItemId]:
    """Return the items with an image, or all of them if none has one."""
    paths = recommender.catalog.image_paths()
    rows = recommender.catalog.indices_of(items)
    shown = [item for item, row in zip(items, rows, strict=True) if paths[row - 1] is not None]
    return shown or items


def _directions(recommender: Recommender, items: Sequence[ItemId]) -> Tensor:
    rows = torch.from_numpy(recommender.catalog.indices_of(items))
    return F.normalize(recommender.vectors[rows], dim=1)


def _lines(
    recommender: Recommender,
    places: dict[ItemId, int],
    before: dict[ItemId, int] | None,
    k: int,
) -> list[Line]:
    return [
        Line(item, place, None if before is None else before[item], is_new(recommender, item))
        for item, place in list(places.items())[:k]
    ]

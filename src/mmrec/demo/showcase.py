"""What the page shows of a trained recommender: people, new items, items that are alike."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from mmrec.affinities import without_novelty
from mmrec.data import ItemId, Split
from mmrec.data.splits import target_users
from mmrec.recommender import Recommender
from mmrec.recommender.popular import popular_and_diverse
from mmrec.reporting.cases import Visit, visits_until

ASKED = 300
"""The most users whose lists are made; the page shows a few of them."""


@dataclass(frozen=True)
class Person:
    """A test user, what was recommended to them, and what they interacted with next.

    Attributes:
        user: the user's id.
        events: how many events came before.
        history: the last of these events, oldest first.
        upcoming: the held-out event.
        place: the place of its item in the list, 1 = first; None if it can't be recommended.
        recommended: the top of the list, best first.
        listed: how many items the list has in all.
    """

    user: ItemId
    events: int
    history: list[Visit]
    upcoming: Visit
    place: int | None
    recommended: list[ItemId]
    listed: int


@dataclass(frozen=True)
class NewItem:
    """An item without any event, and a user who would see it.

    Attributes:
        item: the item's id.
        lists: how many of the lists contain it.
        users: how many lists were made.
        place: its best place in one of the lists.
        history: the last items of that list's user, oldest first.
    """

    item: ItemId
    lists: int
    users: int
    place: int
    history: list[ItemId]


def find_people(
    recommender: Recommender, split: Split, *, count: int = 6, shown: int = 9, k: int = 10
) -> list[Person]:
    """Draw test users. For half of them the next item is in their list, as far as possible."""
    found: dict[bool, list[Person]] = {True: [], False: []}
    for target in _last_targets(recommender, split)[:ASKED]:
        person = _person(recommender, split, int(target), shown, k)
        found[person.place is not None and person.place <= k].append(person)
        if min(map(len, found.values())) * 2 >= count:
            break
    hits, misses = found[True], found[False]
    kept = min(len(hits), max(count // 2, count - len(misses)))
    return [*hits[:kept], *misses[: count - kept]]


def find_new_items(
    recommender: Recommender, split: Split, *, count: int = 4, shown: int = 9, k: int = 10
) -> list[NewItem]:
    """Return items without any event, those in the most lists of length ``k`` first."""
    events = split.sequences.counts(len(recommender.catalog))
    ids = recommender.catalog.ids
    fresh = {item for item, seen in zip(ids, events[1:], strict=True) if seen == 0}
    histories = [
        items
        for target in _last_targets(recommender, split)[:ASKED]
        if (items := [visit.item for visit in visits_until(recommender, split, int(target) + 1)])
    ]
    lists: Counter[ItemId] = Counter()
    best: dict[ItemId, tuple[int, int]] = {}
    shown_lists = recommender.recommend_many(histories, k) if histories and fresh else []
    for row, lines in enumerate(shown_lists):
        for place, line in enumerate(lines, 1):
            if line.item in fresh:
                lists[line.item] += 1
                best[line.item] = min(best.get(line.item, (place, row)), (place, row))
    return [
        NewItem(item, times, len(histories), best[item][0], histories[best[item][1]][-shown:])
        for item, times in sorted(lists.items(), key=lambda pair: (-pair[1], best[pair[0]]))[:count]
    ]


def find_queries(recommender: Recommender, *, count: int = 4) -> list[ItemId]:
    """Return popular items that differ. The last has no image if there is such an item."""
    ids, counts = recommender.catalog.ids, recommender.state.counts.float().cpu()
    allowed = torch.ones(len(ids) + 1, dtype=torch.bool)
    allowed[0] = False
    vectors = without_novelty(recommender.model, recommender.vectors).cpu()
    chosen = popular_and_diverse(counts, vectors, allowed, count).tolist()
    shown = np.array([False] + [path is not None for path in recommender.catalog.image_paths()])
    if shown.any() and not shown[1:].all() and all(shown[chosen]):
        chosen[-1] = int(counts.masked_fill(torch.from_numpy(shown), -1)[1:].argmax()) + 1
    return [ids[index - 1] for index in chosen]


def _last_targets(recommender: Recommender, split: Split) -> np.ndarray:
    """Return the last test event of each user with a history, in random order."""
    targets = split.targets("test")
    owners = target_users(split, targets)
    last = targets[np.append(owners[1:] != owners[:-1], True)]
    last = last[last > split.sequences.offsets[target_users(split, last)]]
    return np.random.default_rng(recommender.options.seed).permutation(last)


def _person(recommender: Recommender, split: Split, target: int, shown: int, k: int) -> Person:
    *history, upcoming = visits_until(recommender, split, target + 1)
    items = [visit.item for visit in history]
    lines = recommender.recommend(items, len(recommender.catalog))
    order = [line.item for line in lines]
    owner = int(target_users(split, np.array([target]))[0])
    return Person(
        user=split.sequences.users[owner],
        events=len(history),
        history=history[-shown:],
        upcoming=upcoming,
        place=order.index(upcoming.item) + 1 if upcoming.item in order else None,
        recommended=order[:k],
        listed=len(order),
    )

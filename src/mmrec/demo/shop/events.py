"""The visitors of the miniature shop: drifting tastes, sessions, and the next item."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mmrec.demo.shop.products import CATEGORIES, VERBAL, VISUAL, Products

EVENTS = ("view", "cart", "purchase")
START = 1_736_121_600  # Monday 6 January 2025, in unix seconds
DAYS = 150

# Weight of the favourite value of an attribute, in units of the noise of a choice.
_WEIGHTS = {
    **{"shape": 1.5, "color": 2.8, "pattern": 2.2},
    **{"style": 2.8, "material": 2.2, "use": 1.5},
}
_VALUES = {name: len(values) for name, values in (VISUAL | VERBAL).items()}
_DRIFT = 0.12  # chance that a favourite changes from one session to the next, per attribute
_NEXT_CATEGORY, _SAME_CATEGORY = 2.4, 1.2  # after a lamp people look at seats, or at more lamps
_ECHO = {"color": 0.8, "style": 0.8}  # appeal of a value that the last item had too


@dataclass(frozen=True)
class Events:
    """The events of the shop in time order, one for each visit to a product's page.

    Attributes:
        user: Position of the user.
        item: Position of the product; a user visits a product once.
        timestamp: Unix seconds.
        event_type: What the visit led to, a position in ``EVENTS``.
    """

    user: Int[np.ndarray, " E"]
    item: Int[np.ndarray, " E"]
    timestamp: Int[np.ndarray, " E"]
    event_type: Int[np.ndarray, " E"]


def draw_events(products: Products, users: int, rng: np.random.Generator) -> Events:
    """Draw the events of ``users`` people, about 22 each."""
    rows = [
        (time, user, item, event_type)
        for user in range(users)
        for time, item, event_type in _visits(products, rng)
    ]
    time, user, item, event_type = np.array(sorted(rows), np.int64).reshape(-1, 4).T
    return Events(user, item, time, event_type)


def _visits(products: Products, rng: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    """Yield (time, item, event type) of each visit of one user."""
    codes = products.visual | products.verbal
    taste = {name: _new_taste(name, rng) for name in codes}
    launched = START + products.launch * DAYS * 86_400
    unseen = np.ones(len(products), bool)
    for start in _session_starts(rng):
        for name in codes:
            if rng.random() < _DRIFT:
                taste[name] = _new_taste(name, rng)
        liking = sum((taste[name][code] for name, code in codes.items()), np.zeros(len(products)))
        time, last = start, None
        for _ in range(min(1 + rng.geometric(0.3), 15)):
            open_to = unseen & (launched <= time)
            if not open_to.any():
                break
            appeal = liking + products.popularity + rng.gumbel(size=len(products))
            if last is not None:
                appeal += _flow(products, last)
            last = int(np.where(open_to, appeal, -np.inf).argmax())
            unseen[last] = False
            yield time, last, _event_type(float((liking <= liking[last]).mean()), rng)
            time += int(rng.integers(15, 240))


def _session_starts(rng: np.random.Generator) -> list[int]:
    """Return the starts of a user's sessions in unix seconds, mostly in the evening."""
    days = rng.uniform(rng.uniform(0.0, 0.8), 1.0, size=2 + rng.poisson(3.2)) * DAYS
    hours = rng.triangular(6.0, 20.0, 24.0, size=len(days))
    return sorted((START + np.floor(days) * 86_400 + hours * 3_600).astype(int).tolist())


def _new_taste(name: str, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
    """Return the liking of each value: one favourite, a second, and one that is avoided."""
    favourite, second, avoided = rng.permutation(_VALUES[name])[:3]
    taste = 0.2 * rng.standard_normal(_VALUES[name])
    taste[favourite] += _WEIGHTS[name]
    taste[second] += _WEIGHTS[name] / 2
    taste[avoided] -= _WEIGHTS[name] / 2
    return taste


def _flow(products: Products, last: int) -> Float[np.ndarray, " N"]:
    """Return how much each product gains in appeal after product ``last``."""
    step = (products.category - products.category[last]) % len(CATEGORIES)
    appeal = np.select([step == 1, step == 0], [_NEXT_CATEGORY, _SAME_CATEGORY])
    codes = products.visual | products.verbal
    for name, weight in _ECHO.items():
        appeal += weight * (codes[name] == codes[name][last])
    return appeal


def _event_type(match: float, rng: np.random.Generator) -> int:
    """Draw view, cart or purchase; the better the match (a share of the shop), the later one."""
    draw = rng.random() / match**4
    return 2 if draw < 0.12 else 1 if draw < 0.32 else 0

"""Values of the usual columns of numbers that can't be."""

import math

import numpy as np
import polars as pl
from jaxtyping import Bool

from mmrec.data.wording import counted, verb
from mmrec.recommender.content.number import numbers_of

RANGES: dict[str, tuple[int, float]] = {
    "price": (0, math.inf),
    "duration": (0, math.inf),
    "stars": (0, math.inf),
    "year": (1000, 2200),
}
"""What values of the usual columns of numbers can be."""


def out_of_range(items: pl.DataFrame) -> dict[str, tuple[Bool[np.ndarray, " V"], str]]:
    """Return which prices, durations, stars and years can't be, and a sentence, by column.

    Args:
        items: the rows of a catalogue.

    Example:
        >>> found = out_of_range(pl.DataFrame({"item_id": ["a", "b"], "price": ["-4", "5"]}))
        >>> found["price"][0].tolist(), found["price"][1]
        ([True, False], '1 value of price is below 0, the first is -4')
    """
    found = {}
    for name, (low, high) in RANGES.items():
        if name not in items or not (
            items[name].dtype.is_numeric() or items[name].dtype == pl.String
        ):
            continue
        numbers, _ = numbers_of(items[name])
        wrong = (numbers < low) | (numbers > high)
        if many := int(wrong.sum()):
            where = f"outside {low} to {high}" if high < math.inf else f"below {low}"
            said = f"{counted(many, 'value')} of {name} {verb(many, 'is', 'are')} {where}"
            found[name] = (wrong, f"{said}, the first is {numbers[wrong][0]:g}")
    return found

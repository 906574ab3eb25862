"""Items with several raw values of a modality, such as several images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from mmrec.data import TableSource
from mmrec.encoders import Features, FeatureStore

_BLOCK = 10_000  # values whose features are averaged at once


def encode_each(
    store: FeatureStore, encoder: nn.Module, values: Sequence[Any], *, progress: bool = False
) -> tuple[Features | TableSource, dict[int, str]]:
    """Return the features of a catalogue, and why values are left out, by row.

    An item with several values has the mean of their features.
    """
    flat, owners = flatten(values)
    # Index 0 is padding, so the features are the catalogue's source as they are.
    features = store.encode(encoder, [None, *flat], progress=progress)
    problems = by_row({i - 1: reason for i, reason in features.problems.items()}, owners)
    if len(flat) == len(values):
        return features, problems
    count, total = np.zeros(len(values) + 1), np.zeros((len(values) + 1, features.dim), np.float32)
    for start in range(0, len(flat), _BLOCK):
        places = np.arange(start, min(start + _BLOCK, len(flat)))
        here = places[features.present[places + 1]]
        rows = np.array(owners)[here] + 1
        np.add.at(total, rows, features[here + 1].numpy())
        np.add.at(count, rows, 1)
    return TableSource(total / count.clip(1)[:, None].astype(np.float32), count > 0), problems


def flatten(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return all values, those of tuples one by one, and the row of each."""
    pairs = [
        (part, row)
        for row, value in enumerate(values)
        for part in (value if isinstance(value, tuple) else (value,))
    ]
    return [part for part, _ in pairs], [row for _, row in pairs]


def by_row(problems: Mapping[int, str], owners: Sequence[int]) -> dict[int, str]:
    """Return problems by row; of several in one row, the first and their number."""
    found: dict[int, list[str]] = {}
    for place, reason in problems.items():
        found.setdefault(owners[place], []).append(reason)
    return {
        row: reasons[0] if len(reasons) == 1 else f"{len(reasons)} values, first: {reasons[0]}"
        for row, reasons in found.items()
    }

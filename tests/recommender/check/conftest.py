from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from mmrec.recommender.check import check_folder

NOW = 1_800_000_000.0
START = 1_700_000_000
USERS, STEPS, ITEMS = 60, 20, 40


@dataclass
class DataSet:
    """A data set folder with nothing odd, until a test changes a table."""

    folder: Path
    events: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame | None = None

    def write(self):
        self.events.write_parquet(self.folder / "interactions.parquet")
        self.items.write_parquet(self.folder / "items.parquet")
        if self.users is not None:
            self.users.write_parquet(self.folder / "users.parquet")
        return self.folder

    def check(self, **how):
        return check_folder(self.write(), **{"now": NOW, **how})

    def found(self, **how):
        """Return the findings by kind."""
        return {finding.kind: finding for finding in self.check(**how).findings}

    def set_events(self, rows, **values):
        """Replace values of columns in the first rows, in order of time."""
        for name, value in values.items():
            column = self.events[name].to_list()
            column[:rows] = [value] * rows
            self.events = self.events.with_columns(pl.Series(name, column))

    def set_items(self, rows, **values):
        for name, value in values.items():
            column = self.items[name].to_list()
            for row in rows:
                column[row] = value
            self.items = self.items.with_columns(pl.Series(name, column))

    @property
    def images(self):
        return self.folder / "images"


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    order = np.arange(USERS * STEPS)
    # Each user passes through the items in steps that leave none out.
    item = (order // USERS * 7 + order % USERS) % ITEMS
    events = pl.DataFrame(
        {
            "user_id": [f"u{n % USERS}" for n in order],
            "item_id": [f"i{n}" for n in item],
            "timestamp": START + 60 * order,
            "event": [("view", "cart")[n % 2] for n in order],
        }
    )
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(ITEMS)],
            "title": [f"lamp number {n}" for n in range(ITEMS)],
            "image": [f"{n}.png" for n in range(ITEMS)],
        }
    )
    for n in range(ITEMS):
        Image.new("RGB", (4, 4), (n, 0, 0)).save(folder / "images" / f"{n}.png")
    return DataSet(folder, events, items)

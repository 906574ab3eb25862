"""Reading a data set from a folder of interactions, items and images."""

from dataclasses import dataclass
from pathlib import Path

from mmrec.data.catalog import Catalog
from mmrec.data.interactions import Interactions
from mmrec.data.tables import find_table


@dataclass(frozen=True)
class Dataset:
    """Events and the catalogue that they refer to.

    Raises:
        ValueError: an event's item is not in the catalogue.
    """

    interactions: Interactions
    catalog: Catalog

    def __post_init__(self) -> None:
        check_known(self.interactions, self.catalog)


def read_folder(directory: str | Path) -> Dataset:
    """Return the data set in a folder.

    .. code-block:: text

        interactions.csv | .parquet   user_id, item_id, timestamp or position, optionally event
        items.csv        | .parquet   item_id, free columns, image (a file name, or empty)
        images/                       JPEG, PNG, WebP

    Raises:
        FileNotFoundError: the folder or one of the two tables does not exist.
        ValueError: a table is malformed, or an event's item is not in the catalogue.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mmrec.demo import make_shop
        >>> with TemporaryDirectory() as folder:
        ...     data = read_folder(make_shop(folder, users=20, items=30))
        >>> len(data.catalog)
        30
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"no data set folder at {directory}")
    return Dataset(
        Interactions(find_table(directory, "interactions")),
        Catalog(find_table(directory, "items"), directory / "images"),
    )


def check_known(interactions: Interactions, catalog: Catalog) -> None:
    """Raise a ``ValueError`` if an event's item is not in ``catalog``; it names the first few."""
    events, items = interactions.frame["item_id"], catalog.frame["item_id"]
    if events.dtype != items.dtype:
        raise ValueError(
            f"item_id must have the same type in both tables; got {events.dtype} in interactions "
            f"and {items.dtype} in items"
        )
    unknown = events.unique(maintain_order=True)
    unknown = unknown.filter(~unknown.is_in(items.implode()))
    if len(unknown):
        raise ValueError(
            f"interactions refer to {len(unknown)} items that are not in the catalogue, first "
            f"{unknown.head(3).to_list()!r}"
        )

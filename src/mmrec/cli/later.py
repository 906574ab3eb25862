"""Later data sets whose events are of items that a RUN doesn't have."""

from pathlib import Path

from mmrec.data import Catalog, Dataset, Interactions
from mmrec.data.wording import counted, verb
from mmrec.recommender.options import DataOptions
from mmrec.recommender.pipeline.data import split_log


def log_of_run(
    dataset: Dataset, catalog: Catalog, folder: Path, options: DataOptions | None = None
) -> Interactions:
    """Return the events of a data set, whose items must all be in the catalogue of a RUN.

    Args:
        dataset: what the folder holds.
        catalog: the catalogue of the RUN.
        folder: the folder, for the message.
        options: of a split; items of events that it leaves out are not asked for.

    Raises:
        ValueError: the RUN lacks items of events; the message says what adds them.

    Example:
        >>> later = Dataset(
        ...     Interactions({"user_id": ["u"], "item_id": ["b"], "position": [0]}),
        ...     Catalog({"item_id": ["a", "b"]}),
        ... )
        >>> log_of_run(later, Catalog({"item_id": ["a"]}), Path("later"))
        Traceback (most recent call last):
        ValueError: 1 event of later is of 1 item that is not in the catalogue of the RUN (1 item...
    """
    items = dataset.interactions.frame["item_id"]
    unknown = [item for item in items.unique(maintain_order=True) if not catalog.find(item)]
    if not unknown or (options is not None and _splits(dataset.interactions, options, catalog)):
        return dataset.interactions
    events, many = int(items.is_in(unknown).sum()), len(unknown)
    them = verb(many, "it", "them")
    raise ValueError(
        f"{counted(events, 'event')} of {folder} {verb(events, 'is', 'are')} of "
        f"{counted(many, 'item')} that {verb(many, 'is', 'are')} not in the catalogue of the RUN "
        f"({counted(len(catalog), 'item')}), first {unknown[:3]!r}{catalog.mistaken(unknown)}; the "
        f"items of {folder} have {them}: mmrec update trains on with {them}, and add_items in "
        f"Python adds {them} by content"
    )


def _splits(log: Interactions, options: DataOptions, catalog: Catalog) -> bool:
    """Whether a log can be split: ignored events and rare items are left out before look-up."""
    try:
        split_log(log, options, catalog)
    except ValueError:
        return False
    return True

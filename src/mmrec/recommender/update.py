"""Training on from a RUN when there is new data: new users, new items, a longer catalogue."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mmrec.data import Catalog, Interactions, Split, Table
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.build import build_model, build_split, known_log, prepared, renumbered
from mmrec.recommender.clock import Clock
from mmrec.recommender.content import read_content
from mmrec.recommender.describe import describe_content, describe_run, measure
from mmrec.recommender.recommender import Recommender
from mmrec.recommender.training import train, training_device

ID_TABLE = "items.encoders.id.table.weight"


def update_recommender(
    old: Recommender,
    events: Table | Interactions,
    items: Table | Catalog | None = None,
    *,
    images: str | Path | None = None,
    cache: str | Path | None = None,
    progress: bool = False,
    **changes: Any,
) -> Recommender:
    """Train on from a recommender with new events; it isn't changed.

    The catalogue grows by the items that are new, and takes over what ``items`` say of the others.
    Everything starts at the weights of ``old``; ids get a vector of their own once they have
    training events. Nothing of the events before is read, so what ``old`` knows and the new events
    don't show may fade: fewer epochs and a lower learning rate keep more of it.

    Args:
        old: what to go on from.
        events: the new log; also of known users.
        items: rows of new or changed items, if there are any.
        images: folder of their images; by default that of ``old``'s catalogue.
        cache: folder in which the features of frozen encoders are kept.
        progress: whether to show progress bars.
        **changes: options that are other than ``old``'s, such as ``epochs`` and ``lr``.

    Returns:
        A recommender of its own, measured on the test part of the new log.

    Raises:
        ValueError: the data is not what is expected, a text or image model is another one than
            that of ``old``, or what changes is no such option.

    Example:
        >>> from mmrec.recommender import Options
        >>> log = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
        >>> options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
        >>> made = Recommender.fit(log, {"item_id": [*"abc"]}, options=options)
        >>> later = {"user_id": [*"wwwwxxxx"], "item_id": [*"abdabdab"], "position": range(8)}
        >>> len(update_recommender(made, later, {"item_id": ["d"]}, epochs=2).catalog)
        4
    """
    clock, device = Clock(), training_device()
    options = replace(old.options, **changes)
    _check_options(old, changes)
    catalog = _merged(old.catalog, items, images)
    log = known_log(events, catalog)
    split = build_split(options, prepared(log, options), catalog)
    split = renumbered(split, old.config["event_types"])
    torch.manual_seed(options.seed)
    trained = _vocabulary(old, split)
    content = read_content(
        options,
        catalog,
        trained,
        cache=Path(cache) if cache else None,
        device=device,
        progress=progress,
    )
    config = describe_run(options, catalog, split, content)
    _check_encoders(old.config, config)
    clock.lap("encode")
    model = build_model(options, content.encoders, len(old.config["event_types"]), old.build)
    _start_from(model, old.model)
    history = train(model, options, split, content, progress=progress, checkpoints=None)
    vectors, contributions = encode_with_contributions(
        model.to(device).items, content.sources, len(catalog)
    )
    counts = torch.from_numpy(split.train_counts)
    counts = counts + F.pad(old.counts.cpu(), (0, len(counts) - len(old.counts)))
    slots = np.zeros(len(catalog) + 1, dtype=np.int64)
    slots[trained] = np.arange(1, len(trained) + 1)
    made = Recommender(options, catalog, model, vectors, counts, slots, config, {}, old.build)
    made.modality_contributions = contributions
    clock.lap("train")
    measured, made.targets = measure(made.catalog_scorer, split, options, catalog)
    clock.lap("evaluate")
    made.report = measured | {"training": history} | describe_content(catalog, content)
    made.report |= {"seconds": clock.seconds}
    return made.to("cpu")


def _check_options(old: Recommender, changes: dict[str, Any]) -> None:
    """Refuse options that give the weights another shape or meaning."""
    if old.options.epsilon is not None:
        raise ValueError("a RUN that was trained with privacy can't be updated; fit a new one")
    fixed = {"modalities", "text_encoder", "image_encoder", "text_template", "pooling", "tuning"}
    fixed |= {"fusion", "interest", "scorer", "dim", "layers", "time_gap", "event_types", "epsilon"}
    wrong = sorted(n for n in fixed & set(changes) if changes[n] != getattr(old.options, n))
    if wrong:
        raise ValueError(f"an update must keep {wrong} of the RUN; fit a new one to change them")


def _merged(old: Catalog, items: Table | Catalog | None, images: str | Path | None) -> Catalog:
    """Return the catalogue with changed rows in their places and new ones at the end."""
    catalog = old.copy()
    if images is not None:
        catalog.images = Path(images)
        _check_images(old, catalog)
    if items is None:
        return catalog
    rows = items if isinstance(items, Catalog) else Catalog(items, catalog.images)
    known = np.array([item in catalog for item in rows.ids], dtype=bool)
    if known.any():
        catalog.update(rows.frame.filter(known.tolist()))
    if not known.all():
        catalog.append(rows.frame.filter((~known).tolist()))
    return catalog


def _check_images(old: Catalog, catalog: Catalog) -> None:
    """Refuse a folder that would take the images away from items that have one."""
    pairs = zip(old.image_paths(), catalog.image_paths(), strict=True)
    lost = sum(bool(a and a.is_file() and not (b and b.is_file())) for a, b in pairs)
    if lost:
        raise ValueError(
            f"{catalog.images} must also hold the images of the RUN's items; it lacks {lost}, "
            f"which are in {old.images}"
        )


def _vocabulary(old: Recommender, split: Split) -> np.ndarray:
    """Return catalogue indices in the order of their ids' slots: old ones keep theirs."""
    before = np.flatnonzero(old.slots)
    before = before[np.argsort(old.slots[before])]
    now = np.flatnonzero(split.train_counts)
    return np.concatenate([before, np.setdiff1d(now, before)])


def _check_encoders(before: dict[str, Any], now: dict[str, Any]) -> None:
    for name, described in before["encoders"].items():
        found = now["encoders"][name]["fingerprint"]
        if found != described["fingerprint"]:
            raise ValueError(
                f"the {name} encoder must have the fingerprint {described['fingerprint'][:12]} "
                f"that the RUN was trained with; the one at hand has {found[:12]}"
            )


def _start_from(model: SequentialModel, old: SequentialModel) -> None:
    """Take over all weights; new ids, which nobody has met, start at small random vectors."""
    weights = {name: value.cpu() for name, value in old.state_dict().items()}
    if ID_TABLE in weights:
        table = model.state_dict()[ID_TABLE].clone()
        table[: len(weights[ID_TABLE])] = weights[ID_TABLE]
        weights[ID_TABLE] = table
    model.load_state_dict(weights)

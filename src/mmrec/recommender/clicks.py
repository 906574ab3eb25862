"""Models of clicks: what they read of a catalogue, and trained ones in a folder.

In a folder, what a model is made of is JSON, and its weights are safetensors.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mmrec.data import Catalog, Impressions
from mmrec.data.durable import atomic_folder, whole_folder
from mmrec.data.tables import read_json
from mmrec.layers.progress import showing, shows_progress
from mmrec.models import ClickModel, ItemEncoder
from mmrec.recommender.content import Content, Context, modalities_of, read_content, those_of
from mmrec.recommender.content.fitted import ENCODER_ROOMS
from mmrec.recommender.options import Options
from mmrec.recommender.parts import PartSpec, handed_over, remake, spec_of_object

FORMAT = 1
"""Version of the format; increased when older folders can't be read any more."""

CONFIG, WEIGHTS = "clicks.json", "clicks.safetensors"
ROOMS = {
    "fusion": ["mmrec.fusion"],
    "interest": ["mmrec.interest"],
    "scorer": ["mmrec.scoring"],
}
"""The packages from which each part may be imported."""


def click_content(
    catalog: Catalog,
    train: Impressions,
    *,
    options: Options | None = None,
    encoders: Mapping[str, Any] | None = None,
    cache: str | Path | None = None,
    device: str = "cpu",
    progress: bool | None = None,
) -> Content:
    """Read the modalities of a catalogue as :meth:`mmrec.Recommender.fit` does, for clicks.

    ``sources`` of the result are for :class:`mmrec.training.ImpressionDataModule`, ``encoders`` for
    :func:`mmrec.models.click_model` and the other builders. Frozen encoders run once, here. If some
    are trained, the data module also takes ``train_sources``.

    Args:
        catalog: the items, such as ``read_folder(folder).catalog``.
        train: the impressions to learn from. Items that they show, or that are in their histories,
            get an id of their own.
        options: ``modalities`` and how they are encoded; ``dim`` is the width of embeddings. The
            rest is not read.
        encoders: as for :meth:`mmrec.Recommender.fit`.
        cache: folder in which the features of frozen encoders are kept, or None for memory.
        device: where frozen encoders run.
        progress: as for :meth:`mmrec.Recommender.fit`.

    Raises:
        ValueError: a modality is unknown, or no item has it.
        OSError: a pretrained encoder can't be loaded.

    Example:
        >>> from mmrec.data import Interactions, read_impressions
        >>> from mmrec.models import din
        >>> log = {"user_id": [*"uuvv"], "item_id": [*"abba"], "timestamp": [1, 1, 2, 2]}
        >>> log |= {"event": ["click", "impression"] * 2, "impression_id": [1, 1, 2, 2]}
        >>> catalog = Catalog({"item_id": [*"abc"], "category": ["lamp", "chair", "lamp"]})
        >>> shown = read_impressions(Interactions(log), catalog)
        >>> options = Options(modalities=("id", "category"), dim=8)
        >>> content = click_content(catalog, shown, options=options)
        >>> {name: int(source.present.sum()) for name, source in content.sources.items()}
        {'id': 2, 'category': 3}
        >>> sorted(din(content.encoders, dim=8).items.encoders)
        ['category', 'id']
    """
    options = options or Options()
    modalities = modalities_of(options, encoders)
    if options.modalities is None:
        modalities = those_of(catalog, modalities, encoders or ())
    read = train.events.keep(_in_histories(train))
    context = Context(
        options.dim,
        np.unique(np.concatenate([train.item, read.item])),
        None if cache is None else Path(cache),
        device,
        shows_progress(progress),
        read,
    )
    with showing(context.progress):
        return read_content(modalities, catalog, context)


def _in_histories(impressions: Impressions) -> np.ndarray:
    """Return which events are in the history of an impression, ``(E,)``."""
    change = np.zeros(len(impressions.events.item) + 1, dtype=np.int64)
    np.add.at(change, impressions.start, 1)
    np.add.at(change, impressions.stop, -1)
    inside: np.ndarray = change.cumsum()[:-1] > 0
    return inside


def save_clicks(model: ClickModel, folder: str | Path, *, event_types: Sequence[str] = ()) -> None:
    """Write a model of clicks; the folder appears whole or not at all, and replaces an older one.

    It holds how the model is made and its weights, not the catalogue that it was trained on.

    Args:
        model: the model.
        folder: where to write.
        event_types: names of the event types of the histories that it was trained on, if they are
            an input: ``train.events.event_types``. :func:`read_event_types` returns them.

    Raises:
        FileExistsError: the folder holds something other than a model of clicks.
        OSError: it can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import din
        >>> with TemporaryDirectory() as folder:
        ...     save_clicks(din({"id": IdEncoder(9, 8)}, dim=8), Path(folder) / "clicks")
        ...     type(load_clicks(Path(folder) / "clicks").interest).__name__
        'DINInterest'
    """
    folder = Path(folder)
    if folder.is_dir() and (held := {p.name for p in folder.iterdir()}) - {CONFIG, WEIGHTS}:
        raise FileExistsError(
            f"{folder} holds something other than a model of clicks: {sorted(held)}"
        )
    items = model.items
    parts = {"fusion": items.fusion, "interest": model.interest, "scorer": model.scorer}
    encoders = {name: spec_of_object(part).to_dict() for name, part in items.encoders.items()}
    config = {
        "format": FORMAT,
        "encoders": encoders,
        "parts": {slot: spec_of_object(part).to_dict() for slot, part in parts.items()},
        "items": {
            "modality_dropout": items.modality_dropout,
            "chunk": items.chunk,
            "beside": items.beside,
        },
        "event_types": list(event_types),
    }
    # Clones, because tied weights share memory, which the format has no place for.
    weights = {n: value.cpu().contiguous().clone() for n, value in model.state_dict().items()}
    with atomic_folder(folder, replace=True, what="the model of clicks") as fresh:
        save_file(weights, fresh / WEIGHTS)
        (fresh / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_clicks(folder: str | Path, *, parts: Sequence[Any] | Mapping[str, Any] = ()) -> ClickModel:
    """Return the model of clicks in a folder, in evaluation mode.

    Parts of mmrec that record their arguments are made again. Others are handed over, as for
    :meth:`mmrec.Recommender.load`: as classes, or as objects made in the same way. A text model for
    example: ``parts={"text": TextEncoder.from_pretrained(name)}``.

    Args:
        folder: where :func:`save_clicks` has written.
        parts: parts by slot (``"fusion"``, ``"interest"``, ``"scorer"`` or a modality), or a list.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder is damaged or of another version, or a part is missing in ``parts``.
    """
    folder, config = _read(folder)
    own = handed_over(parts)
    try:
        specs = {slot: PartSpec.from_dict(config["parts"][slot]) for slot in ROOMS}
        encoders = {n: PartSpec.from_dict(spec) for n, spec in config["encoders"].items()}
        options = dict(config["items"])
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / CONFIG} is damaged: {error!r}") from error
    made = {slot: remake(slot, spec, ROOMS[slot], own) for slot, spec in specs.items()}
    content = {name: remake(name, spec, ENCODER_ROOMS, own) for name, spec in encoders.items()}
    model = ClickModel(
        ItemEncoder(content, made["fusion"], **options), made["interest"], made["scorer"]
    )
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{folder / WEIGHTS} does not fit the model: {reason}") from error
    return model.eval()


def read_event_types(folder: str | Path) -> tuple[str, ...]:
    """Return the event types with which a model of clicks was saved, in the order of their numbers.

    A log is read for the model with these, or its types have other numbers than in training:
    ``read_impressions(log, catalog, event_types=read_event_types(folder))``.

    Args:
        folder: where :func:`save_clicks` has written.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder is damaged or of another version, or the model was saved without
            event types.
    """
    folder, config = _read(folder)
    names = config.get("event_types", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"{folder / CONFIG} is damaged: expected names as event_types; got {names!r}"
        )
    if not names:
        raise ValueError(f"expected a model saved with its event_types; {folder} has none")
    return tuple(names)


def _read(folder: str | Path) -> tuple[Path, dict[str, Any]]:
    """Return the whole folder of a model of clicks, and what its JSON file says."""
    folder = whole_folder(Path(folder))
    if not folder.is_dir():
        raise FileNotFoundError(f"no model of clicks at {folder}")
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        raise ValueError(f"{folder} must hold {CONFIG} and {WEIGHTS}; it lacks {missing}")
    config = read_json(folder / CONFIG)
    if (found := config.get("format")) != FORMAT:
        raise ValueError(f"{folder} must be of format {FORMAT}; it is of format {found!r}")
    return folder, config

"""A RUN: the files of a trained recommender in a folder."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data.durable import atomic_folder, whole_folder
from mmrec.data.tables import read_json, read_table
from mmrec.recommender.config import config_text
from mmrec.recommender.config_yaml import read_yaml
from mmrec.recommender.zoo import resolve

FORMAT = 7
"""Version of the format; increased when older RUNs can't be read any more."""

T = TypeVar("T")

HASHES = "sha256"
"""Key in ``config.json`` of the hashes of the other files, which reveal a file of another RUN."""

FILES = ("model.safetensors", "config.json", "items.parquet", "report.json")
WEIGHTS, CONFIG, ITEMS, REPORT = FILES
TARGETS, CONTRIBUTIONS = "targets.parquet", "contributions.safetensors"
TREND, NEIGHBOURS, USERS = "trend.safetensors", "neighbours.safetensors", "users.parquet"
GIVEN = "run.yaml"
CARD = "README.md"
OPTIONAL = (TARGETS, CONTRIBUTIONS, TREND, NEIGHBOURS, USERS, GIVEN)
VECTOR, COUNT, SLOT = "mmrec_vector", "mmrec_count", "mmrec_id"


class RunError(ValueError):
    """A RUN folder that is incomplete, damaged or of another version."""


@dataclass
class Run:
    """What the files of a RUN hold.

    Attributes:
        config: all that is needed to make the model again and to repeat the training.
        weights: the model's state dict.
        items: the catalogue, with three more columns: ``VECTOR``, ``COUNT`` (number of
            training events) and ``SLOT`` (position in the id vocabulary).
        report: how training and evaluation went.
        targets: the rank of each test target, or None.
        contributions: what each modality adds to the vectors.
        trend: the arrays of the trend, see :class:`mmrec.trends.Trend`.
        neighbours: the arrays of :class:`mmrec.affinities.Neighbours`, by their number.
        users: ``user_id`` and the columns that the model reads, or None.
        given: what ``mmrec fit`` was given, by key; empty if the model was made in another way.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]
    items: pl.DataFrame
    report: dict[str, Any]
    targets: pl.DataFrame | None = None
    contributions: dict[str, Tensor] = field(default_factory=dict)
    trend: dict[str, Tensor] = field(default_factory=dict)
    neighbours: dict[str, Tensor] = field(default_factory=dict)
    users: pl.DataFrame | None = None
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def vectors(self) -> Tensor:
        """The vector of every catalogue index, ``(V + 1, D)``."""
        vectors = np.stack(self.items[VECTOR].to_list()).astype(np.float32)
        return torch.from_numpy(np.pad(vectors, ((1, 0), (0, 0))))

    @property
    def counts(self) -> Tensor:
        """Training events of every catalogue index, ``(V + 1,)``."""
        return torch.from_numpy(np.pad(self.items[COUNT].to_numpy(), (1, 0)))

    @property
    def slots(self) -> np.ndarray:
        """Position in the id vocabulary of every catalogue index, ``(V + 1,)``."""
        return np.pad(self.items[SLOT].to_numpy(), (1, 0))


def with_columns(
    items: pl.DataFrame, vectors: Tensor, counts: Tensor, slots: np.ndarray
) -> pl.DataFrame:
    """Return a catalogue with vectors, counts and slots in columns; index 0 is left out."""
    table = vectors[1:].cpu().numpy()
    return items.with_columns(
        pl.Series(VECTOR, table, dtype=pl.Array(pl.Float32, table.shape[1])),
        pl.Series(COUNT, counts[1:].cpu().numpy().astype(np.int64)),
        pl.Series(SLOT, slots[1:].astype(np.int64)),
    )


def is_main_process() -> bool:
    """Whether this process writes files; Lightning starts one process for each device."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def check_place(directory: Path, also: Sequence[str] = ()) -> None:
    """Raise a ``FileExistsError`` if ``directory`` holds something other than a RUN.

    Args:
        directory: the folder.
        also: names of further files that may be there.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise FileExistsError(f"{directory} is a file; choose a folder for the RUN")
    held = {path.name for path in directory.iterdir()}
    if held and held - {*OPTIONAL, *also} != set(FILES):
        others = sorted(held - {*FILES, *OPTIONAL, *also}) or sorted(held)
        raise FileExistsError(
            f"{directory} holds something other than a RUN, which would be lost: {others[:3]}; "
            f"choose another folder"
        )


def write_run(run: Run, directory: Path, card: str | None = None) -> None:
    """Write a RUN; the folder appears whole or not at all, and replaces an older RUN.

    Args:
        run: what it holds.
        directory: the folder.
        card: a model card that is written beside; a card that is there is replaced by it.

    Raises:
        FileExistsError: there is something at ``directory`` that is not a RUN.
        OSError: it can't be written, because the disk is full for example; an older RUN stays.
    """
    check_place(directory, () if card is None else (CARD,))
    with atomic_folder(directory, replace=True, what="the RUN") as fresh:
        _write_files(run, fresh)
        if card is not None:
            (fresh / CARD).write_text(card, encoding="utf-8")


def _write_files(run: Run, directory: Path) -> None:
    tensors = {WEIGHTS: run.weights}
    if run.contributions:
        tensors[CONTRIBUTIONS] = run.contributions
    if run.trend:
        tensors[TREND] = run.trend
    if run.neighbours:
        tensors[NEIGHBOURS] = run.neighbours
    for file, held in tensors.items():
        # Clones, because tied weights share memory, which the format has no place for.
        whole = {name: tensor.cpu().contiguous().clone() for name, tensor in held.items()}
        save_file(whole, directory / file)
    run.items.write_parquet(directory / ITEMS)
    (directory / REPORT).write_text(_to_json(run.report), encoding="utf-8")
    if run.targets is not None:
        _write_private(run.targets, directory / TARGETS)
    if run.users is not None:
        _write_private(run.users, directory / USERS)
    if run.given:
        (directory / GIVEN).write_text(config_text(run.given), encoding="utf-8")
    hashes = {HASHES: {path.name: _hash(path) for path in sorted(directory.iterdir())}}
    config = _to_json({"format": FORMAT} | run.config | hashes)
    (directory / CONFIG).write_text(config, encoding="utf-8")


def _write_private(table: pl.DataFrame, path: Path) -> None:
    """Write a table that names users: its file is for its owner alone before anything is in it."""
    path.touch(mode=0o600)
    table.write_parquet(path)


def read_run(directory: Path) -> Run:
    """Read a RUN.

    Raises:
        FileNotFoundError: there is no such folder.
        RunError: a file is missing or damaged, or the RUN is of another version.
    """
    directory = whole_folder(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"no RUN at {directory}")
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise RunError(f"{directory} must hold {list(FILES)} to be a RUN; it lacks {missing}")
    config = _from_json(directory / CONFIG)
    if (found := config.pop("format", None)) != FORMAT:
        raise RunError(
            f"{directory} must be a RUN of format {FORMAT!r}; it is of format {found!r}: train it "
            f"again with this version of mmrec"
        )
    _check_hashes(directory, config.pop(HASHES, None))
    targets, contributions, trend, neighbours, users, given = (
        directory / name for name in OPTIONAL
    )
    return Run(
        config=config,
        weights=_read(directory / WEIGHTS, load_file),
        items=_read(directory / ITEMS, _read_items),
        report=_from_json(directory / REPORT),
        # These files are optional.
        targets=_read(targets, pl.read_parquet) if targets.is_file() else None,
        contributions=_read(contributions, load_file) if contributions.is_file() else {},
        trend=_read(trend, load_file) if trend.is_file() else {},
        neighbours=_read(neighbours, load_file) if neighbours.is_file() else {},
        users=_read(users, pl.read_parquet) if users.is_file() else None,
        given=_read(given, _read_given) if given.is_file() else {},
    )


def _check_hashes(directory: Path, hashes: object) -> None:
    """Raise a ``RunError`` if a file was not written together with ``config.json``."""
    if not isinstance(hashes, dict):
        raise RunError(f"{directory} is damaged: {HASHES} of its {CONFIG} is {hashes!r}")
    for name in (*FILES, *OPTIONAL):
        path = directory / name
        if name != CONFIG and path.is_file() and _hash(path) != hashes.get(name):
            way = "copy the folder again" if name in FILES else "copy it again, or remove it"
            raise RunError(
                f"{directory} is damaged: {name} is not the file that was written with {CONFIG}; "
                f"{way}"
            )


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    try:
        return reader(path)
    except (SafetensorError, pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{path.parent} is damaged: {path.name}: {reason}") from error


def _read_items(path: Path) -> pl.DataFrame:
    items = read_table(path, "items")
    np.stack(items[VECTOR].to_list())  # fails for a table without the columns of a RUN
    return items.with_columns(pl.col(COUNT).cast(pl.Int64), pl.col(SLOT).cast(pl.Int64))


def _read_given(path: Path) -> dict[str, Any]:
    given = read_yaml(path)
    resolve(given.get("model"), None, {})  # fails for a model of a later version
    return given


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _from_json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except ValueError as error:
        raise RunError(str(error)) from error

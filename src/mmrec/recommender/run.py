"""A RUN: a trained recommender in a folder."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data.durable import flush
from mmrec.data.tables import read_json, read_table

FORMAT = 1
"""Raised when a RUN of an older version can't be read any more."""

T = TypeVar("T")

HASHES = "sha256"
"""Where ``config.json`` has the hash of every other file: files of two RUNs are never mixed."""

FILES = ("model.safetensors", "config.json", "items.parquet", "report.json")
TARGETS, CONTRIBUTIONS = "targets.parquet", "contributions.safetensors"
VECTOR, COUNT, SLOT = "mmrec_vector", "mmrec_count", "mmrec_id"


class RunError(ValueError):
    """A RUN folder that is incomplete, damaged or of another version."""


@dataclass
class Run:
    """What a RUN holds.

    Attributes:
        config: everything needed to rebuild the model and to repeat the run.
        weights: the model's state dict.
        items: the catalogue.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        counts: training events of every catalogue index, ``(V + 1,)``.
        slots: position in the id vocabulary of every catalogue index, 0 = none, ``(V + 1,)``.
        report: how it went.
        targets: the rank of each test target, written as ``targets.parquet`` where it is known.
        modality_contributions: what each modality adds to ``vectors``; written as
            ``contributions.safetensors``.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]
    items: pl.DataFrame
    vectors: Tensor
    counts: Tensor
    slots: np.ndarray
    report: dict[str, Any]
    targets: pl.DataFrame | None = None
    modality_contributions: dict[str, Tensor] = field(default_factory=dict)


def is_main_process() -> bool:
    """Whether this is the one to write: Lightning runs a script once for each device."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def check_place(directory: Path) -> None:
    """Raise a ``FileExistsError`` if a RUN can't be written there: only a RUN is replaced."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise FileExistsError(f"{directory} is a file; choose a folder for the RUN")
    held = {path.name for path in directory.iterdir()}
    if held and held - {TARGETS, CONTRIBUTIONS} != set(FILES):
        raise FileExistsError(
            f"{directory} holds something other than a RUN, which would be lost; choose another "
            f"folder"
        )


def write_run(run: Run, directory: Path) -> None:
    """Write a RUN; the folder appears whole or not at all, and replaces an older RUN.

    Raises:
        FileExistsError: there is something at ``directory`` that is not a RUN.
        OSError: it can't be written, because the disk is full for example; an older RUN stays.
    """
    check_place(directory)
    directory = directory.resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = directory.parent / f".{directory.name}.new", _replaced(directory)
    if old.exists() and not directory.exists():
        old.rename(directory)  # a kill between the two renames below
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        _write_files(run, fresh)
    # Each library has an error of its own for a disk that is full.
    except (OSError, SafetensorError, pl.exceptions.PolarsError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"the RUN can't be written to {directory}: {reason}") from error
    if directory.exists():
        directory.rename(old)
    fresh.rename(directory)
    flush(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def _replaced(directory: Path) -> Path:
    """Return where a RUN waits until the one that replaces it is in its place."""
    return directory.parent / f".{directory.name}.old"


def _write_files(run: Run, directory: Path) -> None:
    """Write the files of a RUN, and see to it that they survive a loss of power."""
    directory.mkdir()
    weights = {name: value.contiguous() for name, value in run.weights.items()}
    save_file(weights, directory / FILES[0])
    _with_columns(run).write_parquet(directory / FILES[2])
    (directory / FILES[3]).write_text(_to_json(run.report), encoding="utf-8")
    if run.targets is not None:
        run.targets.write_parquet(directory / TARGETS)
    if run.modality_contributions:
        save_file(
            {n: s.cpu().contiguous() for n, s in run.modality_contributions.items()},
            directory / CONTRIBUTIONS,
        )
    hashes = {HASHES: {path.name: _hash(path) for path in sorted(directory.iterdir())}}
    config = _to_json({"format": FORMAT} | run.config | hashes)
    (directory / FILES[1]).write_text(config, encoding="utf-8")
    for path in [*directory.iterdir(), directory]:
        flush(path)


def read_run(directory: Path) -> Run:
    """Read a RUN.

    Raises:
        FileNotFoundError: there is no such folder.
        RunError: a file is missing or damaged, or the RUN is of another version.
    """
    if not directory.exists() and _replaced(directory).is_dir():
        directory = _replaced(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"no RUN at {directory}")
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise RunError(f"{directory} must hold {list(FILES)} to be a RUN; it lacks {missing}")
    config = _from_json(directory / FILES[1])
    if config.get("format") != FORMAT:
        raise RunError(
            f"{directory} must be a RUN of format {FORMAT!r}; it is of format "
            f"{config.get('format')!r}"
        )
    _check_hashes(directory, config.pop(HASHES, None))
    items, vectors, counts, slots = _read(directory / FILES[2], _read_items)
    targets, contributions = directory / TARGETS, directory / CONTRIBUTIONS
    return Run(
        config=config,
        weights=_read(directory / FILES[0], load_file),
        items=items,
        vectors=torch.from_numpy(np.pad(vectors, ((1, 0), (0, 0)))),
        counts=torch.from_numpy(np.pad(counts, (1, 0))),
        slots=np.pad(slots, (1, 0)),
        report=_from_json(directory / FILES[3]),
        # Older RUNs have neither.
        targets=_read(targets, pl.read_parquet) if targets.is_file() else None,
        modality_contributions=_read(contributions, load_file) if contributions.is_file() else {},
    )


def _check_hashes(directory: Path, hashes: object) -> None:
    """Find a file that is not the one that was written with ``config.json``."""
    if hashes is None:  # an older RUN
        return
    if not isinstance(hashes, dict):
        raise RunError(f"{directory} is damaged: {HASHES} of its {FILES[1]} is {hashes!r}")
    for name in (*FILES, TARGETS, CONTRIBUTIONS):
        path = directory / name
        if name != FILES[1] and path.is_file() and _hash(path) != hashes.get(name):
            way = "copy the folder again" if name in FILES else "copy it again, or remove it"
            raise RunError(
                f"{directory} is damaged: {name} is not the file that was written with {FILES[1]}; "
                f"{way}"
            )


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    try:
        return reader(path)
    except (SafetensorError, pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{path.parent} is damaged: {path.name}: {reason}") from error


def _read_items(path: Path) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return the catalogue, and vectors, counts and slots of its rows."""
    items = read_table(path, "items")
    vectors = np.stack(items[VECTOR].to_list()).astype(np.float32)
    counts, slots = items[COUNT].to_numpy(), items[SLOT].to_numpy()
    return items.drop(VECTOR, COUNT, SLOT), vectors, counts, slots


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_columns(run: Run) -> pl.DataFrame:
    vectors = run.vectors[1:].cpu().numpy()
    return run.items.with_columns(
        pl.Series(VECTOR, vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])),
        pl.Series(COUNT, run.counts[1:].cpu().numpy().astype(np.int64)),
        pl.Series(SLOT, run.slots[1:].astype(np.int64)),
    )


def _to_json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _from_json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except ValueError as error:
        raise RunError(str(error)) from error

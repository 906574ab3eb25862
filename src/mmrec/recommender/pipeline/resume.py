"""The folder of checkpoints from which an interrupted training is resumed."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from mmrec.data import Catalog, Split
from mmrec.data.durable import write_whole
from mmrec.recommender.artifact.run import is_main_process
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.plan import REFITS, refit_folder

log = logging.getLogger(__name__)

STARTED = "training.json"
FREE = ("precision", "workers")
"""Options that may differ when a training is resumed."""

REFIT_FOLDERS = tuple(map(refit_folder, REFITS["all"]))
"""Folders in that of a training with the checkpoints of its refits."""


def describe_start(
    options: Options,
    recipe: Recipe,
    split: Split,
    catalog: Catalog,
    users: Catalog | None = None,
) -> dict[str, Any]:
    """Return what must be the same when a training is resumed."""
    more = {} if users is None else {"users": _hash(users)}
    return more | {
        "options": options.to_dict(),
        "recipe": recipe.to_dict(),
        "events": split.fingerprint,
        "items": _hash(catalog),
    }


def _hash(catalog: Catalog) -> str:
    return hashlib.sha256(catalog.frame.write_ndjson().encode()).hexdigest()[:16]


def open_folder(directory: Path, started: dict[str, Any], *, resume: bool) -> None:
    """Make the folder ready for a training.

    Args:
        directory: the folder; made if it isn't there.
        started: what the training is started with, see :func:`describe_start`.
        resume: whether to keep the checkpoints in the folder; otherwise they are removed.

    Raises:
        FileExistsError: the folder holds something other than checkpoints.
        ValueError: the training in the folder was started with something else.
    """
    _check_place(directory)
    if resume and any(directory.glob("epoch-*.ckpt")):
        _check_same(directory, started)
        return
    if resume:
        log.warning(
            "there is no checkpoint in %s; training starts from the beginning%s",
            directory,
            _changes_said(directory, started),
        )
    if is_main_process():
        remove_folder(directory)
        directory.mkdir(parents=True)
        write_whole(directory / STARTED, json.dumps(started, indent=2).encode())


def remove_folder(directory: Path) -> None:
    """Remove checkpoints and their folder; anything else that is there stays."""
    if not directory.is_dir():
        return
    for folder in REFIT_FOLDERS:
        remove_folder(directory / folder)
    for path in [*directory.glob("epoch-*.ckpt*"), *directory.glob(f"{STARTED}*")]:
        path.unlink(missing_ok=True)
    if not any(directory.iterdir()):
        directory.rmdir()


def last_checkpoint(directory: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the last checkpoint that can be read, or None if there is none.

    Raises:
        ValueError: there are checkpoints, and none can be read.
    """
    from mmrec.training.resume import STATE, checkpoint_files

    files = checkpoint_files(directory)
    for path in files:
        try:
            with ZipFile(path) as parts:  # torch.load doesn't verify the checksums
                if damaged := parts.testzip():
                    raise ValueError(f"its part {damaged} is damaged")
            checkpoint = torch.load(path, "cpu", weights_only=True)
            if STATE not in checkpoint:
                raise ValueError(f"it lacks {STATE!r}")
        # What a damaged file raises depends on where it is damaged.
        except Exception as error:
            log.warning("%s can't be read (%s)", path, type(error).__name__)
        else:
            return path, checkpoint
    if files:
        raise ValueError(
            f"none of the checkpoints in {directory} can be read; start anew, without resume"
        )
    return None


def _check_place(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise FileExistsError(f"{directory} is a file; checkpoints need a folder")
    names = [path.name for path in directory.iterdir()]
    others = sorted(n for n in names if not n.startswith(("epoch-", STARTED, *REFIT_FOLDERS)))
    if others:
        raise FileExistsError(
            f"{directory} must hold nothing but checkpoints of a training; it holds {others[:3]}"
        )


def _check_same(directory: Path, started: dict[str, Any]) -> None:
    """Raise a ValueError that names what differs."""
    try:
        before = json.loads((directory / STARTED).read_text(encoding="utf-8"))
        changes = differences(before, started, free=FREE)
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{directory / STARTED} can't be read, so it is unknown what the training was started "
            f"with; start anew, without resume"
        ) from error
    if changes:
        raise ValueError(
            f"the training in {directory} can't be resumed: {'; '.join(changes)}; give what it was "
            f"started with, or start anew, without resume"
        )


def _changes_said(directory: Path, started: dict[str, Any]) -> str:
    """Return a clause about what an earlier start in the folder had, if it is known and differs."""
    try:
        before = json.loads((directory / STARTED).read_text(encoding="utf-8"))
        changes = differences(before, started, free=FREE)
    except (ValueError, OSError, KeyError, TypeError, AttributeError):
        return ""
    return f", with what is given now: {'; '.join(changes)}" if changes else ""


def differences(
    before: dict[str, Any], now: dict[str, Any], *, free: Sequence[str] = ()
) -> list[str]:
    """Return a clause for each difference between two values of :func:`describe_start`.

    Args:
        before: what was started with.
        now: what is to be the same.
        free: options that may differ.
    """
    was, facts = _flat(before), {name: before[name] for name in ("events", "items")}
    facts["users"] = before.get("users")
    changes = [
        f"{name} was {was.get(name)!r} and is {value!r}"
        for name, value in _flat(now).items()
        if name not in free and was.get(name) != value
    ]
    return changes + [
        f"the {name} differ" for name, value in facts.items() if value != now.get(name)
    ]


def _flat(started: dict[str, Any]) -> dict[str, Any]:
    """Return options and parts by name."""
    options = {name: v for group in started["options"].values() for name, v in group.items()}
    return {**options, **started["recipe"], "trainer": started.get("trainer", {})}

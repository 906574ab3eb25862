"""Versions of a model on disk: one process publishes them, others serve them."""

import json
import shutil
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data.durable import atomic_folder, flush, write_whole
from mmrec.data.tables import read_json

CURRENT, PINNED = "CURRENT", "PINNED"
"""Files that name the last published version, and the version that is served in its place."""

WEIGHTS, ABOUT = "version.safetensors", "version.json"
VECTORS, CONTENT, COUNTS = "mmrec.vectors", "mmrec.content", "mmrec.counts"
PLAIN = ("name", "base", "offset", "changes", "metrics")
"""Fields of a version that are stored as JSON."""


@dataclass(frozen=True)
class Version:
    """A model that a learner has published.

    Attributes:
        name: name of the folder; part of the name of the model that serves it.
        base: fingerprint of the model from which it was learned.
        offset: offset of the last learned event.
        changes: number of the last change of items in its catalogue.
        metrics: running metrics, on events before they were learned.
        weights: the model's state dict.
        vectors: the vector of every catalogue index, ``(V + 1, D)``.
        content: the vectors from the encoders, from which these were learned, ``(V + 1, D)``.
        counts: number of events of each item, ``(V + 1,)``.
    """

    name: str
    base: str
    offset: int
    changes: int
    metrics: dict[str, Any]
    weights: dict[str, Tensor]
    vectors: Tensor
    content: Tensor
    counts: Tensor


class Versions:
    """A folder of versions. The last one is served, unless an older one is pinned.

    A version is written whole or not at all, and never overwritten. Changing the served version
    renames one file.

    Args:
        folder: the folder; created if it is missing.
        keep: number of versions that are kept, besides the served one.

    Raises:
        ValueError: ``keep`` is not positive.
    """

    def __init__(self, folder: str | Path, *, keep: int = 5) -> None:
        if keep < 1:
            raise ValueError(f"Versions expects keep of 1 or more; got {keep}")
        self.folder, self.keep = Path(folder), keep
        self.folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Return the names of the versions in the order of their publication."""
        found = [(path.stat().st_mtime_ns, path.parent.name) for path in self._abouts()]
        return [name for _, name in sorted(found)]

    def current(self) -> str | None:
        """Return the name of the version to serve; None stands for the RUN."""
        pinned = self._read(PINNED)
        return (self._read(CURRENT) if pinned is None else pinned) or None

    def last_offset(self, base: str) -> int:
        """Return the offset of the last version, or 0 if it was learned from another model."""
        path = self.folder / (self._read(CURRENT) or "") / ABOUT
        about = read_json(path) if path.is_file() else {}
        return int(about["offset"]) if about.get("base") == base else 0

    def publish(self, version: Version) -> str:
        """Write a version, and serve it unless another one is pinned.

        Returns:
            The version's name, with a number if the name was taken.

        Raises:
            OSError: it can't be written; the earlier version is still served.
        """
        version = replace(version, name=self._free(version.name))
        tensors = version.weights | {
            VECTORS: version.vectors,
            CONTENT: version.content,
            COUNTS: version.counts,
        }
        about = {name: getattr(version, name) for name in PLAIN}
        with atomic_folder(self.folder / version.name, what=f"version {version.name}") as fresh:
            plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
            save_file(plain, fresh / WEIGHTS)
            (fresh / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        self._name(CURRENT, version.name)
        served = {version.name, self._read(PINNED)}
        for name in self.names()[: -self.keep]:
            if name not in served:
                shutil.rmtree(self.folder / name)
        return version.name

    def rollback(self, name: str | None) -> None:
        """Serve an older version until :meth:`release`; None stands for the RUN.

        The learner continues. The versions that it publishes meanwhile are kept but not served.

        Raises:
            ValueError: there is no such version.
        """
        before = self._read(PINNED)
        if name is None or name in self.names():
            self._name(PINNED, name or "")
        # Checked again: a learner may have removed the version just before it was pinned.
        if name is not None and name not in self.names():
            if before is None:
                self.release()
            else:
                self._name(PINNED, before)
            raise ValueError(f"version must be one of {self.names()}; got {name!r}")

    def release(self) -> None:
        """Serve the last version again. Without a pinned version nothing happens."""
        (self.folder / PINNED).unlink(missing_ok=True)
        flush(self.folder)

    def read(self, name: str) -> Version:
        """Return a version. Reading it executes no code.

        Raises:
            ValueError: the version is missing or damaged.
        """
        folder = self.folder / name
        about = read_json(folder / ABOUT)
        try:
            tensors = load_file(folder / WEIGHTS)
            vectors, counts = tensors.pop(VECTORS), tensors.pop(COUNTS)
            content = tensors.pop(CONTENT)
            return Version(
                **about, weights=tensors, vectors=vectors, content=content, counts=counts
            )
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise ValueError(f"{folder} is damaged: {error}") from error

    def _abouts(self) -> list[Path]:
        return list(self.folder.glob(f"*/{ABOUT}"))

    def _read(self, file: str) -> str | None:
        """Return the version that a file names, "" for the RUN; None without the file."""
        try:
            return (self.folder / file).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _free(self, name: str) -> str:
        """Return the name, with a number if there is such a version."""
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        return next(free for free in names if not (self.folder / free).exists())

    def _name(self, file: str, version: str) -> None:
        write_whole(self.folder / file, f"{version}\n".encode())

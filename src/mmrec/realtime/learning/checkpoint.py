"""A checkpoint in a folder that is replaced as a whole."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data.durable import flush
from mmrec.data.tables import read_json

TENSORS, VALUES = "state", "state.json"


class Checkpoint:
    """Tensors and values that are written together: a kill leaves the old or the new ones.

    Args:
        folder: of the checkpoint. Folders of the same name with ``.part`` and ``.old`` are used
            while it is replaced.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from torch import tensor
        >>> with TemporaryDirectory() as folder:
        ...     checkpoint = Checkpoint(Path(folder, "last"))
        ...     before = checkpoint.read()
        ...     checkpoint.write({"a": tensor(1)}, {"offset": 3})
        ...     before, checkpoint.read()
        (None, ({'a': tensor(1)}, {'offset': 3}))
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._part, self._old = (folder.with_name(folder.name + end) for end in (".part", ".old"))

    def write(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Replace the checkpoint.

        Args:
            tensors: by name.
            values: what JSON can hold.

        Raises:
            OSError: it can't be written.
        """
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir()
        save_file({name: t.contiguous() for name, t in tensors.items()}, self._part / TENSORS)
        (self._part / VALUES).write_text(json.dumps(values), encoding="utf-8")
        for path in [*self._part.iterdir(), self._part]:
            flush(path)
        if self.folder.exists():
            shutil.rmtree(self._old, ignore_errors=True)
            self.folder.rename(self._old)
        self._part.rename(self.folder)
        flush(self.folder.parent)
        shutil.rmtree(self._old, ignore_errors=True)

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and values; None if there is no checkpoint.

        Raises:
            ValueError: it is damaged.
        """
        # A kill between the two renames leaves the folder under its other name.
        folder = self.folder if self.folder.exists() else self._old
        if not folder.exists():
            return None
        try:
            return load_file(folder / TENSORS), read_json(folder / VALUES)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{folder} is damaged: {error}") from error

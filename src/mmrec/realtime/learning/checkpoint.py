"""A checkpoint in a folder that is replaced as a whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmrec.data.durable import atomic_folder, whole_folder
from mmrec.data.tables import read_json

TENSORS, VALUES = "state", "state.json"


class Checkpoint:
    """Tensors and values that are replaced together, even if the process is killed.

    Args:
        folder: folder of the checkpoint.

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

    def write(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Replace the checkpoint.

        Args:
            tensors: tensors by name.
            values: plain JSON values.

        Raises:
            OSError: the checkpoint can't be written.
        """
        with atomic_folder(self.folder, replace=True) as fresh:
            save_file({name: t.contiguous() for name, t in tensors.items()}, fresh / TENSORS)
            (fresh / VALUES).write_text(json.dumps(values), encoding="utf-8")

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and values; None if there is no checkpoint.

        Raises:
            ValueError: the checkpoint is damaged.
        """
        folder = whole_folder(self.folder)
        if not folder.exists():
            return None
        try:
            return load_file(folder / TENSORS), read_json(folder / VALUES)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{folder} is damaged: {error}") from error

"""Changes of the catalogue, as the log stores them."""

from collections.abc import Mapping
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from safetensors.numpy import load, save

Action = Literal["add", "update", "remove", "restore"]

_FILE = b"ARROW1"  # how the larger of Arrow's two formats starts, in which older logs have rows


class ItemChange(NamedTuple):
    """Items that were added, changed, removed or restored.

    Attributes:
        action: ``"add"``, ``"update"``, ``"remove"`` or ``"restore"``.
        rows: ``item_id`` and other columns.
        features: outputs of frozen encoders for the rows, by modality, ``(N, D_m)``, if the sender
            has them.
    """

    action: Action
    rows: pl.DataFrame
    features: dict[str, np.ndarray]

    def pack(self) -> bytes:
        """Return the change as bytes. Reading them executes no code.

        Example:
            >>> change = ItemChange("add", pl.DataFrame({"item_id": ["a"]}), {})
            >>> ItemChange.unpack("add", change.pack()).rows["item_id"].to_list()
            ['a']
        """
        table = BytesIO()
        self.rows.write_ipc_stream(table)
        tensors: Mapping[str, np.ndarray] = {
            name: np.ascontiguousarray(values, dtype=np.float32)
            for name, values in self.features.items()
        }
        rows = table.getvalue()
        return len(rows).to_bytes(8, "big") + rows + save(dict(tensors))

    @classmethod
    def unpack(cls, action: Action, data: bytes) -> "ItemChange":
        """Return the change that :meth:`pack` turned into bytes."""
        size = 8 + int.from_bytes(data[:8], "big")
        rows = data[8:size]
        read = pl.read_ipc if rows.startswith(_FILE) else pl.read_ipc_stream
        return cls(action, read(BytesIO(rows)), load(data[size:]))

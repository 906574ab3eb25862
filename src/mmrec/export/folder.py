"""A folder from which a recommender is served without this library."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file

from mmrec.affinities import LAST, Counted
from mmrec.affinities.kinds import PRIOR, SHRINK
from mmrec.data.durable import atomic_folder
from mmrec.export.formats import import_onnx, to_exported_program, to_int8, to_onnx
from mmrec.export.part import Part
from mmrec.export.parts import model_parts
from mmrec.models import check_products
from mmrec.recommender.artifact.run import COUNT, SLOT
from mmrec.recommender.recommender import Recommender

log = logging.getLogger(__name__)

FORMAT = 1
"""Raised when a reader of an older folder would misread one."""

FORMATS = ("torch", "onnx")
MANIFEST, ITEMS, VECTORS = "manifest.json", "items.parquet", "vectors.npy"


def export_recommender(
    recommender: Recommender,
    directory: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    int8: bool = False,
) -> None:
    """Write item tower, interest step, readout and scorer as graphs, and the catalogue.

    ``manifest.json`` describes the inputs, outputs and files of each part (``step.pt2`` of
    ``torch.export``, ``step.onnx``, ``step.int8.onnx``), the tensors of a state, which is zero at
    first, and the event types. ``items.parquet`` is the catalogue with the number of training
    events (``mmrec_count``) and the slot in the id vocabulary (``mmrec_id``) of each item.
    ``vectors.npy`` has the vector of each of its rows. The tables of co-occurrence and the like,
    whose bonus is added to the product, are in safetensors files with the arrays of
    :class:`mmrec.affinities.Neighbours`; ``manifest.json`` has weight, decay and the numbers of the
    formulas of its subclasses. Those of popularity and ``unseen`` have totals alone.
    What is popular at the time of a request is not exported.

    Args:
        recommender: the recommender to export.
        directory: a new or empty folder; it is written completely or not at all.
        formats: ``"torch"``, ``"onnx"`` (extra ``onnx``) or both.
        int8: whether to write ONNX graphs with weights in int8 too.

    Raises:
        ValueError: a format is unknown, int8 is set without ONNX, or a part of the model cannot be
            exported.
        FileExistsError: the folder is not empty.
        ImportError: ONNX is a format and not installed.
    """
    _check(formats, int8)
    if "onnx" in formats:
        import_onnx()
    check_products(recommender.model)
    if recommender.model.users is not None:
        log.warning("features of users are not exported: a user starts without them")
    if recommender.state.trend is not None and recommender.state.trend.active:
        log.warning("what is popular at the time of a request is not exported: scores lack it")
    with atomic_folder(Path(directory), what="the export") as fresh:
        parts = model_parts(recommender.model)
        files = {name: _write(part, fresh, formats, int8) for name, part in parts.items()}
        _write_catalog(recommender, fresh)
        for one in _weighted(recommender):
            save_file(one.tensors(), fresh / f"{one.kind}.safetensors")
        manifest = _describe(recommender, parts, files)
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _weighted(recommender: Recommender) -> list[Counted]:
    return [one for one in recommender.state.neighbours if one.weight]


def _check(formats: Sequence[str], int8: bool) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats or isinstance(formats, str):
        raise ValueError(f"formats must be some of {list(FORMATS)}; got {formats!r}")
    if int8 and "onnx" not in formats:
        raise ValueError(f"int8 needs the format 'onnx'; got {list(formats)}")


def _write(part: Part, folder: Path, formats: Sequence[str], int8: bool) -> dict[str, str]:
    """Write the files of a part and return their names."""
    files = {}
    if "torch" in formats:
        files["torch"] = f"{part.name}.pt2"
        torch.export.save(to_exported_program(part), folder / files["torch"])
    if "onnx" in formats:
        files["onnx"] = f"{part.name}.onnx"
        to_onnx(part, folder / files["onnx"])
    if int8:
        files["int8"] = f"{part.name}.int8.onnx"
        to_int8(folder / files["onnx"], folder / files["int8"])
    return files


def _write_catalog(recommender: Recommender, folder: Path) -> None:
    frame = recommender.catalog.frame.with_columns(
        pl.Series(COUNT, recommender.state.counts[1:].cpu().numpy().astype(np.int64)),
        pl.Series(SLOT, recommender.state.slots[1:].astype(np.int64)),
    )
    frame.write_parquet(folder / ITEMS)
    np.save(folder / VECTORS, recommender.vectors[1:].float().cpu().numpy(), allow_pickle=False)


def _describe(
    recommender: Recommender, parts: dict[str, Part], files: dict[str, dict[str, str]]
) -> dict[str, Any]:
    options, model = recommender.options, recommender.model
    return {
        "format": FORMAT,
        "interest": recommender.state.specs["interest"].class_path,
        "max_length": options.max_length,
        "drop_repeats": options.drop_repeats,
        "event_types": list(recommender.state.event_types),
        "neighbours": [
            one.to_dict()
            | {"file": f"{one.kind}.safetensors", "last": LAST, "shrink": SHRINK, "prior": PRIOR}
            for one in _weighted(recommender)
        ],
        "shortlist": None if model.reranker is None else model.shortlist,
        "catalog": {"items": ITEMS, "vectors": VECTORS, "size": len(recommender.catalog)},
        "state": [port.describe() for port in parts["readout"].inputs],
        "parts": {
            name: {
                "inputs": [port.describe() for port in part.inputs],
                "outputs": [port.describe() for port in part.outputs],
                "files": files[name],
            }
            for name, part in parts.items()
        },
    }

"""The formats of exported parts: `torch.export` programs, and ONNX graphs in float32 and int8."""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.export import Dim, ExportedProgram, ShapesCollection, export

from mmrec.export.part import Part


def to_exported_program(part: Part) -> ExportedProgram:
    """Return a part traced by ``torch.export``; its free axes take any size, 1 included.

    Raises:
        ValueError: ``torch.export`` cannot trace the part.

    Example:
        >>> from torch import nn
        >>> from mmrec.export.part import Port
        >>> part = Part("plain", nn.Linear(4, 2), [Port("x", ("B", 4))], [Port("y", ("B", 2))])
        >>> to_exported_program(part).module()(torch.zeros(1, 4)).shape
        torch.Size([1, 2])
    """
    tensors, shapes = tuple(port.example() for port in part.inputs), ShapesCollection()
    for port, tensor in zip(part.inputs, tensors, strict=True):
        shapes[tensor] = {axis: Dim(letter) for axis, letter in port.free.items()}
    try:
        with torch.no_grad():
            return export(part.module, tensors, dynamic_shapes=shapes)
    except Exception as error:  # of many types, most of them private to torch
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"torch.export cannot trace the part {part.name!r}: {reason}") from error


def to_onnx(part: Part, path: str | Path) -> None:
    """Write a part as an ONNX graph.

    Args:
        part: the part to write.
        path: path of the file; weights above 2 GB are written to a file beside it.

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: ``torch.export`` cannot trace the part.
    """
    import_onnx()
    program = torch.onnx.export(
        to_exported_program(part),
        input_names=[port.name for port in part.inputs],
        output_names=[port.name for port in part.outputs],
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # only the older exporter returns None
    program.save(path)


def to_int8(source: str | Path, path: str | Path) -> None:
    """Write an ONNX graph with the weights of matrix products in int8, with a scale per column.

    Activations are quantized to eight bits at run time, so no calibration is needed. Their scale is
    shared by all rows, so a row depends slightly on the other rows of its batch. Products of two
    activations, as in a scorer, are not quantized.

    Args:
        source: path of the graph in float32.
        path: path of the file to write.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
    """
    import_onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        shaped = Path(folder) / "shaped.onnx"
        quant_pre_process(source, shaped, skip_optimization=True, skip_symbolic_shape=True)
        quantize_dynamic(
            shaped,
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            # Seven bits per weight: with eight, sums overflow on a CPU with AVX2 but without VNNI.
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )


def import_onnx() -> None:
    """Import the packages that the export to ONNX needs.

    Raises:
        ImportError: one is not installed; the message names the extra.
    """
    try:
        for name in ("onnx", "onnxscript", "onnxruntime"):
            import_module(name)
    except ImportError as error:
        raise ImportError(
            f"export to ONNX needs {error.name}: pip install 'mmrec[onnx]'"
        ) from error

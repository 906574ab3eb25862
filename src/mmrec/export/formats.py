"""The formats of exported parts: `torch.export` programs, and ONNX graphs in float32 and int8."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram, ShapesCollection, export

from mmrec.export.part import Part

Tensors = tuple[Tensor, ...]

TOLERANCE = 1e-4


def to_exported_program(part: Part) -> ExportedProgram:
    """Return a part traced by ``torch.export``; its free axes take any size, 1 included.

    Raises:
        ValueError: ``torch.export`` cannot trace the part, or the result differs from the part.

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
            program = export(part.module, tensors, dynamic_shapes=shapes)
    except Exception as error:  # of many types, most of them private to torch
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"torch.export cannot trace the part {part.name!r}: {reason}") from error
    module = program.module()
    _check_same(part, "torch", lambda tensors: flat(module(*tensors)))
    return program


def to_onnx(part: Part, path: str | Path) -> None:
    """Write a part as an ONNX graph.

    Args:
        part: the part to write.
        path: path of the file; weights above 2 GB are written to a file beside it.

    Raises:
        ImportError: onnx, onnxscript or onnxruntime is not installed.
        ValueError: ``torch.export`` cannot trace the part, or the graph differs from the part.
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
    if part.examples:
        _check_same(part, "ONNX", _runner(path))


def _runner(path: str | Path) -> Callable[[Tensors], Tensors]:
    """Return a function that runs an ONNX graph."""
    from onnxruntime import InferenceSession

    session = InferenceSession(path)
    names = [port.name for port in session.get_inputs()]

    def run(tensors: Tensors) -> Tensors:
        given = {name: one.numpy() for name, one in zip(names, tensors, strict=True)}
        return tuple(map(torch.from_numpy, session.run(None, given)))

    return run


def _check_same(part: Part, what: str, run: Callable[[Tensors], Tensors]) -> None:
    """Raise a ``ValueError`` if what was exported gives other outputs for the examples."""
    for tensors in part.examples:
        with torch.no_grad():
            found, expected = run(tensors), flat(part(*tensors))
        for port, one, other in zip(part.outputs, found, expected, strict=True):
            if not torch.allclose(
                one.double(), other.double(), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
            ):
                raise ValueError(
                    f"the part {part.name!r} exported to {what} must give what it gives itself; "
                    f"{port.name} differs for {len(tensors[0])} users"
                )


def flat(outputs: Any) -> Tensors:
    """Return the outputs of a part as a tuple."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


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
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        plain, shaped = Path(folder) / "plain.onnx", Path(folder) / "shaped.onnx"
        graph = onnx.load(source)
        # Some versions of PyTorch leave shapes of weights that they have transposed since.
        del graph.graph.value_info[:]
        onnx.save(graph, plain)
        quant_pre_process(plain, shaped, skip_optimization=True, skip_symbolic_shape=True)
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

"""Export of a trained recommender as graphs of `torch.export` and ONNX."""

from mmrec.export.folder import export_recommender
from mmrec.export.formats import to_exported_program, to_int8, to_onnx
from mmrec.export.part import Part, Port
from mmrec.export.parts import model_parts

__all__ = [
    "Part",
    "Port",
    "export_recommender",
    "model_parts",
    "to_exported_program",
    "to_int8",
    "to_onnx",
]

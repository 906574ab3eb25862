"""Small shared primitives: perceptron, attention, graphs, masks, precision, seeds and shapes."""

from mmrec.layers.additive import AdditiveAttention
from mmrec.layers.graph import Graph, nearest
from mmrec.layers.init_args import record_init_args
from mmrec.layers.masked import masked_mean, masked_softmax
from mmrec.layers.mlp import MLP
from mmrec.layers.precision import at_least_float32, full_precision
from mmrec.layers.seeded import seeded
from mmrec.layers.shapes import Size, check_shape

__all__ = [
    "MLP",
    "AdditiveAttention",
    "Graph",
    "Size",
    "at_least_float32",
    "check_shape",
    "full_precision",
    "masked_mean",
    "masked_softmax",
    "nearest",
    "record_init_args",
    "seeded",
]

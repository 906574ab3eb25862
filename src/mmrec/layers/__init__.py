"""Small shared primitives: perceptron, dropout, masked mean and softmax, precision, products."""

from mmrec.layers.dropout import Dropout
from mmrec.layers.masked import masked_mean, masked_softmax
from mmrec.layers.mlp import MLP
from mmrec.layers.precision import at_least_float32, full_precision
from mmrec.layers.products import fast_products

__all__ = [
    "MLP",
    "Dropout",
    "at_least_float32",
    "fast_products",
    "full_precision",
    "masked_mean",
    "masked_softmax",
]

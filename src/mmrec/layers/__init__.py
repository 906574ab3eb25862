"""Small shared primitives: a multilayer perceptron, masked mean and softmax, float32 islands."""

from mmrec.layers.masked import masked_mean, masked_softmax
from mmrec.layers.mlp import MLP
from mmrec.layers.precision import at_least_float32, full_precision

__all__ = ["MLP", "at_least_float32", "full_precision", "masked_mean", "masked_softmax"]

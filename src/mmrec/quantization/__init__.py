"""Residual quantization: from the vector of an item to a few codes, its semantic id."""

from mmrec.quantization.clustering import kmeans, nearest
from mmrec.quantization.prefixes import prefix_rows
from mmrec.quantization.residual import dequantize, fit_codebooks, quantize
from mmrec.quantization.rq_vae import RQVAE, Quantized, rq_vae_loss
from mmrec.quantization.rq_vae_fit import fit_rq_vae
from mmrec.quantization.semantic_ids import SemanticIds

__all__ = [
    "RQVAE",
    "Quantized",
    "SemanticIds",
    "dequantize",
    "fit_codebooks",
    "fit_rq_vae",
    "kmeans",
    "nearest",
    "prefix_rows",
    "quantize",
    "rq_vae_loss",
]

"""Writes RecTools' outputs, which tests compare with where RecTools is not installed.

    PYTHONPATH=src python benchmarks/peers/rectools_outputs.py tests/data/rectools.safetensors

Runs where ``parity_rectools.py`` runs, whose models these are, in float64 and half as wide. The
file holds for each model RecTools' weights by our names, the epsilon of each norm, the inputs of
its blocks, the mask, the gaps, and what RecTools gave after each event.
"""

import sys
from importlib.metadata import version

import parity_rectools as parity
import torch
from safetensors.torch import save_file
from torch import nn

NAMES = {
    "sasrec": "SASRec, paper",
    "esasrec": "eSASRec",
    "hstu": "HSTU",
    "timed": "HSTU with times",
}
LAYERS = HEADS = 2


@torch.no_grad()
def main(path: str) -> None:
    """Write the file."""
    parity.DIM = 8
    torch.manual_seed(0)
    kept = {}
    with parity.default_dtype(torch.float64):
        for short, name in NAMES.items():
            net, ours = parity.MODELS[name](LAYERS, HEADS)
            nn.init.normal_(ours.norm.weight)  # the norm that RecTools lacks is ours
            found = dict(
                zip(("inputs", "mask", "gap", "outputs"), parity.outputs(net), strict=True)
            )
            found |= {f"weights.{key}": weight for key, weight in ours.state_dict().items()}
            found |= {
                f"eps.{key}": torch.tensor(norm.eps)
                for key, norm in ours.named_modules()
                if isinstance(norm, nn.LayerNorm)
            }
            kept |= {f"{short}.{key}": value.contiguous() for key, value in found.items()}
    save_file(kept, path, {"rectools": version("rectools")})


if __name__ == "__main__":
    main(sys.argv[1])

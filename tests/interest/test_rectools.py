"""RecTools' outputs of RecTools' weights, kept in a file, so that RecTools need not be installed.

`benchmarks/peers/rectools_outputs.py` wrote it. What had to be changed in RecTools for that is in
`docs/models.md`.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmrec.interest import HSTUInterest, LiGRInterest, SelfAttentionInterest

KEPT = Path(__file__).parents[1] / "data" / "rectools.safetensors"
MODELS = {
    "sasrec": (SelfAttentionInterest, {}),
    "esasrec": (LiGRInterest, {}),
    "hstu": (HSTUInterest, {}),
    "timed": (HSTUInterest, {"time_gap": True}),
}


def below(prefix, values):
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_of_rectools_give_its_outputs(name):
    kept, (kind, options) = below(f"{name}.", load_file(KEPT)), MODELS[name]
    inputs, mask = kept["inputs"], kept["mask"]
    model = kind(inputs.shape[-1], window=inputs.shape[1], **options).double().eval()
    model.load_state_dict(below("weights.", kept))
    for norm, eps in below("eps.", kept).items():
        model.get_submodule(norm).eps = eps.item()
    found = model(inputs, mask, kept["gap"])[mask]
    torch.testing.assert_close(found, kept["outputs"], atol=1e-10, rtol=1e-8)

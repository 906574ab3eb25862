import pytest
import torch

from mmrec.encoders.causality import is_causal
from mmrec.encoders.huggingface import load_text_model

CAUSAL = {"bert": False, "roberta": False, "t5": False, "siglip": False}
CAUSAL |= {"gpt2": True, "qwen2": True, "qwen3": True, "clip": True}


@pytest.mark.parametrize(("family", "causal"), CAUSAL.items())
def test_of_every_family(family, causal, checkpoint):
    backbone = load_text_model(str(checkpoint(family)))[0].train()
    before = torch.get_rng_state()
    assert is_causal(backbone) == causal
    assert all(part.training for part in backbone.modules())
    assert torch.equal(torch.get_rng_state(), before)

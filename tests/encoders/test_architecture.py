import json

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, T5Config

from mmrec.encoders import TextEncoder, TextTransform
from mmrec.encoders.architecture import plain_config

SMALL_BERT = BertConfig(
    vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
)
SMALL_T5 = T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
BACKBONES = {
    "an encoder": lambda: BertModel(SMALL_BERT),
    "one in half precision": lambda: BertModel(SMALL_BERT).half().float(),
    "the encoder of a pair": lambda: AutoModel.from_config(SMALL_T5).get_encoder(),
}


def test_code_is_left_out_at_any_depth():
    inner = {"hidden_size": 8, "experts_implementation": "a/b", "_attn_implementation": "a/b"}
    outer = {"text_config": inner, "auto_map": {"AutoModel": "x.Y"}, "quantization_config": {}}
    assert plain_config(outer) == {"text_config": {"hidden_size": 8}}
    assert len(outer) == 3  # what was passed in stays as it is


@pytest.mark.parametrize("build", BACKBONES.values(), ids=BACKBONES)
def test_an_architecture_through_json_takes_the_weights(build):
    encoder = TextEncoder(build(), TextTransform("gone", 16), pooling="cls")
    architecture = json.loads(json.dumps(encoder.architecture()))
    again = TextEncoder.from_architecture(architecture, pooling="cls")
    again.load_state_dict(encoder.state_dict(), strict=True)
    assert again.transform == encoder.transform
    ids = torch.tensor([[2, 5, 3]])
    tokens = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        assert torch.equal(encoder.eval()(tokens), again.eval()(tokens))


def test_no_model():
    encoder = TextEncoder(BertModel(SMALL_BERT), TextTransform("gone"))
    architecture = encoder.architecture()
    architecture["config"]["num_hidden_layers"] = "many"
    with pytest.raises(ValueError, match=r"is invalid: .*'num_hidden_layers' expected int"):
        TextEncoder.from_architecture(architecture)


def test_what_would_ask_a_hub_is_refused():
    assert plain_config({"a": 1, "backbone": "x/y", "use_timm_backbone": True}) == {"a": 1}
    for config in ({"model_type": "timm_wrapper"}, {"vision": {"model_type": "timm_backbone"}}):
        with pytest.raises(ValueError, match="must be one that is built without a network; got"):
            plain_config(config)

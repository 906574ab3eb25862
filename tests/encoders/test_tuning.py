import pytest
import timm
import torch
from torch import nn
from transformers import BertConfig, BertModel

from mmrec.encoders import tune
from mmrec.encoders.tuning import find_blocks, freeze_modes

BERT = BertConfig(
    vocab_size=9, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8
)


def learning(module):
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


def test_frozen_and_full():
    model = BertModel(BERT)
    tune(model, "frozen")
    assert learning(model) == []
    tune(model, "full")
    assert learning(model) == [name for name, _ in model.named_parameters()]


def test_last_layers_of_bert():
    model = BertModel(BERT)
    tune(model, "last-2")
    starts = ("encoder.layer.1.", "encoder.layer.2.", "pooler.")
    want = [name for name, _ in model.named_parameters() if name.startswith(starts)]
    assert learning(model) == want
    tune(model, "last-3")  # the word decides, not what it was before
    assert all(not name.startswith("embeddings") for name in learning(model))
    assert len(learning(model)) > len(want)


@pytest.mark.parametrize(
    ("name", "blocks", "starts"),
    [
        ("test_vit", 6, ("blocks.4.", "blocks.5.", "norm.")),
        ("test_resnet", 4, ("layer3.0.", "layer4.0.")),
        ("test_efficientnet", 5, ("blocks.3.0.", "blocks.4.0.", "conv_head.", "bn2.")),
        ("test_convnext", 4, ("stages.2.", "stages.3.", "norm_pre.", "head.")),
        ("regnetx_002", 5, ("s4.", "final_conv.")),  # no lists: the children
    ],
)
def test_last_blocks_of_timm_models(name, blocks, starts):
    model = timm.create_model(name, num_classes=0)
    assert len(find_blocks(model)) == blocks
    tune(model, "last-1" if name == "regnetx_002" else "last-2")
    want = [key for key, _ in model.named_parameters() if key.startswith(starts)]
    assert want
    assert learning(model) == want


@pytest.mark.parametrize("name", ["last-0", "last", "last--1", "last-2 ", "Frozen", "", "last-²"])
def test_unknown_tunings_are_refused(name):
    with pytest.raises(ValueError, match="'frozen', 'last-N'"):
        tune(BertModel(BERT), name)


def test_more_blocks_than_there_are():
    with pytest.raises(ValueError, match="at most the 3 blocks of BertModel; got 'last-4'"):
        tune(BertModel(BERT), "last-4")


def test_frozen_layers_stay_in_eval_mode():
    model = BertModel(BERT)
    tune(model, "last-1")
    model.train()
    freeze_modes(model)
    assert not model.embeddings.dropout.training
    assert not any(part.training for part in model.encoder.layer[1].modules())
    assert model.encoder.layer[2].attention.output.dropout.training
    model.eval()
    freeze_modes(model)
    assert not any(part.training for part in model.modules())


def test_batch_norm_never_uses_batch_statistics():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
    tune(model, "full")
    model.train()
    freeze_modes(model)
    assert (model[1].training, model[2].training) == (False, True)
    model(torch.randn(2, 3, 4, 4)).sum().backward()
    assert torch.equal(model[1].running_mean, torch.zeros(4))
    assert model[1].weight.grad.isfinite().all()

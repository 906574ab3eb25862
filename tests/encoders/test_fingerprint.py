import subprocess
import sys

import torch
from torch import nn

from mmrec.encoders import TextEncoder
from mmrec.encoders.fingerprint import fingerprint

SCRIPT = """
import sys
import torch
from torch import nn
from mmrec.encoders import TextEncoder
from mmrec.encoders.fingerprint import fingerprint
layer = nn.Linear(2, 3)
with torch.no_grad():
    layer.weight.fill_(0.5), layer.bias.fill_(1)
print(fingerprint(layer, "mean", {"a": 1}))
print(TextEncoder.from_pretrained(sys.argv[1], max_length=32).fingerprint())
"""


def layer(weight=0.5):
    made = nn.Linear(2, 3)
    nn.init.constant_(made.weight, weight)
    nn.init.ones_(made.bias)
    return made


def test_the_same_in_another_process(bert_folder):
    command = [sys.executable, "-c", SCRIPT, str(bert_folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    text = TextEncoder.from_pretrained(str(bert_folder), max_length=32)
    assert run.stdout.split() == [
        fingerprint(layer(), "mean", {"a": 1}),
        text.fingerprint(),
    ]


def test_whatever_changes_outputs_changes_the_fingerprint():
    base = fingerprint(layer())
    assert fingerprint(layer(0.5000001)) != base
    assert fingerprint(layer(), "max") != base
    assert fingerprint(layer().double()) != base
    assert fingerprint(nn.Sequential(layer())) != base
    turned = layer()
    turned.weight = nn.Parameter(turned.weight.detach().reshape(2, 3))
    assert fingerprint(turned) != base


def test_layout_mode_and_gradients_do_not_change_the_fingerprint():
    conv = nn.Conv2d(3, 4, 3)
    base = fingerprint(conv)
    conv.requires_grad_(False).eval()
    assert fingerprint(conv.to(memory_format=torch.channels_last)) == base


def test_scalars_and_half_precision():
    norm = nn.BatchNorm1d(2).to(torch.bfloat16)  # has a scalar buffer
    assert fingerprint(norm) == fingerprint(nn.BatchNorm1d(2).to(torch.bfloat16))

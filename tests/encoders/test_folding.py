import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmrec.encoders import FeatureStore, ImageEncoder
from mmrec.encoders.folding import folded


def trained(module):
    """Norms that have seen something: at first they change nothing."""
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
    return module.requires_grad_(requires_grad=False).eval()


def norms(module):
    return sum(isinstance(part, _BatchNorm) for part in module.modules())


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])
def test_convolutions_take_over_what_norms_did(name):
    encoder = trained(ImageEncoder.from_timm(name, pretrained=False))
    pixels = torch.randn(2, 3, 96, 96)
    before = encoder(pixels)
    quick = folded(encoder, pixels)
    assert norms(quick) < norms(encoder)
    torch.testing.assert_close(quick(torch.flip(pixels, [3])), encoder(torch.flip(pixels, [3])))
    assert torch.equal(encoder(pixels), before)


class Crossed(nn.Module):
    """Its children stand in another order than they are used in."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 1)

    def forward(self, pixels):
        return self.norm(self.second(self.first(pixels).relu()))


def test_an_encoder_that_goes_another_way_is_left_alone():
    encoder = trained(Crossed())
    assert folded(encoder, torch.randn(2, 3, 8, 8)) is encoder


def test_an_encoder_without_norms_is_not_copied():
    encoder = nn.Conv2d(3, 4, 1)
    assert folded(encoder, torch.randn(2, 3, 8, 8)) is encoder


def test_a_catalogue_gets_the_vectors_of_its_encoder(tmp_path):
    encoder = trained(ImageEncoder.from_timm("test_efficientnet", pretrained=False))
    paths = [tmp_path / f"{number}.png" for number in range(70)]
    for number, path in enumerate(paths):
        Image.linear_gradient("L").rotate(number * 5).resize((60, 80)).save(path)
    found = FeatureStore(None).encode(encoder, paths)[:]
    torch.testing.assert_close(found, encoder(encoder.transform(paths)), rtol=1e-4, atol=1e-5)

import numpy as np
import pytest
import torch

from mmrec.data import TableSource, id_source, load_pool
from mmrec.encoders import IdEncoder
from mmrec.export import to_exported_program
from mmrec.export.tower import tower_part
from mmrec.fusion import ConcatFusion
from mmrec.models import ItemEncoder
from mmrec.recommender.parts import SLOTS as PARTS

TEXTS = 2 * np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
HAVE = np.array([False, True, False, True, True, False])
SLOTS = torch.tensor([0, 4, 0, 7, 0, 12])


def inputs_with_nan():
    texts = torch.from_numpy(TEXTS).clone()
    texts[~torch.from_numpy(HAVE)] = torch.nan
    return SLOTS, texts, torch.from_numpy(HAVE)


@pytest.mark.parametrize("fusion", PARTS["fusion"].names)
def test_vectors_are_those_of_the_item_encoder(small_model, fusion):
    items = small_model(fusion=fusion).items
    ids = {index: int(slot) for index, slot in enumerate(SLOTS) if slot}
    pool = load_pool(np.arange(1, 6), {"id": id_source(ids, 5), "text": TableSource(TEXTS, HAVE)})
    part = tower_part(items)
    with torch.no_grad():
        expected = items(pool)[1:]
    given = inputs_with_nan()
    torch.testing.assert_close(part(*given)[1:], expected, atol=1e-6, rtol=1e-5)
    program = to_exported_program(part).module()
    torch.testing.assert_close(program(*given), part(*given), atol=1e-6, rtol=1e-5)
    one = [tensor[3:4] for tensor in given]
    torch.testing.assert_close(program(*one), part(*given)[3:4], atol=1e-6, rtol=1e-5)


class Raw(torch.nn.Module):
    """A trained encoder of raw values."""

    dim, transform = 4, str

    def forward(self, inputs):
        raise AssertionError("must not be traced")


def test_trained_encoders_stay_behind():
    items = ItemEncoder(
        {"id": IdEncoder(3, 4), "text": Raw()}, ConcatFusion({"id": 4, "text": 4}, 4)
    )
    part = tower_part(items)
    assert [(port.name, port.shape) for port in part.inputs] == [
        ("id", ("N",)),
        ("text", ("N", 4)),
        ("text_present", ("N",)),
    ]
    values = torch.randn(2, 4)
    present = {"id": torch.tensor([True, False]), "text": torch.tensor([True, True])}
    with torch.no_grad():
        encoded = items.encoders["id"](torch.tensor([2, 0]))
        expected = items.fusion.eval()({"id": encoded, "text": values}, present)
    torch.testing.assert_close(part(torch.tensor([2, 0]), values, present["text"]), expected)


class Doubled(IdEncoder):
    """The table of ids with another result."""

    def forward(self, inputs):
        return 2 * super().forward(inputs)


class CountedFusion(ConcatFusion):
    """A fusion that depends on the number of items."""

    def forward(self, features, present):
        return super().forward(features, present) / len(present["id"])


def test_own_parts_are_exported_as_they_are_or_refused():
    with pytest.raises(ValueError, match=r"modality 'id' \(Doubled\): .* exactly the class"):
        tower_part(ItemEncoder({"id": Doubled(3, 4)}, ConcatFusion({"id": 4}, 4)))
    counted = ItemEncoder({"id": IdEncoder(3, 4)}, CountedFusion({"id": 4}, 4))
    part = tower_part(counted)
    with pytest.raises(ValueError, match=r"torch\.export cannot trace the part 'items': "):
        to_exported_program(part)

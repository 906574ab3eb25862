import pytest
import torch

from mmrec.generative import ItemCodes, tiger
from mmrec.quantization import SemanticIds


@pytest.fixture
def codes():
    """Make the codes of a catalogue, some of them shared up to their last number."""

    def make(items=20, levels=2, size=3, trained=None, seed=0):
        vectors = torch.randn(items, 4, generator=torch.Generator().manual_seed(seed))
        return ItemCodes.of(SemanticIds.fit(vectors, levels, size, seed=seed), trained)

    return make


@pytest.fixture
def small():
    """Make a small model whose answers differ between histories."""

    def make(codes, **options):
        torch.manual_seed(0)
        model = tiger(codes, **({"dim": 16, "heads": 2, "layers": 2, "hidden": 24} | options))
        with torch.no_grad():
            for table in (model.tokens, model.item_position, model.level_position):
                table.weight.normal_()
        return model.eval()

    return make

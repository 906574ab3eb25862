"""Retrieval scorers and rerankers as graphs."""

import numpy as np
import pytest
import torch

from mmrec.export import model_parts, to_exported_program, to_onnx
from mmrec.models import SequentialModel
from mmrec.recommender.parts import SLOTS

SIZES = {"dim": 8, "interest_dim": 8}


@pytest.fixture
def make(small_model, stirred):
    """Make the part of a model with a scorer or reranker of some name."""

    def made(slot, name):
        model, part = small_model(), stirred(SLOTS[slot].create(name, SIZES))
        scorers = (part,) if slot == "scorer" else (model.scorer, part)
        return model_parts(SequentialModel(model.items, model.interest, *scorers))[slot]

    return made


def inputs(part, users, items):
    sizes = {"B": users, "N": items, "K": items}
    return [torch.randn([sizes.get(size, size) for size in port.shape]) for port in part.inputs]


@pytest.mark.parametrize(
    ("slot", "name"),
    [("scorer", "cosine"), ("scorer", "bilinear"), ("reranker", "dcn"), ("reranker", "mol")],
)
def test_programs_score_as_the_part_and_take_any_number(make, slot, name):
    part = make(slot, name)
    program = to_exported_program(part).module()
    for users, items in ((1, 5), (3, 1)):
        given = inputs(part, users, items)
        torch.testing.assert_close(program(*given), part(*given), atol=1e-5, rtol=1e-5)


def test_onnx_of_a_mixture_of_logits(tmp_path, make):
    import onnxruntime

    part = make("reranker", "mol")
    to_onnx(part, tmp_path / "part.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "part.onnx")
    for users, items in ((1, 5), (3, 1)):
        given = inputs(part, users, items)
        fed = {port.name: x.numpy() for port, x in zip(part.inputs, given, strict=True)}
        np.testing.assert_allclose(session.run(None, fed)[0], part(*given), atol=1e-4, rtol=1e-4)

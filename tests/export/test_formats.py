import sys

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.export import Part, Port, model_parts, to_int8, to_onnx
from mmrec.export.tower import tower_part
from mmrec.fusion import ConcatFusion
from mmrec.models import ItemEncoder
from mmrec.scoring import MLPScorer


def onnx_of(part, path):
    import onnxruntime

    to_onnx(part, path)
    return onnxruntime.InferenceSession(path)


def test_onnx_keeps_names_and_unused_inputs_and_takes_any_number(tmp_path, small_model):
    part = model_parts(small_model(layers=2))["step"]  # reads neither gap nor type
    session = onnx_of(part, tmp_path / "step.onnx")
    assert [port.name for port in session.get_inputs()] == [port.name for port in part.inputs]
    assert [port.name for port in session.get_outputs()] == ["next_memory"]
    assert [path.name for path in tmp_path.iterdir()] == ["step.onnx"]
    for users in (1, 4):
        given = [torch.randn(users, 8), torch.ones(users), torch.zeros(users).long()]
        given.append(torch.randn(2, users, 8))
        fed = {port.name: x.numpy() for port, x in zip(part.inputs, given, strict=True)}
        np.testing.assert_allclose(session.run(None, fed)[0], part(*given), atol=1e-5)


def test_onnx_of_tower_and_reranker(tmp_path, small_model, stirred):
    parts = model_parts(small_model(fusion="attention", reranker=stirred(MLPScorer(8, 8))))
    items = torch.tensor([3, 0, 5]), torch.randn(3, 6), torch.tensor([False, True, True])
    given = {"items": items, "reranker": (torch.randn(1, 8), torch.randn(1, 5, 8))}
    for name, tensors in given.items():
        part = parts[name]
        fed = {port.name: x.numpy() for port, x in zip(part.inputs, tensors, strict=True)}
        got = onnx_of(part, tmp_path / f"{name}.onnx").run(None, fed)[0]
        np.testing.assert_allclose(got, part(*tensors), atol=1e-5)


def test_int8_is_near_and_smaller(tmp_path):
    torch.manual_seed(0)
    part = Part("p", nn.Linear(64, 64), [Port("x", ("B", 64))], [Port("y", ("B", 64))])
    onnx_of(part, tmp_path / "p.onnx")
    to_int8(tmp_path / "p.onnx", tmp_path / "p8.onnx")
    import onnxruntime

    x = torch.randn(50, 64)
    got = onnxruntime.InferenceSession(tmp_path / "p8.onnx").run(None, {"x": x.numpy()})[0]
    expected = part(x).numpy()
    error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert 0 < error < 0.02  # eight bits for x, seven for a column of weights
    assert (tmp_path / "p8.onnx").stat().st_size < 0.6 * (tmp_path / "p.onnx").stat().st_size


def test_int8_of_a_tower_with_content(tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    encoders = {"id": IdEncoder(20, 64), "text": FeatureEncoder(384)}
    items = ItemEncoder(encoders, ConcatFusion({"id": 64, "text": 384}, 64)).eval()
    torch.nn.init.normal_(items.fusion.adapters.layers["text"][0].weight)
    part = tower_part(items)
    to_onnx(part, tmp_path / "t.onnx")
    to_int8(tmp_path / "t.onnx", tmp_path / "t8.onnx")
    given = torch.tensor([3, 0, 5]), torch.randn(3, 384), torch.tensor([False, True, True])
    fed = {port.name: x.numpy() for port, x in zip(part.inputs, given, strict=True)}
    got = onnxruntime.InferenceSession(tmp_path / "t8.onnx").run(None, fed)[0]
    expected = part(*given).numpy()
    assert np.linalg.norm(got - expected) / np.linalg.norm(expected) < 0.05


def test_missing_packages_name_the_extra(tmp_path, monkeypatch):
    part = Part("p", nn.Linear(2, 2), [Port("x", ("B", 2))], [Port("y", ("B", 2))])
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"mmrec\[onnx\]"):
        to_onnx(part, tmp_path / "p.onnx")
    with pytest.raises(ImportError, match=r"mmrec\[onnx\]"):
        to_int8(tmp_path / "p.onnx", tmp_path / "p8.onnx")

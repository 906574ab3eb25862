import json
from contextlib import suppress
from functools import cache, partial

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mmrec.data import Histories
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.models import esasrec, gru4rec, hstu, lrurec, naml, narm, nrms, sasrec, two_tower
from mmrec.recommender.parts import SLOTS

BUILDERS = {
    "gru4rec": gru4rec,
    "sasrec": sasrec,
    "lrurec": lrurec,
    "hstu": hstu,
    "ligr": esasrec,
    "narm": partial(narm, attended=3),
    "nrms": partial(nrms, heads=2),
    "additive": naml,
    "mean": two_tower,
}


@pytest.fixture(scope="session", autouse=True)
def one_registry():
    """PyTorch reads its table of operators once, not again for each graph in ONNX."""
    with pytest.MonkeyPatch.context() as patch:
        with suppress(ImportError, AttributeError):  # it is private to PyTorch
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            once = staticmethod(cache(ONNXRegistry.from_torchlib))
            patch.setattr(ONNXRegistry, "from_torchlib", once)
        yield


@pytest.fixture(scope="session")
def small_model():
    """Make an untrained model of ids and features of width 6."""

    def make(interest="gru4rec", fusion="concat", **changes):
        torch.manual_seed(0)
        encoders = {
            "id": IdEncoder(12, 8),
            "text": FeatureEncoder(6).fit(3 * torch.randn(20, 6) + 1),
        }
        made = SLOTS["fusion"].names[fusion]({"id": 8, "text": 6}, 8)
        for parameter in made.parameters():  # some start at 0, which would hide what they do
            torch.nn.init.normal_(parameter, std=0.1)
        given = {"fusion": made} | changes
        if interest in ("sasrec", "hstu", "ligr", "nrms"):
            given.setdefault("window", 3)
        return BUILDERS[interest](encoders, dim=8, **given).eval()

    return make


@pytest.fixture(scope="session")
def histories():
    """Four users, one of them without events, with gaps (one unknown) and types."""
    items = torch.tensor([[3, 1, 2, 7, 9], [5, 5, 0, 0, 0], [0] * 5, [12, 11, 10, 9, 8]])
    gap = torch.tensor([[0.0, 9.0, 86400.0, -1.0, 3e7]]).repeat(4, 1)
    return Histories.without_request(items, gap, items % 3)


class Served:
    """Runs the graphs of a folder with NumPy alone, as an application would."""

    def __init__(self, folder, files="onnx"):
        import onnxruntime

        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.parts = self.manifest["parts"]
        quiet = onnxruntime.SessionOptions()
        quiet.intra_op_num_threads = 1
        self.graphs = {
            name: onnxruntime.InferenceSession(folder / part["files"][files], quiet)
            for name, part in self.parts.items()
        }
        self.vectors = np.load(folder / "vectors.npy")
        near = self.manifest["neighbours"]
        self.tables = [(one, load_file(folder / one["file"])) for one in near]

    def run(self, part, *arrays):
        names = [port["name"] for port in self.parts[part]["inputs"]]
        assert names == [port.name for port in self.graphs[part].get_inputs()]
        return self.graphs[part].run(None, dict(zip(names, arrays, strict=True)))

    def interests(self, items):
        """Fold histories of catalogue indices, all of one length, at unknown times."""
        sizes = [
            [len(items) if size == "B" else size for size in port["shape"]]
            for port in self.manifest["state"]
        ]
        types = [port["dtype"] for port in self.manifest["state"]]
        state = [np.zeros(size, dtype) for size, dtype in zip(sizes, types, strict=True)]
        gap, event_type = np.full(len(items), -1, np.float32), np.zeros(len(items), np.int64)
        for event in np.array(items).T:
            state = self.run("step", self.vectors[event - 1], gap, event_type, *state)
        return self.run("readout", *state)[0]

    def scores(self, items):
        return self.run("scorer", self.interests(items), self.vectors)[0] + self.bonus(items)

    def bonus(self, items):
        """What tables of neighbours add, by the formula."""
        found = np.zeros((len(items), len(self.vectors) + 1))
        for one, table in self.tables:
            users = table["totals"]
            for row, history in enumerate(items):
                if one["kind"] == "unseen":
                    found[row, 1:] += one["weight"] * (users[1:] == 0)
                    continue
                if one["kind"] == "popularity":
                    found[row, 1:] += one["weight"] * np.log1p(users[1:])
                    continue
                sums = np.zeros(len(self.vectors) + 1)
                for age, item in enumerate(history[: -one["last"] - 1 : -1]):
                    near, value = table["items"][item], table["counts"][item]
                    if one["kind"] == "co-occurrence":
                        value = value / (np.sqrt(users[item] * users[near]) + one["shrink"])
                    np.add.at(sums, near, one["decay"] ** age * value)
                sums[0] = 0
                if one["kind"] == "successors":
                    share = (users + 1) / (users.sum() + len(users) - 1)
                    found[row] += one["weight"] * np.log1p(sums / (one["prior"] * share))
                else:
                    found[row] += one["weight"] * sums / max(sums.max(), 1e-12)
        return found[:, 1:]


@pytest.fixture(scope="session")
def served():
    return Served

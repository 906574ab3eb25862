"""Serve from ONNX files without torch: with onnxruntime, NumPy and polars alone.

python examples/serve_onnx.py          a tiny recommender, trained and exported by another process
python examples/serve_onnx.py FOLDER   what mmrec.export.export_recommender wrote
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import polars as pl


class Server:
    """Keeps one state for each user. An event costs one step, however long the history is."""

    def __init__(self, folder: Path, files: str = "onnx") -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        self.graphs = {
            name: onnxruntime.InferenceSession(folder / part["files"][files])
            for name, part in manifest["parts"].items()
        }
        self.event_types = ["", *manifest["event_types"]]  # 0 is unknown
        self.drop_repeats = manifest["drop_repeats"]
        shapes = [([s if s != "B" else 1 for s in p["shape"]], p) for p in manifest["state"]]
        self.start = [np.zeros(shape, port["dtype"]) for shape, port in shapes]
        self.items = pl.read_parquet(folder / manifest["catalog"]["items"])
        self.vectors = np.load(folder / manifest["catalog"]["vectors"])
        self.rows = {item: row for row, item in enumerate(self.items["item_id"])}
        self.users: dict[str, tuple[list[np.ndarray], list[tuple[int, int]], float]] = {}

    def run(self, part: str, *arrays: np.ndarray) -> list[np.ndarray]:
        names = [port.name for port in self.graphs[part].get_inputs()]
        return self.graphs[part].run(None, dict(zip(names, arrays, strict=True)))

    def observe(self, user: str, item: str, time: float, event_type: str = "") -> None:
        state, seen, before = self.users.get(user, (self.start, [], time))
        row = self.rows[item]
        number = self.event_types.index(event_type) if event_type in self.event_types else 0
        if self.drop_repeats and seen[-1:] == [(row, number)]:
            return
        gap = np.array([max(time - before, 0.0)], np.float32)
        state = self.run("step", self.vectors[[row]], gap, np.array([number]), *state)
        self.users[user] = state, [*seen, (row, number)], max(time, before)

    def recommend(self, user: str, at: float, k: int = 3) -> list[tuple[str, float]]:
        state, seen, last = self.users[user]
        (interest,) = self.run("readout", *state)
        if "request" in self.graphs:  # the model reads how long ago the last event was
            (interest,) = self.run("request", interest, np.array([at - last], np.float32))
        scores = self.run("scorer", interest, self.vectors)[0][0]
        scores[[row for row, _ in seen]] = -np.inf
        best = np.argsort(-scores)[:k]
        return [(self.items["item_id"][int(row)], float(scores[row])) for row in best]


def make(folder: Path) -> None:
    """Train a recommender and export it; only this needs torch."""
    import mmrec
    from mmrec.demo import make_shop
    from mmrec.export import export_recommender

    shop = make_shop(folder / "shop", users=150, items=100)
    recommender = mmrec.Recommender.fit(
        shop / "interactions.csv",
        shop / "items.csv",
        options=mmrec.Options(modalities=("id",), dim=32, epochs=10, ema=0.0),
    )
    export_recommender(recommender, folder / "export", formats=["onnx"], int8=True)


def serve(folder: Path) -> None:
    parts = json.loads((folder / "manifest.json").read_text())["parts"].values()
    for files in ("onnx", "int8"):
        if any(files not in part["files"] for part in parts):
            option = "--graphs onnx" if files == "onnx" else "--int8"
            print(f"{folder} has no {files} files: mmrec export with {option} writes them")
            continue
        server = Server(folder, files)
        for second, item in enumerate(server.items["item_id"].head(4)):
            server.observe("ann", item, 60.0 * second)
            best = server.recommend("ann", at=60.0 * second + 5)
            print(files, item, "->", [(name, round(score, 2)) for name, score in best])
    assert "torch" not in sys.modules


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]))
    elif sys.argv[1:]:
        serve(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as place:
            subprocess.run([sys.executable, __file__, "--make", place], check=True)
            serve(Path(place) / "export")

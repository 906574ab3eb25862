import json
import sys

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Histories
from mmrec.export import export_recommender

# Histories of catalogue indices; `max_length` is 6 here, as long as the window of SASRec.
ROWS = [[1, 2, 3, 4], [9, 2, 7, 8], [12, 1, 2, 3], [5, 6, 5, 6]]
LONG = [[1, 2, 3, 4, 5, 6]]


@pytest.fixture(scope="module")
def by_id_folder(by_id, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_id") / "export"
    export_recommender(by_id, folder, int8=True)
    return folder


@pytest.mark.parametrize("rows", [ROWS, LONG])
def test_scores_of_a_gru_are_the_recommenders(by_id, by_id_folder, served, rows):
    expected = by_id.catalog_scorer.scores(Histories.of_items(rows))[:, 1:]
    np.testing.assert_allclose(served(by_id_folder).scores(rows), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("interest", ["sasrec", "lrurec"])
def test_scores_of_other_interests_are_the_recommenders(fit, served, tmp_path, interest):
    recommender = fit(interest=interest, epochs=1)
    export_recommender(recommender, tmp_path, formats=["onnx"])
    graphs = served(tmp_path)
    for rows in (ROWS, LONG):
        expected = recommender.catalog_scorer.scores(Histories.of_items(rows))[:, 1:]
        np.testing.assert_allclose(graphs.scores(rows), expected, atol=1e-5, rtol=1e-5)


def test_list_is_the_recommenders(by_id, by_id_folder, served):
    scores = served(by_id_folder).scores([ROWS[0]])[0]
    scores[np.array(ROWS[0]) - 1] = -np.inf
    ids = pl.read_parquet(by_id_folder / "items.parquet")["item_id"]
    expected = by_id.recommend(by_id.catalog.ids_of(ROWS[0]), k=5)
    assert ids.gather(np.argsort(-scores)[:5]).to_list() == [line.item for line in expected]


def test_int8_is_near(by_id_folder, served):
    """Scores are off by 2 % on average and 15 % at worst; 8 of the best 10 at least are kept."""
    rows = np.random.default_rng(0).integers(1, 31, size=(200, 6)).tolist()
    exact, rough = (served(by_id_folder, files).scores(rows) for files in ("onnx", "int8"))
    error = np.linalg.norm(rough - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0 < error.mean() < 0.02
    assert error.max() < 0.15
    best = [np.argsort(-scores, axis=1)[:, :10] for scores in (exact, rough)]
    kept = [len(set(a) & set(b)) for a, b in zip(*best, strict=True)]
    assert min(kept) >= 8
    assert np.mean(kept) > 9.5


def test_programs_of_torch_read_back(by_id, by_id_folder):
    manifest = json.loads((by_id_folder / "manifest.json").read_text())
    step, readout, scorer = (
        torch.export.load(by_id_folder / manifest["parts"][name]["files"]["torch"]).module()
        for name in ("step", "readout", "scorer")
    )
    vectors = torch.from_numpy(np.load(by_id_folder / "vectors.npy"))
    memory = torch.zeros(1, 1, 16)
    with torch.no_grad():
        for item in ROWS[0]:
            event = vectors[item - 1 : item], torch.tensor([-1.0]), torch.tensor([0])
            memory = step(*event, memory)
        scores = scorer(readout(memory), vectors)
    expected = by_id.catalog_scorer.scores(Histories.of_items(ROWS[:1]))[:, 1:]
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)


def test_item_graph_gives_the_vectors(by_id_folder, served):
    graphs = served(by_id_folder)
    slots = pl.read_parquet(by_id_folder / "items.parquet")["mmrec_id"].to_numpy()
    np.testing.assert_allclose(graphs.run("items", slots)[0], graphs.vectors, atol=1e-6)


def test_manifest_and_files(by_id, by_id_folder):
    manifest = json.loads((by_id_folder / "manifest.json").read_text())
    assert list(manifest["parts"]) == ["items", "step", "readout", "scorer", "request"]
    named = {name for part in manifest["parts"].values() for name in part["files"].values()}
    assert {path.name for path in by_id_folder.iterdir()} == named | {
        "manifest.json",
        "items.parquet",
        "vectors.npy",
    }
    assert manifest["state"] == [{"name": "memory", "shape": [1, "B", 16], "dtype": "float32"}]
    assert manifest["event_types"] == list(by_id.state.event_types)
    assert manifest["catalog"]["size"] == len(by_id.catalog)
    frame = pl.read_parquet(by_id_folder / "items.parquet")
    assert frame["mmrec_count"].to_list() == by_id.state.counts[1:].tolist()


def test_bad_requests_leave_nothing(by_id, tmp_path, monkeypatch):
    place = tmp_path / "export"
    with pytest.raises(ValueError, match=r"formats must be some of .*'torch', 'onnx'.* got \['tf'"):
        export_recommender(by_id, place, formats=["tf"])
    with pytest.raises(ValueError, match="formats must be"):
        export_recommender(by_id, place, formats="onnx")
    with pytest.raises(ValueError, match="int8 needs the format 'onnx'"):
        export_recommender(by_id, place, formats=["torch"], int8=True)
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.export.folder._write_catalog", _full)
        patch.setattr("mmrec.export.folder._write", lambda *given: {})
        with pytest.raises(OSError, match="full"):
            export_recommender(by_id, place, formats=["torch"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="needs onnxruntime: pip install 'mmrec"):
        export_recommender(by_id, place)
    assert not list(tmp_path.iterdir())


def _full(*given):
    raise OSError("the disk is full")


def test_a_folder_that_holds_something_is_kept(by_id, tmp_path):
    (tmp_path / "mine").write_text("x")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(FileExistsError, match="new or empty folder"):
            export_recommender(by_id, place)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import FeatureEncoder
from mmrec.recommender import Recommender
from mmrec.recommender.content import Context, VectorsModality

IDS = ["a", "b", "c", "d", "e"]


def prepare(source, columns=None, ids=IDS, trained=None, **context):
    catalog = Catalog({"item_id": list(ids)} | (columns or {}))
    chosen = np.arange(1, len(catalog) + 1) if trained is None else np.array(trained)
    return VectorsModality(str(source)).prepare(catalog, Context(4, chosen, **context))


def test_a_column_of_lists():
    rows = [[1.0, 2.0], None, [3.0, 4.0], [5.0], [float("nan"), 0.0]]
    made = prepare("clip", {"clip": rows}, trained=[1, 3])
    assert made.source.present.tolist() == [False, True, False, True, False, False]
    assert made.source.load(np.array([3, 1])).tolist() == [[3, 4], [1, 2]]
    assert made.problems == {3: "it has 1 numbers, not 2", 4: "it holds NaN or infinity"}
    assert made.facts == {"column": "clip", "file": None, "feature_dim": 2}
    assert made.encoder(made.source.load(np.array([1, 3]))).tolist() == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("form", ["lists", "columns", "npy"])
def test_a_file_by_item_id(tmp_path, form, caplog):
    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    ids = ["d", "b", "x", "a"]  # in an order of their own, with an unknown one
    path = tmp_path / "clip.parquet"
    if form == "lists":
        pl.DataFrame({"item_id": ids, "v": table.tolist()}).write_parquet(path)
    elif form == "columns":
        pl.DataFrame({"item_id": ids, "v0": table[:, 0], "v1": table[:, 1]}).write_parquet(path)
    else:
        path = tmp_path / "clip.npy"
        np.save(path, table)
        (tmp_path / "clip.ids.txt").write_text("\n".join(ids) + "\n")
    made = prepare(path)
    assert made.source.present.tolist() == [False, True, True, False, True, False]
    assert made.source.load(np.array([1, 2, 4])).tolist() == table[[3, 1, 0]].tolist()
    assert "1 of 4 vectors is of items that are not in the catalogue, first ['x']" in caplog.text
    row = prepare(path, {"clip": [[9.0, 9.0], None, None, None, None]})
    assert row.source.load(np.array([1, 2])).tolist() == [[9, 9], table[1].tolist()]


def test_ids_are_compared_as_text(tmp_path):
    pl.DataFrame({"item_id": [7, 8], "v": [1.0, 2.0]}).write_parquet(tmp_path / "v.parquet")
    made = prepare(tmp_path / "v.parquet", ids=["8", "07"])  # text, as of a CSV file
    assert made.source.present.tolist() == [False, True, False]


def test_what_is_refused(tmp_path):
    def refused(message, source, columns=None, error=ValueError):
        with pytest.raises(error, match=message):
            prepare(source, columns)

    refused("must find the column 'clip'; items have", "clip")
    refused(r"\(did you mean 'clip'\?\)$", "clips", {"clip": [[1.0]] * 5})
    refused("clip must hold lists of numbers; got String", "clip", {"clip": ["1"] * 5})
    refused("no item has a vector in 'clip'", "clip", {"clip": [[], None, [], [], []]})
    refused("no file at", tmp_path / "no.parquet", error=FileNotFoundError)
    file = tmp_path / "v.parquet"
    for columns, message in (
        ({"v": [[1.0]]}, "must have item_id, and either"),
        ({"item_id": ["a"], "v": [[1.0]], "w": [2.0]}, "must have item_id, and either"),
        ({"item_id": ["a"], "v": ["x"]}, "must have item_id, and either"),
        ({"item_id": ["a", "a"], "v": [[1.0], [2.0]]}, "got 1 item ids more than once"),
        ({"item_id": ["x"], "v": [[1.0]]}, r"must have vectors of items in .*; got \['x'\]"),
    ):
        file.unlink(missing_ok=True)
        pl.DataFrame(columns).write_parquet(file)
        refused(message, file)
    npy = tmp_path / "w.npy"
    np.save(npy, np.zeros((5, 2)))
    refused("w.npy needs w.ids.txt beside it", npy, error=FileNotFoundError)
    (tmp_path / "w.ids.txt").write_text("a\nb\n")
    refused("w.ids.txt must have 5 ids; got 2", npy)
    np.save(npy, np.zeros(2))
    refused("must be numbers of one row an item; got float64 of shape", npy)
    np.save(npy, np.array([{}, {}]), allow_pickle=True)
    refused("w.npy can't be read: .*Python objects", npy)
    with pytest.raises(ValueError, match="source must be a column, or a"):
        VectorsModality("")


def test_wrong_rows_of_a_file_are_counted(tmp_path, caplog):
    file = tmp_path / "v.parquet"
    rows = [[1.0, 2.0], [3.0], [np.inf, 0.0], [4.0, 5.0]]
    pl.DataFrame({"item_id": IDS[:4], "v": rows}).write_parquet(file)
    made = prepare(file)
    assert made.source.present.tolist() == [False, True, False, False, True, False]
    assert made.problems == {2: "it holds NaN or infinity"}
    assert "v.parquet: 1 of 4 vectors is not 2 wide and left out" in caplog.text


def test_new_items_bring_their_vectors(fit, chain, tmp_path, caplog):
    events, items = chain()
    rng = np.random.default_rng(0)
    table = rng.normal(size=(13, 3)).astype(np.float32)
    ids = [*items["item_id"], "later"]
    file = tmp_path / "clip.parquet"
    pl.DataFrame({"item_id": ids, "v": table.tolist()}).write_parquet(file)
    modalities = f"id,vectors:{file}"
    made = fit(modalities=modalities, catalog=items, log={"users": 20}, epochs=1)
    assert type(made.model.items.encoders["vectors:clip"]) is FeatureEncoder
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)
    again.add_items({"item_id": ["later"]})  # it is in the file
    again.add_items({"item_id": ["x", "y"], "clip": [table[12].tolist(), None]})
    later, x, y = again.vectors[-3:]
    assert torch.equal(later, x)
    assert not torch.allclose(y, x)
    given, _ = again.state.encode(Catalog({"item_id": ["z"]}), {"vectors:clip": table[12:]})
    assert torch.equal(given[0], x)
    file.unlink()
    again.add_items({"item_id": ["w"]})
    assert "so only the rows of items have them" in caplog.text
    assert torch.equal(again.vectors[-1], y)
    with pytest.raises(FileNotFoundError, match="no file at"):
        again.update(events, options={"epochs": 1})

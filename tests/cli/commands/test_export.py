import json

import numpy as np
import polars as pl

from mmrec.recommender.batch import histories_of
from mmrec.recommender.user_vectors import encode_users, index_items


def test_vectors_as_parquet(answer, made, run, log, tmp_path):
    out = tmp_path / "export"
    said, text = answer("export", run, "--out", out, "--users")
    assert said == {"items": 12, "users": 20, "graphs": [], "out": str(out)}
    assert text.startswith(f"vectors of 12 items and 20 users written to {out}")
    items, users = (pl.read_parquet(out / f"{what}_vectors.parquet") for what in ("item", "user"))
    assert items.equals(index_items(made))
    expected = encode_users(made, histories_of(log))
    assert users["user_id"].equals(expected["user_id"])
    assert np.allclose(users["vector"].to_numpy(), expected["vector"].to_numpy(), atol=1e-6)
    assert (out / "user_vectors.parquet").stat().st_mode & 0o777 == 0o600


def test_vectors_as_arrays(answer, made, run, tmp_path):
    answer("export", run, "--out", tmp_path, "--vectors", "npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["item_ids.csv", "item_vectors.npy"]
    vectors = np.load(tmp_path / "item_vectors.npy", allow_pickle=False)
    assert np.array_equal(vectors, index_items(made)["vector"].to_numpy())
    assert pl.read_csv(tmp_path / "item_ids.csv")["item_id"].to_list() == made.catalog.ids


def test_vectors_of_users_of_a_data_set_with_other_names(answer, run, run_of_renamed, tmp_path):
    for name, place in (("one", run), ("two", run_of_renamed)):
        answer("export", place, "--out", tmp_path / name, "--users")
    one, two = (pl.read_parquet(tmp_path / n / "user_vectors.parquet") for n in ("one", "two"))
    assert one["user_id"].equals(two["user_id"])
    assert np.allclose(one["vector"].to_numpy(), two["vector"].to_numpy(), atol=1e-6)


def test_users_of_another_folder_with_the_names_of_the_training(
    command, run_of_renamed, renamed, data, tmp_path
):
    for name, folder in (("one", renamed), ("two", data)):
        given = ["--out", tmp_path / name, "--users", "--data", folder]
        status, _, err = command("export", run_of_renamed, *given)
        assert (status, err.count("\n")) == (0, 1), err
        assert ("who is user_id" in err) == (folder == renamed)
        assert "timestamps are in ms" in err
    one, two = (pl.read_parquet(tmp_path / n / "user_vectors.parquet") for n in ("one", "two"))
    assert one["user_id"].equals(two["user_id"])


def test_graphs(answer, run, tmp_path):
    said, text = answer("export", run, "--out", tmp_path / "out", "--graphs", "torch")
    assert said["graphs"] == ["torch"]
    assert f"graphs (torch) written to {tmp_path / 'out' / 'model'}; manifest.json" in text
    manifest = json.loads((tmp_path / "out" / "model" / "manifest.json").read_text())
    assert (tmp_path / "out" / "model" / manifest["parts"]["step"]["files"]["torch"]).is_file()


def test_what_is_refused(refusal, run, tmp_path):
    out = tmp_path / "out"
    assert "vectors must be one of" in refusal("export", run, "--out", out, "--vectors", "csv")
    assert "formats must be some of" in refusal("export", run, "--out", out, "--graphs", "tf")
    assert "--int8 needs --graphs onnx" in refusal("export", run, "--out", out, "--int8")
    assert "no RUN at" in refusal("export", tmp_path / "none", "--out", out)
    no_data = ["--users", "--data", tmp_path / "none"]
    assert "no data set folder" in refusal("export", run, "--out", out, *no_data)
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("kept")
    assert "must be a new or empty folder" in refusal("export", run, "--out", tmp_path / "full")
    assert (tmp_path / "full" / "note").read_text() == "kept"

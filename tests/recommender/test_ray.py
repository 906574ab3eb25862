import sys

import numpy as np
import polars as pl
import pytest

from mmrec.recommender import batch
from mmrec.recommender.ray import encode_items, recommend_all


@pytest.fixture(scope="module")
def local():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    yield ray
    ray.shutdown()


def frame_of(dataset):
    return pl.from_pandas(dataset.to_pandas())


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_gives_what_one_process_gives(local, by_id, tmp_path):
    by_id.save(tmp_path / "run")
    rng = np.random.default_rng(0)
    rows = [[f"i{i}" for i in rng.integers(30, size=1 + n % 7)] for n in range(50)]
    people = pl.DataFrame({"user_id": [f"u{n:02}" for n in range(50)], "history": rows})
    lines = frame_of(recommend_all(tmp_path / "run", people, 5, actors=1, block=20))
    lines = lines.sort("user_id", "rank")
    expected = batch.recommend_all(by_id, people, 5)
    assert lines["user_id"].to_list() == expected["user_id"].to_list()
    assert lines["item_id"].to_list() == expected["item_id"].to_list()
    assert np.allclose(lines["score"], expected["score"], atol=1e-5)

    vectors = frame_of(encode_items(tmp_path / "run", by_id.catalog.frame, actors=1, block=10))
    found = dict(zip(vectors["item_id"], vectors["vector"], strict=True))
    for row, item in enumerate(by_id.catalog.ids, 1):
        assert np.allclose(np.asarray(found[item]), by_id.vectors[row].numpy(), atol=1e-5)


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'mmrec\[ray\]'"):
        recommend_all("run", pl.DataFrame())

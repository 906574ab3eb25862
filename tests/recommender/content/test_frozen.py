import numpy as np
import torch
from torch.nn.functional import normalize

from mmrec.data import TableSource
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.recommender.content import Content, frozen
from mmrec.recommender.content.frozen import frozen_vectors


def content_of():
    draw = np.random.default_rng(0)
    tables = {name: draw.normal(size=(5, width)) for name, width in (("text", 3), ("image", 2))}
    present = {
        "text": np.array([False, True, True, True, False]),
        "image": np.array([False, True, False, True, False]),
    }
    sources = {name: TableSource(tables[name], present[name]) for name in tables}
    sources["id"] = TableSource(np.arange(5), np.arange(5) > 0)
    encoders = {"text": FeatureEncoder(3), "image": FeatureEncoder(2, 4), "id": IdEncoder(4, 4)}
    return Content(sources=sources, encoders=encoders), tables, present


def test_features_stand_side_by_side():
    content, tables, present = content_of()
    vectors, has = frozen_vectors(content)
    assert has.tolist() == [False, True, True, True, False]
    assert vectors.shape == (5, 5)
    start = 0
    for name, table in tables.items():
        own = torch.from_numpy(table[present[name]]).float()
        part = vectors[:, start : start + table.shape[1]]
        unit = normalize(own - own.mean(0), dim=-1)
        assert torch.allclose(part[torch.from_numpy(present[name])], unit, atol=1e-6)
        assert part[torch.from_numpy(~present[name])].eq(0).all()
        start += table.shape[1]


def test_none_without_frozen_features_or_with_too_many(monkeypatch):
    content, *_ = content_of()
    only_ids = Content(
        sources={"id": content.sources["id"]}, encoders={"id": content.encoders["id"]}
    )
    assert frozen_vectors(only_ids) is None
    monkeypatch.setattr(frozen, "MAX_CELLS", 24)
    assert frozen_vectors(content) is None

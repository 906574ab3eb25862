import numpy as np
import pytest

from mmrec.data import Shards
from mmrec.data.shards import events_of


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"format": 2, "names": []}'])
def test_a_damaged_index(tmp_path, text):
    (tmp_path / "shards.json").write_text(text)
    with pytest.raises(ValueError, match="is not an index of shards"):
        Shards.open(tmp_path)


def test_events_of_spans_equal_a_loop():
    spans = np.array([[3, 5], [5, 5], [0, 4]])
    assert events_of(spans).tolist() == [e for start, stop in spans for e in range(start, stop)]

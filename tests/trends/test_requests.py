import numpy as np
import pytest

from mmrec.trends import Requests

NOTHING_SEEN = np.zeros((2, 0), dtype=np.int64)


def test_seen_items_are_found_by_row_in_any_order():
    seen = np.array([[2, 0, 2, 2], [7, 8, 9, 7]])
    requests = Requests(np.array([1, 2, 3]), np.arange(3.0), np.arange(3), seen)
    assert [requests.seen_by(row).tolist() for row in range(3)] == [[8], [], [7, 9, 7]]
    assert len(requests) == 3


def test_errors(unchecked):
    none = np.zeros(0, int)
    with pytest.raises(ValueError, match=r"1 or more; got \(0, 0, 0\)"):
        Requests(none, none.astype(float), none, NOTHING_SEEN)
    with pytest.raises(ValueError, match=r"of the same length, 1 or more; got \(2, 1, 2\)"):
        Requests(np.ones(2, int), np.ones(1), np.ones(2), NOTHING_SEEN)
    with pytest.raises(ValueError, match="must be finite; got 1 that are not, first nan"):
        Requests(np.array([1, 1]), np.array([1.0, np.nan]), np.array([1, 2]), NOTHING_SEEN)

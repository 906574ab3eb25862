import pickle

import numpy as np
import pytest
import torch

from mmrec.data import RawSource, Source, TableSource, id_source


def lengths(values):
    return torch.tensor([[len(value)] for value in values])


def test_table_source_keeps_the_order_of_items():
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    present = np.array([False, True, False, True])
    source = TableSource(table, present)
    rows = source.load(np.array([3, 1, 3]))
    assert rows.tolist() == table[[3, 1, 3]].tolist()
    assert rows.dtype == torch.float32
    rows += 1  # a copy: the table stays as it is
    assert table[3, 0] == 9
    assert isinstance(source, Source)


def test_table_source_reads_a_memory_map(tmp_path):
    np.save(tmp_path / "table.npy", np.arange(6.0).reshape(3, 2))
    table = np.load(tmp_path / "table.npy", mmap_mode="r")
    source = TableSource(table, np.array([False, True, True]))
    assert source.load(np.array([2])).tolist() == [[4.0, 5.0]]


def test_table_and_present_have_one_row_per_index():
    with pytest.raises(ValueError, match="one row per index; got 3 and 2"):
        TableSource(np.zeros((3, 1)), np.array([False, True]))


def test_raw_source_transforms_only_the_items_it_loads():
    source = RawSource(["aaa", None, "", "b"], lengths)
    assert source.present.tolist() == [False, True, False, False, True]
    assert source.load(np.array([4, 1])).tolist() == [[1], [3]]
    assert isinstance(source, Source)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.load(np.array([1])).tolist() == [[3]]


def test_id_source_maps_indices_to_the_vocabulary():
    source = id_source({3: 1, 1: 2}, catalog_size=4)
    assert source.present.tolist() == [False, True, False, True, False]
    assert source.load(np.array([3, 1])).tolist() == [1, 2]
    assert not id_source({}, catalog_size=2).present.any()

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from mmrec.quantization import SemanticIds, quantize


def vectors(count=80, seed=0):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def counted(rows):
    """Number equal rows in their order."""
    seen = {}
    for row in map(tuple, rows.tolist()):
        seen[row] = seen.get(row, -1) + 1
        yield seen[row]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 4), st.integers(0, 99))
def test_new_items_change_no_old_one_and_all_differ(old, new, size, seed):
    ids = SemanticIds.fit(vectors(old, seed), levels=2, size=size)
    more = ids.assign(vectors(new, seed + 1))
    assert torch.equal(more.codes[:old], ids.codes)
    assert len(more) == old + new
    assert torch.equal(more.codes[old:, :-1], quantize(vectors(new, seed + 1), ids.codebooks))
    assert more.codes[:, -1].tolist() == list(counted(more.codes[:, :-1]))
    assert len(more.codes.unique(dim=0)) == old + new


def test_one_by_one_is_all_at_once():
    ids, new = SemanticIds.fit(vectors(), levels=2, size=3), vectors(20, seed=1)
    one_by_one = ids
    for row in new:
        one_by_one = one_by_one.assign(row.unsqueeze(0))
    assert torch.equal(one_by_one.codes, ids.assign(new).codes)


def test_items_with_the_same_vector_are_numbered():
    ids = SemanticIds.fit(torch.ones(5, 3), levels=2, size=4)
    assert ids.codes[:, -1].tolist() == [0, 1, 2, 3, 4]
    assert ids.sizes == (4, 4, 5)
    assert SemanticIds.fit(vectors(9), levels=2, size=64).sizes == (64, 64, 64)


def test_saved_and_loaded(tmp_path):
    ids = SemanticIds.fit(vectors(), levels=3, size=5)
    ids.save(tmp_path / "ids.safetensors")
    again = SemanticIds.load(tmp_path / "ids.safetensors")
    assert torch.equal(again.codebooks, ids.codebooks)
    assert torch.equal(again.codes, ids.codes)
    new = vectors(30, seed=1)
    assert torch.equal(again.assign(new).codes, ids.assign(new).codes)


def test_files_that_are_no_ids(tmp_path):
    path = tmp_path / "ids.safetensors"
    save_file({"other": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"codebooks and codes of semantic ids; got \['other'\]"):
        SemanticIds.load(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="is damaged"):
        SemanticIds.load(path)
    with pytest.raises(FileNotFoundError):
        SemanticIds.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([[0, 1]], "2 codes and a number for each item; got rows of 2"),
        ([[0, 9, 0]], "codes from 0 to 4; got others"),
        ([[0, 1, -1]], "codes from 0 to 4; got others"),
        ([[0, 1, 0], [0, 1, 0]], "different rows; got 1 that repeat others"),
    ],
)
def test_codes_are_checked(codes, message):
    with pytest.raises(ValueError, match=message):
        SemanticIds(torch.zeros(2, 5, 3), torch.tensor(codes))


def test_vectors_of_another_width(unchecked):
    with pytest.raises(ValueError, match=r"of shape \(N, 4\); got \(1, 7\)"):
        SemanticIds.fit(vectors(), 2, 3).assign(torch.zeros(1, 7))

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.encoders.rowlog import COMMIT, RowLog, RowMemory

DIM = 3


def key(i):
    return sha256(str(i).encode()).digest()


def row(i):
    return np.full(DIM, i + 0.5, np.float32)


def add(log, numbers):
    with log.locked():
        new = [i for i in numbers if key(i) not in log.index]
        log.append(
            [key(i) for i in new], np.array([row(i) for i in new], np.float32).reshape(-1, DIM)
        )


def check(log, numbers):
    assert set(log.index) == {key(i) for i in numbers}
    for i in numbers:
        assert np.array_equal(log.table()[log.index[key(i)]], row(i))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_types_of_numbers(dtype, folder):
    """Half of the numbers' bytes on disk, and another type is refused."""
    logs = [RowLog(folder / dtype, DIM, "f", dtype), RowMemory(DIM, dtype)]
    for log in logs:
        add(log, [1, 2, 3])
        assert log.table().dtype == np.dtype(dtype)
        check(log, [1, 2, 3])
    path = folder / dtype / f"rows.f{dtype[5:]}"
    assert path.stat().st_size == 3 * DIM * np.dtype(dtype).itemsize
    check(RowLog(folder / dtype, DIM, "f", dtype), [1, 2, 3])
    other = "float16" if dtype == "float32" else "float32"
    with pytest.raises(ValueError, match=f"expects .*{other}"):
        RowLog(folder / dtype, DIM, "f", other)


def test_commits_of_wide_rows_are_small(folder):
    """What is checked at each opening is bounded in bytes: one row of 16 MB, 1,024 of 16 kB."""
    assert [RowLog(folder, dim, "f").commit for dim in (2**12, 2**14, 2**22, 2**25)] == [
        1024,
        256,
        1,
        1,
    ]
    wide = 2**15
    log = RowLog(folder, wide, "f")
    with log.locked():
        log.append([key(i) for i in range(300)], np.ones((300, wide), np.float32))
    assert len(RowLog(folder, wide, "f").index) == 300


def test_what_is_added_is_found_again(folder):
    log = RowLog(folder, DIM, "f")
    check(log, [])
    add(log, [1, 2, 3])
    add(log, [3, 4])
    check(log, [1, 2, 3, 4])
    check(RowLog(folder, DIM, "f"), [1, 2, 3, 4])


def test_reading_writes_nothing(folder):
    RowLog(folder, DIM, "f")
    assert not folder.exists()


def test_memory_does_the_same():
    log = RowMemory(DIM)
    check(log, [])
    add(log, [1, 2])
    add(log, [2, 5])
    check(log, [1, 2, 5])


def test_more_rows_than_a_commit(folder):
    numbers = list(range(2 * COMMIT + 5))
    add(RowLog(folder, DIM, "f"), numbers)
    log = RowLog(folder, DIM, "f")
    assert len(log.index) == len(numbers)
    assert np.array_equal(log.table()[:, 0], np.arange(len(numbers), dtype=np.float32) + 0.5)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from(["rows.f32", "keys.bin"]),
    st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_cut_at_any_byte(tmp_path_factory, commits, file, share):
    folder = tmp_path_factory.mktemp("log") / "store"
    total = 0
    for commit in commits:
        add(RowLog(folder, DIM, "f"), range(total, total + commit))
        total += commit
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[: round(share * len(data))])
    left = round(share * len(data)) // (4 * DIM if file == "rows.f32" else 40)
    check(RowLog(folder, DIM, "f"), range(left))
    add(RowLog(folder, DIM, "f"), range(total + 2))
    check(RowLog(folder, DIM, "f"), range(total + 2))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_garbage_behind_or_inside_the_tail(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("log") / "store"
    add(RowLog(folder, DIM, "f"), range(6))
    file = folder / data.draw(st.sampled_from(["rows.f32", "keys.bin"]))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content)))
    content[at : at + 9] = data.draw(st.binary(min_size=9, max_size=90))
    file.write_bytes(content)
    log = RowLog(folder, DIM, "f")
    check(log, [i for i in range(6) if key(i) in log.index])
    add(RowLog(folder, DIM, "f"), range(8))
    check(RowLog(folder, DIM, "f"), range(8))


def test_killed_between_rows_and_keys(folder):
    add(RowLog(folder, DIM, "f"), [1])
    with (folder / "rows.f32").open("ab") as file:
        file.write(row(77).tobytes() * 5)
    check(RowLog(folder, DIM, "f"), [1])
    add(RowLog(folder, DIM, "f"), [2])
    check(RowLog(folder, DIM, "f"), [1, 2])


@pytest.mark.parametrize("change", [{"format": 2}, {"dim": 4}, {"fingerprint": "g"}])
def test_another_header_is_refused(folder, change):
    add(RowLog(folder, DIM, "f"), [1])
    path = folder / "header.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="Remove that folder to encode its features again"):
        RowLog(folder, DIM, "f")
    path.write_text('{"form')
    with pytest.raises(ValueError, match="got None"):
        RowLog(folder, DIM, "f")


def test_writers_take_turns(folder):
    def write_some(start):
        for i in range(start, start + 40):
            add(RowLog(folder, DIM, "f"), [i, i + 1])

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write_some, [0, 13, 26]))
    check(RowLog(folder, DIM, "f"), range(67))
    assert (folder / "rows.f32").stat().st_size == 67 * DIM * 4
    assert (folder / "keys.bin").stat().st_size == 67 * 40

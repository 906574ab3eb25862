import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.repeats import RepeatFinder


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), min_size=1, max_size=30),
    st.integers(1, 7),
)
@settings(deadline=None, max_examples=40)
def test_finds_what_a_loop_finds(tmp_path_factory, rows, size):
    finder = RepeatFinder(tmp_path_factory.mktemp("hashes"))
    frame = pl.DataFrame(rows, schema={"item_id": pl.String, "n": pl.Int64}, orient="row")
    places = pl.DataFrame({FILE: [1] * len(rows), LINE: list(range(10, 10 + len(rows)))})
    for piece, place in zip(frame.iter_slices(size), places.iter_slices(size), strict=True):
        finder.add(piece.select("item_id"), piece, place)
    first: dict[str, int] = {}
    expected = []
    for row, (item, n) in enumerate(rows):
        if item in first:
            expected.append((row, 1, 10 + row, n == first[item]))
        first.setdefault(item, n)
    assert finder.find().rows() == expected


def test_lists_and_nulls_are_values(tmp_path):
    frame = pl.DataFrame({"a": [["x", "y"], ["x"], None, ["x", "y"], None]})
    finder = RepeatFinder(tmp_path)
    finder.add(frame, frame, pl.DataFrame({FILE: [0] * 5, LINE: [1, 2, 3, 4, 5]}))
    assert finder.find()["row"].to_list() == [3, 4]

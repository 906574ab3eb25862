import re

import polars as pl
import pytest

from mmrec.recommender.check.reading import read_material


def test_columns_are_renamed_as_far_as_possible(data):
    data.events = data.events.rename({"item_id": "movieId"})
    columns = {"movieId": "item_id", "nobody": "user_id"}
    material = read_material(data.write(), columns, None)
    assert len(material.problems) == 1
    assert "['nobody'] are not in" in material.problems[0]
    assert len(material.log) == 1200


def test_two_formats_of_a_table(data):
    data.items.write_csv(data.write() / "items.csv")
    material = read_material(data.folder, None, None)
    assert "must hold one table items; got" in material.problems[0]
    assert material.catalog is None
    assert len(material.log) == 1200


def test_rows_with_times_that_are_no_numbers_are_left_out(data):
    texts = ["soon", *data.events["timestamp"].cast(pl.String).to_list()[1:]]
    data.events = data.events.with_columns(timestamp=pl.Series(texts))
    material = read_material(data.write(), None, None)
    assert "timestamp must be a finite number" in material.problems[0]
    assert len(material.log) == 1199


def test_times_in_two_units_and_dates_with_a_gap(data):
    data.set_events(3, timestamp=1_700_000_000_000)
    material = read_material(data.write(), None, None)
    assert "before the year 2200" in material.problems[0]
    assert len(material.log) == 1197
    dates = ["2024-05-01"] * 1198
    data.events = data.events.with_columns(timestamp=pl.Series([None, "soon", *dates]))
    material = read_material(data.write(), None, None)
    assert len(material.problems) == 1
    assert len(material.log) == 1198


def test_images_outside_the_folder_are_left_out(data):
    data.set_items([3], image="../secret.png")
    material = read_material(data.write(), None, None)
    assert material.catalog.frame["image"].null_count() == 1
    assert len(material.catalog) == 40


NOW = 1_764_000_000


@pytest.mark.parametrize(
    ("times", "said", "used"),
    [
        (["2024-05-01T10:00:00Z"] * 9 + ["2926-03-01T00:00:00Z"], ["rows [9] .* '2926-03"], 9),
        (["2024-05-01T10:00:00Z"] * 9 + ["14.10.2026 03:24"], ["one ISO form; rows [9]"], 9),
        (["2024-05-01T10:00:00Z"] * 9 + ["2024-05-"], ["one ISO form; rows [9] .* '2024-05-'"], 9),
        ([NOW * 1000] * 9 + [9_999_999_999_999], ["milliseconds .* (9 others are); rows [9]"], 9),
        ([NOW * 1000] * 9 + [NOW], ["(9 others are); rows [9] .* which looks like seconds"], 9),
        (
            [str(NOW)] * 6 + ["yesterday", "-5", "9999999999", f"{NOW}000"],
            ["rows [6] .* 'yesterday'", "rows [7] .* '-5'", "rows [9] .* milliseconds", "rows [8]"],
            6,
        ),
    ],
)
def test_each_kind_of_wrong_time_is_named_and_the_others_are_used(data, times, said, used):
    data.events = data.events.head(10).with_columns(timestamp=pl.Series(times))
    material = read_material(data.write(), None, None)
    assert len(material.problems) == len(said)
    for problem, part in zip(material.problems, said, strict=True):
        assert re.search(part.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)"), problem)
    assert len(material.log) == used


def test_ids_that_are_no_whole_numbers_are_left_out(data):
    data.events = data.events.with_columns(
        item_id=pl.Series([7.5, None, *range(1198)]) % 40, user_id=pl.Series(range(1200)) % 60
    )
    data.items = data.items.with_columns(item_id=pl.Series([0.5, *range(1, 40)]))
    material = read_material(data.write(), None, None)
    assert [problem.split(";")[0] for problem in material.problems] == [
        "items: item_id must be text or integers",
        "interactions: item_id must not be empty",
        "interactions: item_id must be text or integers",
        "interactions: 30 of 1,200 events refer to 1 item that is not in the catalogue, first [0] "
        "in 30 rows, first [2, 42, 82] (counted from 0, a header not counted)",
    ]
    assert (len(material.catalog), len(material.log), material.unknown) == (39, 1168, 30)


def test_columns_of_a_table_that_cannot_be_read_are_not_judged(data):
    data.events = data.events.rename({"item_id": "movieId"})
    folder = data.write()
    (folder / "items.parquet").unlink()
    (folder / "items.jsonl").write_text('{"movieId": "i0", "name": "a"}\n{"movieId"\n')
    columns = {"movieId": "item_id", "name": "title", "wer": "user_id"}
    [problem] = read_material(folder, columns, None).problems
    assert "line 2 must be a JSON object" in problem
    (folder / "items.jsonl").unlink()
    [problem] = read_material(folder, columns, None).problems
    assert "must hold one table items" in problem
    assert problem.endswith("got none, but ['interactions.parquet']")
    data.write()
    said = read_material(folder, columns, None).problems[0]
    assert said.startswith("columns must name columns of the tables; ['name', 'wer'] are not in")

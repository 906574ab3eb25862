import polars as pl

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

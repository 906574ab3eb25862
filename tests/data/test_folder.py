import polars as pl
import pytest

from mmrec.data import (
    Catalog,
    DataError,
    Dataset,
    Interactions,
    leave_one_out,
    read_folder,
    read_tables,
)

EVENTS = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["007", "7"], "timestamp": ["2", "1"]})
ITEMS = pl.DataFrame({"item_id": ["7", "007", "cold"], "image": ["a.jpg", "", "b.jpg"]})


def write(folder, events=EVENTS, items=ITEMS):
    events.write_csv(folder / "interactions.csv")
    items.write_csv(folder / "items.csv")
    return folder


def test_reads_a_folder(tmp_path):
    data = read_folder(str(write(tmp_path)))
    assert data.interactions.frame["item_id"].to_list() == ["7", "007"]
    assert data.catalog.ids == ["7", "007", "cold"]
    images = tmp_path.resolve() / "images"
    assert data.catalog.image_paths() == [images / "a.jpg", None, images / "b.jpg"]


def test_parquet_and_csv_may_stand_side_by_side(tmp_path):
    write(tmp_path)
    (tmp_path / "items.csv").unlink()
    ITEMS.write_parquet(tmp_path / "items.parquet")
    assert len(read_folder(tmp_path).catalog) == 3


def test_missing_parts(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data set folder at .*nowhere"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"must hold one table interactions, .*; got none"):
        read_folder(tmp_path)
    for name in ("products.csv", "events.jsonl.gz", "readme.txt"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"got none, but \['events.jsonl.gz', 'products.c"):
        read_folder(tmp_path)
    write(tmp_path)
    with pytest.raises(FileNotFoundError, match="no data set folder"):
        read_folder(tmp_path / "items.csv")
    ITEMS.write_parquet(tmp_path / "items.parquet")
    with pytest.raises(FileNotFoundError, match=r"got \['items.csv', 'items.parquet'\]"):
        read_folder(tmp_path)


def test_unknown_items_are_named_in_order(tmp_path):
    ids = ["q", "7", "p", "q", "o", "n"]
    events = pl.DataFrame({"user_id": ["u"] * 6, "item_id": ids, "timestamp": range(6)})
    with pytest.raises(
        ValueError, match=r"4 items that are not in the catalogue, first \['q', 'p', 'o'\]"
    ):
        read_folder(write(tmp_path, events))


def test_seven_is_not_007():
    events = Interactions({"user_id": ["u"], "item_id": [7], "position": [0]})
    with pytest.raises(ValueError, match="7 may be '7' or '007' of the catalogue"):
        Dataset(events, Catalog(ITEMS))
    data = Dataset(events, Catalog({"item_id": [7, 8]}))
    assert len(data.interactions) == 1


def test_an_image_outside_the_folder_is_refused(tmp_path):
    items = ITEMS.with_columns(image=pl.lit("../x.jpg"))
    with pytest.raises(ValueError, match=r"'../x.jpg' lies outside"):
        read_folder(write(tmp_path, items=items))


@pytest.mark.parametrize("events", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("items", ["csv", "parquet", "ndjson"])
def test_a_table_may_be_in_any_format_and_ids_in_any_type(tmp_path, events, items):
    log = pl.DataFrame({"user_id": [5] * 4, "item_id": [8, 7, 9, 8], "timestamp": [4, 3, 2, 1]})
    catalog = pl.DataFrame({"item_id": [7, 8, 9, 10]})
    for stem, suffix, frame in (("interactions", events, log), ("items", items, catalog)):
        path = tmp_path / f"{stem}.{suffix}"
        if suffix == "csv":
            frame.write_csv(path)
        elif suffix == "parquet":
            frame.write_parquet(path)
        else:
            frame.cast({"item_id": pl.String}).write_ndjson(path)
    data = read_folder(tmp_path)
    assert data.catalog.indices_of(data.interactions.frame["item_id"]).tolist() == [2, 3, 1, 2]
    assert set(data.interactions.frame["item_id"]) < set(data.catalog.ids)
    plain = leave_one_out(Interactions(log), Catalog(catalog))
    split = leave_one_out(data.interactions, data.catalog)
    assert split.sequences.item.tolist() == plain.sequences.item.tolist() == [2, 3, 1, 2]
    assert split.candidates.tolist() == plain.candidates.tolist()


def test_users_are_read_and_written_as_in_the_events(tmp_path):
    write(tmp_path)
    assert read_folder(tmp_path).users is None
    users = pl.DataFrame({"user_id": ["w", "u"], "age": [40, 30]})
    users.write_ndjson(tmp_path / "users.jsonl")
    assert read_folder(tmp_path).users.rows() == [("w", 40), ("u", 30)]
    users.write_csv(tmp_path / "users.csv")
    with pytest.raises(FileNotFoundError, match=r"got \['users.csv', 'users.jsonl'\]"):
        read_folder(tmp_path)
    log = {"user_id": [7, 8], "item_id": ["a", "a"], "position": [0, 1]}
    data = read_tables(log, {"item_id": ["a"]}, {"user_id": ["8", "9"]})
    assert data.users["user_id"].to_list() == [8, 9]


def test_columns_are_renamed_and_units_taken(tmp_path):
    theirs = {"user_id": "userId", "item_id": "movieId", "timestamp": "when"}
    events = EVENTS.with_columns(timestamp=pl.Series([2000, 1500])).rename(theirs)
    write(tmp_path, events, ITEMS.rename({"item_id": "movieId"}))
    pl.DataFrame({"userId": ["u"]}).write_csv(tmp_path / "users.csv")
    columns = {old: new for new, old in theirs.items()}
    data = read_folder(tmp_path, columns=columns, time_unit="ms")
    assert data.interactions.frame["timestamp"].to_list() == [1.5, 2.0]
    assert data.interactions.frame["item_id"].to_list() == ["7", "007"]
    assert data.catalog.ids == ["7", "007", "cold"]
    assert data.users["user_id"].to_list() == ["u"]
    with pytest.raises(ValueError, match=r"columns must name columns of the tables; \['film'\]"):
        read_folder(tmp_path, columns=columns | {"film": "title"})
    with pytest.raises(ValueError, match=r"items: columns .* two would be \['image'\]"):
        read_folder(tmp_path, columns={"movieId": "image"})


def test_the_problems_of_all_tables_are_in_one_message(tmp_path):
    write(tmp_path, EVENTS.with_columns(timestamp=pl.lit("-1")), ITEMS[[0, 0, 1]])
    pl.DataFrame({"user_id": ["u", "u"]}).write_csv(tmp_path / "users.csv")
    with pytest.raises(DataError) as error:
        read_folder(tmp_path)
    assert [text.split(" must")[0] for text in error.value.problems] == [
        "items: item_id",
        "interactions: timestamp",
        "users: user_id",
    ]
    assert "\n" not in str(error.value)


def test_unknown_items_are_named_although_the_items_are_refused():
    items = {"item_id": ["a", "a", "b"]}
    events = {"user_id": ["u", "v"], "item_id": ["b", "zz"], "timestamp": [1, 2]}
    with pytest.raises(DataError) as error:
        read_tables(events, items)
    double, unknown = error.value.problems
    assert "item_id must be unique" in double
    assert "1 of 2 events refers to 1 item that is not in the catalogue, first ['zz']" in unknown


def test_what_was_read_before_stays_as_it_is():
    log, catalog = Interactions(EVENTS), Catalog(ITEMS)
    data = read_tables(log, catalog, columns=None)
    assert data.catalog is catalog
    assert data.interactions.frame.equals(log.frame)
    with pytest.raises(ValueError, match="time_unit is for tables; got time_unit='ms' and a log"):
        read_tables(log, catalog, time_unit="ms")
    with pytest.raises(ValueError, match=r"\['userId'\] are not in {'items'"):
        read_tables(log, ITEMS, columns={"userId": "user_id"})


@pytest.mark.parametrize("name", ["interactions", "items"])
def test_junk_is_one_sentence(tmp_path, name):
    write(tmp_path)
    (tmp_path / f"{name}.csv").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ValueError, match=f"{name}: {name}.csv can't be read as a table") as error:
        read_folder(tmp_path)
    assert "\n" not in str(error.value)

import polars as pl
import pytest

from mmrec.data import Catalog, Dataset, Interactions, read_folder

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
    with pytest.raises(
        FileNotFoundError, match=r"interactions.csv or interactions.parquet; got neither"
    ):
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
    with pytest.raises(ValueError, match="got Int64 in interactions and String in items"):
        Dataset(events, Catalog(ITEMS))
    data = Dataset(events, Catalog({"item_id": [7, 8]}))
    assert len(data.interactions) == 1


def test_an_image_outside_the_folder_is_refused(tmp_path):
    items = ITEMS.with_columns(image=pl.lit("../x.jpg"))
    with pytest.raises(ValueError, match=r"'../x.jpg' lies outside"):
        read_folder(write(tmp_path, items=items))


@pytest.mark.parametrize("name", ["interactions", "items"])
def test_junk_is_one_sentence(tmp_path, name):
    write(tmp_path)
    (tmp_path / f"{name}.csv").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ValueError, match=f"{name}: {name}.csv can't be read as a table") as error:
        read_folder(tmp_path)
    assert "\n" not in str(error.value)

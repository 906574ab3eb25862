import polars as pl
import pytest

from mmrec.realtime.log.event_parts import events_path, read_parts

ROWS = pl.DataFrame(
    {
        "user_id": [f"u{n % 20}" for n in range(100)],
        "item_id": [f"i{n}" for n in range(100)],
        "rating": [5] * 100,
        "timestamp": [100 - n // 3 for n in range(100)],
    }
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_parts_share_no_user_and_lose_no_row(tmp_path, suffix):
    path = tmp_path / f"log.{suffix}"
    ROWS.write_csv(path) if suffix == "csv" else ROWS.write_parquet(path, row_group_size=7)
    [whole] = read_parts(path, 100)
    parts = [part.frame for part in read_parts(path, 20)]
    assert len(parts) > 2
    users = [user for part in parts for user in part["user_id"].unique()]
    assert len(users) == len(set(users)) == 20
    for part in parts:  # sorted, and events of the same time in the order of the file
        expected = whole.frame.filter(pl.col("user_id").is_in(part["user_id"].implode()))
        assert part.to_dicts() == expected.select(part.columns).to_dicts()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [20, 100])
def test_parts_of_a_file_with_other_names(tmp_path, suffix, rows):
    path, names = tmp_path / f"log.{suffix}", {"who": "user_id", "at": "timestamp"}
    theirs = ROWS.rename({ours: name for name, ours in names.items()})
    theirs = theirs.with_columns(pl.col("at") * 1000)
    theirs.write_csv(path) if suffix == "csv" else theirs.write_parquet(path)
    parts = [part.frame for part in read_parts(path, rows, columns=names, time_unit="ms")]
    wanted = ["user_id", "item_id", "timestamp"]
    found = pl.concat([part.select(wanted) for part in parts]).sort("item_id")
    expected = ROWS.select(wanted).with_columns(pl.col("timestamp").cast(pl.Float64))
    assert found.equals(expected.sort("item_id"))
    with pytest.raises(ValueError, match=r"\['client'\] are not in"):
        list(read_parts(path, rows, columns={"client": "user_id"}))
    with pytest.raises(ValueError, match=r"two would be \['item_id'\]"):
        list(read_parts(path, rows, columns={"who": "item_id"}))


def test_blank_lines_are_no_rows(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp\n" + "u,a,1\n\n" * 5)
    assert sum(len(part) for part in read_parts(path, 4)) == 5


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(ValueError, match=r"log.parquet can't be read as a table"):
        list(read_parts(tmp_path / "log.parquet", 2))
    (tmp_path / "log.csv").write_text("user_id,user_id,timestamp\n" + "u,a,1\n" * 9)
    with pytest.raises(ValueError, match=r"log.csv .* \['user_id'\] more than once"):
        list(read_parts(tmp_path / "log.csv", 2))
    (tmp_path / "log.txt").write_text("a")
    with pytest.raises(ValueError, match=r"must be a file that ends in .*; got log.txt"):
        list(read_parts(tmp_path / "log.txt", 2))
    with pytest.raises(FileNotFoundError, match=r"no file at .*no.csv"):
        list(read_parts(tmp_path / "no.csv", 2))


def test_the_file_of_a_folder(tmp_path):
    ROWS.write_parquet(tmp_path / "interactions.parquet")
    assert events_path(tmp_path) == tmp_path / "interactions.parquet"
    assert events_path(str(tmp_path / "x.csv")) == tmp_path / "x.csv"
    assert events_path({"user_id": []}) is None

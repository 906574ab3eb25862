import polars as pl
import pytest

from mmrec.cli.rows import write_rows

BLOCKS = [pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pl.DataFrame({"a": [3], "b": ["ö,\n"]})]


@pytest.mark.parametrize(
    ("name", "read"),
    [("t.parquet", pl.read_parquet), ("t.csv", pl.read_csv), ("t.JSONL", pl.read_ndjson)],
)
def test_blocks_follow_each_other(tmp_path, name, read):
    for blocks in (BLOCKS, BLOCKS[:1], [BLOCKS[0].clear(), *BLOCKS]):
        assert write_rows(iter(blocks), tmp_path / name) == sum(map(len, blocks))
        assert read(tmp_path / name).equals(pl.concat(blocks))
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in .parquet, .csv, .jsonl; got t.xlsx"):
        write_rows(BLOCKS, tmp_path / "t.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no folder .*none to write t.csv to"):
        write_rows(BLOCKS, tmp_path / "none" / "t.csv")

    def fail():
        yield BLOCKS[0]
        raise ValueError("broken")

    for name in ("t.csv", "t.parquet"):
        with pytest.raises(ValueError, match="broken"):
            write_rows(fail(), tmp_path / name)
    assert not list(tmp_path.iterdir())

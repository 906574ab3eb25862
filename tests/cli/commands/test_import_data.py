"""From published files to recommendations, without a line of code."""

import json
import sys
from typing import get_args

import polars as pl
import pytest

from mmrec.cli.commands.import_data import Layout
from mmrec.data.loaders import LAYOUTS

QUICK = ["--modalities", "id", "--epochs", "1", "--dim", "8", "--negatives", "full"]
QUICK += ["--devices", "1", "--batch-size", "8", "--max-length", "6"]


@pytest.fixture
def command(monkeypatch, capfd):
    """Run the command in this process; return exit status, stdout and stderr."""

    def run(*arguments):
        from mmrec.cli import main

        monkeypatch.setattr(sys, "argv", ["mmrec", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        output = capfd.readouterr()
        return exit_.value.code or 0, output.out, output.err

    return run


@pytest.fixture
def ml_1m(tmp_path):
    """Ratings in the layout of ml-1m: each user rates a chain of movies."""
    source = tmp_path / "ml-1m"
    source.mkdir()
    ratings = [
        f"{user}::{1 + (user + step) % 12}::4::{978300000 + 40 * step + user}"
        for user in range(1, 21)
        for step in range(10)
    ]
    (source / "ratings.dat").write_text("\n".join([*ratings, ratings[0], "1::2"]))
    movies = [f"{movie}::Movie {movie} (2001)::Drama" for movie in range(1, 13)]
    (source / "movies.dat").write_text("\n".join(movies))
    (source / "users.dat").write_text("\n".join(f"{u}::F::25::4::1" for u in range(1, 21)))
    return source


@pytest.fixture
def amazon(tmp_path):
    """The same chain as reviews in the layout of Amazon 2023."""
    source = tmp_path / "amazon"
    source.mkdir()
    reviews = [
        {
            "user_id": f"A{user}",
            "parent_asin": f"B{(user + step) % 12}",
            "rating": 5.0,
            "timestamp": 1588615855070 + 40000 * step + user,
            "title": "x",
            "text": "y",
        }
        for user in range(20)
        for step in range(10)
    ]
    (source / "Books.jsonl").write_text("\n".join(map(json.dumps, reviews)))
    meta = [{"parent_asin": f"B{item}", "title": f"Book {item}"} for item in range(12)]
    (source / "meta_Books.jsonl").write_text("\n".join(map(json.dumps, meta)))
    return source


def test_the_command_knows_every_layout():
    assert get_args(Layout) == tuple(LAYOUTS)


@pytest.mark.parametrize("layout", ["ml-1m", "amazon-2023"])
def test_import_and_fit(command, layout, request, tmp_path):
    source = request.getfixturevalue({"ml-1m": "ml_1m", "amazon-2023": "amazon"}[layout])
    data, run = tmp_path / "data", tmp_path / "run"
    status, out, err = command("import", layout, source, data, "--json")
    assert (status, err) == (0, "")
    said = json.loads(out.splitlines()[-1])
    assert said["totals"]["events"] == 200
    assert "200 events\n12 items\n" in out
    status, out, err = command("fit", data, "--out", run, *QUICK, "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["candidates"] == 12


def test_dropped_lines_are_printed_and_strict_refuses(command, ml_1m, tmp_path):
    status, out, _ = command("import", "ml-1m", ml_1m, tmp_path / "data")
    assert status == 0
    assert "1 line: expected 4 fields (line 202)" in out
    assert "1 line: duplicate (line 201)" in out
    status, _, err = command("import", "ml-1m", ml_1m, tmp_path / "strict", "--strict")
    assert (status, err) == (2, f"mmrec: {ml_1m / 'ratings.dat'}, line 202: expected 4 fields\n")
    assert not (tmp_path / "strict").exists()


def test_one_sentence_for_missing_files(command, ml_1m, tmp_path):
    (ml_1m / "movies.dat").unlink()
    (ml_1m / "users.dat").unlink()
    status, _, err = command("import", "ml-1m", ml_1m, tmp_path / "data")
    assert (status, err) == (
        2,
        f"mmrec: {ml_1m} lacks movies.dat, users.dat of the layout ml-1m; it holds ratings.dat\n",
    )


def test_fetch_images(command, tmp_path):
    items = {"item_id": ["a"], "image_urls": [["ftp://x/y.jpg"]]}
    pl.DataFrame(items).write_parquet(tmp_path / "items.parquet")
    status, out, err = command("fetch-images", tmp_path, "--json")
    assert (status, err) == (0, "")
    assert "1 not http or https" in out
    counts = {"URLs": 1, "there already": 0, "not http or https": 1}
    assert json.loads(out.splitlines()[-1]) == counts
    status, _, err = command("fetch-images", tmp_path, "--column", "cover")
    assert status == 2
    assert err.startswith("mmrec: items must have the columns ['cover']; got ")

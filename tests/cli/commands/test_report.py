"""mmrec report: a page about a RUN."""

import json
import re
import sys

import pytest

from mmrec import Recommender


@pytest.fixture
def run(small_shop, tmp_path):
    """A RUN that names the folder of its data."""
    small_shop.recommender.save(
        tmp_path / "shop-run", data=str(small_shop.dataset.catalog.images.parent)
    )
    return tmp_path / "shop-run"


def test_it_writes_a_page(command, run, tmp_path):
    out = tmp_path / "page.html"
    status, said, _ = command("report", run, "--out", out, "--users", 2, "--worst", 1, "--json")
    assert status == 0
    assert f"page written to {out}; users are numbered, and only you may read it" in said
    assert json.loads(said.splitlines()[-1]) == {
        "out": str(out),
        "examples": True,
        "show_users": False,
    }
    text = out.read_text()
    assert "<h1>What shop-run has learned</h1>" in text
    assert text.count("<article") == 3
    assert 'id="data"' in text
    if sys.platform != "win32":
        assert out.stat().st_mode & 0o777 == 0o600


def test_ids_of_users_are_shown_on_request(command, run, small_shop, tmp_path):
    out = tmp_path / "page.html"
    status, said, _ = command("report", run, "--out", out, "--users", 3, "--show-users")
    assert status == 0
    assert "it shows ids of users" in said
    known = set(small_shop.dataset.interactions.frame["user_id"])
    headings = re.findall("<h3>(.*?)</h3>", out.read_text())
    assert len(headings) == 7
    assert set(headings) <= known


def test_without_the_data_it_says_so(command, small_shop, tmp_path):
    Recommender(small_shop.recommender.state).save(tmp_path / "run", data=str(tmp_path / "gone"))
    out = tmp_path / "page.html"
    status, said, _ = command("report", tmp_path / "run", "--out", out, "--json")
    assert status == 0
    assert "the data set of the training is not there: no examples; pass --data FOLDER" in said
    assert json.loads(said.splitlines()[-1])["examples"] is False
    assert "<article" not in out.read_text()
    status, _, error = command("report", tmp_path / "run", "--data", tmp_path / "gone")
    assert status == 2
    assert "gone" in error


def test_wrong_input_is_one_sentence(command, run, tmp_path):
    status, _, error = command("report", run, "--out", tmp_path)
    assert (status, error) == (2, f"mmrec: --out expects a file; got the folder {tmp_path}\n")
    status, _, error = command("report", run, "--out", tmp_path / "x.html", "--color", "brand")
    assert status == 2
    assert "color must be a column of the catalogue" in error
    assert not (tmp_path / "x.html").exists()
    status, _, error = command("report", tmp_path / "none")
    assert status == 2
    assert error.count("\n") == 1


def test_another_folder_has_the_names_of_the_training(command, run_of_renamed, renamed, tmp_path):
    page = tmp_path / "page.html"
    status, _, err = command("report", run_of_renamed, "--data", renamed, "--out", page)
    assert (status, page.is_file()) == (0, True), err
    assert "read as for the training: who is user_id, timestamps are in ms" in err.splitlines()

"""What a data set holds, what fit would use, and what is odd."""

import json
import sys
from html.parser import HTMLParser

import polars as pl
import pytest

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def shop(tmp_path):
    """A data set folder of 30 users and 12 items, with hostile names."""
    folder = tmp_path / "shop"
    folder.mkdir()
    events = [
        {
            "user_id": f"secret{n % 30}",
            "item_id": HOSTILE if n % 12 == 0 else f"i{n % 12}",
            "timestamp": 1_700_000_000 + 60 * n,
            "event": ["view", HOSTILE][n % 2],
            "rating": n % 5,
        }
        for n in range(300)
    ]
    items = [
        {"item_id": item, "title": "the same" if n < 2 else f"<b>lamp {n}</b>", HOSTILE: HOSTILE}
        for n, item in enumerate([HOSTILE, *(f"i{n}" for n in range(1, 12))])
    ]
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    pl.DataFrame(items).write_csv(folder / "items.csv")
    return folder


class Page(HTMLParser):
    """Collects tags and text of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_text_and_json(answer, shop):
    said, out = answer("check", shop)
    assert said["fits"]
    assert said["there"]["events"]["users"] == 30
    assert "fit would take this data: 0 errors" in out
    assert {"unused_signal", "texts_alike"} <= {one["kind"] for one in said["findings"]}
    assert "secret" not in out.lower().replace(str(shop), "")


def test_options_are_those_of_fit(answer, shop):
    said, out = answer(
        *("check", shop, "--split", "leave-one-out", "--targets", "view", "--no-drop-repeats"),
        *("--negative", "rating <= 1", "--modalities", "id,category:title"),
    )
    assert said["used"]["events"]["split"]["name"] == "leave-one-out"
    assert list(said["used"]["events"]["roles"]) == ["context", "target", "negative"]
    assert list(said["used"]["modalities"]) == ["id", "category:title"]
    assert "says no" in out


def test_columns_and_unit(answer, shop):
    events = pl.read_csv(shop / "interactions.csv").with_columns(pl.col("timestamp") * 1000)
    events.rename({"user_id": "who"}).write_csv(shop / "interactions.csv")
    said, _ = answer("check", shop, "--columns", "who=user_id", "--time-unit", "ms")
    assert said["there"]["events"]["first"] == "2023-11-14T22:13:20Z"


def test_status_1_if_fit_would_refuse(command, shop):
    (shop / "items.csv").unlink()
    status, out, err = command("check", shop)
    assert (status, err) == (1, "")
    assert "must hold one table items" in out
    assert "fit would refuse this data: 1 error," in out


def test_the_page_is_escaped_private_and_complete(command, shop, tmp_path):
    file = tmp_path / "page.html"
    status, out, err = command("check", shop, "--html", file)
    assert (status, err) == (0, "")
    assert f"page written to {file}" in out
    assert file.stat().st_mode & 0o777 == 0o600
    page = Page(file.read_text(encoding="utf-8"))
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href")]
    assert page.text.count(HOSTILE) >= 3  # an event type, a column, an example
    assert "secret" not in page.text.lower()
    for heading in ("What is odd", "What is there", "What fit would use: parts"):
        assert heading in page.text
    assert "fit would take this data" in page.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "some"], "--images must be a number of 0 or more, or all; got 'some'"),
        (["--time-unit", "h"], "time_unit must be one of"),
        (["--columns", "a"], "--columns must be theirs=ours"),
        (["--split", "random"], "split must be one of"),
        (["--modalities", "smell"], "modality 'smell' must be one of"),
        (["--negative", "rating <="], "rating <="),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_status_2_for_wrong_options(refusal, shop, arguments, said):
    assert said in refusal("check", shop, *arguments)


def test_status_2_without_a_folder(refusal, shop, tmp_path):
    assert "no data set folder at" in refusal("check", tmp_path / "nowhere")
    assert "no data set folder at" in refusal("check", shop / "items.csv")


def test_a_place_where_no_page_can_be_written(refusal, shop, tmp_path):
    assert "it is a folder" in refusal("check", shop, "--html", tmp_path)
    assert "can't be written" in refusal("check", shop, "--html", tmp_path / "no" / "page.html")


def test_a_page_names_the_missing_extra_before_it_reads(refusal, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    folder = tmp_path / "shop"
    folder.mkdir()
    said = refusal("check", folder, "--html", tmp_path / "page.html")
    assert 'pip install "mmrec[compare]"' in said


def test_json_is_plain(command, shop):
    events = pl.read_csv(shop / "interactions.csv").with_columns(rating=pl.lit("NaN"))
    events.write_csv(shop / "interactions.csv")
    _, out, _ = command("check", shop, "--json")

    def refuse(text):
        raise AssertionError(text)

    said = json.loads(out.splitlines()[-1], parse_constant=refuse)
    assert said["there"]["events"]["rows"] == len(events)

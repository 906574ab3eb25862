import copy
import json
import pickle
from html.parser import HTMLParser

import polars as pl
import pytest
from PIL import Image

from mmrec.data import Catalog
from mmrec.recommender.lists import Recommendation
from mmrec.recommender.notebook import (
    MOST_LINES,
    MOST_LISTS,
    RecommendationList,
    RecommendationLists,
)


class Cells(HTMLParser):
    """The texts of the cells of a table, by row, and the sources of its images."""

    def __init__(self, source):
        super().__init__()
        self.rows, self.images, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "img":
            self.images.append(dict(attributes)["src"])

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture
def catalog(tmp_path):
    Image.new("RGB", (300, 300), "red").save(tmp_path / "a.png")
    rows = {"item_id": ["a", "<b>"], "title": ["A & lamp", "<script>"], "image": ["a.png", ""]}
    return Catalog(rows, tmp_path)


@pytest.fixture
def lines():
    return [Recommendation("a", 1.25, "interest"), Recommendation("<b>", 0.5, "interest")]


def test_a_notebook_shows_pictures_titles_and_scores(catalog, lines):
    page = Cells(RecommendationList(lines, catalog)._repr_html_())
    assert page.rows == [
        ["", "picture", "item", "title", "score", "reason"],
        ["1", "", "a", "A & lamp", "1.250", "interest"],
        ["2", "", "<b>", "<script>", "0.500", "interest"],
    ]
    assert [source[:23] for source in page.images] == ["data:image/jpeg;base64,"]


def test_columns_without_anything_are_left_out():
    lines = [Recommendation(1, 0.5, "similarity")]
    page = Cells(RecommendationList(lines, Catalog({"item_id": [1]}))._repr_html_())
    assert page.rows == [["", "item", "score", "reason"], ["1", "1", "0.500", "similarity"]]
    empty = RecommendationList([], Catalog({"item_id": [1]}))
    assert empty._repr_html_() == "<p>no item</p>"


def test_for_code_it_is_a_plain_list(catalog, lines):
    shown = RecommendationList(lines, catalog)
    assert shown == lines
    assert lines == shown
    assert isinstance(shown, list)
    assert repr(shown) == repr(lines)
    assert json.dumps(shown) == json.dumps(lines)
    assert pl.DataFrame(shown, orient="row").equals(pl.DataFrame(lines, orient="row"))
    for other in (copy.copy(shown), copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert type(other) is list
        assert other == lines
        assert type(other[0]) is Recommendation
    assert b"Catalog" not in pickle.dumps(shown)


def test_several_lists(catalog, lines):
    shown = RecommendationLists([lines, lines[:1], []], catalog)
    assert shown == [lines, lines[:1], []]
    assert type(shown[0]) is RecommendationList
    back = pickle.loads(pickle.dumps(shown))
    assert (type(back), {type(one) for one in back}) == (list, {list})
    assert json.dumps(shown) == json.dumps([lines, lines[:1], []])
    page = Cells(shown._repr_html_())
    assert len(page.rows) == 5
    assert "no item" in page.text


def test_long_lists_are_cut(catalog, lines):
    many = RecommendationList(lines * MOST_LINES, catalog)
    page = Cells(many._repr_html_())
    assert len(page.rows) == 1 + MOST_LINES
    assert f"and {MOST_LINES} more lines" in page.text
    lists = RecommendationLists([lines] * (MOST_LISTS + 1), catalog)
    assert "and 1 more list" in Cells(lists._repr_html_()).text


def test_what_a_recommender_returns(by_content):
    alone = by_content.recommend(["i1", "i2"], 3)
    together = by_content.recommend_many([["i1", "i2"], ["i3"]], 3)
    assert [line.item for line in together[0]] == [line.item for line in alone]
    for shown in (alone, together, by_content.similar("i1", 2)):
        page = Cells(shown._repr_html_())
        assert page.images
    assert [row[2] for row in Cells(alone._repr_html_()).rows[1:]] == [line.item for line in alone]

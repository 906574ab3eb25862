import pickle

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data.text import TextTemplate

TEMPLATE = TextTemplate("{title}. {genres}. {description}")


@pytest.mark.parametrize(
    ("title", "genres", "description", "text"),
    [
        ("Heat", "Crime|Drama", "A thief.", "Heat. Crime, Drama. A thief."),
        ("Heat", None, "A thief.", "Heat. A thief."),
        ("Heat", [], "", "Heat"),
        (None, ["Crime", None, " Drama "], None, "Crime, Drama"),
        ("", "", "<p>A &amp; B</p>", "A & B"),
        ("Heat!", "", "Now.", "Heat! Now."),
        (None, float("nan"), "  ", ""),
        ("{genres}", "x", "", "{genres}. x"),
    ],
)
def test_empty_columns_leave_no_separator(title, genres, description, text):
    row = {"title": title, "genres": genres, "description": description, "other": 1}
    assert TEMPLATE.render(row) == text


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("Title: {a}. Brand: {b}.", {"a": "Mug", "b": ""}, "Title: Mug."),
        ("Title: {a}. Brand: {b}.", {"a": "", "b": "Acme"}, "Brand: Acme."),
        ("Title: {a}. Brand: {b}.", {"a": "", "b": ""}, ""),
        ("{a} ({b}) - {c}", {"a": "Heat", "b": 1995, "c": "film"}, "Heat (1995) - film"),
        ("{a} ({b}) - {c}", {"a": "Heat", "b": None, "c": "film"}, "Heat - film"),
        ("{a} ({b})", {"a": "Heat", "b": None}, "Heat"),
        ("{a} ({b})", {"a": None, "b": 1995}, "(1995)"),
        ("{{{a}}} {a b}", {"a": "x", "a b": "y"}, "{x} y"),
        ("名称:{a}。类别:{b}", {"a": "杯子", "b": "厨房|家居"}, "名称:杯子。类别:厨房, 家居"),
    ],
)
def test_words_belong_to_the_column_they_introduce(template, row, text):
    assert TextTemplate(template).render(row) == text


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=3, max_size=3))
def test_never_raises_and_never_doubles_a_separator(values):
    row = dict(zip(TEMPLATE.columns, values, strict=True))
    text = TEMPLATE.render(row)
    assert text == text.strip()
    if not any("." in (value or "") for value in values):
        assert ". ." not in text


def test_a_frame_gives_one_text_a_row():
    frame = pl.DataFrame(
        {"genres": [["A", "B"], None], "title": ["x", None], "n": [1, 2], "description": ["d", "e"]}
    )
    rows = [TEMPLATE.render(row) for row in frame.iter_rows(named=True)]
    assert TEMPLATE.render_all(frame) == rows == ["x. A, B. d", "e"]
    assert TEMPLATE.render_all(frame.head(0)) == []


def test_columns_and_persistence():
    assert TextTemplate("{b} {a} {b}").columns == ("b", "a")
    assert pickle.loads(pickle.dumps(TEMPLATE)) == TEMPLATE
    assert TextTemplate("{a}", max_chars=3).render({"a": "one two"}) == "one"


def test_cut_texts_are_counted():
    titles = ["abcd", "abcde", "<b>abcd</b>", "a&amp;bc", None, "", "   a    b   "]
    frame = pl.DataFrame({"title": titles, "n": range(7), "tags": [["abcdefgh"]] * 7})
    assert TextTemplate("{title} {n} {tags}", max_chars=4).count_cut(frame) == 1
    assert TextTemplate("{title}").count_cut(frame) == 0
    assert TextTemplate("{n}", max_chars=1).count_cut(frame) == 0
    with pytest.raises(ValueError, match="don't exist"):
        TextTemplate("{nothing}").count_cut(frame)


def test_guess():
    columns = ["item_id", "Description", "category", "genres", "brand", "title", "name"]
    text = "{title}. {brand}. {category}. {genres}. {Description}"
    assert TextTemplate.guess(columns).template == text
    with pytest.raises(ValueError, match=r"no column has the usual name of a text .*'price'"):
        TextTemplate.guess(["item_id", "price"])


@pytest.mark.parametrize("template", ["{}", "{a!r}", "{a:>3}", "{a", "no columns", ""])
def test_bad_templates(template):
    with pytest.raises(ValueError, match="template"):
        TextTemplate(template)


def test_unknown_columns_are_named():
    with pytest.raises(ValueError, match=r"\['description'\] don't exist; got \['title', 'ge"):
        TEMPLATE.render({"title": "x", "genres": "y"})
    with pytest.raises(ValueError, match=r"don't exist; got \['title'\]"):
        TEMPLATE.render_all(pl.DataFrame({"title": ["x"]}))
    with pytest.raises(
        ValueError, match=r"\['titel'\] don't exist; .* \(did you mean 'title'\?\)$"
    ):
        TextTemplate("{titel}").render_all(pl.DataFrame({"title": ["x"]}))

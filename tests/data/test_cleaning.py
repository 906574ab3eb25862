import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data.cleaning import clean_text

PARTS = ["<", ">", "</b>", "<b>", "<p>", "&", "&lt;", "&amp;", "#60;", "<!--", "-->", "<script>"]
PARTS += ["</script>", "a", " ", "中", "\u0301", "\u0344", "\u037e", "\u200b", "\0", "\ud800", '"']

HOSTILE = ["<", "<a", "<a ", '<a b="', "<a b='\"", "<!", "<!--", "</", "<?", "<![CDATA[", "<a\t"]
HOSTILE += ["&", "&#", "&amp;", "&am", "&#38;#38;", "=", '<a "', " ", "\0", "\u0344"]
HOSTILE += ["<script>", "<script", "<script></", "<<i>", "<i><"]
HOSTILE += ["a\u0300\u0316", "\u0300\u0316", "\u0300" * 30 + "\u200b"]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (None, ""),
        (float("nan"), ""),
        (1999, "1999"),
        ("3 < 4", "3 < 4"),
        ("a<b", "a<b"),
        ("AT&T, R&D; ?a=1&copy=2", "AT&T, R&D; ?a=1&copy=2"),
        ("<p>One</p><p>two<br/>three</p>", "One two three"),
        ("un<b>believ</b>able", "unbelievable"),
        ("<b>手工</b>陶瓷<i>杯</i>\u3000蓝色", "手工陶瓷杯 蓝色"),
        ('<img alt="5 > 4" src=x>image', "image"),
        ("a<!-- hidden <b> -->b<!-- open", "a b"),
        ("x<script type='a'>if (a<b) alert(1)</script >y<STYLE>p{}</STYLE>z", "x y z"),
        ("<script>never closed", ""),
        ("&lt;b&gt;bold&lt;/b&gt; &amp;amp; &#65;&#x42;", "bold & AB"),
        ("Cafe\u0301", "Café"),
        ("zero\u200bwidth\ufeff \x00nul\ud800 soft\u00adhyphen", "zerowidth nul softhyphen"),
        ("  tab\t\tline\r\n\u00a0end ", "tab line end"),
        ("<!DOCTYPE html><?xml version='1'?>text", "text"),
    ],
)
def test_known_texts(raw, clean):
    assert clean_text(raw) == clean


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PARTS), max_size=25).map("".join)))
def test_any_text_becomes_plain(raw):
    for max_chars in (10_000, 7):
        text = clean_text(raw, max_chars)
        assert clean_text(text, max_chars) == text
        assert clean_text(text) == text  # a cut text is plain too
        assert len(text) <= max_chars
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in text)
        assert "  " not in text
        assert text == text.strip()
        assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize(
    "piece",
    HOSTILE,
)
@pytest.mark.usefixtures("no_hang")
def test_hostile_text_is_read_in_linear_time(piece):
    text = clean_text(piece * (400_000 // len(piece)), max_chars=400_000)
    assert clean_text(text, max_chars=400_000) == text


def test_nesting_without_end_leaves_no_markup():
    assert "<" not in clean_text("<" * 50 + "<i>" + "i>" * 50)
    for nested in ("amp;", "#38;", "#x26;"):
        text = clean_text("&" + nested * 50 + "lt;b&gt;")
        assert "&" not in text
        assert "<" not in text


@pytest.mark.parametrize(
    ("raw", "max_chars", "cut"),
    [
        ("one two three", 9, "one two"),
        ("one two three", 7, "one two"),
        ("one two, three", 8, "one two,"),
        ("x" * 20, 5, "xxxxx"),
        ("中文商品描述", 4, "中文商品"),
        ("red 中文商品描述", 7, "red 中文商"),
        ("ab" + "q\u0307", 3, "ab"),
        ("word", 1, "w"),
    ],
)
def test_cuts_at_a_word(raw, max_chars, cut):
    assert clean_text(raw, max_chars) == cut


def test_max_chars_is_positive():
    with pytest.raises(ValueError, match="max_chars must be 1 or more; got 0"):
        clean_text("a", 0)

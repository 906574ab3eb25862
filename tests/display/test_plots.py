import re
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from mmrec.display.plots import COLORS, INK, inline_svg, new_figure, saved, styled


def drawn(title="A <title>", **how):
    with styled():
        figure, axes = new_figure(2.0, title, **how)
        axes.plot([0, 1], [1, 2], "o-", color=COLORS[1])
        axes.text(0, 1, "a < b", color=INK)
        return figure


def test_a_notebook_shows_a_figure_without_pyplot():
    figure = drawn()
    assert ET.fromstring(figure._repr_svg_()).tag.endswith("svg")
    assert type(figure).__mro__[1].__module__ == "matplotlib.figure"
    assert figure.canvas.manager is None  # pyplot doesn't know it


def test_an_inline_figure_has_the_colors_of_the_page_and_loads_nothing():
    svg = inline_svg(drawn(), "first")
    assert "var(--ink)" in svg
    assert "var(--plot-2)" in svg
    assert INK not in svg
    assert "http" not in svg
    assert "A &lt;title&gt;" not in svg  # the page has it as a caption
    assert "a &lt; b" in svg  # text, not paths
    root = ET.fromstring(svg.replace("xlink:", ""))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert ids
    assert all(name.startswith("first-") for name in ids)
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg):
        assert (pair[0] or pair[1]) in ids


def test_two_figures_share_no_id():
    class Ids(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend(value for name, value in attributes if name == "id")

    found = []
    Ids().feed(inline_svg(drawn(), "one") + inline_svg(drawn(), "two"))
    assert len(found) == len(set(found)) > 0


def test_the_title_is_broken_to_the_width():
    narrow, wide = drawn("word " * 20, width=4.0), drawn("word " * 20)
    assert max(map(len, narrow.get_suptitle().split("\n"))) <= 48
    assert wide.get_suptitle().count("\n") < narrow.get_suptitle().count("\n")
    assert narrow.get_size_inches().tolist() == [4.0, 2.0]


def test_equal_figures_give_equal_files():
    with styled():
        assert saved("a", "a", drawn()) == saved("a", "a", drawn())
    assert inline_svg(drawn(), "a") == inline_svg(drawn(), "a")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib: pip install 'mmrec\[compare\]'"), styled():
        pass

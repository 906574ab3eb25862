import pytest
from check import broken_links, left_markup, names_once, read, wrong_signatures

ENTRY = (
    '<dt class="sig sig-object py" id="m.f"><span>f</span>(<dl><dd>a: int = 1,</dd></dl>) → str'
    '<a class="headerlink" href="#m.f">¶</a></dt>'
)
GOOD = (
    "<html><head><title>``t``</title></head><body><p id='top'>Text with <code>``</code>.</p>"
    f"{ENTRY}"
    '<div class="highlight"><pre><span class="gp">&gt;&gt;&gt; </span>f()</pre></div>'
    '<a href="other.html#there">x</a><img src="a.png"><a href="https://example.org/x">y</a>'
    "</body></html>"
)


@pytest.fixture
def site(tmp_path):
    """Write pages; return their folder and what they hold."""

    def make(**pages):
        (tmp_path / "a.png").touch()
        (tmp_path / "other.html").write_text("<p id='there'>There</p>")
        for name, text in pages.items():
            (tmp_path / f"{name}.html").write_text(text)
        return tmp_path, {path: read(path) for path in sorted(tmp_path.glob("*.html"))}

    return make


def test_good_pages_have_nothing(site):
    folder, pages = site(good=GOOD)
    assert broken_links(folder, pages) == left_markup(folder, pages) == []
    assert names_once(pages, ["m.f"]) == []
    assert wrong_signatures(pages, {"m.f": "(a: int=1) -> str"}) == []


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("<p>see :class:`Event`</p>", "a role"),
        ("<p>see :py:meth:`Event.f`</p>", "a role"),
        ("<p>&gt;&gt;&gt; f()</p>", "no code block"),
        ("<p>the ``name``</p>", "two backticks"),
        ("<p>.. note:: this</p>", "a directive"),
        ("<pre>&gt;&gt;&gt; f()</pre>", "without colors"),
    ],
)
def test_left_markup_is_found(site, bad, what):
    (said,) = left_markup(*site(bad=f"<body>{bad}</body>"))
    assert said.startswith("bad.html: ")
    assert what in said


@pytest.mark.parametrize("link", ["gone.html", "other.html#gone", "#gone", "x/a.png"])
def test_a_link_that_leads_nowhere_is_found(site, link):
    (said,) = broken_links(*site(bad=f'<body><a href="{link}">x</a></body>'))
    assert link in said


def test_names_without_an_entry_or_with_two_are_found(site):
    _, pages = site(good=GOOD, twice=GOOD.replace("m.f", "m.g") + ENTRY.replace("m.f", "m.g"))
    assert names_once(pages, ["m.f", "m.g", "m.h"]) == [
        "m.g has 2 entries; one is expected",
        "m.h has 0 entries; one is expected",
    ]


def test_a_wrong_signature_is_found(site):
    _, pages = site(good=GOOD)
    (said,) = wrong_signatures(pages, {"m.f": "(a: float=1) -> str"})
    assert said.startswith("m.f shows")

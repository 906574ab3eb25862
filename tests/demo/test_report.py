import re
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from mmrec.data import Dataset, read_folder
from mmrec.demo.report import write_report
from mmrec.demo.showcase import find_people
from mmrec.demo.story import tell_story
from mmrec.recommender import Options, Recommender
from mmrec.recommender.pipeline.data import split_log

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """The elements of a page, their attributes and text; refuses tags that don't match."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.open = [], []
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and all(value in element.get(name, "").split() for name, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def page(small_shop, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    assert (
        write_report(
            small_shop.recommender,
            small_shop.split,
            small_shop.dataset,
            path,
            title="A & B <shop>",
            facts={"Time": "3 s"},
        )
        == path
    )
    return Page(path)


def test_the_page_loads_nothing(page):
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.source)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert len(page.source) < 5_000_000


def test_title_and_headings(page):
    assert page.all("title")[0]["text"] == "A & B <shop> – mmrec"
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta", name="viewport")


def test_images_have_a_text_and_items_without_an_image_show_their_title(page, small_shop):
    titles = set(small_shop.dataset.catalog.frame["title"])
    tiles = page.all("li", class_="tile")
    assert tiles
    in_tiles = [image for image in page.all("img") if image["alt"]]
    assert {image["alt"] for image in in_tiles} <= titles
    blanks = page.all("span", class_="none")
    assert blanks
    assert all(blank["text"] in titles for blank in blanks)
    assert len(in_tiles) + len(blanks) >= len(tiles)


def test_the_next_item_is_marked_in_history_and_list(page, small_shop):
    people = find_people(small_shop.recommender, small_shop.split)
    hits = sum(person.place is not None and person.place <= 10 for person in people)
    assert hits > 0
    assert len(page.all("li", class_="next")) == len(people) + hits
    shown = [heading["text"] for heading in page.all("h3")]
    assert [person.user for person in people] == shown[: len(people)]


def test_results_show_the_numbers_of_the_report(page, small_shop):
    report = small_shop.recommender.report
    text = page.all("table")[0]["text"]
    for metrics in (report["test"], *report["baselines"].values()):
        assert f"{metrics['ndcg@10']:.3f}" in text
    rows = page.all("tr", class_="main")
    assert len(rows) == 1
    assert "This model" in rows[0]["text"]
    facts = page.all("dl")[0]["text"]
    assert small_shop.split.fingerprint in facts
    assert "3 s" in facts


def test_bars_are_shares_of_the_best(page, small_shop):
    report = small_shop.recommender.report
    values = [m["ndcg@10"] for m in (*report["baselines"].values(), report["test"])]
    bars = [s["style"] for s in page.all("span") if "width" in s.get("style", "")]
    assert bars == [f"width: {100 * value / max(values):.1f}%" for value in values]


def test_the_story_is_shown_step_by_step(page, small_shop):
    story = tell_story(small_shop.recommender, small_shop.split)
    catalog = small_shop.dataset.catalog
    headings = [heading["text"] for heading in page.all("h3")]
    for number, step in enumerate(story.steps[1:], 1):
        assert f"Click {number}: {catalog.row(step.clicked)['title']}" in headings
    was = [span["text"] for span in page.all("span", class_="kind") if "was" in span["text"]]
    moved = [
        line for step in story.steps for line in step.lines if line.before not in (None, line.place)
    ]
    assert was == [f"was {line.before}" for line in moved]


def test_given_models_are_compared(small_shop, tmp_path):
    report = small_shop.recommender.report
    models = {"Theirs": report["baselines"]["markov"], "Ours": report["test"]}
    page = Page(
        write_report(
            small_shop.recommender,
            small_shop.split,
            small_shop.dataset,
            tmp_path / "page.html",
            models=models,
        )
    )
    rows = [row["text"].split()[0] for row in page.all("tr")[1:]]
    baselines = ["Popularity", "Recent", "Windowed", "Markov", "Item-kNN", "EASE", "Nearest"]
    assert rows == [*baselines, "Theirs", "Ours"]


def test_a_data_set_without_images_titles_and_times(tmp_path):
    users, steps = 12, 8
    (tmp_path / "interactions.csv").write_text(
        "user_id,item_id,position\n"
        + "".join(f"u{u},<i{(u + s) % 9}>,{s}\n" for u in range(users) for s in range(steps))
    )
    (tmp_path / "items.csv").write_text("item_id\n" + "".join(f"<i{i}>\n" for i in range(9)))
    dataset: Dataset = read_folder(tmp_path)
    options = Options(modalities=("id",), split="leave-one-out", dim=4, epochs=1, devices=1)
    recommender = Recommender.fit(dataset.interactions, dataset.catalog, options=options)
    split = split_log(dataset.interactions, options.replace(drop_repeats=False), dataset.catalog)
    page = Page(write_report(recommender, split, dataset, tmp_path / "page.html"))
    assert not page.all("img")
    assert "1 Jan" not in page.source
    assert {blank["text"] for blank in page.all("span", class_="none")} <= {
        f"<i{i}>" for i in range(9)
    }


def test_without_jinja2_the_error_names_the_extra(small_shop, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "mmrec\[demo\]"'):
        write_report(
            small_shop.recommender, small_shop.split, small_shop.dataset, tmp_path / "page.html"
        )
    assert not (tmp_path / "page.html").exists()

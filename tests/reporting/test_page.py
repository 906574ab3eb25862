import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import polars as pl
import pytest

from mmrec import Recommender
from mmrec.recommender.check import CheckReport, Finding, Severity
from mmrec.recommender.figures import item_positions
from mmrec.recommender.pipeline.data import split_again
from mmrec.reporting import draw_targets, worst_targets, write_report
from mmrec.reporting.facts import changed_options, facts_of_training
from mmrec.reporting.pictures import CELLS, pin_pictures
from mmrec.reporting.uncertain import doubts

VOID = {"meta", "img", "br", "link", "input"}
HOSTILE = '<script>alert("1")</script>'
LOADING = ("src", "href", "xlink:href", "srcset", "poster", "data", "action")


class Page(HTMLParser):
    """The elements of a page with their texts; refuses tags that don't match."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.open = [], []
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", "above": [e["tag"] for e in self.open]}
        element |= {name: value or "" for name, value in attributes}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, class_=None):
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and (class_ is None or class_ in element.get("class", "").split())
        ]

    def section(self, name):
        found = [e for e in self.all("section") if e.get("aria-labelledby") == name]
        return found[0]["text"] if found else None


FINDING = Finding("odd", Severity.WARNING, 3, f"odd {HOSTILE}", "look at it", ("'i3'",))
CHECK = CheckReport("shop", {}, None, (FINDING,))


@pytest.fixture(scope="module")
def path(small_shop, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    written = write_report(
        small_shop.recommender,
        path,
        events=small_shop.dataset.interactions,
        check=CHECK,
        title=f"A & B {HOSTILE}",
        users=6,
        worst=3,
    )
    assert written == path
    return path


@pytest.fixture(scope="module")
def page(path):
    return Page(path)


def test_the_page_loads_nothing(page):
    assert not [e for e in page.elements if e["tag"] in ("script", "link", "iframe", "object")]
    for element in page.elements:
        for name in LOADING:
            value = element.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#")), element
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.source)
    assert "http" not in bare
    assert "@import" not in bare
    assert set(re.findall(r"url\((.)", bare)) <= {"#"}
    assert len(page.source) < 3_000_000


def test_only_the_owner_may_read_it(path):
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_title_headings_and_sections(page):
    assert page.all("title")[0]["text"] == f"A & B {HOSTILE} – mmrec"
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [section["aria-labelledby"] for section in page.all("section")]
    assert names == ["results", "doubts", "people", "items", "worst", "data", "trained"]
    ids = [element["id"] for element in page.elements if "id" in element]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"][1:] in ids


def test_figures_have_a_text(page):
    figures = [e for e in page.all("div") if e.get("role") == "img"]
    assert len(figures) == 7
    captions = [caption["text"] for caption in page.all("figcaption")]
    for figure in figures:
        assert figure["aria-label"] in captions
        assert len(figure["aria-label"]) > 20
    assert len(page.all("svg")) == 7


def test_numbers_are_those_of_the_report(page, small_shop):
    report = small_shop.recommender.report
    rows = page.all("table")[0]["text"]
    for metrics in (report["test"], *report["baselines"].values()):
        for name in ("ndcg@10", "hr@10", "mrr@10", "coverage@10"):
            assert f"{metrics[name]:.3f}" in rows
    [own] = [row for row in page.all("tr", "main") if "This model" in row["text"]]
    cells = re.findall(r"\d\.\d{3}", own["text"])
    test = report["test"]
    wanted = [test["ndcg@10"], test["hr@10"], test["mrr@10"], test["coverage@10"]]
    assert cells[:4] == [f"{value:.3f}" for value in wanted]
    tiles = [tile["text"] for tile in page.all("ul", "tiles")]
    assert f"{test['ndcg@10']:.3f}" in tiles[0]
    assert f"{test['targets']:,}" in tiles[0]


def test_hits_are_marked_in_history_and_list(page, small_shop):
    made = small_shop.recommender
    drawn = draw_targets(made.targets, 6, 0)
    worst = worst_targets(made.targets, 3, items=60)
    hits = sum(rank <= 10 for rank in drawn["rank"])
    assert hits == 3
    marked = page.all("li", "next")
    assert len(marked) == len(drawn) + hits + len(worst)
    people = [article["text"] for article in page.all("article")]
    for text, rank in zip(people, [*drawn["rank"], *worst["rank"]], strict=True):
        assert re.search(r"next item ranked (\d+)", text)[1] == str(rank)
    titles = dict(zip(made.catalog.ids, made.catalog.frame["title"], strict=True))
    for text, item in zip(people, drawn["item_id"], strict=False):
        assert titles[item] in text


def test_users_are_numbered_by_default(page, small_shop, tmp_path):
    ids = small_shop.dataset.interactions.frame["user_id"].unique()
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.source)
    assert not [user for user in ids if user in bare]
    assert "Ids of users are not shown" in page.section("people")
    made = small_shop.recommender
    cases = [draw_targets(made.targets, 6, 0), worst_targets(made.targets, 3, items=60)]
    users = [user for rows in cases for user in rows["user_id"]]
    order = list(dict.fromkeys(users))  # a user has one number on the whole page
    assert [h["text"] for h in page.all("h3")] == [f"User {order.index(u) + 1}" for u in users]
    events = small_shop.dataset.interactions
    shown = Page(write_report(made, tmp_path / "x.html", events=events, worst=0, show_users=True))
    drawn = draw_targets(made.targets, 6, 0)["user_id"].to_list()
    assert [heading["text"] for heading in shown.all("h3")] == drawn


def test_what_is_odd_about_the_data(page):
    said = page.section("data")
    assert f"odd {HOSTILE}" in said
    assert "look at it" in said
    assert "'i3'" in said


def test_facts_and_options(page, small_shop):
    said = page.section("trained")
    assert small_shop.split.fingerprint in said
    assert "GRUInterest" in said
    facts = facts_of_training(small_shop.recommender.state)
    assert facts["Modalities"] == "id, text"
    assert facts["Items"].startswith("60, 60 with text")
    events = small_shop.split.sizes()
    assert facts["Events"].startswith(f"{events['train']:,} to train")
    state = small_shop.recommender.state
    options = changed_options(state.options, state.recipe)
    assert options["dim"] == "16 (default 128)"
    assert options["affinities"] == "False (default True)"
    assert "patience" not in options
    assert options["negatives"] == "full"
    for name, value in options.items():
        assert name in said
        assert value in said


def test_bars_of_weights_below_zero_and_of_shares(small_shop, tmp_path):
    state = small_shop.recommender.state
    weights = {"content:text": 1.5, "new.learned": 5.0, "new": -3.0, "unseen": -0.3}
    facts = {"weights": weights, "gain": 0.01, "standard_error": 0.001}
    state = replace(state, report={**state.report, "affinities": facts})
    page = Page(write_report(Recommender(state), tmp_path / "x.html"))
    bars = [
        (element["style"], element.get("class", ""))
        for element in page.all("span")
        if element.get("style", "").startswith("width")
    ]
    assert bars == [("width: 50.0%", ""), ("width: 100.0%", "below"), ("width: 10.0%", "below")]
    for weight in ("1.50", "5.00", "-3.00", "-0.30"):
        assert weight in page.section("items")


def test_the_map_of_pictures(page, small_shop):
    made = small_shop.recommender
    [shown] = page.all("div", "map")
    images = [e for e in page.all("img") if "left" in e.get("style", "")]
    assert 5 < len(images) <= len(made.catalog)
    assert shown
    places = [image["style"] for image in images]
    assert len(places) == len(set(places))  # none covers another
    step = 100 / CELLS
    for image in images:
        left, top = map(float, re.findall(r"[\d.]+", image["style"]))
        assert left % step == pytest.approx(step / 2, abs=0.1)
        assert 0 < top < 100
    titles = set(made.catalog.frame["title"])
    assert {image["title"] for image in images} <= titles


def test_without_pictures_there_is_no_map(by_id):
    from mmrec.display import Thumbnails

    state = replace(by_id.state, catalog=type(by_id.catalog)({"item_id": by_id.catalog.ids}))
    assert pin_pictures(state, item_positions(state), Thumbnails(state.catalog)) == []
    assert pin_pictures(by_id.state, None, Thumbnails(by_id.catalog)) == []


def test_without_a_log_there_are_no_examples(small_shop, tmp_path):
    page = Page(write_report(small_shop.recommender, tmp_path / "x.html"))
    assert "the events of the training were not at hand" in page.section("people")
    assert page.section("worst") is None
    assert page.section("data") is None
    assert not page.all("article")
    assert len(page.all("svg")) == 6  # popularity needs the log


def test_a_recommender_that_was_not_measured(small_shop, tmp_path):
    made = small_shop.recommender
    bare = type(made)(replace(made.state, report={}, targets=None, modality_contributions={}))
    page = Page(write_report(bare, tmp_path / "x.html"))
    assert page.section("results") is None
    assert "It was not measured" in page.all("header")[0]["text"]
    assert "Not drawn: expected a recommender with contributions" in page.section("items")


def test_without_titles_pictures_and_times(fit, chain, tmp_path):
    events, items = chain()
    del events["timestamp"]
    events["position"] = list(range(len(events["item_id"])))
    catalog = {"item_id": items["item_id"]}
    from mmrec import Recommender
    from mmrec.recommender import Options

    options = Options(modalities="id", split="leave-one-out", dim=4, epochs=1, devices=1)
    made = Recommender.fit(events, catalog, options=options)
    page = Page(write_report(made, tmp_path / "x.html", events=events))
    assert not page.all("img")
    assert "1 Jan" not in page.source
    assert page.all("article")
    assert made.report["test"]["cold"] == {"targets": 0}
    [own] = [row for row in page.all("tr", "main") if "This model" in row["text"]]
    assert own["text"].endswith("no targets")


def test_other_events_are_refused(small_shop, tmp_path):
    frame = small_shop.dataset.interactions.frame
    with pytest.raises(ValueError, match="events must be those of the training, whose split is"):
        write_report(small_shop.recommender, tmp_path / "x.html", events=frame.head(200))
    assert not (tmp_path / "x.html").exists()


def test_wrong_arguments(small_shop, tmp_path):
    made, path = small_shop.recommender, tmp_path / "x.html"
    with pytest.raises(ValueError, match="color must be a column of the catalogue"):
        write_report(made, path, color="brand")
    with pytest.raises(ValueError, match="users and worst must be 0 or more; got -1 and 4"):
        write_report(made, path, users=-1)
    assert not path.exists()


def test_without_a_package_the_error_names_the_extra(small_shop, tmp_path, monkeypatch):
    for package in ("jinja2", "matplotlib", "scipy"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ImportError, match=r"mmrec\[compare\]"):
                write_report(small_shop.recommender, tmp_path / "x.html")


def with_report(made, changes, **more):
    return replace(made.state, report={**made.report, **changes}, **more)


def test_doubts_name_what_could_mislead(small_shop):
    made = small_shop.recommender
    said = " ".join(doubts(made.state))
    users = made.targets["user_id"].n_unique()
    assert f"There are {len(made.targets):,} test events of {users:,} users" in said
    assert "with seed 0" in said
    cold = int((~made.targets["warm"]).sum())
    assert f"{cold:,} of the test events" in said
    assert "content alone" not in said
    assert "has trained on the test events too" not in said
    ahead = {"baselines": {"markov": {"ndcg@10": 0.9, "targets": 9}}}
    assert doubts(with_report(made, ahead))[0].startswith("A baseline is ahead: Markov chain")
    mean = made.report["test"]["ndcg@10"]
    near = {"baselines": {"markov": {"ndcg@10": mean - 1e-4, "targets": 9}}}
    assert "don't show which is better" in doubts(with_report(made, near))[0]
    far = {"baselines": {"markov": {"ndcg@10": 0.0, "targets": 9}}}
    assert doubts(with_report(made, far))[0].startswith("There are")
    warm = made.targets.with_columns(warm=pl.lit(True))
    assert "No test event is of a new item" in " ".join(doubts(with_report(made, {}, targets=warm)))


def test_doubts_say_which_new_items_the_model_has_met_in_validation(small_shop):
    state = small_shop.recommender.state
    cold = int((~small_shop.recommender.targets["warm"]).sum())
    split = split_again(state, small_shop.dataset.interactions)
    events = split.sequences
    train, valid = ({*events.item[split.part == n].tolist()} for n in (0, 1))
    targets = events.item[split.targets("test")].tolist()
    met = sum(item in valid - train for item in targets)
    assert state.report["valid_only_targets"] == split.valid_only_targets() == met
    refit = {"refit": {"select": {}, "valid": {}}, "valid_only_targets": 1}
    said = " ".join(doubts(with_report(small_shop.recommender, refit)))
    assert f"1 of these {cold:,} are of items that they have met there" in said
    assert f"The other {cold - 1:,} are of items that the model has never seen" in said
    said = " ".join(doubts(with_report(small_shop.recommender, {"refit": {}})))
    assert "has trained on none of these items" in said
    older = {name: v for name, v in state.report.items() if name != "valid_only_targets"}
    said = " ".join(doubts(replace(state, report={**older, "refit": refit["refit"]})))
    assert "have met some of these items there" in said


def test_a_model_that_has_trained_on_the_test_events_says_so(small_shop, tmp_path):
    made = small_shop.recommender
    options = made.options.replace(refit="all")
    stage = {"parts": ["train"], "events": 9, "steps": 9}
    state = with_report(made, {"refit": {"select": stage, "all": stage}}, options=options)
    assert any("has trained on the test events too" in doubt for doubt in doubts(state))
    events = small_shop.dataset.interactions
    page = Page(write_report(type(made)(state), tmp_path / "x.html", events=events, users=2))
    for name in ("people", "worst"):
        assert "which has trained on these events too" in page.section(name)

import json
from copy import deepcopy
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mmrec.recommender import Recommender
from mmrec.recommender.report import Report, metrics_table
from mmrec.reporting.uncertain import doubts


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "br":
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def test_a_report_is_a_dictionary_that_prints_as_a_table(by_id):
    report = deepcopy(by_id.report)
    assert report == dict(report) == by_id.state.report
    assert json.loads(json.dumps(report)) == report
    assert str(report) == metrics_table(by_id.state.report)
    report["seed"] = 99  # a copy
    assert by_id.report["seed"] == 0


def test_the_table_of_a_notebook_has_the_same_numbers(by_id):
    cells = Cells()
    cells.feed(by_id.report._repr_html_())
    assert not cells.open
    text = str(by_id.report).splitlines()
    first = next(n for n, line in enumerate(text) if line.split() == cells.rows[0])
    for cell, line in zip(cells.rows[1:], text[first + 1 :], strict=False):
        assert line.split() == " ".join(cell).split()
    assert len(cells.rows) >= 4
    assert all(line in by_id.report._repr_html_() for line in text[:first])


def test_names_are_escaped_in_html(by_id):
    report = deepcopy(by_id.report)
    report["baselines"] = {"<b>": report["baselines"]["markov"]}
    assert "<th>&lt;b&gt;</th>" in report._repr_html_()


def test_a_report_without_metrics():
    report = Report({"seconds": 3})
    assert str(report) == "no metrics: this report has only seconds"
    assert report._repr_html_() == "<p>no metrics: this report has only seconds</p>"


def test_measuring_gives_a_report(by_id, chain):
    events, _ = chain(users=60, items=30)
    about, split, *_ = str(by_id.evaluate(events)).splitlines()
    assert about.startswith("events: target ")
    assert split.startswith("split time ")


def test_summaries(by_id):
    test, baselines = by_id.report["test"], by_id.report["baselines"]
    assert repr(by_id) == (
        f"Recommender(30 items, id, GRUInterest, test ndcg@10 {test['ndcg@10']:.4f})"
    )
    best = max(metrics["ndcg@10"] for metrics in baselines.values())
    lines = str(by_id).splitlines()
    assert lines[0] == "Recommender of 30 items"
    assert lines[1].split() == ["modalities", "id"]
    assert lines[2].split(maxsplit=1)[1] == (
        "fusion ConcatFusion, interest GRUInterest, scorer DotScorer"
    )
    size = sum(weight.numel() for weight in by_id.model.parameters())
    assert f"{size:,} parameters, item vectors of 16" in lines[3]
    assert lines[4].split()[:2] == ["split", "time"]
    assert f"ndcg@10 {test['ndcg@10']:.4f}; best baseline: " in lines[-1]
    assert lines[-1].endswith(f" {best:.4f}")


@pytest.mark.parametrize("report", [{}, {"seconds": 3}])
def test_a_recommender_without_metrics(by_id, report):
    made = Recommender(replace(by_id.state, report=report))
    assert repr(made) == "Recommender(30 items, id, GRUInterest)"
    assert len(str(made).splitlines()) == 4


def test_a_baseline_that_is_ahead_is_said_first(by_id):
    report = deepcopy(by_id.report)
    own = report["test"]["ndcg@10"]
    report["baselines"] = {
        "item-knn": report["baselines"]["markov"]
        | {"ndcg@10": own + 0.1, "chosen": {"shrink": 10.0, "decay": 0.7}},
        "recent-popularity": report["baselines"]["markov"]
        | {"ndcg@10": 0.0, "chosen": {"half_life": 86_400.0}},
    }
    report["baselines_left_out"] = {"ease": "too many"}
    ahead = f"item-knn is ahead of mmrec: ndcg@10 {own + 0.1:.4f} against {own:.4f}"
    lines = str(report).splitlines()
    assert lines[0] == ahead
    assert lines[-2:] == [
        "chosen on validation: item-knn shrink 10, decay 0.7; recent-popularity half_life 1 day",
        "ease is left out: too many",
    ]
    for said in (ahead, *lines[-2:]):
        assert said in report._repr_html_()
    report["baselines"]["item-knn"]["ndcg@10"] = own
    assert "ahead" not in str(report)


def test_what_new_items_get_is_said(by_id):
    report = deepcopy(by_id.report)
    test = report["test"]
    test |= {"cold_share@10": 0.654, "targets": 530, "cold": {**test["cold"], "targets": 292}}
    share = "65.4% of the places in lists of ten (cold_share@10); 292 of 530 test targets"
    assert str(report).splitlines().count(f"cold items: {share}") == 1
    affinities = {"weights": {}, "cold": {"requests": 13, "weights": {}}}
    report["affinities"] = affinities
    nothing = "new items: nothing is chosen for them"
    assert f"{nothing}; their 13 validation events are of too few users" in str(report)
    affinities["cold"] |= {"gain": 0.0, "standard_error": 0.0, "cost": 0.0}
    assert f"{nothing}; no lift helps within new_item_cost (13 validation events)" in str(report)
    assert nothing in report._repr_html_()
    chosen = affinities["cold"]
    affinities["cold"] = {"requests": 13, "weights": {"unseen": 1.0}, "places": 0.02, "cost": 0.004}
    places = "new items: 2.0% of the places in lists of ten, at a cost of 0.4% for others"
    assert f"{places}; their 13 validation events are of too few users" in str(report)
    affinities |= {"weights": {"unseen": 1.0}, "gain": 0.1, "standard_error": 0.01}
    affinities["cold"] |= {"gain": 0.0, "standard_error": 0.1}
    assert f"{places}; their 13 validation events don't tell what is best" in str(report)
    assert "then on new items" not in str(report)
    affinities["cold"] = chosen
    affinities |= {"weights": {"new": 1.0}, "gain": 0.1, "standard_error": 0.01}
    affinities["cold"] |= {"weights": {"new": 1.0}, "cost": 0.018}
    assert "; then on new items +0.0000 ± 0.0000, at a cost of 1.8% for others)" in str(report)
    affinities["cold"]["cost"] = -0.395
    assert "; then on new items +0.0000 ± 0.0000, and others gain 39.5%)" in str(report)
    test["cold"]["targets"] = 0
    assert nothing not in str(report)
    assert "cold items: " not in str(report)


def test_modalities_that_are_no_affinity_are_said(by_id):
    report = deepcopy(by_id.report)
    tried = ["content:text", "content:side:lang", "content:image", "content:side:year", "ease"]
    report["affinities"] = {
        **{"weights": {"content:text": 1.0, "new:image": 2.0}, "gain": 0.1},
        **{"standard_error": 0.01, "terms": {name: {} for name in tried}},
    }
    assert "± 0.0100); tried and not taken: side:lang, side:year\n" in str(report)
    report["affinities"]["weights"] = {}
    said = "none lifts validation; tried and not taken: text, side:lang, image, side:year\n"
    assert f"affinities: {said}" in str(report)


def test_an_update_that_is_worse_than_what_it_replaces_is_said_first(by_id):
    report = deepcopy(by_id.report)
    own = report["test"]["ndcg@10"]
    said = f"this update is worse than the RUN before it: ndcg@10 {own:.4f} against {own + 0.1:.4f}"
    report["before"] = {"ndcg@10": own + 0.1}
    assert str(report).splitlines()[0] == f"warning: {said}"
    assert f"warning: {said}" in report._repr_html_()
    made = Recommender(replace(by_id.state, report=report))
    assert str(made).splitlines()[-1] == f"  warning     {said}"
    assert any(said[1:] in one for one in doubts(made.state))
    report["before"] = {"ndcg@10": own}
    made = Recommender(replace(by_id.state, report=report))
    assert "worse" not in f"{report} {made} {doubts(made.state)}"

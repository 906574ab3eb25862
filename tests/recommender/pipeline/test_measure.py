import pytest

from mmrec.data import read_log
from mmrec.recommender.content import Content
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.measure import describe_content, measure


@pytest.fixture
def split(by_id, chain):
    log = read_log(chain(users=60, items=30)[0], by_id.catalog)
    return split_log(log, by_id.options, by_id.catalog)


def test_content_is_counted(by_content):
    report = describe_content(
        by_content.catalog, Content(problems={"image": {"i1": "cut"}}, cut_texts=2)
    )
    assert report == {
        "items": 12,
        "items_with": {},
        "left_out": {"image": {"i1": "cut"}},
        "cut_texts": 2,
    }
    assert by_content.report["items_with"] == {"text": 12, "image": 12}


def test_measuring_is_on_both_parts_and_beside_baselines(by_id, split):
    report, targets = measure(by_id.state, split)
    assert len(targets) == report["test"]["targets"]
    assert report["protocol"]["ties"] == "against"
    assert targets.columns[-3:] == ["has_image", "has_text", "rank_among_cold"]
    slices = report["test"]["slices"]
    first = slices["first events"]["targets"] if "first events" in slices else 0
    assert first == (targets["history"] == 0).sum()
    assert {"gini@10", "novelty@10", "diversity@10"} <= report["test"].keys()
    assert report["baselines"]["markov"].keys() == report["test"].keys()
    assert report["seed"] == by_id.options.seed
    assert report["valid"] != report["test"]
    assert report["baselines"]
    assert {name: by_id.report[name] for name in report} == report


def test_without_content_the_baseline_that_needs_it_is_said_to_be_left_out(by_content, chain):
    assert "content-nearest" in by_content.report["baselines"]
    events = chain(users=60, items=12)[0]
    report = by_content.evaluate(events)
    assert "content-nearest" not in report["baselines"]
    said = "content-nearest is left out: a RUN does not keep what frozen encoders made of the items"
    assert said in str(report)

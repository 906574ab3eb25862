import pytest

from mmrec.recommender import Recommender


@pytest.fixture(scope="module", params=["none", "valid", "all"])
def refit(request):
    return request.param


@pytest.fixture(scope="module")
def made(chain, options, refit):
    """A recommender for each value of the option, and its log; don't change it."""
    events, items = chain(users=20, items=8)
    given = options(epochs=1, refit=refit, trend=False)
    return Recommender.fit(events, items, options=given, negatives="full"), events


def test_figures_on_events_of_the_training_are_not_called_a_test(made, refit, tmp_path, caplog):
    recommender, events = made
    recommender.save(tmp_path / "run")
    trained = {"none": [], "valid": ["valid"], "all": ["valid", "test"]}[refit]
    for one in (recommender, Recommender.load(tmp_path / "run")):
        caplog.clear()
        report = one.evaluate(events)
        assert [part for part in ("valid", "test") if part in report] == [
            part for part in ("valid", "test") if part not in trained
        ]
        assert list(report.get("trained_on", {})) == trained
        assert ("not a test" in caplog.text) == (refit == "all")
        assert ("trained on these" in str(report)) == (refit == "all")
        assert ("trained on these" in report._repr_html_()) == (refit == "all")
    if refit != "all":
        assert report["test"] == recommender.report["test"]


def test_on_another_log_events_that_may_have_trained_are_counted(made, refit, caplog):
    recommender, events = made
    longer = {name: values[:-1] for name, values in events.items()}
    report = recommender.evaluate(longer)
    targets = report["test"]["targets"]
    until = recommender.state.about["trained_on"]["until"]
    count = sum(until is not None and time <= until for time in longer["timestamp"][-targets:])
    assert (count > 0) == ("leak" in report) == (refit != "none")
    assert refit != "all" or count == targets
    if count:
        assert report["leak"] in caplog.text
        assert report["leak"].startswith(f"{count} of {targets} test events are not later")
    later = events | {"timestamp": [time + 1000 for time in events["timestamp"]]}
    assert "leak" not in recommender.evaluate(later)


def test_an_update_on_the_same_events_says_so(made, refit, caplog):
    recommender, events = made
    again = recommender.update(events, options={"epochs": 1, "refit": "none"})
    until, count = recommender.state.about["trained_on"]["until"], len(events["timestamp"])
    overlap = sum(until is not None and time <= until for time in events["timestamp"])
    assert (f"{overlap} of {count} events of the log are not later" in caplog.text) == (overlap > 0)
    trained = again.state.counts - recommender.state.counts
    assert trained.sum() > 0  # what the RUN has counts twice, as it says
    assert ("leak" in again.report) == (refit == "all")
    assert ("leak" in again.evaluate(events)) == (refit == "all")


@pytest.mark.parametrize("refit", ["none", "all"])
def test_cold_items_of_a_later_log_are_those_that_trained_nothing(chain, options, refit):
    """Of a RUN with refit="all", an item that came last is known; with "none" it is not."""
    events, items = chain(users=20, items=8)
    items = {name: [*values, *values[:2]] for name, values in items.items()}
    items["item_id"][-2:] = ["last", "new"]
    events["item_id"][-10:] = ["last"] * 10
    given = options(epochs=1, refit=refit, trend=False)
    made = Recommender.fit(events, items, options=given, negatives="full")
    assert made.report["test"]["cold"]["targets"] == 10

    shown = ["i0", "i1"] * 40 + ["i2"] * 10 + ["last"] * 4 + ["new"] * 3 + ["i3"] * 3
    later = {
        "user_id": [f"v{number % 19}" for number in range(100)],
        "item_id": shown,
        "timestamp": [10_000 + number for number in range(100)],
    }
    test = made.evaluate(later)["test"]
    assert test["cold"]["targets"] == {"none": 7, "all": 3}[refit]
    assert test["slices"]["warm items"]["targets"] == test["targets"] - test["cold"]["targets"]
    shares = made.degradation(later, modalities=["id"], shares=[0.0])
    assert shares["cold"][0] == test["cold"]["ndcg@10"]

    again = made.update(later, options={"epochs": 1, "refit": "all"})
    assert again.report["test"]["cold"]["targets"] == {"none": 7, "all": 3}[refit]
    assert (
        again.evaluate(later)["trained_on"]["test"]["cold"]["targets"]
        == (again.report["test"]["cold"]["targets"])
    )
    assert (~again.targets["warm"]).sum() == again.report["test"]["cold"]["targets"]

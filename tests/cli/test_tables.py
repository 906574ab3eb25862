import pytest

from mmrec.cli.tables import metrics_table, recommendations_table
from mmrec.data import Catalog
from mmrec.recommender import Recommendation


def metrics(value, targets=5):
    names = ("ndcg@10", "hr@10", "mrr@10", "coverage@10")
    return {name: value + i / 100 for i, name in enumerate(names)} | {"targets": targets}


def report(cold):
    test = metrics(0.5) | {
        "with_seen": metrics(0.4),
        "warm": metrics(0.6),
        "cold": metrics(0.1) if cold else {"targets": 0},
    }
    return {
        "split": "time",
        "fingerprint": "abc",
        "seed": 3,
        "events": {"train": 12345, "valid": 6, "test": 7},
        "candidates": 1000,
        "test": test,
        "baselines": {"popularity": metrics(0.2), "markov": metrics(0.3)},
    }


def test_the_share_of_seen_targets_is_said_by_type():
    types = {"watch": {"targets": 90, "seen": 0}, "like": {"targets": 10, "seen": 6}}
    found = report(cold=False) | {"seen_targets": 6, "seen_targets_by_type": types}
    found["test"]["targets"] = 100
    assert (
        "note: 6 of 100 test targets are items that their user has interacted with before "
        "(6 of 10 like); lists leave these out" in metrics_table(found)
    )
    assert "note" not in metrics_table(found | {"seen_targets": 4})


def test_metrics_stand_in_columns():
    lines = metrics_table(report(cold=False)).splitlines()
    assert lines[0] == (
        "split time abc, seed 3: 12,345 training, 6 validation and 7 test events; "
        "1,000 items ranked"
    )
    assert lines[1].split() == ["ndcg@10", "hr@10", "mrr@10", "coverage@10"]
    rows = {line[:-52].strip(): line[-52:].split() for line in lines[2:]}
    assert list(rows) == ["mmrec", "popularity", "markov", "mmrec, seen items ranked too"]
    assert rows["mmrec"] == ["0.5000", "0.5100", "0.5200", "0.5300"]
    assert rows["markov"][0] == "0.3000"
    assert len({len(line) for line in lines[1:]}) == 1


def test_slices_and_lists_are_said_where_the_report_has_them():
    told = report(cold=True)
    told["test"]["slices"] = {"warm items": metrics(0.6), "first events": metrics(0.7)}
    told["test"] |= {"gini@10": 0.912, "novelty@10": 8.25, "popularity@10": 1234.4}
    lines = metrics_table(told).splitlines()
    labels = [line[:-52].strip() for line in lines[2:-1]]
    assert labels.count("mmrec, warm items") == labels.count("mmrec, first events") == 1
    assert lines[-1] == (
        "lists of ten: Gini 0.91, novelty (bits) 8.2, training events an item 1,234"
    )


def test_cold_items_have_rows_of_their_own():
    text = metrics_table(report(cold=True))
    assert "mmrec, warm items" in text
    assert "mmrec, cold items" in text
    assert "nan" not in text


@pytest.mark.parametrize("part", ["warm", "cold"])
def test_a_part_without_targets_says_so(part):
    told = report(cold=True)
    told["test"][part] = {"targets": 0}
    if part == "cold":  # then the warm items are all, and no row is about them
        told["test"]["slices"] = {"cold items": {"targets": 0}}
    text = metrics_table(told)
    [row] = [line for line in text.splitlines() if f"mmrec, {part} items" in line]
    assert row[-52:].split() == ["no", "targets", "–", "–", "–"]
    assert "nan" not in text


@pytest.fixture
def catalog():
    rows = {"item_id": ["a", "b"], "title": ["A lamp", None], "name": ["x", "Chair"]}
    return Catalog(rows)


def test_lists_have_places_scores_and_titles(catalog):
    lines = [Recommendation("b", 1.5, "interest"), Recommendation("a", -0.25, "interest")]
    text = recommendations_table(catalog, ["a"], lines).splitlines()
    assert text[0] == "after 1 item:"
    assert text[1].split(maxsplit=1) == ["a", "A lamp"]
    assert text[2].split(maxsplit=3) == ["1.", "1.500", "b", "Chair"]
    assert text[3].split(maxsplit=3) == ["2.", "-0.250", "a", "A lamp"]
    nobody = recommendations_table(catalog, [], lines[:1])
    assert nobody.startswith("without a history, by the features of the user:\n")
    popular = [Recommendation("b", 7.0, "popularity")]
    said = recommendations_table(catalog, [], popular, popular="what is popular now")
    assert said.startswith("no history: what is popular now\n")


def test_an_empty_list_says_why(catalog):
    unmet = recommendations_table(catalog, ["a"], [], where={"title": ["A boat"]})
    assert unmet.splitlines()[-1] == "no item meets the condition"
    met = recommendations_table(catalog, ["a"], [], where={"title": ["A lamp"]})
    assert met.splitlines()[-1] == "no item is left to recommend"
    assert "no item" not in recommendations_table(catalog, ["a"], [Recommendation("b", 1, "")])


def test_advice_where_validation_is_saturated_by_items_that_users_have_met():
    told = report(cold=False) | {"seen_targets": 0, "met_targets": 4, "valid": metrics(0.95)}
    told["test"] |= {"new_to_user": metrics(0.3, targets=1)}
    text = metrics_table(told)
    row = next(line for line in text.splitlines() if line.startswith("mmrec, items new to their"))
    assert row.split()[-4:-2] == ["0.3000", "0.3100"]
    said = "validation is saturated by such targets (ndcg@10 0.9500)"
    assert text.count(said) == 1
    for other in ({"met_targets": 2}, {"valid": metrics(0.5)}):
        assert said not in metrics_table(told | other)

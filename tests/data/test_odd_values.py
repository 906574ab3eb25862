import polars as pl
import pytest

from mmrec.data import Interactions, read_folder, read_tables
from mmrec.data.odd_values import warn_of_odd_values
from mmrec.recommender.check import check_folder

PRICES = ["12.50", "3.00", "n/a", "on request", "", None]
SAID = (
    "items: price looks like numbers but is read as text, since 2 of 4 values are another text, "
    "first 'n/a': correct them, or leave them empty"
)


def said(frame, caplog):
    caplog.clear()
    warn_of_odd_values(pl.DataFrame(frame), "items")
    return [record.getMessage() for record in caplog.records]


def test_the_column_the_count_and_the_first_value_are_named(caplog):
    assert said({"price": PRICES}, caplog) == [SAID]


@pytest.mark.parametrize(
    "frame",
    [
        {"price": ["12.50", "3.00", "", None]},
        {"price": [12.5, 3.0, None]},
        {"kind": ["lamp", "chair", "4.5"]},
        {"size": [*map(str, range(30)), "XL"]},
        {"zip": [*map(str, range(10000, 10030)), "01234", "K1A"]},
        {"session_id": [*map(str, range(30)), "x"]},
        {"title": ["1984.5", "2001.5", "Heat"]},
        {"shelf": ["1", "2", "3", "a"]},
        {"event": ["1.5", "2.5", "view"]},
        {"tags": [["a"], ["b"]]},
        {"note": ["", None]},
    ],
)
def test_other_columns_say_nothing(frame, caplog):
    assert said(frame, caplog) == []


def test_dates_and_truth_values(caplog):
    [one] = said({"from": ["2024-05-01", "2024-05-02T10:00:00", "soon"]}, caplog)
    assert one.startswith(
        "items: from looks like dates but is read as text, since 1 of 3 values is"
    )
    [one] = said({"new": ["true", "False", "maybe"]}, caplog)
    assert one.startswith("items: new looks like truth values")


def test_a_rare_value_of_a_large_table_is_found(caplog):
    prices = [f"{number}.5" for number in range(5000)]
    prices[4321] = "free"
    [one] = said({"price": prices}, caplog)
    assert "since 1 of 5,000 values is another text, first 'free': correct it" in one


def test_a_rare_text_among_a_few_numbers_is_found(caplog):
    """As among the ages from which films may be watched; a few sizes have texts more often."""
    ages = [["0", "6", "12", "16", "18"][number % 5] for number in range(1490)]
    [one] = said({"age_rating": [*ages[:-1], "PG-13"]}, caplog)
    assert "since 1 of 1,490 values is another text, first 'PG-13': correct it" in one
    assert said({"age_rating": [*ages[:-20], *["PG-13"] * 20]}, caplog) == []
    assert said({"age_rating": [*ages[:-1], "06"]}, caplog) == []


def test_a_long_value_is_cut(caplog):
    [one] = said({"price": ["1.5", "2.5", "x" * 1000]}, caplog)
    assert len(one) < 300


def write(folder):
    ids = [str(number) for number in range(6)]
    events = {"user_id": ["u"] * 6, "item_id": ids, "timestamp": range(6), "rating": PRICES}
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    pl.DataFrame({"item_id": ids, "price": PRICES}).write_csv(folder / "items.csv")
    users = {"user_id": ["u", "v"], "age": ["30.5", "?"]}
    pl.DataFrame(users).write_csv(folder / "users.csv")
    return folder


def test_a_folder_says_it_once_of_each_table(tmp_path, caplog):
    data = read_folder(write(tmp_path))
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" looks")[0] for line in lines] == [
        "interactions: rating",
        "items: price",
        "users: age",
    ]
    caplog.clear()  # as fit does with what a command has read
    read_tables(data.interactions, data.catalog, data.users)
    assert isinstance(data.interactions, Interactions)
    assert caplog.records == []


def test_check_has_it_as_a_warning(tmp_path):
    found = [f for f in check_folder(write(tmp_path)).findings if f.text == SAID]
    assert [finding.severity for finding in found] == ["warning"]

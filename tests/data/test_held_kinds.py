import polars as pl
import pytest

from mmrec.data import Catalog
from mmrec.data.held_kinds import HeldKinds

FRAME = pl.DataFrame(
    {
        "item_id": ["1", "2", "3"],
        "price": ["1.5", "", None],
        "since": ["2024-05-01", "2024-05-01T12:00", None],
        "Bestand": ["3", "0", "3"],
        "child_safe": ["true", "False", ""],
        "Größe": ["38", "40", "38"],
        "zip": ["01000", "20", "30"],
        "author_id": ["1", "2", "3"],
        "Title": ["1984", "2001", "300"],
        "color": ["red", "7", None],
        "nothing": [None, "", None],
        "year": [1984, 2001, 2006],
    }
)


@pytest.mark.parametrize(
    ("column", "text", "kind"),
    [
        ("price", "cheap", "a number"),
        ("price", "nan", "a number"),
        ("price", "12 EUR", "a number"),
        ("since", "soon", "a date such as 2024-05-01"),
        ("Bestand", "ausverkauft", "a number"),
        ("child_safe", "maybe", "true or false"),
    ],
)
def test_another_text_is_refused_where_a_condition_reads_numbers(column, text, kind):
    held, rows = HeldKinds(), pl.DataFrame({column: [FRAME[column][0], text]})
    for _ in range(2):  # looked at, and remembered
        with pytest.raises(ValueError, match=f"items: {column} must be {kind} as in the .*{text}"):
            held.check(rows, FRAME)


def test_what_is_or_may_be_a_text_takes_any_text():
    free = ("item_id", "zip", "Größe", "author_id", "Title", "color", "nothing", "other")
    HeldKinds().check(pl.DataFrame({name: ["a text"] for name in free}), FRAME)
    HeldKinds().check(pl.DataFrame({"price": ["-2e3", "", None], "since": ["", None, None]}), FRAME)


def test_copies_of_a_catalogue_check_and_others_are_read_as_they_are():
    catalog = Catalog(FRAME.select("item_id", "price"))
    for one in (catalog, catalog.copy()):
        with pytest.raises(ValueError, match="price must be a number"):
            one.typed({"item_id": ["1"], "price": ["cheap"]}, strict=True)
    assert catalog.typed({"item_id": ["1"], "price": ["cheap"]})["price"].to_list() == ["cheap"]
    with pytest.raises(ValueError, match=r"\['item_id', 'price'\]; got \['prize'\] \(did you mean"):
        catalog.typed({"item_id": ["1"], "prize": ["2"]}, strict=True)
    # Without the flag nothing is refused: a log of changes must be read as it was written.
    catalog.update({"item_id": ["1"], "price": ["cheap"]})
    assert catalog.row("1")["price"] == "cheap"


@pytest.mark.parametrize("held", ["9.50", "true", "2026-12-01"])
@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "-7.25", "+7", "7.", ".5", " 7", "7\n", "1e5", "1_000", "nan", "٣", "9" * 400),
        *("TRUE", "truE", "yes", "2026-12-02", "2026-13-01", "cheap"),
    ],
)
def test_a_few_values_are_read_as_many_are(held, text):
    frame = pl.DataFrame({"price": [held]})
    one, many = (pl.DataFrame({"price": [text] * count}) for count in (1, 200))
    few, all_of_them = (HeldKinds().unlike(rows, frame) for rows in (one, many))
    assert few.keys() == all_of_them.keys()


def test_a_time_of_the_catalogue_is_the_example_where_it_has_times_of_day():
    frame = pl.DataFrame({"created_at": [None, "2026-02-23T08:29:16Z"]})
    with pytest.raises(ValueError, match="must be a time such as 2026-02-23T08:29:16Z as in the"):
        HeldKinds().check(pl.DataFrame({"created_at": ["soon"]}), frame)

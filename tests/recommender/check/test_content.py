import polars as pl
import pytest

from mmrec import Options, Recommender


def test_values_that_a_modality_leaves_out(data):
    prices = [f"{n}" for n in range(40)]
    prices[4], prices[9] = "cheap", "dear"
    data.items = data.items.with_columns(price=pl.Series(prices))
    finding = data.found(options=Options(modalities=("id", "number")))["values_left_out"]
    assert finding.count == 2
    assert "i4: price is 'cheap', not a number" in finding.examples[0]


def test_the_default_leaves_out_what_no_item_has(data):
    data.items = data.items.drop("image")
    report = data.check()
    assert list(report.used["modalities"]) == ["id", "text"]
    (said, _) = report.findings
    assert "image is left out: none names an image" in said.text
    assert said.severity == "note"
    assert report.fits


@pytest.mark.parametrize("written", ["{},27", "EUR {}.27", "{} min"])
def test_usual_numbers_that_are_none(data, written, caplog):
    prices = [written.format(n) for n in range(38)]
    data.items = data.items.with_columns(price=pl.Series([*prices, "38.27", ""]))
    report = data.check()
    [found] = [finding for finding in report.findings if finding.kind == "unread_numbers"]
    assert (found.severity, found.count) == ("warning", 38)
    assert found.text == (
        f"price is left out: 38 of 39 values are no numbers, the first is {prices[0]!r}; "
        "expected numbers such as 24.27"
    )
    assert "side:price" not in report.used["modalities"]
    caplog.clear()
    options = Options(epochs=1, dim=4, refit="none", affinities=False)
    Recommender.fit(data.events, data.items.select("item_id", "price"), options=options)
    assert caplog.messages.count(f"items: {found.text}") == 1
    data.items = data.items.with_columns(price=pl.Series([f"{n}.27" for n in range(40)]))
    report = data.check()
    assert "unread_numbers" not in {finding.kind for finding in report.findings}
    assert "side:price" in report.used["modalities"]


@pytest.mark.parametrize(
    ("column", "values", "text"),
    [
        ("price", [-3, -1], "2 values of price are below 0, the first is -3"),
        ("price", ["9.5", "-1"], "1 value of price is below 0, the first is -1"),
        ("year", [99, 1999], "1 value of year is outside 1000 to 2200, the first is 99"),
    ],
)
def test_numbers_that_can_not_be(data, column, values, text):
    usual = [2000] * 38 if column == "year" else [0] * 38
    values = [*map(str, usual), *values] if isinstance(values[0], str) else [*usual, *values]
    data.items = data.items.with_columns(pl.Series(column, values))
    [found] = [finding for finding in data.check().findings if finding.kind == "out_of_range"]
    assert (found.severity, found.text) == ("warning", text)
    data.items = data.items.with_columns(pl.Series(column, [*usual, 1000, 2200]))
    assert "out_of_range" not in data.found()


@pytest.mark.parametrize("values", [["Ann Lee", "Bo Ek"] * 20, [["3", "x"]] * 40, [""] * 40])
def test_other_values_under_the_names_of_numbers(data, values):
    data.items = data.items.with_columns(stars=pl.Series(values))
    assert "unread_numbers" not in data.found()


def test_a_modality_that_was_named_and_no_item_has(data):
    data.items = data.items.drop("image")
    report = data.check(options=Options(modalities=("id", "image")))
    assert not report.fits
    assert "modality 'image': none of the 40 items has it: none names" in report.findings[0].text


def test_cut_texts(data):
    data.set_items([1, 2], title="long " * 3000)
    text = data.check().used["modalities"]["text"]
    assert (text["items"], text["cut"]) == (40, 2)


def test_a_template_with_an_unknown_column(data):
    report = data.check(options=Options(modalities=("id", "text"), text_template="{nothing}"))
    assert not report.fits
    assert "template columns ['nothing'] don't exist" in str(report)


def test_columns_that_are_read_as_lists_are_said(data):
    size = len(data.items)
    data.items = data.items.with_columns(
        director=pl.Series(["Ray, Man|Lee, Ann", "Lee, Ann"] * (size // 2)),
        tags=pl.Series(["a, b", "b"] * (size // 2)),
        brand=pl.Series(["Oak", "Elm"] * (size // 2)),
    )
    found = [one for one in data.check().findings if one.kind == "list_in_text"]
    assert [(one.severity, one.text) for one in found] == [
        ("note", "director is read as a list separated by '|'"),
        ("note", "tags is read as a list separated by ','"),
    ]

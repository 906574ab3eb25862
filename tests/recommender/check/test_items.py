import polars as pl

from mmrec import Options, Recommender


def test_items_without_content(data):
    data.set_items([2, 5], title=None, image=None)
    data.set_items([6], title=" <b></b> ", image="")
    data.set_items([7], title=None)  # it has a picture
    finding = data.found()["items_without_content"]
    assert finding.count == 3
    assert finding.examples == ("'i2'", "'i5'", "'i6'")


def test_an_item_whose_picture_is_missing_has_no_content(data):
    data.set_items([2], title=None, image="nowhere.png")
    finding = data.found()["items_without_content"]
    assert finding.count == 1
    assert finding.text == "1 item of 40 has neither a text nor a picture"


def test_items_that_are_never_met(data):
    more = pl.DataFrame({"item_id": ["x", "y"], "title": ["new", "newer"], "image": [None, None]})
    data.items = pl.concat([data.items, more], how="vertical_relaxed")
    finding = data.found()["items_never_met"]
    assert (finding.count, finding.examples) == (2, ("'x'", "'y'"))


def test_copied_items_and_equal_texts(data):
    data.set_items([1, 2], title="same", image="1.png")
    data.set_items([3, 4], title="Lamp NUMBER 0")
    found = data.found()
    assert found["copied_items"].count == 2
    assert found["texts_alike"].count == 5
    assert found["texts_alike"].examples == ("'i0'", "'i1'", "'i2'")


def test_ids_in_the_table_of_items(data):
    data.set_items([0], item_id="I1")
    assert data.found()["alike_item_ids"].examples == ("'I1'", "'i1'")


def test_columns_that_nothing_uses(data):
    data.items = data.items.with_columns(
        weight=pl.int_range(40) / 4,
        size=pl.lit("small"),
        story=pl.format("once {}", pl.int_range(40)),
        clip=pl.Series([[0.5, 1.0]] * 40),
        tags=pl.Series([["a"]] * 40),
        movielens_id=pl.int_range(40),
    )
    data.users = pl.DataFrame({"user_id": ["u1"], "age": [3]})
    unused = data.check().used["unused"]
    assert {one["column"]: one["hint"] for one in unused["items"]} == {
        "weight": "A modality can read it: side:weight or number:weight.",
        "size": "A modality can read it: category:size.",
        "story": "A modality can read it: text:story.",
        "clip": "A modality can read it: vectors:clip.",
        "tags": "A modality can read it: category:tags.",
        "movielens_id": "It looks like an id of something else.",
    }
    assert [one["column"] for one in unused["users"]] == ["age"]


def test_items_of_which_nothing_is_known(data):
    more = pl.DataFrame({"item_id": ["x", "y"], "title": ["", "newer"], "image": [None, None]})
    data.items = pl.concat([data.items, more], how="vertical_relaxed")
    data.set_items([2], title=None, image=None)  # it has events
    found = data.found()
    assert (found["items_of_nothing"].count, found["items_of_nothing"].examples) == (1, ("'x'",))
    assert found["items_never_met"].count == 2
    data.items = data.items.with_columns(tags=pl.Series([["a"]] * 42))
    assert "items_of_nothing" not in data.found(options=Options(modalities=("id", "category:tags")))


def with_usual_columns(data):
    """The items, and three without events: one without any value, two with a value each."""
    more = pl.DataFrame({"item_id": ["x", "y", "z"], "title": "", "image": None})
    items = pl.concat([data.items, more], how="vertical_relaxed")
    return items.with_columns(
        price=pl.Series([*range(40), None, 7, None]),
        category=pl.Series(["lamp", "sofa"] * 20 + ["", None, "lamp"]),
        brand=pl.Series(["Oak", "Elm"] * 20 + [" ", None, None]),
    )


def test_a_value_in_any_column_that_is_read_is_content(data):
    data.items = with_usual_columns(data)
    report = data.check()
    assert {"side:price", "side:category+brand"} <= set(report.used["modalities"])
    [found] = [finding for finding in report.findings if finding.kind == "items_of_nothing"]
    assert (found.count, found.examples) == (1, ("'x'",))


def test_fit_counts_the_same_items_whatever_validation_chooses(data, caplog):
    options = Options(modalities=("id", "side:price", "side:category+brand"), epochs=1, dim=4)
    fitted = Recommender.fit(data.events, with_usual_columns(data), options=options)
    assert "1 of 43 items has neither content nor events" in caplog.text
    assert {"side:price", "side:category+brand"} <= set(fitted.report["items_with"])


def test_fit_says_so_too(data, caplog):
    more = pl.DataFrame({"item_id": ["x", "y"], "title": ["", "newer"], "image": [None, None]})
    items = pl.concat([data.items, more], how="vertical_relaxed")
    kinds = pl.Series([["lamp"]] * 40 + [[], ["lamp"]])
    options = Options(modalities=("id", "category:kinds"), epochs=1, dim=4, refit="none")
    Recommender.fit(data.events, items.with_columns(kinds=kinds), options=options)
    assert "1 of 42 items has neither content nor events" in caplog.text


def test_ids_alone_are_not_said_to_lack_content(data, caplog):
    more = pl.DataFrame({"item_id": ["x"], "title": [""], "image": [None]})
    items = pl.concat([data.items, more], how="vertical_relaxed")
    options = Options(modalities=("id",), epochs=1, dim=4, refit="none")
    Recommender.fit(data.events, items, options=options)
    assert "neither content" not in caplog.text

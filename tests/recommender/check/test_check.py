import polars as pl
import pytest

import mmrec
from mmrec.recommender import Options
from mmrec.recommender.check import Severity, check_folder

QUICK = {"epochs": 1, "dim": 4, "max_length": 8}


def test_a_clean_data_set_gives_no_finding(data):
    report = data.check()
    assert report.findings == ()
    assert report.fits


def test_what_is_there_and_what_is_used(data):
    report = data.check()
    assert (report.there["events"]["rows"], report.there["events"]["users"]) == (1200, 60)
    assert report.there["events"]["types"] == {"cart": 600, "view": 600}
    assert report.there["images"]["opened"] == 40
    assert report.used["events"]["roles"] == {"target": {"cart": 600, "view": 600}}
    assert report.used["events"]["split"]["targets"] == {"train": 960, "valid": 120, "test": 120}
    assert report.used["modalities"] == {
        "id": {"items": 40, "columns": [], "cut": 0},
        "text": {"items": 40, "columns": ["title"], "cut": 0},
        "image": {"items": 40, "columns": ["image"], "cut": 0},
    }


def test_the_fields_of_json_are_stable(data):
    data.items = data.items.with_columns(color=pl.lit("red"))
    values = data.check().to_dict()
    assert list(values) == ["format", "data", "fits", "there", "used", "findings"]
    assert values["format"] == 1
    assert list(values["there"]) == ["events", "items", "users", "images"]
    fields = ["rows", "columns", "usable", "users", "items", "density", "per_user", "per_item"]
    fields += ["types", "order", "first", "last", "days"]
    assert list(values["there"]["events"]) == fields
    data.set_events(1200, user_id=None)
    broken = data.check().to_dict()
    assert list(broken["there"]["events"]) == fields
    assert broken["used"] is None
    assert list(values["there"]["items"]["columns"][0]) == ["name", "type", "holds", "filled"]
    assert list(values["used"]) == ["events", "modalities", "unused"]
    assert list(values["used"]["events"]) == ["roles", "dropped_repeats", "guessed", "split"]
    assert list(values["used"]["events"]["split"]) == [
        *("name", "targets", "users", "cuts", "candidates", "trained_items", "fingerprint"),
    ]
    (finding,) = values["findings"]
    assert list(finding) == ["kind", "severity", "count", "text", "advice", "examples"]


def test_findings_are_in_order_of_severity(data):
    data.events = pl.concat([data.events, data.events[:1].with_columns(item_id=pl.lit("no"))])
    data.events = pl.concat([data.events, data.events[:5]])
    data.items = data.items.with_columns(color=pl.lit("red"))
    severities = [finding.severity for finding in data.check().findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert set(severities) == set(Severity)


def test_no_user_id_is_shown(data):
    data.set_events(300, user_id="secret ")
    data.set_events(3, user_id="Secret")
    data.users = pl.DataFrame({"user_id": ["secret", "u1"], "age": [3, 4]})
    report = data.check()
    assert {"alike_user_ids", "spaces_in_user_ids", "bots"} <= {f.kind for f in report.findings}
    assert "secret" not in str(report.to_dict()).lower()
    assert "secret" not in str(report).lower()


def _unknown_item(data):
    data.set_events(2, item_id="nowhere")


def _no_times(data):
    data.events = data.events.drop("timestamp")


def _one_instant(data):
    data.events = data.events.with_columns(timestamp=pl.lit(1_700_000_000))


def _negative_times(data):
    data.set_events(3, timestamp=-5)


def _copied_item_rows(data):
    data.items = pl.concat([data.items, data.items[:2]])


def _empty_user(data):
    data.set_events(2, user_id=" ")


def _image_outside(data):
    data.set_items([3], image="../../secret.png")


def _no_item_column(data):
    data.events = data.events.drop("item_id")


def _users_twice(data):
    data.users = pl.DataFrame({"user_id": ["u1", "u1"]})


def _late_dates(data):
    data.items = data.items.with_columns(created_at=pl.lit("whenever"))


def _bad_numbers(data):
    data.items = data.items.with_columns(price=pl.lit("cheap"))


CASES = [
    (_unknown_item, {}, "2 items|1 item that is not in the catalogue"),
    (_no_times, {}, "expects a timestamp column"),
    (_no_times, {"split": "leave-one-out"}, None),
    (_one_instant, {}, "leaves no event in: train"),
    (_one_instant, {"split": "leave-one-out"}, None),
    (_negative_times, {}, "must be a finite number of 0 or more"),
    (_copied_item_rows, {}, "item_id must be unique"),
    (_empty_user, {}, "user_id must not be empty"),
    (_image_outside, {}, "image must be|lies outside"),
    (_no_item_column, {}, "must have the columns"),
    (lambda data: None, {"targets": ("buy",)}, "event types"),
    (lambda data: None, {"negative": ("stars < 2",)}, "reads the columns"),
    (lambda data: None, {"min_count": 900}, "leaves no event"),
    (lambda data: None, {"targets": ("cart",)}, None),
    (lambda data: None, {"modalities": ("id", "number")}, "modality 'number' must find"),
    (lambda data: None, {"modalities": ("id", "category:size")}, "modality 'category' must find"),
    (_bad_numbers, {"modalities": ("id", "number")}, "no trained item has a number"),
    (_late_dates, {"epochs": 1}, "created_at must be"),
]


@pytest.mark.parametrize(("change", "options", "said"), CASES)
def test_an_error_is_what_fit_refuses(data, change, options, said):
    change(data)
    options = Options(**{**QUICK, "modalities": ("id",), **options})
    report = data.check(options=options)
    errors = [finding for finding in report.findings if finding.severity == Severity.ERROR]
    assert report.fits == (said is None)

    def fit():
        dataset = mmrec.data.read_folder(data.folder)
        mmrec.Recommender.fit(dataset.interactions, dataset.catalog, options=options)

    if said is None:
        fit()
    else:
        with pytest.raises(ValueError, match=said) as refusal:
            fit()
        first = str(refusal.value)
        assert any(finding.text in first for finding in errors), (first, errors)


def test_problems_of_all_tables_are_found_at_once(data):
    data.set_events(2, item_id="nowhere")
    data.set_events(1, timestamp=-5)
    data.items = pl.concat([data.items, data.items[:2]])
    data.users = pl.DataFrame({"user_id": ["u1", "u1"]})
    report = data.check()
    kinds = [finding.kind for finding in report.findings if finding.severity == Severity.ERROR]
    assert kinds == ["table"] * 4  # items, items of events, times, users
    assert report.there["events"]["usable"] == 1198  # one event has both faults
    assert report.there["items"]["usable"] == 40
    assert report.used["events"]["split"]["targets"]["test"] == 120


def test_a_folder_without_tables(tmp_path):
    report = check_folder(tmp_path)
    assert [finding.kind for finding in report.findings] == ["table", "table"]
    assert report.there == {"events": None, "items": None, "users": None, "images": None}
    assert report.used is None
    assert "must hold one table interactions" in str(report)
    assert "see the page Data of the documentation" in str(report)  # it isn't installed


def test_items_are_checked_without_events(data):
    data.set_items([1, 2], title="the same")
    folder = data.write()
    (folder / "interactions.parquet").write_bytes(b"garbage")
    kinds = [finding.kind for finding in check_folder(folder).findings]
    assert kinds == ["table", "texts_alike"]


@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="no data set folder"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="time_unit must be one of"):
        data.check(time_unit="h")
    with pytest.raises(ValueError, match="images must be 0 or more"):
        data.check(images=-1)
    with pytest.raises(ValueError, match="modality 'smell' must be one of"):
        data.check(options=Options(modalities=("smell",)))


def test_messages_of_reading_are_findings_and_not_logged_twice(data, caplog):
    data.events = data.events.with_columns(pl.col("timestamp") * 1000)
    found = data.found()
    assert "looks like milliseconds" in found["said"].text
    assert found["said"].severity == "warning"
    assert caplog.text == ""


def test_columns_of_all_types(data):
    data.events = data.events.with_columns(
        timestamp=pl.from_epoch("timestamp"),
        event=pl.col("event").cast(pl.Categorical),
        shown=pl.Series([["a", "b"]] * 1200),
        place=pl.Series([{"x": 1.5}] * 1200),
    )
    data.items = data.items.with_columns(
        price=pl.lit("1.50").cast(pl.Decimal(10, 2)),
        size=pl.lit("small").cast(pl.Categorical),
        sold=pl.lit(True),
        box=pl.Series([{"x": 1, "y": [1, 2]}] * 40),
        nothing=pl.lit(None),
        raw=pl.lit(b"x"),
        long=pl.duration(days=1),
    )
    data.users = pl.DataFrame({"user_id": ["u1"], "tags": [["a"]]})
    report = data.check()
    assert report.fits
    held = {column["name"]: column["holds"] for column in report.there["items"]["columns"]}
    assert held["box"] == held["raw"] == "several values"
    assert (held["price"], held["size"], held["sold"]) == ("number", "text", "boolean")
    hints = {one["column"]: one["hint"] for one in report.used["unused"]["items"]}
    assert (hints["box"], hints["raw"]) == ("", "")
    assert {name: hints[name].partition(": ")[2] for name in ("price", "size", "long")} == {
        "price": "side:price or number:price.",
        "size": "category:size.",
        "long": "side:long or number:long.",
    }
    assert hints["nothing"] == "It is empty."
    hinted = [hint.partition(": ")[2][:-1].split(" or ") for hint in hints.values() if ": " in hint]
    for place in (0, -1):
        named = tuple(kinds[place] for kinds in hinted)
        assert data.check(options=Options(modalities=named)).fits

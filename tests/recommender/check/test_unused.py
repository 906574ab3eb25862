import polars as pl

from mmrec.cli.reading import as_columns
from mmrec.recommender import Options


def test_each_hint_is_a_modality_that_fit_would_take(data):
    data.items = data.items.with_columns(
        weight=pl.Series([f"{n}.50" for n in range(40)]),
        size=pl.lit("small"),
        clip=pl.Series([[0.5, 1.0]] * 40),
        labels=pl.Series([["a"]] * 40),
        born=pl.lit("2024-05-01").str.to_date(),
    )
    hints = [one["hint"] for one in data.check().used["unused"]["items"]]
    read = [hint.removeprefix("A modality can read it: ")[:-1] for hint in hints]
    modalities = tuple(kinds.split(" or ")[-1] for kinds in read)
    assert len(modalities) == 5
    report = data.check(options=Options(modalities=modalities))
    assert report.fits
    assert {name: use["items"] for name, use in report.used["modalities"].items()} == dict.fromkeys(
        modalities, 40
    )
    assert {one["column"] for one in report.used["unused"]["items"]} == {"title", "image"}


def test_hints_for_names_that_need_care(data):
    data.items = data.items.with_columns(
        pl.Series("preis.netto", [f"{n}.50" for n in range(40)]),
        pl.Series(" size", ["small", "large"] * 20),
        pl.Series("v.npy", [[0.5, 1.0]] * 40),
        pl.Series("place", [f"/srv/my files/red lamp {chr(97 + n)}.html" for n in range(40)]),
    )
    hints = {one["column"]: one["hint"] for one in data.check().used["unused"]["items"]}
    number = "preis_netto=number:preis.netto"
    read = f"A modality can read it: preis_netto=side:preis.netto or {number}."
    assert hints["preis.netto"] == read
    assert " size" in hints[" size"]
    assert hints[" size"].startswith("A modality, category, can read it under another name")
    assert hints["v.npy"].startswith("A modality, vectors, can read it under another name")
    assert hints["place"].startswith("It looks like codes, addresses or files, of which each item")
    for modality in (number, number.replace("number", "side")):
        assert data.check(options=Options(modalities=("id", modality))).fits


def test_a_session_is_told_how_it_is_used(data):
    sessions = data.events.with_columns(session_id=pl.lit("s1"), device_id=pl.lit(7))
    data.events = sessions
    report = data.check()
    hints = {one["column"]: one["hint"] for one in report.used["unused"]["interactions"]}
    assert hints["session_id"].startswith(
        "Sessions are not read: a history has all events of a user"
    )
    assert "--columns user_id=person,session_id=user_id" in hints["session_id"]
    assert hints["device_id"] == "It looks like an id of something else."
    [found] = [f for f in report.findings if f.kind == "unused_columns_interactions"]
    assert found.advice == " ".join([hints["session_id"], hints["device_id"]])
    data.events = sessions.with_columns(shelf=pl.lit(1))
    [found] = [f for f in data.check().findings if f.kind == "unused_columns_interactions"]
    assert found.advice.startswith("Rules of events can read them, see --targets")
    assert hints["session_id"] in found.advice


def test_sessions_become_users_as_the_hint_says(data):
    data.events = data.events.with_columns(session_id=pl.col("user_id") + "-1")
    report = data.check(columns={"user_id": "person", "session_id": "user_id"})
    assert report.fits
    unused = [one["column"] for one in report.used["unused"]["interactions"]]
    assert unused == ["person"]


def test_the_hint_for_sessions_is_typed_as_it_is(data):
    """It has the names of the tables, whatever ``columns`` calls them, and keeps the others."""
    names = {"reader": "user_id", "visit no": "session_id", "when": "timestamp", "user_id": "who"}
    made = data.events.with_columns(session_id=pl.col("user_id") + "-1", who=pl.lit("x"))
    data.events = made.rename({ours: theirs for theirs, ours in names.items()})
    report = data.check(columns=names)
    [hint] = [
        one["hint"]
        for one in report.used["unused"]["interactions"]
        if one["column"] == "session_id"
    ]
    said = "--columns 'reader=person,visit no=user_id,when=timestamp,user_id=who' (on"
    assert said in hint
    sessions = data.check(columns=as_columns(said.split("'")[1]))
    assert sessions.fits
    assert sessions.there["events"]["users"] == report.there["events"]["users"]
    unused = [one["column"] for one in sessions.used["unused"]["interactions"]]
    assert sorted(unused) == ["person", "who"]


def test_a_hint_says_how_many_codes_differ_and_that_commas_are_no_points(data):
    data.items = data.items.with_columns(
        price=pl.Series([f"{n},99" for n in range(39)] + [""]),
        sum=pl.Series([f"1.{n + 100},5 €" for n in range(40)]),
        sku=pl.Series([f"A-{n // 2}" if n < 8 else f"A-{n}" for n in range(40)]),
    )
    hints = {one["column"]: one["hint"] for one in data.check().used["unused"]["items"]}
    comma = "It looks like numbers with a decimal comma. With a point in its place: A modality can"
    assert hints["price"] == f"{comma} read it: side:price or number:price."
    assert hints["sum"].startswith(comma)
    assert hints["sku"].startswith(
        "It looks like codes, addresses or files, of which 36 of 40 differ; a modality"
    )


def test_sentences_that_many_items_share_are_texts_and_names_are_categories(data):
    things = ["Tisch", "Stuhl", "Lampe", "Regal"]
    woods = ["Eiche und Leder", "Rattan, bunt", "Samt und Messing", "Glas mit Chrom", "heller Kork"]
    said = [f"{thing} aus {wood}, von Hand in Bayern" for thing in things for wood in woods]
    kinds = ["Science Fiction, Drama, Crime", "Home & Garden > Kitchen > Pots and Pans", "Lamps"]
    rows = len(data.items)
    columns = {"satz": said, "art": kinds}
    made = {n: pl.Series([v[i % len(v)] for i in range(rows)]) for n, v in columns.items()}
    data.items = data.items.with_columns(**made)
    hints = {one["column"]: one["hint"] for one in data.check().used["unused"]["items"]}
    assert rows >= 2 * len(said)
    assert hints["satz"] == "A modality can read it: text:satz."
    assert hints["art"] == "A modality can read it: category:art."

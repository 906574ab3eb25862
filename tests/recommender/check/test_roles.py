import numpy as np
import polars as pl

from mmrec import Options, Recommender
from mmrec.cli.reading import as_columns

GERMAN = {"nutzer": "user_id", "film": "item_id", "zeit": "timestamp"}


def in_german(data):
    """The data set with German names, and what a user has typed of ``--columns`` so far."""
    rng, count = np.random.default_rng(0), len(data.events)
    back = {ours: theirs for theirs, ours in GERMAN.items()}
    data.events = data.events.rename(back | {"event": "ereignis"}).with_columns(
        ereignis=pl.Series(rng.permutation(["view", "cart"] * (count // 2)).tolist()),
        gesehen_s=pl.Series(rng.integers(1, 900, count)),
    )
    days = [f"2023-01-{n % 28 + 1:02}" for n in range(len(data.items))]
    data.items = data.items.rename({"item_id": "film", "title": "titel"}).with_columns(
        hochgeladen_am=pl.Series(days)
    )
    return data


def test_the_option_is_typed_as_it_stands(data):
    in_german(data)
    found = data.found(columns=GERMAN)["likely_roles"]
    assert found.count == 3
    assert "ereignis looks like event types such as cart, view (event), but may be" in found.text
    typed = found.advice.partition("--columns ")[2]
    assert typed == (
        "nutzer=user_id,film=item_id,zeit=timestamp,"
        "hochgeladen_am=created_at,ereignis=event,gesehen_s=watch_seconds"
    )
    after = data.check(columns=as_columns(typed))
    assert after.fits
    assert after.there["events"]["types"] == {"cart": 600, "view": 600}
    kinds = {finding.kind for finding in after.findings}
    assert "likely_roles" not in kinds
    unused = {one["column"] for one in after.used["unused"]["interactions"]}
    assert unused == {"watch_seconds"}


def test_a_column_that_a_rule_reads_has_a_role(data):
    in_german(data)
    options = Options(negative=("gesehen_s < 20",), ignored=("ereignis = cart",))
    found = data.found(columns=GERMAN, options=options)["likely_roles"]
    assert found.advice.endswith("zeit=timestamp,hochgeladen_am=created_at")


def test_fit_does_not_guess(data, caplog):
    in_german(data)
    options = Options(modalities=("id",), epochs=1, dim=4, refit="none")
    Recommender.fit(data.events, data.items, columns=GERMAN, options=options)
    assert "ereignis" not in caplog.text
    assert "gesehen_s" not in caplog.text


def test_fit_repeats_the_columns_that_were_given_beside_those_of_texts(data, caplog):
    in_german(data)
    data.items = data.items.with_columns(
        titel=pl.Series([f"Rote Lampe {chr(97 + n)}{chr(97 + n)}" for n in range(40)])
    )
    wanted = "--columns nutzer=user_id,film=item_id,zeit=timestamp,titel=title names it"
    Recommender.fit(
        data.events, data.items, columns=GERMAN, options=Options(epochs=1, dim=4, refit="none")
    )
    assert wanted in caplog.text

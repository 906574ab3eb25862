import polars as pl

from mmrec.recommender import Options


def test_each_hint_is_a_modality_that_fit_would_take(data):
    data.items = data.items.with_columns(
        price=pl.Series([f"{n}.50" for n in range(40)]),
        size=pl.lit("small"),
        clip=pl.Series([[0.5, 1.0]] * 40),
        tags=pl.Series([["a"]] * 40),
        born=pl.lit("2024-05-01").str.to_date(),
    )
    hints = [one["hint"] for one in data.check().used["unused"]["items"]]
    modalities = tuple(hint.removeprefix("A modality can read it: ")[:-1] for hint in hints)
    assert len(modalities) == 5
    report = data.check(options=Options(modalities=modalities))
    assert report.fits
    assert {name: use["items"] for name, use in report.used["modalities"].items()} == dict.fromkeys(
        modalities, 40
    )
    assert {one["column"] for one in report.used["unused"]["items"]} == {"title", "image"}

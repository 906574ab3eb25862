import polars as pl

from mmrec.recommender import Options


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

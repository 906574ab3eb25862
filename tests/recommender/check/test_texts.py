import polars as pl
import pytest

from mmrec.recommender import Options
from mmrec.recommender.content import modalities_of
from mmrec.recommender.content.written import Written

THINGS = ["Lampe", "Stuhl", "Tisch", "Regal", "Sofa", "Teppich", "Vase", "Kissen"]
MADE_OF = ["Messing", "Holz", "Glas", "Leder", "Stoff", "Metall", "Stein", "Beton", "Wolle"]
PLACES = [
    "Flur",
    "Bad",
    "Garten",
    "Keller",
    "Balkon",
    "Laden",
    "Dach",
    "Hof",
    "Haus",
    "Zelt",
    "Saal",
]
TITLES = [f"{THINGS[n % 8]} aus {MADE_OF[n % 9]} für {PLACES[n % 11]}" for n in range(40)]


@pytest.fixture
def german(data):
    data.items = data.items.rename({"title": "titel"}).with_columns(
        titel=pl.Series(TITLES),
        adresse=pl.Series([f"https://laden.example/{n}" for n in range(40)]),
        angelegt=pl.Series([f"2024-05-01 10:{n}" for n in range(10, 50)]),
        farbe=pl.Series(["rot", "blau"] * 20),
    )
    return data


def typed(finding):
    return tuple(finding.advice.split("--modalities ")[1].split(","))


LONG = [f"{text}, gut verarbeitet und lange haltbar" for text in TITLES]


def renamed(finding):
    pairs = finding.advice.split("--columns ")[1].split(";")[0].split(" --")[0].split(",")
    return dict(pair.split("=") for pair in pairs)


def test_texts_of_other_names_get_the_usual_ones(german):
    german.items = german.items.with_columns(inhalt=pl.Series(LONG))
    finding = german.found()["likely_texts"]
    assert finding.advice == (
        "It is a guess. If they are: --columns titel=title,inhalt=description; lists then show "
        "titles"
    )
    report = german.check(columns=renamed(finding))
    assert report.used["modalities"]["text"]["columns"] == ["title", "description"]
    assert "likely_texts" not in {finding.kind for finding in report.findings}


def test_names_that_were_given_are_kept(german):
    german.items = german.items.rename({"item_id": "nr"})
    german.events = german.events.rename({"item_id": "nr"})
    finding = german.found(columns={"nr": "item_id"})["likely_texts"]
    assert renamed(finding) == {"nr": "item_id", "titel": "title"}


def test_further_texts_are_named_as_a_modality(german):
    german.items = german.items.with_columns(
        inhalt=pl.Series(LONG), mehr=pl.Series([f"Neu: {text}" for text in TITLES])
    )
    finding = german.found()["likely_texts"]
    assert renamed(finding) == {"titel": "title", "inhalt": "description"}
    modalities = finding.advice.split("--modalities ")[1].split(";")[0]
    assert modalities == "id,text:title+description+mehr,image"
    options = Options(modalities=tuple(modalities.split(",")))
    report = german.check(columns=renamed(finding), options=options)
    assert "likely_texts" not in {finding.kind for finding in report.findings}


def test_a_text_of_another_name_is_found_and_the_hint_reads_it(german):
    finding = german.found()["likely_texts"]
    assert finding.text == "nothing reads titel, which looks like a text by its values"
    assert finding.severity == "warning"
    assert renamed(finding) == {"titel": "title"}
    report = german.check(options=Options(modalities=("id", "text:titel", "image")))
    assert report.fits
    assert report.used["modalities"]["text:titel"] == {"items": 40, "columns": ["titel"], "cut": 0}
    assert "likely_texts" not in {finding.kind for finding in report.findings}
    hints = {one["column"]: one["hint"] for one in report.used["unused"]["items"]}
    assert list(hints) == ["adresse", "angelegt", "farbe"]
    assert hints["farbe"] == "A modality can read it: category:farbe."
    assert not any("text:" in hint for hint in hints.values())


def test_the_refusal_of_a_text_names_it_too(german):
    report = german.check(options=Options(modalities=("text", "id")))
    assert not report.fits
    assert report.findings[0].text.endswith(
        "titel looks like a text by its values, and --columns titel=title names it"
    )
    [finding] = [found for found in report.findings if found.kind == "likely_texts"]
    assert renamed(finding) == {"titel": "title"}
    notes = [finding.text for finding in german.check().findings if finding.kind == "said"]
    assert any("--columns titel=title names it" in text for text in notes)


def test_a_text_beside_the_usual_ones_is_a_note(german):
    german.items = german.items.with_columns(category=pl.lit("lamps"))
    finding = german.found()["likely_texts"]
    assert finding.severity == "note"
    assert renamed(finding) == {"titel": "title"}
    german.items = german.items.with_columns(name=pl.lit("x"), desc=pl.lit("y"))
    finding = german.found()["likely_texts"]
    assert typed(finding) == ("id", "text:name+category+desc+titel", "image")


@pytest.mark.parametrize("options", [{"modalities": ("id", "image")}, {"text_template": "{farbe}"}])
def test_who_has_chosen_is_not_asked(german, options):
    assert "likely_texts" not in german.found(options=Options(**options))


def test_names_are_written_as_the_command_takes_them(german):
    german.items = german.items.rename({"titel": "der titel.de"})
    assert "--columns 'der titel.de=title'; lists" in german.found()["likely_texts"].advice
    german.items = german.items.with_columns(name=pl.lit("x"), desc=pl.lit("y"))
    finding = german.found()["likely_texts"]
    assert finding.advice.endswith("--modalities 'id,text=text:name+desc+der titel.de,image'")
    read = finding.advice.split("'")[1].split(",")
    assert [Written.read(one).columns for one in read] == [
        None,
        ["name", "desc", "der titel.de"],
        None,
    ]
    assert list(modalities_of(Options(modalities=tuple(read)))) == ["id", "text", "image"]


def test_an_item_with_a_text_of_another_name_has_content(german):
    german.set_items(range(40), image=None)
    german.set_items([3], titel=None)
    assert german.found()["items_without_content"].count == 40
    for modality in ("text:titel", "semantic:text:titel", "graph:text:titel"):
        finding = german.found(options=Options(modalities=("id", modality)))
        assert finding["items_without_content"].count == 1
    alike = german.found(options=Options(modalities=("id", "text:farbe")))["texts_alike"]
    assert (alike.count, "(farbe)" in alike.text) == (40, True)

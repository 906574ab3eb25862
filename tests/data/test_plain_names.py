import pytest

from mmrec.data.plain_names import NUMBERS, TEXTS, has_word


@pytest.mark.parametrize(
    ("name", "words", "has"),
    [
        ("price", NUMBERS, True),
        ("PRICE", NUMBERS, True),
        ("price_eur", NUMBERS, True),
        ("unitPrice", NUMBERS, True),
        ("Gesamtpreis", NUMBERS, True),
        ("page2", NUMBERS, True),
        ("längengrad", NUMBERS, True),
        ("lat", NUMBERS, True),
        ("flat", NUMBERS, False),  # a short word ends no compound
        ("bewertung", NUMBERS, False),
        ("watch_time", NUMBERS, False),
        ("device_os", TEXTS, True),
        ("Sprache", TEXTS, True),
        ("ereignis", TEXTS, False),
        ("", TEXTS, False),
    ],
)
def test_words_of_names(name, words, has):
    assert has_word(name, words) == has

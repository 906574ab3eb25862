from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import TextTemplate
from mmrec.data.likely_texts import as_modality, can_be_named, likely_texts, looks_like_text
from mmrec.recommender import Options
from mmrec.recommender.content.written import Written, is_file

TITLES = {
    "german": "Rote Lampe aus Messing|Stuhl aus Holz|Tisch mit Glasplatte|Runder Teppich",
    "french": "La lampe de l'été|Chaise en bois|Table basse|Grand tapis",
    "russian": "Красная лампа|Деревянный стул|Стеклянный стол|Круглый ковёр",
    "greek": "Κόκκινη λάμπα|Ξύλινη καρέκλα|Γυάλινο τραπέζι|Στρογγυλό χαλί",
    "arabic": "مصباح أحمر|كرسي خشبي|طاولة زجاجية|سجادة مستديرة",
    "hindi": "लाल दीपक|लकड़ी की कुर्सी|काँच की मेज़|गोल कालीन",
    "korean": "빨간 램프|나무 의자|유리 탁자|둥근 양탄자",
    "chinese": "红色黄铜台灯|木制椅子|玻璃桌子|圆形地毯",
    "japanese": "真鍮の読書灯|USB充電式ランプ|ガラスの机|丸いじゅうたん",
    "thai": "โคมไฟทองเหลือง|เก้าอี้ไม้|โต๊ะกระจก|พรมกลม",
    "films": "Toy Story (1995)|Heat (1995)|Twelve Monkeys (1995)|The Matrix (1999)",
    "some of one word": "Heat|Alien|The Matrix|Toy Story",
    "slashes": "Lamp of brass, 220V/50Hz|<b>Chair</b> of wood and/or steel, for a garden|Soft rug",
    "descriptions": "<p>A lamp, 20 cm high.</p>|Of wood; see www.shop.example|Soft wool",
}
N = range(60)
WORDS = ["lamp", "chair", "table", "sofa", "vase", "carpet", "mirror", "shelf", "stool", "desk"]
OTHERS = {
    "numbers": [f"{n}.50" for n in N],
    "ids": [f"B00{n}XK" for n in N],
    "uuids": [f"123e4567-e89b-12d3-a456-4266141740{n:02d}" for n in N],
    "codes of parts": [f"SM-G{n} DS {n * 7}" for n in N],
    "dates": [f"2024-05-01 10:{n:02d}" for n in N],
    "days": [f"{n % 28 + 1}. Mai 2024" for n in N],
    "days of the week": [f"{('Friday', 'Monday')[n % 2]} {n} January" for n in N],
    "addresses": [f"https://shop.example/red lamp/{n}" for n in N],
    "mail": [f"ann{n}@shop.example" for n in N],
    "slugs": [f"red-brass-lamp-{n}" for n in N],
    "files": [f"images/red lamp {n}.jpg" for n in N],
    "paths": [f"/srv/my files/{a} {b}.html" for a, b in pairwise(WORDS)],
    "paths without endings": [f"my files/{a} {b}" for a, b in pairwise(WORDS)],
    "paths of windows": [rf"C:\my files\{a} lamp" for a in WORDS],
    "durations": ["1 hour 20 minutes", "2 hours 5 minutes", "1 hour and 1 minute", "50 minutes"],
    "Dauern": ["1 Stunde 20 Minuten", "2 Stunden 5 Min.", "1 Stunde und 1 Minute", "3 Std. 2 Min."],
    "measures": [f"{n} x {n + 1} x 30 cm" for n in N],
    "categories": ["Home & Kitchen > Floor lamps", "Toys for children"] * 30,
    "colors": ["dark blue", "light green", "pale red"] * 20,
    "genres": [f"{'Drama, Crime, War'[n % 7 :]}, {'Western Comedy Sport'[n % 9 :]}" for n in N],
    "bars": [f"Science Fiction|Word{chr(97 + n % 26)}x Drama {n}" for n in N],
    "json": [f'["red lamp", "of brass {n}"]' for n in N],
    "template": [f"lamp number {n}" for n in N],
    "single words": [f"{'lampchairtablesofavase'[n % 9 : n % 9 + 9]}" for n in N],
    "empty": [None, "", "  "] * 20,
    "one": ["A red lamp of brass"] + [None] * 59,
}


@pytest.mark.parametrize("language", TITLES)
def test_texts_are_found_in_any_language(language):
    assert looks_like_text(pl.Series(TITLES[language].split("|")))


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_text(what):
    assert not looks_like_text(pl.Series(OTHERS[what], dtype=pl.String))


@pytest.mark.parametrize("values", [[1, 2], [["a b", "c d"]], [True, False]])
def test_columns_of_other_types_are_no_texts(values):
    assert not looks_like_text(pl.Series(values))


def test_a_large_column_is_looked_at_in_part():
    titles = pl.Series(TITLES["german"].split("|"))
    rng = np.random.default_rng(0)
    words = ["".join(map(chr, 97 + rng.integers(26, size=6))) for _ in range(500)]
    many = pl.Series([f"{words[n % 500]} {words[n * 7 % 499]} {n}" for n in range(20_000)])
    assert looks_like_text(many)
    assert looks_like_text(pl.concat([titles, pl.Series([None] * 3, dtype=pl.String)]))


def test_ids_files_and_names_that_no_modality_can_have_are_passed_over():
    titles = TITLES["german"].split("|")
    names = ["item_id", "titel", "Images", "parentId", "a,b", "a+b", "x.titel"]
    assert likely_texts(pl.DataFrame(dict.fromkeys(names, titles))) == ["titel", "x.titel"]
    odd = [" titel", "titel ", "", "a:b", "a!r", "a{b", "a}b"]
    assert likely_texts(pl.DataFrame(dict.fromkeys(odd, titles))) == []
    assert as_modality(["titel", "x.titel"]) == "text=text:titel+x.titel"


@pytest.mark.parametrize("kind", ["text", "category", "number", "vectors"])
@given(st.text("ab .:+,!{}=/_", max_size=6) | st.sampled_from(["titel.csv", "preis.parquet"]))
def test_a_name_that_can_be_typed_is_read_as_it_is(kind, name):
    if can_be_named(name, kind):
        options = Options(modalities=as_modality([name], kind))
        written = Written.read(options.modalities[0])
        assert written.columns == [name]
        assert kind != "vectors" or not is_file(written.source)
        if kind == "text":
            assert TextTemplate(f"{{{name}}}").columns == (name,)

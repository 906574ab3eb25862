import polars as pl

from mmrec.recommender.check.text import sections, visible


def test_control_characters_are_escaped(data):
    data.set_events(2, event="\x1b[2Jview")
    data.items = data.items.rename({"title": "title"}).with_columns(**{"a\x07b": pl.lit("x")})
    data.set_items([0], item_id="\x1b]0;owned\x07")
    text = str(data.check())
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b[2Jview" in text


def test_visible_keeps_letters_of_all_scripts():
    assert visible("Ä 猫 …") == "Ä 猫 …"
    assert visible("a\u202eb\n") == "a\\u202eb\\n"


def test_every_section_is_a_table(data):
    for section in sections(data.check()):
        assert len({len(row) for row in section.rows}) == 1
        assert len(section.rows) > 1


def test_the_text_ends_with_the_verdict(data):
    text = str(data.check())
    assert text.endswith("fit would take this data: 0 errors, 0 warnings, 0 notes")
    assert "What is odd\n  nothing" in text
    assert "predicted  view  600" in text.replace("    ", "  ")


def test_long_tables_are_cut(data):
    data.events = data.events.with_columns(event=pl.format("t{}", pl.int_range(1200) % 40))
    report = data.check()
    assert str(report).count("and 10 more, see --json") == 2  # types, and their roles
    assert len(report.to_dict()["there"]["events"]["types"]) == 40


def test_an_event_is_in_one_row_of_the_table_of_roles(data):
    data.set_events(1200, event="view")
    data.events = pl.concat([data.events, data.events[:100]]).sort("timestamp", maintain_order=True)
    report = data.check()
    [table] = [one for one in sections(report) if one.title == "What fit would use: events"]
    assert [row[:3] for row in table.rows[1:]] == [
        ("predicted", "view", "1,200"),
        ("dropped as a repeat", "view", "100"),
    ]
    assert report.used["events"]["roles"] == {"target": {"view": 1300}}

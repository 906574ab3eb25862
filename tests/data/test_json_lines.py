import json

import pytest

from mmrec.data.tables import read_table


def read(folder, values):
    lines = [json.dumps({"item_id": n, "hashtags": value}) for n, value in enumerate(values)]
    (folder / "items.jsonl").write_text("\n\n".join(lines))
    return read_table(folder / "items.jsonl", "items")["hashtags"]


@pytest.mark.parametrize("texts", [["cats"], ["cats", "[dogs]"]])
def test_a_text_among_lists_is_a_list_of_one(tmp_path, caplog, texts):
    column = read(tmp_path, [["a", 'b"]'], *texts, [], None, ["cats"], ["c"]])
    assert column.to_list() == [
        ["a", 'b"]'],
        *([one] for one in texts),
        [],
        None,
        ["cats"],
        ["c"],
    ]
    some = "1 of 5 values is a text" if len(texts) == 1 else "2 of 6 values are texts"
    each = "it is" if len(texts) == 1 else "each is"
    assert caplog.messages == [
        f"items: hashtags holds lists, but {some}, first 'cats': {each} read as a list of one"
    ]


@pytest.mark.parametrize("values", [[["a"], "cats", "dogs"], [[1, 2], [3], "cats"]])
def test_lists_that_stay_text_are_said(tmp_path, caplog, values):
    column = read(tmp_path, values)
    assert "cats" in column.to_list()
    assert "all of them are read as text; write lists" in caplog.text


def test_texts_and_lists_alone_are_as_before(tmp_path, caplog):
    assert read(tmp_path, ["[a]", "b", "[]"]).to_list() == ["[a]", "b", "[]"]
    assert read(tmp_path, [["a"], [], None, ["b", "c"]]).to_list() == [["a"], [], None, ["b", "c"]]
    assert read(tmp_path, [["a"], "", ["b"]]).to_list() == [["a"], None, ["b"]]
    assert not caplog.messages

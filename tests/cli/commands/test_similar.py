import pytest


def test_similar_items(answer, made, run):
    found, said = answer("similar", run, "i3", "-k", 4)
    assert found["item"] == "i3"
    for line, expected in zip(found["similar"], made.similar("i3", 4), strict=True):
        assert line["item"] == expected.item
        assert line["score"] == pytest.approx(expected.score)
    assert said.splitlines()[0].startswith("like i3  ")
    some, _ = answer("similar", run, "i3", "--where", "price < 2")
    assert {line["item"] for line in some["similar"]} == {"i0", "i1"}


def test_what_is_refused(command, refusal, run):
    assert "not in the catalogue" in refusal("similar", run, "none")
    assert "no RUN at" in refusal("similar", run / "none", "i3")
    assert "[here]" in refusal("similar", run, "i3", "--where", "price <")
    status, out, _ = command("similar", run, "i3", "--where", "price > 99")
    assert status == 0
    assert out.splitlines()[-1] == "no item meets the condition"

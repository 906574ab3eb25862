import pytest

from mmrec.recommender.check.finding import error, examples_of, share_of


def test_examples_are_few_and_short():
    assert examples_of(range(9)) == ("0", "1", "2")
    (long,) = examples_of(["x" * 1000])
    assert len(long) == 61


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 9, "0 %"), (1, 1000, "< 1 %"), (1, 2, "50 %"), (0, 0, "0 %")]
)
def test_shares(part, whole, text):
    assert share_of(part, whole) == text


def test_values_for_json():
    made = error("split", None, "no", "yes", ["a"]).to_dict()
    assert made["severity"] == "error"
    assert made["examples"] == ["'a'"]

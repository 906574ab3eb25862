import pytest

from mmrec.data.wording import counted, did_you_mean, verb


@pytest.mark.parametrize(
    ("number", "what", "text"),
    [(0, "item", "0 items"), (1, "item", "1 item"), (1234, "category", "1,234 categories")],
)
def test_counts(number, what, text):
    assert counted(number, what) == text


def test_verbs_agree():
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def test_the_nearest_name_is_meant():
    assert did_you_mean("VIEWS", ["cart", "View"]) == " (did you mean 'View'?)"
    assert did_you_mean("view", []) == ""

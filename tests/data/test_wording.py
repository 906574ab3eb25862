import pytest

from mmrec.data.wording import counted, did_you_mean, gain_said, verb


@pytest.mark.parametrize(
    ("number", "what", "text"),
    [(0, "item", "0 items"), (1, "item", "1 item"), (1234, "category", "1,234 categories")],
)
def test_counts(number, what, text):
    assert counted(number, what) == text


@pytest.mark.parametrize(
    ("gain", "error", "text"),
    [
        (0.1, 0.02, "+0.1000 ± 0.0200"),
        (-0.00004, 0.0011, "-0.0000 ± 0.0011"),
        (2.6e-05, 2.61e-05, "+0.000026 ± 0.000026"),
        (0.0, 0.0, "+0.0000 ± 0.0000"),
    ],
)
def test_a_gain_has_digits_that_show_something(gain, error, text):
    assert gain_said(gain, error) == text


def test_verbs_agree():
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


def test_the_nearest_name_is_meant():
    assert did_you_mean("VIEWS", ["cart", "View"]) == " (did you mean 'View'?)"
    assert did_you_mean("view", []) == ""

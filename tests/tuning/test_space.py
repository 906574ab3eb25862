import pytest

from mmrec.recommender import Options
from mmrec.recommender.options import PARTS
from mmrec.tuning.proposal import distribution
from mmrec.tuning.space import DEFAULT, USUAL, Range, as_text, check_space, parse_space


def test_a_text_is_a_range_choices_or_a_name():
    assert parse_space(["lr=1e-4..1e-2", "dropout = 0.1, 0.2,0.4", "weight-decay"]) == {
        "lr": Range(1e-4, 1e-2),
        "dropout": (0.1, 0.2, 0.4),
        "weight_decay": USUAL["weight_decay"],
    }
    assert parse_space(["layers=none,2", "time_gap=true,false", "event_types=none,true"]) == {
        "layers": (None, 2),
        "time_gap": (True, False),
        "event_types": (None, True),
    }
    assert parse_space(["dim=64"]) == {"dim": (64,)}


def test_a_range_is_of_the_kind_of_its_option():
    space = parse_space(["dim=8..64", "dropout=0..0.5", "layers=1..3"])
    assert space == {"dim": Range(8, 64), "dropout": Range(0.0, 0.5), "layers": Range(1, 3)}
    kinds = {name: distribution(name, values) for name, values in space.items()}
    assert [type(kind).__name__ for kind in kinds.values()] == [
        "IntDistribution",
        "FloatDistribution",
        "IntDistribution",
    ]
    assert [kind.log for kind in kinds.values()] == [True, False, False]


def test_a_space_is_read_again_from_its_text():
    assert parse_space(f"{name}={text}" for name, text in as_text(USUAL).items()) == USUAL


def test_the_usual_values_can_be_used_and_have_the_defaults():
    space = check_space(USUAL)
    assert space == USUAL
    assert len(DEFAULT) == 10
    for name in set(space) - set(PARTS):
        values, default = USUAL[name], getattr(Options(), name)
        if name in ("lr", "pool_size"):  # it depends on the log, or on what is trained
            assert default is None
        elif isinstance(values, Range):
            assert values.low <= default <= values.high
        elif name not in ("batch_size",):
            assert default in values, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs=3..5", "a search must be over names among .*; got 'epochs'"),
        ("split=time", "a search must be over names among .*; got 'split'"),
        ("lr=", "lr must be a range such as LOW..HIGH or choices such as 0.0003..0.01; got ''"),
        ("dim=8,,16", "dim must be a range .* choices such as 64,128,256; got '8,,16'"),
        ("lr=a..b", "lr must be a range of two numbers, LOW..HIGH; got 'a..b'"),
        ("lr=1e-2..1e-4", "lr must be a range from a lower to a higher number; got 0.01..0.0001"),
        ("lr=1e-4..20", "lr must be a number from 1e-09 to 10.0; got 20"),
        ("lr=nan..1", "lr must be a number from 1e-09 to 10.0; got nan"),
        ("dropout=0.1,1.5", "dropout must be a number from 0.0 to 0.99; got 1.5"),
        ("dropout=0.1,0.1", r"dropout must have one or more different choices; got \[0.1, 0.1\]"),
        ("dim=8..16.5", "dim must be a whole number from 1 to 65536; got 16.5"),
        ("weight_decay=0..0.1", "weight_decay must be above 0, as its scale is logarithmic; got 0"),
        ("interest=1..2", "interest must be choices such as interest=gru4rec,sasrec,lrurec; got"),
        ("time_gap=0..1", "time_gap must be choices such as time_gap=true,false; got 0..1"),
        ("interest=lstm", "interest must be one of .*; got 'lstm'"),
        ("interest=none", "interest must be short names or class paths in a search; got None"),
    ],
)
def test_what_is_wrong_is_one_sentence(text, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        parse_space([text])


def test_a_name_is_given_once_and_choices_are_a_list():
    with pytest.raises(ValueError, match="lr must be searched once; got it twice"):
        parse_space(["lr", "lr=1e-3..1e-2"])
    with pytest.raises(ValueError, match="one or more names; got an empty space"):
        parse_space([])
    with pytest.raises(ValueError, match="lr must be a Range or a list of choices; got '1e"):
        check_space({"lr": "1e-4..1"})

"""What a user hands over: classes, partials, modules and names, and what is said of the rest."""

import sys
from functools import partial

import pytest

from mmrec.recommender.artifact.needed import check_own
from mmrec.recommender.parts import OwnPartNeeded, PartSpec, handed_over, remake
from mmrec.recommender.parts.own import import_own

FUSION = """
from torch import nn

from mmrec.scoring import DotScorer


class Gated(nn.Module):
    def __init__(self, rank=1):
        super().__init__()
        self.rank = rank


class Table:
    pass


def focal(logits, target, candidates, log_q, gamma=1.0):
    return gamma


def wipe(path):
    open(path, "w")
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A package whose module ``fusion`` defines a module, a loss and things that are no parts."""
    folder = tmp_path / "ownlab"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "fusion.py").write_text(FUSION)
    (folder / "broken.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    yield import_own("ownlab.fusion")
    for name in [name for name in sys.modules if name.partition(".")[0] == "ownlab"]:
        del sys.modules[name]


SPEC = PartSpec("ownlab.fusion.Gated", {"rank": 3})


@pytest.mark.parametrize("form", ["class", "partial", "name", "module", "module name"])
def test_a_part_is_handed_over_in_any_form(lab, form):
    given = {
        "class": lab.Gated,
        "partial": partial(lab.Gated, rank=3),
        "name": "ownlab.fusion.Gated",
        "module": lab,
        "module name": "ownlab.fusion",
    }[form]
    made = remake("fusion", SPEC, ["mmrec.fusion"], handed_over([given]))
    assert type(made) is lab.Gated
    assert made.rank == 3
    if "module" not in form:
        named = handed_over({"fusion": given})
        assert remake("fusion", SPEC, ["mmrec.fusion"], named).rank == 3


def test_a_module_hands_over_the_parts_that_it_defines(lab):
    assert handed_over([lab]) == [(None, lab.Gated), (None, lab.focal)]
    package = import_own("ownlab")
    package.Gated = lab.Gated  # taken from its own module
    assert handed_over(["ownlab"]) == [(None, lab.Gated)]


def test_a_run_reaches_no_other_function_of_a_module(lab, tmp_path):
    spec = PartSpec("ownlab.fusion.wipe", {"path": str(tmp_path / "harm")})
    with pytest.raises(OwnPartNeeded, match=r"the fusion is ownlab.fusion.wipe, which is not a"):
        remake("fusion", spec, ["mmrec.fusion"], handed_over([lab]))
    assert not (tmp_path / "harm").exists()


def test_a_partial_of_other_arguments_is_refused(lab):
    for given in ({"rank": 2}, {"rank": object()}, {"depth": 3}):
        own = handed_over([partial(lab.Gated, **given)])
        with pytest.raises(ValueError, match=r"was made with {'rank': 3}; the partial .* sets"):
            remake("fusion", SPEC, ["mmrec.fusion"], own)


def test_what_was_given_instead_is_said(lab):
    other = PartSpec("elsewhere.Other", {})
    said = r"--part elsewhere.Other on the command line; got ownlab.fusion.Gated, which has another"
    with pytest.raises(OwnPartNeeded, match=said):
        remake("fusion", other, ["mmrec.fusion"], handed_over([partial(lab.Gated, rank=3)]))
    with pytest.raises(OwnPartNeeded, match=r"Gated and ownlab.fusion.focal, which have other"):
        remake("fusion", other, ["mmrec.fusion"], handed_over([lab]))
    with pytest.raises(OwnPartNeeded, match=r"on the command line$"):
        remake("fusion", other, ["mmrec.fusion"], handed_over([]))


def test_parts_that_are_missing_are_said_together():
    needed = {"fusion": PartSpec("lab.f.Gated", {}), "loss": PartSpec("lab.rest.focal", {})}
    assert str(OwnPartNeeded.of(needed)) == (
        "the fusion is lab.f.Gated and the loss is lab.rest.focal, which are not parts of mmrec: "
        "hand over the classes, parts=[Gated, focal], or --part lab.f.Gated --part lab.rest.focal "
        "on the command line"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ownlab", r"ownlab defines no part: name the module .* ownlab.broken or ownlab.fusion"),
        ("Gated", "part 'Gated' can't be imported: No module .* with its module, module.Gated"),
        ("ownlab.fusio.Gated", "can't be imported: No module named 'ownlab.fusio'.* PYTHONPATH"),
        ("ownlab.fusion.Gate", "module 'ownlab.fusion' has no attribute 'Gate'"),
        ("ownlab.broken", "part 'ownlab.broken' can't be imported: .*nothing_of_this_name"),
        ("", "part '' can't be imported: Empty module name"),
        (".fusion", "part '.fusion' can't be imported"),
    ],
)
def test_names_that_hand_nothing_over(lab, name, said):
    with pytest.raises(ValueError, match=said):
        handed_over([name])


def test_own_parts_are_a_list_or_a_map(lab, unchecked):
    assert handed_over([lab.Gated]) == [(None, lab.Gated)]
    assert handed_over({"fusion": lab.Gated}) == [("fusion", lab.Gated)]
    with pytest.raises(ValueError, match=r"must be classes or objects; got a module for \['fu"):
        handed_over({"fusion": lab})
    for wrong in (lab.Gated, "a.B", 3):
        with pytest.raises(ValueError, match=r"parts must be a list of .*; got"):
            handed_over(wrong)


def test_a_part_of_a_script_is_handed_over_from_a_module():
    spec = PartSpec("__main__.Recent", {})
    said = str(OwnPartNeeded.of({"interest": spec, "loss": PartSpec("lab.focal", {})}))
    assert "--part my_parts.Recent --part lab.focal on the command line once my_parts.py" in said
    assert "--part __main__" not in said
    with pytest.raises(ValueError, match=r"must be put into a module, such as my_parts.py"):
        import_own("__main__.Recent")


def test_a_part_of_another_slot(lab):
    kept = {"fusion": SPEC.to_dict(), "interest": PartSpec("ownlab.fusion.Table", {}).to_dict()}
    config = {"parts": kept, "modalities": {}, "recipe": {}}
    said = r"ownlab.fusion.Table is the interest of the RUN, .*; it was handed over as the fusion"
    for parts in ({"fusion": lab.Table}, {"fusion": lab.Table, "interest": lab.Gated}):
        with pytest.raises(OwnPartNeeded, match=said):
            check_own(config, handed_over(parts))
    check_own(config, handed_over({"fusion": lab.Gated, "interest": lab.Table}))

import inspect
import pkgutil
from importlib import import_module

import pytest
from names import MODULES, constant, members, public_classes, public_names, source_of

import mmrec
from mmrec.fusion import AttentionFusion
from mmrec.interest import Interest
from mmrec.training import SequentialRecommender


@pytest.fixture(scope="module")
def named():
    return [name for found in public_names().values() for name in found]


@pytest.fixture(scope="module")
def classes():
    return public_classes()


def test_every_exported_name_has_one_path(named):
    packages = [
        "mmrec",
        *(p.name for p in pkgutil.walk_packages(mmrec.__path__, "mmrec.") if p.ispkg),
    ]
    exported = {
        (name, id(getattr(import_module(package), name)))
        for package in packages
        for name in getattr(import_module(package), "__all__", ())
        if name != "__version__"
    }
    shown = [(n.name, id(n.value)) for n in named if n.module not in MODULES]
    assert sorted(shown) == sorted(exported)
    assert len({name.path for name in named}) == len(named)


def test_a_path_is_what_a_user_imports(named):
    paths = {name.path for name in named}
    assert {
        "mmrec.Recommender",
        "mmrec.fusion.AttentionFusion",
        "mmrec.realtime.SqliteLog",
    } <= paths
    assert not {"mmrec.recommender.Recommender", "mmrec.realtime.log.SqliteLog"} & paths
    for name in named:
        assert getattr(import_module(name.module), name.name) is name.value


def test_kinds(named):
    kinds = {name.path: name.kind for name in named}
    assert kinds["mmrec.interest.Interest"] == "Contracts"
    assert kinds["mmrec.interest.GRUInterest"] == "Classes"
    assert kinds["mmrec.losses.softmax_loss"] == "Functions"
    assert kinds["mmrec.data.DataError"] == "Errors"
    assert kinds["mmrec.data.Table"] == "Types and constants"


def test_members_are_ours(named, classes):
    listed = list(members(SequentialRecommender, classes))
    assert "training_step" in listed
    assert not {"save_hyperparameters", "cuda", "log", "parameters"} & set(listed)
    # A base without a page is part of the class; `forward` is written there.
    assert {"correction", "forward"} <= set(members(AttentionFusion, classes))
    assert {"dim", "interest_dim", "__call__"} <= set(members(Interest, classes))
    for name in named:
        if isinstance(name.value, type) and name.kind != "Types and constants":
            for member in members(name.value, classes):
                owner = next((k for k in name.value.__mro__ if member in vars(k)), name.value)
                assert owner.__module__.startswith("mmrec"), (name.path, member)


def test_bases_that_have_no_page_are_passed_over(classes):
    assert [base.__name__ for base in source_of(AttentionFusion, classes)] == ["Module"]


def test_constants_have_their_docstring(named):
    found = {name.path: constant(name) for name in named if name.kind == "Types and constants"}
    assert found["mmrec.data.TimeUnit"][0] == "Literal['s', 'ms', 'us', 'ns']"
    assert all(text for _, text in found.values()), [
        p for p, (_, text) in found.items() if not text
    ]


def test_everything_has_a_docstring(named):
    assert [n.path for n in named if n.has_source and not inspect.getdoc(n.value)] == []

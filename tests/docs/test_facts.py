"""What pages say of the package is so."""

import re
import tomllib
from pathlib import Path

import pytest

import mmrec
from mmrec.recommender.zoo import ZOO

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "docs" / "start" / "install.md"
COMPARISON = ROOT / "docs" / "comparison.md"
RECBOLE = ROOT / "docs" / "howto" / "migrate-from-recbole.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NAMELESS = {"", "others", "two packages of weights"}


def extras():
    """The rows of the table of extras: their names, what they give, their packages."""
    table = INSTALL.read_text(encoding="utf-8").partition("| extra |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        names, gives, packages = (cell.strip() for cell in row.strip("|").split("|"))
        yield re.findall(r"`(\w+)`", names), gives, packages


def plain(name):
    return re.sub(r"[\W_]", "", name).lower()


def test_the_table_of_extras_has_each_once_with_its_packages():
    listed = [name for names, _, _ in extras() for name in names]
    assert sorted(listed) == sorted(EXTRAS)
    for names, _, packages in extras():
        required = [plain(line) for name in names for line in EXTRAS[name]]
        for package in set(re.split(r", |; | and ", packages)) - NAMELESS:
            assert any(line.startswith(plain(package)) for line in required), package


def test_the_table_of_extras_says_what_dev_includes():
    *above, (names, gives, _) = extras()
    assert names == ["dev"]
    lacks = re.findall(r"`(\w+)`", gives.partition("all of the above but ")[2])
    included = re.match(r"mmrec\[(.*)\]", EXTRAS["dev"][0])[1].split(",")
    assert sorted(included) == sorted({name for row in above for name in row[0]} - set(lacks))


@pytest.mark.parametrize(
    ("page", "where"),
    [
        (COMPARISON, r"^\| \*\*mmrec\*\* \| ([\d.]+) \|"),
        (COMPARISON, r"what is said of mmrec is of version ([\d.]+\d)\."),
        (INSTALL, r"mmrec-([\d.]+)-py3-none-any\.whl"),
        (ROOT / "CITATION.cff", r"^version: (\S+)$"),
    ],
)
def test_pages_name_the_version(page, where):
    (version,) = re.findall(where, page.read_text(encoding="utf-8"), re.MULTILINE)
    assert version == mmrec.__version__


def test_the_pages_of_peers_count_the_models_by_name():
    assert len(ZOO) == 13
    assert "thirteen [models by name]" in COMPARISON.read_text(encoding="utf-8")
    assert "[thirteen by name]" in RECBOLE.read_text(encoding="utf-8")


def test_pages_agree_on_the_time_of_the_demo():
    (first,), (second,) = (
        re.findall(r"takes (about \w+ minutes) on two CPU cores", page.read_text(encoding="utf-8"))
        for page in (ROOT / "README.md", INSTALL)
    )
    assert first == second

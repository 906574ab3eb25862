"""What pages say of the package is so."""

import re
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

import mmrec
from mmrec.recommender.zoo import ZOO

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INSTALL = DOCS / "start" / "install.md"
COMPARISON = DOCS / "comparison.md"
RECBOLE = DOCS / "howto" / "migrate-from-recbole.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NAMELESS = {"", "others", "two packages of weights"}


def extras():
    """The rows of the table of extras: their names, what they give, their packages."""
    table = INSTALL.read_text(encoding="utf-8").partition("| extra |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        names, gives, packages = (cell.strip() for cell in row.strip("|").split("|"))
        yield re.findall(r"`(\w+)`", names), gives, packages


def rounded(figures):
    """Figures of four digits, to three."""
    digits = Decimal("0.001")
    return [str(Decimal(f).quantize(digits, ROUND_HALF_UP)).lstrip("0") for f in figures]


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


def test_concepts_are_in_the_order_of_a_first_reading():
    tree = (DOCS / "index.md").read_text(encoding="utf-8").partition(":caption: Conc")[2]
    pages = tree.partition("```")[0].split("\n\n")[1].split()
    first = ("pool", "modalities", "tuning", "state", "evaluation")
    assert pages == [*(f"concepts/{name}" for name in first), "events", "affinities"]


def accuracies(page, *, digits):
    """The figures of each row of the tables of a page, as they stand."""
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \|$", text, re.MULTILINE)
    return [re.findall(rf"(?<![\d.])(?<!± )\.\d{{{digits}}}(?!\d)", row) for row in rows]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "index.md"], ids=lambda page: page.name
)
def test_accuracies_on_the_first_pages_are_those_of_the_evidence(page):
    sources = (DOCS / "numbers.md", DOCS / "benchmarks.md")
    known = [rounded(row) for source in sources for row in accuracies(source, digits=4)]
    shown = [row for row in accuracies(page, digits=3) if row]
    assert len(shown) >= 5
    for ndcg, hits in shown:
        assert any(row[:1] == [ndcg] and hits in row[1:] for row in known), (ndcg, hits)


def test_the_weak_spot_on_the_landing_page_is_that_of_the_defaults():
    row = next(
        line.split(" | ")
        for line in (DOCS / "defaults.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ml-latest-small-posters | for choices")
    )
    said = re.findall(r"HR@10 (\.\d+), chance", (DOCS / "index.md").read_text(encoding="utf-8"))
    assert said == rounded([row[8]])


def test_each_page_of_the_project_for_others_is_on_the_site():
    texts = [page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")]
    included = {text.split()[1] for text in texts if text.startswith("```{include}")}
    assert included == {"../CHANGELOG.md", "../CONTRIBUTING.md", "../SECURITY.md"}


@pytest.mark.parametrize("name", ["numbers", "cold", "defaults", "fusions", "components"])
def test_the_evidence_has_versions_and_dates_not_today(name):
    assert not re.search(r"\btoday\b", (DOCS / f"{name}.md").read_text(encoding="utf-8"))

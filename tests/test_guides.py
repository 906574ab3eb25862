"""The guides: their links lead somewhere, their code is code, and the quick pages run."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

DOCS = Path(__file__).parents[1] / "docs"
TOOLS = runpy.run_path(str(DOCS / "run_pages.py"))
GUIDES = [*TOOLS["guides"](), DOCS / "comparison.md", DOCS / "faq.md"]
QUICK = ["concepts/pool", "concepts/modalities", "concepts/state", "howto/own-part"]


def named(page):
    return str(page.relative_to(DOCS))


def slug(heading):
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_links_lead_to_pages_headings_and_images(page):
    text = re.sub(r"^```(?:python|bash|text)\n.*?^```$", "", page.read_text(), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"\{figure\} (\S+)", text)
    links += [f"{target}.md" for target in re.findall(r"^:link: (\S+)$", text, re.M)]
    for link in links:
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            assert anchor in map(slug, headings), link


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_fences_are_closed_and_code_is_code(page):
    text = page.read_text()
    assert len(re.findall(r"^`{3,}", text, re.M)) % 2 == 0
    found = list(TOOLS["blocks"](page))
    assert len(found) == len(re.findall(r"^```(?:python|bash)$", text, re.M))
    for block in found:
        if block.language == "python":
            compile(block.code, named(page), "exec")


@pytest.mark.parametrize("name", QUICK)
def test_a_page_runs_and_prints_what_it_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "guide", None)
    assert TOOLS["run_page"](DOCS / f"{name}.md") == []


def test_lines_that_a_page_shows_and_that_were_not_printed_are_named(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "```bash\necho -n a  1.5; echo b 2\n```\n\n```text\na 1.…\nb 3\n…\n```\n\n"
        "```python\nprint('c')\n```\n\n```text\nc\nd\n```\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "guide", None)
    assert TOOLS["run_page"](page) == ["b 3", "d"]


def test_a_shell_block_that_fails_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n<!-- not run: fails -->\n```bash\nfalse\n```\n")
    TOOLS["run_page"](page)
    page.write_text("# A page\n\n```bash\nfalse\ntrue\n```\n")
    with pytest.raises(subprocess.CalledProcessError, match=r"page\.md, line 3"):
        TOOLS["run_page"](page)


def test_figures_are_what_their_scripts_draw(tmp_path):
    """A figure that was changed by hand would be lost when its script runs again."""
    (tmp_path / "images").mkdir()
    copytree(DOCS / "figures", tmp_path / "figures")
    scripts = [p for p in (tmp_path / "figures").glob("*.py") if "from svg import" in p.read_text()]
    assert len(scripts) >= 5
    for script in scripts:
        subprocess.run([sys.executable, script], check=True)
    for drawn in (tmp_path / "images").iterdir():
        assert drawn.read_text() == (DOCS / "images" / drawn.name).read_text()

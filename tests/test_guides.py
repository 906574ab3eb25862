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
CI = (DOCS.parent / ".ci" / "run").read_text()
# What `.ci/run` runs beside the tests: pages with servers or several processes, and the longest.
LONG = [page for page in TOOLS["guides"]() if str(page.relative_to(DOCS.parent)) in CI]
QUICK = [page for page in TOOLS["guides"]() if page not in LONG]


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


@pytest.mark.parametrize("page", QUICK, ids=named)
def test_a_page_runs_and_prints_what_it_shows(page, tmp_path, monkeypatch, unchecked):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "guide", None)
    assert TOOLS["run_page"](page) == []


def test_the_other_pages_are_run_beside_the_tests():
    assert {named(page) for page in LONG} == {
        "index.md",
        "start/tutorial.md",
        "howto/serving.md",
        "howto/several-gpus.md",
    }
    for page in LONG:
        assert re.search(rf"run_pages\.py .*{page.relative_to(DOCS.parent)}", CI), named(page)


def test_lines_of_the_tutorial_are_the_same_on_other_pages():
    table = re.compile(r"^```text\n +ndcg@10.*?^```$", re.M | re.S)
    (shown,) = table.findall((DOCS / "concepts" / "evaluation.md").read_text())
    tutorial = (DOCS / "start" / "tutorial.md").read_text().splitlines()
    assert set(shown.splitlines()) <= {*tutorial, "```", "```text"}


def test_lines_that_a_page_shows_and_that_were_not_printed_are_named(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "```bash\necho -n a  1.5; echo b 2\n```\n\n```text\na 1.…\nb 3\n…\n```\n\n"
        "```python\nprint('c')\n```\n\n```text\nc\nd\n```\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "guide", None)
    assert TOOLS["run_page"](page) == ["b 3", "d"]


@pytest.mark.parametrize(
    ("shown", "printed", "lacking"),
    [
        ("mmrec 0.1286  0.2261", "mmrec   0.1290 0.23", []),
        ("1. 9.075 p00255", "1. 9.2 p00255", []),
        ("1. 9.075 p00255", "1. 9.8 p00255", ["1. 9.075 p00255"]),
        ("1. 9.075 p00255", "1. 9.075 p00256", ["1. 9.075 p00255"]),
        ("a +0.001", "a -0.004", []),
        ("12 items", "13 items", ["12 items"]),
        ("a\nb", "b\na", ["b"]),
        ("a\n…\nb", "a\nc\nb", []),
        ('{"model":"…","items":3}', '{"model":"8c27","items":3}', []),
        ("…\n", "", []),
    ],
)
def test_what_may_differ(shown, printed, lacking):
    assert TOOLS["not_printed"](shown, printed) == lacking


def test_output_that_differs_is_a_failure(tmp_path):
    copytree(DOCS, tmp_path / "docs", ignore=lambda folder, names: {"images"} & {*names})
    page = tmp_path / "docs" / "index.md"
    for shown, status in (("c", 0), ("d", 1)):
        page.write_text(f"```python\nprint('c')\n```\n\n```text\n{shown}\n```\n")
        command = [sys.executable, page.parent / "run_pages.py", page]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
    assert done.stderr == "index.md shows what was not printed: d\n"
    allowed = [*command[:2], "--shown-may-differ", page]
    again = subprocess.run(allowed, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, done.stderr)
    page.write_text("```python\nraise ValueError\n```\n")
    assert subprocess.run(allowed, capture_output=True).returncode == 1


def test_mmrec_commands_of_a_block_run_in_this_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = TOOLS["commands"]("mmrec check a  # b\n\nls \\\n  c")
    assert words == [["mmrec", "check", "a"], ["ls", "c"]]
    assert TOOLS["run_plain"]("mmrec --version > version\nls") == "version\n"
    assert Path("version").read_text().startswith("mmrec 0.")
    with pytest.raises(subprocess.CalledProcessError, match="mmrec check nowhere"):
        TOOLS["run_plain"]("mmrec check nowhere")
    others = TOOLS["commands"](
        "mmrec serve RUN\nmmrec fit a --devices 2\ncurl a\nmmrec a | head\nmmrec a > b &"
    )
    assert not any(map(TOOLS["is_plain"], others))


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

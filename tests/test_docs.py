"""The code of the documentation runs, and its commands exist."""

import doctest
import re
import runpy
import shlex
import shutil
import sys
from itertools import takewhile
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
import typer

import mmrec
from mmrec.cli.app import app
from mmrec.data import read_folder
from mmrec.demo import make_shop
from mmrec.realtime import RealtimeRecommender, SqliteLog
from mmrec.recommender.pipeline.train import quiet

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = runpy.run_path(str(DOCS / "run_pages.py"))
MADE = {"api", "cli", "notebooks", "options"}  # when the pages are built
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(p for p in sorted(DOCS.rglob("*.md")) if p.relative_to(DOCS).parts[0] not in MADE),
]
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?"
    r"(?P<fence>`{3,})(?P<kind>[\w{}-]*)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
OTHER = {"text", "json", "yaml", "toml", "ini", "csv", "html", "dockerfile", "diff", ""}
SHELL = ("bash", "sh", "console")
# Pages with a test of their own: parts are trained together, and figures are compared.
TOGETHER = ("docs/parts.md", "docs/clicks.md", "docs/generative.md")
# `docs/run_pages.py` runs guides from top to bottom: tests/test_guides.py and `.ci/run` call it.
GUIDES = ("docs/start/", "docs/concepts/", "docs/howto/", "docs/index.md")
# Blocks of the README that `.ci/run` reads, by the line before them.
READ = {"setup", "test"}
COMMANDS = typer.main.get_command(app).commands


def name_of(path):
    return str(path.relative_to(ROOT))


def blocks(path):
    """Yield kind, code, note and line of the blocks of a page."""
    return blocks_in(path.read_text(encoding="utf-8"), 0)


def blocks_in(text, above):
    for found in BLOCK.finditer(text):
        line = above + text[: found.start("code")].count("\n")
        yield found["kind"], found["code"], found["note"] or "", line
        if found["kind"].startswith("{"):  # tabs and the like hold blocks
            yield from blocks_in(found["code"], line)


def runnable(path):
    """Return the blocks of a page that this file runs."""
    kinds = ("python", "pycon", *SHELL)
    return [b for b in blocks(path) if b[0] in kinds and not is_left_out(path, b[2])]


def is_left_out(path, note):
    """Tell whether a block has a reason why it is not run here."""
    return note.startswith("not run: ") or (path == ROOT / "README.md" and note in READ)


def run_blocks(path, monkeypatch, page):
    """Run the blocks of a page one after the other, in a module."""
    monkeypatch.setitem(sys.modules, page.__name__, page)
    for kind, code, _, line in runnable(path):
        if kind == "python":  # an error shows the line of the page
            exec(compile("\n" * line + code, str(path), "exec"), vars(page))
            continue
        if kind in SHELL:
            TOOLS["run_plain"](code)
            continue
        test = doctest.DocTestParser().get_doctest(code, vars(page), path.name, str(path), line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        assert runner.run(test, clear_globs=False).failed == 0


def commands(code):
    """Yield the `mmrec …` commands of a shell block."""
    code = code.replace("\\\n", " ")
    for line in code.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words:
            one = list(takewhile(lambda word: word not in ("|", "&&", ";", ">", "&"), words))
            words = words[len(one) + 1 :]
            while one and ("=" in one[0] or one[0] in ("sudo", "time", "exec")):
                one = one[1:]
            if one and Path(one[0]).name == "mmrec":
                yield one[1:]


def check_command(words):
    """Raise a usage error if the command, an option or its number of arguments is unknown."""
    if words[:1] == ["--version"] or words[:1] == ["COMMAND"]:
        return
    if words[0] not in COMMANDS:
        raise ValueError(f"mmrec has no command {words[0]!r}")
    if "--help" not in words:
        COMMANDS[words[0]].make_context(words[0], [*words[1:]])


def all_commands():
    return [
        pytest.param(words, id=f"{name_of(path)}:{line}: mmrec {' '.join(words)}"[:90])
        for path in PAGES
        for kind, code, _, line in blocks(path)
        if kind in SHELL
        for words in commands(code)
    ]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_block_is_run_or_says_why_not(path):
    found = list(blocks(path))
    assert "```" not in BLOCK.sub("", path.read_text(encoding="utf-8")), "a fence is indented"
    for kind, code, note, line in found:
        known = kind in {"python", "pycon", *SHELL, *OTHER} or kind.startswith("{")
        assert known, f"{name_of(path)}:{line}: blocks of {kind!r} are not looked at"
        assert ">>>" not in code or kind == "pycon", f"{name_of(path)}:{line} is a pycon block"
        assert not note.startswith("not run") or note.removeprefix("not run: ").strip(" -")
        if kind in SHELL and not name_of(path).startswith(GUIDES) and not is_left_out(path, note):
            plain = all(map(TOOLS["is_plain"], TOOLS["commands"](code)))
            assert plain, f"{name_of(path)}:{line} is no `mmrec` commands alone: say why not run"


@pytest.mark.parametrize("path", [p for p in PAGES if name_of(p).startswith(GUIDES)], ids=name_of)
def test_guides_have_blocks_that_are_run_from_top_to_bottom(path):
    """`docs/run_pages.py` sees Python and bash at the outer level, and no other note."""
    code = [b for b in blocks(path) if b[0] in ("python", "pycon", *SHELL)]
    run = TOOLS["blocks"](path)
    assert [(b[0], b[1], not b[2].startswith("not run: ")) for b in code] == [
        (one.language, one.code, one.runs) for one in run
    ]


def test_blocks_that_ci_reads_are_those_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {*re.findall(r"\$\(block (\w+)\)", script)} == READ
    assert {note for *_, note, _ in blocks(ROOT / "README.md")} >= READ


@pytest.mark.parametrize("words", all_commands())
def test_commands_exist_with_their_options(words):
    check_command(words)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("mmrec fits data", "no command 'fits'"),
        ("mmrec fit data --out RUN --epoch 3", "(?i)no such option"),
        ("A=1 mmrec fit data --out RUN | mmrec export RUN", "(?i)missing"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line, match):
    *before, last = commands(line)
    for words in before:
        check_command(words)
    with pytest.raises(Exception, match=match):
        check_command(last)


@pytest.fixture(scope="session")
def shop_with_dates(tmp_path_factory):
    """A small shop whose items have a stock and a date, and a recommender of it."""
    folder = make_shop(tmp_path_factory.mktemp("pages") / "data", users=60, items=60)
    items = pl.read_csv(folder / "items.csv").with_columns(
        stock=pl.lit(3), created_at=pl.lit("2024-05-01")
    )
    items.write_csv(folder / "items.csv")
    data = read_folder(folder)
    options = mmrec.Options(modalities=("id",), dim=8, epochs=1, refit="none", affinities=False)
    return folder, data, mmrec.Recommender.fit(data.interactions, data.catalog, options=options)


@pytest.mark.parametrize(
    "path",
    [p for p in PAGES if runnable(p) and not name_of(p).startswith((*TOGETHER, *GUIDES))],
    ids=name_of,
)
def test_page(path, shop_with_dates, tmp_path, monkeypatch, unchecked):
    """A page runs in a folder that has a RUN and its data, with their names, its commands too."""
    monkeypatch.chdir(tmp_path)
    folder, data, made = shop_with_dates
    shutil.copytree(folder, "data")
    made.save("RUN", data="data")
    live = RealtimeRecommender.load("RUN", log=SqliteLog("page.db"))
    given = {"events": data.interactions, "items": data.catalog, "history": ["p00001", "p00002"]}
    page = ModuleType(f"page_{path.stem.replace('-', '_')}")
    vars(page).update(given, mmrec=mmrec, recommender=made, live=live)
    try:
        run_blocks(path, monkeypatch, page)
    finally:
        logs = [live.log, *(getattr(value, "log", None) for value in vars(page).values())]
        for log in {id(log): log for log in logs if isinstance(log, SqliteLog)}.values():
            log.close()


def test_parts_of_ones_own(monkeypatch):
    """The parts of the page are trained together, since a training takes a second."""
    parts, encoders, page = {}, {}, ModuleType("page_parts")

    def collect(*_, options, **given):
        encoders.update(given.get("encoders", {}))
        parts.update(given | {"encoders": encoders})

    with monkeypatch.context() as patch:
        patch.setattr(mmrec.Recommender, "fit", collect)
        run_blocks(ROOT / TOGETHER[0], monkeypatch, page)
    assert set(encoders) == {"number", "text"}
    assert set(parts) == {*mmrec.recommender.options.PARTS} - {"request"}
    made = mmrec.Recommender.fit(page.events, page.items, options=page.with_text, **parts)
    assert type(made.model.scorer) is page.Weighted
    assert made.recommend(["i3", "i4"], 3)


def test_clicks(monkeypatch, capsys):
    page = ModuleType("page_clicks")
    with quiet():
        run_blocks(ROOT / TOGETHER[1], monkeypatch, page)
    assert page.report.auc > page.base.auc + 0.1
    assert capsys.readouterr().out.startswith(f"AUC {page.report.auc:.3f}; of the click rate")
    assert page.probability.shape == (1, 3)
    assert {name: int(source.present.sum()) for name, source in page.content.sources.items()} == {
        "id": 60,
        "category": 60,
    }
    batch = next(iter(page.feed_of_folder.train_dataloader()))
    assert page.ClickRecommender(page.nrms).model is page.nrms
    assert set(batch.pool.content) == {"id", "category"}


def test_semantic_ids_and_generative_retrieval(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page = ModuleType("page_generative")
    with quiet():
        run_blocks(ROOT / TOGETHER[2], monkeypatch, page)
    assert len(page.curve) == 3
    assert page.report["targets"] == len(page.split.targets("test"))
    assert page.made.recommend(["new"], 3)

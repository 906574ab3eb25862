"""Run the code of guides from top to bottom, each page in a fresh folder.

    python docs/run_pages.py [--shown-may-differ] [PAGE …]

The Python blocks of a page share a namespace, its shell blocks a folder. A block after a line
``<!-- not run: reason -->`` is left out. Without pages, all guides are run; the exit status is 1 if
one fails. Their ``mmrec`` and ``python`` are those beside the Python that runs this; blocks of
``mmrec`` commands alone run in its process, which saves seconds of imports for each.

A ``text`` block that follows code, with or without prose between, shows what it prints. Its lines
must be printed, in their order. ``…`` stands for anything: write it for times, paths, and what
depends on the machine. Numbers with a decimal point, such as scores, may differ by .02 or 5 %. All
else must be as the page shows it; lines that were not printed are a failure, or with
``--shown-may-differ`` a line of standard error: another processor may train another model.
"""

import io
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

DOCS = Path(__file__).parent
MAY_DIFFER = "--shown-may-differ"
WILD = re.compile(r"(…|[+-]?\d*\.\d+)")
FENCE = re.compile(
    r"(?P<note><!-- not run: [^\n]+ -->\n)?^```(?P<language>python|bash)\n(?P<code>.*?)^```$"
    r"(?:\n(?:(?!```|<!--)[^\n]*\n)*?```text\n(?P<shown>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """Code of a page.

    Attributes:
        language: ``"python"`` or ``"bash"``.
        code: its text.
        line: the line before it.
        runs: whether it is run.
        shown: what it prints, as the page says; empty where the page doesn't.
    """

    language: str
    code: str
    line: int
    runs: bool
    shown: str


def guides() -> list[Path]:
    """Return the pages whose code is run."""
    folders = ("start", "concepts", "howto")
    return [DOCS / "index.md", *sorted(p for name in folders for p in (DOCS / name).glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the Python and shell blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text[: found.start("code")].count("\n")
        runs, shown = found["note"] is None, found["shown"] or ""
        yield Block(found["language"], found["code"], line, runs, shown)


def not_printed(shown: str, printed: str) -> list[str]:
    """Return the first line of a block that was not printed after those above it, if there is one.

    A line may be a part of what was printed. Spaces count as one.
    """
    text = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    for line in shown.splitlines():
        words = " ".join(line.split())
        if not words.strip("… "):
            continue
        found = next((m for m in _pattern(words).finditer(text) if _close(words, m.groups())), None)
        if found is None:
            return [line]
        text = text[found.end() :]
    return []


def _pattern(words: str) -> re.Pattern[str]:
    parts = WILD.split(words)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [".*?" if part == "…" else r"([+-]?\d*\.\d+)" for part in parts[1::2]]
    return re.compile("".join(parts))


def _close(words: str, numbers: tuple[str, ...]) -> bool:
    shown = [part for part in WILD.split(words)[1::2] if part != "…"]
    pairs = zip(map(float, shown), map(float, numbers), strict=True)
    return all(math.isclose(one, other, rel_tol=0.05, abs_tol=0.02) for one, other in pairs)


def commands(code: str) -> list[list[str]]:
    """Return the words of each command of a shell block."""
    lines = code.replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def is_plain(words: list[str]) -> bool:
    """Tell whether a command is `ls`, or one of `mmrec` that ends and starts no other process.

    Its output may go to a file.
    """
    operators = {"|", "||", "&", "&&", ";", "<", ">>"}
    here = words[0] == "ls" or (words[0] == "mmrec" and not {"serve", "--devices"} & {*words})
    return here and not operators & {*words} and ">" not in words[:-2]


def run_plain(code: str) -> str:
    """Run plain commands in this process, where mmrec is loaded already; return what they print.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    printed = ""
    for words in commands(code):
        target = Path(words[-1]) if words[-2:-1] == [">"] else None
        words = words[:-2] if target else words
        if words[0] == "ls":
            output = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        else:
            output = _mmrec(words)
        if target:
            target.write_text(output, encoding="utf-8")
        else:
            printed += output
    return printed


def _mmrec(words: list[str]) -> str:
    from mmrec.cli import main

    before, sys.argv = sys.argv, words
    try:
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(output):
            main()
    except SystemExit as end:
        if end.code:
            sys.stdout.write(output.getvalue())
            raise subprocess.CalledProcessError(int(end.code), shlex.join(words)) from end
    finally:
        sys.argv = before
    return output.getvalue()


def run_page(page: Path) -> list[str]:
    """Run a page in the present folder; return the lines that it shows and that weren't printed.

    Raises:
        subprocess.CalledProcessError: a shell block failed. A Python block raises its own error.
    """
    module = ModuleType("guide")
    sys.modules["guide"] = module  # classes of the page are found by their module
    groups: list[int] = []
    lacking: list[str] = []
    try:
        for block in blocks(page):
            if not block.runs:
                continue
            if block.language == "python":
                code = compile("\n" * block.line + block.code, str(page), "exec")
                try:
                    with redirect_stdout(io.StringIO()) as output:
                        exec(code, vars(module))
                finally:
                    printed = output.getvalue()
                    sys.stdout.write(printed)
            else:
                printed = _run_shell(block, page, groups)
                sys.stdout.write(printed)
            lacking += not_printed(block.shown, printed)
    finally:
        for group in groups:  # what a block has left running in the background
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
    return lacking


def _run_shell(block: Block, page: Path, groups: list[int]) -> str:
    """Return what a shell block prints; if bash runs it, its group is added to ``groups``."""
    if all(map(is_plain, commands(block.code))):
        return run_plain(block.code)
    command = ["bash", "-euo", "pipefail", "-c", block.code]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # Not a pipe: what is left running in the background would keep it open.
    with tempfile.NamedTemporaryFile() as output:
        shell = subprocess.Popen(
            command,
            env={**os.environ, "PATH": path},  # the programs of this environment
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        groups.append(shell.pid)
        status = shell.wait()
        # Opened anew: what is left running goes on to write where this file is at.
        printed = Path(output.name).read_text(encoding="utf-8", errors="replace")
    if status:
        sys.stdout.write(printed)
        raise subprocess.CalledProcessError(status, f"{page}, line {block.line}")
    return printed


def main(pages: list[Path], may_differ: bool = False) -> int:
    """Run pages, each in a process of its own; return the exit status."""
    if len(pages) == 1:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            lacking = run_page(pages[0])
            os.chdir(DOCS)
        for line in lacking:
            sys.stderr.write(f"{pages[0].relative_to(DOCS)} shows what was not printed: {line}\n")
        return int(bool(lacking) and not may_differ)
    how = [MAY_DIFFER] if may_differ else []
    failed = []
    for page in pages:
        sys.stderr.write(f"== {page.relative_to(DOCS)}\n")
        if subprocess.run([sys.executable, __file__, *how, str(page)], check=False).returncode:
            failed.append(str(page.relative_to(DOCS)))
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != MAY_DIFFER]
    pages = [Path(name).resolve() for name in names] or guides()
    sys.exit(main(pages, may_differ=MAY_DIFFER in sys.argv))

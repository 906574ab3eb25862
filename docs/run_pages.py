"""Run the code of guides from top to bottom, each page in a fresh folder.

    python docs/run_pages.py [PAGE …]

The Python blocks of a page share a namespace, its shell blocks a folder. A block after a line
``<!-- not run: reason -->`` is left out. Without pages, all guides are run; the exit status is 1 if
one fails.

A ``text`` block that follows code, with or without prose between, shows what it prints; ``…`` in it
stands for anything. Lines that were not printed are named. They are no failure: numbers differ
between machines.
"""

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

DOCS = Path(__file__).parent
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
    """Return the lines of a page that were not printed, not even as a part of a line.

    ``…`` stands for any text. Spaces are not compared.
    """
    lines = ["".join(line.split()) for line in printed.splitlines()]
    lacking = []
    for line in shown.splitlines():
        parts = "".join(line.split()).split("…")
        found = re.compile(".*".join(map(re.escape, parts))).search
        if any(parts) and not any(map(found, lines)):
            lacking.append(line)
    return lacking


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
    """Return what a shell block prints; its process group is added to ``groups``."""
    command = ["bash", "-euo", "pipefail", "-c", block.code]
    # Not a pipe: what is left running in the background would keep it open.
    with tempfile.NamedTemporaryFile() as output:
        shell = subprocess.Popen(
            command, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
        )
        groups.append(shell.pid)
        status = shell.wait()
        # Opened anew: what is left running goes on to write where this file is at.
        printed = Path(output.name).read_text(encoding="utf-8", errors="replace")
    if status:
        sys.stdout.write(printed)
        raise subprocess.CalledProcessError(status, f"{page}, line {block.line}")
    return printed


def main(pages: list[Path]) -> int:
    """Run pages, each in a process of its own; return the exit status."""
    if len(pages) == 1:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            lacking = run_page(pages[0])
            os.chdir(DOCS)
        for line in lacking:
            sys.stderr.write(f"{pages[0].relative_to(DOCS)} shows what was not printed: {line}\n")
        return 0
    failed = []
    for page in pages:
        sys.stderr.write(f"== {page.relative_to(DOCS)}\n")
        if subprocess.run([sys.executable, __file__, str(page)], check=False).returncode:
            failed.append(str(page.relative_to(DOCS)))
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main([Path(name).resolve() for name in sys.argv[1:]] or guides()))

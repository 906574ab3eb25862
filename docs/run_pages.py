"""Run the code of guides from top to bottom, each page in a fresh folder.

    python docs/run_pages.py [PAGE …]

The Python blocks of a page share a namespace, its shell blocks a folder. A block after a line
``<!-- not run: reason -->`` is left out. Without pages, all guides are run; the exit status is 1 if
one fails.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

DOCS = Path(__file__).parent
FENCE = re.compile(
    r"(?P<note><!-- not run: [^\n]+ -->\n)?^```(?P<language>python|bash)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """Code of a page: its language, its text, the line before it, and whether it is run."""

    language: str
    code: str
    line: int
    runs: bool


def guides() -> list[Path]:
    """Return the pages whose code is run."""
    folders = ("start", "concepts", "howto")
    return [DOCS / "index.md", *sorted(p for name in folders for p in (DOCS / name).glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the Python and shell blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text[: found.start("code")].count("\n")
        yield Block(found["language"], found["code"], line, found["note"] is None)


def run_page(page: Path) -> None:
    """Run a page in the present folder.

    Raises:
        subprocess.CalledProcessError: a shell block failed. A Python block raises its own error.
    """
    module = ModuleType("guide")
    sys.modules["guide"] = module  # classes of the page are found by their module
    groups: list[int] = []
    try:
        for block in blocks(page):
            if not block.runs:
                continue
            if block.language == "python":
                code = compile("\n" * block.line + block.code, str(page), "exec")
                exec(code, vars(module))
                continue
            command = ["bash", "-euo", "pipefail", "-c", block.code]
            shell = subprocess.Popen(command, start_new_session=True)
            groups.append(shell.pid)
            if status := shell.wait():
                raise subprocess.CalledProcessError(status, f"{page}, line {block.line}")
    finally:
        for group in groups:  # what a block has left running in the background
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


def main(pages: list[Path]) -> int:
    """Run pages, each in a process of its own; return the exit status."""
    if len(pages) == 1:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            run_page(pages[0])
            os.chdir(DOCS)
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

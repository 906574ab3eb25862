"""Check the notebooks of this folder, and run them.

    python examples/notebooks/run.py [NAME …]           # what CI does
    python examples/notebooks/run.py --write [NAME …]   # make the .ipynb anew from the .py, and run

A notebook is a pair: ``NAME.py`` is the text that is edited (percent format of jupytext), and
``NAME.ipynb`` holds the same cells and their outputs. The check says which pairs differ and which
outputs are not those of one run from top to bottom. Then each notebook runs in an empty folder, two
at a time. NAME may be a part of a name, such as ``01``. Runs that are started one by one add up
their seconds in a file, ``--seconds FILE``: more than 12 minutes in all are an error.
"""

import argparse
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent
LIMIT = 6_000_000
"""Bytes that all notebooks may take together."""
LONGEST = 12 * 60
"""Seconds that all notebooks may take together, each counted alone."""

COUNTED = re.compile(r"\r[^\r\n]*|\x1b\[A")
COLORS = re.compile(r"\x1b\[[0-9;]*m")
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read_text(path: Path) -> nbformat.NotebookNode:
    """Return the notebook that a ``.py`` describes, without outputs."""
    notebook = jupytext.read(path)
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02}", nbformat.NotebookNode()
    return notebook


def problems_of(path: Path) -> list[str]:
    """Return what is wrong with the kept ``.ipynb`` of a ``.py``."""
    kept = path.with_suffix(".ipynb")
    if not kept.is_file():
        return [f"{kept.name} is missing: run with --write {path.stem}"]
    notebook, text = nbformat.read(kept, as_version=4), read_text(path)
    cells, wanted = (
        [(cell.cell_type, cell.source) for cell in book.cells] for book in (notebook, text)
    )
    if cells != wanted:
        return [f"{kept.name} has other cells than {path.name}: run with --write {path.stem}"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if [cell.execution_count for cell in code] != [*range(1, len(code) + 1)]:
        found.append(f"{kept.name} was not run from top to bottom: run with --write {path.stem}")
    outputs = [output for cell in code for output in cell.outputs]
    if any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs):
        found.append(f"{kept.name} holds an error or a warning among its outputs")
    return found


def without_progress(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return outputs without what shows how far something is: nobody reads it later."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            output.text = COUNTED.sub("", output.text)
        if output.get("text", "shown").strip() and WIDGET not in output.get("data", {}):
            kept.append(output)
    return kept


def execute(path: Path, write: bool) -> tuple[str, float]:
    """Run a notebook in an empty folder; return its error, or an empty text, and the seconds."""
    start, notebook, error = time.perf_counter(), read_text(path), ""
    with TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=240,
            kernel_name="python3",
            record_timing=False,
            startup_timeout=180,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except CellExecutionError as failure:
            error = f"{path.name}: {COLORS.sub('', str(failure))}"
    if write and not error:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = without_progress(cell.outputs)
        notebook.metadata = nbformat.from_dict(METADATA)  # without the versions of this machine
        nbformat.write(notebook, path.with_suffix(".ipynb"))
    return error, time.perf_counter() - start


def too_long(file: Path, seconds: float) -> list[str]:
    """Add seconds to those in a file; return what is wrong if they are too many by now."""
    with file.open("a", encoding="utf-8") as kept:
        kept.write(f"{seconds:.1f}\n")
    total = sum(map(float, file.read_text(encoding="utf-8").split()))
    print(f"{'notebooks until now':<28} {total:6.1f} s of {LONGEST}")
    many = f"expected notebooks to take at most {LONGEST} s in all; got {total:.0f} s"
    return [many] if total > LONGEST else []


def main() -> None:
    """Run what the command line says; exit with status 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names; by default all")
    parser.add_argument("--write", action="store_true", help="keep the outputs in the .ipynb")
    parser.add_argument("--seconds", type=Path, metavar="FILE", help="add up the seconds there")
    given = parser.parse_args()
    paths = [
        path
        for path in sorted(HERE.glob("*.py"))
        if path.name != Path(__file__).name
        and (not given.names or any(name in path.stem for name in given.names))
    ]
    if not paths:
        sys.exit(f"expected parts of names of notebooks; got {given.names}")
    if given.write:
        os.environ.pop("MMREC_DATA", None)  # licensed data must not get into kept outputs
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two notebooks run at a time
    wrong = [] if given.write else [problem for path in paths for problem in problems_of(path)]
    start, alone = time.perf_counter(), 0.0
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = pool.map(execute, paths, [given.write] * len(paths))
        for path, (error, seconds) in zip(paths, results, strict=True):
            print(f"{path.stem:<28} {seconds:6.1f} s {'FAILED' if error else ''}", flush=True)
            wrong += [error] if error else []
            alone += seconds
    print(f"{'all':<28} {time.perf_counter() - start:6.1f} s")
    if given.write:
        wrong += [problem for path in paths for problem in problems_of(path)]
    if given.seconds:
        wrong += too_long(given.seconds, alone)
    if (size := sum(path.stat().st_size for path in HERE.glob("*.ipynb"))) > LIMIT:
        wrong.append(f"expected at most {LIMIT:,} bytes of .ipynb files; got {size:,}")
    if lone := {p.stem for p in HERE.glob("*.ipynb")} - {p.stem for p in HERE.glob("*.py")}:
        wrong.append(f"expected a .py beside each .ipynb; there is none for {sorted(lone)}")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()

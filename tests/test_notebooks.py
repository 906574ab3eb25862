"""The notebooks: each pair agrees, and what the check finds."""

import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from nbformat.v4 import new_output

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
NOTEBOOKS = sorted(path for path in FOLDER.glob("*.py") if path.name != "run.py")


@pytest.fixture(scope="module")
def run():
    """The script of the folder as a module."""
    spec = spec_from_file_location("run_notebooks", FOLDER / "run.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_pair_agrees(run, path):
    assert run.problems_of(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_a_title_and_a_sentence_and_has_a_picture(run, path):
    notebook = run.nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    title, empty, sentence = notebook.cells[0].source.split("\n")[:3]
    assert title.startswith("# ")
    assert empty == ""
    assert sentence.endswith(".")
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert any("image/png" in one.get("data", {}) for one in outputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells.pop(), "other cells"),
        (lambda cells: cells[1].update(source="import this"), "other cells"),
        (lambda cells: cells[1].update(execution_count=7), "not run from top to bottom"),
        (
            lambda cells: cells[1].outputs.append(new_output("stream", name="stderr", text="?")),
            "holds an error or a warning",
        ),
    ],
)
def test_a_pair_that_differs_is_found(run, tmp_path, change, said):
    for ending in (".py", ".ipynb"):
        shutil.copy(NOTEBOOKS[0].with_suffix(ending), tmp_path)
    kept = tmp_path / f"{NOTEBOOKS[0].stem}.ipynb"
    notebook = run.nbformat.read(kept, as_version=4)
    change(notebook.cells)
    run.nbformat.write(notebook, kept)
    (problem,) = run.problems_of(tmp_path / NOTEBOOKS[0].name)
    assert said in problem


def test_notebooks_that_run_one_by_one_take_twelve_minutes_together(run, tmp_path, capsys):
    kept = tmp_path / "seconds"
    assert run.too_long(kept, 400.0) == []
    assert run.too_long(kept, 320.0) == []
    assert run.too_long(kept, 5.0) == ["expected notebooks to take at most 720 s in all; got 725 s"]
    assert "725.0 s of 720" in capsys.readouterr().out


def test_a_missing_notebook_is_found(run, tmp_path):
    shutil.copy(NOTEBOOKS[0], tmp_path)
    (problem,) = run.problems_of(tmp_path / NOTEBOOKS[0].name)
    assert "is missing" in problem

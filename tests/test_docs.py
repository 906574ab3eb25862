"""The code of the documentation runs."""

import re
import sys
from pathlib import Path
from types import ModuleType

import mmrec
from mmrec.recommender.pipeline.train import quiet

DOCS = Path(__file__).parents[1] / "docs"


def run_blocks(name, monkeypatch):
    """Run the blocks of a page one after the other; return their module."""
    page, path = ModuleType(f"page_{name}"), DOCS / f"{name}.md"
    monkeypatch.setitem(sys.modules, page.__name__, page)
    text = path.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert len(blocks) == text.count("```python") > 0
    for block in blocks:
        before = "\n" * text[: block.start(1)].count("\n")  # an error shows the line of the page
        exec(compile(before + block[1], str(path), "exec"), vars(page))
    return page


def test_parts_of_ones_own(monkeypatch):
    """The parts of the page are trained together, since a training takes a second."""
    parts = {}
    with monkeypatch.context() as patch:
        patch.setattr(mmrec.Recommender, "fit", lambda *_, options, **given: parts.update(given))
        page = run_blocks("parts", monkeypatch)
    assert set(parts) == {*mmrec.recommender.options.PARTS} - {"request"}
    made = mmrec.Recommender.fit(page.events, page.items, options=page.options, **parts)
    assert type(made.model.scorer) is page.Weighted
    assert made.recommend(["i3", "i4"], 3)


def test_clicks(monkeypatch, capsys):
    with quiet():
        page = run_blocks("clicks", monkeypatch)
    assert page.report.auc > page.base.auc + 0.1
    assert capsys.readouterr().out.startswith(f"AUC {page.report.auc:.3f}; of the click rate")
    assert page.probability.shape == (1, 3)


def test_semantic_ids_and_generative_retrieval(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page = run_blocks("generative", monkeypatch)
    assert len(page.curve) == 3
    assert page.report["targets"] == len(page.split.targets("test"))
    assert page.made.recommend(["new"], 3)

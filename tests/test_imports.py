import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmrec
from mmrec.encoders import IdEncoder
from mmrec.models import gru4rec

ROOT = Path(__file__).parents[1]
LINTER = Path(sys.executable).with_name("lint-imports")
needs_linter = pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed")


def loaded(script, *names):
    """Run a script in a process of its own; return which of the modules it has loaded."""
    script += f"\nimport sys\nprint(*sorted(set({names!r}) & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.split()


def test_importing_mmrec_loads_nothing_heavy():
    heavy = ("torch", "transformers", "timm", "lightning", "polars", "torchmetrics")
    assert loaded("import mmrec; mmrec.__version__; mmrec.__all__", *heavy) == []
    assert loaded("import mmrec; mmrec.Options(dim=8)", *heavy) == []
    assert loaded("import mmrec; hasattr(mmrec, 'nothing')", *heavy) == []


def test_packages_are_there_after_importing_mmrec():
    names = loaded("import mmrec; mmrec.recommender.Parts, mmrec.data", "mmrec.data", "mmrec.demo")
    assert names == ["mmrec.data"]
    for name in ("nothing", "_cli"):
        with pytest.raises(AttributeError, match=f"module 'mmrec' has no attribute '{name}'"):
            getattr(mmrec, name)


def test_what_serves_loads_no_trainer_no_pretrained_model_and_no_search():
    heavy = ("transformers", "timm", "lightning", "pytorch_lightning", "pytest", "hypothesis")
    names = ("recommender.recommender", "evaluation", "models", "cli", "testing", "tuning")
    script = "\n".join(f"import mmrec.{name}" for name in names)
    assert loaded(script, *heavy, "optuna") == []


def test_loading_and_serving_a_run_loads_no_trainer(tmp_path):
    from mmrec.data import Catalog, Interactions, id_source, leave_one_out
    from mmrec.recommender import Recommender

    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
    catalog = Catalog({"item_id": ["a", "b", "c"]})
    split = leave_one_out(Interactions(events), catalog)
    model = gru4rec({"id": IdEncoder(3, 8)}, dim=8)
    sources = {"id": id_source({1: 1, 2: 2, 3: 3}, 3)}
    Recommender.from_model(model, catalog, split, sources).save(tmp_path / "run")
    script = (
        "import mmrec\n"
        f"made = mmrec.Recommender.load({str(tmp_path / 'run')!r})\n"
        "assert len(made.recommend(['a'], 5)) == 2\n"
        "assert len(made.recommend([], 5)) == 3"
    )
    heavy = ("lightning", "pytorch_lightning", "transformers", "timm")
    assert loaded(script, *heavy) == []


def test_public_names():
    for name in mmrec.__all__:
        assert getattr(mmrec, name) is not None
    with pytest.raises(AttributeError, match="module 'mmrec' has no attribute 'nothing'"):
        _ = mmrec.nothing
    with pytest.raises(AttributeError, match=r"'mmrec.recommender' has no attribute 'nothing'"):
        _ = mmrec.recommender.nothing


def lint(folder):
    """Run import-linter in a folder that holds `src` and `pyproject.toml`."""
    return subprocess.run(
        [LINTER, "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "mmrec", tmp_path / "src" / "mmrec", ignore=ignore)
    return tmp_path


@needs_linter
def test_imports_point_one_way(copy):
    run = lint(copy)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


LAYERS, LIGHTNING = "Imports point one way", "Only training imports lightning"
PRETRAINED = "Only encoders.huggingface imports transformers, encoders.image timm"
PLANTED = [
    ("data/batch.py", "import mmrec.training", LAYERS),
    ("serving/page.py", "from mmrec.demo import make_shop", LAYERS),
    ("fusion/concat.py", "from mmrec.interest import GRUInterest", LAYERS),
    ("models/catalog_scorer.py", "import lightning", LIGHTNING),
    ("cli/app.py", "import lightning", LIGHTNING),
    ("models/builders.py", "import timm", PRETRAINED),
    ("recommender/pipeline/data.py", "import timm", PRETRAINED),
    ("encoders/cache.py", "import transformers", PRETRAINED),
]


@needs_linter
def test_planted_imports_are_found(copy):
    """Each by its own contract; one run of the linter finds all."""
    wanted = set()
    for file, line, contract in PLANTED:
        path = copy / "src" / "mmrec" / file
        path.write_text(path.read_text() + f"\n\ndef planted() -> None:\n    {line}\n")
        importer = "mmrec." + file.removesuffix(".py").replace("/", ".")
        wanted.add((contract, importer, line.split()[1]))
    run = lint(copy)
    assert run.returncode != 0
    _, *sections = re.split(
        rf"^({LAYERS}|{LIGHTNING}|{PRETRAINED})$\n-+$",
        run.stdout.split("Broken contracts")[1],
        flags=re.M,
    )
    found = {
        (contract, *pair)
        for contract, section in zip(sections[::2], sections[1::2], strict=True)
        for pair in re.findall(r"(\S+) -> (\S+) \(l\.", section)
    }
    assert found == wanted

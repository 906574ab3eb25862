import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "serve_onnx.py"


def test_the_example_says_which_files_an_export_lacks(tmp_path):
    pytest.importorskip("onnxruntime")
    manifest = {"parts": {"step": {"files": {}}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    command = [sys.executable, str(EXAMPLE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{tmp_path} has no onnx files: mmrec export with --graphs onnx writes them",
        f"{tmp_path} has no int8 files: mmrec export with --int8 writes them",
    ]

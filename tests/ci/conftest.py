from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def script():
    """Returns a script of the folder .ci as a module."""

    def load(name):
        spec = spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load

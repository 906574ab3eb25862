import subprocess
import sys

import pytest

import mmrec.encoders


def test_importing_loads_neither_transformers_nor_timm():
    script = (
        "import sys, mmrec.encoders\n"
        "mmrec.encoders.IdEncoder, mmrec.encoders.FeatureEncoder, mmrec.encoders.FeatureStore\n"
        "mmrec.encoders.TextTransform, mmrec.encoders.ImageTransform\n"
        "print(sorted({'transformers', 'timm', 'lightning'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in mmrec.encoders.__all__:
        assert getattr(mmrec.encoders, name).__name__ == name
    assert set(mmrec.encoders.__all__) <= set(dir(mmrec.encoders))


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'NoSuchEncoder'"):
        _ = mmrec.encoders.NoSuchEncoder

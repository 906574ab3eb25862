import json

import pytest


@pytest.fixture(scope="session", autouse=True)
def small(tiny_encoders):
    """No test here loads a pretrained image model."""


@pytest.fixture
def forget_hashes():
    """Make a RUN one of before, whose files nothing is known of."""

    def forget(run):
        config = json.loads((run / "config.json").read_text())
        assert config.pop("sha256")
        (run / "config.json").write_text(json.dumps(config))

    return forget

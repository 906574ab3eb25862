import pytest


@pytest.fixture
def offline(monkeypatch):
    """The hub refuses at once, instead of retrying for a while."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

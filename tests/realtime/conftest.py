import pytest


@pytest.fixture(scope="session", autouse=True)
def small(tiny_encoders):
    """No test here loads a pretrained image model."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def small(tiny_encoders):
    """No test here loads a pretrained image model."""


@pytest.fixture
def forget_hashes():
    """Make the hashes of a RUN agree with whatever its files hold when it is read."""
    from mmrec.recommender.artifact import run as runs

    with pytest.MonkeyPatch.context() as patch:
        yield lambda run: patch.setattr(runs, "_check_hashes", lambda *_: None)

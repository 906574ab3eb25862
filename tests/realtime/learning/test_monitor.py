import numpy as np
import pytest

from mmrec.realtime.learning.monitor import Detector, LossMonitor


def test_the_mean_fades():
    monitor, mean = LossMonitor(fade=0.9), None
    for loss in np.random.default_rng(0).random(20):
        monitor.update(float(loss))
        mean = loss if mean is None else 0.9 * mean + 0.1 * loss
    assert monitor.mean == pytest.approx(mean)


def test_health_is_measured_against_the_mark():
    monitor = LossMonitor(fade=0.5, tolerance=1.2)
    assert monitor.healthy
    monitor.update(1.0)
    monitor.update(9.0)
    assert monitor.healthy  # there is no mark yet
    monitor.mark()
    monitor.update(5.5)
    assert monitor.healthy
    monitor.update(9.0)
    assert not monitor.healthy


def test_batches_that_are_refused_one_after_another_are_no_good_sign():
    monitor = LossMonitor()
    for _ in range(3):
        assert monitor.healthy
        monitor.refuse()
    assert not monitor.healthy
    monitor.update(1.0)
    assert monitor.healthy


def test_state_goes_round():
    monitor, other = LossMonitor(), LossMonitor()
    for loss in (1.0, 2.0):
        monitor.update(loss)
    monitor.mark()
    monitor.refuse()
    other.load_state_dict(monitor.state_dict())
    assert other.state_dict() == monitor.state_dict()


def test_adwin_of_river_finds_a_planted_drift():
    drift = pytest.importorskip("river.drift", reason="river isn't installed: mmrec[online]")
    rng = np.random.default_rng(0)
    for after, expected in ((1.0, False), (3.0, True)):
        detector = drift.ADWIN()
        assert isinstance(detector, Detector)
        monitor = LossMonitor(detector=detector)
        for mean in (1.0, after):
            for loss in rng.normal(mean, 0.1, size=300):
                monitor.update(float(loss))
        assert (monitor.drifts > 0) == expected


@pytest.mark.parametrize("wrong", [{"fade": 1.0}, {"fade": 0.0}, {"tolerance": 1.0}])
def test_errors(wrong):
    with pytest.raises(ValueError, match="0 < fade < 1 and tolerance above 1"):
        LossMonitor(**wrong)

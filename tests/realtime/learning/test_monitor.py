import numpy as np
import pytest

from mmrec.realtime.learning.monitor import LEAST, Detector, LossMonitor


def test_the_mean_weighs_events_and_fades():
    rng = np.random.default_rng(0)
    losses, sizes = rng.random(20), rng.integers(1, 60, 20)
    monitor = LossMonitor(fade=0.99)
    for loss, events in zip(losses.tolist(), sizes.tolist(), strict=True):
        monitor.update(loss, events=events)
    own = np.repeat(losses, sizes)
    mean = np.average(own, weights=0.99 ** np.arange(len(own))[::-1])
    assert monitor.mean == pytest.approx(mean)


def test_health_is_measured_against_the_mark():
    monitor = LossMonitor(tolerance=1.2)
    assert monitor.healthy
    monitor.update(1.0, events=LEAST)
    monitor.update(9.0, events=LEAST)
    assert monitor.healthy  # there is no mark yet
    monitor.mark()
    monitor.update(5.5, events=LEAST)
    assert monitor.healthy
    monitor.update(9.0, events=LEAST)
    assert not monitor.healthy
    expected = f"the mean of the loss, {monitor.mean:.2f}, is above 1.2 times"
    assert monitor.trouble.startswith(expected)


@pytest.mark.parametrize("first", [1, LEAST - 1, LEAST])
def test_a_small_first_batch_is_no_reference(first):
    monitor = LossMonitor()
    monitor.update(0.1, events=first)
    monitor.mark()
    for _ in range(40):
        monitor.update(2.0, events=64)
    assert monitor.healthy == (first < LEAST)
    monitor.mark()
    assert monitor.healthy
    assert monitor.mean == pytest.approx(2.0, rel=0.02)


def test_the_means_of_an_earlier_state_start_again():
    monitor = LossMonitor()
    # the reference of one batch, as a checkpoint had it before events were counted
    earlier = {"mean": 2.19, "reference": 0.756, "drifts": 1, "refused_in_a_row": 2}
    monitor.load_state_dict(earlier)
    assert (monitor.mean, monitor.reference) == (None, None)
    assert (monitor.drifts, monitor.refused_in_a_row) == (1, 2)
    assert monitor.healthy


def test_batches_that_are_refused_one_after_another_are_no_good_sign():
    monitor = LossMonitor()
    for _ in range(3):
        assert monitor.healthy
        monitor.refuse()
    assert not monitor.healthy
    assert "the last 3 batches are not finite" in monitor.trouble
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

from mmrec.recommender.pipeline.clock import Clock


def test_each_lap_is_counted_from_the_last(monkeypatch):
    times = iter([100.0, 101.26, 101.26, 111.0, 112.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock()
    for name in ("encode", "train", "evaluate"):
        clock.lap(name)
    assert clock.seconds == {"encode": 1.3, "train": 0.0, "evaluate": 9.7}
    clock.lap("encode")
    assert clock.seconds["encode"] == 2.3

import time

import polars as pl
import pytest

from mmrec.realtime import MemoryLog, OnlineTrainer, RealtimeRecommender, Versions
from mmrec.serving.follower import Follower


def wait_for(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


def test_items_and_versions_of_other_processes_are_served(by_content, tmp_path, caplog):
    log, versions = MemoryLog(), Versions(tmp_path)
    live, other = (RealtimeRecommender(by_content, log=log) for _ in range(2))
    follower = Follower(live, versions, every=0.01)
    follower.start()
    try:
        other.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]}))
        wait_for(lambda: "new" in live.catalog)
        for item in (*by_content.catalog.ids[:3], "new"):
            other.observe("ann", item)
        trainer = OnlineTrainer(by_content, log, versions, tolerance=1.0, replay=10, negatives=8)
        while trainer.run_once():
            pass
        trainer.publish()
        wait_for(lambda: live.version.endswith("-000000000004"))
        (tmp_path / "CURRENT").write_text("nothing")  # refused, and tried again
        wait_for(lambda: caplog.records)
        versions.rollback(None)
        wait_for(lambda: "-" not in live.version)
    finally:
        follower.stop()
    assert live.recommend("ann")[0].reason == "interest"
    [record] = caplog.records  # once, in a sentence without a traceback
    assert record.exc_info is None
    assert "what is served stays as it is: " in record.message

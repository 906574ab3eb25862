"""The process that learns while other processes serve."""

import os
import signal
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from threading import Event
from typing import Any

from mmrec.data.wording import counted, listed
from mmrec.realtime import OnlineTrainer, SqliteLog, Versions
from mmrec.recommender import Recommender


def run_learner(
    run: Path,
    log: Path,
    versions: Path,
    *,
    publish_every: int,
    poll: float | None,
    seed: int,
    imported: bool = False,
    parts: Sequence[Any] = (),
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Learn from a log until the process gets a signal to stop, then publish a last version.

    Args:
        run: the RUN that learning starts from.
        log: the event log.
        versions: folder of the versions.
        publish_every: events between two versions.
        poll: seconds between two reads at the end of the log; None stops there.
        seed: seed of the learner.
        imported: whether to learn imported events too.
        parts: classes of the RUN's parts from outside mmrec.
        say: called with a line of text for each version.

    Returns:
        The offset of the last event, the running metrics, and the version that is served.

    Raises:
        FileNotFoundError: there is no log or no RUN.
    """
    if not log.is_file():
        raise FileNotFoundError(f"no event log at {log}; mmrec serve writes one")
    key = os.environ.get("MMREC_USER_KEY")
    events = SqliteLog(log, user_key=key.encode() if key else None)
    published = Versions(versions)
    trainer = OnlineTrainer(
        Recommender.load(run, parts=parts),
        events,
        published,
        publish_every=publish_every,
        seed=seed,
        imported=imported,
    )
    past = sum(map(len, events.imported))
    if past and not imported:
        say(f"{past:,} imported events are passed over; --imported learns them too")
    try:
        _follow(trainer, published, poll, say)
        trainer.publish()
    finally:
        events.close()
    say(_line(trainer))
    # JSON has no NaN, the value of the metrics before the first event.
    metrics = {n: None if isnan(value) else value for n, value in trainer.metrics().items()}
    return {"offset": trainer.offset, "version": published.current()} | metrics


def _follow(
    trainer: OnlineTrainer, versions: Versions, poll: float | None, say: Callable[[str], None]
) -> None:
    served, stop = versions.current(), Event()
    # A signal waits for the end of a micro-batch, so that no checkpoint has half of one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        learned = trainer.run_once()
        if versions.current() != served:
            served = versions.current()
            say(_line(trainer))
        if not learned:
            if poll is None:
                return
            stop.wait(poll)


def _line(trainer: OnlineTrainer) -> str:
    now = trainer.metrics()
    if not now["events"]:
        return f"offset {trainer.offset}: no event to learn from yet"
    line = (
        f"offset {trainer.offset}: NDCG@10 of the last {counted(round(now['events']), 'event')} "
        f"{now['online']:.4f}, without learning {now['frozen']:.4f}"
    )
    return f"{line}; neither has {listed(trainer.left_out)}" if trainer.left_out else line

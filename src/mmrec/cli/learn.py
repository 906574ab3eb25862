"""The process that learns while others serve."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Follow a log until the process is told to stop; what was learnt is published at the end.

    Args:
        run: the RUN to learn on from.
        log: the event log.
        versions: folder of the versions.
        publish_every: events between two versions.
        poll: seconds between two looks at a log without news; None stops there.
        seed: of the learner.
        say: told of each version.

    Returns:
        The offset that was reached, the running metrics, and the version that is served.
    """
    key = os.environ.get("MMREC_USER_KEY")
    events = SqliteLog(log, user_key=key.encode() if key else None)
    published = Versions(versions)
    trainer = OnlineTrainer(
        Recommender.load(run), events, published, publish_every=publish_every, seed=seed
    )
    served = published.current()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: publish, then stop
    try:
        while True:
            learnt = trainer.run_once()
            if published.current() != served:
                served = published.current()
                say(_line(trainer))
            if not learnt and poll is None:
                break
            if not learnt:
                time.sleep(poll or 0.0)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        trainer.publish()
        events.close()
    say(_line(trainer))
    return {"offset": trainer.offset, "version": published.current()} | trainer.metrics()


def _line(trainer: OnlineTrainer) -> str:
    now = trainer.metrics()
    return (
        f"offset {trainer.offset}: NDCG@10 of the last {now['events']:.0f} events "
        f"{now['online']:.4f}, without learning {now['frozen']:.4f}"
    )

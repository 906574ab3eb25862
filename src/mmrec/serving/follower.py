"""A thread that takes over changes of items, and versions of the model, from other processes."""

import logging
from threading import Event, Thread

from mmrec.realtime import RealtimeRecommender, Versions

log = logging.getLogger(__name__)


class Follower:
    """A thread that keeps a live recommender up to date. Failures are logged and tried again.

    Args:
        live: the recommender.
        versions: where a learner publishes; None follows only changes of items.
        every: seconds between two checks.
    """

    def __init__(
        self, live: RealtimeRecommender, versions: Versions | None = None, *, every: float = 0.5
    ) -> None:
        self.live, self.versions, self.every = live, versions, every
        self._stop = Event()
        self._thread = Thread(target=self._run, name="mmrec-follower", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its current check."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        logged = ""
        while not self._stop.wait(self.every):
            try:
                self._check()
                logged = ""
            except Exception as error:  # of any kind: the next check may succeed
                if repr(error) != logged:
                    said = isinstance(error, ValueError)  # a sentence, such as on another RUN
                    log.error(
                        "changes by other processes are not taken over yet; what is served stays "
                        "as it is: %s",
                        error,
                        exc_info=None if said else error,
                    )
                logged = repr(error)

    def _check(self) -> None:
        if self.versions is None:
            self.live.refresh()
        else:
            self.live.follow(self.versions)

"""Taking over what other processes do: changed items, and versions of the model."""

import logging
from threading import Event, Thread

from mmrec.realtime import RealtimeRecommender, Versions

log = logging.getLogger(__name__)


class Follower:
    """A thread that keeps a live recommender up to date; what fails is logged and tried again.

    Args:
        live: the recommender.
        versions: where a learner publishes; None follows changes of items only.
        every: seconds between two looks.
    """

    def __init__(
        self, live: RealtimeRecommender, versions: Versions | None = None, *, every: float = 0.5
    ) -> None:
        self.live, self.versions, self.every = live, versions, every
        self._stop = Event()
        self._thread = Thread(target=self._run, name="mmrec-follower", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, once what is being taken over is served."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        said = ""
        while not self._stop.wait(self.every):
            try:
                self._look()
                said = ""
            except Exception as error:  # whatever it is, the next look may do better
                if repr(error) != said:
                    log.exception("what others did can't be taken over yet")
                said = repr(error)

    def _look(self) -> None:
        if self.versions is None:
            self.live.refresh()
        else:
            self.live.follow(self.versions)

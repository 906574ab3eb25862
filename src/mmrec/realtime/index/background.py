"""Work beside the service, one job at a time."""

import atexit
import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

log = logging.getLogger(__name__)


class Background:
    """Runs a job in a thread; while it runs, further jobs are dropped.

    When the interpreter ends, the job's event is set and the job awaited: a thread inside a C++
    library must not meet the end of the interpreter.

    Args:
        name: name of the thread.

    Example:
        >>> background = Background("example")
        >>> done = []
        >>> background.start(lambda stop: done.append(stop.is_set()))
        >>> background.wait()
        >>> done
        [False]
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()
        self._thread: Thread | None = None

    def start(self, job: Callable[[Event], None]) -> None:
        """Start a job unless one is running; the job returns soon after its event is set."""
        with self._lock:
            if self._thread is not None:
                return
            stop = Event()
            thread = Thread(target=self._run, args=(job, stop), name=self.name, daemon=True)

            def finish() -> None:
                stop.set()
                thread.join()

            self._finish = finish
            self._thread = thread
            atexit.register(finish)
            thread.start()

    def wait(self) -> None:
        """Wait until no job runs."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, job: Callable[[Event], None], stop: Event) -> None:
        try:
            job(stop)
        except Exception:
            log.exception("the job %s failed", self.name)
        finally:
            with self._lock:
                self._thread = None
                atexit.unregister(self._finish)

"""Progress on stderr: whether it is shown, and how far something is."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATIENCE = 2.0
"""Seconds of which nothing is shown, since most rankings are over by then."""

_shown: ContextVar[bool] = ContextVar("progress", default=False)


def shows_progress(wanted: bool | None) -> bool:
    """Return whether progress is shown: as wanted, or in a terminal and in a notebook.

    It is not shown by default where stdout or stderr is a file or a pipe, such as a log.

    Example:
        >>> shows_progress(True), shows_progress(False)
        (True, False)
    """
    if wanted is not None:
        return wanted
    if _in_notebook():
        return True
    return all(hasattr(s, "isatty") and s.isatty() for s in (sys.stdout, sys.stderr))


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def showing(shown: bool) -> Iterator[None]:
    """Show, or don't show, in a block how far rankings are; see :func:`counter`."""
    before = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(before)


@contextmanager
def counter(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more are done, and shows it on stderr.

    Nothing is shown outside of :func:`showing`, nor in the first two seconds.

    Args:
        what: the verb, such as ``ranked``.
        total: how many there are.

    Example:
        >>> with showing(False), counter("ranked", 5) as done:
        ...     done(5)
    """
    began, count, visible = time.monotonic(), 0, False

    def done(more: int) -> None:
        nonlocal count, visible
        count += more
        if _shown.get() and (visible or time.monotonic() - began > PATIENCE):
            visible = True
            sys.stderr.write(f"\r{what} {count:,} of {total:,}")

    try:
        yield done
    finally:
        if visible:
            sys.stderr.write("\n")

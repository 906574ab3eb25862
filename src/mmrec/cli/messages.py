"""What mmrec logs, as lines on stderr."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def printed_log() -> Iterator[None]:
    """Print warnings, and what was guessed about the data, while a command runs.

    Example:
        >>> with printed_log():
        ...     logging.getLogger("mmrec.data").info("2 item ids are read as text")
    """
    log, handler = logging.getLogger("mmrec"), logging.StreamHandler()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)

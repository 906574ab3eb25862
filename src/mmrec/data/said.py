"""What mmrec logs while a data set is read, so that a report can have it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

Said = list[tuple[int, str]]
"""Messages with their level."""


@contextmanager
def collected() -> Iterator[Said]:
    """Collect what mmrec logs in a block, instead of printing it.

    Example:
        >>> with collected() as said:
        ...     logging.getLogger("mmrec.data").warning("%d events", 3)
        >>> said
        [(30, '3 events')]
    """
    said: Said = []
    log = logging.getLogger("mmrec")
    before = log.handlers, log.propagate, log.level
    log.handlers, log.propagate = [_Collector(said)], False
    log.setLevel(logging.INFO)
    try:
        yield said
    finally:
        log.handlers, log.propagate = before[:2]
        log.setLevel(before[2])


class _Collector(logging.Handler):
    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message once."""
        of_tables = record.name.startswith("mmrec.data")
        if record.name.endswith(".event_rules"):  # the report has its facts
            return
        if not of_tables and record.levelno < logging.WARNING:  # progress
            return
        # That a modality is left out is no fault of the tables.
        told = (record.levelno if of_tables else logging.INFO, record.getMessage())
        if told not in self.said:
            self.said.append(told)

"""Threads that write at once share one commit."""

from collections.abc import Callable, Sequence
from copy import copy
from threading import Condition
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class _Place(Generic[Request, Answer]):
    """One request in the queue, and its answer once there is one."""

    __slots__ = ("answer", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.answer: Answer | Exception | None = None


class GroupCommit(Generic[Request, Answer]):
    """Call ``commit`` with the requests of all threads that wait, one call at a time.

    The first thread commits its own request. Those that arrive meanwhile wait; then one of them
    commits for all. A commit that waits 4 ms for a disk so serves any number of threads, and a
    lone thread waits for nobody.

    Args:
        commit: Takes the requests in order of arrival, returns an answer for each (never None); an
            exception among the answers is raised to its own caller, one that is raised goes to all.

    Example:
        >>> double = GroupCommit(lambda numbers: [2 * number for number in numbers])
        >>> double(21)
        42
    """

    def __init__(self, commit: Callable[[list[Request]], Sequence[Answer | Exception]]) -> None:
        self._commit = commit
        self._turn = Condition()
        self._waiting: list[_Place[Request, Answer]] = []
        self._busy = False

    def __call__(self, request: Request) -> Answer:
        """Return the answer to ``request`` once it is committed.

        Raises:
            Exception: what ``commit`` answered or raised.
            InterruptedError: the thread that committed for this one was interrupted.
        """
        place: _Place[Request, Answer] = _Place(request)
        with self._turn:
            self._waiting.append(place)
            while self._busy and place.answer is None:
                self._turn.wait()
            if place.answer is None:
                self._busy = True
        if place.answer is None:
            self._lead()
        if isinstance(place.answer, Exception):
            raise place.answer
        assert place.answer is not None  # a leader serves itself
        return place.answer

    def _lead(self) -> None:
        with self._turn:
            group, self._waiting = self._waiting, []
        answers: Sequence[Answer | Exception] = [
            InterruptedError("the commit was interrupted; the event may be stored or not")
            for _ in group
        ]
        try:
            answers = self._commit([place.request for place in group])
        except Exception as error:
            answers = [copy(error) for _ in group]  # raised in several threads
        finally:
            with self._turn:
                for place, answer in zip(group, answers, strict=True):
                    place.answer = answer
                self._busy = False
                self._turn.notify_all()

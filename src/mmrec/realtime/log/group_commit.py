"""One commit for the requests of several threads."""

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
    """Calls ``commit`` with the requests of all waiting threads, one call at a time.

    The first thread commits its own request. Threads that arrive meanwhile wait, and then one of
    them commits for all of them. So one wait for the disk serves any number of threads, and a
    single thread does not wait for others.

    Args:
        commit: takes the requests in order of arrival and returns an answer for each, never None.
            An exception among the answers is raised in the thread of its request; an exception that
            ``commit`` raises is raised in all threads.

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
            Exception: the exception that ``commit`` returned or raised.
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
        assert place.answer is not None  # the committing thread answers its own request
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

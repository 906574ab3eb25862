"""Lanes: requests wait only for requests in the same lane."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")


def lane(width: int) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Return a decorator for functions that run in threads, ``width`` of them at once.

    A function that waits for the disk or takes long doesn't delay functions in other lanes. A lane
    for computations should be narrow: torch releases the interpreter lock at each operation, so
    threads that compute at the same time lose time by passing the lock around.

    Example:
        >>> import anyio
        >>> @lane(1)
        ... def add(a: int, b: int) -> int:
        ...     return a + b
        >>> anyio.run(add, 1, 2)
        3
    """
    limiter = CapacityLimiter(width)

    def decorate(work: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        @wraps(work)
        async def in_thread(*args: P.args, **kwargs: P.kwargs) -> T:
            return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)

        return in_thread

    return decorate

"""Which requests wait for which."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")


def lane(width: int) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Return a decorator for functions that run in threads, ``width`` of them at once.

    What waits for a disk or takes long holds up nothing in another lane. A lane of computation is
    narrow: torch lets go of the interpreter at each operation, so threads that compute side by
    side spend their time handing it to one another.

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
        async def aside(*args: P.args, **kwargs: P.kwargs) -> T:
            return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)

        return aside

    return decorate

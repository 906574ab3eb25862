"""Recording the arguments of a part's constructor, so that the part can be made again."""

from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

T = TypeVar("T", bound=type)


def record_init_args(cls: T) -> T:
    """Keep the constructor's arguments of a class in ``init_args`` of its instances.

    A RUN stores them as JSON, and loading the RUN calls the constructor with them. Defaults are
    kept too. A subclass with a constructor of its own must be decorated, too.

    Example:
        >>> @record_init_args
        ... class Scale:
        ...     def __init__(self, factor, *, bias=0.0):
        ...         self.factor, self.bias = factor, bias
        >>> Scale(2.0).init_args
        {'factor': 2.0, 'bias': 0.0}
    """
    plain = cls.__init__  # type: ignore[misc]
    parameters = signature(plain)
    named = {
        name
        for name, parameter in parameters.parameters.items()
        if parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    }

    @wraps(plain)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        if type(self).__init__ is init:
            bound = parameters.bind(self, *args, **kwargs)
            bound.apply_defaults()
            _, *given = bound.arguments.items()
            # Values of *args and **kwargs have no name to give them by.
            self.init_args = {name: value for name, value in given if name in named}

    cls.__init__ = init  # type: ignore[misc]
    return cls

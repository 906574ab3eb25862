"""Recording the arguments of a part's constructor, so that the part can be made again."""

from copy import deepcopy
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

    @wraps(plain)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = parameters.bind(self, *args, **kwargs)
        bound.apply_defaults()
        _, *given = bound.arguments.items()
        recorded, unnamed = dict[str, Any](), False
        for name, value in given:
            kind = parameters.parameters[name].kind
            if kind is Parameter.VAR_KEYWORD:
                recorded |= value
            elif kind is not Parameter.VAR_POSITIONAL:
                # A copy, because the constructor may change a list that it is given.
                recorded[name] = deepcopy(value) if isinstance(value, list | dict) else value
            else:
                unnamed = bool(value)
        plain(self, *args, **kwargs)
        if type(self).__init__ is init:
            self.init_args = None if unnamed else recorded

    cls.__init__ = init  # type: ignore[misc]
    return cls

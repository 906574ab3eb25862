"""Checks of the annotations of mmrec at run time, at the cost that a whole test suite can bear.

jaxtyping's own decorator makes its checks when a function is defined, and checks arguments twice at
each call. That takes most of the time of a training. This one makes a check at the first call, and
checks arguments and result once each, in one scope of axis names.
"""

import inspect
from functools import wraps
from types import FunctionType
from typing import Any, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep604Exception
from jaxtyping import TypeCheckError, config, install_import_hook, jaxtyped

_check = beartype(conf=BeartypeConf(violation_type=TypeCheckError))  # a TypeError


def install():
    """Check all functions of mmrec that are imported from now on."""
    jaxtyping.jaxtyped = lambda typechecker: decorated  # what the hook writes above each function
    install_import_hook("mmrec", "beartype.beartype")


def decorated(made):
    """Return a function, a method, a property or a data class that checks its annotations."""
    if inspect.isclass(made):
        if "__dataclass_fields__" in vars(made):
            made.__init__ = decorated(made.__init__)
        return made
    if isinstance(made, classmethod | staticmethod):
        return type(made)(decorated(made.__func__))
    if isinstance(made, property):
        return property(*(part and decorated(part) for part in (made.fget, made.fset, made.fdel)))
    if made.__name__ == "__torch_function__" or not made.__annotations__:
        return made  # the former is called for every operation of PyTorch
    check = None

    @wraps(made)
    def run(*arguments, **named):
        nonlocal check
        __tracebackhide__ = True
        if config.jaxtyping_disable:
            return made(*arguments, **named)
        if check is None:
            try:
                check = _check(_with_types(made))
            except BeartypeDecorHintPep604Exception:  # int | np.integer[Any], in some orders
                check = made
        with jaxtyped("context"):
            return check(*arguments, **named)

    return run


def _with_types(made):
    """Return a copy of a function whose annotations hold no names in quotes."""
    copy = FunctionType(
        made.__code__, made.__globals__, made.__name__, made.__defaults__, made.__closure__
    )
    copy.__kwdefaults__, copy.__module__ = made.__kwdefaults__, made.__module__
    copy.__qualname__ = made.__qualname__
    copy.__annotations__ = {
        name: _as_type(hint, made.__globals__) for name, hint in made.__annotations__.items()
    }
    return copy


def _as_type(hint, names):
    def holder():
        pass

    holder.__annotations__ = {"it": hint}
    try:
        return get_type_hints(holder, names, include_extras=True)["it"]
    except Exception:  # a name that type checkers alone import
        return Any

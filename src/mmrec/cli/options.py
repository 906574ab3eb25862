"""A command-line option for each field of :class:`mmrec.Options`."""

import re
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, getdoc, signature
from typing import Annotated, Any, get_type_hints

import typer

from mmrec.recommender.options import Options


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command that has a parameter ``options`` be called with each option by itself.

    Names, types and defaults are those of the fields, what ``--help`` says is their docstring.

    Example:
        >>> def show(*, name: str, options: Options) -> None:
        ...     print(name, options.dim)
        >>> takes_options(show)(name="dim", dim=8)
        dim 8
    """
    own = signature(command, eval_str=True).parameters
    helps = option_helps()
    types = get_type_hints(Options)
    made = {
        field.name: Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=_as_text(field.default),
            annotation=Annotated[
                # A text stands for modalities and devices, which have more than one type.
                str if field.name in ("modalities", "devices") else types[field.name],
                typer.Option(help=helps.get(field.name)),
            ],
        )
        for field in fields(Options)
    }

    @wraps(command)
    def run(**given: Any) -> None:
        chosen = {name: _read(name, given.pop(name)) for name in made if name in given}
        command(options=Options(**chosen), **given)

    del run.__wrapped__
    parameters: list[Parameter] = []
    for parameter in own.values():
        parameters += made.values() if parameter.name == "options" else [parameter]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def option_helps() -> dict[str, str]:
    """Return what the docstring says of each option, as plain text.

    Example:
        >>> option_helps()["lr"]
        'Learning rate.'
    """
    _, _, text = (getdoc(Options) or "").partition("Attributes:\n")
    helps = {}
    for name, said in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", text, re.MULTILINE):
        plain = re.sub(r"(:\w+:)?`+", "", " ".join(said.split()))
        helps[name] = plain[:1].upper() + plain[1:]
    return helps


def _read(name: str, value: Any) -> Any:
    if name == "modalities":
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return int(value) if name == "devices" and value.isdecimal() else value


def _as_text(default: Any) -> Any:
    return ",".join(default) if isinstance(default, tuple) else default

"""Command-line options for the fields of :class:`mmrec.Options` and for parts."""

import json
import os
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from mmrec.recommender.config import PART_HELPS as SLOT_HELPS
from mmrec.recommender.options import PARTS, Options
from mmrec.recommender.zoo import model_help

PART_HELPS = {
    "text_encoder": "Hugging Face name or folder of a text model.",
    "image_encoder": "timm name of an image model.",
    **{slot: text for slot, text in SLOT_HELPS.items() if slot not in ("encoders", "request")},
}
RULES = ("targets", "negative", "shown", "ignored", "event_weights")
"""Options that are lists or maps, given as a text."""

PARTS_VARIABLE = "MMREC_PARTS"
"""The parts from outside mmrec where no ``--part`` is given."""

_OWN = ' Or the class path of your own, or {"class_path": …, "init_args": {…}}.'


Command = Callable[..., None]

Model = Annotated[str | None, typer.Option(help=model_help(), metavar="NAME")]


def takes_options(command: Command) -> Command:
    """Replace a command's parameters ``options`` and ``parts`` by one for each option and part.

    Names, types, defaults and help come from the fields of :class:`mmrec.Options`. Parts are given
    as ``--fusion`` and so on, or together in a JSON or YAML file as ``--parts``. A parameter
    ``stated`` gets the names of what the command line states, be it the default.

    Example:
        >>> def show(*, name: str, options: Options, parts: dict) -> None:
        ...     print(name, options.dim, parts)
        >>> takes_options(show)(name="dim", dim=8, interest="sasrec")
        dim 8 {'interest': 'sasrec'}
    """
    return _replaced(command, option_parameters())


def takes_some_options(*names: str) -> Callable[[Command], Command]:
    """Replace a command's parameter ``options`` by one for each of the named options.

    Example:
        >>> @takes_some_options("split", "min_count")
        ... def show(*, options: Options) -> None:
        ...     print(options.split, options.min_count)
        >>> show(min_count=5)
        time 5
    """

    def replace(command: Command) -> Command:
        return _replaced(command, [made for made in option_parameters() if made.name in names])

    return replace


def _replaced(command: Command, made: list[Parameter]) -> Command:
    own = signature(command, eval_str=True).parameters

    @wraps(command)
    def run(**given: Any) -> None:
        stated = stated_by(given.pop("context", None))
        given = {name: value for name, value in given.items() if value is not None}
        file = given.pop("parts", None)
        parts = merged_parts(read_parts(file), given_parts(given))
        options = {name: given.pop(name) for name in Options.model_fields if name in given}
        given |= {"parts": parts} if "parts" in own else {}
        given |= {"stated": stated} if "stated" in own else {}
        command(options=_chosen(options), **given)

    del run.__wrapped__
    parameters: list[Parameter] = []
    for parameter in own.values():
        if parameter.name == "stated":
            kind = Parameter.KEYWORD_ONLY
            parameters.append(Parameter("context", kind, annotation=typer.Context))
        elif parameter.name != "parts":
            parameters += made if parameter.name == "options" else [parameter]
    vars(run)["__signature__"] = Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def stated_by(context: Any) -> frozenset[str]:
    """Return the names of the parameters that the command line states."""
    if context is None:
        return frozenset()
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return frozenset(name for name, s in sources.items() if s and s.name == "COMMANDLINE")


def merged_parts(file: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a file with those of the command line, which take precedence."""
    encoders = {**(file.get("encoders") or {}), **given.get("encoders", {})}
    return file | given | ({"encoders": encoders} if encoders else {})


def with_stated(options: Options, stated: frozenset[str]) -> Options:
    """Return options in which those count as set that were stated, be it at their default."""
    names = stated & set(Options.model_fields)
    return options.replace(**{name: getattr(options, name) for name in names})


def _chosen(given: dict[str, Any]) -> Options:
    """Return options; only those that differ from their default count as set."""
    defaults = {name: _as_text(field.default) for name, field in Options.model_fields.items()}
    changed = {name: value for name, value in given.items() if value != defaults[name]}
    return Options(**{name: read_option(name, value) for name, value in changed.items()})


def option_parameters() -> list[Parameter]:
    """Return a parameter for each option, by group, and for each part."""
    options = [
        _parameter(name, _plain_type(name), _as_text(field.default), field.description, group)
        for group, kind in Options.groups.items()
        for name, field in kind.model_fields.items()
    ]
    parts = [
        _parameter(name, str | None, None, text if "encoder" in name else text + _OWN, "parts")
        for name, text in PART_HELPS.items()
    ]
    help_ = "JSON or YAML file with parts by slot, each a name or class_path and init_args."
    return [*options, *parts, _parameter("parts", Path | None, None, help_, "parts")]


def _parameter(name: str, kind: Any, default: Any, text: str | None, panel: str) -> Parameter:
    field = Options.model_fields.get(name)
    choices = (
        get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    )
    option = typer.Option(
        help=text, rich_help_panel=f"Options: {panel}", metavar="|".join(choices) or None
    )
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _plain_type(name: str) -> Any:
    """Return the type of an option on the command line; choices, names and devices are text."""
    if name in ("modalities", "user_features", "devices"):
        return str if name == "devices" else str | None
    kind = Options.model_fields[name].annotation
    if name in RULES:
        return str | None
    if get_origin(kind) is Literal:  # Options checks it, and says it in one sentence
        return str
    bare = [get_args(k)[0] if get_args(k) else k for k in get_args(kind) if k is not type(None)]
    return bare[0] | None if bare else kind


def given_parts(given: dict[str, Any]) -> dict[str, Any]:
    """Remove the parts from ``given`` and return them; those that are None were not given."""
    found = {name: given.pop(name) for name in PARTS if name in given}
    parts = {name: _part(name, value) for name, value in found.items() if value is not None}
    encoders = {
        modality: given.pop(f"{modality}_encoder")
        for modality in ("text", "image")
        if f"{modality}_encoder" in given
    }
    return parts | {"encoders": encoders} if encoders else parts


def _part(name: str, value: str) -> Any:
    if not value.lstrip().startswith("{"):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"--{name} must be a name, a class path or JSON; {error}") from error


def read_parts(file: Path | None) -> dict[str, Any]:
    """Read the parts of a file."""
    if file is None:
        return {}
    import yaml

    try:
        parts = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(
            f"{file} must hold JSON or YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(parts, dict):
        raise ValueError(f"{file} must hold parts by slot; it holds {type(parts).__name__}")
    unknown = [name for name in parts if name not in PARTS]
    if unknown or not isinstance(parts.get("encoders", {}), dict):
        raise ValueError(
            f"{file} must hold parts among {list(PARTS)}, encoders by modality; got {parts}"
        )
    return parts


def own_parts(names: Sequence[str] | None) -> list[str]:
    """Return the parts that ``--part`` names, or else those of ``MMREC_PARTS``, a list in JSON.

    Raises:
        ValueError: the variable holds no such list.
    """
    value = os.environ.get(PARTS_VARIABLE)
    if names or not value:
        return list(names or [])
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(
            f"{PARTS_VARIABLE} must be a list of names in JSON, such as "
            f'["my_parts.Recent"]; got {value!r}'
        )
    return found


def read_option(name: str, value: Any) -> Any:
    """Return the value of an option that the command line gives as a text."""
    return int(value) if name == "devices" and value.isdecimal() else value


def _as_text(default: Any) -> Any:
    return ",".join(default) or None if isinstance(default, tuple) else default or None

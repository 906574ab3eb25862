"""The pages of the command, made of the command itself, and the page of the options of `fit`."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pages import heading, table, write_pages
from sphinx.application import Sphinx

from mmrec.cli.app import app as command
from mmrec.recommender.options import Options

GROUPS = {
    "Data": ("import", "fetch-images", "check"),
    "Train": ("fit", "tune", "update"),
    "Measure": ("evaluate", "report", "compare", "degrade"),
    "Recommend": ("recommend", "similar", "export"),
    "Serve": ("serve", "learn", "rollback", "import-log", "compact"),
    "Try": ("demo",),
}
"""Commands by what they are for; a new command must be put into a group."""
KINDS = {int: "number", float: "number", str: "text", Path: "path", bool: ""}
MANY = 10**9
"""A maximum that is there to catch what is no number of anything."""
TITLES = {
    "data": "Data",
    "content": "Content",
    "model": "Model",
    "training": "Training",
    "privacy": "Privacy",
    "runtime": "Runtime",
}


def write(app: Sphinx) -> None:
    """Write a page for each command, the one that lists them, and the one of the options."""
    found = {
        made.name or made.callback.__name__: made.callback  # type: ignore[union-attr]
        for made in command.registered_commands
    }
    grouped = [name for names in GROUPS.values() for name in names]
    if sorted(grouped) != sorted(found):
        raise ValueError(f"{__file__} must group the commands {sorted(found)}; got {grouped}")
    built = typer.main.get_command(command).commands  # type: ignore[attr-defined]
    pages = {name: _page(name, built[name], found[name]) for name in found}
    write_pages(Path(app.srcdir) / "cli", {**pages, "index": _index(built)})
    write_pages(Path(app.srcdir) / "options", {"index": _options()})


def _index(built: dict[str, Any]) -> str:
    lines = [
        heading("Commands"),
        "``mmrec COMMAND --help`` prints what is written here. Bad input is one sentence on",
        "stderr and status 2.",
        "",
    ]
    for title, names in GROUPS.items():
        rows = [
            (f":doc:`mmrec {name} <{name}>`", _text(built[name].help.partition("\n\n")[0]))
            for name in names
        ]
        lines += [heading(title, "-"), *table(rows, "overview")]
        lines += [".. toctree::", "   :hidden:", ""]
        lines += [*(f"   mmrec {name} <{name}>" for name in names), ""]
    return "\n".join(lines)


def _page(name: str, built: Any, callback: Any) -> str:
    kinds = {
        parameter.name: parameter.annotation
        for parameter in inspect.signature(callback, eval_str=True).parameters.values()
    }
    arguments = [p for p in built.params if p.param_type_name == "argument"]
    options = [p for p in built.params if p.param_type_name == "option" and not p.hidden]
    usage = [f"mmrec {name}"]
    usage += [f"{_own(p)} {_kind(p, kinds)}" for p in options if p.required]
    usage += ["[OPTIONS]"]
    usage += [_named(p) if p.required else f"[{_named(p)}]" for p in arguments]
    lines = [heading(f"mmrec {name}"), _text(inspect.cleandoc(built.help)), ""]
    lines += [".. code-block:: text", "", f"   {' '.join(usage)}", ""]
    lines += [f".. program:: mmrec {name}", ""]
    panels: dict[str, list[Any]] = {"Arguments": arguments} if arguments else {}
    for option in options:
        panel = (option.rich_help_panel or "Options").removeprefix("Options: ").capitalize()
        panels.setdefault(panel, []).append(option)
    for panel, entries in panels.items():
        lines += [heading(panel, "-")]
        for entry in entries:
            lines += _entry(entry, kinds)
    return "\n".join(lines)


def _entry(parameter: Any, kinds: dict[str, Any]) -> list[str]:
    if parameter.param_type_name == "argument":
        shown = _named(parameter)
    else:
        kind = _kind(parameter, kinds)
        names = [*parameter.opts, *parameter.secondary_opts]
        shown = ", ".join(f"{name} {kind}".rstrip() for name in names)
    lines = [f".. option:: {shown}", "", f"   {_text(parameter.help or '')}", ""]
    facts = list(_facts(parameter))
    return [*lines, f"   {'; '.join(facts)}", ""] if facts else lines


def _facts(parameter: Any) -> Iterator[str]:
    """Yield what else is known: whether it is needed, its default and its range."""
    field = Options.model_fields.get(parameter.name)
    default = parameter.default
    if default is None and field is not None:
        default = field.default
    flag = getattr(parameter, "is_flag", False)
    if parameter.required and parameter.param_type_name == "option":
        yield "Required"
    elif flag and parameter.secondary_opts and default is not None:
        yield f"Default: ``{(parameter.opts if default else parameter.secondary_opts)[0]}``"
    elif not flag and default is not None and _shown(default):
        yield f"Default: ``{_shown(default)}``"
    values = field_values(parameter.name) if field else _range(*_bounds(parameter))
    if any(character.isdigit() for character in values) and not parameter.metavar and not flag:
        yield f"Values: {values}"
    if parameter.multiple:
        yield "May be repeated"


def _kind(parameter: Any, kinds: dict[str, Any]) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    kind = kinds.get(parameter.name, str)
    while get_args(kind) and get_origin(kind) is not list:
        kind = get_args(kind)[0]
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    return KINDS.get(kind, "text").upper()


def _named(parameter: Any) -> str:
    return (parameter.metavar or parameter.name.upper()) + ("..." if parameter.nargs == -1 else "")


def _own(parameter: Any) -> str:
    return max(parameter.opts, key=len)


def _text(text: str) -> str:
    """Return a help text for reStructuredText; words that start with dashes are code."""
    words = [
        f"``{word.rstrip('.,;:')}``{word[len(word.rstrip('.,;:')) :]}"
        if word.startswith("--")
        else word
        for word in text.replace("\\", "\\\\").replace("*", "\\*").replace("_", "\\_").split(" ")
    ]
    return " ".join(words)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={number}" for name, number in value.items())
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        return f"~/{value.relative_to(Path.home())}"
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _options() -> str:
    lines = [
        heading("Options"),
        "The fields of ``mmrec.Options``, which ``mmrec.Recommender.fit`` takes as",
        '``options=mmrec.Options(epochs=20, modalities=("text", "image"))``. Each is an option of',
        ":doc:`mmrec fit </cli/fit>` too: ``--max-length`` is ``max_length``.",
        "",
    ]
    for group, kind in Options.groups.items():
        rows = []
        for name, field in kind.model_fields.items():
            default = (
                "" if field.default is None else f"``{_shown(field.default) or field.default}``"
            )
            rows.append(
                (f"``{name}``", field_values(name), default, _text(field.description or ""))
            )
        summary = (inspect.getdoc(kind) or "").partition("\n\n")[0]
        lines += [heading(TITLES.get(group, group.capitalize()), "-"), summary, ""]
        lines += table(rows, "options", ("Name", "Values", "Default", "Meaning"), "18 22 12 48")
    return "\n".join(lines)


def field_values(name: str) -> str:
    """Return which values an option takes, in words.

    Example:
        >>> field_values("batch_size")
        'whole number, 1 or more'
    """
    schema = Options.model_json_schema()["properties"][name]
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return " or ".join(dict.fromkeys(_values(kind) for kind in kinds))


def _values(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"``{schema['const']}``"
    if "enum" in schema:
        return ", ".join(f"``{value}``" for value in schema["enum"])
    low, high = (schema.get(a, schema.get(b)) for a, b in (("minimum", "ge"), ("maximum", "le")))
    word = {
        "boolean": "``True`` or ``False``",
        "integer": "whole number",
        "number": "number",
        "array": "texts in a tuple, or with commas",
        "object": "numbers by name",
    }.get(schema["type"], "text")
    limits = _range(low, high)
    return f"{word}, {limits}" if limits else word


def _bounds(parameter: Any) -> tuple[float | None, float | None]:
    """Return the least and the largest value; not all versions of Typer give an argument some."""
    return getattr(parameter, "min", None), getattr(parameter, "max", None)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"{low:g} or more" if high is None or high == MANY else f"{low:g} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the sources are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}

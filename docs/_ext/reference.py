"""The API reference: a page a module, written before each build, and links between its names."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, is_typeddict

from docutils import nodes
from elsewhere import PROJECTS
from names import Name, constant, members, public_classes, public_names, source_of
from pages import heading, sentence, table, write_pages
from signatures import signature
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject, PythonDomain
from sphinx.transforms import SphinxTransform

GROUPS = {
    "Start": ("", "recommender", "data"),
    "Parts of a model": (
        "encoders",
        "fusion",
        "interest",
        "scoring",
        "losses",
        "sampling",
        "layers",
        "models",
        "testing",
    ),
    "Training and measurement": (
        "training",
        "tuning",
        "evaluation",
        "metrics",
        "baselines",
        "affinities",
        "trends",
    ),
    "Serving": ("realtime", "serving", "export"),
}
"""Packages by what they are for; the rest is at the end."""
KINDS = ("Contracts", "Classes", "Functions", "Errors", "Types and constants")
ALIASES = {"np": "numpy", "pl": "polars", "nn": "torch.nn", "F": "torch.nn.functional"}
"""Modules by their usual names in an import."""
SHORT = {
    target.rpartition(".")[2]: target
    for _, pages in PROJECTS.values()
    for entries in pages.values()
    for target in (entry.partition(":")[2] for entry in entries.split())
}
"""Names of other packages by their last part, as annotations write them."""
OUTSIDE = ("contextlib", "fastapi", "lightning", "pydantic", "pydantic_settings", "torch")
"""Packages whose objects may be named without a link."""


def write(app: Sphinx) -> None:
    """Write a page for each module, and the one that lists them."""
    named = public_names()
    pages = {module: _page(module, found, public_classes()) for module, found in named.items()}
    write_pages(Path(app.srcdir) / "api", {**pages, "index": _index(sorted(named))})


def _page(module: str, names: list[Name], classes: set[type]) -> str:
    lines = [heading(module), f".. automodule:: {module}", ""]
    by_kind = {kind: [name for name in names if name.kind == kind] for kind in KINDS}
    if len(names) > 1:
        rows = [
            (f":py:obj:`~{name.path}`", _summary(name)) for kind in KINDS for name in by_kind[kind]
        ]
        lines += [f".. currentmodule:: {module}", "", *table(rows, "overview")]
    for kind, found in by_kind.items():
        if found:
            lines += [heading(kind, "-")]
        for name in found:
            lines += _entry(name, classes)
    return "\n".join(lines)


def _entry(name: Name, classes: set[type]) -> list[str]:
    if name.kind == "Functions":
        return [f".. autofunction:: {name.path}", ""]
    if name.kind == "Types and constants":
        value, text = constant(name)
        lines = [
            f".. py:data:: {name.name}",
            f"   :module: {name.module}",
            *([f"   :value: = {value}"] if value else []),
            "",
        ]
        return [*lines, *(f"   {line}".rstrip() for line in text.splitlines()), ""]
    keys = signature(name.value)[0] if is_typeddict(name.value) else ""
    listed = ", ".join(members(name.value, classes))
    return [
        f".. autoclass:: {name.path}{keys}",
        *(["   :show-inheritance:"] if source_of(name.value, classes) else []),
        *([f"   :members: {listed}", "   :member-order: bysource"] if listed else []),
        "",
    ]


def _summary(name: Name) -> str:
    if name.kind == "Types and constants":
        return " ".join(constant(name)[1].partition("\n\n")[0].split())
    return sentence(name.value)


def _index(modules: list[str]) -> str:
    lines = [
        heading("API reference"),
        "Every public name, under the path from which it is imported.",
        "",
    ]
    left = list(modules)
    for title, rooms in {**GROUPS, "Below and beside": None}.items():
        firsts = [name.partition(".")[2].partition(".")[0] for name in left]
        wanted = sorted(set(firsts)) if rooms is None else rooms
        chosen = [
            m for room in wanted for m, first in zip(left, firsts, strict=True) if first == room
        ]
        left = [module for module in left if module not in chosen]
        rows = [
            (f":doc:`{module} <{module}>`", sentence(import_module(module))) for module in chosen
        ]
        if rows:
            lines += [heading(title, "-"), *table(rows, "overview")]
            lines += [".. toctree::", "   :hidden:", "", *(f"   {m}" for m in chosen), ""]
    return "\n".join(lines)


def as_written(
    app: Sphinx, what: str, name: str, value: Any, options: Any, args: str, result: str
) -> tuple[str, str | None] | None:
    """Give autodoc the signature as the source has it."""
    if what not in ("class", "exception", "function", "method"):
        return None
    if args is None or (isinstance(value, type) and issubclass(value, tuple)):
        return None
    found = signature(value)
    return None if found is None else (found[0], found[1] or None)


def bases(app: Sphinx, name: str, value: type, options: Any, found: list[Any]) -> None:
    """Show the bases that a reader can look up."""
    found[:] = source_of(value, public_classes())


class Names:
    """Where a name of the code is documented."""

    def __init__(self, named: dict[str, list[Name]]) -> None:
        self.paths: dict[str, str] = {}
        short: dict[str, set[str]] = {}
        for name in (name for found in named.values() for name in found):
            short.setdefault(name.name, set()).add(name.path)
            defined = getattr(name.value, "__module__", None)
            if defined and getattr(name.value, "__qualname__", None) == name.name:
                self.paths[f"{defined}.{name.name}"] = name.path
        self.short = {name: paths.pop() for name, paths in short.items() if len(paths) == 1}

    def find(self, target: str, domain: PythonDomain) -> str | None:
        """Return the documented path of a name, which may be short or that of its file."""
        target = target.lstrip(".")
        for cut in range(len(parts := target.split(".")), 0, -1):
            head, rest = ".".join(parts[:cut]), "".join(f".{part}" for part in parts[cut:])
            # A package re-exports what its rooms export.
            last = self.short.get(parts[cut - 1]) if head.startswith("mmrec.") else None
            for known in (head, self.paths.get(head), self.short.get(head), last):
                if known and known + rest in domain.objects:
                    return known + rest
        return None


@cache
def documented() -> Names:
    """Return where the names are."""
    return Names(public_names())


def resolve(
    app: Sphinx, env: Any, node: addnodes.pending_xref, inner: nodes.Element
) -> nodes.Node | None:
    """Resolve what Sphinx has not found in the module at hand; a role must lead somewhere."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains["py"]
    found = documented().find(node["reftarget"], domain)
    if found is not None:
        kind = "mod" if domain.objects[found].objtype == "module" else "obj"
        return domain.resolve_xref(env, node["refdoc"], app.builder, kind, found, node, inner)
    head, dot, rest = node["reftarget"].partition(".")
    outer = ALIASES.get(head, head) + dot + rest
    node["reftarget"] = SHORT.get(outer.rpartition(".")[2], outer)
    return None


def only_our_roles(app: Sphinx, domain: Any, node: addnodes.pending_xref) -> bool | None:
    """Let Sphinx warn of a role that leads nowhere, unless it names another package's object."""
    outside = node["reftarget"].partition(".")[0] in OUTSIDE
    return True if node.get("refdomain") == "py" and ("refwarn" not in node or outside) else None


class LinkedCode(SphinxTransform):
    """Link inline code that is the name of something public, such as ``GRUInterest``."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Replace the literals by references, which are resolved when all pages are read."""
        known = documented().short
        modules = {name for name in public_names() if "." in name}
        paths = {*known.values(), *modules}
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext().removesuffix("()")
            inside = isinstance(literal.parent, addnodes.pending_xref | nodes.reference)
            path = None if inside or "xref" in literal["classes"] else _path(text, known, paths)
            if path is not None:
                kind = "mod" if path in modules else "obj"
                link = addnodes.pending_xref(
                    "", refdomain="py", reftype=kind, reftarget=path, refdoc=self.env.docname
                )
                literal.replace_self(link)
                link += literal


def _path(text: str, known: dict[str, str], paths: set[str]) -> str | None:
    """Return the full path of a name in prose, which may be that of a member."""
    for whole, of, rest in ((text, text, ""), (text, *text.rpartition(".")[::2])):
        if whole in paths or (rest and of in paths):
            return whole
        if of in known and of[:1].isupper():
            return known[of] + (f".{rest}" if rest else "")
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the parts of the reference."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("builder-inited", write)
    app.connect("autodoc-process-signature", as_written)
    app.connect("autodoc-process-bases", bases)
    app.connect("missing-reference", resolve, priority=100)
    app.connect("warn-missing-reference", only_our_roles)
    app.add_transform(LinkedCode)
    return {"parallel_read_safe": True}

"""The results in RUN folders, read for a comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.durable import whole_folder
from mmrec.data.tables import read_json
from mmrec.evaluation.targets import TARGETS, read_targets

SOURCE = "source of "
"""How the source of an own part is named among options, where it tells RUNs apart."""


@dataclass(frozen=True)
class Result:
    """One RUN's ``report.json``, options and parts of ``config.json``, and ``targets.parquet``.

    Attributes:
        name: the folder, as its name in messages and tables.
        report: metrics, baselines and training curves.
        options: the options of the RUN, the seed included, and what was given for each part.
        targets: a row for each test event, sorted by ``position``; None if the file is missing.
        sources: a hash of the source of each part from outside mmrec, by the name of the part.
    """

    name: str
    report: dict[str, Any]
    options: dict[str, Any]
    targets: pl.DataFrame | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        """The seed of the RUN."""
        return self.options.get("seed", self.report.get("seed"))

    @property
    def recipe(self) -> dict[str, Any]:
        """The options except for the seed; RUNs with equal recipes differ by chance alone."""
        return {name: value for name, value in self.options.items() if name != "seed"}

    @property
    def identity(self) -> dict[str, Any]:
        """The fingerprints that must be equal for two results to be comparable."""
        protocol = self.report.get("protocol")
        if isinstance(protocol, dict):
            protocol = protocol.get("fingerprint")
        return {"split": self.report.get("fingerprint"), "protocol": protocol}


def read_result(folder: str | Path) -> Result:
    """Return the result in the folder of a RUN; the model is not loaded.

    Raises:
        FileNotFoundError: the folder has no ``report.json``.
        ValueError: a file is damaged.
    """
    folder = whole_folder(Path(folder))
    if not (folder / "report.json").is_file():
        raise FileNotFoundError(f"no RUN at {folder}; it has no report.json")
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    path = folder / TARGETS
    targets = read_targets(path) if path.is_file() else None
    report, sources = read_json(folder / "report.json"), config.get("about", {}).get("sources", {})
    return Result(str(folder), report, _settings(config), targets, sources.get("sha256", {}))


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the options of all groups and the parts of a ``config.json`` by name."""
    groups = config.get("options", {}).values()
    options = {name: value for group in groups for name, value in group.items()}
    return {**options, **config.get("recipe", {})}


def told_apart(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Return results that also differ by the source of own parts, and the parts that changed.

    A part of another source has another option, ``source of NAME``. Where all known sources of a
    part are equal, nothing is added: an older RUN, which has no hash, is taken to have that source.

    Example:
        >>> runs = [Result(n, {}, {"seed": 0}, None, {"lab.V": n * 9}) for n in "ab"]
        >>> results, changed = told_apart(runs)
        >>> [result.recipe for result in results], changed
        ([{'source of lab.V': 'aaaaaaa'}, {'source of lab.V': 'bbbbbbb'}], ['lab.V'])
    """
    paths = dict.fromkeys(path for result in results for path in result.sources)
    known = {path: {r.sources[path] for r in results if path in r.sources} for path in paths}
    changed = [path for path, sources in known.items() if len(sources) > 1]
    return [_with_sources(result, changed) for result in results], changed


def _with_sources(result: Result, changed: Sequence[str]) -> Result:
    used = [path for path in changed if path in result.sources]
    more = {f"{SOURCE}{path}": result.sources[path][:7] for path in used}
    return replace(result, options=result.options | more)


def check_comparable(results: Sequence[Result]) -> None:
    """Raise a ``ValueError`` unless all have the same split and protocol, and each occurs once."""
    first = results[0]
    for other in results[1:]:
        for what, value in first.identity.items():
            if other.identity[what] != value:
                raise ValueError(
                    f"RUNs must have the same {what} to be compared; got {value} for {first.name} "
                    f"and {other.identity[what]} for {other.name}"
                )
        if not _same(first, other):
            raise ValueError(
                f"RUNs must have the same test events; got different ones for {first.name} and "
                f"{other.name}"
            )
    for place, result in enumerate(results):
        for other in results[place + 1 :]:
            if result.recipe == other.recipe and result.seed == other.seed:
                raise ValueError(
                    f"RUNs must differ in an option or in the seed; got the same for {result.name} "
                    f"and {other.name}"
                )


def by_recipe(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return groups of RUNs that differ only by seed, named by the options that tell them apart.

    Example:
        >>> runs = [Result(n, {}, {"dim": d, "lr": 1.0, "seed": s}) for n, d, s in
        ...         [("a", 8, 0), ("b", 16, 0), ("c", 8, 1)]]
        >>> {name: [run.name for run in group] for name, group in by_recipe(runs).items()}
        {'dim 8': ['a', 'c'], 'dim 16': ['b']}
    """
    options = list(dict.fromkeys(name for result in results for name in result.recipe))
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        # An older RUN may lack an option, which is as if it were None.
        recipe = tuple(repr(result.recipe.get(option)) for option in options)
        groups.setdefault(recipe, []).append(result)
    differ = [o for o, *values in zip(options, *groups, strict=True) if len(set(values)) > 1]
    named = {", ".join(_labels(differ, group[0].options)): group for group in groups.values()}
    if 0 < len(differ) <= 3 and len(named) == len(groups):
        return named
    return {group[0].name: group for group in groups.values()}


def _labels(differ: Sequence[str], options: dict[str, Any]) -> list[str]:
    """Return what tells a group apart; a RUN without a part has no source of it."""
    shown = [o for o in differ if o in options or not o.startswith(SOURCE)]
    return [_label(option, options) for option in shown]


def _label(option: str, options: dict[str, Any]) -> str:
    value = options.get(option)
    if option == "modalities" and isinstance(value, list):
        return " + ".join(value)
    if isinstance(value, dict) and "class_path" in value:
        arguments = ", ".join(f"{n}={v}" for n, v in (value.get("init_args") or {}).items())
        value = f"{value['class_path'].rpartition('.')[2]}({arguments})"
    return f"{option.replace('_', ' ')} {value}"


def _same(one: Result, other: Result) -> bool:
    """Return whether two RUNs have the same test events, True if one doesn't list them."""
    if one.targets is None or other.targets is None:
        return True
    columns = ["user_id", "item_id", "position"]
    return one.targets.select(columns).equals(other.targets.select(columns))

"""Configuration files of commands: what flags say, over what a file says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrec.cli.options import merged_parts, own_parts
from mmrec.recommender.config import FitConfig
from mmrec.recommender.config_yaml import read_yaml

Config = Annotated[
    Path | None,
    typer.Option(
        help="YAML file with whatever mmrec fit takes, by the same names, such as run.yaml of a "
        "RUN; flags take precedence."
    ),
]
Named = Annotated[
    list[str] | None,
    typer.Option(
        help="Class from outside mmrec that the file of --config may name, as module.Class, or a "
        "module, for all parts that it defines; may be repeated. Its code is run. By default "
        "those of MMREC_PARTS, a list in JSON."
    ),
]


def configured(file: Path | None, own: Sequence[str] | None, given: Mapping[str, Any]) -> FitConfig:
    """Return what was given over what a file says; encoders are merged by modality.

    Args:
        file: the file, or None.
        own: classes from outside mmrec that it may name, or their modules.
        given: values by key, which take precedence.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a key is unknown, or a value is wrong; of the file, the message names it.
    """
    values = {} if file is None else read_yaml(file)
    if file is not None and values:
        FitConfig.from_yaml(file, own_parts(own))  # checks it; an error names the file
    return FitConfig.from_dict(merged_parts(values, dict(given)))


def place_of(config: FitConfig, key: str, flag: str, command: str) -> Path:
    """Return a folder that must be given.

    Raises:
        ValueError: it is missing.
    """
    if key not in config.places:
        raise ValueError(f"{command} expects {flag}, or {key} in the file of --config; got neither")
    return Path(config.places[key])

"""A RUN for others: without what names users or this machine, and with a model card."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from mmrec.recommender.artifact.convert import to_run
from mmrec.recommender.artifact.run import (
    CARD,
    CONFIG,
    FILES,
    GIVEN,
    OPTIONAL,
    TARGETS,
    USERS,
    Run,
    check_place,
    write_run,
)
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.card import model_card

log = logging.getLogger(__name__)

OF_USERS = {
    TARGETS: "the rank of each test event, with user ids",
    USERS: "user ids and features of users",
}
"""Files of a RUN that name users, with what they hold."""

OF_MACHINE = ("data", "out", "cache", "trainer", "callbacks", "logger")
"""What ``run.yaml`` and ``config.json`` say of this machine: places, and how training was watched.

Arguments of the Trainer, callbacks and loggers may hold folders and keys of services.
"""

DATA = (".md", ".txt", ".json", ".yaml", ".yml", ".csv", ".parquet", ".safetensors", ".onnx")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
PLAIN = ("LICENSE", "NOTICE", ".gitattributes", ".gitignore")
RUN_FILES = (*FILES, *OPTIONAL, CARD)


def save_shared(
    state: RecommenderState,
    directory: Path,
    *,
    title: str | None = None,
    license: str | None = None,
    card: str | None = None,
    include_users: bool = False,
) -> None:
    """Write a RUN for others; see :meth:`mmrec.Recommender.save_pretrained`.

    Args:
        state: the recommender.
        directory: the folder to write; a RUN that is there is replaced, with its card.
        title: the title of the card; by default the name of the folder.
        license: an identifier such as ``apache-2.0``.
        card: the text of README.md; by default it is made from the report.
        include_users: whether to write the files that name users.
    """
    check_place(directory, also=(CARD,))
    run = _for_others(to_run(state), include_users)
    left_out = [] if include_users else _left_out(state)
    if card is None:
        name = title or directory.resolve().name
        card = model_card(state, name, license=license, left_out=left_out)
    write_run(run, directory, card=card)
    for name in left_out:
        log.info("%s is left out: %s", name, OF_USERS[name])
    if state.users is not None and not include_users:
        names = ", ".join(state.users.modalities)
        log.warning("config.json says what values the features of users have: %s", names)
    if license is None:
        log.info("no license was given, so the model card has none")
    for name, values in {CONFIG: run.config, GIVEN: run.given}.items():
        if places := sorted(set(_places(values))):
            log.warning("%s names folders of this machine: %s", name, ", ".join(places[:3]))


def _for_others(run: Run, include_users: bool) -> Run:
    """Return a RUN without what names this machine and, by default, users."""
    about = {key: value for key, value in run.config["about"].items() if key not in OF_MACHINE}
    # Reasons why pictures can't be read name files.
    problems = {name: len(found) for name, found in run.report.get("left_out", {}).items()}
    report = run.report | ({"left_out": problems} if "left_out" in run.report else {})
    made = replace(
        run,
        config=run.config | {"about": about, "images": None},
        report=report,
        given={key: value for key, value in run.given.items() if key not in OF_MACHINE},
    )
    return made if include_users else replace(made, targets=None, users=None)


def _left_out(state: RecommenderState) -> list[str]:
    """Return the files that name users and that the RUN of a state would have."""
    has = {
        TARGETS: state.targets is not None,
        USERS: state.users is not None and state.users.catalog is not None,
    }
    return [name for name, there in has.items() if there]


def _places(value: Any) -> Iterable[str]:
    """Yield the texts in plain values that are paths of this machine."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _places(one)
    elif isinstance(value, str) and len(value) > 1 and Path(value).is_absolute():
        yield value


def check_files(names: Iterable[str], where: str) -> None:
    """Raise a ``ValueError`` if a folder holds files that could be executed.

    Example:
        >>> check_files(["model.safetensors", "README.md"], "shop")
        >>> check_files(["model.safetensors", "model.pkl"], "shop")
        Traceback (most recent call last):
        ...
        ValueError: shop must hold data alone, no code and no pickles; it holds ['model.pkl']
    """
    odd = sorted(name for name in names if not _is_data(PurePosixPath(name)))
    if odd:
        raise ValueError(
            f"{where} must hold data alone, no code and no pickles; it holds {odd[:3]}"
        )


def _is_data(path: PurePosixPath) -> bool:
    return path.name in PLAIN or path.suffix.lower() in (*DATA, *PICTURES)

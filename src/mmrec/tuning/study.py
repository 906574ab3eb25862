"""The file of a search: an Optuna study in SQLite that holds finished trials alone."""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.data.durable import flush
from mmrec.recommender.pipeline.resume import differences

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

NAME = STARTED = "mmrec"


def needs_optuna() -> None:
    """Raise an ImportError that names the extra if Optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise ImportError('a search needs optuna: pip install "mmrec[tune]"') from error


class StudyFile:
    """The trials of a search in a file.

    A trial is written when it has ended, in one transaction. So a kill leaves no half of a trial,
    and what comes next depends on the file alone.

    Args:
        study: the study in the file.
        path: the file.
    """

    def __init__(self, study: "Study", path: Path) -> None:
        self.study, self.path = study, path

    @property
    def trials(self) -> "list[FrozenTrial]":
        """The finished trials, by number."""
        return self.study.get_trials(deepcopy=False)

    def add(self, trial: "FrozenTrial", number: int) -> None:
        """Write a finished trial.

        Raises:
            ValueError: another process has written a trial of this number.
        """
        if len(self.trials) != number:
            raise ValueError(
                f"{self.path} must have {number} trials; it has {len(self.trials)}: another search "
                f"writes to it"
            )
        self.study.add_trial(trial)


@contextmanager
def open_study(path: Path, started: dict[str, Any]) -> Iterator[StudyFile]:
    """Yield the study in a file; a new one is made if there is none, for its owner alone.

    Args:
        path: the file.
        started: what the search is started with, in JSON values.

    Raises:
        ImportError: Optuna is not installed.
        ValueError: the file holds something else, or a search that was started with something else.
        OSError: the file can't be read or written.
    """
    needs_optuna()
    if path.exists():
        _check_file(path)
    else:
        _make(path, started)
    with _opened(path) as study:
        if STARTED not in study.user_attrs:
            raise ValueError(_other(path))
        _check_same(path, study.user_attrs[STARTED], started)
        yield StudyFile(study, path)


def _make(path: Path, started: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")  # a kill leaves no half of a study
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _opened(fresh, new=True) as study:
        study.set_user_attr(STARTED, json.loads(json.dumps(started)))
    flush(fresh)
    fresh.replace(path)


@contextmanager
def _opened(path: Path, *, new: bool = False) -> "Iterator[Study]":
    import optuna

    # A creator, since a path may have characters that mean something in a URL.
    creator = partial(sqlite3.connect, path, timeout=30)
    with quiet():
        storage = optuna.storages.RDBStorage(
            "sqlite:///study.db", engine_kwargs={"creator": creator}
        )
        try:
            make = partial(optuna.create_study, direction="maximize")
            yield (make if new else optuna.load_study)(study_name=NAME, storage=storage)
        except KeyError as error:
            raise ValueError(_other(path)) from error
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _check_file(path: Path) -> None:
    """Raise an error, before anything is written, if a file is not a study of mmrec."""
    if not path.is_file():
        raise IsADirectoryError(f"{path} must be the file of a study; it is a folder")
    connection = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)
    try:
        query = "SELECT count(*) FROM studies WHERE study_name = ?"
        found = connection.execute(query, (NAME,)).fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{_other(path)} ({error})") from error
    finally:
        connection.close()
    if not found:
        raise ValueError(_other(path))


def _other(path: Path) -> str:
    return f"{path} must be a study of mmrec tune; it is something else: choose another file"


def _check_same(path: Path, before: dict[str, Any], started: dict[str, Any]) -> None:
    was, now = before["space"], started["space"]
    changes = [
        f"the space of {name} was {was.get(name, 'none')} and is {now.get(name, 'none')}"
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]
    if before["prune"] != started["prune"]:
        changes.append(f"prune was {before['prune']} and is {started['prune']}")
    changes += differences(before, started, free=("workers",))
    if changes:
        raise ValueError(
            f"the search in {path} can't go on: {'; '.join(changes)}; give what it was started "
            f"with, or another file"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what Optuna logs of its own work."""
    log = logging.getLogger("optuna")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)

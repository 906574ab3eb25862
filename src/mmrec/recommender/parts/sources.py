"""The source of own parts: by its hash, a RUN tells that a part was changed after the training."""

import hashlib
import inspect
import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mmrec.data.wording import listed, verb
from mmrec.recommender.parts.spec import is_importable, path_of, unwrapped

log = logging.getLogger(__name__)

SOURCES = "sources"
"""Key in ``about`` of the hashes of own parts; :mod:`mmrec.evaluation.results` reads it too."""


def described_sources(parts: Iterable[Any]) -> dict[str, Any]:
    """Return what ``about`` keeps of the sources of parts: the time, and hashes by name.

    Example:
        >>> from mmrec.fusion import SumFusion
        >>> described_sources([SumFusion])
        {}
    """
    if not (found := sources_of(parts)):
        return {}
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {SOURCES: {"at": now, "sha256": found}}


def sources_of(parts: Iterable[Any]) -> dict[str, str]:
    """Return the hash of the source of each part from outside mmrec, by its name.

    The source is that of the module that defines the class or function, so that the functions it
    calls there count too. Of a script, ``__main__``, it is that of the class alone, since a script
    also holds seeds and options. A part whose source is not at hand is left out.

    Args:
        parts: classes, functions, partials of them, or objects.
    """
    found = {}
    for part in parts:
        target = unwrapped("part", part)[0]
        thing = target if is_importable(target) else type(target)
        if thing.__module__.partition(".")[0] not in ("mmrec", "torch", "builtins", "functools"):
            module = sys.modules.get(thing.__module__)
            try:
                text = inspect.getsource(
                    thing if module is None or thing.__module__ == "__main__" else module
                )
            except (OSError, TypeError):  # typed into a notebook, for example
                continue
            found[path_of(thing)] = hashlib.sha256(text.encode()).hexdigest()
    return found


def warn_of_changed(about: Mapping[str, Any], parts: Iterable[Any]) -> None:
    """Warn of parts whose source is not the one that a RUN was trained with.

    Args:
        about: what the RUN keeps; nothing is said of an older one, which has no hashes.
        parts: the parts now.
    """
    if not (described := about.get(SOURCES)):
        return
    kept = described["sha256"]
    now = sources_of(parts)
    changed = [path for path, found in now.items() if kept.get(path, found) != found]
    if changed:
        log.warning(
            "the source of %s %s since the RUN was trained, %s: lists may differ from those that "
            "were measured",
            listed(changed),
            verb(len(changed), "has changed", "have changed"),
            described["at"],
        )

"""What is handed over to the trainings of ``fit``: loggers, callbacks, arguments of the Trainer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.recommender.options import Options
from mmrec.recommender.parts import PartSpec, import_path, path_of

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.loggers import Logger

SETTINGS = ("devices", "precision")
"""Arguments of the Trainer that are options, too."""


@dataclass(frozen=True)
class Tracking:
    """What is handed over to the trainings of ``fit``.

    Attributes:
        loggers: names, loggers, or functions that make one for the name of a training.
        callbacks: take part in each training.
        trainer: arguments of the Trainer.
        logs: folder of loggers that are given by name.
    """

    loggers: Sequence["str | Logger | Callable[[str], Logger]"] = ()
    callbacks: Sequence["Callback"] = ()
    trainer: Mapping[str, Any] = field(default_factory=dict)
    logs: Path | None = None

    @property
    def described(self) -> dict[str, str]:
        """The arguments of the Trainer in texts; of an object, its class."""
        return {
            name: str(value)
            if isinstance(value, str | int | float | None)
            else path_of(type(value))
            for name, value in self.trainer.items()
        }


def make_tracking(
    options: Options,
    logger: Any,
    callbacks: Sequence[Any] | None,
    trainer: Mapping[str, Any] | None,
    logs: str | Path | None,
) -> tuple[Tracking, Options]:
    """Return what is handed over, and the options with those that ``trainer`` sets.

    Args:
        options: the options.
        logger: a logger or several; None for none.
        callbacks: callbacks, or ``class_path`` and ``init_args`` of some.
        trainer: arguments of the Trainer.
        logs: folder of loggers that are given by name.

    Raises:
        ValueError: something is given that ``fit`` decides itself, or training is private.
        ImportError: a logger's package is not installed.
    """
    loggers = [] if logger is None else [*logger] if isinstance(logger, list | tuple) else [logger]
    if not (loggers or callbacks or trainer):
        return Tracking(), options
    if options.epsilon is not None:
        raise ValueError(
            "private training takes no logger, callbacks or trainer, since what these record of it "
            "would not be private"
        )
    if trainer is not None and not isinstance(trainer, Mapping):
        raise ValueError(f"trainer must be a map of arguments of the Trainer; got {trainer!r}")
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence | None):
        raise ValueError(f"callbacks must be a list of callbacks; got {callbacks!r}")
    # Lightning is imported here, so that a recommender that only serves doesn't load it.
    from mmrec.training.tracking import check_callbacks, check_loggers, check_trainer

    place = None if logs is None else Path(logs)
    made = [_callback(one) if isinstance(one, Mapping) else one for one in callbacks or ()]
    rest = dict(trainer or {})
    settings = {name: rest.pop(name) for name in SETTINGS if name in rest}
    check_loggers(loggers, place)
    check_callbacks(made)
    check_trainer(rest)
    return Tracking(loggers, made, rest, place), _with_settings(options, settings)


def _callback(given: Mapping[str, Any]) -> "Callback":
    from mmrec.training.tracking import make_callback

    spec = PartSpec.from_dict(given)
    return make_callback(spec.class_path, import_path(spec.class_path), spec.init_args or {})


def _with_settings(options: Options, settings: Mapping[str, Any]) -> Options:
    """Return options with those that are arguments of the Trainer, too."""
    for name, value in settings.items():
        if name in options.model_fields_set and getattr(options, name) != value:
            raise ValueError(
                f"{name} must be given once; got {getattr(options, name)!r} as an option and "
                f"{value!r} in trainer"
            )
    return options.replace(**settings) if settings else options

"""From a RUN back to its model."""

from pathlib import Path

from mmrec.data import Catalog
from mmrec.models import SequentialModel
from mmrec.recommender.build import build_model
from mmrec.recommender.new_items import rebuild_encoders
from mmrec.recommender.options import Options
from mmrec.recommender.parts import Build, check_recorded
from mmrec.recommender.run import Run, RunError


def restore(
    run: Run, directory: Path, build: Build | None = None
) -> tuple[Options, Catalog, SequentialModel]:
    """Return the options, the catalogue and the model that a RUN describes.

    Args:
        run: what was read.
        directory: where, for messages.
        build: puts parts of one's own into the model, as it did for ``fit``. No code comes from a
            RUN: the names of classes that it records are compared, and no more.

    Raises:
        RunError: it does not describe a model, or what it needs is gone; the message names
            ``directory``.
    """
    _check_own(run, directory, build)
    try:
        options = Options.from_dict(run.config["options"])
        encoders = rebuild_encoders(options, run.config, int(run.slots.max()))
        model = build_model(options, encoders, len(run.config["event_types"]), build)
        if (parts := run.config.get("parts")) is not None:  # older RUNs name none
            check_recorded(parts, model, build)
        model.load_state_dict(run.weights)
        catalog = Catalog(run.items, run.config["images"])
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise RunError(f"{directory} does not describe a model: {_reason(error)}") from error
    except OSError as error:
        raise RunError(f"{directory} cannot be loaded: {error}") from error
    if run.vectors.shape[1] != model.items.dim:
        raise RunError(
            f"{directory} must hold item vectors of width {model.items.dim}; they have "
            f"{run.vectors.shape[1]}"
        )
    for name, value in {**run.weights, "the item vectors": run.vectors}.items():
        if value.isnan().any():
            raise RunError(f"{directory} must hold numbers; {name} has NaN")
    for name, share in run.modality_contributions.items():
        if name not in options.modalities or share.shape != run.vectors.shape:
            raise RunError(
                f"{directory} must hold contributions of {list(options.modalities)} in the shape "
                f"{tuple(run.vectors.shape)}; that of {name!r} has {tuple(share.shape)}"
            )
    return options, catalog, model


def _check_own(run: Run, directory: Path, build: Build | None) -> None:
    """Refuse to rebuild without ``build`` what was built with it."""
    name = run.config.get("build")
    if name is None or build is not None:
        return
    parts = run.config.get("parts")
    parts = parts if isinstance(parts, dict) else {}
    own = [
        f"the {part} {kind}" for part, kind in parts.items() if not str(kind).startswith("mmrec.")
    ]
    raise RunError(
        f"{directory} has {' and '.join(own) or 'a model'} that {name} put there: load needs the "
        f"build= that fit was given"
    )


def _reason(error: Exception) -> str:
    # The first line of a state dict's error only says that there is one.
    lines = str(error).splitlines() or [type(error).__name__]
    reason = lines[min(len(lines), 2) - 1].strip()
    return f"{reason} is missing" if isinstance(error, KeyError) else reason

"""From a RUN back to its model."""

from pathlib import Path

from mmrec.data import Catalog
from mmrec.models import SequentialModel
from mmrec.recommender.build import build_model
from mmrec.recommender.newcomers import rebuild_encoders
from mmrec.recommender.options import Options
from mmrec.recommender.run import Run, RunError


def restore(run: Run, directory: Path) -> tuple[Options, Catalog, SequentialModel]:
    """Return the options, the catalogue and the model that a RUN describes.

    Raises:
        RunError: it does not describe a model, or what it needs is gone; the message names
            ``directory``.
    """
    try:
        options = Options.from_dict(run.config["options"])
        encoders = rebuild_encoders(options, run.config, int(run.slots.max()))
        model = build_model(options, encoders, len(run.config["kinds"]))
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
    return options, catalog, model


def _reason(error: Exception) -> str:
    # The first line of a state dict's error only says that there is one.
    lines = str(error).splitlines() or [type(error).__name__]
    reason = lines[min(len(lines), 2) - 1].strip()
    return f"{reason} is missing" if isinstance(error, KeyError) else reason

"""A model, cut into the parts that are served on their own."""

from torch import nn

from mmrec.export.part import Part, Port
from mmrec.export.steps import step_parts
from mmrec.export.tower import tower_part
from mmrec.models import SequentialModel


def model_parts(model: SequentialModel) -> dict[str, Part]:
    """Return the parts of a model, by name.

    They are ``items`` (features → item vectors), ``step`` and ``readout`` (events → interest) and
    ``scorer`` (interests and item vectors → scores), and ``reranker`` (interests and candidates of
    each → what is added to their scores) where the model has one.

    Raises:
        ValueError: the interest model is none that can be exported.

    Example:
        >>> from mmrec.encoders import IdEncoder
        >>> from mmrec.models import gru4rec
        >>> list(model_parts(gru4rec({"id": IdEncoder(5, 8)}, dim=8)))
        ['items', 'step', 'readout', 'scorer']
    """
    hidden, dim = _width(model.interest, "hidden"), model.items.dim
    interest = Port("interest", ("B", hidden))
    parts = [
        tower_part(model.items),
        *step_parts(model.interest),
        Part(
            "scorer",
            model.scorer,
            [interest, Port("vectors", ("N", dim))],
            [Port("scores", ("B", "N"))],
        ),
    ]
    if model.reranker is not None:
        candidates = Port("candidates", ("B", "K", dim))
        added = Port("scores", ("B", "K"))
        parts.append(Part("reranker", model.reranker, [interest, candidates], [added]))
    return {part.name: part for part in parts}


def _width(module: nn.Module, name: str) -> int:
    width: int = getattr(module, name)
    return width

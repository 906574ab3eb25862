"""The parts of a recommender: slots, short names, and how a part is made and made again."""

from mmrec.recommender.parts.own import Own, handed_over
from mmrec.recommender.parts.remake import remake
from mmrec.recommender.parts.slots import SLOTS, Parts, Slot
from mmrec.recommender.parts.spec import (
    OwnPartNeeded,
    PartSpec,
    call_factory,
    import_path,
    path_of,
    spec_of_object,
)

__all__ = [
    "SLOTS",
    "Own",
    "OwnPartNeeded",
    "PartSpec",
    "Parts",
    "Slot",
    "call_factory",
    "handed_over",
    "import_path",
    "path_of",
    "remake",
    "spec_of_object",
]

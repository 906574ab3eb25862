"""What a recommender is made of: the slots, and how a part is given, named and made again."""

from mmrec.recommender.parts.slots import SLOTS, Parts, Slot
from mmrec.recommender.parts.spec import (
    PartSpec,
    call_factory,
    import_path,
    path_of,
    remake,
    spec_of_object,
)

__all__ = [
    "SLOTS",
    "PartSpec",
    "Parts",
    "Slot",
    "call_factory",
    "import_path",
    "path_of",
    "remake",
    "spec_of_object",
]

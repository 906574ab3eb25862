"""The slots of a recommender: what may be given for each, and the short names."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypedDict
from uuid import uuid4

import numpy as np
from torch import nn

from mmrec.fusion import (
    AdditiveFusion,
    AttentionFusion,
    BilinearFusion,
    ConcatFusion,
    ExpertsFusion,
    FiLMFusion,
    Fusion,
    GatedFusion,
    SiameseFusion,
    SumFusion,
)
from mmrec.interest import (
    AdditiveAttentionInterest,
    GRUInterest,
    HSTUInterest,
    Interest,
    LiGRInterest,
    LinearRecurrentInterest,
    MeanInterest,
    NARMInterest,
    NRMSInterest,
    RequestTime,
    SelfAttentionInterest,
)
from mmrec.losses import (
    Loss,
    bce_loss,
    bpr_loss,
    bpr_max_loss,
    gbce_loss,
    hard_bpr_loss,
    softmax_loss,
    top1_max_loss,
)
from mmrec.recommender.parts.spec import (
    PartSpec,
    call_factory,
    check_names,
    import_path,
    path_of,
    spec_of_call,
    spec_of_object,
    unwrapped,
)
from mmrec.sampling import (
    FullSampler,
    InBatchSampler,
    PopularitySampler,
    Sampler,
    UniformSampler,
    UnionSampler,
)
from mmrec.scoring import (
    BilinearScorer,
    DCNScorer,
    DotScorer,
    MixtureOfLogitsScorer,
    MLPScorer,
    Reranker,
    RetrievalScorer,
)

FULL_UP_TO = 1_000
"""By default, all trained items are negatives if there are at most this many."""


class Parts(TypedDict, total=False):
    """What :meth:`mmrec.Recommender.fit` takes for each slot.

    A part is given as a short name (``"gru4rec"``), as a built part, as a class or
    :func:`functools.partial` of one, or as ``{"class_path": …, "init_args": {…}}``. A class or
    function is called by the rule of :func:`mmrec.recommender.parts.call_factory`, after the seed
    is set, so that its weights repeat. Those of a built part are the ones that it was given with.
    """

    encoders: Mapping[str, Any]
    fusion: str | Mapping[str, Any] | Fusion | Callable[..., Fusion]
    interest: str | Mapping[str, Any] | Interest | Callable[..., Interest]
    request: str | Mapping[str, Any] | Callable[..., Any]
    scorer: str | Mapping[str, Any] | RetrievalScorer | Callable[..., RetrievalScorer]
    reranker: str | Mapping[str, Any] | Reranker | Callable[..., Reranker] | None
    loss: str | Mapping[str, Any] | Loss
    negatives: str | Mapping[str, Any] | Sampler | Callable[..., Sampler]


@dataclass(frozen=True)
class Slot:
    """One place for a part.

    Attributes:
        name: name of the slot.
        names: short names, and the factories or functions that they stand for.
        default: the short name that is used if nothing is given; None for no part.
        room: the package whose public classes a RUN may name.
        is_built: returns whether a value is a part rather than a factory of one.
    """

    name: str
    names: Mapping[str, Callable[..., Any]]
    default: str | None
    room: str
    is_built: Callable[[Any], bool] = field(default=lambda given: isinstance(given, nn.Module))

    def factory(self, given: Any) -> Any:
        """Return the part or factory that ``given`` is or names.

        Raises:
            ValueError: it is not a name, a part or a factory.
        """
        if isinstance(given, str):
            if given in self.names:
                return self.names[given]
            if "." in given:
                return import_path(given)
        elif isinstance(given, Mapping):
            return PartSpec.from_dict(given).factory()
        elif self.is_built(given) or callable(given):
            return given
        raise ValueError(
            f"{self.name} must be one of {list(self.names)}, a part, a class or function that "
            f"makes one, or {{'class_path', 'init_args'}}; got {given!r}"
        )

    def make(self, given: Any, known: Mapping[str, Any]) -> tuple[Any, PartSpec]:
        """Return the part, and the spec from which a RUN makes it again."""
        made = self._factory(given)
        if self.is_built(made):  # a copy, so that training leaves what was given as it is
            return deepcopy(made), spec_of_object(made)
        part, target, arguments = self._called(made, known)
        return part, spec_of_call(self.name, target, arguments)

    def create(self, given: Any, known: Mapping[str, Any]) -> Any:
        """Return the part alone; its arguments need not be JSON, since no RUN makes it again."""
        made = self._factory(given)
        return made if self.is_built(made) else self._called(made, known)[0]

    def _factory(self, given: Any) -> Any:
        """Return what :meth:`factory` does; a ``ValueError`` if a partial sets unknown names."""
        made = self.factory(given)
        if isinstance(made, partial):
            check_names(self.name, *unwrapped(self.name, made))
        return made

    def _called(self, factory: Any, known: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Return what :func:`call_factory` does; a ``ValueError`` if it has made no part."""
        part, target, arguments = call_factory(self.name, factory, known)
        if part is None or isinstance(part, str | int | float):
            raise ValueError(f"{self.name}: {path_of(target)} must make a part; it made {part!r}")
        return part, target, arguments

    def recipe(self, given: Any) -> Any:
        """Return what was given, in plain JSON values.

        Parts that can't be told apart by name and arguments, such as lambdas, get an identity of
        their own: two of them are never the same.
        """
        if given is None or (isinstance(given, str) and given in self.names):
            return given
        named = [name for name, factory in self.names.items() if factory is given]
        return named[0] if named else recipe_of(self.factory(given))


def is_loss(given: Any) -> bool:
    """Return whether a value is a loss; a class, or a partial of one, is a factory of one."""
    while isinstance(given, partial):
        given = given.func
    return callable(given) and not isinstance(given, type)


def recipe_of(given: Any) -> dict[str, Any]:
    """Return what was given in plain JSON values, with an identity if these don't tell it."""
    spec = spec_of_object(given)
    if spec.init_args is None or "<" in spec.class_path:
        return {**spec.to_dict(), "identity": uuid4().hex}
    return spec.to_dict()


def mixed_sampler(
    counts: np.ndarray, positions: int, size: int, alpha: float = 0.5
) -> UnionSampler:
    """Return a sampler of the targets of a batch and of items drawn by popularity."""
    in_batch = InBatchSampler(counts, positions)
    return UnionSampler([in_batch, PopularitySampler(counts, size, alpha)])


def auto_sampler(
    items: np.ndarray, counts: np.ndarray, positions: int, size: int, trains_encoders: bool
) -> Sampler:
    """Return the default: in-batch if encoders are trained, else all items or a draw of them."""
    if trains_encoders:
        return InBatchSampler(counts, positions)
    if len(items) <= FULL_UP_TO:
        return FullSampler(items)
    return PopularitySampler(counts, size)


SLOTS = {
    slot.name: slot
    for slot in (
        Slot(
            "fusion",
            {
                "concat": ConcatFusion,
                "siamese": SiameseFusion,
                "attention": AttentionFusion,
                "gated": GatedFusion,
                "bilinear": BilinearFusion,
                "experts": ExpertsFusion,
                "film": FiLMFusion,
                "sum": SumFusion,
                "additive": AdditiveFusion,
            },
            "concat",
            "mmrec.fusion",
        ),
        Slot(
            "interest",
            {
                "gru4rec": GRUInterest,
                "sasrec": SelfAttentionInterest,
                "lrurec": LinearRecurrentInterest,
                "hstu": HSTUInterest,
                "ligr": LiGRInterest,
                "narm": NARMInterest,
                "nrms": NRMSInterest,
                "additive": AdditiveAttentionInterest,
                "mean": MeanInterest,
                "last": partial(MeanInterest, decay=0.0),
            },
            "gru4rec",
            "mmrec.interest",
        ),
        Slot("request", {"time": RequestTime}, "time", "mmrec.interest"),
        Slot(
            "scorer",
            {
                "dot": DotScorer,
                "cosine": partial(DotScorer, normalize=True, temperature=0.07),
                "bilinear": BilinearScorer,
            },
            "dot",
            "mmrec.scoring",
        ),
        Slot(
            "reranker",
            {"mlp": MLPScorer, "dcn": DCNScorer, "mol": MixtureOfLogitsScorer},
            None,
            "mmrec.scoring",
        ),
        Slot(
            "loss",
            {
                "softmax": softmax_loss,
                "bpr": bpr_loss,
                "bce": bce_loss,
                "gbce": gbce_loss,
                "bpr-max": bpr_max_loss,
                "top1-max": top1_max_loss,
                "hard-bpr": hard_bpr_loss,
            },
            "softmax",
            "mmrec.losses",
            is_loss,
        ),
        Slot(
            "negatives",
            {
                "auto": auto_sampler,
                "full": FullSampler,
                "in-batch": InBatchSampler,
                "popularity": PopularitySampler,
                "uniform": UniformSampler,
                "mixed": mixed_sampler,
            },
            "auto",
            "mmrec.sampling",
            lambda given: isinstance(given, Sampler) and not isinstance(given, type),
        ),
    )
}
"""The slots of a model by name, each with the short names of its parts."""

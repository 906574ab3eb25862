"""Puts affinities into a trained model, and takes them out again."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar, cast

import torch
from torch import nn

from mmrec.affinities.content import NOVELTY_COLUMNS, ContentDirections
from mmrec.affinities.fusion import AffinityFusion
from mmrec.affinities.interest import AffinityInterest, SteppingAffinityInterest
from mmrec.affinities.scorer import AffinityScorer, LearnedRequest, LearnedReranker
from mmrec.encoders import Encoder
from mmrec.interest import SteppingInterest
from mmrec.models import SequentialModel

T = TypeVar("T", bound=nn.Module)


@dataclass(frozen=True)
class ContentAffinity:
    """The shape of the affinities of content in a model; their numbers are in its weights.

    Attributes:
        dims: number of directions of each modality, by name.
        decay: weight of an event relative to the one after it.
        negative_types: event types that say no.
        identity: the modality that new items lack, see :class:`mmrec.affinities.ContentDirections`.
        novelty: whether new items are told from others, see the same.
    """

    dims: Mapping[str, int] = field(default_factory=dict)
    decay: float = 0.8
    negative_types: tuple[int, ...] = ()
    identity: str | None = None
    novelty: bool = False

    @property
    def blocks(self) -> list[int]:
        """Width of each block of columns."""
        return [*self.dims.values(), *([NOVELTY_COLUMNS] if self.novelty else [])]

    @classmethod
    def of(cls, model: SequentialModel) -> "ContentAffinity | None":
        """Return the affinities of a model, or None if it has none."""
        fusion, interest = model.items.fusion, model.interest
        if not isinstance(fusion, AffinityFusion) or not isinstance(interest, AffinityInterest):
            return None
        content, no = fusion.content, tuple(interest.negative_types)
        return cls(content.dims, interest.decay, no, content.identity, content.novelty)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "dims": dict(self.dims),
            "identity": self.identity,
            "novelty": self.novelty,
            "decay": self.decay,
            "negative_types": list(self.negative_types),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ContentAffinity":
        """Return what :meth:`to_dict` has written."""
        decay, no = float(values["decay"]), tuple(values["negative_types"])
        novelty = bool(values.get("novelty", False))
        return cls(dict(values["dims"]), decay, no, values["identity"], novelty)


def with_content(model: SequentialModel, affinity: ContentAffinity) -> SequentialModel:
    """Return a model whose scores have the affinities of content too; all weights are 0 at first.

    The parts are shared with ``model``, which stays as it is.
    """
    width, new = sum(affinity.blocks), affinity.novelty
    tensors = chain(model.parameters(), model.buffers())
    device = next((tensor.device for tensor in tensors), torch.device("cpu"))
    if affinity.identity is not None and affinity.identity not in model.items.encoders:
        names = sorted(model.items.encoders)
        raise ValueError(f"identity must be one of {names}, or None; got {affinity.identity!r}")
    widths = {name: cast(Encoder, part).dim for name, part in model.items.encoders.items()}
    content = ContentDirections(widths, affinity.dims, affinity.identity, novelty=new).to(device)
    kind = (
        SteppingAffinityInterest
        if isinstance(model.interest, SteppingInterest)
        else AffinityInterest
    )
    interest = kind(
        model.interest,
        affinity.blocks,
        decay=affinity.decay,
        negative_types=affinity.negative_types,
        novelty=new,
    )
    for name, buffer in interest.named_buffers(recurse=False):
        setattr(interest, name, buffer.to(device))
    reranker, request = model.reranker, model.request
    return _with(
        model,
        items=_with(model.items, fusion=AffinityFusion(model.items.fusion, content)),
        interest=interest,
        scorer=AffinityScorer(model.scorer, width, novelty=new).to(device),
        reranker=None if reranker is None else LearnedReranker(reranker, width),
        request=None if request is None else LearnedRequest(request, width),
    ).train(model.training)


def learned(model: SequentialModel) -> SequentialModel:
    """Return the model without its affinities: what was trained."""
    fusion, interest, scorer = model.items.fusion, model.interest, model.scorer
    if not (
        isinstance(fusion, AffinityFusion)
        and isinstance(interest, AffinityInterest)
        and isinstance(scorer, AffinityScorer)
    ):
        return model
    reranker, request = model.reranker, model.request
    return _with(
        model,
        items=_with(model.items, fusion=fusion.fusion),
        interest=interest.interest,
        scorer=scorer.scorer,
        reranker=reranker.reranker if isinstance(reranker, LearnedReranker) else None,
        request=request.request if isinstance(request, LearnedRequest) else None,
    )


def _with(module: T, **parts: Any) -> T:
    """Return a module with other parts; it shares the rest with ``module``."""
    made = copy(module)
    made._modules = {**module._modules, **parts}
    return made

"""The affinities of a recommender: chosen on validation, and as they were at times of a log."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.affinities import (
    COUNTED,
    AffinityFusion,
    AffinityInterest,
    AffinityScorer,
    ContentAffinity,
    Counted,
    Returns,
    Unseen,
    counted_in,
    learned,
    with_content,
)
from mmrec.affinities.candidates import Terms
from mmrec.affinities.choice import LARGEST, NOTHING, choose_weights
from mmrec.affinities.cold import choose_for_cold
from mmrec.affinities.content import SHORTEST
from mmrec.affinities.new_items import (
    CONTENT,
    LEARNED,
    NEW,
    NEW_ITEM,
    NEW_LEARNED,
    NOVELTY,
    UNSEEN,
    usual,
)
from mmrec.baselines import EASE
from mmrec.data import Role, Sequences, Source, Split
from mmrec.encoders import Encoder, FeatureEncoder, GivenEncoder
from mmrec.models import SequentialModel, check_products, encode_with_contributions
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.leaks import TRAINED
from mmrec.recommender.pipeline.requests import ValidRequests
from mmrec.recommender.pipeline.trend import trending

log = logging.getLogger(__name__)

DIRECTIONS = 128
"""Directions of a modality, at most."""

FITTED = 5_000
"""Items that directions are computed from, at most."""

MOST = 5_000
"""Validation requests on which weights are chosen, at most; with fewer, gains are lost in noise."""

COLD = 2_000
"""The same of those that led to an item without events."""

OWN = (NEW_ITEM, NOVELTY, NEW_LEARNED)
"""Weights of new items alone that lie beside the learned vectors, and those whose names begin with
``new:``."""

SIDE = 10_000
"""Users or items with events, whichever are fewer, up to which EASE is tried."""


def with_affinities(
    state: RecommenderState,
    sources: Mapping[str, Source],
    split: Split,
    start: RecommenderState | None = None,
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a state with the affinities that lift validation, and facts for the report.

    Without the option ``affinities`` there are none. With too few validation events they are those
    of ``start``.

    Args:
        state: a trained state.
        sources: the content of its items.
        split: labelled events.
        start: the recommender that was updated; None for a new one.
    """
    requests = ValidRequests.of(state.labelled(split))
    before: dict[str, Counted | None] = {}
    if start is not None:
        before |= {one.kind: one for one in start.neighbours}
    if not state.options.affinities or not _is_product(state.model):
        _say_lost(before)
        return state, {}
    if len(state.catalog) > LARGEST:
        log.warning("affinities are left out: there are more than %s items", f"{LARGEST:,}")
        _say_lost(before)
        return state, {}
    if not requests.enough:
        weights = {} if start is None else weights_of(start)
        return attach(state, sources, split, weights, before), {}
    tried = dict.fromkeys(COUNTED, 1.0)
    if "ease" not in before and EASE.side(split.train) > SIDE:
        del tried["ease"]
    if Returns.kind not in before and not _keeps_met_items(split):
        del tried[Returns.kind]
    counted = _counted(state, tried, split.train, before)
    tried = {f"{CONTENT}{name}": 1.0 for name in _frozen(state.model)}
    if _identity(state) is not None:
        tried[NOVELTY] = 1.0
    wide = _with_directions(state, sources, tried)
    weights, facts = _chosen(state, wide, counted, requests, start)
    if start is not None and (new := [n for n in weights if n in COUNTED and n not in before]):
        log.warning(
            "%s: counted in the %s events of this log alone; the RUN has no earlier counts",
            " and ".join(new),
            f"{len(split.sequences.item):,}",
        )
    return attach(state, sources, split, weights, before), {"affinities": facts}


def _chosen(
    state: RecommenderState,
    wide: RecommenderState,
    counted: Mapping[str, Counted],
    requests: ValidRequests,
    start: RecommenderState | None,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights that validation chooses: among items with events, then for new ones.

    With too few validation events on items with events, their weights are those of ``start``.
    """
    given = {} if start is None else weights_of(start)
    before = {name: weight for name, weight in given.items() if weight}
    of_new = {n: w for n, w in before.items() if n in (UNSEEN, *OWN) or n.startswith(NEW)}
    weights = {n: weight for n, weight in before.items() if n not in of_new}
    names, seed = [*_content_names(wide.model), *counted], state.options.seed
    last = counted[UNSEEN]
    assert isinstance(last, Unseen)
    unseen = last.totals == 0
    new = unseen.numpy()[requests.targets]
    some = requests.where(~new).drawn(MOST, seed)
    facts = dict[str, Any](NOTHING)
    if some.enough:
        weights, facts = choose_weights(
            _terms(state, wide, counted, some, left_out=unseen),
            names,
            some.targets,
            some.users,
            usual=weights,
            seed=seed,
        )
    cold, apart = requests.where(new).drawn(COLD, seed), _identity(state) is not None
    both = some.joined(cold)
    weights, more = choose_for_cold(
        _terms(state, wide, counted, both, of_new=True),
        [LEARNED, *names[: -len(counted)], NOVELTY, *counted] if apart else names,
        weights,
        both.targets,
        both.users,
        unseen,
        apart=apart,
        cost=state.options.new_item_cost,
        unit=1 / facts["factor"],
        share=float(new.mean()) if len(new) else None,
        of_new=of_new,
        seed=seed,
    )
    return weights, {**facts, "weights": weights, "cold": more}


def _terms(
    state: RecommenderState,
    wide: RecommenderState,
    counted: Mapping[str, Counted],
    requests: ValidRequests,
    left_out: Bool[Tensor, " V1"] | None = None,
    of_new: bool = False,
) -> Terms:
    """Return what gives the scores of a state, with its trend, and the affinities for requests.

    Items that are ``left_out`` are no candidates. With ``of_new`` there are also what was learned,
    without the trend, and novelty, if items can lack an id: of these new items have weights of
    their own.
    """
    scorer = trending(replace(state, neighbours=()), requests.split, "valid")
    contents = len(_content_names(wide.model))

    def terms(rows: np.ndarray) -> Float[Tensor, "b K V1"]:
        scores = requests.scores(scorer, rows)
        histories = requests.histories(rows)
        content = [part.cpu() for part in _cosines(wide, histories.to(wide.vectors.device))]
        near = [one.bonus(histories, scores.shape[1] - 1) for one in counted.values()]
        found = [*content[:contents], *near]
        if of_new and len(content) > contents:
            learned = scores
            if scorer.trend is not None and scorer.trend.active:
                learned = requests.scores(state.learned_scorer, rows)
            learned = learned.masked_fill(learned == -torch.inf, 0.0)
            found = [learned, *content, *near]
        scores = scores.masked_fill(requests.excluded(rows), -torch.inf)
        if left_out is not None:
            scores = scores.masked_fill(left_out, -torch.inf)
        return torch.stack([scores, *found], 1)

    return terms


def attach(
    state: RecommenderState,
    sources: Mapping[str, Source],
    split: Split,
    weights: Mapping[str, float],
    before: Mapping[str, Counted | None],
) -> RecommenderState:
    """Return a state with affinities of given weights; events of all parts are counted.

    Those of which there were counts ``before`` an update continue them. If validation doesn't want
    one of these any more, it has the weight 0 and is counted all the same, since a later update may
    take it again.
    """
    near = {name: 0.0 for name, counted in before.items() if counted is not None}
    near |= {name: weight for name, weight in weights.items() if name in COUNTED}
    every = split.sequences.without_negatives()
    counted = _counted(state, near, every, before)
    content = {n: w for n, w in weights.items() if n.startswith((CONTENT, NEW)) or n in OWN}
    if content:
        state = _with_directions(state, sources, content)
    return replace(state, neighbours=tuple(counted.values()))


def weights_of(state: RecommenderState) -> dict[str, float]:
    """Return the weights of the affinities of a state, by name."""
    return {**_weights(state.model), **{one.kind: one.weight for one in state.neighbours}}


def recounted(state: RecommenderState, events: Sequences) -> tuple[Counted, ...]:
    """Return the counted affinities of a state as they were after some events."""
    weights: dict[str, float] = {one.kind: one.weight for one in state.neighbours}
    before: dict[str, Counted | None] = {one.kind: one.before for one in state.neighbours}
    return tuple(_counted(state, weights, events.without_negatives(), before).values())


def continuing(state: RecommenderState, split: Split) -> RecommenderState:
    """Return a state whose affinities are counted in a log as is right for that log.

    The log of the training, or of the last update, goes on from the counts before it. A log of
    later events goes on from the counts that are served. Any other is counted alone.
    """
    trained = state.about.get(TRAINED, {}).get("split")
    if not state.neighbours or trained == split.fingerprint:
        return state
    events, end = split.sequences, max(one.until for one in state.neighbours)
    if events.timed and float(events.time.min()) > end:
        near = [one.updated(one.updated(None)) for one in state.neighbours]
        return replace(state, neighbours=tuple(near))
    if any(one.before is not None for one in state.neighbours):
        count = f"{len(events.item):,}"
        log.warning("affinities are counted in the %s events of this log alone", count)
    return replace(state, neighbours=tuple(one.updated(None) for one in state.neighbours))


def _keeps_met_items(split: Split) -> bool:
    """Whether lists keep items that their user has met: those of events that are context."""
    labels = split.sequences.labels
    return labels is not None and bool((labels.role == Role.CONTEXT).any())


def _say_lost(before: Mapping[str, Counted | None]) -> None:
    if before:
        log.warning("without affinities, the counts of %s are lost", " and ".join(before))


def _counted(
    state: RecommenderState,
    weights: Mapping[str, float],
    events: Sequences,
    before: Mapping[str, Counted | None],
) -> dict[str, Counted]:
    no, size = state.reader.negative_types, len(state.catalog)
    events = events.without_negatives()
    counted = {}
    for name, weight in weights.items():
        counted[name] = counted_in(name, events, size, no, before.get(name)).weighted(weight)
    return counted


def _with_directions(
    state: RecommenderState, sources: Mapping[str, Source], weights: Mapping[str, float]
) -> RecommenderState:
    """Return a state whose vectors have the directions of some modalities.

    Args:
        state: a trained state without directions.
        sources: the content of its items.
        weights: of ``content:`` for the modalities, of ``new:`` where it is another one for new
            items, ``new`` and ``novelty``.
    """
    if not weights:
        return state
    encoders = state.model.items.encoders
    widths = {name: cast(Encoder, part).dim for name, part in encoders.items()}
    names = [n.removeprefix(CONTENT).removeprefix(NEW) for n in weights if n not in OWN]
    dims = {name: min(DIRECTIONS, widths[name]) for name in dict.fromkeys(names)}
    affinity = ContentAffinity(
        dims,
        negative_types=state.reader.negative_types,
        identity=_identity(state),
        novelty=not weights.keys().isdisjoint(OWN),
    )
    model = with_content(state.model, affinity)
    fusion, interest, scorer = model.items.fusion, model.interest, model.scorer
    assert isinstance(fusion, AffinityFusion)
    assert isinstance(interest, AffinityInterest)
    assert isinstance(scorer, AffinityScorer)
    device = interest.weights.device
    fusion.content.fit({n: encoders[n](_sample(sources[n]).to(device)) for n in dims})
    known = torch.tensor([weights.get(f"{CONTENT}{name}", 0.0) for name in dims])
    new = torch.tensor(
        [weights.get(f"{NEW}{name}", own) for name, own in zip(dims, known.tolist(), strict=True)]
    )
    interest.weights[: len(dims)] = torch.maximum(known, new).to(device)
    if affinity.novelty:
        interest.weights[-1] = weights.get(NOVELTY, 0.0)
        interest.constant.fill_(weights.get(NEW_ITEM, 0.0))
        scorer.share.fill_(weights.get(NEW_LEARNED, 1.0))
    lengths = torch.stack([known, new]) / torch.maximum(known, new).clamp(min=1e-9)
    for buffer, length in zip((fusion.content.known, fusion.content.new), lengths, strict=True):
        buffer.copy_(length.clamp(min=SHORTEST))
    vectors, added = encode_with_contributions(model.items, sources, len(state.catalog))
    shares = fusion.without_lengths(added)
    return replace(state, model=model, vectors=vectors, modality_contributions=shares)


def _sample(source: Source) -> Tensor:
    rows = np.flatnonzero(source.present)
    if len(rows) > FITTED:
        rows = np.sort(np.random.default_rng(0).choice(rows, FITTED, replace=False))
    found = source.load(rows)
    assert isinstance(found, Tensor)  # features of frozen encoders
    return found


def _cosines(state: RecommenderState, histories: Any) -> list[Float[Tensor, "B V1"]]:
    interest = state.model.interest
    if not isinstance(interest, AffinityInterest):
        return []
    columns = state.vectors[:, -sum(interest.blocks) :]
    means = interest.recent(columns[histories.items], histories.mask, histories.event_type)
    parts = zip(means.split(interest.blocks, 1), columns.split(interest.blocks, 1), strict=True)
    return [mean @ directions.T for mean, directions in parts]


def _frozen(model: SequentialModel) -> list[str]:
    """Return the modalities whose features are frozen."""
    encoders = model.items.encoders.items()
    return [name for name, e in encoders if isinstance(e, FeatureEncoder | GivenEncoder)]


def _content_names(model: SequentialModel) -> list[str]:
    """Return the names of the affinities of content."""
    fusion = model.items.fusion
    dims = fusion.content.dims if isinstance(fusion, AffinityFusion) else ()
    return [f"{CONTENT}{name}" for name in dims]


def _weights(model: SequentialModel) -> dict[str, float]:
    """Return the weights of content, those for new items where they are others, and novelty."""
    fusion, interest, scorer = model.items.fusion, model.interest, model.scorer
    if not (
        isinstance(fusion, AffinityFusion)
        and isinstance(interest, AffinityInterest)
        and isinstance(scorer, AffinityScorer)
    ):
        return {}
    found = {}
    weights = interest.weights.tolist()
    lengths = fusion.content.known.tolist(), fusion.content.new.tolist()
    for name, weight, *pair in zip(fusion.content.dims, weights, *lengths, strict=False):
        known, new = (0.0 if length <= SHORTEST else weight * length for length in pair)
        if known:
            found[f"{CONTENT}{name}"] = known
        if new != known:
            found[f"{NEW}{name}"] = new
    if scorer.novelty:
        own = (float(interest.constant), weights[-1], float(scorer.share))
        found |= {n: w for n, w in zip(OWN, own, strict=True) if w != usual(n, {})}
    return found


def _identity(state: RecommenderState) -> str | None:
    """Return the modality that new items lack, or None."""
    given = [name for name, one in state.modalities.items() if not one.modality.has_content]
    return given[0] if given else None


def _is_product(model: SequentialModel) -> bool:
    """Whether the scores are those of the scorer, to which a product can be added."""
    try:
        check_products(learned(model))
    except ValueError:
        return False
    return True

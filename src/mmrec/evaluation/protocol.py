"""Ranking the whole catalogue for every held-out event."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.data.device import OnDevice
from mmrec.data.splits import by_length, seen_before, target_users
from mmrec.metrics import (
    catalog_coverage,
    hit_rate,
    mrr,
    ndcg,
    rank_of_target,
)


@runtime_checkable
class Ranker(Protocol):
    """Anything that scores the catalogue for histories: a model, a baseline."""

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index; higher is better.

        A ranker of two stages also has ``rerank(scores, histories, exclude)``, which gives the
        final scores once it is known which items (``(B, V + 1)``, True) are not to be ranked.
        """
        ...


@dataclass(frozen=True)
class HeldOut(OnDevice):
    """Events to predict, with what came before them.

    Attributes:
        target: the item to find, ``(B,)``.
        histories: the user's last events before it.
        seen: rows and items of everything met before, ``(2, S)``.
        position: where in the split the targets are, ``(B,)``.
    """

    target: Int[Tensor, " B"]
    histories: Histories
    seen: Int[Tensor, "2 S"]
    position: Int[np.ndarray, " B"]


@dataclass(frozen=True)
class Ranks:
    """The rank of every target, and the lists that were on top.

    Attributes:
        rank: 1 = best; V + 1 where the target was filtered out, ``(N,)``.
        target: catalogue index, ``(N,)``.
        position: where in the split the target is, ``(N,)``.
        top: the first ``k`` items, 0 where there are no more candidates, ``(N, k)``.
    """

    rank: Int[Tensor, " N"]
    target: Int[Tensor, " N"]
    position: Int[np.ndarray, " N"]
    top: Int[Tensor, "N k"]

    def where(self, mask: np.ndarray) -> "Ranks":
        """Return the rows where ``mask`` is True."""
        chosen = torch.from_numpy(mask)
        return Ranks(self.rank[chosen], self.target[chosen], self.position[mask], self.top[chosen])


def held_out(
    split: Split,
    part: str,
    *,
    max_length: int,
    batch_size: int = 256,
    at_most: int | None = None,
) -> Iterator[HeldOut]:
    """Yield every event of ``part`` with the ``max_length`` events before it.

    Batches hold histories of like length. A first event has an empty history (one padding step).
    With ``at_most``, a draw of so many events that is the same each time stands for all.
    """
    events, chosen = split.sequences, split.targets(part)
    if at_most is not None and len(chosen) > at_most:
        chosen = np.random.default_rng(0).choice(chosen, at_most, replace=False)
    for targets in by_length(split, chosen, batch_size):
        starts = events.offsets[target_users(split, targets)]
        lengths = np.minimum(targets - starts, max_length)
        steps = max(int(lengths.max()), 1)
        mask = np.arange(steps) < lengths[:, None]
        at = np.where(mask, (targets - lengths)[:, None] + np.arange(steps), 0)
        yield HeldOut(
            target=torch.from_numpy(events.item[targets]),
            histories=Histories(
                items=torch.from_numpy(np.where(mask, events.item[at], 0)),
                gap=torch.from_numpy(np.where(mask, events.gap[at], 0.0)).float(),
                kind=torch.from_numpy(np.where(mask, events.kind[at], 0)),
            ),
            seen=torch.from_numpy(np.stack(seen_before(split, targets))),
            position=targets,
        )


def rank_targets(
    ranker: Ranker,
    split: Split,
    part: str = "test",
    *,
    filter_seen: bool = True,
    max_length: int = 200,
    batch_size: int = 256,
    k: int = 10,
) -> Ranks:
    """Rank all of ``split.candidates`` for every event of ``part``.

    Ties count against the model. With ``filter_seen``, items the user has met before are not
    candidates; a target that is one of them can't be recommended, so it is a miss.

    Raises:
        ValueError: ``part`` is none, or the scores are not those of this catalogue.

    Example:
        >>> from mmrec.baselines import Popularity
        >>> from mmrec.data import Catalog, Interactions, split_by_time
        >>> log = Interactions(
        ...     {"user_id": list("uv") * 5, "item_id": list("aabaababac"), "timestamp": range(10)}
        ... )
        >>> split = split_by_time(log, Catalog({"item_id": ["a", "b", "c"]}))
        >>> rank_targets(Popularity().fit(split.train, 3), split, filter_seen=False).rank
        tensor([3])
    """
    return _rank(ranker, split, part, (filter_seen,), max_length, batch_size, k)[0]


def rank_with_and_without_seen(
    ranker: Ranker,
    split: Split,
    part: str = "test",
    *,
    max_length: int = 200,
    batch_size: int = 256,
    k: int = 10,
) -> tuple[Ranks, Ranks]:
    """Do :func:`rank_targets` with seen items filtered, and with all items, scoring once."""
    filtered, everything = _rank(ranker, split, part, (True, False), max_length, batch_size, k)
    return filtered, everything


def _rank(
    ranker: Ranker,
    split: Split,
    part: str,
    filters: tuple[bool, ...],
    max_length: int,
    batch_size: int,
    k: int,
) -> list[Ranks]:
    """Score every event of a part once, and rank it for each choice of the seen filter."""
    blocked = torch.ones(split.catalog_size + 1, dtype=torch.bool)
    blocked[torch.from_numpy(split.candidates)] = False
    rerank = getattr(ranker, "rerank", None)
    parts: list[list[Ranks]] = [[] for _ in filters]
    for rows in held_out(split, part, max_length=max_length, batch_size=batch_size):
        scores = ranker.scores(rows.histories).float()
        shape = (len(rows.target), len(blocked))
        if scores.shape != shape:
            raise ValueError(
                f"scores must be {shape}, one column an index; got {tuple(scores.shape)}"
            )
        for filter_seen, ranked in zip(filters, parts, strict=True):
            exclude = blocked.to(scores.device).repeat(len(scores), 1)
            if filter_seen:
                exclude[rows.seen[0], rows.seen[1]] = True
            final = scores if rerank is None else rerank(scores, rows.histories, exclude)
            rank = rank_of_target(final, rows.target.to(scores.device), exclude)
            top = final.masked_fill(exclude, -torch.inf).topk(min(k, len(split.candidates)))
            listed = top.indices.masked_fill(exclude.gather(1, top.indices), 0)
            ranked.append(Ranks(rank.cpu(), rows.target, rows.position, listed.cpu()))
    return [_joined(ranked) for ranked in parts]


def _joined(parts: list[Ranks]) -> Ranks:
    return Ranks(
        torch.cat([part.rank for part in parts]),
        torch.cat([part.target for part in parts]),
        np.concatenate([part.position for part in parts]),
        torch.cat([part.top for part in parts]),
    )


def summarize(
    ranks: Ranks, catalog_size: int, ks: tuple[int, ...] = (10, 20)
) -> dict[str, float | int]:
    """Return the mean metrics at each cut-off, coverage and the number of targets.

    With one relevant item HR@k is also the recall, and MAP@k is also the MRR.
    """
    result: dict[str, float | int] = {"targets": len(ranks.rank)}
    if not len(ranks.rank):
        return result
    for k in ks:
        result[f"ndcg@{k}"] = ndcg(ranks.rank, k).mean().item()
        result[f"hr@{k}"] = hit_rate(ranks.rank, k).mean().item()
        result[f"mrr@{k}"] = mrr(ranks.rank, k).mean().item()
    result["coverage@10"] = float(catalog_coverage(ranks.top[:, :10], catalog_size))
    return result

"""Scores of labeled impressions, and a report of how good they are."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Impressions
from mmrec.data.impression_batch import histories_of, shown_in
from mmrec.metrics import (
    Calibration,
    auc,
    auc_by_group,
    calibration_curve,
    log_loss,
    mrr,
    ndcg,
    ranks_of_clicks,
)
from mmrec.models import ClickModel


@torch.no_grad()
def score_impressions(
    model: ClickModel,
    impressions: Impressions,
    vectors: Float[Tensor, "V1 D"],
    *,
    max_length: int = 50,
    batch_size: int = 256,
) -> Float[Tensor, " S"]:
    """Return the score of everything that was shown, in the order of ``impressions.item``.

    Args:
        model: the model, which scores in evaluation mode.
        impressions: what was shown.
        vectors: the vector of every catalogue index, see :func:`mmrec.models.encode_catalog`.
        max_length: number of last events of a history.
        batch_size: number of impressions that are scored at once.
    """
    scores = torch.zeros(len(impressions.item))
    order = np.argsort(np.diff(impressions.offsets), kind="stable")  # little padding
    training = model.training
    model.eval()
    try:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            items = torch.from_numpy(shown_in(impressions, rows)[0])
            found = model.score(histories_of(impressions, rows, max_length), items, vectors)
            at = np.concatenate([np.arange(*impressions.offsets[row : row + 2]) for row in rows])
            scores[torch.from_numpy(at)] = found.cpu().float()[items > 0]
    finally:
        model.train(training)
    return scores


@dataclass(frozen=True)
class ClickReport:
    """How well scores rank clicks, and how true they are as probabilities.

    Attributes:
        impressions: number of impressions.
        shown: number of items shown.
        click_rate: share that was clicked.
        auc: over all items.
        auc_by_impression: mean over impressions with a click and an item that was not clicked.
        auc_by_user: mean over users with both.
        ndcg_at_5: mean over impressions with a click.
        ndcg_at_10: the same.
        mrr: of the best click of an impression, the same mean.
        log_loss: mean over all items, of the sigmoid of the scores.
        calibration: predicted and true click rates.
    """

    impressions: int
    shown: int
    click_rate: float
    auc: float
    auc_by_impression: float
    auc_by_user: float
    ndcg_at_5: float
    ndcg_at_10: float
    mrr: float
    log_loss: float
    calibration: Calibration

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None for what has no value, as the AUC without a click."""
        curve = {
            name: [_plain(value) for value in values.tolist()]
            for name, values in self.calibration._asdict().items()
        }
        numbers = {name: value for name, value in vars(self).items() if name != "calibration"}
        return {name: _plain(value) for name, value in numbers.items()} | {"calibration": curve}

    def table(self) -> str:
        """Return the calibration as a table: a line for each bin that is not empty."""
        lines = [f"{'predicted':>9} {'clicked':>9} {'items':>9}"]
        for predicted, clicked, count in zip(*map(Tensor.tolist, self.calibration), strict=True):
            if count:
                lines.append(f"{predicted:9.3f} {clicked:9.3f} {count:9,}")
        return "\n".join(lines)


def report_clicks(
    scores: Float[Tensor, " S"], impressions: Impressions, *, bins: int = 10
) -> ClickReport:
    """Return what scores are worth.

    Args:
        scores: the score of everything that was shown, in the order of ``impressions.item``. Log
            loss and calibration take the sigmoid for a probability.
        impressions: what was shown and clicked.
        bins: bins of the calibration, with about as many items in each.

    Raises:
        ValueError: the scores do not belong to the impressions, or one is NaN.

    Example:
        >>> from mmrec.data import Catalog, Interactions, read_impressions
        >>> log = {"user_id": ["u"] * 3, "item_id": [7, 8, 9], "timestamp": [5, 5, 5]}
        >>> log |= {"event": ["impression", "click", "impression"], "impression_id": [1, 1, 1]}
        >>> made = read_impressions(Interactions(log), Catalog({"item_id": [7, 8, 9]}))
        >>> report = report_clicks(torch.tensor([1.0, 2.0, 3.0]), made, bins=2)
        >>> report.auc, report.mrr
        (0.5, 0.5)
    """
    if scores.shape != impressions.item.shape:
        raise ValueError(
            f"expected a score for each of the {len(impressions.item)} items shown; got scores of "
            f"shape {tuple(scores.shape)}"
        )
    scores, clicked = scores.cpu(), torch.from_numpy(impressions.clicked)
    number = torch.from_numpy(impressions.impression)
    ranks = _ranks(scores, impressions)
    return ClickReport(
        impressions=len(impressions),
        shown=len(scores),
        click_rate=float(clicked.double().mean()),
        auc=float(auc(scores, clicked)),
        auc_by_impression=float(auc_by_group(scores, clicked, number).nanmean()),
        auc_by_user=float(
            auc_by_group(scores, clicked, torch.from_numpy(impressions.user)[number]).nanmean()
        ),
        ndcg_at_5=float(ndcg(ranks, 5).mean()),
        ndcg_at_10=float(ndcg(ranks, 10).mean()),
        mrr=float(mrr(ranks).mean()),
        log_loss=float(log_loss(scores, clicked)),
        calibration=calibration_curve(scores.double().sigmoid(), clicked, bins=bins),
    )


def _plain(value: int | float) -> int | float | None:
    return None if math.isnan(value) else value


def _ranks(scores: Tensor, impressions: Impressions) -> Tensor:
    """Return the ranks of the clicks of each impression that has one."""
    hits = np.unique(impressions.impression[impressions.clicked])
    items, clicked = shown_in(impressions, hits)
    shown = torch.from_numpy(items > 0)
    kept = np.isin(impressions.impression, hits)
    table = torch.zeros(items.shape).masked_scatter(shown, scores[torch.from_numpy(kept)].float())
    return ranks_of_clicks(table, torch.from_numpy(clicked), shown)

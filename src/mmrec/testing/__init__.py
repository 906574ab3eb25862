"""Checks that a part of your own keeps the contract of its slot.

Each check takes what :meth:`mmrec.Recommender.fit` takes for a slot, runs the clauses of the
contract in ``<room>/protocol.py``, and returns their names. A broken clause raises a
:class:`ContractError` with one sentence that says what was expected and what arrived.

Example:
    >>> from mmrec.interest import GRUInterest
    >>> "step" in check_interest(GRUInterest)
    True
"""

from mmrec.testing.contract import ContractError
from mmrec.testing.encoder import check_encoder
from mmrec.testing.fusion import check_fusion
from mmrec.testing.interest import check_interest
from mmrec.testing.loss import check_loss
from mmrec.testing.reranker import check_reranker
from mmrec.testing.sampler import check_sampler
from mmrec.testing.scorer import check_scorer
from mmrec.testing.target_aware import check_target_aware

__all__ = [
    "ContractError",
    "check_encoder",
    "check_fusion",
    "check_interest",
    "check_loss",
    "check_reranker",
    "check_sampler",
    "check_scorer",
    "check_target_aware",
]

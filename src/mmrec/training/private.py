"""Differentially private training: one user's events have a provably small effect."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.data import Batch, ItemPool
from mmrec.encoders import GraphIdEncoder, IdEncoder
from mmrec.encoders.protocol import reads_raw_values
from mmrec.losses import Loss
from mmrec.models import SequentialModel
from mmrec.training.averaging import AveragedWeights
from mmrec.training.optimizers import build_optimizer, warmup_cosine
from mmrec.training.private_batches import UserBatches
from mmrec.training.private_budget import needs_opacus, noise_multiplier, spent

NOT_COVERED = (
    "the metrics and target ranks of this report",
    "the items' counts, which rank the items for a user without history",
    "the number of users, the names of event types and the times of a split by time, which are "
    "treated as public",
)
"""What the guarantee does not cover: other results of the events, and what counts as public."""


def train_privately(
    model: SequentialModel,
    batches: UserBatches,
    loss: Loss,
    *,
    epsilon: float,
    delta: float,
    max_grad_norm: float = 1.0,
    epochs: int = 40,
    lr: float = 3e-3,
    weight_decay: float = 0.01,
    ema: float = 0.98,
) -> dict[str, Any]:
    r"""Train ``model`` in place by DP-SGD, with the optimizer and accountant of Opacus.

    Adding, removing or changing all events of one user changes the probability of any set of
    trained weights by a factor of at most :math:`e^\varepsilon`, except with probability ``delta``.
    In each step users are drawn at random, the gradient of each is clipped to ``max_grad_norm``,
    and Gaussian noise of ``noise_multiplier * max_grad_norm`` is added to the sum. Items are frozen
    features, which are treated as public; their fusion is trained with the rest.

    The final weights are the moving average after the last step. Choosing the best epoch on
    held-out events of the same users would use their data once more. Randomness is from the
    operating system, so no two trainings are equal.

    Args:
        model: a model of frozen features with any interest and no reranker.
        batches: draws users and candidates, on the model's device.
        loss: the loss of the logits of a pool, see :mod:`mmrec.losses`.
        epsilon: the budget for the whole training.
        delta: the probability that the bound fails; well below one over the number of users.
        max_grad_norm: the norm to which a user's gradient is clipped.
        epochs: passes over the users, on average.
        lr: learning rate of AdamW, which rises and falls as in other trainings.
        weight_decay: weight decay of AdamW.
        ema: decay of the moving average; 0 for the weights of the last step.

    Returns:
        The guarantee reached: epsilon, delta, unit, noise_multiplier, max_grad_norm, sample_rate,
        steps, accountant, users, and a list of what is not covered.

    Raises:
        ImportError: Opacus is not installed.
        ValueError: the model has ids, trained encoders, a reranker or an auxiliary loss, the loss
            has weights that are trained, the budget is too low, or the weights are no longer
            finite.

    References:
        Abadi et al., "Deep Learning with Differential Privacy" (arXiv 1607.00133).
        Mironov et al., "Rényi Differential Privacy of the Sampled Gaussian Mechanism"
        (arXiv 1908.10530), for the accountant.
    """
    needs_opacus()
    from opacus.accountants import RDPAccountant
    from opacus.optimizers import DPOptimizer

    check_model(model)
    check_weightless(loss)
    parameters = trained_parameters(model)
    device = parameters[0].device
    steps = epochs * math.ceil(1 / batches.sample_rate)
    noise = noise_multiplier(epsilon, delta, batches.sample_rate, steps)
    inner = build_optimizer(model, lr, lr, weight_decay)
    optimizer = DPOptimizer(
        inner,
        noise_multiplier=noise,
        max_grad_norm=max_grad_norm,
        expected_batch_size=batches.sample_rate * batches.users,
        secure_mode=True,  # otherwise the lowest bits of a sum could reveal the noise
    )
    accountant = RDPAccountant()
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(batches.sample_rate))
    schedule = warmup_cosine(inner, steps, 0.05)
    average = AveragedWeights(model, ema) if ema else None
    model.train()
    # Do not use the caller's seed: who knows it could compute the noise.
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.seed()
        for _ in range(steps):
            pool, users = batches.draw()
            private_step(optimizer, parameters, user_gradients(model, loss, pool, users))
            schedule.step()
            if average is not None:
                average.update_parameters(model)
    if average is not None:
        model.load_state_dict(average.module.state_dict())
    if not all(torch.isfinite(value).all() for value in model.parameters()):
        raise ValueError("weights are no longer finite at the end of training; try a lower lr")
    model.eval()
    return {
        "epsilon": spent(accountant, delta),
        "delta": delta,
        "unit": "user",
        "noise_multiplier": noise,
        "max_grad_norm": max_grad_norm,
        "sample_rate": batches.sample_rate,
        "steps": sum(count for _, _, count in accountant.history),
        "accountant": accountant.mechanism(),
        "users": batches.users,
        "not_covered": list(NOT_COVERED),
    }


def user_gradients(
    model: SequentialModel, loss: Loss, pool: ItemPool, users: Iterable[Batch]
) -> Iterator[tuple[Tensor, ...]]:
    """Yield for each user the gradient of the loss of their sequence, one tensor per parameter.

    The pool is encoded once for all users. Users are processed one after the other, so that any
    interest model can be used unchanged, and memory holds the gradient of one user.

    Args:
        model: the model.
        loss: the loss of the logits of a pool.
        pool: the items of the step.
        users: for each user a batch of one sequence, which indexes the pool.
    """
    parameters, vectors = trained_parameters(model), model.items(pool)
    for user in users:
        states = model.interest(vectors[user.history], user.mask, user.gap, user.event_type)
        logits = model.scorer(model.at_request(states[0], user.since[0]), vectors)
        value = loss(logits, user.target[0], pool.candidates, pool.log_q)
        yield torch.autograd.grad(value, parameters, retain_graph=True, materialize_grads=True)


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are trained."""
    return [value for value in model.parameters() if value.requires_grad]


def private_step(
    optimizer: Any, parameters: list[nn.Parameter], gradients: Iterable[tuple[Tensor, ...]]
) -> None:
    """Take a step with clipped gradients and noise, or with noise alone if no user takes part.

    Args:
        optimizer: Opacus' ``DPOptimizer``.
        parameters: the trained parameters.
        gradients: the gradient of each user, one tensor per parameter.
    """
    for gradient in gradients:
        for parameter, value in zip(parameters, gradient, strict=True):
            parameter.grad_sample = value.unsqueeze(0)  # type: ignore[attr-defined]
        optimizer.signal_skip_step()  # only clips and accumulates
        optimizer.step()
        optimizer.zero_grad()
    for parameter in parameters:  # an empty batch, to add the noise
        parameter.grad_sample = parameter.new_zeros(0, *parameter.shape)  # type: ignore[attr-defined]
    optimizer.signal_skip_step(do_skip=False)
    optimizer.step()
    optimizer.zero_grad()


def check_model(model: SequentialModel) -> None:
    """Raise a ValueError for a model with parts that this training cannot keep private."""
    ids = (IdEncoder, GraphIdEncoder)
    if any(isinstance(encoder, ids) for encoder in model.items.encoders.values()):
        raise ValueError(
            "training with privacy has no id vectors, because an item's vector would reveal the "
            "few users who interacted with it; leave out ids"
        )
    trained = [name for name, part in model.items.encoders.items() if reads_raw_values(part)]
    if trained:
        raise ValueError(f"training with privacy needs frozen features; {trained} have encoders")
    if model.reranker is not None:
        raise ValueError("training with privacy needs the scorer 'dot'; the model has a reranker")
    for part in model.auxiliary_parts:
        raise ValueError(
            "training with privacy has no auxiliary loss, because its gradient is not clipped per "
            f"user; got {type(part).__name__} with auxiliary_weight {part.auxiliary_weight}"
        )


def check_weightless(loss: Loss) -> None:
    """Raise a ValueError for a loss with weights that are trained: they are not part of a model."""
    names = (
        []
        if not isinstance(loss, nn.Module)
        else [name for name, value in loss.named_parameters() if value.requires_grad]
    )
    if names:
        raise ValueError(
            f"training with privacy needs a loss without weights that are trained; got {names} in "
            f"{type(loss).__name__}"
        )

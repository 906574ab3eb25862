"""Differentially private training: what one user did hardly changes the weights, provably."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mmrec.data import Batch, ItemPool
from mmrec.models import SequentialModel
from mmrec.training.averaging import MovingAverage
from mmrec.training.module import Loss
from mmrec.training.optimizers import build_optimizer, warmup_cosine
from mmrec.training.private_batches import UserBatches
from mmrec.training.private_budget import needs_opacus, noise_multiplier, spent

NOT_COVERED = (
    "the metrics and target ranks of this report",
    "the items' counts, by which someone without a history is answered",
    "the number of users, the names of event types and the instants of a split by time, which are "
    "taken as public",
)
"""What is made of the events besides the weights, and what is not counted as private at all."""


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
    r"""Train ``model`` in place by DP-SGD, with Opacus' optimiser and accountant.

    Whatever one user's events are, and whether they are there at all, the odds of any set of
    trained weights change by :math:`e^\varepsilon` at most, but for a chance of ``delta``. In each
    step users take part by chance, the gradient of each is clipped to ``max_grad_norm``, and the
    sum gets Gaussian noise of ``noise_multiplier * max_grad_norm``. Items come of frozen features,
    which are taken as public; what fuses them is trained with the rest.

    The model ends with the moving average of the weights after the last step: to choose the best
    epoch on held-out events of the same users would be one more look at them. Randomness comes of
    the operating system, so no two trainings are the same.

    Args:
        model: items of frozen features, any interest, the dot scorer.
        batches: draws users and candidates, on the model's device.
        loss: of the logits of a pool, see :mod:`mmrec.losses`.
        epsilon: the budget for the whole training.
        delta: the chance, well below one over the number of users.
        max_grad_norm: the length to which a user's gradient is clipped.
        epochs: passes over the users, on average.
        lr: learning rate of AdamW, which rises and falls as usual.
        weight_decay: of AdamW.
        ema: decay of the moving average; 0 for the weights of the last step.

    Returns:
        What was reached: epsilon, delta, unit, noise_multiplier, max_grad_norm, sample_rate, steps,
        accountant, users, and in words what is not covered.

    Raises:
        ImportError: Opacus is not installed.
        ValueError: the model has ids, trained encoders or a reranker, the budget is too low, or the
            weights are no longer finite.

    References:
        Abadi et al., "Deep Learning with Differential Privacy" (arXiv 1607.00133).
        Mironov et al., "Rényi Differential Privacy of the Sampled Gaussian Mechanism"
        (arXiv 1908.10530), for the accountant.
    """
    needs_opacus()
    from opacus.accountants import RDPAccountant
    from opacus.optimizers import DPOptimizer

    check_model(model)
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
        secure_mode=True,  # the last bits of a sum would tell noise of one draw from the rest
    )
    accountant = RDPAccountant()
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(batches.sample_rate))
    schedule = warmup_cosine(inner, steps, 0.05)
    average = AveragedModel(model, avg_fn=MovingAverage(ema)._average) if ema else None
    model.train()
    # The caller's seed may be known, and would tell the noise.
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
    """Yield for each user the gradient of the loss of their sequence, one tensor a parameter.

    The pool is encoded once for all of them. One user after the other goes through the model, so
    that any interest model serves as it is, and memory holds the gradient of one user.

    Args:
        model: the model.
        loss: of the logits of a pool.
        pool: the items of the step.
        users: a batch of one sequence each, which points into the pool.
    """
    parameters, vectors = trained_parameters(model), model.items(pool)
    for user in users:
        states = model.interest(vectors[user.history], user.mask, user.gap, user.event_type)
        logits = model.scorer(states[0], vectors)
        value = loss(logits, user.target[0], pool.candidates, pool.log_q)
        yield torch.autograd.grad(value, parameters, retain_graph=True, materialize_grads=True)


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that training changes."""
    return [value for value in model.parameters() if value.requires_grad]


def private_step(
    optimizer: Any, parameters: list[nn.Parameter], gradients: Iterable[tuple[Tensor, ...]]
) -> None:
    """Take a step with clipped gradients and noise; with noise alone, where nobody takes part.

    Args:
        optimizer: Opacus' ``DPOptimizer``.
        parameters: what it trains.
        gradients: of each user, one tensor a parameter.
    """
    for gradient in gradients:
        for parameter, value in zip(parameters, gradient, strict=True):
            parameter.grad_sample = value.unsqueeze(0)  # type: ignore[attr-defined]
        optimizer.signal_skip_step()  # clips and adds up, no more
        optimizer.step()
        optimizer.zero_grad()
    for parameter in parameters:  # nobody else
        parameter.grad_sample = parameter.new_zeros(0, *parameter.shape)  # type: ignore[attr-defined]
    optimizer.signal_skip_step(do_skip=False)
    optimizer.step()
    optimizer.zero_grad()


def check_model(model: SequentialModel) -> None:
    """Raise a ValueError for a model that has parts which this training does not keep private."""
    if "id" in model.items.encoders:
        raise ValueError(
            "training with privacy has no id vectors, because an item's would tell of the few "
            "users who met it; leave out the modality 'id'"
        )
    trained = [name for name, part in model.items.encoders.items() if hasattr(part, "transform")]
    if trained:
        raise ValueError(f"training with privacy needs frozen features; {trained} have encoders")
    if model.reranker is not None:
        raise ValueError("training with privacy needs the scorer 'dot'; the model has a reranker")

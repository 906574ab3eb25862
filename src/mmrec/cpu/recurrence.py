"""The recurrence of a GRU over whole histories, with fewer passes over memory on a CPU."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from mmrec.cpu.products import product


def faster_recurrence(gru: nn.GRU, inputs: Tensor) -> bool:
    """Return whether :func:`recurrent_states` can be used, and is faster.

    It is made for training in float32 on a CPU. GPUs have kernels of their own.
    """
    trained = torch.is_grad_enabled() and any(p.requires_grad for p in gru.parameters())
    plain = inputs.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    traced = torch.compiler.is_compiling()
    return inputs.device.type == "cpu" and trained and plain and not traced


def recurrent_states(
    gru: nn.GRU, layer: int, inputs: Float[Tensor, "T B D"]
) -> Float[Tensor, "T B H"]:
    """Return the states after each step of one layer of a ``nn.GRU``, from a state of zeros.

    The results are those of PyTorch but for rounding. Training takes about four fifths of its time:
    each step of the backward pass has one product, and the gradient of the weights has one for all
    steps together. There is no second derivative.

    Args:
        gru: gives the weights.
        layer: number of the layer, from 0.
        inputs: the inputs of the layer.

    Example:
        >>> gru, inputs = nn.GRU(2, 3), torch.randn(4, 1, 2)
        >>> bool(torch.allclose(recurrent_states(gru, 0, inputs), gru(inputs)[0], atol=1e-6))
        True
    """
    weight_in, weight, bias_in, bias = gru.all_weights[layer]
    states: Tensor = _Recurrence.apply(linear(inputs, weight_in, bias_in), weight, bias)
    return states


class _Recurrence(torch.autograd.Function):
    """The steps of a GRU, given the share of its gates that comes from the inputs.

    Gates are in PyTorch's order: reset r, update z, new n. A step is

        n = tanh(input_n + r · (W_n h + b_n)),  h' = n + z · (h − n)
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "T B G"],
        weight: Float[Tensor, "G H"],
        bias: Float[Tensor, " G"],
    ) -> Float[Tensor, "T B H"]:
        steps, users, width = *inputs.shape[:2], weight.shape[1]
        # Of each step: r and z after the sigmoid, and W_n h + b_n.
        gates, new = torch.empty_like(inputs), inputs.new_empty(steps, users, width)
        states = inputs.new_zeros(steps + 1, users, width)
        turned = weight.T.contiguous()
        for step in range(steps):
            before, gate, given = states[step], gates[step], inputs[step]
            torch.addmm(bias, before, turned, out=gate)
            gate[:, : 2 * width].add_(given[:, : 2 * width]).sigmoid_()
            reset, update, own = gate.chunk(3, dim=1)
            torch.addcmul(given[:, 2 * width :], reset, own, out=new[step]).tanh_()
            torch.lerp(new[step], before, update, out=states[step + 1])
        ctx.save_for_backward(gates, new, states, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, "T B H"]) -> tuple[Tensor, Tensor, Tensor]:
        gates, new, states, weight = ctx.saved_tensors
        width, before = weight.shape[1], states[:-1]
        reset, update, own = gates.chunk(3, dim=2)
        # The derivatives of a step's state by r, z and W_n h, before their nonlinearities. All but
        # the gradient of the state is known for all steps at once.
        by_new = (1 - update) * (1 - new.square())
        by_gate = torch.empty_like(gates)
        by_reset, by_update, by_own = by_gate.chunk(3, dim=2)
        torch.mul(by_new, own, out=by_reset).mul_(reset).mul_(1 - reset)
        torch.sub(before, new, out=by_update).mul_(update).mul_(1 - update)
        torch.mul(by_new, reset, out=by_own)
        of_states = gradient.clone()
        for step in reversed(range(len(gates))):
            of_state = of_states[step]
            by_gate[step].unflatten(1, (3, width)).mul_(of_state.unsqueeze(1))
            if step:
                of_states[step - 1].addcmul_(of_state, update[step]).addmm_(by_gate[step], weight)
        rows = by_gate.flatten(0, 1)
        of_weight = product(before.flatten(0, 1).T, rows.T).T
        of_inputs = by_gate.clone()
        torch.mul(of_states, by_new, out=of_inputs[..., 2 * width :])
        return of_inputs, of_weight, rows.sum(0)

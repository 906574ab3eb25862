"""Parts of papers' formulas in NumPy, which read the weights of modules and call none of them."""

import math

import numpy as np

DAY = 11.366754
"""``log(1 + one day in seconds)``, to the digits that the models have."""


def numbers(tensor):
    return tensor.detach().numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def linear(layer, rows):
    bias = 0 if layer.bias is None else numbers(layer.bias)
    return rows @ numbers(layer.weight).T + bias


def normed(norm, rows):
    centered = rows - rows.mean(-1, keepdims=True)
    scaled = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + norm.eps)
    return scaled * numbers(norm.weight) + numbers(norm.bias)


def recurrence(gru, inputs):
    """Return the outputs of the last layer of a GRU, a layer and a step at a time."""
    for layer in gru.all_weights:
        of_input, of_state, input_bias, state_bias = map(numbers, layer)
        state, outputs = np.zeros(gru.hidden_size), []
        for event in inputs:
            given_in = np.split(of_input @ event + input_bias, 3)
            given_state = np.split(of_state @ state + state_bias, 3)
            reset, update = (sigmoid(given_in[i] + given_state[i]) for i in (0, 1))
            new = np.tanh(given_in[2] + reset * given_state[2])
            state = (1 - update) * new + update * state
            outputs.append(state)
        inputs = np.stack(outputs)
    return inputs


def event_inputs(inputs, vectors, gaps, types):
    """Return item, type and the time since the last event, one event at a time.

    Gaps and types that the model doesn't read are passed over.
    """
    rows = []
    for vector, gap, kind in zip(vectors, gaps, types, strict=True):
        row = vector
        if inputs.sign is not None:
            row = row * numbers(inputs.sign)[kind]
        if inputs.gap is not None and gap >= 0:
            days = np.log1p(gap) / DAY
            row = row + numbers(inputs.gap.weight)[:, 0] * days + numbers(inputs.gap.bias)
        if inputs.event_type is not None and kind > 0:
            row = row + numbers(inputs.event_type.weight)[kind]
        rows.append(row)
    return np.stack(rows)

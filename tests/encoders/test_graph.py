from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmrec.encoders import GraphIdEncoder
from mmrec.export.tower import tower_part
from mmrec.fusion import ConcatFusion
from mmrec.layers import Graph
from mmrec.models import ItemEncoder, gru4rec
from mmrec.training.private import check_model

EDGES = torch.tensor([[1, 2], [2, 3], [1, 4], [4, 5]])
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 1.0])
INPUTS = torch.tensor([[1, 0, 0], [6, 0, 0], [4, 0, 0], [0, 2, 5], [0, 3, 0], [0, 0, 0]])


def linked(layers=2, dim=3, **changes):
    return GraphIdEncoder(6, dim, edges=4, layers=layers, **changes).link(EDGES, WEIGHTS)


def layers_of(encoder):
    """Layers 0 to L by the dense matrix."""
    matrix = np.zeros((7, 7))
    for (one, other), weight in zip(EDGES.tolist(), WEIGHTS.tolist(), strict=True):
        matrix[one, other] = matrix[other, one] = weight
    degrees = np.maximum(matrix.sum(1), 1e-300)
    matrix = np.diag(degrees**-0.5) @ matrix @ np.diag(degrees**-0.5)
    layers = [encoder.ids.table.weight.detach().double().numpy()]
    for _ in range(encoder.layers):
        layers.append(matrix @ layers[-1])
    return np.stack(layers)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_vectors_are_means_of_layers(layers):
    encoder = linked(layers)
    made, found = layers_of(encoder), encoder(INPUTS).detach().double().numpy()
    for row, item in ((0, 1), (1, 6), (2, 4)):
        np.testing.assert_allclose(found[row], made[:, item].mean(0), rtol=1e-5, atol=1e-7)
    new = [np.mean([layer[2] + layer[5] for layer in made[:-1]], axis=0) / 2]
    new += [made[:-1, 3].mean(0), np.zeros(3)]
    np.testing.assert_allclose(found[3:], new, rtol=1e-5, atol=1e-7)


def test_without_edges_it_is_the_table_divided_by_the_number_of_layers():
    encoder = GraphIdEncoder(6, 3, edges=0, layers=3)
    found = encoder(torch.arange(1, 7).unsqueeze(1))
    torch.testing.assert_close(found, encoder.ids(torch.arange(1, 7)) / 4)


def test_gradients_reach_the_table_alone():
    encoder = linked().double()
    assert [name for name, _ in encoder.named_parameters()] == ["ids.table.weight"]
    table = encoder.ids.table.weight

    def run(weight):
        return torch.func.functional_call(encoder, {"ids.table.weight": weight}, (INPUTS,))

    assert gradcheck(run, table.detach().clone().requires_grad_())
    encoder(torch.tensor([[1, 0]])).sum().backward()
    reached = table.grad.abs().sum(1) > 0
    assert reached.tolist() == [False, True, True, True, True, True, False]  # two hops away


def test_what_is_propagated_once_is_never_old():
    encoder = linked()
    encoder.eval()

    def fresh():
        with torch.enable_grad():  # nothing is kept with gradients
            return encoder(INPUTS).detach()

    with torch.no_grad():
        assert torch.equal(encoder(INPUTS), fresh())
        encoder.ids.table.weight.mul_(2)
        assert torch.equal(encoder(INPUTS), fresh())
        encoder.link(EDGES.flip(0), WEIGHTS)
        assert torch.equal(encoder(INPUTS), fresh())
        encoder.ids.table.weight.data.copy_(torch.randn(7, 3))  # seen by no version
        encoder.eval()
        assert torch.equal(encoder(INPUTS), fresh())
        other = deepcopy(encoder)
        encoder.load_state_dict(linked().state_dict())
        assert torch.equal(encoder(INPUTS), fresh())
        assert not torch.equal(other(INPUTS), encoder(INPUTS))
    with torch.inference_mode():
        encoder.link(EDGES, WEIGHTS)
        assert torch.equal(encoder(INPUTS), linked_like(encoder)(INPUTS))
    encoder.train()
    encoder(INPUTS).sum().backward()  # after validation in inference mode
    assert encoder.ids.table.weight.grad.isfinite().all()


def linked_like(encoder):
    other = linked()
    other.load_state_dict(encoder.state_dict())
    return other


def test_a_pass_over_a_catalogue_propagates_once(monkeypatch):
    product, calls = Graph.product, []

    def counted(graph, vectors):
        calls.append(1)
        return product(graph, vectors)

    monkeypatch.setattr(Graph, "product", counted)
    encoder = linked(layers=2).eval()
    with torch.no_grad():
        for _ in range(3):
            encoder(INPUTS)
    assert len(calls) == 2
    encoder.train()
    for _ in range(3):
        encoder(INPUTS)
    assert len(calls) == 2 + 3 * 2


def test_autocast_changes_no_vector():
    encoder = linked()
    exact = encoder(INPUTS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder(INPUTS), exact)


def test_a_state_is_saved_with_its_graph():
    encoder = linked(content_dim=2).know(torch.randn(7, 2), torch.arange(7) > 1)
    other = GraphIdEncoder(6, 3, edges=4, content_dim=2)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(INPUTS), encoder(INPUTS))
    query = torch.randn(5, 2)
    assert torch.equal(other.nearest(query, 3), encoder.nearest(query, 3))


def test_a_planted_taste_reaches_neighbours_and_a_shuffled_one_does_not():
    """Items of two kinds, joined within each; labels of half are fitted, the others' predicted."""
    draw = np.random.default_rng(0)
    kind = np.arange(40) % 2
    pairs = [(i, j) for i in range(40) for j in range(i) if kind[i] == kind[j]]
    chosen = draw.permutation(len(pairs))[:120]
    edges = torch.tensor([pairs[place] for place in chosen]) + 1
    labels = torch.from_numpy(kind).float()
    errors = {}
    for name, wanted in {"planted": labels, "shuffled": labels[draw.permutation(40)]}.items():
        torch.manual_seed(0)
        encoder = GraphIdEncoder(40, 1, edges=120, layers=2).link(edges, torch.ones(120))
        rows, optimizer = torch.arange(1, 41).unsqueeze(1), torch.optim.Adam(encoder.parameters())
        optimizer.param_groups[0].update(lr=0.05, weight_decay=1e-3)
        for _ in range(150):
            optimizer.zero_grad()
            F.mse_loss(encoder(rows[:20]).squeeze(1), wanted[:20]).backward()
            optimizer.step()
        with torch.no_grad():
            errors[name] = float(F.mse_loss(encoder(rows[20:]).squeeze(1), wanted[20:]))
    assert errors["planted"] < 0.15
    assert errors["shuffled"] > 0.25


def test_no_privacy_and_no_export():
    model = gru4rec({"graph": linked()}, dim=3)
    with pytest.raises(ValueError, match="has no id vectors"):
        check_model(model)
    items = ItemEncoder({"graph": linked()}, ConcatFusion({"graph": 3}, 3))
    with pytest.raises(ValueError, match=r"graphs can't hold the modality 'graph' \(Graph"):
        tower_part(items)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="got layers 0, edges 4 and content_dim 0"):
        GraphIdEncoder(6, 3, edges=4, layers=0)
    with pytest.raises(ValueError, match="at least 1 id"):
        GraphIdEncoder(0, 3, edges=4)
    encoder = GraphIdEncoder(6, 3, edges=4)
    with pytest.raises(ValueError, match=r"4 edges \(4, 2\) and their weights; got \(3, 2\)"):
        encoder.link(EDGES[:3], WEIGHTS[:3])
    with pytest.raises(ValueError, match="items from 1 to 6; got 2 to 7"):
        encoder.link(EDGES + torch.tensor([1, 2]), WEIGHTS)
    with pytest.raises(ValueError, match="different items"):
        encoder.link(EDGES.new_ones(4, 2), WEIGHTS)
    with pytest.raises(ValueError, match="finite weights"):
        encoder.link(EDGES, -WEIGHTS)
    with pytest.raises(ValueError, match=r"\(items, 1 \+ K\); got \(3, 0\)"):
        encoder(INPUTS[:3, :0])
    with pytest.raises(ValueError, match=r"know expects content \(7, 0\)"):
        encoder.know(torch.zeros(7, 2), torch.ones(7, dtype=torch.bool))
    with pytest.raises(ValueError, match="of width 0; got 2"):
        encoder.nearest(torch.zeros(1, 2), 3)

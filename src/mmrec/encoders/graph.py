"""Ids over a graph: the vector of an item is averaged with those of its neighbours."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.encoders.identity import IdEncoder
from mmrec.layers import Graph, masked_mean, nearest, record_init_args


class _Averaged(NamedTuple):
    """Means of layers, ``(V + 1, D)``: of all of them, and of all but the last."""

    all_layers: Tensor
    but_last: Tensor


class _State(NamedTuple):
    """Tensors as they were, which shows whether they were replaced, moved or written to."""

    tensors: tuple[Tensor, ...]
    versions: tuple[tuple[object, ...], ...]

    @classmethod
    def of(cls, *tensors: Tensor) -> "_State":
        written = [0 if tensor.is_inference() else tensor._version for tensor in tensors]
        kinds = [(tensor.device, tensor.dtype) for tensor in tensors]
        return cls(tensors, tuple(zip(written, kinds, strict=True)))

    def same(self, other: "_State") -> bool:
        kept = all(a is b for a, b in zip(self.tensors, other.tensors, strict=True))
        return kept and self.versions == other.versions


@record_init_args
class GraphIdEncoder(nn.Module):
    """One learned vector per known item, propagated over a fixed graph of items (LightGCN).

    Layer 0 is the table ``X⁰``, layer ``l + 1`` is ``A Xˡ`` with the symmetric normalized adjacency
    ``A_ij = a_ij / sqrt(d_i d_j)``, and the vector of an item is the mean of its layers 0 to L.
    Nothing but the table is learned.

    An item that is not in the vocabulary has no layer 0. Its layer ``l + 1`` is the mean of the
    layers ``l`` of its neighbours among the known items, and its vector the mean of its layers 1 to
    L. The mean, because the vectors of known items are as long as those of their neighbours,
    whatever the number of their edges. No known item changes.

    ``link`` sets the graph, ``know`` the content by which ``nearest`` finds the neighbours of
    further items. Both are buffers, saved with the model. The whole table is propagated in each
    step of a training, in time ``O(layers · edges · dim)``; in evaluation without gradients, once.

    Args:
        vocabulary_size: number of known items; index 0 is padding.
        dim: width of a vector.
        edges: number of edges; until ``link`` there are none.
        layers: L.
        content_dim: width of the content of known items; 0 for none. It takes ``4 · content_dim``
            bytes an item.
        std: standard deviation of the initial vectors, as in the first paper.

    Shape:
        ``(n, 1 + K)``: the index of an item in the vocabulary, 0 for an item outside of it, and
        then the indices of the neighbours of such an item, 0 for none → ``(n, dim)``. What follows
        the index of a known item is passed over.

    Raises:
        ValueError: a size is below its least, or edges or content have another shape.

    References:
        He et al., "LightGCN" (SIGIR 2020), arXiv 2002.02126; Zhou and Shen, "A tale of two graphs:
        freezing and denoising graph structures for multimodal recommendation" (ACM MM 2023), arXiv
        2211.06924, where the graph between items comes from frozen content.

    Example:
        >>> encoder = GraphIdEncoder(3, 4, edges=2, layers=1)
        >>> encoder = encoder.link(torch.tensor([[1, 2], [2, 3]]), torch.ones(2))
        >>> known, new = encoder(torch.tensor([[1, 0], [0, 1]]))
        >>> first, second = encoder.ids(torch.tensor([1, 2]))
        >>> torch.allclose(known, (first + second / 2**0.5) / 2), torch.equal(new, first)
        (True, True)
    """

    edges: Tensor
    weights: Tensor
    content: Tensor
    has_content: Tensor

    def __init__(
        self,
        vocabulary_size: int,
        dim: int,
        *,
        edges: int,
        layers: int = 2,
        content_dim: int = 0,
        std: float = 0.1,
    ) -> None:
        super().__init__()
        if layers < 1 or min(edges, content_dim) < 0:
            raise ValueError(
                f"GraphIdEncoder expects 1 layer or more, and numbers of edges and columns of at "
                f"least 0; got layers {layers}, edges {edges} and content_dim {content_dim}"
            )
        self.ids = IdEncoder(vocabulary_size, dim, std=std)
        self.vocabulary_size, self.dim, self.layers = vocabulary_size, dim, layers
        rows = vocabulary_size + 1
        self.register_buffer("edges", torch.zeros(edges, 2, dtype=torch.long))
        self.register_buffer("weights", torch.zeros(edges))
        self.register_buffer("content", torch.zeros(rows, content_dim))
        self.register_buffer("has_content", torch.zeros(rows, dtype=torch.bool))
        self._graph: tuple[_State, Graph] | None = None
        self._averaged: tuple[_State, _Averaged] | None = None

    @torch.no_grad()
    def link(self, edges: Int[Tensor, "E 2"], weights: Float[Tensor, " E"]) -> "GraphIdEncoder":
        """Set the edges, each between two known items and given once; return self."""
        size, wanted = self.vocabulary_size, tuple(self.edges.shape)
        if tuple(edges.shape) != wanted or tuple(weights.shape) != wanted[:1]:
            raise ValueError(
                f"link expects {wanted[0]} edges {wanted} and their weights; got "
                f"{tuple(edges.shape)} and {tuple(weights.shape)}"
            )
        if len(edges) and not (edges.min() >= 1 and edges.max() <= size):
            raise ValueError(
                f"link expects items from 1 to {size}; got {int(edges.min())} to {int(edges.max())}"
            )
        if (edges[:, 0] == edges[:, 1]).any():
            raise ValueError("link expects edges between different items; got one to itself")
        if not (weights.isfinite().all() and (weights >= 0).all()):
            raise ValueError("link expects finite weights of 0 or more; got others")
        self.edges.copy_(edges)
        self.weights.copy_(weights)
        return self

    @torch.no_grad()
    def know(
        self, content: Float[Tensor, "V1 C"], present: Bool[Tensor, " V1"]
    ) -> "GraphIdEncoder":
        """Set the content of the known items, and which of them have any; return self."""
        if content.shape != self.content.shape or present.shape != self.has_content.shape:
            raise ValueError(
                f"know expects content {tuple(self.content.shape)} and which rows have any; got "
                f"{tuple(content.shape)} and {tuple(present.shape)}"
            )
        self.content.copy_(content)
        self.has_content.copy_(present)
        return self

    @torch.no_grad()
    def nearest(self, content: Float[Tensor, "n C"], count: int) -> Int[Tensor, "n K"]:
        """Return the known items with the most similar content, 0 for none; see `layers.nearest`.

        Raises:
            ValueError: the content has another width than that of known items.
        """
        if content.shape[-1] != self.content.shape[1]:
            raise ValueError(
                f"nearest expects content of width {self.content.shape[1]}; got {content.shape[-1]}"
            )
        return nearest(content.to(self.content), self.content, self.has_content, count)

    @property
    def graph(self) -> Graph:
        """The normalized graph of the edges."""
        state = _State.of(self.edges, self.weights)
        if self._graph is None or not self._graph[0].same(state):
            # Lightning validates in inference mode, whose tensors could not be trained with.
            with torch.inference_mode(False), torch.no_grad():
                made = Graph.of(self.edges, self.weights, self.vocabulary_size + 1)
            self._graph = state, made
        return self._graph[1]

    def train(self, mode: bool = True) -> "GraphIdEncoder":
        """Switch between training and evaluation; what was propagated before is forgotten."""
        self._averaged = None
        return super().train(mode)

    def forward(self, inputs: Int[Tensor, "n K1"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        if inputs.ndim != 2 or not inputs.shape[1]:
            raise ValueError(
                f"GraphIdEncoder expects an index and neighbours, (items, 1 + K); got "
                f"{tuple(inputs.shape)}"
            )
        averaged, near = self._propagated(), inputs[:, 1:]
        new = masked_mean(averaged.but_last[near], near.unsqueeze(2) > 0, dim=1)
        return torch.where(inputs[:, :1] > 0, averaged.all_layers[inputs[:, 0]], new)

    def _propagated(self) -> _Averaged:
        """Return the means of layers; in evaluation without gradients they are computed once."""
        if self.training or torch.is_grad_enabled():
            return self._average()
        state = _State.of(self.ids.table.weight, self.edges, self.weights)
        if self._averaged is None or not self._averaged[0].same(state):
            self._averaged = state, self._average()
        return self._averaged[1]

    def _average(self) -> _Averaged:
        layer = total = self.ids.table.weight
        graph = self.graph
        for _ in range(self.layers - 1):
            layer = graph.product(layer)
            total = total + layer
        last = graph.product(layer)
        return _Averaged((total + last) / (self.layers + 1), total / self.layers)

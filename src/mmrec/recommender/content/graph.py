"""Ids over a graph of items as a modality: an id that new items have too."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.encoders import GraphIdEncoder
from mmrec.layers import nearest, record_init_args
from mmrec.recommender.content.edges import edges_of, taken_together
from mmrec.recommender.content.modality import Context, Facts, Modality, Prepared
from mmrec.recommender.content.semantic import check_base, check_frozen


@record_init_args
class GraphModality:
    """The id of an item, averaged with those of its neighbours in a graph of items.

    Two items are neighbours if one is among those nearest to the other: by the cosine of the frozen
    vectors of another modality, or by the users that took both in the training events. See
    :class:`mmrec.encoders.GraphIdEncoder` for what is learned and how it is propagated.

    The graph is fixed before training. An item without training events has edges by content alone,
    from it to the trained items that resemble it, and no other item changes; without ``base`` it
    lacks the modality. An update keeps the edges between known items, and adds those of items that
    are trained for the first time. The frozen vectors of trained items are kept in the RUN beside
    the weights, 4 bytes a number.

    Args:
        base: the modality whose vectors are compared: a text, an image or vectors, frozen. None for
            a graph of events alone.
        neighbours: nearest items of each item, of either kind.
        taken: the weight of an edge between items that the same users took, relative to one of
            content; 0 for a graph of content alone.
        layers: how far an id reaches in the graph.

    Raises:
        ValueError: a number is out of range, nothing is left that makes an edge, or the encoder of
            ``base`` is trained.

    Example:
        >>> from mmrec.recommender.content import VectorsModality
        >>> catalog = Catalog({"item_id": [*"abc"], "clip": [[0.5, 2.0], [0.0, 1.0], [0.1, 1.0]]})
        >>> modality = GraphModality(VectorsModality("clip"), taken=0.0)
        >>> made = modality.prepare(catalog, Context(dim=8, trained=np.array([1, 2])))
        >>> made.source.load(np.array([1, 3]))[:, :2]  # its own number, or its neighbours
        tensor([[1, 0],
                [0, 2]])
    """

    def __init__(
        self,
        base: Modality | None = None,
        *,
        neighbours: int = 10,
        taken: float = 1.0,
        layers: int = 2,
    ) -> None:
        if min(neighbours, layers) < 1 or not 0 <= taken < float("inf"):
            raise ValueError(
                f"GraphModality expects neighbours and layers of 1 or more, and taken of 0 or "
                f"more; got {neighbours}, {layers} and {taken}"
            )
        if base is None and not taken:
            raise ValueError("a graph expects another modality, or taken above 0; got neither")
        if base is not None:
            check_base("graph", base)
        self.base, self.neighbours, self.taken, self.layers = base, neighbours, taken, layers

    @property
    def has_content(self) -> bool:
        """Whether items without events have neighbours: with a modality that is compared."""
        return self.base is not None

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the modality whose vectors are compared."""
        return () if self.base is None else self.base.columns_read(facts)

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Make the graph of trained items, and find the neighbours of the others."""
        slots = np.zeros(len(catalog) + 1, dtype=np.int64)
        slots[context.trained] = np.arange(1, len(context.trained) + 1)
        made, content = self._content(catalog, context)
        has = torch.zeros(len(content), dtype=torch.bool)
        if made is not None:
            has[1:] = torch.from_numpy(made.source.present[context.trained])
        edges, weights = self._edges(content, has, slots, context)
        before = 0 if context.before is None else context.before["edges"]
        facts = {
            **({} if made is None else made.facts),
            "vocabulary_size": len(context.trained),
            "dim": context.dim,
            "edges": before + len(edges),
            "content_dim": content.shape[1],
        }
        encoder = self.rebuild(facts).know(content, has)
        # Those of the recommender that is updated are copied to the first places.
        encoder.edges[before:], encoder.weights[before:] = edges, weights
        source = self._links(slots, encoder, None if made is None else made.source)
        if made is None:
            return Prepared(source, encoder, facts)
        return replace(made, source=source, train_source=None, encoder=encoder, facts=facts)

    def rebuild(self, facts: Facts) -> GraphIdEncoder:
        """Make an encoder of the size of the vocabulary and of the graph."""
        return GraphIdEncoder(
            facts["vocabulary_size"],
            facts["dim"],
            edges=facts["edges"],
            layers=self.layers,
            content_dim=facts["content_dim"],
        )

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: how items were linked can't be told from an encoder."""
        raise ValueError("GraphModality expects to make its graph in fit; got an encoder")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the numbers of known items, and the neighbours of others among the known ones."""
        numbers, graph = np.pad(slots, (1, 0)).astype(np.int64), cast(GraphIdEncoder, encoder)
        if self.base is None:
            return self._links(numbers, graph, None), {}
        content, problems = self.base.source_of(items, encoder, facts, slots)
        return self._links(numbers, graph, content), problems

    def _content(self, catalog: Catalog, context: Context) -> tuple[Prepared | None, Tensor]:
        """Return what is compared, and the vectors of trained items in the order of their ids."""
        if self.base is None:
            return None, torch.zeros(len(context.trained) + 1, 0)
        made = self.base.prepare(catalog, context)
        check_frozen("graph", self.base, made.encoder)
        content = torch.zeros(len(context.trained) + 1, made.facts["feature_dim"])
        here = made.source.present[context.trained]
        rows = torch.from_numpy(np.flatnonzero(here) + 1)
        if len(rows):
            content[rows] = cast(Tensor, made.source.load(context.trained[here])).float()
        return made, content

    def _edges(
        self, content: Tensor, has: Tensor, slots: np.ndarray, context: Context
    ) -> tuple[Tensor, Tensor]:
        """Return the edges of the graph; in an update, those of items that were not known."""
        known = 0 if context.before is None else context.before["vocabulary_size"]
        tables = []
        if self.base is not None:
            rows = has.nonzero().squeeze(1)
            rows = rows[rows > known]
            near = torch.zeros(len(content), self.neighbours, dtype=torch.long)
            near[rows] = nearest(content[rows], content, has, self.neighbours, own=rows)
            tables.append((near, 1.0))
        if self.taken:
            if context.events is None:
                raise ValueError(
                    "a graph of what the same users took expects items with events; got none: "
                    "name a modality and set taken=0"
                )
            near = taken_together(context.events, slots, self.neighbours)
            tables.append((near, float(self.taken)))
        return edges_of(tables, after=known)

    def _links(
        self, slots: np.ndarray, encoder: GraphIdEncoder, content: Source | None
    ) -> TableSource:
        """Return the inputs of items from their numbers, and from the content of the others."""
        links = np.zeros((len(slots), 1 if content is None else 1 + self.neighbours), np.int64)
        links[:, 0] = slots
        rows = np.flatnonzero(slots == 0)
        rows = rows[:0] if content is None else rows[content.present[rows]]
        if content is not None and len(rows):
            vectors = cast(Tensor, content.load(rows)).float()
            links[rows, 1:] = encoder.nearest(vectors, self.neighbours).cpu().numpy()
        return TableSource(links, links.max(axis=1) > 0)

"""The trie of the codes that exist."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.data.device import OnDevice


@dataclass(frozen=True)
class TrieLevel(OnDevice):
    """The different prefixes of one length; they are the nodes of a level.

    Attributes:
        prefix: codes of each node, sorted, ``(n, l)``.
        parent: node of the level before, ``(n,)``.
        children: number of children of the parent, ``(n,)``.
    """

    prefix: Int[Tensor, "n l"]
    parent: Int[Tensor, " n"]
    children: Int[Tensor, " n"]

    @property
    def code(self) -> Int[Tensor, " n"]:
        """The last code of each prefix."""
        return self.prefix[:, -1]


@dataclass(frozen=True)
class CodeTrie:
    """All prefixes of the codes of a catalogue, level by level. A leaf is an item.

    Attributes:
        levels: the nodes of each level, without the root.
        leaf: node of the last level for each item, ``(V,)``.

    Example:
        >>> trie = CodeTrie.of(torch.tensor([[1, 0], [0, 2], [1, 2]]))
        >>> [level.prefix.tolist() for level in trie.levels]
        [[[0], [1]], [[0, 2], [1, 0], [1, 2]]]
        >>> trie.levels[1].parent.tolist(), trie.leaf.tolist()
        ([0, 1, 1], [1, 0, 2])
    """

    levels: tuple[TrieLevel, ...]
    leaf: Int[Tensor, " V"]

    @classmethod
    def of(cls, codes: Int[Tensor, "V L"]) -> "CodeTrie":
        """Return the trie of the codes of items.

        Raises:
            ValueError: there is no item, or two items have the same codes.
        """
        if 0 in codes.shape:
            raise ValueError(f"a trie expects items with codes; got {tuple(codes.shape)}")
        above = torch.zeros(len(codes), dtype=torch.long, device=codes.device)
        levels = []
        for length in range(1, codes.shape[1] + 1):
            prefix, node = codes[:, :length].unique(dim=0, return_inverse=True)
            parent = torch.empty(len(prefix), dtype=torch.long, device=codes.device)
            parent[node] = above
            levels.append(TrieLevel(prefix, parent, parent.bincount()[parent]))
            above = node
        if (same := len(codes) - len(levels[-1].prefix)) > 0:
            raise ValueError(f"a trie expects different codes; got {same} that repeat others")
        return cls(tuple(levels), above)

    def allowed(self, items: Bool[Tensor, "B V"]) -> list[Bool[Tensor, "B n"]]:
        """Return the nodes of each level that lead to an allowed item.

        Args:
            items: which items are allowed.
        """
        here = torch.empty_like(items)
        here[:, self.leaf] = items
        found = [here]
        for level, below in zip(self.levels[-2::-1], self.levels[:0:-1], strict=True):
            reached = torch.zeros(len(items), len(level.parent), device=items.device)
            reached.index_add_(1, below.parent, found[0].float())
            found.insert(0, reached > 0)
        return found

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.generative import CodeTrie

ROWS = st.sets(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=20).map(list)


@settings(deadline=None)
@given(ROWS)
def test_levels_have_the_prefixes_of_a_set(rows):
    trie = CodeTrie.of(torch.tensor(rows))
    for length, level in enumerate(trie.levels, 1):
        prefixes = sorted({row[:length] for row in rows})
        assert level.prefix.tolist() == [list(prefix) for prefix in prefixes]
        assert level.code.tolist() == [prefix[-1] for prefix in prefixes]
        above = sorted({prefix[:-1] for prefix in prefixes})
        assert [above[node] for node in level.parent] == [prefix[:-1] for prefix in prefixes]
        children = [sum(p[:-1] == prefix[:-1] for p in prefixes) for prefix in prefixes]
        assert level.children.tolist() == children
    assert [sorted(rows)[leaf] for leaf in trie.leaf] == rows


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_allowed_nodes_are_those_that_lead_to_an_allowed_item(rows, random):
    items = torch.tensor([[random.random() < 0.3 for _ in rows] for _ in range(2)])
    trie = CodeTrie.of(torch.tensor(rows))
    for length, nodes in enumerate(trie.allowed(items), 1):
        prefixes = sorted({row[:length] for row in rows})
        for user, found in zip(items, nodes, strict=True):
            reached = {row[:length] for row, here in zip(rows, user, strict=True) if here}
            assert found.tolist() == [prefix in reached for prefix in prefixes]


def test_errors():
    with pytest.raises(ValueError, match="expects different codes; got 1 that repeat"):
        CodeTrie.of(torch.tensor([[0, 1], [0, 1]]))
    with pytest.raises(ValueError, match=r"expects items with codes; got \(0, 2\)"):
        CodeTrie.of(torch.zeros(0, 2, dtype=torch.long))

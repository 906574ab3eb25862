import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.encoders import QuantizedEncoder, SemanticIdEncoder
from mmrec.quantization import SemanticIds


def stirred(encoder):
    torch.nn.init.normal_(encoder.table.weight)
    return encoder


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=9))
def test_a_vector_is_the_sum_over_prefixes(codes):
    encoder = stirred(SemanticIdEncoder(levels=3, size=4, dim=5, rows=64))
    found = encoder(torch.tensor(codes))
    rows = encoder.table.weight.view(3, 64, 5)
    for item, vector in zip(codes, found, strict=True):
        a, b, c = item
        total = rows[0, a] + rows[1, 4 * a + b] + rows[2, 16 * a + 4 * b + c]
        torch.testing.assert_close(vector, total)


def test_a_prefix_that_was_never_trained_adds_nothing():
    encoder = SemanticIdEncoder(levels=2, size=4, dim=5)
    old, new = torch.tensor([[2, 1]]), torch.tensor([[2, 3]])
    assert torch.equal(encoder(old), encoder(new))
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(old).square().sum().backward()
    optimizer.step()
    assert not torch.equal(encoder(old), encoder(new))
    assert torch.equal(encoder(new)[0], encoder.table.weight[2])  # the coarse code alone


def test_codes_are_those_of_semantic_ids_of_standardized_vectors():
    vectors = 7 + torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    encoder = QuantizedEncoder(6, 4, levels=2, size=5).fit(vectors)
    standard = (vectors - vectors.mean(0)) / vectors.std(0, correction=0)
    ids = SemanticIds.fit(standard, levels=2, size=5)
    same = (encoder.codes(vectors) == ids.codes[:, :2]).all(1)
    assert same.float().mean() > 0.95  # means and scales are rounded differently


def test_new_items_change_no_vector_and_take_after_those_they_resemble():
    vectors = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    encoder = QuantizedEncoder(6, 4, levels=2, size=5).fit(vectors)
    stirred(encoder.ids)
    before = encoder(vectors)
    later = torch.cat([vectors, vectors[:1] + 1e-4])
    assert torch.equal(encoder(later)[:60], before)
    assert torch.equal(encoder(later)[60], before[0])


def test_a_taste_for_a_group_reaches_items_that_were_not_trained():
    """The label of an item is that of its group; half of each group has none."""
    draw = torch.Generator().manual_seed(0)
    groups = torch.arange(120) % 6
    vectors = 5 * F.one_hot(groups, 8).float() + torch.randn(120, 8, generator=draw)
    trained = torch.arange(120) < 60
    labels = (groups % 2).float()
    errors = {}
    for name, wanted in {"planted": labels, "shuffled": labels[torch.randperm(120)]}.items():
        torch.manual_seed(0)
        encoder = QuantizedEncoder(8, 1, levels=2, size=6).fit(vectors[trained])
        optimizer = torch.optim.Adam(encoder.parameters(), lr=0.05)
        for _ in range(80):
            loss = F.mse_loss(encoder(vectors[trained]).squeeze(1), wanted[trained])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            errors[name] = float(
                F.mse_loss(encoder(vectors[~trained]).squeeze(1), wanted[~trained])
            )
    assert errors["planted"] < 0.1
    assert errors["shuffled"] > 0.2


def test_autocast_changes_no_code():
    vectors = torch.randn(200, 16, generator=torch.Generator().manual_seed(0))
    encoder = QuantizedEncoder(16, 4, levels=3, size=16).fit(vectors)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = encoder.codes(vectors)
    assert torch.equal(rounded, encoder.codes(vectors))


def test_codebooks_are_saved_with_the_weights():
    vectors = torch.randn(50, 6)
    first = QuantizedEncoder(6, 4, levels=2, size=5).fit(vectors)
    second = QuantizedEncoder(**first.init_args)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.codes(vectors), first.codes(vectors))
    assert torch.equal(second(vectors), first(vectors))


def test_errors(unchecked):
    for wrong in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        with pytest.raises(ValueError, match="expects numbers of at least 1; got levels"):
            SemanticIdEncoder(*wrong)
    with pytest.raises(ValueError, match=r"codes of shape \(items, 2\); got \(1, 3\)"):
        SemanticIdEncoder(2, 4, 4)(torch.zeros(1, 3, dtype=torch.long))
    encoder = QuantizedEncoder(3, 4, levels=2, size=2)
    with pytest.raises(ValueError, match="features of width 3; got 5"):
        encoder.fit(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="at least one item to fit; got none"):
        encoder.fit(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="expects finite features"):
        encoder.fit(torch.full((2, 3), torch.nan))

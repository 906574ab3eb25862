import pytest
import torch

from mmrec.generative import TIGER, ItemCodes, code_loss, tiger
from mmrec.quantization import SemanticIds


def batch(codes, rows=((3, 1, 2), (5,), ())):
    """Return histories of items, padded on the right, and their mask."""
    steps = max(map(len, rows))
    items = torch.tensor([[*row, *[0] * (steps - len(row))] for row in rows])
    return codes.codes[items], items > 0


def test_shapes_and_an_empty_history(codes, small):
    given = codes()
    model = small(given)
    history, mask = batch(given)
    logits = model(history, mask, given.codes[[1, 2, 3]])
    assert [tuple(level.shape) for level in logits] == [(3, size) for size in given.sizes]
    none = history[:, :0], mask[:, :0]
    for level, empty in zip(logits, model(*none, given.codes[[1, 2, 3]]), strict=True):
        assert empty.isfinite().all()
        torch.testing.assert_close(empty[2], level[2])  # the same whatever the padding


def test_padding_changes_nothing(codes, small):
    given = codes()
    model = small(given)
    history, mask = batch(given)
    target = given.codes[[1, 2, 3]]
    wanted = model(history, mask, target)
    garbage = history.masked_fill(~mask.unsqueeze(-1), 2)
    more = torch.cat([garbage, torch.ones_like(garbage[:, :2])], dim=1)
    longer = torch.cat([mask, torch.zeros_like(mask[:, :2])], dim=1)
    for first, second in zip(wanted, model(more, longer, target), strict=True):
        torch.testing.assert_close(second, first)


def test_a_code_is_given_those_before_it_alone(codes, small):
    given = codes(levels=3)
    model = small(given)
    history, mask = batch(given)
    target = given.codes[[1, 2, 3]]
    wanted = model(history, mask, target)
    for level in range(4):
        changed = target.clone()
        changed[:, level] = (changed[:, level] + 1) % 3
        found = model(history, mask, changed)
        for number in range(4):
            same = torch.allclose(found[number], wanted[number], atol=1e-6)
            assert same == (number <= level)


def test_prefixes_side_by_side_are_as_if_alone(codes, small):
    given = codes(levels=3)
    model = small(given)
    history, mask = batch(given)
    memory = model.encode(history, mask)
    prefix = given.codes[1:10, :2].expand(3, -1, -1)
    together = model.next_code(memory, prefix)
    for place in range(9):
        alone = model.next_code(memory, prefix[:, place : place + 1])
        torch.testing.assert_close(together[:, place : place + 1], alone)
    forward = model(history, mask, given.codes[[4, 4, 4]])[2]
    torch.testing.assert_close(together[:, 3], forward)


def test_order_and_items_of_a_history_matter(codes, small):
    given = codes()
    model = small(given)
    made = [
        model(*batch(given, [row]), given.codes[[1]])[0]
        for row in ([3, 1], [1, 3], [3, 1, 1], [4, 1])
    ]
    for place, first in enumerate(made):
        for second in made[:place]:
            assert (first - second).abs().max() > 1e-3


def test_every_weight_gets_a_finite_gradient(codes):
    given = codes()
    model = tiger(given, dim=16, heads=2, layers=2, hidden=24, max_items=3)
    history, mask = batch(given, [[*range(1, 4)], [9], []])
    target = given.codes[[1, 2, 3]]
    code_loss(model(history, mask, target), target).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_nearly_the_same_in_bfloat16(codes, small):
    given = codes()
    model = small(given)
    wanted = model(*batch(given), given.codes[[1, 2, 3]])
    with torch.autocast("cpu", torch.bfloat16):
        found = model(*batch(given), given.codes[[1, 2, 3]])
    for first, second in zip(wanted, found, strict=True):
        torch.testing.assert_close(second.float(), first, atol=0.1, rtol=0.1)


def test_it_is_made_again_from_its_arguments_and_weights(codes, small):
    given = codes()
    model = small(given)
    again = TIGER(**model.init_args).eval()
    again.load_state_dict(model.state_dict())
    for first, second in zip(
        *(part(*batch(given), given.codes[[1, 2, 3]]) for part in (model, again)), strict=True
    ):
        assert torch.equal(first, second)


def test_layers_start_with_weights_of_their_own(codes, small):
    first, second = small(codes()).encoder
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_errors(codes, small):
    given = codes()
    model = small(given, max_items=3)
    history, mask = batch(given, [[1, 2, 3, 4]])
    with pytest.raises(ValueError, match="at most 3 items of 3 codes; got 4 items of 3"):
        model.encode(history, mask)
    with pytest.raises(ValueError, match="at most 3 items of 3 codes; got 2 items of 2"):
        model.encode(history[:, :2, :2], mask[:, :2])
    for wrong in ({"dim": 15}, {"layers": 0}, {"max_items": 0}):
        with pytest.raises(ValueError, match="dim as a multiple of heads; got sizes"):
            small(given, **wrong)


def test_the_number_has_room_for_later_items():
    ids = SemanticIds.fit(torch.arange(4.0).unsqueeze(1), levels=1, size=4)
    assert ids.codes[:, -1].max() == 0
    assert tiger(ItemCodes.of(ids)).sizes == (4, 4)


def test_positions_are_counted_back_from_the_last_item(codes, small):
    given = codes()
    model, places = small(given), []
    model.item_position.register_forward_pre_hook(lambda _, given: places.append(given[0]))
    history, mask = batch(given)
    model.encode(history, mask)
    assert places[0][mask].tolist() == [2, 1, 0, 0]

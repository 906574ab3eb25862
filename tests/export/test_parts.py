import pytest
import torch
from torch import nn

from mmrec.affinities import SteppingAffinityInterest
from mmrec.export import to_exported_program
from mmrec.export.parts import step_parts

INTERESTS = ["gru4rec", "sasrec", "lrurec", "hstu", "ligr", "narm", "nrms", "additive", "mean"]


def folded(step, readout, ports, histories, vectors):
    """The interest after the last event of each user, by parts; a state of all users at once."""
    interests = []
    for user in range(len(histories)):
        sizes = [[1 if size == "B" else size for size in port.shape] for port in ports]
        state = [
            torch.zeros(size, dtype=getattr(torch, port.dtype))
            for size, port in zip(sizes, ports, strict=True)
        ]
        for t in range(int(histories.mask[user].sum())):
            at = (slice(user, user + 1), t)
            event = vectors[histories.items[at]], histories.gap[at], histories.event_type[at]
            after = step(*event, *state)
            state = [after] if isinstance(after, torch.Tensor) else after
        interests.append(readout(*state))
    return torch.cat(interests)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("interest", INTERESTS)
@pytest.mark.parametrize("inputs", [{}, {"time_gap": True, "num_event_types": 2}])
def test_folded_history_equals_the_models_interest(
    small_model, histories, interest, layers, inputs
):
    if interest not in ("nrms", "additive"):  # these have one layer
        inputs = inputs | {"layers": layers}
    model, vectors = small_model(interest, **inputs), torch.randn(13, 8)
    step, readout = step_parts(model.interest)
    with torch.no_grad():
        expected = model.interests(histories, vectors)
    got = folded(step, readout, readout.inputs, histories, vectors)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert not got[2].any()  # no events


@pytest.mark.parametrize("interest", INTERESTS)
def test_exported_programs_take_any_number_of_users(small_model, histories, interest):
    model, vectors = small_model(interest, time_gap=True, num_event_types=2), torch.randn(13, 8)
    parts = step_parts(model.interest)
    step, readout = (to_exported_program(part).module() for part in parts)
    with torch.no_grad():
        expected = model.interests(histories, vectors)
        got = folded(step, readout, parts[1].inputs, histories, vectors)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    for users in (3, 7):
        given = [
            torch.rand([users if size == "B" else size for size in port.shape]).to(
                getattr(torch, port.dtype)
            )
            for port in parts[0].inputs
        ]
        torch.testing.assert_close(step(*given), parts[0](*given), atol=1e-6, rtol=1e-5)


@pytest.mark.usefixtures("unchecked")
def test_other_interests_are_refused():
    with pytest.raises(ValueError, match=r"expects an interest with .*; Identity has not all"):
        step_parts(nn.Identity())


@pytest.mark.parametrize("interest", ["gru4rec", "sasrec", "lrurec", "narm"])  # kinds of states
def test_affinities_are_exported(small_model, histories, interest):
    inner = small_model(interest, time_gap=True, num_event_types=2).interest
    model = SteppingAffinityInterest(inner, [3, 2], negative_types=(2,), novelty=True).eval()
    model.weights.copy_(torch.tensor([2.0, 0.5]))
    model.constant.fill_(0.7)
    vectors = torch.randn(13, 13)
    parts = step_parts(model)
    step, readout = (to_exported_program(part).module() for part in parts)
    given = vectors[histories.items], histories.mask, histories.gap, histories.event_type
    with torch.no_grad():
        expected = model.last(*given)
        got = folded(step, readout, parts[1].inputs, histories, vectors)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)

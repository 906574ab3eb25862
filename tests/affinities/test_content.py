import numpy as np
import pytest
import torch

from mmrec.affinities import ContentDirections, Directions
from mmrec.affinities.content import NOVELTY_COLUMNS, SHORTEST


def test_products_are_cosines_of_centered_features():
    torch.manual_seed(0)
    features = torch.randn(30, 6) + 3
    found = Directions(6, 6).fit(features)(features)
    centered = (features - features.mean(0)).numpy()
    unit = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    np.testing.assert_allclose((found @ found.T).numpy(), unit @ unit.T, atol=1e-5)


def test_fewer_axes_keep_the_largest_variance():
    features = torch.randn(200, 3) * torch.tensor([0.01, 5.0, 0.01])
    assert float(Directions(3, 1).fit(features).axes[:, 0].abs()[1]) > 0.99


def test_absent_content_is_zero_whatever_is_in_its_place():
    content = ContentDirections({"text": 3, "image": 2}, {"text": 2, "image": 1})
    features = {"text": torch.full((2, 3), torch.nan), "image": torch.ones(2, 2)}
    features["text"][0] = 1.0
    present = {"text": torch.tensor([True, False]), "image": torch.tensor([False, False])}
    found = content(features, present)
    assert found.shape == (2, 3)
    assert float(found[0].norm()) == pytest.approx(1.0)
    assert not found[1].any()


def test_new_items_have_directions_of_another_length():
    widths, present = {"id": 2, "text": 3}, {"id": torch.tensor([True, False])}
    content = ContentDirections(widths, {"text": 3}, "id")
    features = {"id": torch.zeros(2, 2), "text": torch.randn(1, 3).expand(2, 3)}
    present["text"] = torch.ones(2).bool()
    known, new = content(features, present)
    assert torch.equal(known, new)
    content.known.fill_(0.5)
    content.new.fill_(2.0)
    found = content(features, present)
    torch.testing.assert_close(found, torch.stack([0.5 * known, 2.0 * known]))


def test_two_columns_tell_new_items():
    content = ContentDirections({"id": 2, "text": 3}, {"text": 2}, "id", novelty=True)
    features = {"id": torch.zeros(2, 2), "text": torch.randn(2, 3)}
    present = {"id": torch.tensor([True, False]), "text": torch.ones(2).bool()}
    known, new = content(features, present)[:, -NOVELTY_COLUMNS:]
    assert new.tolist() == [1.0, 0.0]
    assert known.tolist() == [0.0, SHORTEST]
    assert content.dim == 4
    assert known.half()[1] > 0


def test_novelty_needs_the_modality_that_new_items_lack():
    with pytest.raises(ValueError, match=r"novelty needs identity, .*; got None"):
        ContentDirections({"text": 3}, {"text": 2}, novelty=True)


@pytest.mark.parametrize("dim", [0, 4])
def test_wrong_number_of_axes_is_refused(dim):
    with pytest.raises(ValueError, match=f"1 <= dim <= width; got {dim} and 3"):
        Directions(3, dim)

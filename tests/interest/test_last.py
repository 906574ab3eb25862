import torch

from mmrec.interest import LastInterest, MeanInterest, last_interest


class Bare(torch.nn.Module):
    """The same interest without ``last``."""

    def __init__(self, interest):
        super().__init__()
        self.interest, self.dim, self.interest_dim = interest, interest.dim, interest.interest_dim

    def forward(self, *given):
        return self.interest(*given)


def test_it_is_the_same_with_and_without_a_shortcut():
    torch.manual_seed(0)
    model, mask = MeanInterest(4).eval(), torch.arange(5) < torch.tensor([[5], [2], [0]])
    vectors = torch.randn(3, 5, 4)
    assert isinstance(model, LastInterest)
    assert not isinstance(Bare(model), LastInterest)
    found = last_interest(model, vectors, mask)
    torch.testing.assert_close(last_interest(Bare(model), vectors, mask), found)
    states = model(vectors, mask)
    torch.testing.assert_close(found[:2], states[[0, 1], [4, 1]])
    assert not found[2].any()

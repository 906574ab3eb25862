"""Replace one part, keep the rest: a new interest model, checked, trained, saved, and served live.

python examples/own_component.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

import mmrec
from mmrec.data import read_folder
from mmrec.demo import make_shop
from mmrec.realtime import RealtimeRecommender
from mmrec.testing import check_interest


class FadingMean(nn.Module):
    """The interest is a mean of the history in which older items fade; one number is learned."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = self.interest_dim = dim
        self.fade = nn.Parameter(torch.tensor(1.0))
        self.out = nn.Linear(dim, dim)

    def forward(
        self,
        vectors: Tensor,
        mask: Tensor,
        gap: Tensor | None = None,
        event_type: Tensor | None = None,
    ) -> Tensor:
        steps = torch.arange(vectors.shape[1], device=vectors.device)
        age = (steps[:, None] - steps).float()
        weights = torch.where(age >= 0, torch.sigmoid(self.fade) ** age.clamp(min=0), 0.0)
        weights = weights / weights.sum(1, keepdim=True)
        return self.out(weights @ torch.where(mask.unsqueeze(-1), vectors, 0.0))

    # The rest is for a live recommender, which updates a state by one event at a time. The state is
    # the weighted sum of the items, and in its last column the sum of the weights.
    def initial_state(self, batch_size: int) -> Tensor:
        return self.fade.new_zeros(batch_size, self.dim + 1)

    def step(
        self,
        state: Tensor,
        vectors: Tensor,
        gap: Tensor | None = None,
        event_type: Tensor | None = None,
    ) -> Tensor:
        one = torch.ones_like(vectors[:, :1])
        return torch.sigmoid(self.fade) * state + torch.cat([vectors, one], dim=1)

    def readout(self, state: Tensor) -> Tensor:
        return self.out(state[:, :-1] / state[:, -1:].clamp(min=1))


def main() -> None:
    print("clauses of the contract that hold:", ", ".join(check_interest(FadingMean)))
    options = mmrec.Options(modalities=("id", "text"), dim=32, epochs=5)
    with TemporaryDirectory() as folder:
        data = read_folder(make_shop(Path(folder) / "shop", users=200, items=150))
        made = mmrec.Recommender.fit(
            data.interactions, data.catalog, options=options, interest=FadingMean
        )
        for name, metrics in {
            "fading mean": made.report["test"],
            **made.report["baselines"],
        }.items():
            print(f"{name}: NDCG@10 {metrics['ndcg@10']:.3f} of {metrics['targets']} events")

        made.save(Path(folder) / "RUN")
        live = RealtimeRecommender.load(Path(folder) / "RUN", parts=[FadingMean])
        for item in data.catalog.ids[:3]:
            live.observe("ann", item)
        for line in live.recommend("ann", k=5):
            print(line.item, data.catalog.row(line.item)["title"])


if __name__ == "__main__":
    main()

"""DirectAU as the auxiliary loss of a scorer, as its docstring says."""

import torch

from mmrec.encoders import IdEncoder
from mmrec.losses import AuxiliaryLoss, directau_loss
from mmrec.models import SequentialModel, gru4rec
from mmrec.sampling import FullSampler
from mmrec.scoring import DotScorer
from mmrec.training import SequenceDataModule, SequentialRecommender


class AlignedScorer(DotScorer):
    auxiliary_weight = 1.0

    def auxiliary_loss(self, output):
        return directau_loss(output.states, output.vectors[output.positives])


def nothing(logits, target, candidates, log_q):
    return logits.sum() * 0


def test_it_can_be_the_only_loss(split, sources):
    made = split(users=10, steps=6, items=8)
    plain = gru4rec({"id": IdEncoder(8, 8)}, dim=8, dropout=0.0)
    scorer = AlignedScorer(normalize=True)
    assert isinstance(scorer, AuxiliaryLoss)
    model = SequentialModel(plain.items, plain.interest, scorer)
    module = SequentialRecommender(model, loss=nothing)
    module.log = lambda *args, **options: None  # there is no trainer
    data = SequenceDataModule(made, sources(made), FullSampler(made.candidates), batch_size=8)
    batch = next(iter(data.train_dataloader()))
    loss = module.training_step(batch, 0)
    output = model(batch)
    targets = batch.pool.items[batch.target[batch.target > 0]]
    vectors = model.items.encoders["id"].table.weight[targets]
    assert torch.allclose(loss, directau_loss(output.states, vectors))
    loss.backward()
    for part in (model.items, model.interest):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())

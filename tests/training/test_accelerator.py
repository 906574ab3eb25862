"""A forward pass on CUDA without CUDA: fake tensors have a device and a shape, and no values."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from mmrec.data import TableSource
from mmrec.encoders import CategoryEncoder, IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import HSTUInterest, LinearRecurrentInterest, SelfAttentionInterest
from mmrec.losses import softmax_loss
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.sampling import FullSampler, UniformSampler
from mmrec.scoring import DotScorer
from mmrec.training import SequenceDataModule

aten = torch.ops.aten


class Answers(TorchDispatchMode):
    """Keeps the answers for which a CPU waits for an accelerator, or gives them again in order."""

    def __init__(self, given=None):
        super().__init__()
        self.repeats, self.answers = given is not None, list(given or [])

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        asked = func.overloadpacket in (aten._local_scalar_dense, aten.nonzero)
        if asked and self.repeats:
            answer = self.answers.pop(0)
            if isinstance(answer, torch.Size):
                return args[0].new_empty(answer, dtype=torch.long)
            return answer
        made = func(*args, **(kwargs or {}))
        if asked:
            self.answers.append(made.shape if isinstance(made, Tensor) else made)
        return made


def loss_of(model, batch, weights=None):
    output = model(batch) if weights is None else functional_call(model, weights, (batch,))
    return softmax_loss(output.logits, output.target, output.candidates, output.log_q)


@pytest.mark.skipif(torch.version.cuda is None, reason="this PyTorch is not built for CUDA")
@pytest.mark.parametrize("interest", [SelfAttentionInterest, LinearRecurrentInterest, HSTUInterest])
@pytest.mark.parametrize("negatives", ["full", "uniform"])
def test_a_step_stays_on_the_device_and_waits_seldom(split, sources, interest, negatives):
    made = split(users=16)
    trained = np.flatnonzero(made.train_counts)
    there = np.arange(made.catalog_size + 1)
    kinds = TableSource(1 + there[:, None] % 3, there % 4 > 0)
    sampler = FullSampler(trained) if negatives == "full" else UniformSampler(trained, 5)
    data = SequenceDataModule(made, {**sources(made), "category": kinds}, sampler, max_length=6)
    batch = next(iter(data.train_dataloader()))
    encoders = {"id": IdEncoder(len(trained), 8), "category": CategoryEncoder(3, 8)}
    items = ItemEncoder(encoders, ConcatFusion({"id": 8, "category": 8}, 8), modality_dropout=0.2)
    model = SequentialModel(
        items, interest(8, dropout=0.1, time_gap=True, num_event_types=2), DotScorer()
    )
    with Answers() as kept:
        loss_of(model, batch)
    # A look at each modality, at padding, at targets, and whether these are candidates.
    assert len(kept.answers) <= 6
    with FakeTensorMode(allow_non_fake_inputs=True), Answers(kept.answers) as given:
        held = [*model.named_parameters(), *model.named_buffers()]
        weights = {name: torch.empty_like(value, device="cuda") for name, value in held}
        loss = loss_of(model, batch.to("cuda"), weights)  # a tensor elsewhere would be an error
    assert loss.device.type == "cuda"
    assert not given.answers

import os
import pickle
import subprocess
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import checked
import pytest
import torch
from torch import nn

from mmrec.data import windows
from mmrec.recommender.pipeline.train import quiet
from mmrec.training import SequenceDataModule, SequentialRecommender
from mmrec.training.distributed import _in_any, join, keep_in_graph

SCRIPT = Path(__file__).with_name("in_processes.py")


@pytest.fixture(scope="module")
def program():
    spec = spec_from_file_location("in_processes", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    places = [str(Path(checked.__file__).parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in range(2)]


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_fails_ends_the_other(rank):
    work = f"if os.environ['RANK'] == '{rank}': raise ValueError('no such thing')"
    program = f"import os, time\nfrom forked import in_two\ndef work():\n {work}\n time.sleep(60)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nin_two(work)"],
        cwd=SCRIPT.parent,
        capture_output=True,
        timeout=20,
    )
    assert done.returncode != 0
    assert b"ValueError: no such thing" in done.stderr


@pytest.mark.parametrize(
    "case",
    ["softmax", "bpr", "bce", "reranker", "drawn", "drawn, reranker", "full", "absent"],
)
def test_two_processes_have_the_gradient_of_one_with_both_batches(ranks, case):
    for rank in ranks:
        got, expected = rank[case]["loss"]
        assert torch.allclose(got, expected, atol=1e-5)
        got, expected = rank[case]["gradients"]
        for name, value in expected.items():
            assert torch.allclose(got[name], value, atol=1e-5), name
        assert any(value.abs().max() > 1e-3 for value in expected.values())


def test_the_cases_differ_as_their_names_say(ranks):
    one, other = map(set, ranks[0]["softmax"]["pools"])
    assert one & other  # some drawn twice, some by one process only
    assert one - other
    assert other - one
    assert ranks[0]["full"]["pools"][0] == ranks[0]["full"]["pools"][1]
    assert ranks[0]["absent"]["with_text"] == [True, False]


@pytest.mark.parametrize("run", ["train", "shards"])
def test_training_shares_the_windows(ranks, program, run):
    split = program.made_split()
    expected = Counter()
    for start, end in windows(split.train, 5):
        expected.update(split.train.item[start + 1 : end].tolist())
    one, other = (rank[run] for rank in ranks)
    assert one["steps"] == other["steps"]
    for epoch in range(2):
        assert Counter(one["epochs"][epoch] + other["epochs"][epoch]) == expected
    assert one["epochs"][0] != one["epochs"][1]
    # Steps in which one process alone, or nobody, had a text.
    assert {(a, b) for a, b in zip(one["text"], other["text"], strict=True)} >= {(False, False)}
    assert any(a != b for a, b in zip(one["text"], other["text"], strict=True))


def test_every_event_is_validated_once(ranks, program):
    split = program.made_split()
    one, other = (rank["train"]["validated"][0] for rank in ranks)
    assert one
    assert other
    assert sorted(one + other) == split.targets("valid").tolist()
    alone = [rank["one_event"]["validated"][0] for rank in ranks]
    assert sorted(map(len, alone)) == [0, 1]


@pytest.mark.parametrize(("run", "most"), [("train", None), ("one_event", 1), ("shards", None)])
def test_metrics_and_weights_are_those_of_one_process(ranks, program, trainer, run, most):
    one, other = (rank[run] for rank in ranks)
    assert all(torch.equal(value, other["weights"][name]) for name, value in one["weights"].items())
    split = program.made_split()
    module = SequentialRecommender(program.made_model(split, rerank=True))
    module.load_state_dict(one["weights"])
    data = SequenceDataModule(
        split,
        program.made_sources(split, [7]),
        program.negatives(split, "both"),
        max_length=5,
        max_valid=most,
    )
    with quiet():
        alone = trainer().validate(module, datamodule=data, verbose=False)[0]
    for name, value in alone.items():
        assert one["metrics"][name] == pytest.approx(value, abs=1e-6)
        assert other["metrics"][name] == pytest.approx(value, abs=1e-6)


def test_one_process_alone_changes_nothing(program):
    split = program.made_split()
    sources = program.made_sources(split, [7])
    data = SequenceDataModule(split, sources, program.negatives(split, "full"))
    batch = next(iter(data.train_dataloader()))
    model = program.made_model(split)
    output = model(batch)
    joined, weight = join(output, batch.pool, model.scorer)
    assert joined is output
    assert joined.candidates is batch.pool.candidates
    assert weight == 1.0


def test_inclusion_in_any_of_several_pools():
    q = torch.tensor([1.0, 0.5, 1e-9, 0.0], dtype=torch.float64)
    got = _in_any(q.log(), 3).exp()
    assert torch.allclose(
        got, torch.tensor([1.0, 0.875, 3e-9, 0.0], dtype=torch.float64), rtol=1e-6
    )


def test_touched_parameters_have_a_gradient():
    module = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1), nn.Linear(2, 1)])
    module[2].requires_grad_(False)
    loss = module[0](torch.ones(1, 2)).sum()
    touched = keep_in_graph(loss, module)
    assert touched == loss
    touched.backward()
    assert not module[1].weight.grad.any()
    assert module[0].weight.grad.tolist() == [[1.0, 1.0]]
    assert module[2].weight.grad is None

import json
import signal
from zipfile import ZipFile

import pytest
import torch
from torch import nn

from mmrec.data import Catalog, Interactions
from mmrec.losses import softmax_loss
from mmrec.recommender import Recommender
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.resume import (
    STARTED,
    describe_start,
    last_checkpoint,
    open_folder,
    remove_folder,
)
from mmrec.training import AtomicCheckpointIO, Checkpoints


@pytest.fixture
def fit(chain, options, take_parts, tmp_path):
    """Train for five epochs, with checkpoints in a folder."""

    def run(*, resume=False, log=None, **changes):
        events, items = chain(**({"users": 16} | (log or {})))
        chosen = {"epochs": 5, "dropout": 0.3, "ema": 0.9, "reranker": "mlp"} | changes
        given = take_parts(chosen)
        place = tmp_path / "kept"
        return Recommender.fit(
            events, items, options=options(**chosen), checkpoints=place, resume=resume, **given
        )

    return run


@pytest.fixture(scope="module")
def whole(chain, options):
    """The recommender of a training that was not interrupted; don't change it."""
    events, items = chain(users=16)
    chosen = options(epochs=5, dropout=0.3, ema=0.9)
    return Recommender.fit(events, items, options=chosen, negatives="full", reranker="mlp")


@pytest.fixture
def interrupted(fit, monkeypatch):
    """A training that stops after some epochs, with an error of choice."""

    def run(epochs, error=RuntimeError, **changes):
        step = Checkpoints.on_train_epoch_end

        def stop(self, trainer, module):
            step(self, trainer, module)
            if trainer.current_epoch + 1 == epochs:
                raise error("stop")

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "on_train_epoch_end", stop)
            with pytest.raises(error, match="stop" if error is RuntimeError else None):
                fit(**changes)

    return run


def same(first, second):
    a, b = first.model.state_dict(), second.model.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("epochs", "changes"),
    [
        (1, {}),
        (5, {}),
        (3, {"ema": 0.0}),
        (2, {"negatives": "popularity", "modalities": ("id", "text")}),
    ],
)
def test_a_resumed_training_ends_as_if_it_had_not_been_interrupted(
    fit, interrupted, tmp_path, caplog, epochs, changes
):
    whole = fit(**changes)
    interrupted(epochs, **changes)
    assert STARTED in names(tmp_path / "kept")
    resumed = fit(resume=True, **changes)
    assert f"training continues after epoch {epochs} of 5" in caplog.text
    assert same(whole, resumed)
    assert resumed.report["training"] == whole.report["training"]
    assert resumed.report["test"] == whole.report["test"]


@pytest.mark.parametrize(
    ("folder", "epochs", "changes"),
    [
        ("refit-valid", 1, {}),
        ("refit-all", 1, {"negatives": "popularity", "modalities": ("id", "text")}),
        ("refit-all", 2, {"ema": 0.0}),
    ],
)
def test_a_refit_is_resumed_where_it_was(
    fit, tmp_path, monkeypatch, caplog, folder, epochs, changes
):
    changes = {"refit": "all", "epochs": 3, "lr": 0.003} | changes
    whole = fit(**changes)
    step = Checkpoints.on_train_epoch_end

    def stop(self, trainer, module):
        step(self, trainer, module)
        if self.directory.name == folder and self.epochs == epochs:
            raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "on_train_epoch_end", stop)
        with pytest.raises(RuntimeError, match="stop"):
            fit(**changes)
    assert folder in names(tmp_path / "kept")
    resumed = fit(resume=True, **changes)
    assert f"refit continues after epoch {epochs}" in caplog.text
    assert same(whole, resumed)
    for name in ("training", "valid", "test"):
        assert resumed.report[name] == whole.report[name]
    resumed.save(tmp_path / "run")
    assert names(tmp_path) == ["run"]


def test_trained_images(images, chain, options, tmp_path, tiny_encoders):
    events, items = chain(users=10)
    chosen = options(modalities=("image",), tuning="full", epochs=2)

    def run(**more):
        folder = images[0].parent
        given = {"encoders": {"image": "test_vit"}, "negatives": "full"}
        return Recommender.fit(events, items, images=folder, options=chosen, **given, **more)

    whole = run(checkpoints=tmp_path / "kept")
    (tmp_path / "kept" / "epoch-00002.ckpt").unlink()  # as if killed in the second epoch
    assert same(whole, run(checkpoints=tmp_path / "kept", resume=True))


def test_a_training_that_stopped_early_has_ended(fit, caplog):
    first = fit(epochs=30, patience=1, lr=1e-9)
    assert first.report["training"]["epochs"] == 2
    again = fit(epochs=30, patience=1, lr=1e-9, resume=True)
    assert again.report["training"] == first.report["training"]
    assert same(first, again)


def test_saving_removes_the_checkpoints(fit, tmp_path):
    made = fit(epochs=1)
    made.save(tmp_path / "run")
    assert names(tmp_path) == ["run"]


def test_without_resume_it_starts_anew(whole, fit, interrupted, tmp_path):
    interrupted(3, seed=4)
    assert same(whole, fit())
    assert "epoch-00005.ckpt" in names(tmp_path / "kept")


def test_nothing_to_resume(fit, caplog):
    fit(epochs=1, resume=True)
    assert "no checkpoint in" in caplog.text
    assert "training starts from the beginning" in caplog.text


def test_what_differs_from_a_start_without_a_checkpoint_is_said(fit, tmp_path, monkeypatch, caplog):
    def stop(*arguments, **more):
        raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr("mmrec.recommender.recommender.carry_out", stop)
        for _ in range(2):  # the second start differs in nothing
            with pytest.raises(RuntimeError, match="stop"):
                fit(epochs=1, resume=True)
    assert names(tmp_path / "kept") == ["training.json"]
    assert "what is given now" not in caplog.text
    fit(epochs=1, resume=True, loss="bpr", lr=1e-9)
    [*_, said] = [one for one in caplog.messages if "no checkpoint in" in one]
    assert "from the beginning, with what is given now: lr was " in said
    assert said.endswith("and is 1e-09; loss was 'softmax' and is 'bpr'")


def test_resume_needs_a_folder(chain, options):
    with pytest.raises(ValueError, match="resume needs checkpoints"):
        Recommender.fit(*chain(), options=options(), resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.01}, r"resumed: lr was 0\.02 and is 0\.01; give"),
        ({"seed": 3, "dim": 8}, r"dim was 16 and is 8; seed was 0 and is 3; give"),
        ({"reranker": None}, "resumed: reranker was 'mlp' and is None; give"),
        ({"log": {"seed": 1}}, r"resumed: the events differ; give"),
        ({"log": {"items": 11}}, r"resumed: the events differ; the items differ; give"),
    ],
)
def test_other_options_or_data_are_refused(fit, interrupted, tmp_path, changes, message):
    interrupted(2)
    before = names(tmp_path / "kept")
    with pytest.raises(ValueError, match=message):
        fit(resume=True, **changes)
    assert names(tmp_path / "kept") == before


def test_types_of_events_are_part_of_the_data(chain, options, tmp_path):
    events, items = chain(users=10)
    size = len(events["item_id"])

    def run(first, second, **more):
        types = [first, second] * (size // 2) + [first] * (size % 2)
        chosen = options(epochs=1, event_types=True)
        place = tmp_path / "kept"
        Recommender.fit(events | {"event": types}, items, options=chosen, checkpoints=place, **more)

    run("view", "buy")
    with pytest.raises(ValueError, match="resumed: the events differ"):
        run("buy", "view", resume=True)


def test_precision_may_change(fit, interrupted):
    interrupted(2, precision="bf16-mixed")
    assert fit(resume=True).report["training"]["epochs"] == 5


@pytest.mark.parametrize("cut", [0, -100])
def test_a_truncated_checkpoint_gives_way_to_the_one_before(
    whole, fit, interrupted, tmp_path, caplog, cut
):
    interrupted(3)
    last = tmp_path / "kept" / "epoch-00003.ckpt"
    last.write_bytes(last.read_bytes()[:cut])
    resumed = fit(resume=True)
    assert f"{last} can't be read" in caplog.text
    assert "training continues after epoch 2 of 5" in caplog.text
    assert same(whole, resumed)


def test_a_checkpoint_with_a_flipped_bit_gives_way_too(whole, fit, interrupted, tmp_path, caplog):
    interrupted(3)
    last = tmp_path / "kept" / "epoch-00003.ckpt"
    with ZipFile(last) as parts:
        tensors = [part for part in parts.infolist() if "/data/" in part.filename]
        weights = max(tensors, key=lambda part: part.file_size)
    damaged = bytearray(last.read_bytes())
    damaged[weights.header_offset + weights.file_size // 2] ^= 1
    last.write_bytes(damaged)
    torch.load(last, weights_only=True)  # PyTorch doesn't see it
    resumed = fit(resume=True)
    assert f"{last} can't be read" in caplog.text
    assert same(whole, resumed)


class Tempered(nn.Module):
    """A loss with a weight of its own."""

    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(3.0))

    def forward(self, logits, target, candidates, log_q):
        return softmax_loss(logits / self.temperature, target, candidates, log_q)


@pytest.mark.parametrize(
    "changes",
    [
        {"interest": "sasrec", "reranker": None},
        {"interest": "lrurec", "layers": 1, "loss": "bpr", "negatives": "in-batch"},
        {"precision": "bf16-mixed", "workers": 1, "negatives": "uniform", "pool_size": 4},
        {"loss": Tempered},
    ],
)
def test_every_kind_of_training_goes_on_to_the_same_bytes(fit, interrupted, tmp_path, changes):
    whole = fit(**changes)
    interrupted(2, **changes)
    assert same(whole, fit(resume=True, **changes))


def test_no_checkpoint_can_be_read(fit, interrupted, tmp_path):
    interrupted(3)
    for path in (tmp_path / "kept").glob("*.ckpt"):
        path.write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"none of the checkpoints .* start anew"):
        fit(resume=True)
    (tmp_path / "kept" / STARTED).write_text("{}")
    with pytest.raises(ValueError, match=rf"{STARTED} can't be read, .* start anew"):
        fit(resume=True)


def test_a_checkpoint_of_another_model(fit, interrupted, tmp_path):
    interrupted(1)
    path = tmp_path / "kept" / "epoch-00001.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["mmrec"]["best"].popitem()
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match="made by another version of mmrec; start anew"):
        fit(resume=True)


def test_a_checkpoint_never_runs_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"mmrec": Evil()}, tmp_path / "epoch-00001.ckpt")
    with pytest.raises(ValueError, match="none of the checkpoints"):
        last_checkpoint(tmp_path)
    torch.save({"other": 1}, tmp_path / "epoch-00001.ckpt")
    with pytest.raises(ValueError, match="none of the checkpoints"):
        last_checkpoint(tmp_path)


def test_a_full_disk(whole, fit, tmp_path, monkeypatch):
    write = AtomicCheckpointIO.save_checkpoint

    def full(self, checkpoint, path, storage_options=None):
        if "00004" in str(path):
            raise OSError(28, "No space left on device")
        write(self, checkpoint, path, storage_options)

    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", full)
        with pytest.raises(OSError, match=r"epoch 4 .* No space left .* goes on after epoch 3"):
            fit()
    assert same(whole, fit(resume=True))


def test_a_loss_that_is_nan(whole, fit, tmp_path, monkeypatch):
    count = 0

    def loss(*arguments):
        nonlocal count
        count += 1
        return softmax_loss(*arguments) * (float("nan") if count == 10 else 1.0)

    with monkeypatch.context() as patch:
        patch.setitem(SLOTS["loss"].names, "softmax", loss)
        with pytest.raises(ValueError, match=r"loss is nan in epoch \d, step \d of .*; start anew"):
            fit()
    assert same(whole, fit(resume=True))


def test_ctrl_c(whole, fit, interrupted):
    before = signal.getsignal(signal.SIGINT)
    interrupted(2, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert same(whole, fit(resume=True))


@pytest.fixture
def started(chain, options):
    """What a training is started with."""
    events, items = chain()
    catalog = Catalog(items)
    split = split_log(Interactions(events), options(), catalog)
    return describe_start(options(), Recipe(), split, catalog)


def test_a_folder_of_something_else_is_left_alone(started, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(FileExistsError, match=r"nothing but checkpoints .* \['notes.txt'\]"):
            open_folder(tmp_path, started, resume=resume)
    with pytest.raises(FileExistsError, match="is a file"):
        open_folder(tmp_path / "notes.txt", started, resume=False)
    (tmp_path / "epoch-00001.ckpt").write_bytes(b"")
    remove_folder(tmp_path)
    assert names(tmp_path) == ["notes.txt"]
    remove_folder(tmp_path / "no")


def test_leftovers_of_a_kill_are_removed(started, tmp_path):
    (tmp_path / "epoch-00001.ckpt.new").write_bytes(b"half")
    open_folder(tmp_path, started, resume=False)
    assert names(tmp_path) == [STARTED]
    assert json.loads((tmp_path / STARTED).read_text()) == started
    remove_folder(tmp_path)
    assert not tmp_path.exists()


def test_only_the_main_process_writes(started, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    open_folder(tmp_path / "kept", started, resume=False)
    assert not (tmp_path / "kept").exists()

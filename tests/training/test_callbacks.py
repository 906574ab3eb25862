from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
    RichProgressBar,
    TQDMProgressBar,
)

from mmrec.training import MONITOR, Checkpoints, MovingAverage, Watch, callbacks
from mmrec.training.callbacks import StopAfter, average_and_stop, progress_bar


def types_of(parts):
    return [type(part) for part in parts]


def test_which_callbacks_are_returned(tmp_path):
    average, stop, best = callbacks(tmp_path, patience=3, ema=0.9)
    assert types_of([average, stop, best]) == [MovingAverage, EarlyStopping, ModelCheckpoint]
    assert average.decay == 0.9
    assert best.monitor == stop.monitor == MONITOR == "valid_ndcg@10"
    assert best.mode == stop.mode == "max"
    assert stop.patience == 3
    assert types_of(callbacks(tmp_path, ema=0.0)) == [EarlyStopping, ModelCheckpoint]


def test_a_bar_that_needs_no_widgets_unless_one_is_given():
    assert types_of(progress_bar(True)) == [TQDMProgressBar]
    assert progress_bar(True, [RichProgressBar()]) == []
    assert progress_bar(False) == []


def test_a_trainer_of_ones_own_keeps_the_averaged_weights_of_the_best_epoch(split, fit, tmp_path):
    options = {"enable_checkpointing": True, "gradient_clip_val": 1.0}
    trained = options | {"callbacks": callbacks(tmp_path, patience=1, ema=0.5)}
    module, loop = fit(split(users=12), epochs=6, lr=1e-9, trained=trained)
    assert loop.current_epoch == 2  # nothing is learned, so nothing gets better
    assert [path.suffix for path in tmp_path.iterdir()] == [".ckpt"]
    best = Path(loop.checkpoint_callback.best_model_path)
    state = torch.load(best, weights_only=True)["state_dict"]
    assert set(state) == set(module.state_dict())
    module.load_state_dict(state)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patience": 0}, "patience must be 1 or more; got 0"),
        ({"ema": 1.0}, "decay must be between 0 and 1; got 1"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        callbacks(tmp_path, **wrong)


def test_a_watch_gets_the_ndcg_of_each_epoch_and_may_end_the_training(split, fit):
    seen = []

    def watch(ndcg):
        seen.append(ndcg)
        return len(seen) == 3

    kept = Checkpoints()
    trained = {"enable_checkpointing": True, "callbacks": [Watch(watch), kept]}
    _, loop = fit(split(users=12), epochs=6, trained=trained)
    assert loop.current_epoch == 3
    assert seen == kept.curve
    assert kept.ended


def test_a_number_of_steps_ends_a_training_without_validation(split, fit):
    kept, stop = Checkpoints(), average_and_stop(patience=1, ema=0.0, steps=6)
    trained = {"callbacks": [*stop, kept], "limit_val_batches": 0, "enable_checkpointing": True}
    module, loop = fit(split(users=16), epochs=9, trained=trained)  # 4 batches an epoch
    assert types_of(stop) == [StopAfter]
    assert (loop.global_step, kept.epochs, kept.batches, kept.ended) == (6, 2, 4, True)
    assert kept.curve == []
    weights = module.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in kept.best.items())

"""Training a model until validation stops improving."""

import logging
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mmrec.data import Split
from mmrec.models import SequentialModel
from mmrec.recommender.build import LOSSES, build_negatives
from mmrec.recommender.content import Content
from mmrec.recommender.options import Options


def training_device() -> torch.device:
    """Return where a trainer puts the model: on this process' CUDA device if there is one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # Lightning runs a script once for each device.
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", rank % torch.cuda.device_count())


def train(
    model: SequentialModel, options: Options, split: Split, content: Content, *, progress: bool
) -> dict[str, Any]:
    """Train ``model`` in place; it ends with the weights of its best epoch on validation.

    Returns:
        How it went: the best epoch and its validation NDCG@10, and the curve.
    """
    # Lightning is imported here, so that a recommender that only serves doesn't load it.
    from lightning import Trainer
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.callbacks import Callback, ModelCheckpoint

    from mmrec.training import MONITOR, SequenceDataModule, SequentialRecommender, callbacks

    data = SequenceDataModule(
        split,
        content.sources,
        build_negatives(options, split),
        train_sources=content.augmented,
        batch_size=options.batch_size,
        max_length=options.max_length,
        max_items=options.max_items if options.trains_encoders else None,
        max_valid=options.max_valid,
        workers=options.workers,
        seed=options.seed,
    )
    module = SequentialRecommender(
        model,
        loss=LOSSES[options.loss],
        lr=options.lr,
        encoder_lr=options.encoder_lr,
        weight_decay=options.weight_decay,
        alignment=options.alignment if options.fusion == "siamese" else 0.0,
    )
    curve: list[float] = []

    class Curve(Callback):
        def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
            curve.append(float(trainer.callback_metrics[MONITOR]))

    with TemporaryDirectory() as directory, quiet():
        usual = callbacks(directory, patience=options.patience, ema=options.ema)
        try:
            trainer = Trainer(
                max_epochs=options.epochs,
                precision=options.precision,  # type: ignore[arg-type]
                devices=options.devices,
                gradient_clip_val=1.0,
                callbacks=[*usual, Curve()],
                num_sanity_val_steps=0,
                logger=False,
                enable_model_summary=False,
                enable_progress_bar=progress,
            )
        except MisconfigurationException as error:  # more devices than there are
            raise ValueError(" ".join(str(error).split())) from error
        trainer.fit(module, datamodule=data)
        best = next(part for part in usual if isinstance(part, ModelCheckpoint))
        weights = torch.load(Path(best.best_model_path), "cpu", weights_only=True)["state_dict"]
        trainer.strategy.barrier()  # with several devices all read it before it is removed
    module.load_state_dict(weights)
    model.eval()
    return {
        "best_epoch": max(range(len(curve)), key=curve.__getitem__) + 1,
        "epochs": len(curve),
        "valid_curve": [round(value, 5) for value in curve],
    }


class quiet(warnings.catch_warnings):  # reads like the context manager it is
    """Keep Lightning's advertisements and advice out of a user's terminal."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*not be pinned.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        self.logger = logging.getLogger("lightning.pytorch")
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *error: Any) -> None:
        self.logger.setLevel(self.level)
        super().__exit__(*error)

"""mmrec against its peers, side by side in one run: seconds, medians, ratios.

    python benchmarks/speed.py DATA --peers DIR [--quick] [--only PART …] [--json]

DATA is a data set folder; DIR holds (or gets) the virtual environments of RecBole and RecTools.
Both sides of a ratio have the same events, model size, history length and number of threads, and
training compares a target with the whole catalogue (mmrec's own default of sampled negatives is not
used):

- ``gru_train_vs_recbole``: an epoch of RecBole's GRU4Rec over one of mmrec's (ids, width 128,
  history 50, every training event a target on both sides; batches of 512 prefixes and of 128
  windows of 50);
- ``sasrec_train_vs_rectools``: the same for SASRec (2 blocks, 2 heads), each user's last 51 events,
  batches of 128 windows on both sides;
- ``evaluate_vs_rectools``: ``recommend`` plus metrics for 5,000 users over 20,000 items at history
  50 with an untrained SASRec on both sides, over ranking and measuring with mmrec;
- ``text_encode_vs_sentence_transformers``: ``encode`` of the same texts by the same weights;
- ``image_encode_vs_forward``: the pure forward pass of decoded images over reading, decoding and
  encoding them (1 would mean that decoding costs nothing);
- ``pool_vs_occurrences``: see ``benchmarks/pool.py``.

Every process keeps freed memory (``mmrec.cpu.memory``), as the ``mmrec`` command does, those of
the peers too. A ratio above 1 says that mmrec is faster.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import (
    PEER_SCRIPTS,
    command_line,
    environment,
    median_seconds,
    print_json,
    run_script,
)
from lightning import Callback, Trainer

from mmrec.cpu import keep_freed_memory
from mmrec.data import (
    Catalog,
    Interactions,
    Sequences,
    Split,
    TextTemplate,
    id_source,
    leave_one_out,
    read_folder,
)
from mmrec.encoders import FeatureStore, IdEncoder, ImageEncoder, TextEncoder
from mmrec.evaluation import rank_targets, summarize
from mmrec.models import CatalogScorer, SequentialModel, encode_catalog, gru4rec, sasrec
from mmrec.recommender.pipeline.train import quiet
from mmrec.sampling import FullSampler
from mmrec.training import SequenceDataModule, SequentialRecommender

TEXT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
IMAGE_MODEL = "tf_efficientnet_lite0"
DIM, HISTORY, WINDOWS = 128, 50, 128


class Epochs(Callback):
    """Notes how long each epoch takes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_train_epoch_end(self, *_: Any) -> None:
        """Stop the clock."""
        self.seconds.append(time.perf_counter() - self.start)


def last_events(events: Sequences, most: int) -> Sequences:
    """Each user's last events."""
    stops = np.repeat(events.offsets[1:], np.diff(events.offsets))
    return events.keep(np.arange(len(events.item)) >= stops - most)


def seconds_of_epoch(
    model: SequentialModel, split: Split, sources: dict[str, Any], epochs: int
) -> float:
    """Median seconds of an epoch of mmrec; validation is not part of it."""
    data = SequenceDataModule(
        split,
        sources,
        FullSampler(np.flatnonzero(split.train_counts)),
        batch_size=WINDOWS,
        max_length=HISTORY,
    )
    timer = Epochs()
    with quiet():
        trainer = Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            gradient_clip_val=1.0,
            limit_val_batches=0,
            callbacks=[timer],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(SequentialRecommender(model), datamodule=data)
    return statistics.median(timer.seconds[1:] or timer.seconds)


def ids_of(split: Split) -> tuple[dict[str, Any], int]:
    """The id modality of a split, and the size of its vocabulary."""
    trained = np.flatnonzero(split.train_counts)
    vocabulary = {int(item): slot for slot, item in enumerate(trained, 1)}
    return {"id": id_source(vocabulary, split.catalog_size)}, len(trained)


def training(
    data: Path, peers: Path, work: Path, *, quick: bool, threads: int
) -> dict[str, dict[str, float]]:
    """GRU against RecBole, SASRec against RecTools, in turns."""
    dataset = read_folder(data)
    split = leave_one_out(dataset.interactions, dataset.catalog, min_count=5)
    sources, words = ids_of(split)
    epochs = 3 if quick else 6
    timed = {}
    np.savez(work / "train.npz", item=split.train.item, offsets=split.train.offsets)
    ours = seconds_of_epoch(gru4rec({"id": IdEncoder(words, DIM)}, dim=DIM), split, sources, epochs)
    script = [PEER_SCRIPTS / "speed_recbole.py", work / "train.npz", work / "recbole"]
    theirs = run_script(
        [
            environment(peers, "recbole"),
            *script,
            "--batches",
            "10" if quick else "40",
            "--threads",
            str(threads),
        ]
    )
    timed["gru_train_vs_recbole"] = {
        "mmrec": ours,
        "peer": theirs["epoch"],
        "batches_timed": theirs["timed"],
        "batches": theirs["batches"],
    }
    cut = last_events(split.train, HISTORY + 1)
    few = Split(
        "last-51",
        cut,
        np.zeros(len(cut.item), dtype=np.int64),
        split.candidates,
        split.catalog_size,
    )
    np.savez(work / "cut.npz", item=cut.item, offsets=cut.offsets)
    model = sasrec({"id": IdEncoder(words, DIM)}, dim=DIM, window=HISTORY)
    ours = seconds_of_epoch(model, few, sources, epochs)
    script = [PEER_SCRIPTS / "speed_rectools.py", "train", work / "cut.npz"]
    theirs = run_script(
        [
            environment(peers, "rectools"),
            *script,
            "--epochs",
            str(epochs),
            "--threads",
            str(threads),
        ]
    )
    timed["sasrec_train_vs_rectools"] = {"mmrec": ours, "peer": theirs["epoch"]}
    return timed


def random_events(users: int, items: int, length: int) -> tuple[Interactions, Catalog]:
    """Return a log in which no user has two events on one item."""
    rng = np.random.default_rng(0)
    item = np.concatenate([rng.permutation(items)[:length] for _ in range(users)])
    log = {
        "user_id": np.repeat(np.arange(users), length),
        "item_id": item,
        "position": np.tile(np.arange(length), users),
    }
    return Interactions(log), Catalog({"item_id": np.arange(items)})


def evaluating(peers: Path, work: Path, *, quick: bool, threads: int) -> dict[str, float]:
    """Recommend and measure for 5,000 users over 20,000 items."""
    log, catalog = random_events(5_000, 20_000, HISTORY + 1)
    split = leave_one_out(log, catalog)
    np.savez(work / "evaluate.npz", item=split.sequences.item, offsets=split.sequences.offsets)
    encoder = IdEncoder(len(catalog), DIM)
    model = sasrec({"id": encoder}, dim=DIM, window=HISTORY).eval()
    sources = {"id": id_source({i: i for i in range(1, len(catalog) + 1)}, len(catalog))}

    def ours() -> None:
        vectors = encode_catalog(model.items, sources, len(catalog), batch_size=4096)
        counts = torch.from_numpy(split.train_counts)
        scorer = CatalogScorer(model, vectors, counts, max_length=HISTORY)
        summarize(rank_targets(scorer, split, max_length=HISTORY), len(catalog))

    repeats = 3 if quick else 5
    script = [PEER_SCRIPTS / "speed_rectools.py", "evaluate", work / "evaluate.npz"]
    theirs = run_script(
        [
            environment(peers, "rectools"),
            *script,
            "--repeats",
            str(repeats),
            "--threads",
            str(threads),
        ]
    )
    return {
        "mmrec": median_seconds(ours, repeats),
        "peer": theirs["seconds"],
        "peer_recommend": theirs["recommend"],
    }


def texts(data: Path, *, quick: bool) -> dict[str, float]:
    """The same texts by the same weights, in turns; the vectors must be the same."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    from mmrec.encoders.packaged import packaged_text_model

    catalog = read_folder(data).catalog
    every = TextTemplate.guess(catalog.frame.columns).render_all(catalog.frame)
    values = [text for text in every if text][: 600 if quick else 3000]
    encoder = TextEncoder.from_pretrained(TEXT_MODEL)
    folder = str(packaged_text_model(TEXT_MODEL) or TEXT_MODEL)
    words = Transformer(folder, max_seq_length=128)
    peer = SentenceTransformer(modules=[words, Pooling(encoder.dim, "mean")], device="cpu")
    made: dict[str, np.ndarray] = {}

    def ours() -> None:
        made["ours"] = FeatureStore(None).encode(encoder, values)[:].numpy()

    def theirs() -> None:
        made["theirs"] = peer.encode(values)

    turns = [(median_seconds(ours, 1), median_seconds(theirs, 1)) for _ in range(3)]
    difference = float(np.abs(made["ours"] - made["theirs"]).max())
    if difference > 1e-3:
        raise SystemExit(f"the vectors differ by {difference}; expected at most 0.001")
    mine, peers = (statistics.median(side) for side in zip(*turns, strict=True))
    return {"mmrec": mine, "peer": peers, "texts": len(values), "difference": difference}


def images(data: Path, *, quick: bool) -> dict[str, float]:
    """Reading, decoding and encoding images, against the forward pass alone."""
    paths = [path for path in read_folder(data).catalog.image_paths() if path]
    paths = paths[: 256 if quick else 1024]
    encoder = ImageEncoder.from_timm(IMAGE_MODEL)
    batches = [encoder.transform(paths[i : i + 16]) for i in range(0, len(paths), 16)]

    @torch.inference_mode()
    def forward() -> None:
        for batch in batches:
            encoder(batch)

    def ours() -> None:
        FeatureStore(None).encode(encoder, paths, keys=[str(path) for path in paths])

    turns = [(median_seconds(ours, 1), median_seconds(forward, 1)) for _ in range(3)]
    mine, floor = (statistics.median(side) for side in zip(*turns, strict=True))
    return {"mmrec": mine, "peer": floor, "images": len(paths)}


def pool(*, quick: bool) -> dict[str, float]:
    """Training text and image models, by unique items and by occurrences."""
    script = Path(__file__).with_name("pool.py")
    said = run_script([sys.executable, script, "--steps", "3" if quick else "5", "--json"])
    return {"mmrec": said["pool_seconds"], "peer": said["occurrence_seconds"]}


def import_seconds() -> float:
    """Median seconds of ``import mmrec`` in a new process, the start of Python taken off."""

    def start(code: str) -> Callable[[], None]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True) and None

    return median_seconds(start("import mmrec"), 5) - median_seconds(start("pass"), 5)


def main() -> None:
    """Run every comparison and print ratios."""
    parser = command_line(__doc__, "data", "--peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    quick, threads = arguments.quick, arguments.threads
    timed: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as directory:
        work = Path(directory)
        parts: dict[str, Callable[[], dict[str, dict[str, float]]]] = {
            "train": lambda: training(
                arguments.data, arguments.peers, work, quick=quick, threads=threads
            ),
            "evaluate": lambda: {
                "evaluate_vs_rectools": evaluating(
                    arguments.peers, work, quick=quick, threads=threads
                )
            },
            "text": lambda: {
                "text_encode_vs_sentence_transformers": texts(arguments.data, quick=quick)
            },
            "image": lambda: {"image_encode_vs_forward": images(arguments.data, quick=quick)},
            "pool": lambda: {"pool_vs_occurrences": pool(quick=quick)},
        }
        for name, run in parts.items():
            if arguments.only and name not in arguments.only:
                continue
            for key, row in run().items():
                timed[key] = row
                ratio = row["peer"] / row["mmrec"]
                print(
                    f"{key}: {row['peer']:.3f} s / {row['mmrec']:.3f} s = {ratio:.2f}", flush=True
                )
    imported = import_seconds()
    print(f"import mmrec: {imported:.2f} s")
    ratios = {key: round(row["peer"] / row["mmrec"], 3) for key, row in timed.items()}
    print_json(arguments, ratios)


if __name__ == "__main__":
    main()

import gc
import os
import signal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

# Shapes in annotations are checked while the tests run, and only then.
os.environ.setdefault("JAXTYPING_DISABLE", "0")
# Processes that tests start take one thread each, as their own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import checked
import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)
checked.install()


def pytest_configure(config):
    """Give tests to processes in the order of their files.

    Files of few tests would come last otherwise, and a slow one of them would run alone.
    """
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep what is imported out of the garbage collector: searching it again takes a tenth of all.

    Nothing is searched while tests are collected, when nearly all of it is loaded.
    """
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


@pytest.fixture
def no_hang():
    """Ends a test that takes a minute of processor time, as what is not linear would."""

    def hangs(*_):
        raise TimeoutError("expected an end within a minute of processor time")

    before = signal.signal(signal.SIGVTALRM, hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, 60)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


WORDS = ["red", "blue", "warm", "soft", "shoes", "hat", "scarf", "lamp", "for", "the", "winter"]


@pytest.fixture(scope="session")
def stirred():
    """Returns a module whose parameters that start at 0 are random, so that it has an effect."""

    def stir(module):
        for parameter in module.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter)
        return module

    return stir


@pytest.fixture
def unchecked(monkeypatch):
    """Without the check of annotations, as users run it."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A BERT of two layers and width 32, saved with its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefgh", "##a", "##b"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=128,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoints():
    """The file `checkpoints.py`, which makes tiny Hugging Face checkpoints."""
    spec = spec_from_file_location("checkpoints", Path(__file__).with_name("checkpoints.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def checkpoint(checkpoints, tmp_path_factory):
    """Return the folder of a tiny checkpoint of a family, made once."""
    made = {}

    def find(family):
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            checkpoints.save_checkpoint(family, made[family])
        return made[family]

    return find


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Twelve images of different sizes and colors."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{i}.png" for i in range(12)]
    for i, path in enumerate(paths):
        image = Image.new("RGB", (30 + 7 * i, 50), (20 * i, 255 - 20 * i, 90))
        image.paste((255, 255, 255), (0, 0, 5 + i, 20))
        image.save(path)
    return paths


@pytest.fixture(scope="session")
def chain():
    """Make a log in which an item is followed by the next one (the last by the first).

    Twelve items at most have texts and the names of `images`. Shuffled, every user has the same
    events in an order of chance.
    """

    def make(*, users=40, steps=12, items=12, seed=0, shuffled=False):
        rng = np.random.default_rng(seed)
        walks = (rng.integers(items, size=(users, 1)) + np.arange(steps)) % items
        if shuffled:
            walks = rng.integers(items, size=walks.shape)
        events = {
            "user_id": [f"u{user}" for _ in range(steps) for user in range(users)],
            "item_id": [f"i{item}" for item in walks.T.flatten()],
            "timestamp": list(range(users * steps)),
            "event": [["view", "cart"][number % 2] for number in range(users * steps)],
        }
        catalog = {
            "item_id": [f"i{item}" for item in range(items)],
            "title": [f"{WORDS[item % 11]} {'abcdefgh'[item % 8]}" for item in range(items)],
            "kind": [["even", "odd"][item % 2] for item in range(items)],
            "image": [f"{item % 12}.png" for item in range(items)],
        }
        return events, catalog

    return make


@pytest.fixture(scope="session")
def pages():
    """Labeled impressions with a planted rule, and the vectors of the items.

    Items have a vector near that of one of four kinds. A user has a taste for one kind, and clicks
    on an item of it with probability .9, on others with .05. ``shuffled`` gives the labels of each
    impression to items at random.
    """
    from mmrec.data import Catalog, Interactions, TableSource, read_impressions

    def make(*, users=60, pages=10, shown=6, items=40, seed=0, shuffled=False):
        rng = np.random.default_rng(seed)
        kind, taste = rng.integers(4, size=items), rng.integers(4, size=users)
        vectors = rng.normal(size=(4, 8))[kind] + rng.normal(0, 0.3, (items, 8))
        log = {n: [] for n in ("user_id", "item_id", "timestamp", "event", "impression_id")}
        for page in range(pages):
            for user in range(users):
                chosen = rng.choice(items, shown, replace=False)
                clicks = rng.random(shown) < np.where(kind[chosen] == taste[user], 0.9, 0.05)
                clicks = rng.permutation(clicks) if shuffled else clicks
                log["user_id"] += [f"u{user}"] * shown
                log["item_id"] += [f"i{item}" for item in chosen]
                log["timestamp"] += [1000.0 * page + user] * shown
                log["event"] += ["click" if click else "impression" for click in clicks]
                log["impression_id"] += [page] * shown
        catalog = Catalog({"item_id": [f"i{item}" for item in range(items)]})
        there = np.arange(items + 1) > 0
        table = np.pad(vectors, ((1, 0), (0, 0))).astype(np.float32)
        sources = {"text": TableSource(table, there)}
        return read_impressions(Interactions(log), catalog), sources

    return make


@pytest.fixture(scope="session")
def tiny_encoders():
    """Timm models are small and untrained here: always the same one for a name."""

    from mmrec.encoders import ImageEncoder
    from mmrec.recommender.content import ImageModality

    plain = ImageModality.load

    def load(self):
        if Path(self.encoder).is_dir():
            return plain(self)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ImageEncoder.from_timm(self.encoder, pretrained=False, tuning=self.tuning)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageModality, "load", load)
        yield


@pytest.fixture(scope="session")
def options():
    """Small options, all of them stated that cost time."""

    from mmrec.recommender import Options

    def make(**changes):
        small = {
            "modalities": ("id",),
            "dim": 16,
            "dropout": 0.1,
            "max_length": 6,
            "batch_size": 8,
            "epochs": 2,
            "ema": 0.0,
            "lr": 0.02,
            "encoder_lr": 1e-3,
            "refit": "none",
            "devices": 1,
            "seed": 0,
        }
        return Options(**(small | changes))

    return make


@pytest.fixture(scope="session")
def take_parts(bert_folder):
    """The parts among some changes, with small encoders for the modalities in use."""

    from mmrec.recommender.options import PARTS

    def make(changes):
        small = {"text": str(bert_folder), "image": "test_vit"}
        given = {name: changes.pop(name) for name in PARTS if name in changes}
        used = changes.get("modalities", ("id",))
        encoders = {name: value for name, value in small.items() if name in used}
        encoders |= given.get("encoders", {})
        return {"negatives": "full", **given, "encoders": encoders}

    return make


@pytest.fixture(scope="session")
def fit(chain, options, take_parts, images, tiny_encoders):
    """Train a recommender on a made log; changes are options and parts."""

    from mmrec.recommender import Recommender

    def run(*, log=None, cache=None, catalog=None, **changes):
        events, items = chain(**(log or {}))
        given = take_parts(changes)
        return Recommender.fit(
            events,
            items if catalog is None else catalog,
            images=images[0].parent,
            cache=cache,
            options=options(**changes),
            **given,
        )

    return run


@pytest.fixture(scope="session")
def by_id(fit):
    """A recommender that has learned from ids what follows what; don't change it."""
    return fit(log={"users": 60, "items": 30}, epochs=12)


@pytest.fixture(scope="session")
def by_content(fit):
    """A recommender of items with texts and images only; don't change it."""
    return fit(modalities=("text", "image"))


@pytest.fixture(scope="session")
def add_affinities():
    """Put affinities of content, of the given dims and weights, and neighbours into a recommender.

    The directions are those of features around a mean of chance. With ``own``, new items have these
    weights of their own: what every history adds, novelty, and the share of the learned score.
    """
    from dataclasses import replace

    from mmrec import Recommender
    from mmrec.affinities import ContentAffinity, with_content

    def make(made, dims=None, weights=(), neighbours=(), negative=(), own=()):
        state = replace(made.state, neighbours=tuple(neighbours))
        types = tuple(state.reader.number_of(name) for name in negative)
        if dims:
            affinity = ContentAffinity(dims, 0.7, types, "id" if own else None, bool(own))
            model = with_content(state.model, affinity).eval()
            random = torch.Generator().manual_seed(0)
            for block in model.items.fusion.content.blocks.values():
                block.mean.normal_(0, 0.3, generator=random)
            model.interest.weights.copy_(torch.tensor([*weights, *own[1:2]]))
            if own:
                model.interest.constant.fill_(own[0])
                model.scorer.share.fill_(own[2])
            state = replace(state, model=model)
            vectors, shares = state.encode(state.catalog, slots=state.slots[1:])
            state = replace(
                state,
                vectors=torch.nn.functional.pad(vectors, (0, 0, 1, 0)),
                modality_contributions={
                    name: torch.nn.functional.pad(share, (0, 0, 1, 0))
                    for name, share in shares.items()
                },
            )
        tables = [
            replace(table, negative_types=types) if hasattr(table, "negative_types") else table
            for table in state.neighbours
        ]
        return Recommender(replace(state, neighbours=tuple(tables)))

    return make


@pytest.fixture
def saved(by_id, tmp_path):
    """A RUN in a folder of its own."""
    by_id.save(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory, bert_folder):
    """A small shop and a recommender that has learned it; don't change it."""
    from mmrec.data import read_folder
    from mmrec.demo import make_shop
    from mmrec.recommender import Options, Recommender
    from mmrec.recommender.pipeline.data import split_log

    dataset = read_folder(make_shop(tmp_path_factory.mktemp("shop"), users=60, items=60))
    options = Options(
        modalities=("id", "text"),
        text_template="{title} {description} {price}",
        dim=16,
        epochs=2,
        lr=3e-3,
        refit="none",
        affinities=False,
        drop_repeats=False,
        devices=1,
    )
    recommender = Recommender.fit(
        dataset.interactions,
        dataset.catalog,
        options=options,
        encoders={"text": str(bert_folder)},
        negatives="full",
    )
    split = split_log(dataset.interactions, options, dataset.catalog)
    return SimpleNamespace(recommender=recommender, split=split, dataset=dataset)

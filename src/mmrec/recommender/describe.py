"""What a recommender says of itself: its ``config.json`` and its ``report.json``."""

from typing import Any

import torch

from mmrec import __version__
from mmrec.data import Catalog, Split
from mmrec.evaluation import describe_split, evaluate, evaluate_baselines
from mmrec.models import CatalogRanker
from mmrec.recommender.content import Content, feature_dims
from mmrec.recommender.options import Options


def describe_run(
    options: Options, catalog: Catalog, split: Split, content: Content
) -> dict[str, Any]:
    """Return everything needed to rebuild the model and to repeat the run."""
    return {
        "versions": {"mmrec": __version__, "torch": str(torch.__version__)},
        "options": options.to_dict(),
        "kinds": list(split.sequences.kinds),
        "feature_dims": feature_dims(content.encoders),
        "encoders": content.described,
        "images": str(catalog.images.resolve()) if catalog.images else None,
    }


def describe_content(catalog: Catalog, content: Content) -> dict[str, Any]:
    """Return how much of a catalogue's content could be read, for the report."""
    return {
        "items": len(catalog),
        "items_with": {name: int(s.present.sum()) for name, s in content.sources.items()},
        "unreadable_pictures": content.problems,
        "cut_texts": content.cut_texts,
    }


def measure(ranker: CatalogRanker, split: Split, options: Options) -> dict[str, Any]:
    """Return how well a ranker does on the parts of a split, beside simple baselines."""
    length = options.max_length
    return describe_split(split) | {
        "seed": options.seed,
        "valid": evaluate(ranker, split, "valid", max_length=length),
        "test": evaluate(ranker, split, "test", max_length=length),
        "baselines": evaluate_baselines(split, "test", max_length=length),
    }

"""Well-known models by name: the parts and options that make each as in its paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmrec.recommender.options import Options, checked_options

MODEL = "model"
"""Key in ``about`` and in a report of what a name has set."""


@dataclass(frozen=True)
class KnownModel:
    """What a name stands for.

    Attributes:
        paper: where the model is from.
        parts: what is given for each slot.
        options: the values of options.
    """

    paper: str
    parts: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resolved:
    """Options and parts with what a name has set.

    Attributes:
        options: the options.
        parts: the parts by slot.
        facts: name, paper, and the parts and options that the name has set; empty without a name.
    """

    options: Options
    parts: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


SEQUENCE_ALONE = {
    "time_gap": False,
    "event_types": False,
    "request_time": False,
    "trend": False,
    "affinities": False,
}
"""Without the inputs and terms of the score that papers on the order of items don't have."""

IDS = {"modalities": ("id",), **SEQUENCE_ALONE}
TEXTS = {"modalities": ("text",), **SEQUENCE_ALONE}


def _with(name: str, **init_args: Any) -> dict[str, Any]:
    """Return a class of ours with some arguments, as a RUN writes it."""
    return {"class_path": f"mmrec.interest.{name}", "init_args": init_args}


ZOO = {
    "gru4rec": KnownModel(
        "arXiv 1511.06939, trained as in 1706.03847",
        {"interest": "gru4rec", "loss": "softmax", "negatives": "mixed"},
        {**IDS, "dim": 100, "layers": 1, "dropout": 0.2},
    ),
    "narm": KnownModel(
        "arXiv 1711.04725",
        {"interest": "narm", "loss": "softmax", "negatives": "full"},
        {**IDS, "dim": 100, "layers": 1, "dropout": 0.25, "max_length": 50},
    ),
    "sasrec": KnownModel(
        "arXiv 1808.09781",
        {
            "interest": _with("SelfAttentionInterest", heads=1),
            "loss": "bce",
            "negatives": "uniform",
        },
        {**IDS, "dim": 50, "layers": 2, "dropout": 0.2, "max_length": 200},
    ),
    "lrurec": KnownModel(
        "arXiv 2310.02367",
        {"interest": "lrurec", "loss": "softmax", "negatives": "full"},
        {**IDS, "dim": 64, "layers": 2, "dropout": 0.2, "max_length": 200},
    ),
    "hstu": KnownModel(
        "arXiv 2402.17152",
        {"interest": _with("HSTUInterest", heads=1), "loss": "softmax", "negatives": "uniform"},
        {**IDS, "time_gap": True, "dim": 50, "layers": 2, "dropout": 0.2, "max_length": 200},
    ),
    "esasrec": KnownModel(
        "arXiv 2508.06450, with the LiGR layers of 2502.03417",
        {"interest": _with("LiGRInterest", heads=8), "loss": "softmax", "negatives": "uniform"},
        {**IDS, "dim": 256, "layers": 4, "dropout": 0.2, "max_length": 200},
    ),
    "two_tower": KnownModel(
        "Covington et al., RecSys 2016; negatives of Yang et al., WWW 2020",
        {"interest": "mean", "loss": "softmax", "negatives": "mixed"},
        {**SEQUENCE_ALONE, "layers": 2, "dropout": 0.2},
    ),
    "nrms": KnownModel(
        "Wu et al., EMNLP 2019",
        {"interest": _with("NRMSInterest", heads=16), "loss": "softmax", "negatives": "uniform"},
        {**TEXTS, "dim": 256, "dropout": 0.2, "max_length": 50},
    ),
    "naml": KnownModel(
        "arXiv 1907.05576",
        {
            "fusion": "additive",
            "interest": "additive",
            "loss": "softmax",
            "negatives": "uniform",
        },
        {**SEQUENCE_ALONE, "dim": 400, "dropout": 0.2, "max_length": 50},
    ),
    "morec": KnownModel(
        "arXiv 2303.13835",
        {"interest": "sasrec", "loss": "bce", "negatives": "uniform"},
        {**TEXTS, "tuning": "full", "layers": 2, "dropout": 0.1, "max_length": 20},
    ),
    "unisrec": KnownModel(
        "arXiv 2206.05941",
        {"fusion": "experts", "interest": "sasrec", "loss": "softmax", "negatives": "full"},
        {**TEXTS, "dim": 300, "layers": 2, "dropout": 0.5, "max_length": 50},
    ),
    "lightgcn": KnownModel(
        "arXiv 2002.02126",
        {"interest": _with("MeanInterest", layers=0), "loss": "bpr", "negatives": "uniform"},
        {**SEQUENCE_ALONE, "modalities": ("graph",), "dim": 64, "dropout": 0.0, "max_length": 200},
    ),
    "freedom": KnownModel(
        "arXiv 2211.06924",
        {"interest": _with("MeanInterest", layers=0), "loss": "bpr", "negatives": "uniform"},
        {
            **SEQUENCE_ALONE,
            "modalities": ("graph:text", "text"),
            "dim": 64,
            "dropout": 0.0,
            "max_length": 200,
        },
    ),
}
"""The models by name. How they are trained is not theirs: optimizer, learning rate, average of the
weights, choice of the epoch and refit are those of every recommender here."""


def resolve(model: str | None, options: Options | None, parts: Mapping[str, Any]) -> Resolved:
    """Return options and parts with what the name of a model sets; what is given takes precedence.

    Args:
        model: a name of :data:`ZOO`; None changes nothing.
        options: the options; those that were set are kept.
        parts: the parts by slot; one that is None was not given.

    Raises:
        ValueError: the name is unknown, or ``options`` are none.

    Example:
        >>> made = resolve("sasrec", Options(dim=64), {"loss": "softmax"})
        >>> made.options.dim, made.options.max_length, made.parts["loss"], made.parts["negatives"]
        (64, 200, 'softmax', 'uniform')
        >>> made.facts["parts"]["negatives"], "dim" in made.facts["options"]
        ('uniform', False)
    """
    options = checked_options(options)
    if model is None:
        return Resolved(options, dict(parts))
    if model not in ZOO:
        raise ValueError(f"model must be one of {list(ZOO)}; got {model!r}")
    known, given = ZOO[model], {slot: part for slot, part in parts.items() if part is not None}
    parts_set = {slot: part for slot, part in known.parts.items() if slot not in given}
    options_set = {n: v for n, v in known.options.items() if n not in options.model_fields_set}
    options = options.replace(**options_set)
    said = options.model_dump(mode="json", include=set(options_set))  # plain values for JSON
    facts = {"name": model, "paper": known.paper, "parts": parts_set, "options": said}
    return Resolved(options, {**parts_set, **given}, facts)


def model_help() -> str:
    """Return the names with their papers, for a help."""
    named = ", ".join(f"{name} ({known.paper})" for name, known in ZOO.items())
    return (
        f"A model as in its paper: {named}. The name sets parts and options; those that are given "
        f"take precedence."
    )

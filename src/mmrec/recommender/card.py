"""The model card of a recommender: what it is, how good it is, and what it is not for."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from mmrec import __version__
from mmrec.affinities import learned
from mmrec.display import BASELINE_NAMES
from mmrec.evaluation.curves import metric_of_ranks
from mmrec.evaluation.statistics import cluster_bootstrap
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content.fitted import spec_of_modality

log = logging.getLogger(__name__)

METRICS = ("ndcg@10", "hr@10", "mrr@10")
NAMES = {"ndcg@10": "NDCG@10", "hr@10": "HR@10", "mrr@10": "MRR@10"}


def model_card(
    state: RecommenderState,
    name: str,
    *,
    license: str | None = None,
    left_out: Sequence[str] = (),
) -> str:
    """Return the text of a README.md for the hub, with its YAML front matter.

    What it says is from the report and the parts; nothing is estimated. Intervals are those of
    :func:`mmrec.evaluation.cluster_bootstrap` over users, as far as the rank of each test event is
    known.

    Args:
        state: the recommender.
        name: the id of the repository, or the name of the folder.
        license: an identifier such as ``apache-2.0``; None is said.
        left_out: files of the RUN that are not shared.
    """
    sections = {
        "What it is": _model(state),
        "Data": _data(state.report, len(state.catalog)),
        "Figures": _figures(state),
        "Intended use": _use(state),
        "Limits": _limits(state),
        "How to load it": _loading(name, state),
        "Files": _files(left_out, [] if state.users is None else list(state.users.modalities)),
        "License": [_license(license)],
    }
    text = [_front(state, license), f"# {name}"]
    for title, lines in sections.items():
        text += [f"## {title}", *lines]
    return "\n\n".join(text) + "\n"


def _front(state: RecommenderState, license: str | None) -> str:
    """Return the front matter, which the hub reads."""
    import yaml

    content = [name for name in ("text", "image") if name in state.modalities]
    tags = ["recommendation", "sequential-recommendation", *(["multimodal"] if content else [])]
    facts: dict[str, Any] = {"library_name": "mmrec", "tags": tags}
    if license is not None:
        facts["license"] = license
    return f"---\n{yaml.safe_dump(facts, sort_keys=False)}---"


def _model(state: RecommenderState) -> list[str]:
    model = learned(state.model)
    size = sum(weight.numel() for weight in model.parameters())
    parts = {
        "modalities": ", ".join(state.modalities),
        "features of users": ", ".join(state.users.modalities) if state.users else "none",
        "fusion": type(model.items.fusion).__name__,
        "interest": type(model.interest).__name__,
        "scorer": type(model.scorer).__name__,
        "reranker": "none" if model.reranker is None else type(model.reranker).__name__,
        "parameters": f"{size:,}",
    }
    first = (
        f"A recommender made with mmrec {__version__}: from the history of a user to a ranked list "
        f"of items."
    )
    return [first, "\n".join(f"- {part}: {value}" for part, value in parts.items())]


def _data(report: Mapping[str, Any], items: int) -> list[str]:
    if "events" not in report:
        return [f"A catalogue of {items:,} items. The report has no facts about events."]
    events = report["events"]
    lines = [
        f"- items: {items:,}, of which {report['candidates']:,} are ranked",
        f"- users: {report['users']:,}",
        f"- events: {events['train']:,} training, {events['valid']:,} validation, "
        f"{events['test']:,} test",
        f"- split: {report['split']}, fingerprint `{report['fingerprint']}`, seed {report['seed']}",
    ]
    for role, types in report.get("event_roles", {}).get("roles", {}).items():
        said = ", ".join(f"{count:,} {kind}".rstrip() for kind, count in types.items())
        lines.append(f"- events that are {role}: {said}")
    return ["\n".join(lines)]


def _figures(state: RecommenderState) -> list[str]:
    """Return the metrics on the test part beside those of the baselines."""
    report = state.report
    test = report.get("test")
    if test is None:
        return ["The report has no figures on a test part."]
    bounds, why = _intervals(state)
    rows = [["", *NAMES.values()]]
    rows.append(["**this model**", *(_value(test, metric, bounds) for metric in METRICS)])
    for name, metrics in report.get("baselines", {}).items():
        label = BASELINE_NAMES.get(name, name)
        rows.append([label, *(_value(metrics, metric, {}) for metric in METRICS)])
    table = ["| " + " | ".join(row) + " |" for row in rows]
    table.insert(1, "|---|" + "---:|" * len(METRICS))
    first = (
        f"On {test['targets']:,} test events; each is ranked among all candidates, items that the "
        f"user has seen are left out, and ties count against the model. {why}"
    )
    return [first, "\n".join(table), *_of_refit(report), *_of_slices(test)]


def _value(metrics: Mapping[str, Any], metric: str, bounds: Mapping[str, str]) -> str:
    return f"{metrics[metric]:.4f}{bounds.get(metric, '')}" if metric in metrics else ""


def _intervals(state: RecommenderState) -> tuple[dict[str, str], str]:
    """Return the interval of each metric, and a sentence about them."""
    targets = state.targets
    if targets is None or targets["user_id"].n_unique() < 2:
        return {}, "There are no intervals: the rank of each test event is not known."
    ranks = torch.from_numpy(targets["rank"].to_numpy().astype("int64"))
    users, found = targets["user_id"].to_numpy(), {}
    try:
        for metric in METRICS:
            values = metric_of_ranks(ranks, metric, len(state.catalog))
            made = cluster_bootstrap(values, users)
            found[metric] = f" [{made.low:.4f}, {made.high:.4f}]"
    except ImportError:
        log.warning('the card has no intervals without SciPy: pip install "mmrec[compare]"')
        return {}, "There are no intervals: SciPy was missing when the card was made."
    return found, "In brackets: 95 % intervals of a bootstrap over users."


def _of_refit(report: Mapping[str, Any]) -> list[str]:
    stages = report.get("refit", {})
    said = []
    if "all" in stages:
        said.append(
            "The figures are of a model that had not trained on the test events. The model that is "
            "kept has then trained on all events, with the same settings."
        )
    if "leak" in report:
        said.append(f"Note: {report['leak']}.")
    return said


def _of_slices(test: Mapping[str, Any]) -> list[str]:
    cold, warm = test.get("cold", {}), test.get("warm", {})
    if not cold.get("targets") or not warm.get("targets"):
        return []
    return [
        f"NDCG@10 on the {warm['targets']:,} events of items with training events is "
        f"{warm['ndcg@10']:.4f}, and on the {cold['targets']:,} of items without "
        f"{cold['ndcg@10']:.4f}."
    ]


def _use(state: RecommenderState) -> list[str]:
    content = [name for name, one in state.modalities.items() if one.modality.has_content]
    new = (
        f"New items can be added by their content ({', '.join(content)})."
        if content
        else "It knows items by their id alone, so it can't recommend new ones."
    )
    return [
        f"Ranking the items of its catalogue for users of the service whose events it was trained "
        f"on, by the items of their history. {new}"
    ]


def _limits(state: RecommenderState) -> list[str]:
    report, epsilon = state.report, state.options.epsilon
    said = [
        "Figures are from past events of one log. They say what users did, not what they would "
        "have done with these lists; only an experiment says that.",
        "They hold for this catalogue and these users. Another service has to measure anew.",
    ]
    if "coverage@10" in (test := report.get("test", {})):
        said.append(
            f"Lists of ten for the test events hold {test['coverage@10']:.0%} of the candidates. "
            f"An item in them has {test['popularity@10']:,.0f} training events on average, "
            f"one that a user took {test['popularity_of_targets']:,.0f}."
        )
    if epsilon is None:
        said.append(
            "It was trained without differential privacy: weights and counts of items may reveal "
            "something about single users."
        )
    else:
        said.append(f"It was trained with differential privacy of users, epsilon {epsilon:g}.")
    baselines = report.get("baselines", {})
    ahead = [
        BASELINE_NAMES.get(name, name)
        for name, metrics in baselines.items()
        if metrics.get("ndcg@10", 0) >= report.get("test", {}).get("ndcg@10", float("inf"))
    ]
    if ahead:
        said.append(f"By NDCG@10 it is not better than {', '.join(ahead)}.")
    return ["\n".join(f"- {line}" for line in said)]


def _loading(name: str, state: RecommenderState) -> list[str]:
    users = {} if state.users is None else state.users.modalities
    modalities = [
        spec_of_modality(one.modality) for one in (*state.modalities.values(), *users.values())
    ]
    specs = [spec.to_dict() for spec in (*state.specs.values(), *modalities)]
    own = sorted({path for path in _class_paths(specs) if not path.startswith("mmrec.")})
    parts = f", parts=[{', '.join(path.rpartition('.')[2] for path in own)}]" if own else ""
    some = [str(item) for item in state.catalog.ids[:2]]
    lines = [
        "```python",
        "from mmrec import Recommender",
        "",
        f"recommender = Recommender.from_pretrained({name!r}{parts})",
        f"recommender.recommend({some!r}, k=10)",
        "```",
    ]
    more = [f"It needs parts from outside mmrec: {', '.join(own)}."] if own else []
    return ["\n".join(lines), "No code is downloaded or executed.", *more]


def _class_paths(value: Any) -> Iterator[str]:
    """Yield the class paths in the specs of parts, and in their arguments."""
    if isinstance(value, Mapping):
        if "class_path" in value:
            yield value["class_path"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _class_paths(one)


def _files(left_out: Sequence[str], features: Sequence[str]) -> list[str]:
    said = "Weights are safetensors, tables are Parquet, the rest is JSON, YAML and Markdown."
    if left_out:
        said += f" Left out, since they name users: {', '.join(left_out)}."
    if features:
        said += f" The values that features of users have are part of it: {', '.join(features)}."
    return [f"{said} Events and images are not part of it."]


def _license(license: str | None) -> str:
    if license is None:
        return "None was given. Ask the owner before you use it."
    return f"`{license}`"

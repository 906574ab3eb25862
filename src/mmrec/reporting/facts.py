"""What was trained: data, split, parts and options, as lines of text."""

from collections.abc import Mapping
from typing import Any

from mmrec.affinities import learned
from mmrec.data.wording import counted
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.options import Options
from mmrec.recommender.zoo import MODEL

Facts = dict[str, str]


def facts_of_training(state: RecommenderState) -> Facts:
    """Return what a recommender was trained on and what it consists of, a line by its name."""
    report, model = state.report, learned(state.model)
    facts = {"Items": _items(state)}
    if "users" in report:
        facts["Users"] = f"{report['users']:,}"
    if "events" in report:
        events = report["events"]
        facts["Events"] = (
            f"{events['train']:,} to train, {events['valid']:,} to choose, {events['test']:,} to "
            f"test"
        )
        facts["Split"] = f"{report['split']}, fingerprint {report['fingerprint']}"
        facts["Protocol"] = _protocol(report)
    if named := report.get(MODEL):
        facts["Model"] = f"{named['name']} ({named['paper']})"
    parts = {
        "fusion": model.items.fusion,
        "interest": model.interest,
        "scorer": model.scorer,
        "reranker": model.reranker,
    }
    facts["Parts"] = ", ".join(
        f"{slot} {type(part).__name__}" for slot, part in parts.items() if part is not None
    )
    size = sum(weight.numel() for weight in state.model.parameters())
    facts["Size"] = f"{size:,} parameters, item vectors of {state.vectors.shape[1]} numbers"
    facts["Modalities"] = ", ".join(state.modalities)
    if state.users is not None:
        facts["Features of users"] = ", ".join(state.users.modalities)
    if training := report.get("training"):
        epochs = counted(training["epochs"], "epoch")
        facts["Training"] = f"{epochs}, the best was {training['best_epoch']}"
    if seconds := report.get("seconds"):
        facts["Time"] = ", ".join(f"{name} {value:,.0f} s" for name, value in seconds.items())
    return facts


def changed_options(options: Options, recipe: Mapping[str, Any]) -> Facts:
    """Return the options that differ from the defaults, and the parts that were given.

    Args:
        options: the options.
        recipe: what was given for each slot; None and empty values were not given.

    Example:
        >>> changed_options(Options(dim=8), {"loss": "bpr", "reranker": None})
        {'dim': '8 (default 128)', 'loss': 'bpr'}
    """
    defaults, chosen = Options().model_dump(), options.model_dump()
    found = {
        name: f"{_shown(value)} (default {_shown(defaults[name])})"
        for name, value in chosen.items()
        if value != defaults[name]
    }
    given = {name: value for name, value in recipe.items() if value not in (None, {}, [])}
    return found | {name: _shown(value) for name, value in given.items()}


def _items(state: RecommenderState) -> str:
    available = state.available[1:].cpu()
    without = int((available & (state.counts[1:].cpu() == 0)).sum())
    said = [f"{int(available.sum()):,}"]
    for name, count in state.report.get("items_with", {}).items():
        if name != "id":
            said.append(f"{count:,} with {name}")
    return ", ".join([*said, f"{without:,} without an event in training"])


def _protocol(report: Any) -> str:
    protocol = report.get("protocol")
    seen = ""
    if isinstance(protocol, dict):
        seen = ", less those the user had before" if protocol.get("filter_seen") else ""
    return (
        f"every test event is predicted from what came before it; {report['candidates']:,} items "
        f"are ranked{seen}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if "class_path" in value:
            given = ", ".join(f"{n}={v}" for n, v in (value.get("init_args") or {}).items())
            return f"{value['class_path'].rpartition('.')[2]}({given})"
        return ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)

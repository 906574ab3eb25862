"""What the figures of a report don't settle, as sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmrec.data.wording import counted, verb
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.figures import measured, measured_baselines
from mmrec.recommender.report import worse_than_before

FEW = 400
"""Below so many test events, the report says that they are few."""


def doubts(state: RecommenderState) -> list[str]:
    """Return what is uncertain about the test figures of a recommender, a sentence each."""
    return list(_doubts(state))


def kept_has_seen(state: RecommenderState) -> bool:
    """Return whether the model that is kept has trained on the test events."""
    trained = "trained_on" in state.report and "test" not in state.report
    return trained or (state.options.refit == "all" and "all" in state.report.get("refit", {}))


def _doubts(state: RecommenderState) -> Iterator[str]:
    report = state.report
    own, others = measured(state), measured_baselines(state)
    best = max(others, key=lambda one: one.mean, default=None)
    if best is not None and best.mean >= own.mean:
        yield (
            f"A baseline is ahead: {best.name} reaches {best.mean:.3f}, this model {own.mean:.3f}."
        )
    elif best is not None and own.low is not None and best.mean >= own.low:
        yield (
            f"The interval of this model, {own.low:.3f} to {own.high:.3f}, contains the best "
            f"baseline, {best.name} with {best.mean:.3f}. These events don't show which is better."
        )
    if worse := worse_than_before(report):
        yield f"{worse[0].upper()}{worse[1:]}."
    yield _number_of_targets(state, own.targets)
    seed = report.get("seed", state.options.seed)
    yield (
        f"This is one training, with seed {seed}. Intervals are over users; another seed gives "
        "another model. Train with three seeds or more, and mmrec compare shows how much they "
        "differ."
    )
    yield from _cold(state)
    if kept_has_seen(state):
        yield (
            "The model that is kept has trained on the test events too, as refit=all says. The "
            "figures are those of a model that had not. The lists on this page are made by the one "
            "that is kept, so a hit in them proves nothing; the rank beside it does."
        )
    if "leak" in report:
        yield f"Note: {report['leak']}."
    yield (
        "An event that was not predicted need not be a bad recommendation: nobody knows what the "
        "user would have done with the list. Only an experiment with users tells."
    )


def _number_of_targets(state: RecommenderState, targets: int) -> str:
    said = f"There {verb(targets, 'is', 'are')} {counted(targets, 'test event')}"
    if state.targets is not None:
        said += f" of {counted(state.targets['user_id'].n_unique(), 'user')}"
    if targets < FEW:
        said += "; that is few, and differences of some hundredths may be chance"
    return f"{said}."


def _cold(state: RecommenderState) -> Iterator[str]:
    if state.targets is None or not len(state.targets):
        return
    cold: Any = (~state.targets["warm"]).sum()
    share = cold / len(state.targets)
    if cold:
        yield (
            f"{cold:,} of the test events ({share:.0%}) are of items without an event in the "
            f"training part. {_met(state.report, cold)}"
        )
    else:
        yield "No test event is of a new item, so nothing here says how good the model is at them."


def _met(report: Mapping[str, Any], cold: int) -> str:
    """Return what the model that was measured, and the baselines, knew about cold targets."""
    met = report.get("valid_only_targets")
    known = "content, their age, and what is counted up to each request"
    if "valid" not in report.get("refit", {}):
        return f"The model has trained on none of these items: it ranks them by their {known}."
    if met is None:
        return (
            "The model that was measured and the baselines have also read the validation events, "
            "and so have met some of these items there."
        )
    return (
        f"The model that was measured and the baselines have also read the validation events: "
        f"{met:,} of these {cold:,} are of items that they have met there. The other "
        f"{cold - met:,} are of items that the model has never seen: it ranks them by their "
        f"{known}."
    )

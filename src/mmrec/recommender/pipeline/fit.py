"""The pipeline of ``fit`` and ``update``: select → refit → measure."""

import logging
from dataclasses import replace
from typing import Any

from mmrec.affinities import counting_once
from mmrec.data.wording import counted, verb
from mmrec.layers.progress import showing
from mmrec.recommender.artifact.run import is_main_process
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.parts.sources import described_sources
from mmrec.recommender.pipeline.assemble import made_of
from mmrec.recommender.pipeline.choices import choose, keep
from mmrec.recommender.pipeline.clock import Clock
from mmrec.recommender.pipeline.leaks import (
    TRAINED,
    describe_trained,
    last_known,
    last_time,
    with_earlier,
    with_overlap,
)
from mmrec.recommender.pipeline.measure import describe_content, measure, measure_on_test
from mmrec.recommender.pipeline.plan import NAMES, Execution, Plan
from mmrec.recommender.pipeline.stage import Stage, context_of, run_stage
from mmrec.recommender.popular import popular_rule
from mmrec.recommender.zoo import MODEL
from mmrec.trends import about_undated

log = logging.getLogger(__name__)


def carry_out(plan: Plan, how: Execution) -> RecommenderState:
    """Train and measure a recommender.

    A training on the training part lets validation choose: the epoch, and see
    :mod:`mmrec.recommender.pipeline.choices`. By the option ``refit``, two more trainings follow
    from the same start, for as many steps: one on training and validation events, whose model is
    measured on the test part, and one on all events, whose model is kept.

    Args:
        plan: data and parts.
        how: folders, progress and resumption.

    Raises:
        ValueError: no item has a modality, parts don't fit together, or the loss is not finite.
        OSError: a checkpoint can't be written.
    """
    with showing(how.progress), counting_once():  # for the choice, for both refits, and to measure
        return _carried_out(plan, how)


def _carried_out(plan: Plan, how: Execution) -> RecommenderState:
    plan.check()
    sources = _sources(plan)  # now, since a file may be edited during the training
    _warn_of_undated(plan)
    clock = Clock()
    context = context_of(plan, how)
    first = run_stage(plan, how, context, clock)
    chosen, facts = choose(first.state, first.content.sources, plan.split, plan.start)
    clock.lap("evaluate")
    stages = {"train": replace(first, state=chosen)}
    for part in plan.refits:
        log.info("refit (%s): %s steps", NAMES[part], first.facts["steps"])
        again = plan.until(part)
        made = run_stage(again, how.refitting(part), context, clock, first.length)
        stages[part] = replace(
            made, state=keep(made.state, made.content.sources, chosen, again.split)
        )
    served = list(stages.values())[-1]
    report: dict[str, Any] = {}
    targets = None
    if is_main_process():  # the other processes have the same models
        measured, split = stages.get("valid", stages["train"]), plan.split
        if plan.start is not None:
            split = with_earlier(split, plan.start.counts.cpu().numpy())
        report, targets = measure(measured.state, split, measured.content, selected=chosen)
        if measured is not stages["train"]:
            stages["train"].facts["test"] = measure_on_test(chosen, split)
        report = with_overlap(report, last_time(plan.start), split, last_known(plan.start))
    clock.lap("evaluate")
    _warn_of_nothing(served)
    report |= facts | first.history | _about_users(served.state)
    report |= describe_content(plan.catalog, served.content)
    report |= {MODEL: plan.about[MODEL]} if MODEL in plan.about else {}
    report |= {"without_history": popular_rule(served.state)}
    report |= {"refit": _facts(stages), "seconds": clock.seconds}
    about = {**served.state.about, TRAINED: describe_trained(plan, list(stages)[-1]), **sources}
    return replace(served.state, report=report, targets=targets, about=about).to("cpu")


def _sources(plan: Plan) -> dict[str, Any]:
    start = plan.start
    kept = [] if start is None else made_of(start.specs, start.model)
    return described_sources([*plan.recipe.handed, *plan.modalities.values(), *kept])


def _warn_of_undated(plan: Plan) -> None:
    """Warn of items whose age is not told, if it may count."""
    if not (plan.options.trend and plan.split.sequences.timed):
        return
    if (said := about_undated(plan.catalog.frame)) is not None:
        log.warning("%s", said)


def _warn_of_nothing(stage: Stage) -> None:
    """Warn of items without events of which no modality reads anything, if one reads content.

    A modality may read an item and yet add nothing to its vector, as columns beside it do.
    """
    state = stage.state
    read = [name for name, one in state.modalities.items() if one.modality.has_content]
    if not read:  # whoever names ids alone knows that such items have nothing
        return
    unknown = state.counts.cpu().numpy() == 0
    unknown[0] = False
    for name in read:
        unknown &= ~stage.content.sources[name].present
    if many := int(unknown.sum()):
        log.warning(
            "%s of %s %s neither content nor events: all of them get one score, so no list has "
            "them before they have events or content",
            *(f"{many:,}", counted(len(state.catalog), "item"), verb(many, "has", "have")),
        )


def _about_users(state: RecommenderState) -> dict[str, Any]:
    if state.users is None:
        return {}
    return {
        "user_features": list(state.users.modalities),
        "users_with_features": int(state.users.known.sum()),
    }


def _facts(stages: dict[str, Stage]) -> dict[str, Any]:
    """Return what the report says about each training, by its name."""
    parts = list(NAMES)
    return {
        NAMES[last]: {"parts": parts[: parts.index(last) + 1], **stage.facts}
        for last, stage in stages.items()
    }

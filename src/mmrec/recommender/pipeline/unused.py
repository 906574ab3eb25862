"""Warnings about options and columns that have no effect."""

import logging
from collections.abc import Mapping

from torch import nn

from mmrec.recommender.content import (
    CategoryModality,
    GraphModality,
    Modality,
    SemanticModality,
    SideModality,
    TextModality,
    trains_encoders,
)
from mmrec.recommender.content.pretrained import PretrainedModality
from mmrec.recommender.options import Options
from mmrec.recommender.parts import SLOTS, PartSpec
from mmrec.recommender.pipeline.assemble import Recipe

log = logging.getLogger(__name__)

INTEREST_ARGUMENTS = {
    "layers": "layers",
    "dropout": "dropout",
    "time_gap": "time_gap",
    "event_types": "num_event_types",
}
"""Options that are passed to an interest model, with the names of its arguments."""


def unused_options(
    options: Options,
    recipe: Recipe,
    modalities: Mapping[str, Modality],
    specs: Mapping[str, PartSpec],
) -> dict[str, str]:
    """Return why options that were set have no effect, by name.

    Args:
        options: all options; only those that were set are checked.
        recipe: what was given for each slot.
        modalities: those of the recommender.
        specs: of the parts that were made.

    Example:
        >>> unused_options(Options(delta=1e-6), Recipe(), {}, {})
        {'delta': 'epsilon is not set'}
    """
    used = [
        m.base if isinstance(m, GraphModality | SemanticModality) and m.base is not None else m
        for m in modalities.values()
    ]
    found: dict[str, str] = {}
    if not any(isinstance(modality, TextModality) for modality in used):
        names = ("text_template", "text_length", "pooling")
        found |= dict.fromkeys(names, "text is not a modality")
    if not any(isinstance(modality, PretrainedModality) for modality in used):
        found["tuning"] = "neither text nor image is a modality"
    if not any(isinstance(modality, CategoryModality) for modality in used):
        found["category_buckets"] = "category is not a modality"
    if sum(not isinstance(modality, SideModality) for modality in used) == 1:
        found["modality_dropout"] = "the fusion reads one modality"
    if not options.affinities:
        found["new_item_cost"] = "affinities are not used"
    if recipe.of("reranker") is None:
        found["keep_reranker"] = "there is no reranker"
    if not trains_encoders(modalities):
        found |= dict.fromkeys(("encoder_lr", "max_items"), "no text or image model is trained")
    if not options.tuning.startswith("last-"):
        found["hidden_cache"] = f"tuning {options.tuning!r} has no frozen layers below trained ones"
    if recipe.of("negatives") in ("full", "in-batch"):
        found["pool_size"] = f"negatives are {recipe.of('negatives')}"
    if options.epsilon is None:
        found |= dict.fromkeys(("delta", "max_grad_norm"), "epsilon is not set")
    else:
        found |= dict.fromkeys(("patience", "max_valid"), "private training chooses no epoch")
        found["new_item_cost"] = "private training chooses no affinities"
        if options.refit != "none":
            found["refit"] = "the privacy budget covers one training"
    interest = specs.get("interest")
    if interest is not None:
        built = SLOTS["interest"].is_built(recipe.of("interest"))
        taken = {} if built else interest.init_args or {}
        found |= {
            option: f"{interest.name} does not receive it"
            for option, argument in INTEREST_ARGUMENTS.items()
            if argument not in taken
        }
        for option in ("layers", "dropout"):  # a partial may have set them
            given, kept = getattr(options, option), taken.get(option)
            if None not in (given, kept) and given != kept:
                found[option] = f"{interest.name} was given {kept}"
    return {name: why for name, why in found.items() if name in options.model_fields_set}


def warn_of_unused(
    options: Options,
    recipe: Recipe,
    modalities: Mapping[str, Modality],
    specs: Mapping[str, PartSpec],
) -> None:
    """Warn of each option that was set and has no effect, and of each modality without one.

    Of a part that was given with weights, it is said that no seed has drawn them.
    """
    for name, why in unused_options(options, recipe, modalities, specs).items():
        log.warning("option %s=%r has no effect: %s", name, getattr(options, name), why)
    for slot in specs:
        part = recipe.of(slot)
        if isinstance(part, nn.Module) and any(weight.numel() for weight in part.parameters()):
            log.info(
                "the %s %s was given built: its first weights don't depend on the seed; give the "
                "class or a functools.partial of it for fits that repeat",
                slot,
                type(part).__name__,
            )
    if not options.affinities or options.epsilon is not None:
        for name, modality in modalities.items():
            if isinstance(modality, SideModality):
                log.warning("modality %s has no effect: affinities are not used", name)

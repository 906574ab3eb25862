"""The content of a catalogue: from the names of modalities to sources and encoders."""

import logging
from collections.abc import Collection, Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, cast

from torch import nn

from mmrec.affinities.choice import LARGEST
from mmrec.data import Catalog, Source
from mmrec.data.images import MISSING
from mmrec.data.wording import did_you_mean
from mmrec.encoders import Encoder
from mmrec.layers import seeded
from mmrec.recommender.content.modality import Context, Facts, Modality
from mmrec.recommender.content.pretrained import PretrainedModality, check_raw
from mmrec.recommender.content.side import SideModality
from mmrec.recommender.content.written import Written
from mmrec.recommender.options import ContentOptions, Options
from mmrec.recommender.parts.spec import PartSpec, call_factory, with_defaults

log = logging.getLogger(__name__)

DEFAULTS = ("id", "text", "image")
"""Modalities that are used if none are named, as far as the items have them.

Beside them there are those of the usual columns of numbers and values, see :func:`those_of`.
"""

READERS = ("semantic", "graph")
"""Kinds that read the frozen vectors of another modality."""


@dataclass
class Content:
    """The modalities of a catalogue, ready to be wired into a model.

    Attributes:
        sources: the inputs of the encoders, by modality.
        train_sources: the inputs for training; images for a trained encoder are augmented.
        encoders: the encoders, by modality.
        facts: what a RUN keeps of each modality.
        problems: why values of items can't be read, by modality and item id.
        cut_texts: number of items whose text is cut because it is too long.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    train_sources: dict[str, Source] = field(default_factory=dict)
    encoders: dict[str, Encoder] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    cut_texts: int = 0


def modalities_of(
    options: ContentOptions, encoders: Mapping[str, Any] | None = None
) -> dict[str, Modality]:
    """Return the modalities that ``options`` name, in their order.

    If ``options`` name none, they are ``DEFAULTS`` and those of ``encoders``.

    Args:
        options: the modalities, and how texts and images are encoded.
        encoders: what was given for some modalities: a :class:`Modality` or what makes one, or for
            text and image the name of a pretrained model, a built encoder, or the class of one or
            a :func:`functools.partial`, which is called with what it sets alone. What is given for
            a kind, such as ``text``, holds for all its modalities (``text:title``) that nothing
            is given for.

    Raises:
        ValueError: a modality is unknown, has columns that it doesn't take, or two have one name.

    Example:
        >>> options = ContentOptions(modalities=("id", "sort=category:genres+brand"))
        >>> modalities_of(options)["sort"].columns
        ['genres', 'brand']
    """
    given = dict(encoders or {})
    texts = options.modalities
    if texts is None:
        texts = (*DEFAULTS, *(name for name in given if name not in DEFAULTS))
    # The name of a modality that is given is free.
    written = [
        Written(text, text) if _is_modality(given.get(text)) else Written.read(text)
        for text in texts
    ]
    names = [one.name for one in written]
    bases = [Written.read(one.source) for one in written if one.kind in READERS and one.source]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"modalities must have different names; got {twice} more than once")
    read = {one.name for one in bases} | {one.kind for one in (*written, *bases)}
    unused = sorted(set(given) - set(names) - read)
    if unused:
        raise ValueError(
            f"encoders must be of modalities in use, {names}; got {unused}"
            f"{did_you_mean(unused[0], names)}"
        )
    made: dict[str, Modality] = {}
    for one in sorted(written, key=lambda one: one.kind in READERS):  # after what they read
        made[one.name] = _modality(one, options, given, made)
    return {name: made[name] for name in names}


def _modality(
    written: Written,
    options: ContentOptions,
    encoders: Mapping[str, Any],
    others: Mapping[str, Modality],
) -> Modality:
    """Return a modality, made by the rule of factories where it is not given built.

    ``others`` are those that were made before; one that reads the vectors of another looks there.
    """
    name, kind, kinds = written.name, written.kind, modality_kinds()
    given = encoders.get(name, encoders.get(kind))
    if kind in kinds and "encoder" in signature(kinds[kind]).parameters:
        given = _built(name, given)
    if _is_modality(given) and written.source is None:
        return cast(Modality, given)
    known: dict[str, Any] = {
        "pooling": options.pooling,
        "max_length": options.text_length,
        "tuning": options.tuning,
        "buckets": options.category_buckets,
    }
    if written.source is None:
        known["template"] = options.text_template
    else:
        known |= {"columns": written.columns, "source": written.source}
    if isinstance(given, Mapping):
        factory: Any = PartSpec.from_dict(given).factory()
    elif isinstance(given, type | partial):
        factory = given
    elif (
        kind in kinds
        and not _is_modality(given)
        and (given is None or "encoder" in signature(kinds[kind]).parameters)
    ):
        factory = kinds[kind]
        known |= {} if given is None else {"encoder": given}
    else:
        own = f", which has {sorted(encoders)}" if encoders else ""
        raise ValueError(
            f"modality {name!r}{did_you_mean(name, [*kinds, *encoders])} must be one of "
            f"{sorted(kinds)}, or have a Modality in encoders{own}"
            + ("" if given is None else f"; got {given!r}")
        )
    takes = signature(factory).parameters
    if written.source is not None and not {"columns", "source", "base"} & set(takes):
        raise ValueError(f"modality {kind!r} takes no columns; got {name!r}")
    if written.source is not None and "base" in takes:
        base = Written.read(written.source)
        known["base"] = others.get(base.name) or _modality(base, options, encoders, others)
    if kind == "vectors" and written.source is None and given is None:
        raise ValueError("modality 'vectors' must name a column or a file: vectors:COLUMN_OR_FILE")
    if kind == "semantic" and written.source is None and given is None:
        raise ValueError("modality 'semantic' must name another one, such as semantic:text")
    made = call_factory(f"{name} modality", factory, known)[0]
    if not _is_modality(made):
        raise ValueError(f"modality {name!r} must be made by a Modality; got {made!r}")
    return cast(Modality, made)


def _built(name: str, given: Any) -> Any:
    """Return what was given; an encoder in place of the class or function that makes it.

    It gets only what a ``functools.partial`` or ``init_args`` set. Its weights are drawn from seed
    0, whatever else is drawn. A RUN keeps the defaults too, as it does for other parts.
    """
    factory = PartSpec.from_dict(given).factory() if isinstance(given, Mapping) else given
    target = factory
    while isinstance(target, partial):
        target = target.func
    if isinstance(target, nn.Module) and not _is_modality(target):
        check_raw(name, target)
    if not isinstance(target, type):
        return given
    if hasattr(target, "prepare") and not issubclass(target, nn.Module):  # a modality
        return given
    with seeded(0):
        encoder, _, arguments = call_factory(f"{name} encoder", factory, {})
    if not isinstance(encoder, nn.Module):
        raise ValueError(
            f"the {name} encoder must be made by a Modality or the class of an nn.Module; "
            f"{target.__name__} makes no such thing"
        )
    if getattr(encoder, "init_args", None) is None:
        encoder.init_args = with_defaults(target, arguments)  # type: ignore[assignment]
    check_raw(name, encoder)
    return encoder


def _is_modality(given: Any) -> bool:
    """Return whether this is a modality, rather than what makes one."""
    return isinstance(given, Modality) and not isinstance(given, type)


def those_of(
    catalog: Catalog,
    modalities: Mapping[str, Modality],
    given: Collection[str] = (),
    options: Options | None = None,
) -> dict[str, Modality]:
    """Return the modalities that items can have, and say in one line which they are.

    This is for modalities that nobody has named. Where affinities are tried, there are those of
    :meth:`SideModality.usual` too, beside the learned vector.

    Args:
        catalog: the items.
        modalities: the modalities, by name.
        given: those that a user has named all the same; they are kept.
        options: say whether affinities are tried; None for a model without affinities.
    """
    reasons = {
        name: modality.why_nobody(catalog)
        for name, modality in modalities.items()
        if isinstance(modality, PretrainedModality) and name not in given
    }
    left = {name: why for name, why in reasons.items() if why is not None}
    kept = {name: modality for name, modality in modalities.items() if name not in left}
    if options is not None and tries_affinities(options, len(catalog)):
        kept |= {n: m for n, m in SideModality.usual(catalog).items() if n not in kept}
    if left:
        said = "; ".join(f"{name} is left out: {why}" for name, why in left.items())
        log.warning("modalities: %s (%s)", ", ".join(kept), said)
    else:
        log.info("modalities: %s", ", ".join(kept))
    return kept


def tries_affinities(options: Options, items: int) -> bool:
    """Return whether validation may choose affinities for a catalogue of ``items`` items."""
    return options.affinities and options.epsilon is None and items <= LARGEST


def trains_encoders(modalities: Mapping[str, Modality]) -> bool:
    """Return whether a pretrained encoder is trained."""
    pretrained = [m for m in modalities.values() if isinstance(m, PretrainedModality)]
    return any(modality.tuning != "frozen" for modality in pretrained)


def modality_kinds() -> dict[str, type]:
    """Return the modalities that this package exports, by name: ``TextModality`` is ``text``."""
    package = import_module("mmrec.recommender.content")
    classes = [name for name in package.__all__ if name.endswith("Modality")]
    named = {name.removesuffix("Modality").lower(): getattr(package, name) for name in classes}
    return {name: kind for name, kind in named.items() if name not in ("", "fitted", "given")}


def read_content(
    modalities: Mapping[str, Modality],
    catalog: Catalog,
    context: Context,
    before: Mapping[str, Facts] | None = None,
    *,
    warn: bool = True,
) -> Content:
    """Encode, or prepare to encode, the modalities of a catalogue.

    Args:
        modalities: the modalities, by name.
        catalog: the items.
        context: settings for :meth:`Modality.prepare`.
        before: the facts of the recommender that is updated, by modality.
        warn: whether to warn of values that are left out.

    Raises:
        ValueError: a modality is missing in all items.
    """
    content, loaded = Content(), dict[Hashable, Any]()
    for name, modality in modalities.items():
        how = replace(context, before=(before or {}).get(name), loaded=loaded)
        made = modality.prepare(catalog, how)
        content.sources[name] = made.source
        content.train_sources[name] = made.train_source or made.source
        # A copy: if a modality gives the same object again, a later stage starts as this one did.
        content.encoders[name], content.facts[name] = deepcopy(made.encoder), made.facts
        if made.problems:
            content.problems[name] = reasons_of(catalog, made.problems)
            if warn:
                warn_of_problems(name, catalog, made.problems)
        content.cut_texts += made.cut
    return content


def reasons_of(catalog: Catalog, problems: Mapping[int, str]) -> dict[str, str]:
    """Return why values are left out, by item id instead of by row."""
    items = map(str, catalog.ids_of([row + 1 for row in problems]))
    return dict(zip(items, problems.values(), strict=True))


def warn_of_problems(name: str, catalog: Catalog, problems: Mapping[int, str]) -> dict[str, str]:
    """Warn of the values that are left out; return the reasons by item id.

    One line says how many files are missing, another one how many values can't be read.
    """
    reasons = reasons_of(catalog, problems)
    missing = {item: why for item, why in reasons.items() if why.endswith(MISSING)}
    wrong = {item: why for item, why in reasons.items() if item not in missing}
    for what, some in (("name missing files", missing), ("have values that are left out", wrong)):
        if some:
            first = "; ".join(f"{item}: {why}" for item, why in list(some.items())[:3])
            counts = f"{len(some):,} of {len(catalog):,} items"
            log.warning("modality %r: %s %s, first %s", name, counts, what, first)
    return reasons

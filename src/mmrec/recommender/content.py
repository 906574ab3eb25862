"""The content of a catalogue: text and image models, and what they make of its items."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from mmrec.data import Catalog, Inputs, RawSource, Source, TextTemplate, check_images, id_source
from mmrec.encoders import (
    FeatureEncoder,
    Features,
    FeatureStore,
    IdEncoder,
    ImageEncoder,
    ImageTransform,
    TextEncoder,
)
from mmrec.recommender.options import Options

log = logging.getLogger(__name__)

Transform = Callable[[Sequence[Any]], Inputs]


@dataclass
class Content:
    """Sources and encoders of the modalities, ready to be wired into a model.

    Attributes:
        sources: the content of the catalogue, by modality.
        augmented: the same for training: images of a trained encoder are changed at random.
        encoders: what encodes it in the model, by modality.
        described: what is needed to build the text and image models again and to encode an item
            never seen, for ``config.json``.
        problems: images that can't be read: item id → reason.
        cut_texts: how many items have a text that is too long, and was cut.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    augmented: dict[str, Source] = field(default_factory=dict)
    encoders: dict[str, nn.Module] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    cut_texts: int = 0


def raw_encoder(modality: str, options: Options) -> TextEncoder | ImageEncoder:
    """Load the pretrained text or image model that ``options`` name."""
    if modality == "text":
        return TextEncoder.from_pretrained(
            options.text_encoder, pooling=options.pooling, tuning=options.tuning
        )
    return ImageEncoder.from_timm(options.image_encoder, tuning=options.tuning)


def raw_values(modality: str, catalog: Catalog, template: str | None) -> list[Any]:
    """Return the text ("" where there is none) or the image file of each row."""
    if modality == "image":
        return catalog.image_paths()
    return template_of(catalog, template).render_all(catalog.frame)


def template_of(catalog: Catalog, template: str | None) -> TextTemplate:
    """Return the template as written, or one for the columns that are there."""
    return TextTemplate(template) if template else TextTemplate.guess(catalog.frame.columns)


def with_template(options: Options, catalog: Catalog) -> Options:
    """Return options that say how a text is put together, so that later items' are likewise."""
    if "text" not in options.modalities or options.text_template is not None:
        return options
    return replace(options, text_template=template_of(catalog, None).template)


def read_content(
    options: Options,
    catalog: Catalog,
    trained: np.ndarray,
    *,
    cache: Path | None,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> Content:
    """Encode, or prepare to encode, the modalities of a catalogue.

    Args:
        options: which modalities and models.
        catalog: the items.
        trained: catalogue indices of items with training events; the id vocabulary.
        cache: folder of the feature store, or None to keep features in memory.
        device: where frozen encoders run.
        progress: whether to show progress bars.

    Raises:
        ValueError: no item has the modality at all.
    """
    content = Content()
    for modality in options.modalities:
        if modality == "id":
            vocabulary = {int(item): slot + 1 for slot, item in enumerate(trained)}
            content.sources["id"] = id_source(vocabulary, len(catalog))
            content.encoders["id"] = IdEncoder(len(vocabulary), options.dim)
            continue
        values = raw_values(modality, catalog, options.text_template)
        if modality == "text":
            content.cut_texts = template_of(catalog, options.text_template).count_cut(catalog.frame)
        encoder = raw_encoder(modality, options)
        content.described[modality] = describe(encoder, options)
        if options.tuning == "frozen":
            # Index 0 is padding, so the features are the catalogue's source as they are.
            store, encoder = FeatureStore(cache), encoder.to(device)
            features = store.encode(encoder, [None, *values], progress=progress)
            source: Source = features
            problems = {index - 1: reason for index, reason in features.problems.items()}
            content.encoders[modality] = fitted(features, trained)
        else:
            source, problems = raw_source(modality, values, encoder.transform)
            content.encoders[modality] = encoder
            if isinstance(encoder, ImageEncoder):
                augment = replace(encoder.transform, augment=True)
                content.augmented[modality] = RawSource(source.values, augment)
        if not source.present.any():
            raise ValueError(
                f"modality {modality!r}: none of the {len(catalog)} items has it"
                + (_why_no_image(catalog) if modality == "image" else "")
            )
        content.sources[modality] = source
        content.problems |= tell_problems(catalog, problems)
    content.augmented = content.sources | content.augmented
    return content


def _why_no_image(catalog: Catalog) -> str:
    """Say what is amiss where items name images and none is there."""
    column = catalog.frame["image"] if "image" in catalog.frame.columns else pl.Series([""])
    named = int((column.cast(pl.String).fill_null("").str.strip_chars() != "").sum())
    if not named:
        return ": none names an image in the column image"
    if catalog.images is None:
        return f": {named} of them name an image, and images is None; give the folder they are in"
    if not catalog.images.is_dir():
        return f": {named} of them name an image, and there is no folder {catalog.images}"
    return f": {named} of them name an image, and none of these can be read in {catalog.images}"


def raw_source(
    modality: str, values: list[Any], transform: Transform
) -> tuple[RawSource, dict[int, str]]:
    """Return the source of a trained encoder's input, and why images are left out, by row."""
    problems = check_images(values) if modality == "image" else {}
    readable = [None if row in problems else value for row, value in enumerate(values)]
    return RawSource(readable, transform), problems


def tell_problems(catalog: Catalog, problems: Mapping[int, str]) -> dict[str, str]:
    """Warn of the images that are left out, by row; return the reasons by item id."""
    items = catalog.ids_of([row + 1 for row in problems])
    for item, reason in zip(items, problems.values(), strict=True):
        log.warning("item %s: image left out, %s", item, reason)
    return dict(zip(map(str, items), problems.values(), strict=True))


def fitted(features: Features, trained: np.ndarray) -> FeatureEncoder:
    """Return a feature encoder that is fitted to the trained items."""
    rows = trained[features.present[trained]]
    encoder = FeatureEncoder(features.dim)
    return encoder.fit(features[rows]) if len(rows) else encoder


def describe(encoder: TextEncoder | ImageEncoder, options: Options) -> dict[str, Any]:
    """Return what a run records of a pretrained model, in values of JSON."""
    if isinstance(encoder, TextEncoder):
        architecture = encoder.architecture()
    else:
        transform = asdict(encoder.transform)
        architecture = {"name": options.image_encoder, "transform": transform}
    described: dict[str, Any] = {"fingerprint": encoder.fingerprint()} | architecture
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


def bare_encoder(
    modality: str, options: Options, described: Mapping[str, Any]
) -> TextEncoder | ImageEncoder:
    """Build a text or image model as :func:`describe` recorded it, without its weights.

    Raises:
        ValueError: no model is described.
        OSError: the image model's architecture is read from a folder, which is gone.
    """
    if modality == "text":
        return TextEncoder.from_architecture(
            described, pooling=options.pooling, tuning=options.tuning
        )
    encoder = ImageEncoder.from_timm(described["name"], pretrained=False, tuning=options.tuning)
    fields = dict(described["transform"])
    fields |= {name: tuple(fields[name]) for name in ("mean", "std")}
    encoder.transform = ImageTransform(**fields)
    return encoder


def feature_dims(encoders: Mapping[str, nn.Module]) -> dict[str, int]:
    """Return the width of each modality that comes as features."""
    return {
        name: encoder.dim_in
        for name, encoder in encoders.items()
        if isinstance(encoder, FeatureEncoder)
    }

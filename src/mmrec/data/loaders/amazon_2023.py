"""Amazon Reviews 2023 of the McAuley Lab (arXiv 2403.03952): reviews and metadata of products."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.loaders.json_lines import Field, to_json
from mmrec.data.loaders.source import Source, Tables

_URLS = ("hi_res", "large", "large_image_url", "medium_image_url", "thumb", "small_image_url")


def _urls(images: list[dict[str, Any]]) -> list[str]:
    """Return the largest URL of each image."""
    best = [next((image[size] for size in _URLS if image.get(size)), None) for image in images]
    return [url for url in best if url is not None]


def _variants(images: list[dict[str, Any]]) -> list[str | None]:
    return [image.get("variant") for image in images if any(image.get(size) for size in _URLS)]


_TEXTS = pl.List(pl.String)

_REVIEW = {
    "user_id": Field(pl.String()),
    "item_id": Field(pl.String(), of="parent_asin"),
    "timestamp": Field(pl.Float64()),
    "rating": Field(pl.Float64()),
    "review_title": Field(pl.String(), of="title"),
    "review_text": Field(pl.String(), of="text"),
    "review_image_urls": Field(_TEXTS, of="images", convert=_urls),
    "asin": Field(pl.String()),
    "helpful_vote": Field(pl.Int64()),
    "verified_purchase": Field(pl.Boolean()),
}

_PRODUCT = {
    "item_id": Field(pl.String(), of="parent_asin"),
    "title": Field(pl.String()),
    "main_category": Field(pl.String()),
    "categories": Field(pl.String(), convert="|".join),
    "store": Field(pl.String()),
    "features": Field(_TEXTS),
    "description": Field(_TEXTS),
    "price_text": Field(pl.String(), of="price", convert=str),
    "average_rating": Field(pl.Float64()),
    "rating_number": Field(pl.Int64()),
    "image_urls": Field(_TEXTS, of="images", convert=_urls),
    "image_variants": Field(_TEXTS, of="images", convert=_variants),
    "videos": Field(pl.String(), convert=to_json),
    "details": Field(pl.String(), convert=to_json),
    "bought_together": Field(pl.String(), convert=to_json),
}


def read_amazon_2023(source: Source) -> Tables:
    """Read ``CATEGORY.jsonl`` and ``meta_CATEGORY.jsonl`` of one or several categories.

    The files may be gzipped, and lie in the folder itself or in ``review_categories`` and
    ``meta_categories``.
    """
    folders = [source.folder / name for name in ("", "review_categories", "meta_categories")]
    files = {
        path.name.removesuffix(".gz").removesuffix(".jsonl"): path
        for folder in folders
        for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    }
    products = sorted(name for name in files if name.startswith("meta_"))
    reviews = sorted(name for name in files if not name.startswith("meta_"))
    missing = [f"meta_{name}.jsonl" for name in reviews if f"meta_{name}" not in files]
    missing += [f"{name[5:]}.jsonl" for name in products if name[5:] not in files]
    if missing or not files:
        raise source.lacks(missing or ["CATEGORY.jsonl", "meta_CATEGORY.jsonl"])
    return Tables(
        events=_reviews(source, [files[name] for name in reviews]),
        items=_products(source, [files[name] for name in products]),
    )


def _reviews(source: Source, paths: list[Path]) -> Iterator[pl.DataFrame]:
    for path in paths:
        for frame in source.json(path, _REVIEW):
            yield frame.with_columns(pl.col("timestamp") / 1000, event=pl.lit("review"))


def _products(source: Source, paths: list[Path]) -> Iterator[pl.DataFrame]:
    for path in paths:
        for frame in source.json(path, _PRODUCT):
            price = pl.col("price_text").cast(pl.Float64, strict=False)
            yield frame.with_columns(
                # Such as "from 14.99"; a number is in `price`.
                pl.when(price.is_null()).then("price_text").alias("price_text"),
                price=price,
            )

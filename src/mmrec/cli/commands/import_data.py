"""``mmrec import`` and ``mmrec fetch-images``: data sets as they are published."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

Layout = Literal["ml-1m", "ml-32m", "amazon-2023", "mind", "microlens", "hm", "yelp", "jsonl"]
"""The layouts; they are stated here so that ``--help`` need not import the loaders."""


def import_data(
    layout: Annotated[Layout, typer.Argument(help="Layout of the published files.")],
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="Folder of the published files, unzipped.")
    ],
    data: Annotated[Path, typer.Argument(help="Data set folder to write.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a line that can't be read.")
    ] = False,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="Copy images; by default DATA/images is a link.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Make a data set folder of a published data set, and say what was read and dropped."""
    from mmrec.data.loaders import import_folder

    report = import_folder(layout, source, data, strict=strict, copy_images=copy_images)
    typer.echo(report.table())
    typer.echo(f"data set written to {data}")
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))


def fetch_images(
    data: Annotated[Path, typer.Argument(help="Data set folder.")],
    column: Annotated[str, typer.Option(help="Column of the items with URLs.")] = "image_urls",
    workers: Annotated[int, typer.Option(min=1, help="Downloads at a time.")] = 8,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a server.")] = 10.0,
    max_bytes: Annotated[int, typer.Option(min=1, help="Size of the largest image.")] = 20_000_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Download the images that the items of a data set name by URL; run again to continue."""
    from mmrec.data.fetch import fetch_images as fetch

    counts = fetch(data, column=column, workers=workers, timeout=timeout, max_bytes=max_bytes)
    typer.echo("\n".join(f"{count:,} {status}" for status, count in counts.items()))
    typer.echo(f"every URL and what became of it: {data / 'images' / 'manifest.jsonl'}")
    if as_json:
        typer.echo(json.dumps(counts, ensure_ascii=False))

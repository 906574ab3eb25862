"""``mmrec export``: vectors and graphs for systems that don't run mmrec."""

from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.reading import Columns, Unit, reading_of_run
from mmrec.cli.shared import Data, Json, Own, print_json


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    vectors: Annotated[
        str, typer.Option(help="Format of the vectors: parquet or npy.")
    ] = "parquet",
    users: Annotated[
        bool, typer.Option("--users", help="Also write a vector for each user of the data set.")
    ] = False,
    data: Data = None,
    columns: Columns = None,
    time_unit: Unit = None,
    graphs: Annotated[
        str,
        typer.Option(help="Also write the model as graphs: onnx, torch or both, as onnx,torch."),
    ] = "",
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write ONNX graphs with weights in int8.")
    ] = False,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Write the vectors of items and users, and the model as ONNX or torch.export graphs.

    The product of a user's and an item's vector is the item's score, but for what is popular at the
    time of a request, what is counted in the log, and a reranker. A line says which of these the
    RUN has.
    """
    from mmrec.cli.later import warn_of_earlier
    from mmrec.cli.lists import with_types
    from mmrec.cli.vectors import check_format, write_vectors
    from mmrec.data import read_folder
    from mmrec.data.durable import atomic_folder
    from mmrec.recommender import Recommender
    from mmrec.recommender.batch import histories_of
    from mmrec.recommender.user_vectors import encode_users, index_items, not_in_the_product

    check_format(vectors)
    formats = [name.strip() for name in graphs.split(",") if name.strip()]
    if int8 and not formats:
        raise ValueError("--int8 needs --graphs onnx")
    recommender = Recommender.load(run, parts=own_parts(part))
    histories = None
    if users:
        folder, how = reading_of_run(recommender.state, run, data, columns, time_unit)
        log = with_types(read_folder(folder, **how).interactions, recommender)
        warn_of_earlier(log, recommender.state, folder)
        histories = histories_of(log)
    with atomic_folder(out, what="the export") as fresh:
        said = {"items": write_vectors(index_items(recommender), fresh, "item", vectors)}
        if histories is not None:
            said["users"] = write_vectors(
                encode_users(recommender, histories), fresh, "user", vectors
            )
        if formats:
            from mmrec.export import export_recommender

            export_recommender(recommender, fresh / "model", formats=formats, int8=int8)
    counts = " and ".join(f"{count:,} {what}" for what, count in said.items())
    typer.echo(f"vectors of {counts} written to {out}")
    if users and (beside := not_in_the_product(recommender.state)):
        typer.echo(f"note: a score has more than the product of the vectors: {', '.join(beside)}")
    if formats:
        where = out / "model"
        typer.echo(
            f"graphs ({', '.join(formats)}) written to {where}; manifest.json describes them"
        )
    if as_json:
        print_json({**said, "graphs": formats, "out": str(out)})

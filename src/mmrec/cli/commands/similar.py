"""``mmrec similar``: the items that are most like one."""

from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.shared import Conditions, Json, Many, Own, print_json


def similar(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    item: Annotated[str, typer.Argument(help="The id of an item.")],
    k: Many = 10,
    where: Conditions = None,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Show the items whose vectors are most like that of an item."""
    from mmrec.cli.conditions import conditions_of
    from mmrec.cli.tables import similar_table
    from mmrec.recommender import Recommender

    recommender = Recommender.load(run, parts=own_parts(part))
    catalog = recommender.catalog
    [known] = catalog.parse_ids([item])
    conditions = conditions_of(where, catalog)
    lines = recommender.similar(known, k, where=conditions)
    typer.echo(similar_table(catalog, known, lines, where=conditions))
    if as_json:
        print_json({"item": known, "similar": [line._asdict() for line in lines]})

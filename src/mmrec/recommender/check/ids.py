"""Ids that look alike: ``7`` and ``007``, spaces, upper and lower case."""

import polars as pl

from mmrec.data.wording import counted, verb
from mmrec.recommender.check.finding import Finding, warning

_ADVICE = "If they are the same, write them in one way: they count as different ones."


def alike_ids(ids: pl.Series, what: str, *, shown: bool) -> list[Finding]:
    """Return how many ids differ only in zeros at the start, spaces or case.

    Args:
        ids: the ids; they may repeat.
        what: ``"item"`` or ``"user"``.
        shown: whether ids may be examples.

    Example:
        >>> alike_ids(pl.Series(["7", "007", "A", "b"]), "item", shown=True)[0].examples
        ("'007'", "'7'")
    """
    if ids.dtype != pl.String:
        return []
    names = ids.drop_nulls().unique().sort()
    same = (
        names.str.normalize("NFKC")
        .str.strip_chars()
        .str.to_lowercase()
        .str.replace(r"^0+([0-9])", "${1}")
        .str.replace(r"^([0-9]+)\.0$", "${1}")
    )
    groups = pl.DataFrame({"id": names, "same": same}).filter(same.is_duplicated())
    found = []
    if len(groups):
        first = groups.sort("same", "id")["id"].to_list()
        found.append(
            warning(
                f"alike_{what}_ids",
                len(groups),
                f"{counted(len(groups), what)} have ids that differ from another's only in zeros, "
                "spaces or case",
                _ADVICE,
                first if shown else (),
            )
        )
    padded = names.filter(names != names.str.strip_chars())
    if len(padded):
        found.append(
            warning(
                f"spaces_in_{what}_ids",
                len(padded),
                f"{counted(len(padded), what)} {verb(len(padded), 'has', 'have')} a space at the "
                "start or the end of the id",
                "Remove the spaces in all tables.",
                padded.to_list() if shown else (),
            )
        )
    return found

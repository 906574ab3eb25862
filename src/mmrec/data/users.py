"""What is known of users: a table with a row for each."""

import polars as pl

from mmrec.data.file_lines import files_noted
from mmrec.data.ids import IdIndex, check_unique, find_ids, in_form_of, read_ids
from mmrec.data.interactions import Interactions
from mmrec.data.other_names import require_own
from mmrec.data.problems import Problems
from mmrec.data.tables import Table, read_table


@files_noted()
def read_users(source: Table) -> pl.DataFrame:
    """Return a table of users: ``user_id`` and free columns.

    Raises:
        ValueError: there is no ``user_id`` column, or an id is empty or occurs twice.

    Example:
        >>> read_users({"user_id": ["ann"], "age": [40]}).row(0)
        ('ann', 40)
    """
    frame, problems = read_table(source, "users"), Problems()
    with problems:
        require_own(frame, ["user_id"], "users")
        ids, wrong = read_ids(frame["user_id"], "users", unique=True)
        problems.found += wrong
        frame = frame.with_columns(ids)
    problems.check()
    return frame


def match_users(users: pl.DataFrame, interactions: Interactions) -> pl.DataFrame:
    """Return a table of users with their ids as they are written in the events.

    Users may have no events, and events may be of other users.

    Raises:
        ValueError: two rows are of one user, or the users of the events are integers and a user
            of the table is not.

    Example:
        >>> log = Interactions({"user_id": [7], "item_id": ["a"], "position": [0]})
        >>> match_users(pl.DataFrame({"user_id": ["8", "7"]}), log)["user_id"].to_list()
        [8, 7]
    """
    known = interactions.frame["user_id"].unique(maintain_order=True)
    index = IdIndex().with_ids(known.to_list())
    ids = users["user_id"]
    found = find_ids(ids, known, index.__getitem__)
    missing = found.is_null()
    if missing.any():
        others = ids.filter(missing)
        _check_doubt(others, index)
        found = found.scatter(missing.arg_true(), in_form_of(others, known, "users"))
    check_unique(found, "users")
    return users.with_columns(found)


def _check_doubt(others: pl.Series, index: IdIndex) -> None:
    """Refuse integers that may be users whose ids are text with zeros before the number."""
    for user in others.to_list() if others.dtype == pl.Int64 else []:
        if padded := index.padded.get(str(user)):
            raise ValueError(
                f"users: user_id {user} may be {padded!r} of the interactions: write the ids as "
                f"text in both tables, with their zeros"
            )

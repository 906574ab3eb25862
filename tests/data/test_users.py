import polars as pl
import pytest

from mmrec.data import Interactions
from mmrec.data.users import match_users, read_users


def log_of(*users):
    size = len(users)
    return Interactions({"user_id": users, "item_id": ["a"] * size, "position": range(size)})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["u"]}, r"users must have the columns \['user_id'\]; got \['id'\]"),
        ({"user_id": ["u", ""]}, r"users: user_id must not be empty; .* rows \[1\]"),
        ({"user_id": ["u", "v", "u"]}, r"users: user_id must be unique; got 1 id .* \['u'\]"),
        ({"user_id": []}, "users must have at least one row"),
    ],
)
def test_bad_users(columns, message):
    with pytest.raises(ValueError, match=message):
        read_users(columns)


@pytest.mark.parametrize(
    ("ids", "log", "expected"),
    [
        (["8", "7"], (7, 9), [8, 7]),
        ([8.0, 7.0], ("7", "x"), ["8", "7"]),
        (["7.0", "8.0"], ("7", "8"), ["7", "8"]),
        (["7", "b"], ("7", "007"), ["7", "b"]),
        (["7"], ("007",), ["7"]),
        ([7], (7, 8), [7]),
    ],
)
def test_users_are_written_as_in_the_events(ids, log, expected):
    users = match_users(read_users({"user_id": ids, "n": range(len(ids))}), log_of(*log))
    assert users["user_id"].to_list() == expected
    assert users["n"].to_list() == list(range(len(ids)))


@pytest.mark.parametrize(
    ("ids", "log", "message"),
    [
        ([7], ("007",), "user_id 7 may be '007' of the interactions: write the ids as text"),
        ([7], ("7", "007"), "user_id 7 may be '007'"),
        (["guest", "7"], (7,), r"user_id must be integers, .* hold 'guest'"),
        (["7", "7.0"], (7,), r"user_id must be unique; got 1 id more than once, first \[7\]"),
    ],
)
def test_users_that_do_not_fit_the_events(ids, log, message):
    with pytest.raises(ValueError, match=message):
        match_users(pl.DataFrame({"user_id": ids}), log_of(*log))

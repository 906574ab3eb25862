import json
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from mmrec.cli import lists
from mmrec.recommender import Recommender
from mmrec.recommender.batch import histories_of, recommend_all


def test_a_user_of_the_data_set(answer, made, run, log):
    columns = [name for name in ("item_id", "event", "timestamp") if name in log.frame.columns]
    history = log.frame.filter(pl.col("user_id") == "u3").select(columns)
    found, said = answer("recommend", run, "--user", "u3", "-k", 4, "--at", "2001-01-01")
    assert found["history"] == history["item_id"].to_list()
    expected = [line._asdict() for line in made.recommend(history, 4, at=datetime(2001, 1, 1))]
    assert [line["item"] for line in found["recommendations"]] == [x["item"] for x in expected]
    assert [line["score"] for line in found["recommendations"]] == pytest.approx(
        [x["score"] for x in expected]
    )
    assert said.startswith("after 6 items:")


def test_conditions_and_items_left_out(answer, run):
    def items(*arguments):
        found, _ = answer("recommend", run, "-k", 50, *arguments)
        return {line["item"] for line in found["recommendations"]}

    assert items("--where", "price < 3") == {"i0", "i1", "i2"}
    assert items("--where", "price < 3 and item_id != i1") == {"i0", "i2"}
    assert items("--where", "price < 3", "--where", "kind=odd") == {"i1"}
    assert items("--where", "item_id=i1", "--where", "item_id=i5", "--where", "price<3") == {"i1"}
    assert items("--where", "price < 3", "--exclude", "i1, i2") == {"i0"}
    assert items("--where", "title=red a") == {"i0"}  # no quotes, as an item has this title


def test_at_most_so_many_of_a_kind(answer, refusal, run, tmp_path):
    how = ["-k", 30, "--at-most", "kind:2"]
    found, _ = answer("recommend", run, *how)
    kinds = [int(line["item"][1:]) % 2 for line in found["recommendations"]]
    assert sorted(kinds) == [0, 0, 1, 1]
    said, _ = answer("recommend", run, "--all-users", "--out", tmp_path / "lists.csv", *how)
    assert said["rows"] == 4 * said["users"] == 80
    assert "such as author:2" in refusal("recommend", run, "--at-most", "kind")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_all_users(answer, made, run, log, tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(lists, "BLOCK", 7)  # several blocks
    out = tmp_path / f"lists{suffix}"
    how = ["--where", "price < 9", "--exclude", "i1"]
    said, text = answer("recommend", run, "--all-users", "--out", out, "-k", 3, *how)
    expected = recommend_all(made, histories_of(log), 3, where="price < 9", exclude=["i1"])
    assert said["users"] + said["without"] == 20
    assert said["rows"] == len(expected)
    assert f"lists of {said['users']} users written to {out}" in text
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}[suffix]
    found = read(out)
    assert found.drop("score").equals(expected.drop("score").cast(found.drop("score").schema))
    assert found["score"].to_list() == pytest.approx(expected["score"].to_list(), abs=1e-4)
    assert out.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_users_without_a_list_are_counted(answer, run, tmp_path):
    out = tmp_path / "lists.csv"
    out.write_text("an older file")
    said, text = answer("recommend", run, "--all-users", "--out", out, "--where", "price > 99")
    assert (said["users"], said["without"], said["rows"]) == (0, 20, 0)
    assert "20 more users get no list, since no item is left" in text
    assert out.read_text() == "user_id,item_id,rank,score\n"


def test_a_failure_leaves_the_file_that_was_there(refusal, run, data, tmp_path):
    out = tmp_path / "lists.csv"
    out.write_text("an older file")
    assert "there is no column 'cost'" in refusal(
        "recommend", run, "--all-users", "--out", out, "--where", "cost < 3"
    )
    assert out.read_text() == "an older file"
    assert [path.name for path in tmp_path.iterdir()] == ["lists.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody"], "the data set has no event of the user 'nobody'"),
        (["--user", "u1", "--history", "i1"], "one of --history, --user and --all-users"),
        (["--all-users"], "--all-users and --out FILE must be given together"),
        (["--user", "u1", "--out", "x.csv"], "--all-users and --out FILE must be given together"),
        (["--all-users", "--out", "x.txt"], "ends in .parquet, .csv, .jsonl; got x.txt"),
        (["--all-users", "--out", "no/x.csv"], "no folder no to write x.csv to"),
        (["--history", "i1", "--data", "x"], "--data is for --user and --all-users"),
        (["--user", "u1", "--data", "nowhere"], "no data set folder at nowhere"),
        (["--exclude", "i1,none"], "not in the catalogue"),
        (["--where", "price <"], "expected a value; got the end: price <[here]"),
        (["--where", "title=no such title"], "got 'such': title=no [here]such title"),
    ],
)
def test_what_is_refused(refusal, run, arguments, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message in refusal("recommend", run, *arguments)
    assert not list(tmp_path.iterdir())


def test_integer_users(answer, run, data, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "items.csv").write_bytes((data / "items.csv").read_bytes())
    events = pl.read_csv(data / "interactions.csv")
    users = pl.col("user_id").str.slice(1).cast(int)
    events.with_columns(users).write_parquet(own / "interactions.parquet")
    found, _ = answer("recommend", run, "--user", "3", "--data", own)
    assert found == answer("recommend", run, "--user", "u3")[0]
    assert json.dumps(found)


def test_the_data_set_is_read_as_it_was_for_training(
    answer, command, run, renamed, run_of_renamed, tmp_path
):
    """Both by what the RUN says, and by the options for a folder that is given."""
    how = ["--user", "u3", "-k", 4, "--at", "2001-01-01"]
    expected, _ = answer("recommend", run, *how)
    given = ["--data", renamed, "--columns", "who=user_id", "--time-unit", "ms"]
    assert answer("recommend", run_of_renamed, *how)[0] == expected
    assert answer("recommend", run, *how, *given)[0] == expected
    lists = [tmp_path / f"{name}.csv" for name in ("one", "two", "three")]
    for out, place, more in zip(lists, (run, run_of_renamed, run), ([], [], given), strict=True):
        answer("recommend", place, "--all-users", "--out", out, "--at", "2001-01-01", *more)
    assert len({out.read_text() for out in lists}) == 1
    status, out, err = command("recommend", run_of_renamed, *how, "--data", renamed, "--json")
    assert (status, json.loads(out.splitlines()[-1])) == (0, expected)
    assert err == "read as for the training: who is user_id, timestamps are in ms\n"
    status, _, err = command("recommend", run, "--user", "u3", "--data", renamed)
    assert (status, "user_id" in err) == (2, True)


def test_a_rule_that_reads_a_column_of_items_says_how_to_join_it(made, log):
    options = made.options.replace(negative=("price < 3",))
    with pytest.raises(ValueError, match=r"\['price'\] is a column of items: join it"):
        lists.with_types(log, Recommender(replace(made.state, options=options)))

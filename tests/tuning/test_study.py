import os
import sqlite3

import pytest

from mmrec.tuning.proposal import propose
from mmrec.tuning.space import Range
from mmrec.tuning.study import open_study

optuna = pytest.importorskip("optuna")

STARTED = {
    "options": {"model": {"dim": 8}, "runtime": {"seed": 0, "workers": 0}},
    "recipe": {"loss": "softmax"},
    "events": "e",
    "items": "i",
    "space": {"lr": "0.1..0.2"},
    "prune": True,
}


def ended(state="COMPLETE"):
    trial = propose([], {"lr": Range(0.1, 0.2), "layers": (None, 2)}, seed=0, first={})
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        value=None if state == "FAIL" else 1 / 3,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values={1: 1 / 7, 2: 1 / 3},
        user_attrs={"seconds": 1.5},
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "a {name}? of 100 %#.db"


def test_trials_are_kept_exactly_and_for_the_owner_alone(path):
    with open_study(path, STARTED) as file:
        assert file.trials == []
        for number, state in enumerate(["COMPLETE", "PRUNED", "FAIL"]):
            file.add(ended(state), number)
    with open_study(path, STARTED) as file:
        kept = file.trials
    assert [trial.number for trial in kept] == [0, 1, 2]
    assert [trial.state.name for trial in kept] == ["COMPLETE", "PRUNED", "FAIL"]
    for trial in kept:
        new = ended(trial.state.name)
        for name in ("values", "params", "distributions", "intermediate_values", "user_attrs"):
            assert getattr(trial, name) == getattr(new, name)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_leftover_of_a_kill_is_replaced(path):
    path.parent.mkdir()
    path.with_name(f"{path.name}.new").write_bytes(b"half")
    with open_study(path, STARTED) as file:
        assert file.trials == []
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_two_searches_in_one_file_are_noticed(path):
    with open_study(path, STARTED) as one, open_study(path, STARTED) as other:
        one.add(ended(), 0)
        with pytest.raises(ValueError, match="must have 0 trials; it has 1: another search writes"):
            other.add(ended(), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"lr": "0.1..0.3"}}, "the space of lr was 0.1..0.2 and is 0.1..0.3"),
        ({"space": {"lr": "0.1..0.2", "dim": "8"}}, "the space of dim was none and is 8"),
        ({"prune": False}, "prune was True and is False"),
        ({"events": "other"}, "the events differ"),
        ({"users": "some"}, "the users differ"),
        ({"options": {"model": {"dim": 16}, "runtime": {"seed": 0}}}, "dim was 8 and is 16"),
        ({"recipe": {"loss": "bpr"}}, "loss was 'softmax' and is 'bpr'"),
    ],
)
def test_another_search_is_refused(path, change, message):
    with open_study(path, STARTED):
        pass
    with (
        pytest.raises(ValueError, match=f"can't go on: {message}; give what it was started with"),
        open_study(path, STARTED | change),
    ):
        pass
    free = {"options": {"model": {"dim": 8}, "runtime": {"seed": 0, "workers": 4}}}
    with open_study(path, STARTED | free):
        pass


def test_a_file_of_something_else_is_left_as_it_is(tmp_path):
    text, events, studies = (tmp_path / name for name in ("notes.txt", "events.db", "studies.db"))
    text.write_text("mine")
    with sqlite3.connect(events) as connection:
        connection.execute("CREATE TABLE events (id)")
    connection.close()
    url = f"sqlite:///{studies}"
    storage = optuna.storages.RDBStorage(url)
    optuna.create_study(study_name="of others", storage=storage)
    storage.remove_session()
    storage.engine.dispose()
    for path in (text, events, studies):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="must be a study of mmrec tune; it is something else"):
            open_study(path, STARTED).__enter__()
        assert path.read_bytes() == before
    with pytest.raises(IsADirectoryError, match="must be the file of a study; it is a folder"):
        open_study(tmp_path, STARTED).__enter__()

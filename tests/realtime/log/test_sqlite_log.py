import hashlib
import hmac
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from time import sleep, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.realtime.log.events import Event, EventLog, NewEvent
from mmrec.realtime.log.sqlite_log import SqliteLog

KEY = b"sixteen bytes at least"


@pytest.fixture
def log(tmp_path):
    with_log = SqliteLog(tmp_path / "events.db")
    yield with_log
    with_log.close()


def files_with(folder, *texts):
    """The names of files in which one of the texts is found."""
    found = [path for path in folder.iterdir() for text in texts if text in path.read_bytes()]
    return sorted({path.name for path in found})


def test_it_is_an_event_log(log):
    assert isinstance(log, EventLog)


def test_events_come_back_as_written_in_the_order_of_the_log(log):
    assert log.last_offset == 0
    before = time()
    assert log.append("ann", "007", time=50.5) == 1
    assert log.append("bob", 7, event_type="cart", time=40.0) == 2  # late: stays where it arrived
    assert log.append("ann", "ü\0'") == 3
    first, second, third = log.read()
    assert first == Event(1, "ann", "007", "view", 50.5)
    assert second == Event(2, "bob", 7, "cart", 40.0)
    assert third.item == "ü\0'"
    assert before <= third.time <= time()
    assert log.last_offset == 3
    assert isinstance(second.time, float)


def test_reading_goes_on_from_any_offset_across_chunks(log):
    offsets = log.append_many([NewEvent("u", i, time=0.0) for i in range(2500)])
    assert offsets == list(range(1, 2501))
    assert [event.item for event in log.read()] == list(range(2500))
    assert [event.offset for event in log.read(after=1020, limit=1100)] == [*range(1021, 2121)]
    assert [event.offset for event in log.read(after=2498)] == [2499, 2500]
    assert list(log.read(after=2500)) == []
    assert list(log.read(limit=0)) == []
    assert [event.offset for event in log.of_user("u", last=2)] == [2499, 2500]
    assert len(log.of_user("u")) == 2500
    assert log.of_user("u", last=0) == log.of_user("nobody") == []


def test_a_reader_that_stops_midway_stops_neither_writers_nor_forgetting(log):
    log.append_many([NewEvent(f"u{i % 3}", i) for i in range(3000)])
    reader = log.read()
    next(reader)
    log.append("new", 1)
    assert log.forget("u1") == 1000
    rest = [event.user for event in reader]
    assert rest[-1] == "new"
    assert "u1" not in rest[1024:]


def test_an_id_makes_an_event_once(log):
    first = log.append("ann", 1, time=5.0, id="x")
    assert log.append("ann", 1, time=5.0, id="x") == first
    assert log.append("ann", 1, id="x") == first  # the moment of writing is no content
    assert log.append_many([NewEvent("bob", 2, id="y"), NewEvent("bob", 2, id="y")]) == [2, 2]
    assert log.append("ann", 1, time=5.0) == 3  # without an id, it is another event
    assert [event.offset for event in log.read()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"user": "bob"}, "offset 1; got another user"),
        ({"item": "1"}, "another item"),
        ({"event_type": "cart", "item": 2}, "another item and event_type"),
        ({"time": 6.0}, "another time"),
    ],
)
def test_an_id_with_other_content_is_refused(log, changed, message):
    event = NewEvent("ann", 1, time=5.0, id="x")
    log.append_many([event])
    with pytest.raises(ValueError, match=message):
        log.append_many([event._replace(**changed)])
    assert [event.offset for event in log.read()] == [1]


def test_many_are_stored_as_a_whole_or_not_at_all(log):
    log.append("ann", 1, id="x")
    with pytest.raises(ValueError, match="another item"):
        log.append_many([NewEvent("new", 5), NewEvent("ann", 2, id="x")])
    with pytest.raises(ValueError, match="another item"):
        log.append_many([NewEvent("new", 5, id="z"), NewEvent("new", 6, id="z")])
    with pytest.raises(ValueError, match="time"):
        log.append_many([NewEvent("new", 5), NewEvent("ann", 2, time=float("inf"))])
    assert len(list(log.read())) == 1
    assert log.append_many([]) == []
    assert log.append("new", 5) == 2


def test_bad_values_are_refused(log, tmp_path):
    with pytest.raises(ValueError, match=r"user: .* got 0 characters"):
        log.append("", 1)
    with pytest.raises(ValueError, match=r"user: .* got 257"):
        log.of_user("u" * 257)
    with pytest.raises(ValueError, match=r"after and limit .* got -1 and None"):
        log.read(after=-1)
    with pytest.raises(ValueError, match=r"last .* got -1"):
        log.of_user("u", last=-1)
    with pytest.raises(ValueError, match="16 bytes or more; got 5"):
        SqliteLog(tmp_path / "keyed.db", user_key=b"short")


@pytest.mark.usefixtures("unchecked")
def test_a_key_of_text_is_refused(tmp_path):
    with pytest.raises(TypeError, match="user_key: expected bytes; got str"):
        SqliteLog(tmp_path / "keyed.db", user_key="a secret of 16 bytes or more")


def test_a_closed_log_says_so(log):
    log.append("u", 1)
    log.close()
    log.close()
    with pytest.raises(ValueError, match="the log is closed"):
        log.append("u", 1)
    with pytest.raises(ValueError, match="the log is closed"):
        list(log.read())


# -- forgetting -----------------------------------------------------------------------------------


def fill(log):
    """Many users, so that pages are split and rows moved; one of them is to be forgotten."""
    log.append_many(
        [
            NewEvent("secret-user" if i % 7 == 0 else f"user{i % 900}", f"item{i}", id=f"event-{i}")
            for i in range(0, 3500)
        ]
    )
    for i in range(20):
        log.append("secret-user", "lamp", id=f"secret-id-{i}")
    log.append("user1", "lamp")


def test_a_forgotten_user_leaves_no_byte(tmp_path):
    log, other = SqliteLog(tmp_path / "events.db"), SqliteLog(tmp_path / "events.db")
    fill(log)
    assert len(other.of_user("secret-user")) == 520  # a second process's cache, as it were
    kept = [event for event in log.read() if event.user != "secret-user"]
    assert "events.db-wal" in files_with(tmp_path, b"secret-user", b"secret-id")
    assert log.forget("secret-user") == 520
    assert files_with(tmp_path, b"secret-", b"event-0", b"event-3493") == []
    assert files_with(tmp_path, b"event-3494") == ["events.db"]
    assert list(other.read()) == list(log.read()) == kept
    assert log.of_user("secret-user") == []
    assert log.forget("secret-user") == 0
    other.append("user2", 1)
    other.close()
    log.close()
    assert files_with(tmp_path, b"secret-") == []


def test_pages_that_were_split_keep_no_copies(log, tmp_path, monkeypatch):
    """Without VACUUM most of these are found again, secure_delete or not."""
    users = [hashlib.sha256(b"%d" % i).hexdigest()[:12] for i in range(3000)]  # in random order
    log.append_many([NewEvent(user, 1, id=f"id-{user}") for user in users])
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.realtime.log.sqlite_log.purge", lambda db: None)
        for user in users[1:1000]:
            log.forget(user)
    log.forget(users[0])
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [user for user in users if user.encode() in left] == users[1000:]


def test_offsets_arent_used_again_after_forgetting(log):
    log.append("ann", 1)
    log.append("bob", 1, id="x")
    assert log.forget("bob") == 1
    assert log.last_offset == 2
    assert log.append("bob", 2, id="x") == 3  # the id is forgotten with its user
    assert [event.offset for event in log.read()] == [1, 3]


def test_forgetting_that_was_cut_off_is_taken_up_when_the_log_opens(tmp_path, monkeypatch):
    log = SqliteLog(tmp_path / "events.db")
    fill(log)
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.realtime.log.sqlite_log.purge", lambda db: None)
        log.forget("secret-user")
    assert files_with(tmp_path, b"secret-user")
    SqliteLog(tmp_path / "events.db").close()
    assert files_with(tmp_path, b"secret-") == []
    log.close()


def test_a_reader_that_holds_the_wal_is_named(log, tmp_path, monkeypatch):
    log.append("ann", 1)
    monkeypatch.setattr("mmrec.realtime.log.sqlite_file.WAIT", 0.05)
    log._db.execute("PRAGMA busy_timeout = 10")
    reader = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM events").fetchall()
    with pytest.raises(TimeoutError, match=r"a reader kept forgotten events.*events.db"):
        log.forget("ann")
    assert list(log.read()) == []
    assert files_with(tmp_path, b"ann")
    reader.close()
    log.forget("anyone")
    assert files_with(tmp_path, b"ann") == []


def test_with_a_key_no_user_and_no_id_is_ever_in_the_files(tmp_path):
    log = SqliteLog(tmp_path / "events.db", user_key=KEY)
    fill(log)
    assert log.append("secret-user", "lamp", id="secret-id-3") == 3504  # still idempotent
    assert files_with(tmp_path, b"secret-", b"event-", b"user1") == []
    name = hmac.new(KEY, b"secret-user", hashlib.sha256).hexdigest()
    assert log.name_of("secret-user") == name
    assert {event.user for event in log.of_user("secret-user")} == {name}
    assert files_with(tmp_path, name.encode())
    assert log.forget("secret-user") == 520
    assert files_with(tmp_path, name.encode()) == []
    log.close()


# -- files ----------------------------------------------------------------------------------------


def test_a_log_opens_again(tmp_path):
    for number in (1, 2, 3):
        log = SqliteLog(str(tmp_path / "events.db"), durability="full")
        assert log.append("ann", number) == number
        log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["events.db"]


def test_the_key_must_be_the_logs_own(tmp_path):
    SqliteLog(tmp_path / "plain.db").close()
    SqliteLog(tmp_path / "keyed.db", user_key=KEY).close()
    with pytest.raises(ValueError, match="made with \\(no user_key\\); got another key"):
        SqliteLog(tmp_path / "plain.db", user_key=KEY)
    with pytest.raises(ValueError, match="made with \\(a key\\); got no user_key"):
        SqliteLog(tmp_path / "keyed.db")
    with pytest.raises(ValueError, match="made with \\(a key\\); got another key"):
        SqliteLog(tmp_path / "keyed.db", user_key=KEY[::-1])


@pytest.mark.parametrize("content", [b"hello", b"h" * 600, b"h" * 9000])
def test_a_file_of_another_kind_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"notes.txt: expected an event log of mmrec"):
        SqliteLog(path)
    assert path.read_bytes() == content


def test_another_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE events (a)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(ValueError, match="got another SQLite database"):
        SqliteLog(path)
    assert path.read_bytes() == content


def test_a_newer_version_is_refused(log, tmp_path):
    log._db.execute("PRAGMA user_version = 5")
    with pytest.raises(ValueError, match="of version 1 to 4; got version 5"):
        SqliteLog(tmp_path / "events.db")


@pytest.mark.parametrize("column", ["kind", "event_type"])
def test_a_file_of_version_1_is_upgraded_without_loss(tmp_path, column):
    path = tmp_path / "events.db"
    log = SqliteLog(path)
    log.append("ann", "i1", event_type="cart", time=1.0, id="e1")
    log.append("bob", 2, time=2.0)
    before, keys = list(log.read()), [log.key_at(n) for n in (1, 2)]
    log.close()
    old = sqlite3.connect(path)
    if column != "event_type":
        old.execute(f"ALTER TABLE events RENAME COLUMN event_type TO {column}")
    old.execute("DROP TABLE imported")
    old.execute("DROP TABLE forgotten")
    old.execute("DROP TABLE merged")
    old.execute("DELETE FROM state WHERE name = 'salt'")
    old.commit()
    old.execute("PRAGMA user_version = 1")
    old.close()
    for _ in range(2):
        log = SqliteLog(path)
        assert list(log.read()) == before
        assert [log.key_at(n) for n in (1, 2)] == keys
        assert log.append("ann", "i1", event_type="cart", id="e1") == 1
        log.close()


def test_a_file_of_version_3_takes_values(tmp_path):
    path = tmp_path / "events.db"
    log = SqliteLog(path)
    log.append("ann", "i1", time=1.0)
    before = list(log.read())
    log.close()
    old = sqlite3.connect(path)
    old.executescript(
        "ALTER TABLE events DROP COLUMN given_values; DROP TABLE merged; PRAGMA user_version = 3;"
    )
    old.close()
    log = SqliteLog(path)
    assert list(log.read()) == before
    assert log.append("ann", "i2", values={"watched": 0.5, "place": "secret-place"}) == 2
    log.close()
    log = SqliteLog(path)
    kept = [None, {"watched": 0.5, "place": "secret-place"}]
    for found in (log.read(), log.of_user("ann")):
        assert [event.values for event in found] == kept
    assert log.forget("ann") == 2
    log.close()
    assert files_with(tmp_path, b"secret-place") == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        SqliteLog(tmp_path / "nowhere" / "events.db")


def test_a_full_disk_is_named_and_loses_nothing(log):
    log.append("ann", 0)
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OSError, match=r"No space|full.*events\.db") as caught:
        log.append_many([NewEvent("ann", "i" * 1000) for _ in range(100)])
    assert caught.value.errno == 28
    assert caught.value.filename == str(log.path)
    assert len(list(log.read())) == 1
    log._db.execute("PRAGMA max_page_count = 1000000")
    assert log.append("ann", 1) == 2


def test_a_file_locked_for_long_is_named(log, tmp_path):
    log._db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeoutError, match=r"locked.*events\.db"):
        log.append("ann", 1)
    other.close()
    assert log.append("ann", 1) == 1


def test_the_wal_stays_short(log, tmp_path, monkeypatch):
    monkeypatch.setattr("mmrec.realtime.log.checkpointer._EVERY", 20)
    for i in range(3000):
        log.append(f"u{i % 50}", i)
        if i % 50 == 0:
            sleep(0.005)  # on a busy machine the thread would hardly run beside this loop
    log._checkpointer.close()
    # without checkpoints: 3,000 commits of three pages or more, 37 MB
    assert (tmp_path / "events.db-wal").stat().st_size < 8e6
    assert len(list(log.read())) == 3000


# -- threads, processes, kills --------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_threads_get_their_own_offsets(tmp_path, durability):
    log = SqliteLog(tmp_path / "events.db", durability=durability)

    def write(thread):
        return [log.append(f"u{thread}", i, id=f"{thread}-{i}") for i in range(40)]

    with ThreadPoolExecutor(8) as pool:
        offsets = list(pool.map(write, range(8)))
    assert sorted(chain(*offsets)) == list(range(1, 321))
    for thread in range(8):
        stored = [(event.offset, event.item) for event in log.of_user(f"u{thread}")]
        assert stored == list(zip(offsets[thread], range(40), strict=True))
    log.close()


def test_threads_that_wait_share_commits_and_not_errors(log, monkeypatch):
    log.append("ann", 1, id="x")
    groups, commit = [], log._group._commit
    monkeypatch.setattr(log._group, "_commit", lambda rows: groups.append(rows) or commit(rows))
    with ThreadPoolExecutor(8) as pool:
        with log._writing:
            futures = [pool.submit(log.append, "bob", i) for i in range(6)]
            futures.append(pool.submit(log.append, "ann", 2, id="x"))
            while sum(map(len, groups)) + len(log._group._waiting) < 7:
                sleep(0.001)
        assert sorted(future.result() for future in futures[:6]) == [2, 3, 4, 5, 6, 7]
        with pytest.raises(ValueError, match="another item"):
            futures[6].result()
    assert [len(group) for group in groups] == [1, 6]


FORKS = """
import os, sys
from mmrec.realtime.log.sqlite_log import SqliteLog  # once: importing takes most of the time
for job in sys.argv[1:]:
    user, path, durability, count, acks = job.split(",")
    if os.fork() == 0:
        log = SqliteLog(path, durability=durability)
        out = os.open(acks, os.O_CREAT | os.O_WRONLY)
        os.write(out, b"%d " % os.getpid())
        for i in range(int(count)):
            os.write(out, b"%d " % log.append(user, i, id=f"{user}-{i}"))
        os._exit(0)
for job in sys.argv[1:]:
    os.wait()
"""


def numbers_in(path):
    """The numbers of a file that were written in full."""
    return [int(word) for word in path.read_text().split(" ")[:-1]] if path.exists() else []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_was_acknowledged_survives_a_kill_and_processes_share_a_file(tmp_path):
    kills = {"a": ("normal", 3), "b": ("normal", 700), "c": ("full", 30)}  # after so many events
    jobs = [f"{user},{user}.db,{durability},1000000000" for user, (durability, _) in kills.items()]
    jobs += [f"{user},both.db,normal,300" for user in "pq"]
    process = subprocess.Popen(
        [sys.executable, "-c", FORKS, *(f"{job},{job[0]}.txt" for job in jobs)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    waiting = dict(kills)
    while waiting:
        assert process.poll() is None
        for user, (_, after) in list(waiting.items()):
            if len(written := numbers_in(tmp_path / f"{user}.txt")) > after:
                os.kill(written[0], signal.SIGKILL)
                del waiting[user]
        sleep(0.001)
    assert process.wait(60) == 0

    for user, (_, after) in kills.items():
        acknowledged = numbers_in(tmp_path / f"{user}.txt")[1:]
        log = SqliteLog(tmp_path / f"{user}.db")
        stored = [(event.offset, event.item) for event in log.read()]
        assert len(acknowledged) >= after
        assert acknowledged == list(range(1, len(acknowledged) + 1))
        # the last one may be stored without its acknowledgement
        assert len(stored) - len(acknowledged) in (0, 1)
        assert stored == [(i + 1, i) for i in range(len(stored))]
        log.close()

    log = SqliteLog(tmp_path / "both.db")
    offsets = {user: numbers_in(tmp_path / f"{user}.txt")[1:] for user in "pq"}
    assert sorted(offsets["p"] + offsets["q"]) == list(range(1, 601))
    for user, mine in offsets.items():
        stored = [(event.offset, event.item) for event in log.of_user(user)]
        assert stored == list(zip(mine, range(300), strict=True))
    log.close()


# -- against a list -------------------------------------------------------------------------------

USERS, ITEMS = st.sampled_from(["ann", "bob", "ü"]), st.sampled_from([7, "7", "007", -1])
STEPS = st.one_of(
    st.tuples(st.just("append"), USERS, ITEMS, st.none() | st.sampled_from("xyz")),
    st.tuples(st.just("forget"), USERS),
    st.tuples(st.just("merge"), USERS, USERS),
    st.tuples(st.just("reopen")),
)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEPS, max_size=20), keyed=st.booleans())
def test_any_sequence_of_operations_equals_a_list(tmp_path_factory, steps, keyed):
    folder = tmp_path_factory.mktemp("log")
    key = KEY if keyed else None
    log, last, events, ids = SqliteLog(folder / "e.db", user_key=key), 0, [], {}
    merged = {}
    for step in steps:
        if step[0] == "reopen":
            log.close()
            log = SqliteLog(folder / "e.db", user_key=key)
        elif step[0] == "forget":
            gone = [event for event in events if event[1] == step[1]]
            events = [event for event in events if event not in gone]
            ids = {id: event for id, event in ids.items() if event not in gone}
            assert log.forget(step[1]) == len(gone)
            merged = {one: end for one, end in merged.items() if step[1] not in (one, end)}
        elif step[0] == "merge":
            _, source, target = step
            if source == target:
                with pytest.raises(ValueError, match="another user"):
                    log.merge_users(source, target)
                continue
            if merged.get(source, target) != target:
                with pytest.raises(ValueError, match="into another user"):
                    log.merge_users(source, target)
                continue
            moved = [event for event in events if event[1] == source]
            assert log.merge_users(source, target) == len(moved)
            if moved:
                to = {event: (event[0], target, event[2]) for event in moved}
                events = [to.get(event, event) for event in events]
                ids = {id: to.get(event, event) for id, event in ids.items()}
                ends = {one: target if end == source else end for one, end in merged.items()}
                merged = {one: end for one, end in {**ends, source: target}.items() if one != end}
        else:
            _, user, item, id = step
            event = ids.get(id) if id else None
            if event and (event[1] not in (user, merged.get(user)) or event[2] != item):
                with pytest.raises(ValueError, match="id"):
                    log.append(user, item, id=id)
                continue
            if event is None:
                last += 1
                event = (last, user, item)
                events.append(event)
                if id:
                    ids[id] = event
            assert log.append(user, item, id=id) == event[0]
        assert log.last_offset == last
    found = [(event.offset, event.user, event.item) for event in log.read()]
    assert found == [(offset, log.name_of(user), item) for offset, user, item in events]
    for user in ("ann", "bob", "ü"):
        mine = [offset for offset, who, _ in events if who == user]
        assert [event.offset for event in log.of_user(user, last=2)] == mine[-2:]
    log.close()
    shutil.rmtree(folder)


# -- imports --------------------------------------------------------------------------------------


def test_the_files_are_readable_by_their_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        log = SqliteLog(tmp_path / "events.db")
        log.append("ann", 1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        log.close()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3  # with -wal and -shm


@pytest.mark.parametrize("key", [None, KEY])
def test_a_forgotten_user_is_remembered_without_a_name(tmp_path, key):
    log = SqliteLog(tmp_path / "events.db", user_key=key)
    name = log.name_of("secret-user")
    log.import_many([NewEvent("secret-user", 1, id="i1"), NewEvent("bob", 1)])
    log.remember("a note", "a text")
    log.forget("secret-user")
    log.close()
    assert files_with(tmp_path, b"secret-user", name.encode()) == []
    log = SqliteLog(tmp_path / "events.db", user_key=key)
    found = log.import_many([NewEvent("secret-user", 1, id="i1"), NewEvent("ann", 1)])
    assert found == ([0, 3], range(3, 4))
    assert (log.imported, log.recall("a note")) == ([range(1, 4)], "a text")
    log.close()


def test_a_log_of_version_2_takes_imports(tmp_path):
    path = tmp_path / "events.db"
    log = SqliteLog(path)
    log.append("ann", 1)
    log.close()
    old = sqlite3.connect(path)
    old.executescript(
        "DROP TABLE imported; DROP TABLE forgotten; DELETE FROM state WHERE name = 'salt';"
        "DROP TABLE merged; PRAGMA user_version = 2;"
    )
    old.close()
    log = SqliteLog(path)
    assert log.import_many([NewEvent("bob", 2)]) == ([2], range(2, 3))
    assert log.forget("ann") == 1
    assert log.import_many([NewEvent("ann", 2)]).offsets == [0]
    log.close()


def test_a_log_of_version_3_takes_merges(tmp_path):
    path = tmp_path / "events.db"
    log = SqliteLog(path)
    log.append_many([NewEvent("visitor", 1), NewEvent("ann", 2), NewEvent("bob", 3)])
    log.forget("bob")
    log.close()
    old = sqlite3.connect(path)
    old.executescript("DROP TABLE merged; PRAGMA user_version = 3;")
    old.close()
    log = SqliteLog(path)
    assert log.merge_users("visitor", "ann") == 1
    assert [event.item for event in log.of_user("ann")] == [1, 2]
    assert log.import_many([NewEvent("bob", 3)]).offsets == [0]
    log.close()


MERGES = """
import os, sys
from mmrec.realtime.log.events import NewEvent
from mmrec.realtime.log.sqlite_log import SqliteLog
log = SqliteLog("events.db")
out = os.open("acks.txt", os.O_CREAT | os.O_WRONLY)
for n in range(10**9):
    log.append_many([NewEvent(f"visitor-{n}", item) for item in range(5)])
    os.write(out, b"%d " % n)
    log.merge_users(f"visitor-{n}", "ann")
    os.write(out, b"%d " % -n)
"""


@pytest.mark.parametrize("after", [3, 40])
def test_a_kill_leaves_a_merge_whole_or_undone(tmp_path, after):
    process = subprocess.Popen(
        [sys.executable, "-c", MERGES],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while len(numbers_in(tmp_path / "acks.txt")) < after:
        assert process.poll() is None
        sleep(0.001)
    process.kill()
    process.wait(60)
    *_, last = numbers_in(tmp_path / "acks.txt")
    log = SqliteLog(tmp_path / "events.db")
    merged = log.of_user("ann")
    assert [event.item for event in merged] == [*range(5)] * (len(merged) // 5)
    left = {event.user for event in log.read()} - {"ann"}
    assert len(left) <= 1  # the visitor whose events were stored last
    assert all(len(log.of_user(user)) == 5 for user in left)
    assert log.last_offset == len(list(log.read())) >= 5 * (abs(last) + 1)
    if last <= 0:  # the merge was acknowledged
        assert len(merged) >= 5 * (1 - last)
    log.close()


@pytest.mark.parametrize("key", [None, KEY])
def test_who_forgets_a_merged_user_leaves_no_byte_of_either(tmp_path, key):
    log = SqliteLog(tmp_path / "events.db", user_key=key)
    names = [log.name_of(user).encode() for user in ("secret-visitor", "secret-user")]
    log.append_many([NewEvent("secret-visitor", n) for n in range(500)])
    log.append("secret-user", 1)
    assert log.merge_users("secret-visitor", "secret-user") == 500
    assert log.forget("secret-user") == 501
    for user in ("secret-visitor", "secret-user"):
        assert log.was_forgotten(user)
        assert log.import_many([NewEvent(user, 1)]).offsets == [0]
    log.close()
    assert files_with(tmp_path, b"secret-visitor", b"secret-user", *names) == []


@pytest.mark.parametrize("key", [None, KEY])
def test_who_is_forgotten_after_a_merge_leaves_no_byte(tmp_path, key):
    log = SqliteLog(tmp_path / "events.db", user_key=key)
    names = [b"secret-visitor", log.name_of("secret-visitor").encode()]
    log.append_many([NewEvent("secret-visitor", n) for n in range(500)])
    log.merge_users("secret-visitor", "ann")
    assert files_with(tmp_path, *names) != []
    assert log.forget("secret-visitor") == 0
    assert files_with(tmp_path, *names) == []
    log.close()
    assert files_with(tmp_path, *names) == []


def test_events_of_one_call_share_a_commit(log):
    commits = []
    log._db.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    events = [NewEvent(f"u{n % 700}", n, id=f"e{n}") for n in range(2000)]
    assert log.append_many(events) == list(range(1, 2001))
    assert log.append_many([*events[::-1], NewEvent("u", 1)]) == [*range(2000, 0, -1), 2001]
    assert len(commits) == 2

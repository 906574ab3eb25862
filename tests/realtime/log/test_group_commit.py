from threading import Event, Thread

import pytest

from mmrec.realtime.log.group_commit import GroupCommit


def call_in_threads(commit, requests):
    """Call `commit` for each request in a thread of its own; return threads and their answers."""
    answers = {}

    def call(request):
        try:
            answers[request] = commit(request)
        except Exception as error:
            answers[request] = error

    threads = [Thread(target=call, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    return threads, answers


def slow_first(answer):
    """A commit whose first call waits until five more requests are there."""
    groups, started, go_on = [], Event(), Event()

    def commit(requests):
        groups.append(requests)
        if len(groups) == 1:
            started.set()
            assert go_on.wait(10)
        return answer(requests)

    group = GroupCommit(commit)
    first, answers = call_in_threads(group, [0])
    assert started.wait(10)
    rest, more = call_in_threads(group, [1, 2, 3, 4, 5])
    while len(group._waiting) < 5:
        Event().wait(0.001)
    go_on.set()
    for thread in first + rest:
        thread.join(10)
    return groups, answers | more


def test_those_who_wait_share_one_commit_and_get_their_own_answers():
    groups, answers = slow_first(lambda requests: [10 * request for request in requests])
    assert groups[0] == [0]
    assert sorted(groups[1]) == [1, 2, 3, 4, 5]
    assert len(groups) == 2
    # 0 is an answer like any other
    assert answers == {request: 10 * request for request in range(6)}


def test_an_error_among_the_answers_is_its_callers_own():
    _, answers = slow_first(lambda rs: [ValueError("no 3") if r == 3 else r for r in rs])
    assert [type(answers[request]) for request in range(6)] == [*[int] * 3, ValueError, int, int]


def test_an_error_of_the_commit_goes_to_all_of_its_group_only():
    def fail_once(requests):
        if len(requests) == 5:
            raise OSError(28, "full", "/there")
        return requests

    _, answers = slow_first(fail_once)
    assert answers.pop(0) == 0
    assert {str(error) for error in answers.values()} == {"[Errno 28] full: '/there'"}
    assert len({id(error) for error in answers.values()}) == 5


def test_an_interrupted_leader_leaves_nobody_waiting():
    calls = []

    def commit(requests):
        calls.append(requests)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return requests

    group = GroupCommit(commit)
    with pytest.raises(KeyboardInterrupt):
        group("a")
    assert group("b") == "b"
    assert calls == [["a"], ["b"]]

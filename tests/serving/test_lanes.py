from inspect import signature
from threading import Event

import anyio
import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")
from mmrec.serving.lanes import lane


def test_what_a_lane_runs_keeps_its_name_and_its_arguments():
    @lane(1)
    def greet(name: str, *, loud: bool = False) -> str:
        """Greets."""
        return name.upper() if loud else name

    assert greet.__name__ == "greet"
    assert greet.__doc__ == "Greets."
    assert list(signature(greet).parameters) == ["name", "loud"]

    async def ask():
        return await greet("ann", loud=True)

    assert anyio.run(ask) == "ANN"


def test_an_error_comes_back():
    @lane(1)
    def refuse():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        anyio.run(refuse)


@pytest.mark.parametrize("width", [1, 3])
def test_no_more_run_at_once_than_a_lane_is_wide(width):
    running, most = 0, 0

    @lane(width)
    def work():
        nonlocal running, most
        running += 1
        most = max(most, running)
        Event().wait(0.02)
        running -= 1

    async def many():
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(work)

    anyio.run(many)
    assert most == width


def test_lanes_do_not_hold_each_other_up():
    going = Event()

    @lane(1)
    def slow():
        assert going.wait(10)

    @lane(1)
    def fast():
        going.set()

    async def both():
        async with anyio.create_task_group() as group:
            group.start_soon(slow)
            await anyio.sleep(0.05)
            await fast()

    anyio.run(both)
    assert going.is_set()

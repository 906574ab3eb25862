"""`mmrec serve` killed at random moments under load, and started again on the same log.

    python benchmarks/crash.py RUN [--times 20] [--clients 8] [--seed 0] [--json]

Each time, clients send events and ask for lists, the server is killed with SIGKILL at a random
moment, and started again. Then

- every event that was acknowledged is in the log: user, item and id;
- events that were under way are sent again under their ids, and the log holds each event once;
- users whose last list came before the kill get the same list from the new server, byte for byte;
- their states in a fresh `RealtimeRecommender` over the log equal those that a `StateUpdater`
  computes from the log in this process, and so do their lists.
"""

import json
import random
import time
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from common import command_line, print_json
from server import Client, Sent, Server, item_ids, lost

from mmrec.realtime import (
    Event,
    MemorySessions,
    RealtimeRecommender,
    SqliteLog,
    StateUpdater,
)
from mmrec.recommender import Recommender

LONGEST = 3.0
"""Seconds of load within which the server is killed."""
CHECKED = 40
"""Users whose states and lists are compared, each time."""


AT = 2e9
"""The time of all requests, since a list depends on it."""


def path_of(user: str) -> str:
    """Return what a client asks for a user's list."""
    return f"/recommend?user={user}&k=10&at={AT}"


def loaded(server: Server, clients: list[Client], seconds: float) -> None:
    """Load the server, and kill it after some seconds."""
    for client in clients:
        client.start()
    time.sleep(seconds)
    server.kill()
    for client in clients:
        client.join()


def differing_lists(server: Server, before: dict[str, bytes]) -> list[str]:
    """Return the users whose list isn't the one from before the kill."""
    return [user for user, body in before.items() if server.ask("GET", path_of(user)) != body]


def differing_states(
    made: Recommender, log: Path, users: dict[str, bytes], events: list[Event]
) -> list[str]:
    """Return the users who get another state or list than the log gives them."""
    opened, sessions = SqliteLog(log), MemorySessions()
    try:
        live = RealtimeRecommender(made, log=opened, sessions=sessions)
        updater = StateUpdater(made.model.interest, live.version, made.state.reader)
        wrong = []
        for user, body in users.items():
            own = [event for event in events if event.user == user]
            expected = updater(updater.start(), own, made.vectors, made.catalog.find)
            lines = [(line.item, line.score) for line in live.recommend(user, k=10, at=AT)]
            served = [(line["item"], line["score"]) for line in json.loads(body)["items"]]
            session = sessions.get(user)
            state = () if session is None else session.state
            equal = len(state) == len(expected.state) and all(
                map(torch.equal, state, expected.state)
            )
            if not equal or lines != served:
                wrong.append(user)
    finally:
        opened.close()
    return wrong


def main() -> None:
    """Print what was killed when, and how often everything was as it should be."""
    parser = command_line(__doc__, "run", "--folder")
    parser.add_argument("--times", type=int, default=20, help="how often to kill")
    parser.add_argument("--clients", type=int, default=8, help="connections at once")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as the server does
    moments = random.Random(arguments.seed)
    made, items = Recommender.load(arguments.run), item_ids(arguments.run)
    acknowledged: list[Sent] = []
    kills: list[dict[str, float | bool]] = []
    with TemporaryDirectory(dir=arguments.folder) as folder:
        log = Path(folder, "events.db")
        server, sent = Server(arguments.run, log), 0
        try:
            for number in range(arguments.times):
                names = [f"kill-{number}-client-{n}" for n in range(arguments.clients)]
                clients = [Client(server.port, name, items) for name in names]
                seconds = moments.uniform(0, LONGEST)
                loaded(server, clients, seconds)
                refused = list(chain(*(client.errors for client in clients)))
                mine = list(chain(*(client.acknowledged for client in clients)))
                pending = [client.pending for client in clients if client.pending]
                acknowledged += mine
                missing = lost(log, acknowledged)
                server = Server(arguments.run, log)
                for event in pending:
                    offset = json.loads(server.ask(*event.request()))["offset"]
                    acknowledged.append(event._replace(offset=offset))
                sent += len(mine) + len(pending)
                served = list(chain(*(client.lists.items() for client in clients)))
                before = dict(moments.sample(served, min(CHECKED, len(served))))
                opened = SqliteLog(log)
                events = list(opened.read())
                opened.close()
                lists = differing_lists(server, before)
                states = differing_states(made, log, before, events)
                good = not (refused or missing or lists or states) and len(events) == sent
                kills.append({"seconds": round(seconds, 2), "events": len(mine), "good": good})
                print(
                    f"killed after {seconds:4.2f} s, {len(mine):4} events acknowledged, "
                    f"{len(pending)} under way: {len(missing)} lost, {len(events) - sent} more in "
                    f"the log than sent; of {len(before)} users {len(lists)} lists and "
                    f"{len(states)} states differ; {len(refused)} requests refused: "
                    f"{'good' if good else 'WRONG'}",
                    flush=True,
                )
        finally:
            server.stop()
    count = sum(bool(kill["good"]) for kill in kills)
    print(f"{count} of {arguments.times}")
    counted = {"times": arguments.times, "good": count, "acknowledged": len(acknowledged)}
    print_json(arguments, counted | {"kills": kills})
    if count < arguments.times:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

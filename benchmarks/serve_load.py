"""`mmrec serve` under load: pairs of an event and the list that follows it, over HTTP.

    python benchmarks/serve_load.py RUN [--clients 16] [--seconds 60] [--index exact] [--json]

The server is a process of its own on the loopback interface, its log durable in full. Each client
has a connection that it keeps, and sends `POST /observe`, then `GET /recommend` for the same user,
as fast as the answers come; the clients are threads of this process and share the machine with the
server. After a warm-up, pairs are counted for some seconds. Then the server is told to stop, and
every event that it acknowledged must be in the log: user, item and id.
"""

import time
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import command_line, print_json
from server import Client, Server, item_ids, lost

WARM = 3.0
"""Seconds before the first pair that counts."""


def load(server: Server, run: Path, clients: int, seconds: float) -> tuple[list[Client], Any]:
    """Run the clients, and return them with the figures of what they measured."""
    items = item_ids(run)
    threads = [Client(server.port, f"client-{n}", items) for n in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(WARM)
    before = [(len(t.observe), len(t.recommend)) for t in threads]
    began = time.perf_counter()
    time.sleep(seconds)
    after = [(len(t.observe), len(t.recommend)) for t in threads]
    took = time.perf_counter() - began
    for thread in threads:
        thread.ended.set()
    for thread in threads:
        thread.join()
    figures: dict[str, Any] = {"clients": clients, "seconds": round(took, 2)}
    for place, name in enumerate(("observe", "recommend")):
        spans = zip(threads, before, after, strict=True)
        taken = list(chain(*(getattr(t, name)[a[place] : b[place]] for t, a, b in spans)))
        p50, p99 = np.percentile(taken, [50, 99]) if taken else (np.nan, np.nan)
        figures |= {f"{name}_p50_ms": round(float(p50), 3), f"{name}_p99_ms": round(float(p99), 3)}
        print(f"{name:<10} p50 {p50:8.2f} ms   p99 {p99:8.2f} ms", flush=True)
    pairs = sum(b[1] - a[1] for a, b in zip(before, after, strict=True))
    return threads, figures | {"pairs": pairs, "pairs_per_second": round(pairs / took, 1)}


def main() -> None:
    """Print the figures, and whether every acknowledged event is in the log."""
    parser = command_line(__doc__, "run", "--folder")
    parser.add_argument("--clients", type=int, default=16, help="connections at once")
    parser.add_argument("--seconds", type=float, default=60, help="for which pairs are counted")
    parser.add_argument("--index", default="exact", help="exact, or hnsw")
    arguments = parser.parse_args()
    with TemporaryDirectory(dir=arguments.folder) as folder:
        log = Path(folder, "events.db")
        server = Server(arguments.run, log, "--index", arguments.index)
        try:
            clients, found = load(server, arguments.run, arguments.clients, arguments.seconds)
        finally:
            graceful = server.stop()
        acknowledged = list(chain(*(client.acknowledged for client in clients)))
        missing = lost(log, acknowledged)
    errors = list(chain(*(client.errors for client in clients)))
    errors += [client.broken for client in clients if client.broken]
    found |= {"errors": len(errors), "acknowledged": len(acknowledged), "lost": len(missing)}
    found |= {"graceful": graceful}
    print(f"{found['pairs_per_second']} pairs a second of {arguments.clients} clients")
    print(f"{len(acknowledged):,} events acknowledged, {len(missing)} not in the log; "
          f"{len(errors)} errors {errors[:3]}; "
          f"{'stopped in order' if graceful else 'DID NOT STOP IN ORDER'}")  # fmt: skip
    print_json(arguments, found)
    if errors or missing or not graceful:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Changes of items while a recommender serves: what they cost, and what a restart costs.

    python benchmarks/item_changes.py [--items 10000] [--changes 101999] [--folder .] [--json]

A small text model is drawn and a RUN by id and text is trained on made-up events. Then, each in a
process of its own over a log that waits for the disk (`durability="full"`):

- *stock*: calls of `update_items` for one item and a column that no modality reads; then the
  process is killed with SIGKILL; `p50` is the median call;
- *restart*: loading RUN and log, three times, after the kill and for an empty log. The lists of
  users must be those from before the kill;
- *first*: 30 such changes right after a start, with the start;
- *title*: a change of a text, then 30 one after the other and 30 in one call. `passes` counts how
  often the text model ran, `loads` how often it was read from disk.

A log is compacted after 2,000 changes. So of 101,999 changes a restart replays 1,999, the most that
are possible. It includes the import of PyTorch.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import command_line, print_json, seconds_of

from mmrec.realtime import NewEvent, RealtimeRecommender, SqliteLog
from mmrec.recommender import Options, Recommender
from mmrec.recommender.content import TextModality

WORDS = [f"word{n}" for n in range(2000)]
USERS = [f"user-{n}" for n in range(20)]
AT = 2e9  # the time of all requests, since a list depends on it
CHANGES = "CHANGES"
"""Environment variable: how many stocks are changed."""


def text_model(folder: Path) -> Path:
    """Write a BERT of four layers and width 256 with drawn weights."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


def train(folder: Path, items: int) -> Path:
    """Train a recommender on made-up events; return its RUN."""
    draw = np.random.default_rng(0)
    users, steps = 500, 20
    events = {
        "user_id": np.repeat([f"u{n}" for n in range(users)], steps),
        "item_id": [f"i{n}" for n in draw.integers(items, size=users * steps)],
        "timestamp": np.arange(users * steps),
    }
    catalog = {
        "item_id": [f"i{n}" for n in range(items)],
        "title": [" ".join(draw.choice(WORDS, 6)) for _ in range(items)],
        "stock": [5] * items,
        "price": draw.uniform(1, 100, size=items).round(2),
    }
    options = Options(modalities=("id", "text"), dim=64, epochs=1, devices=1, refit="none")
    model = str(text_model(folder / "text"))
    made = Recommender.fit(events, catalog, options=options, encoders={"text": model})
    made.save(folder / "run")
    return folder / "run"


def opened(run: Path, log: Path) -> RealtimeRecommender:
    """Return what is served."""
    return RealtimeRecommender.load(run, log=SqliteLog(log, durability="full"))


def lists(live: RealtimeRecommender) -> list[Any]:
    """Return the lists of all users, and those of items in stock."""
    asked = [{"where": where} for where in (None, {"stock": 5})]
    return [[line[:2] for line in live.recommend(u, at=AT, **w)] for u in USERS for w in asked]


def write(run: Path, log: Path) -> None:
    """Change the stock of one item after the other, and wait to be killed."""
    live, draw = opened(run, log), np.random.default_rng(1)
    ids, count, taken = live.catalog.ids, int(os.environ[CHANGES]), []
    for item, stock in zip(draw.choice(ids, count), draw.integers(9, size=count), strict=True):
        began = time.perf_counter()
        live.update_items({"item_id": [str(item)], "stock": [int(stock)]})
        taken.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"ms": taken, "lists": lists(live)}), flush=True)
    signal.pause()


def read(run: Path, log: Path) -> None:
    """Print the lists once they can be served."""
    print(json.dumps({"lists": lists(opened(run, log))}))


def first(run: Path, log: Path) -> None:
    """Change 30 stocks after a start."""
    live = opened(run, log)
    for item in live.catalog.ids[:30]:
        live.update_items({"item_id": [item], "stock": [0]})
    print(json.dumps({}))


def titles(run: Path, log: Path) -> None:
    """Change 30 texts one after the other, and 30 in one call."""
    passes, loads = [0], [0]
    source_of, load = TextModality.source_of, TextModality.load

    def counted(*arguments: Any) -> Any:
        passes[0] += 1
        return source_of(*arguments)

    def loaded(*arguments: Any) -> Any:
        loads[0] += 1
        return load(*arguments)

    TextModality.source_of, TextModality.load = counted, loaded  # type: ignore[method-assign]
    live = opened(run, log)
    ids = live.catalog.ids

    def one_by_one() -> None:
        for item in ids[:30]:
            live.update_items({"item_id": [item], "title": [f"word7 {item}"]})

    rows = {"item_id": [ids[-1]], "title": ["word9"]}
    found = {"first_text_s": seconds_of(lambda: live.update_items(rows))}
    passes[0] = 0
    found |= {"single_s": seconds_of(one_by_one), "single_passes": passes[0]}
    rows = {"item_id": ids[30:60], "title": ["word8 word9"] * 30}
    together = seconds_of(lambda: live.update_items(rows))
    found |= {"together_s": together, "together_passes": passes[0] - found["single_passes"]}
    print(json.dumps(found | {"loads": loads[0]}))


PARTS = {"write": write, "read": read, "first": first, "titles": titles}


def start(part: str, run: Path, log: Path) -> "subprocess.Popen[str]":
    """Start a part of this script in a process of its own."""
    command = [sys.executable, __file__, "--part", part, str(run), str(log)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(part: str, run: Path, log: Path) -> tuple[float, dict[str, Any]]:
    """Return the seconds that a part takes, and what it says."""
    began = time.perf_counter()
    said, _ = start(part, run, log).communicate()
    return time.perf_counter() - began, json.loads(said.splitlines()[-1])


def killed(run: Path, log: Path, changes: int) -> tuple[np.ndarray, Any]:
    """Return the milliseconds of each change, and the lists before the process was killed."""
    os.environ[CHANGES] = str(changes)
    writer = start("write", run, log)
    assert writer.stdout is not None
    said = json.loads(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    return np.array(said["ms"]), said["lists"]


def main() -> None:
    """Print the figures, and as JSON."""
    parser = command_line(__doc__, "--folder")
    parser.add_argument("--items", type=int, default=10_000, help="size of the catalogue")
    parser.add_argument("--changes", type=int, default=101_999, help="changes before the kill")
    arguments = parser.parse_args()
    with TemporaryDirectory(dir=arguments.folder) as folder:
        run = train(Path(folder).resolve(), arguments.items)
        log, empty = run.with_name("events.db"), run.with_name("empty.db")
        for path in (log, empty):
            events = SqliteLog(path)
            events.append_many([NewEvent(user, f"i{n}") for n, user in enumerate(USERS)])
            events.close()
        taken, before = killed(run, log, arguments.changes)
        unchanged = [ended("read", run, empty)[0] for _ in range(3)]
        restarts = [ended("read", run, log) for _ in range(3)]
        start_30, _ = ended("first", run, empty)
        _, text = ended("titles", run, run.with_name("titles.db"))
        size = sum(path.stat().st_size for path in run.parent.glob("events.db*"))
    p50, p99 = np.percentile(taken, [50, 99])
    ratio = statistics.median(s for s, _ in restarts) / statistics.median(unchanged)
    found: dict[str, Any] = {"items": arguments.items, "changes": len(taken), "log_mb": size / 1e6}
    found |= {"change_p50_ms": p50, "change_p99_ms": p99, "restart_ratio": ratio}
    found |= {"unchanged_s": statistics.median(unchanged), "start_and_30_s": start_30} | text
    equal = all(said["lists"] == before for _, said in restarts)
    print(f"{len(taken):,} changes of stock, {arguments.items:,} items: p50 {p50:.2f} ms, p99 "
          f"{p99:.2f} ms; the log has {size / 1e6:.1f} MB")  # fmt: skip
    print(f"restart after the kill against one without changes: × {ratio:.3f} "
          f"({statistics.median(unchanged):.1f} s)")  # fmt: skip
    print(f"lists before and after: {'equal' if equal else 'DIFFERENT'}")
    print(f"a start and 30 changes of stock: {start_30:.1f} s")
    print(f"the first change of a text, which loads the model: {text['first_text_s']:.2f} s")
    print(f"30 more: one by one {text['single_s']:.2f} s in {text['single_passes']} passes, in "
          f"one call {text['together_s']:.2f} s in {text['together_passes']}; the model was loaded "
          f"{text['loads']} times")  # fmt: skip
    print_json(arguments, found | {"lists_equal": equal})
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        torch.set_num_threads(1)
        PARTS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()

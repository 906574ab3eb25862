"""`mmrec learn` killed at random moments, and started again until the log is learned.

    python benchmarks/crash_learner.py RUN [--times 20] [--events 20000] [--seed 0] [--json]

A log of random events is learned once without interruption, and once by processes that are killed
with SIGKILL at least `--times` times. A learner that skipped or repeated an event would end with
other weights: both checkpoints must be equal, byte for byte.
"""

import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from common import command_line, print_json

from mmrec.realtime import NewEvent, SqliteLog
from mmrec.recommender import Recommender

STATE = Path(".checkpoint", "state")
EVERY = 256
"""Events between two checkpoints."""


def write_log(path: Path, run: Path, events: int, seed: int) -> None:
    """Fill a log with events of 500 users on the items of a RUN."""
    draw, ids = random.Random(seed), Recommender.load(run).catalog.ids
    log = SqliteLog(path)
    log.append_many(
        [
            NewEvent(f"u{draw.randrange(500)}", draw.choice(ids), time=60.0 * number)
            for number in range(events)
        ]
    )
    log.close()


def learner(run: Path, log: Path, versions: Path) -> subprocess.Popen[bytes]:
    """Start the learner, which stops at the end of the log."""
    script = "from mmrec.cli import main; main()"
    command = [sys.executable, "-c", script, "learn", run, "--log", log, "--versions", versions]
    command += ["--publish-every", str(EVERY), "--once"]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)


def learn_a_while(run: Path, log: Path, versions: Path, seconds: float) -> bool:
    """Start the learner and kill it some seconds after its first checkpoint.

    Returns:
        Whether it came to the end of the log before that.
    """

    def moment() -> int:
        state = versions / STATE
        return state.stat().st_mtime_ns if state.exists() else 0

    before, process = moment(), learner(run, log, versions)
    while process.poll() is None and moment() in (0, before):
        time.sleep(0.01)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    if process.returncode:
        raise RuntimeError(f"the learner failed with status {process.returncode}")
    return True


def main() -> None:
    """Learn twice, compare, print."""
    parser = command_line(__doc__, "run")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw, kills = random.Random(arguments.seed), 0
    with TemporaryDirectory() as place:
        folder = Path(place)
        log = folder / "events.db"
        write_log(log, arguments.run, arguments.events, arguments.seed)
        assert learner(arguments.run, log, folder / "whole").wait() == 0
        while not learn_a_while(arguments.run, log, folder / "killed", draw.random()):
            kills += 1
        whole, killed = (folder / name / STATE for name in ("whole", "killed"))
        equal = whole.read_bytes() == killed.read_bytes()
    print(f"killed {kills} times: the checkpoints are {'equal' if equal else 'NOT equal'}")
    if kills < arguments.times:
        print(f"fewer than {arguments.times} kills: take more events")
    print_json(arguments, {"kills": kills, "equal": equal, "events": arguments.events})


if __name__ == "__main__":
    main()

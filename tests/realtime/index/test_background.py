import subprocess
import sys
import threading

from mmrec.realtime.index.background import Background


def test_one_job_at_a_time():
    background, go, runs = Background("one"), threading.Event(), []

    def job(stop):
        runs.append(stop.is_set())
        assert go.wait(20)

    background.start(job)
    background.start(job)
    go.set()
    background.wait()
    assert runs == [False]
    background.start(job)
    background.wait()
    assert runs == [False, False]


def test_a_failure_is_logged_and_the_next_job_runs(caplog):
    background, runs = Background("two"), []

    def fail(stop):
        raise MemoryError("no room")

    background.start(fail)
    background.wait()
    assert "the job two failed" in caplog.text
    background.start(runs.append)
    background.wait()
    assert len(runs) == 1


def test_the_end_of_the_interpreter_stops_the_job():
    code = """
from mmrec.realtime.index.background import Background

def job(stop):
    stop.wait(60)
    print("stopped", flush=True)

Background("three").start(job)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=240, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "stopped\n", "")

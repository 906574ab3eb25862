"""Two processes that train together; without imports that take time."""

import os
import signal
import sys
import traceback
from contextlib import suppress


def in_two(work):
    """Do some work in two processes with the environment that torchrun gives them, and exit.

    Imports take most of the time of a short training; here they are done once for both. If one
    process raises an error, the other is ended, which else would wait for it.
    """
    os.environ |= {"TORCHELASTIC_RUN_ID": "none", "GROUP_RANK": "0"}
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    parent = os.getpid()
    child = os.fork()
    rank = "0" if child else "1"
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank}
    try:
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        with suppress(ProcessLookupError):
            os.kill(child or parent, signal.SIGKILL)
        os._exit(1)
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

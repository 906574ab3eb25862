import os
import subprocess
import sys

import pytest

# 200 MiB are taken, touched, and freed again.
SCRIPT = """
import ctypes
from mmrec.cpu.memory import keep_freed_memory

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])

{first}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
block = libc.malloc(ctypes.c_size_t(200 << 20))
ctypes.memset(block, 1, 200 << 20)
held = resident()
libc.free(block)
print(held - resident())
"""


def freed(first, **settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", SCRIPT.format(first=first)]
    said = subprocess.run(command, capture_output=True, text=True, env=environment | settings)
    assert said.returncode == 0, said.stderr
    return int(said.stdout.split()[-1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_a_process_keeps_memory_that_was_freed():
    assert freed("") > 190
    assert freed("assert keep_freed_memory()") < 10
    assert freed("assert not keep_freed_memory()", MALLOC_TRIM_THRESHOLD_="1000000") > 190

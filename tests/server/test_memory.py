"""What threads gave back is used by others."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import ctypes, sys, threading
if sys.argv[1] == "shared":
    from scorekit.server.memory import share_arenas
    share_arenas()
together = threading.Barrier(16)
def allocate():
    held = [bytes(2000) for _ in range(100)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
print(open(sys.argv[2]).read().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas")
def test_threads_share_arenas(tmp_path: Path) -> None:
    shared, alone = (
        int(subprocess.check_output([sys.executable, "-c", COUNT, how, str(tmp_path / how)]))
        for how in ("shared", "alone")
    )
    assert shared <= 2 < alone

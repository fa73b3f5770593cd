# SPDX-License-Identifier: Apache-2.0
"""Server processes that never outlive the test that started them."""

import ctypes
import signal
import subprocess

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def spawn(command, log, env=None):
    """Starts COMMAND with its output appended to the file LOG; the kernel ends it with us."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def end(process, seconds=5):
    """SIGTERM, then SIGKILL; None is fine."""
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

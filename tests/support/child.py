# SPDX-License-Identifier: Apache-2.0
"""Server processes that never outlive the test that started them."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None)


def spawn(command, log, env=None, **more):
    """Starts COMMAND with its output appended to the file LOG; the kernel ends it with us."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            command, env=env, **more, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def become_subreaper():
    """What the processes we start leave behind becomes our child, so its end can be waited for."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Adopted:
    """A process that one of ours has started, with the part of Popen that the tests use.

    Its exit status is known when it has become our child by the time it ends, else it counts as 0.
    """

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            try:
                done, status = os.waitpid(self.pid, os.WNOHANG)
                if done:
                    self.returncode = os.waitstatus_to_exitcode(status)
            except ChildProcessError:
                if not is_alive(self.pid):
                    self.returncode = 0
        return self.returncode

    def wait(self, timeout=None):
        end_at = time.monotonic() + timeout if timeout else None
        while self.poll() is None:
            if end_at and time.monotonic() > end_at:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def is_alive(pid):
    """Whether there is such a process, and not only its exit status."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end(process, seconds=5):
    """SIGTERM, then SIGKILL; None is fine."""
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

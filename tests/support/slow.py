# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time: thousands of connections from one thread."""

import os
import resource
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tlsclient  # noqa: E402


def lift_descriptors(needed):
    """Whether this process may have NEEDED open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard >= needed


class SlowClients:
    """SILENT connections that never say a word, and TRICKLING ones that send a ClientHello, a byte
    each second.  A thread keeps the bytes coming and notes when the other side closes."""

    def __init__(self, where, silent, trickling, name=b"a.test"):
        self.where = where
        self.open, self.ended = {}, []      # by descriptor; seconds that each one lived
        self.poll = select.epoll()
        self.hello = tlsclient.client_hello(name)
        self.sent = {}                      # bytes, of the trickling ones
        self.stop = False
        for number in range(silent + trickling):
            raw = socket.create_connection(where, timeout=20)
            raw.setblocking(False)
            self.open[raw.fileno()] = (raw, time.monotonic())
            if number >= silent:
                self.sent[raw.fileno()] = 0
            self.poll.register(raw.fileno(), select.EPOLLIN | select.EPOLLHUP)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        due = time.monotonic()
        while self.open and not self.stop:
            if time.monotonic() >= due:
                due += 1
                self._trickle()
            for fd, _ in self.poll.poll(max(0, min(0.2, due - time.monotonic())), 1000):
                self._ended(fd)

    def _trickle(self):
        for fd, at in list(self.sent.items()):
            try:
                self.open[fd][0].send(self.hello[at:at + 1])
                self.sent[fd] = at + 1
            except OSError:
                self._ended(fd)

    def _ended(self, fd):
        if fd not in self.open:
            return
        raw, began = self.open[fd]
        try:
            if raw.recv(4096):
                return          # an alert: the end follows
        except BlockingIOError:
            return
        except OSError:
            pass
        self.ended.append(time.monotonic() - began)
        self.poll.unregister(fd)
        del self.open[fd]
        self.sent.pop(fd, None)
        raw.close()

    def close(self):
        self.stop = True
        self.thread.join()
        for raw, _ in self.open.values():
            raw.close()
        self.poll.close()


def pss_kib(pid):
    """What a process has in memory, its share of shared pages included."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def unread(where):
    """Bytes that wait in the kernel for who listens at WHERE."""
    address = socket.inet_aton(where[0])[::-1].hex().upper()
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table]
    return sum(int(row[4].split(":")[1], 16) for row in rows
               if row[1] == f"{address}:{where[1]:04X}" and row[3] == "01")

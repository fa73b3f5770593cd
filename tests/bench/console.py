#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the figures of certd-console over a store with NAMES names (default 1,000,000).

store.py calls figures() with the store it has filled; alone, this fills one. No figure is a test.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import statistics
import struct
import subprocess
import sys
import termios
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
QUIET_S = 0.06      # so long without output: what a key has changed is drawn
DRAWN_S = 0.01      # between two parts of one picture at most
IDLE_S = 20
FAILING = 1000
DRAWN_AT_MOST_S = 3
PAGE_DOWN = b"\x1b[6~"
PAGES, PAGES_FOR_CPU = 30, 300
FIRST_ROW = re.compile(rb"\x1b\[5(?:;\d+H|d)")
TO_ROW = re.compile(rb"\x1b\[(?:(\d+);\d+H|(\d+)d|(H))")


class Console:
    """certd-console on a terminal of our own; times are seconds."""

    def __init__(self, socket):
        self.began, self.row = time.monotonic(), [1]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.execv(os.path.join(BUILD, "certd-console"), ["certd-console", "--socket", socket])

    def until(self, word, seconds=10):
        """When WORD has come; all that has come."""
        seen, end = b"", time.monotonic() + seconds
        while word not in seen:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit(f"the console has not shown {word!r}: {seen!r}")
            seen += os.read(self.fd, 65536)
        return time.monotonic(), seen

    def settle(self, quiet=QUIET_S):
        """The time of the last output, when there is no more; None without any. The clock in the
        first line, which ticks by itself, is none."""
        last = None
        while select.select([self.fd], [], [], quiet)[0]:
            rows = TO_ROW.findall(os.read(self.fd, 65536))
            at = time.monotonic()
            self.row = [int(a or b or 1) for a, b, _ in rows] or self.row[-1:]
            if any(row > 1 for row in self.row):
                last = at
        return last

    def enter(self):
        """How long until the filter's rows are there: the first row is drawn anew, and does not say
        that it is being looked for. Where it is as before, it is not drawn: then what came last
        before a pause counts. The clock in the first line ticks by itself."""
        self.settle()
        began = last = time.monotonic()
        seen = b""
        os.write(self.fd, b"\r")
        while time.monotonic() < began + DRAWN_AT_MOST_S:
            if not select.select([self.fd], [], [], QUIET_S)[0]:
                if last > began and b"looking" not in seen:
                    break
                continue
            got = os.read(self.fd, 65536)
            seen += got
            if any(int(a or b or 1) > 1 for a, b, _ in TO_ROW.findall(got)):
                last = time.monotonic()
            if FIRST_ROW.search(seen) and b"looking" not in FIRST_ROW.split(seen)[-1]:
                last = time.monotonic()
                break
        return (self.settle(DRAWN_S) or last) - began

    def press(self, keys, quiet=QUIET_S):
        """How long until everything is drawn that the keys have changed."""
        self.settle()
        began = time.monotonic()
        os.write(self.fd, keys)
        last = self.settle(quiet)
        return last - began if last else 0

    def cpu(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576

    def output_of(self, seconds):
        """Bytes that it writes by itself."""
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                count += len(os.read(self.fd, 65536))
        return count

    def quit(self):
        os.write(self.fd, b"qq")
        self.settle_until_end()
        os.waitpid(self.pid, 0)

    def settle_until_end(self):
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:
            pass


def first_paint(socket):
    took = []
    for _ in range(9):
        console = Console(socket)
        at, _ = console.until(b".load.test")
        took.append((at - console.began) * 1000)
        console.settle()
        console.quit()
    return statistics.median(took)


def add_failing(bench):
    names = "".join(f"fails{i:04}.test\n" for i in range(FAILING)).encode()
    subprocess.run([os.path.join(BUILD, "certctl"), "--socket", bench.socket, "add", "-"],
                   input=names, stdout=subprocess.DEVNULL, check=True)


def page_cpu(bench, console):
    """Milliseconds of the console and of certd, its answer included."""
    console.settle()
    before = console.cpu() + bench.cpu()
    for _ in range(PAGES_FOR_CPU):
        console.press(PAGE_DOWN, 0.01)
    console.settle()
    return (console.cpu() + bench.cpu() - before) / PAGES_FOR_CPU * 1000


def figures(bench, figure):
    figure("console: start to the first page of names", f"{first_paint(bench.socket):.0f} ms",
           "below 100")
    add_failing(bench)
    console = Console(bench.socket)
    console.until(b".load.test")
    pages = [console.press(PAGE_DOWN) * 1000 for _ in range(PAGES)]
    figure(f"console: a page further, median of {PAGES}", f"{statistics.median(pages):.1f} ms",
           "below 30")
    figure("  the slowest", f"{max(pages):.1f} ms")
    figure("  its CPU for a page, which no other load changes", f"{page_cpu(bench, console):.2f} ms")
    jumps = [console.press(key) * 1000 for key in (b"G", b"g") * 5]
    figure("console: to the end and back (G, g)", f"{statistics.median(jumps):.1f} ms")
    for filter in (b"failing", b"pending", b"expires<14d", b"d0500000"):
        took = []
        for _ in range(5):
            os.write(console.fd, b"/\x15" + filter)
            took.append(console.enter() * 1000)
        figure(f"console: filter {filter.decode()}", f"{statistics.median(took):.1f} ms", "below 100")
    console.press(b"\x1b")
    console.settle()
    cpu, of_certd, began = console.cpu(), bench.cpu(), time.monotonic()
    written = console.output_of(IDLE_S)
    spent = time.monotonic() - began
    figure("console: CPU when idle", f"{(console.cpu() - cpu) / spent * 100:.2f} % of a core",
           "at most 1")
    figure("  certd's, with it", f"{(bench.cpu() - of_certd) / spent * 100:.2f} % of a core")
    figure("  written to the terminal", f"{written / spent / 1024:.2f} KiB/s", "at most 4")
    figure("console: resident memory", f"{console.resident():.1f} MiB")
    console.quit()


def main():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import store
    bench = store.Bench()
    print(f"{store.NAMES:,} names, in {bench.directory}")
    try:
        bench.start()
        first = min(store.NAMES, 50_000)
        store.import_rate(bench, first)     # makes the CA
        if store.NAMES > first:
            store.fill(bench, first)
        figures(bench, store.figure)
        bench.stop()
    finally:
        if bench.process and bench.process.poll() is None:
            bench.stop()
        shutil.rmtree(bench.directory)


if __name__ == "__main__":
    sys.exit(main())

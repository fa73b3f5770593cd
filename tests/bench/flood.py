#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Honest handshakes beside floods: p99 idle and loaded, and what the floods cost in memory.

    tests/bench/flood.py            5,000 silent and 1,000 byte-a-second clients, then 100,000
                                    random names
    SECONDS=20 RATE=200             how long each is measured, honest handshakes a second

No figure is a test: machines differ, and here the load comes from the same machine.  Idle and
loaded alternate, and the medians of their p99s are compared.  With other work on the machine (see
the load average it prints) the p99s are that work's; the worker's CPU time is not.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import slow  # noqa: E402
from store import TOOLS, Bench, figure, gencerts  # noqa: E402

SECONDS = int(os.environ.get("SECONDS") or 20)
RATE = int(os.environ.get("RATE") or 200)
ROUNDS = 3
SILENT, TRICKLING = 5000, 1000
RANDOM_NAMES, RANDOM_RATE = 100_000, 2000


class FloodBench(Bench):
    """One worker, and time enough for slow clients to stay while we measure."""

    def __init__(self):
        super().__init__()
        with open(self.conf) as conf:
            text = conf.read().replace("{ tls; }", "{ tls; handshake-timeout 10m; }")
        with open(self.conf, "w") as conf:
            conf.write("workers 1;\n" + text)

    def worker(self):
        """The pid of the one worker."""
        for pid in self.pids():
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() == "certd-front":
                    return pid
        raise SystemExit("there is no worker")

    def status(self, word):
        out = subprocess.run([os.path.join(os.path.dirname(TOOLS), "..", "certctl"), "--socket",
                              self.socket, "status", "-o", "json"], capture_output=True, check=True)
        return json.loads(out.stdout)["front"][word]


def names_file(bench, name, lines):
    path = os.path.join(bench.directory, name)
    with open(path, "w") as out:
        out.write("".join(line + "\n" for line in lines))
    return path


def start_load(bench, names, rate, seconds, threads=2):
    return subprocess.Popen([os.path.join(TOOLS, "tlsload"), "--connect", f"127.0.0.1:{bench.port}",
                             "--names", names, "--rate", str(rate), "--threads", str(threads),
                             "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)


def honest(bench, names):
    """Returns p50 and p99 in ms of handshakes that all must succeed, and the worker's CPU in us for
    each of them (what a flood costs meanwhile included)."""
    before = cpu_seconds(bench.worker())
    out, _ = start_load(bench, names, RATE, SECONDS).communicate()
    report = json.loads(out.splitlines()[-1])
    if report["failed"] or report["mismatched"]:
        raise SystemExit(f"honest handshakes failed: {report['errors']}")
    used = cpu_seconds(bench.worker()) - before
    return report["p50_ms"], report["p99_ms"], used / report["done"] * 1e6


def cpu_seconds(pid):
    """Time on a CPU, in the kernel's own nanoseconds."""
    with open(f"/proc/{pid}/schedstat") as stat:
        return int(stat.read().split()[0]) / 1e9


def compare(what, idle, loaded, promise):
    """What honest() gave, each time."""
    before, during = ([statistics.median(values) for values in zip(*x)] for x in (idle, loaded))
    figure(what, f"load average {os.getloadavg()[0]:.1f}")
    figure("  handshake p50, idle and loaded", f"{before[0]:.1f}, {during[0]:.1f} ms")
    figure("  p99", f"{before[1]:.1f}, {during[1]:.1f} ms")
    figure("  ratio of the p99s", f"{during[1] / max(before[1], 0.1):.2f}", promise)
    figure("  the worker's CPU for each", f"{before[2]:.0f}, {during[2]:.0f} us")


def half_open(bench, names):
    idle, loaded, each = [], [], []
    for _ in range(ROUNDS):
        idle.append(honest(bench, names))
        before = slow.pss_kib(bench.worker())
        clients = slow.SlowClients(("127.0.0.1", bench.port), SILENT, TRICKLING,
                                   b"d0000000.load.test")
        while bench.status("connections") < SILENT + TRICKLING:
            time.sleep(0.05)
        each.append((slow.pss_kib(bench.worker()) - before) / (SILENT + TRICKLING))
        loaded.append(honest(bench, names))
        clients.close()
        while bench.status("connections") > 1:
            time.sleep(0.05)
    compare(f"{SILENT + TRICKLING:,} half-open connections", idle, loaded, "at most 2")
    figure("  memory of each", f"{max(each):.1f} KiB", "at most 64")


def random_names(bench, names):
    """Each round a third of the names; the honest ones are measured in the middle of it."""
    chosen = random.Random(7)
    count = RANDOM_NAMES // ROUNDS
    idle, loaded, memory, done = [], [], [], 0
    for _ in range(ROUNDS):
        idle.append(honest(bench, names))
        memory.append(slow.pss_kib(bench.worker()))
        flood = start_load(bench, names_file(bench, "random", (
            f"{chosen.getrandbits(64):016x}.example.net" for _ in range(count))),
            RANDOM_RATE, -(-count // RANDOM_RATE) + 1, threads=4)
        time.sleep(0.5)
        loaded.append(honest(bench, names))
        done += json.loads(flood.communicate()[0].splitlines()[-1])["failed"]
    memory.append(slow.pss_kib(bench.worker()))
    compare(f"{done:,} random names, {RANDOM_RATE:,}/s", idle, loaded, "at most 1.5")
    figure("  memory of the worker before and after", f"{memory[0]:,}, {memory[-1]:,} KiB", "flat")
    figure("  unknown names counted", f"{bench.status('sni_unknown'):,}")


def main():
    if not slow.lift_descriptors(2 * (SILENT + TRICKLING) + 1000):
        raise SystemExit("the limit of open files is too low")
    bench = FloodBench()
    try:
        bench.start()
        path = os.path.join(bench.directory, "certs")
        with open(path, "w") as out:
            gencerts(bench, 0, 1000, out).wait()
        if bench.ctl("import", "-f", path).returncode:
            raise SystemExit("the import failed")
        names = names_file(bench, "names", (f"d{number:07}.load.test" for number in range(1000)))
        honest(bench, names)        # every credential is warm then
        half_open(bench, names)
        random_names(bench, names)
        bench.stop()
    finally:
        if bench.process and bench.process.poll() is None:
            bench.stop()
        shutil.rmtree(bench.directory)


if __name__ == "__main__":
    sys.exit(main())

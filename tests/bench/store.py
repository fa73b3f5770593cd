#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the figures of the store, with NAMES names (default 1,000,000).

Prints each figure beside its bar. No figure is a test: machines differ. Needs
about 5 GB in TMPDIR for a million names and, on two cores, a quarter of an hour.
"""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import console

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
NAMES = int(os.environ.get("NAMES") or 1_000_000)
TOOLS = os.path.join(BUILD, "tests", "support")
CORES = os.cpu_count() or 1
RUNS_MOST = 10      # of a minute each, on a slow machine
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def figure(what, value, promise=""):
    print(f"{what:58} {value:>22}   {promise}", flush=True)


class Bench:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="certd-bench-")
        self.port, self.metrics = free_port(), free_port()
        self.conf = os.path.join(self.directory, "certd.conf")
        self.state = os.path.join(self.directory, "state")
        self.socket = os.path.join(self.directory, "control.sock")
        self.ca = os.path.join(self.directory, "ca.pem")
        self.process = None
        with open(self.conf, "w") as conf:
            conf.write(f"state-directory {self.state};\ncontrol-socket {self.socket};\n"
                       f"listen 127.0.0.1:{self.port} {{ tls; }}\n"
                       f"metrics 127.0.0.1:{self.metrics};\n"
                       "ca none { directory https://127.0.0.1:9/dir; agree-terms; }\n"
                       "backend none { server 127.0.0.1:9; }\n"
                       "default { ca none; backend none; }\n")

    def start(self):
        """Returns the seconds to the first handshake, or to the control socket when empty."""
        began = time.monotonic()
        self.process = subprocess.Popen([os.path.join(BUILD, "certd"), "-c", self.conf],
                                        stderr=open(os.path.join(self.directory, "log"), "a"))
        while time.monotonic() - began < 60:
            if os.path.exists(self.ca) and self.handshake():
                return time.monotonic() - began
            if not os.path.exists(self.ca) and self.ctl("status").returncode == 0:
                return time.monotonic() - began
            time.sleep(0.005)
        raise SystemExit("certd does not start: see " + self.directory)

    def handshake(self):
        """Whether the leaf that is served is for the name that was asked for, and of our CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)       # verifies chain and host name
        with open(self.ca) as pem:                              # the key is in it, too
            context.load_verify_locations(cadata=CERTIFICATE.search(pem.read()).group())
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as raw:
                context.wrap_socket(raw, server_hostname="d0000000.load.test").close()
            return True
        except ssl.SSLCertVerificationError as error:
            raise SystemExit(f"another certificate than d0000000.load.test's is served: {error}")
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def ctl(self, *words, **more):
        return subprocess.run([os.path.join(BUILD, "certctl"), "--socket", self.socket, *words],
                              stdin=more.pop("stdin", subprocess.DEVNULL),
                              stdout=subprocess.DEVNULL,
                              stderr=more.pop("stderr", subprocess.DEVNULL), **more)

    def timed_ctl(self, *words, rounds=9):
        """Median milliseconds of the whole certctl call."""
        took = []
        for _ in range(rounds):
            began = time.monotonic()
            if self.ctl(*words).returncode:
                raise SystemExit(f"certctl {' '.join(words)} failed")
            took.append((time.monotonic() - began) * 1000)
        return statistics.median(took)

    def asked(self, verb, rounds=9, **request):
        """Median milliseconds of a request on the control socket, connect and JSON included."""
        took = []
        for _ in range(rounds):
            began = time.monotonic()
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(self.socket)
                raw.sendall(json.dumps({"verb": verb, **request}).encode() + b"\n")
                for line in raw.makefile():
                    if line.startswith('{"end"'):
                        break
            if json.loads(line)["end"]["code"]:
                raise SystemExit(f"{verb} failed: {line}")
            took.append((time.monotonic() - began) * 1000)
        return statistics.median(took)

    def pids(self):
        """certd and all its descendants."""
        parents = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    parents[int(pid)] = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
        found = [self.process.pid]
        for pid in found:           # grows on the way
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu(self):
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def control_seconds(self):
        """CPU time of the keeper's first thread."""
        for pid in self.pids():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as comm:
                if "keeper" in comm.read():
                    with open(f"/proc/{pid}/task/{pid}/schedstat") as stat:
                        return int(stat.read().split()[0]) / 1e9
        raise SystemExit("there is no keeper")

    def pss(self):
        """MiB of all processes, the clean pages of LMDB's files apart."""
        total = 0
        for pid in self.pids():
            of_store = False
            with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps") as maps:
                for line in maps:
                    if "-" in line.split()[0] and not line.split()[0].endswith(":"):
                        of_store = line.rstrip().endswith("data.mdb")
                    elif line.startswith("Pss:") and not of_store:
                        total += int(line.split()[1])
        return total / 1024


def children_cpu():
    """Seconds of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def free_port():
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def gencerts(bench, first, count, out):
    return subprocess.Popen([os.path.join(TOOLS, "gencerts"), "-f", str(first), str(count), bench.ca],
                            stdout=out)


def import_rate(bench, count):
    """A file made before, so that only certctl and certd run."""
    path = os.path.join(bench.directory, "rate.ndjson")
    with open(path, "w") as out:
        gencerts(bench, 0, count, out).wait()
    cpu, client, began = bench.cpu(), children_cpu(), time.monotonic()
    if bench.ctl("import", "-f", path).returncode:
        raise SystemExit("the import failed")
    took = time.monotonic() - began
    figure("import -f FILE, PEM parsing and commits included", f"{count / took:,.0f} names/s",
           "at least 10,000")
    figure("  CPU for it, certd's and certctl's", f"{(bench.cpu() - cpu) / count * 1e6:.0f} and "
           f"{(children_cpu() - client) / count * 1e6:.0f} us/name")
    os.unlink(path)


def fill(bench, first):
    """The rest, made and imported side by side."""
    share = -(-(NAMES - first) // CORES)
    running, cpu, began = [], bench.cpu(), time.monotonic()
    for core in range(CORES):
        at = first + core * share
        maker = gencerts(bench, at, min(share, NAMES - at), subprocess.PIPE)
        taker = subprocess.Popen(
            [os.path.join(BUILD, "certctl"), "--socket", bench.socket, "import", "-f", "-"],
            stdin=maker.stdout, stdout=subprocess.DEVNULL)
        maker.stdout.close()
        running += [maker, taker]
    if any(process.wait() for process in running):
        raise SystemExit("filling the store failed")
    figure(f"making and importing {NAMES - first:,} more", f"{time.monotonic() - began:.0f} s")
    figure("  certd's CPU for it", f"{(bench.cpu() - cpu) / (NAMES - first) * 1e6:.0f} us/name")


def store_size(bench):
    size = 0
    for env in ("served", "private"):
        size += os.stat(os.path.join(bench.state, env, "data.mdb")).st_blocks * 512
    figure("file size", f"{size / NAMES:,.0f} B/name", "at most 2,200 (2.2 kB)")


def handshakes(bench, count):
    names = os.path.join(bench.directory, "names")
    chosen = random.Random(1)
    with open(names, "w") as out:
        for _ in range(count):
            out.write(f"d{chosen.randrange(NAMES):07}.load.test\n")
    done, runs = 0, 0
    while done < count and runs < RUNS_MOST:
        runs += 1
        got = subprocess.run([os.path.join(TOOLS, "tlsload"), "--connect", f"127.0.0.1:{bench.port}",
                              "--names", names, "--rate", "3000", "--threads", "2", "--seconds", "60"],
                             capture_output=True, text=True)
        if got.returncode:
            raise SystemExit(f"tlsload failed: {got.stderr}")
        result = json.loads(got.stdout.splitlines()[-1])
        if result["failed"] or result["mismatched"] or not result["done"]:
            raise SystemExit(f"handshakes failed: {result}")
        done += result["done"]
    figure(f"Pss of all processes after {done:,} handshakes", f"{bench.pss():.0f} MiB", "below 128")


def scrape(bench):
    """(median milliseconds of GET /metrics, series); each text is made anew."""
    took = []
    for _ in range(9):
        time.sleep(0.25)
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{bench.metrics}/metrics", timeout=10) as page:
            text = page.read().decode()
        took.append((time.monotonic() - began) * 1000)
    series = sum(not line.startswith("#") for line in text.splitlines())
    return statistics.median(took), series


def screens(bench):
    """What the console asks for."""
    middle = f"d{NAMES // 2:07}.load.test"
    for what, request, bar in (
            ("the last page", {"before": ""}, 30), ("the page in front of the middle", {"before": middle}, 30),
            ("a jump to a name", {"from": middle}, 30),
            ("by expiry, the last page", {"sort": "expiry", "before": ""}, 30),
            ("a state that no name has", {"state": "failing"}, 30),
            ("a CA that no name has", {"ca": "other"}, 30),
            ("two filters, nothing found in 2,000 rows", {"ca": "none", "backend": "other"}, 30)):
        figure(f"list: {what}", f"{bench.asked('list', limit=50, **request):.1f} ms", f"below {bar}")
    figure("status", f"{bench.asked('status'):.1f} ms", "below 20")
    figure("expiry, by day", f"{bench.asked('expiry'):.1f} ms", "below 20")
    figure("faults, first page", f"{bench.asked('faults'):.1f} ms", "below 50")
    without, with_one = watched(bench, False), watched(bench, True)
    figure("one who watches a handshake a second, of the control thread",
           f"{(with_one - without) * 100:.3f} %", "1 % of a core at most")


def watched(bench, watch, seconds=20):
    """The share of a core that the control thread takes."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(bench.socket)
        if watch:
            raw.sendall(b'{"verb":"watch"}\n')
        raw.setblocking(False)
        began = bench.control_seconds()
        for _ in range(seconds):
            bench.handshake()
            time.sleep(1)
            with contextlib.suppress(BlockingIOError):
                raw.recv(65536)
        return (bench.control_seconds() - began) / seconds


def commits(bench):
    """One certificate replaced at a time while handshakes read."""
    one = os.path.join(bench.directory, "one.ndjson")
    load = subprocess.Popen([os.path.join(TOOLS, "tlsload"), "--connect", f"127.0.0.1:{bench.port}",
                             "--names", os.path.join(bench.directory, "names"), "--rate", "300",
                             "--threads", "1", "--seconds", "600"], stdout=subprocess.DEVNULL)
    took = []
    for i in range(15):
        with open(one, "w") as out:
            gencerts(bench, i * 1000 % NAMES, 1, out).wait()
        began = time.monotonic()
        if bench.ctl("import", "-f", one, "--replace").returncode:
            raise SystemExit("the replacement failed")
        took.append((time.monotonic() - began) * 1000)
    load.terminate()
    load.wait()
    figure("one renewal's commit while readers run (certctl included)",
           f"{statistics.median(took):.1f} ms")


def main():
    bench = Bench()
    print(f"{NAMES:,} names, {CORES} cores, in {bench.directory}")
    try:
        bench.start()
        first = min(NAMES, 50_000)
        import_rate(bench, first)
        if NAMES > first:
            fill(bench, first)
        store_size(bench)
        bench.stop()
        figure("start to first handshake", f"{bench.start() * 1000:.0f} ms", "below 1,000")
        figure("  Pss then", f"{bench.pss():.0f} MiB")
        figure("certctl list, first page", f"{bench.timed_ctl('list', '--limit', '100'):.1f} ms",
               "below 50")
        middle = f"d{NAMES // 2:07}.load.test"
        figure("certctl list, the page behind the middle",
               f"{bench.timed_ctl('list', '--limit', '100', '--after', middle):.1f} ms", "below 50")
        figure("certctl list --sort expiry, first page",
               f"{bench.timed_ctl('list', '--limit', '100', '--sort', 'expiry'):.1f} ms", "below 50")
        figure("counts: certctl status", f"{bench.timed_ctl('status'):.1f} ms", "below 5")
        screens(bench)
        took, series = scrape(bench)
        figure(f"/metrics, {series} series", f"{took:.1f} ms", "below 20, 600 series at most")
        figure("certctl check", f"{bench.timed_ctl('check', '--warn', '1d', '--crit', '1h'):.1f} ms")
        figure("  of it, starting certctl", f"{bench.timed_ctl('--help'):.1f} ms")
        cold = subprocess.run([os.path.join(TOOLS, "cold"), bench.state, str(NAMES), "20000"],
                              capture_output=True, text=True, check=True).stdout.split()
        figure("cold credential, store to usable leaf and key, p50", f"{cold[0]} us")
        figure("  p99", f"{cold[1]} us")
        console.figures(bench, figure)
        handshakes(bench, 100_000)
        commits(bench)
        began = time.monotonic()
        target = os.path.join(bench.directory, "backup")
        if bench.ctl("db", "backup", target).returncode:
            raise SystemExit("the backup failed")
        took = time.monotonic() - began
        size = sum(os.path.getsize(os.path.join(at, file))
                   for at, _, files in os.walk(target) for file in files)
        figure("db backup while serving", f"{size / took / 1e6:.0f} MB/s ({took:.1f} s)")
        bench.stop()
    finally:
        if bench.process and bench.process.poll() is None:
            bench.stop()
        shutil.rmtree(bench.directory)


if __name__ == "__main__":
    sys.exit(main())

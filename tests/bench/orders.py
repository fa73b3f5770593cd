#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What orders cost, through Pebble, beside lego and certbot, those that are installed.

    tests/bench/orders.py [rate] [peers] [flat]

    rate    NAMES (default 2,000) new names: orders/s, and certd's and the CA's CPU per order
    peers   PEER_NAMES (default 200) of the same by lego and by certbot, AT_ONCE processes side by
            side, http-01 through a webroot that nginx serves (apt-get install lego certbot nginx)
    flat    ORDERS (default 10,000) more orders for the names of `rate`: memory, descriptors and
            files of certd after each round

PEBBLE is the CA's version (default: 2.10 if it can be had, else 2.4), AT_ONCE the orders in work at
once (default 64, and 8 with Pebble 2.4, which locks itself up under more). No figure is a test.
"""

import concurrent.futures
import os
import re
import resource
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
from lab import PORTS, Lab, Skip, newest  # noqa: E402

NAMES = int(os.environ.get("NAMES") or 2000)
PEER_NAMES = int(os.environ.get("PEER_NAMES") or min(NAMES, 200))
ORDERS = int(os.environ.get("ORDERS") or 10_000)
PEBBLE = os.environ.get("PEBBLE") or newest()
AT_ONCE = int(os.environ.get("AT_ONCE") or (8 if PEBBLE == "2.4" else 64))
TICKS = os.sysconf("SC_CLK_TCK")
HOUR = 3600


def cpu_of(*pids):
    """Seconds of CPU, the kernel's work for them included."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def field_kib(path, word):
    with open(path) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(word + ":"))


def process_state(pid):
    """(Pss, RssAnon in KiB, open descriptors)"""
    return (field_kib(f"/proc/{pid}/smaps_rollup", "Pss"),
            field_kib(f"/proc/{pid}/status", "RssAnon"), len(os.listdir(f"/proc/{pid}/fd")))


def tables(directory):
    """Pages of each table of both environments, by mdb_stat (apt-get install lmdb-utils)."""
    pages = {}
    for env in ("served", "private"):
        text = subprocess.run(["mdb_stat", "-a", os.path.join(directory, env)], capture_output=True,
                              text=True, check=True).stdout
        for part in text.split("Status of ")[2:]:               # Main DB is LMDB's own
            counts = re.findall(r"(?:Branch|Leaf|Overflow) pages: (\d+)", part)
            pages[f"{env}/{part.split()[0]}"] = sum(map(int, counts))
    return pages


def row(who, orders, seconds, cpu, ca_cpu):
    load = os.getloadavg()[0]
    print(f"  {who:24} {orders:6,} orders {orders / seconds:8.1f} orders/s {cpu / orders * 1000:9.1f} "
          f"ms CPU/order {ca_cpu / orders * 1000:7.1f} ms the CA's   load {load:.1f}", flush=True)


class Bench:
    def __init__(self):
        self.lab = Lab(version=PEBBLE, challenge="http-01", ca_words=f"max-orders {AT_ONCE};")
        self.lab.ca_words = f"max-orders {AT_ONCE};"      # the lab's own choice is not ours
        self.lab.write_config(text=self.lab.config().replace("log-level debug", "log-level info"))
        self.names = [f"n{i:05}.orders.test" for i in range(NAMES)]
        self.filled = False

    # certd

    def roles(self):
        certd = self.lab.certd
        return [certd.process.pid, *certd.pids("keeper"), *certd.pids("front")]

    def timed(self, who, *words):
        """certctl WORDS for all names, to the last certificate served."""
        before, ca_before = cpu_of(*self.roles()), cpu_of(self.lab.pebble.process.pid)
        began = time.monotonic()
        answer = self.lab.ctl(*words, *self.names, "--wait", "--timeout", "2h", "-o", "ndjson",
                              timeout=2 * HOUR)
        took = time.monotonic() - began
        row(who, NAMES, took, cpu_of(*self.roles()) - before,
            cpu_of(self.lab.pebble.process.pid) - ca_before)
        if answer.code:         # certd goes on with them by itself
            failed = answer.err.strip().splitlines()
            print(f"    certctl ended with {answer.code}: {failed[0] if failed else ''}")

    def fill(self):
        if not self.filled:
            self.lab.start()
            self.timed(f"certd, {AT_ONCE} at once", "add")
            self.filled = True

    def state(self, what):
        state = {"keeper": process_state(self.lab.certd.pids("keeper")[0]),
                 "worker": process_state(self.lab.certd.pids("front")[0])}
        sizes = [os.stat(os.path.join(self.lab.directory, "state", env, "data.mdb")).st_blocks / 2048
                 for env in ("private", "served")]
        cells = "   ".join(f"{role} {pss:7,} {anon:7,} KiB {fds:3} fds"
                           for role, (pss, anon, fds) in state.items())
        print(f"  {what:20} {cells}   private {sizes[0]:.1f} served {sizes[1]:.1f} MiB", flush=True)
        return state

    def pages(self):
        return tables(os.path.join(self.lab.directory, "state")) if shutil.which("mdb_stat") else {}

    def flat(self):
        self.fill()
        print(f"\nAfter so many orders of certd's for {NAMES:,} names: Pss, RssAnon, descriptors")
        first, first_pages = self.state(f"{NAMES:,}"), self.pages()
        rounds = -(-ORDERS // NAMES)
        for i in range(rounds):
            self.timed("certd, renewing", "renew")
            last = self.state(f"{(i + 2) * NAMES:,}")
        for role, before in first.items():
            grown = [b - a for a, b in zip(before, last[role])]
            print(f"  the {role}'s growth over {rounds * NAMES:,} orders: Pss {grown[0]:+,} KiB, "
                  f"RssAnon {grown[1]:+,} KiB, descriptors {grown[2]:+}")
        for table, pages in self.pages().items():
            if pages > first_pages[table] + 1:
                print(f"  {table}: {first_pages[table]} pages of 4 KiB, then {pages}")

    # the others

    def peers(self):
        self.lab.certd.stop()           # nginx takes the place of its listener
        print(f"\nThe same by others, {AT_ONCE} processes side by side, {PEER_NAMES:,} names")
        if not shutil.which("nginx"):
            print("  left out: nginx, which serves the webroot, is not installed")
            return
        webroot = os.path.join(self.lab.directory, "webroot")
        os.makedirs(os.path.join(webroot, ".well-known", "acme-challenge"))
        server = self.start_nginx(webroot)
        try:
            for who in (Lego, Certbot):
                if shutil.which(who.name):
                    self.run_peer(who(self.lab, webroot))
                else:
                    print(f"  left out: {who.name} is not installed (apt-get install {who.name})")
        finally:
            child.end(server)

    def start_nginx(self, webroot):
        conf = os.path.join(self.lab.directory, "nginx.conf")
        with open(conf, "w") as out:
            out.write(f"daemon off; pid {conf}.pid; error_log {conf}.log; "
                      f"{'user root;' if os.getuid() == 0 else ''}\n"
                      "events { worker_connections 1024; }\n"
                      f"http {{ access_log off; server {{ listen {self.lab.address}:{PORTS['http']}; "
                      f"root {webroot}; }} }}\n")
        return child.spawn(["nginx", "-c", conf, "-e", conf + ".log"], conf + ".out")

    def run_peer(self, peer):
        lanes = [self.names[i:PEER_NAMES:AT_ONCE] for i in range(min(AT_ONCE, PEER_NAMES))]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(peer.register, range(len(lanes))))
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            ca_before = cpu_of(self.lab.pebble.process.pid)
            began = time.monotonic()
            list(pool.map(peer.order_all, range(len(lanes)), lanes))
            took = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        row(peer.name, PEER_NAMES, took, cpu, cpu_of(self.lab.pebble.process.pid) - ca_before)


class Peer:
    """Runs a client that gets one certificate and ends. Each lane has an account and a directory."""

    def __init__(self, lab, webroot):
        self.lab, self.webroot = lab, webroot
        self.env = dict(os.environ, LEGO_CA_CERTIFICATES=lab.pebble.ca_file,
                        REQUESTS_CA_BUNDLE=lab.pebble.ca_file)

    def place(self, lane):
        return os.path.join(self.lab.directory, f"{self.name}-{lane}")

    def run(self, words):
        got = subprocess.run([self.name, *words], env=self.env, capture_output=True, text=True,
                             stdin=subprocess.DEVNULL)
        if got.returncode:
            raise SystemExit(f"{' '.join(words)}: {(got.stdout + got.stderr)[-2000:]}")

    def order_all(self, lane, names):
        for name in names:
            self.order(lane, name)


class Lego(Peer):
    name = "lego"

    def register(self, lane):
        self.order(lane, f"first{lane}.lego.test")      # it has no word to register only

    def order(self, lane, name):
        self.run(["--server", self.lab.pebble.directory_url, "--accept-tos", "--email",
                  "ops@example.com", "--path", self.place(lane), "--key-type", "ec256", "--http",
                  "--http.webroot", self.webroot, "--domains", name, "run"])


class Certbot(Peer):
    name = "certbot"

    def common(self, lane):
        words = [word for kind in ("config", "work", "logs")
                 for word in (f"--{kind}-dir", os.path.join(self.place(lane), kind))]
        return [*words, "--server", self.lab.pebble.directory_url, "--non-interactive", "--agree-tos",
                "--email", "ops@example.com"]

    def register(self, lane):
        self.run(["register", "--no-eff-email", *self.common(lane)])

    def order(self, lane, name):
        self.run(["certonly", *self.common(lane), "--webroot", "--webroot-path", self.webroot,
                  "--key-type", "ecdsa", "--elliptic-curve", "secp256r1", "--domain", name])


SECTIONS = {"rate": Bench.fill, "flat": Bench.flat, "peers": Bench.peers}


def main():
    wanted = sys.argv[1:] or list(SECTIONS)
    try:
        bench = Bench()
    except Skip as reason:
        print(f"orders are left out: {reason}")
        return
    print(f"{NAMES:,} names through Pebble {PEBBLE}, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f} before")
    try:
        for section in (one for one in SECTIONS if one in wanted):      # peers last: certd is over
            SECTIONS[section](bench)
    finally:
        bench.lab.close(keep=False)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of the frontend beside nginx, HAProxy, hitch and Caddy, those that are installed.

    tests/bench/front.py [handshakes] [resumed] [names] [cold] [streams] [idle] [start]

Everybody has one worker, on CPU 0, and the same certificates; the load is on CPU 1 and comes to all
of them in turn, ROUNDS times (default 5). What counts are ratios within one run, of the servers'
CPU, the kernel's work for them included: machines drift. So handshakes come in many short turns
(TURNS, default 40, of HANDSHAKES, default 250): of two servers one after the other nearly the same
machine is seen. No figure is a test.

    handshakes  full TLS 1.3 and TLS 1.2 ones at 1,000 names
    resumed     resumed ones
    names       certd's CPU per handshake at 1,000, 100,000 and NAMES (default 1,000,000) names
    cold        the first use of a name after the start, against the second
    streams     one long stream each way; 1,000 idle and 100 busy connections
    idle        memory of an idle connection
    start       start to first handshake and memory at START names (default 10,000)
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import peers

ROUNDS = int(os.environ.get("ROUNDS") or 5)
TURNS = int(os.environ.get("TURNS") or 40)
HANDSHAKES = int(os.environ.get("HANDSHAKES") or 250)
NAMES = int(os.environ.get("NAMES") or 1_000_000)
START = int(os.environ.get("START") or 10_000)
STREAM = 1_000_000_000
EVERYBODY = (peers.Certd, peers.Nginx, peers.NginxTuned, peers.Haproxy, peers.Hitch, peers.Caddy)
TCP_MODE = (peers.Certd, peers.NginxStream, peers.Haproxy, peers.Hitch)


def tool(name, *words):
    got = subprocess.run([os.path.join(peers.TOOLS, name), *map(str, words)], capture_output=True,
                         text=True, preexec_fn=lambda: os.sched_setaffinity(0, {1 % os.cpu_count()}))
    if got.returncode:
        raise SystemExit(f"{name} {words}: {got.stderr}")
    return json.loads(got.stdout.splitlines()[-1])


class Lab:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="certd-front-")
        self.certs = {}
        self.count = 0

    def certs_of(self, count):
        if count not in self.certs:
            self.certs[count] = os.path.join(self.directory, f"certs-{count}")
            peers.make_certs(self.certs[count], count)
        return self.certs[count]

    def servers(self, kinds, count, backend_port=9):
        self.count += 1
        place = os.path.join(self.directory, str(self.count))
        return [kind(place, self.certs_of(count), count, backend_port) for kind in kinds
                if kind.is_here()]

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def table(title, rows, unit, first_is_certd=True):
    """ROWS: name to figures, one a round; ratios are medians of each round's ratio, with the middle
    half of them where there are many."""
    print(f"\n{title}\n  {'':14}{unit + ', median':>22}{'min':>9}{'max':>9}   certd is", flush=True)
    own = rows.get("certd")
    for name, figures in rows.items():
        ratio = ""
        if own and name != "certd" and first_is_certd:
            ratio = f"   {ratio_of(own, figures)} of it"
        print(f"  {name:14}{statistics.median(figures):22.1f}{min(figures):9.1f}"
              f"{max(figures):9.1f}{ratio}", flush=True)


def ratio_of(own, others):
    ratios = [a / b for a, b in zip(own, others)]
    if len(ratios) < 10:
        return f"{statistics.median(ratios):.2f}"
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def cpu_of_load(server, options, count, only=""):
    """A handshake's, of all the server's processes or of those called ONLY."""
    before = server.cpu_us(only)
    result = tool("tlsrush", "-p", server.port, "-n", count, *options)
    if result["failed"] or result["mismatched"]:
        raise SystemExit(f"{server.name}: {result}")
    if "-r" in options and result["resumed"] < count * 0.99:
        print(f"  {server.name} resumes {result['resumed']} of {count}")
    return (server.cpu_us(only) - before) / (result["done"] or 1)


def handshakes(lab):
    servers = lab.servers(EVERYBODY, 1000)
    try:
        for server in servers:
            server.start()
            cpu_of_load(server, ["-d", 1000], 2000)
        for title, options in (("Full TLS 1.3 handshake, P-256, X25519, 1,000 names", ["-d", 1000]),
                               ("Full TLS 1.2 handshake", ["-d", 1000, "-2"])):
            rows = {server.name: [] for server in servers}
            for turn in range(TURNS):
                for server in servers:
                    rows[server.name].append(cpu_of_load(server, options + ["-x", turn], HANDSHAKES))
            table(title, rows, "us CPU")
    finally:
        for server in servers:
            server.stop()


def resumed(lab):
    """A backend is there: certd sends TLS 1.3's ticket with its first bytes. One in a hundred is a
    full one, which brings the session of its name."""
    backend = subprocess.Popen([os.path.join(peers.TOOLS, "tlsflow"), "backend"],
                               stdout=subprocess.PIPE, text=True)
    servers = lab.servers(EVERYBODY, 10, int(backend.stdout.readline()))
    try:
        for server in servers:
            server.start()
        for title, options in (("Resumed TLS 1.3 handshake", ["-d", 10, "-r"]),
                               ("Resumed TLS 1.2 handshake", ["-d", 10, "-r", "-2"])):
            rows = {server.name: [] for server in servers}
            for _ in range(TURNS // 2):
                for server in servers:
                    rows[server.name].append(cpu_of_load(server, options, 4 * HANDSHAKES))
            table(title, rows, "us CPU")
    finally:
        for server in servers:
            server.stop()
        backend.terminate()


def names(lab):
    """Of the worker: the keeper's audit goes on all the while, and does follow the number of names."""
    counts = sorted({1000, min(NAMES, 100_000), NAMES})
    servers = {}
    for count in counts:
        lab.count += 1
        certs = os.path.join(lab.directory, f"ca-{count}")
        os.makedirs(certs)
        servers[count] = peers.Certd(os.path.join(lab.directory, str(lab.count)), certs, count)
    try:
        for count, server in servers.items():
            took = server.start()
            print(f"certd with {count:,} names: first handshake after {took * 1000:.0f} ms, "
                  f"{server.pss_mib():.0f} MiB", flush=True)
            cpu_of_load(server, ["-d", 1000], 3000)
        rows = {f"{count:,}": [] for count in counts}
        for turn in range(TURNS):
            for count, server in servers.items():
                rows[f"{count:,}"].append(cpu_of_load(server, ["-d", 1000, "-x", turn], HANDSHAKES,
                                                      "certd-front"))
        table("Full TLS 1.3 handshake at other numbers of names, the same 1,000 in use", rows, "us CPU")
        first = rows[f"{counts[0]:,}"]
        for count in counts[1:]:
            print(f"  {count:,} names cost {ratio_of(rows[f'{count:,}'], first)} of {counts[0]:,}")
    finally:
        for server in servers.values():
            server.stop()


def cold(lab):
    server = lab.servers((peers.Certd,), 1000)[0]
    rows = {"cold": [], "warm": []}
    try:
        for _ in range(ROUNDS):
            server.start()
            # 1,000 connections over 1,000 names, each once: -r visits every name before it counts.
            before = server.cpu_us()
            visit(server)
            rows["cold"].append((server.cpu_us() - before) / 1000)
            before = server.cpu_us()
            visit(server)
            rows["warm"].append((server.cpu_us() - before) / 1000)
            server.stop()
        table("First use of a name after the start, and the second", rows, "us CPU")
        print(f"  cold is {statistics.median(a / b for a, b in zip(rows['cold'], rows['warm'])):.2f} "
              "of warm")
    finally:
        server.stop()


def visit(server):
    """Every name of the server once."""
    result = tool("tlsrush", "-p", server.port, "-n", server.count, "-d", server.count, "-s")
    if result["failed"] or result["mismatched"]:
        raise SystemExit(f"{server.name}: {result}")


def streams(lab):
    backend = subprocess.Popen([os.path.join(peers.TOOLS, "tlsflow"), "backend"],
                               stdout=subprocess.PIPE, text=True)
    port = int(backend.stdout.readline())
    servers = lab.servers(TCP_MODE, 10, port)
    try:
        for server in servers:
            server.start()
        for way in ("down", "up"):
            cpu = {server.name: [] for server in servers}
            rate = {server.name: [] for server in servers}
            for _ in range(ROUNDS):
                for server in servers:
                    before = server.cpu_us()
                    result = tool("tlsflow", way, server.port, STREAM)
                    cpu[server.name].append((server.cpu_us() - before) / 1000)
                    rate[server.name].append(result["bytes"] / result["seconds"] / 1e6)
            table(f"One stream of 1 GB, {way}", cpu, "ms CPU")
            table(f"One stream of 1 GB, {way}: rate", rate, "MB/s")
        rows = {server.name: [] for server in servers}
        for _ in range(ROUNDS):
            for server in servers:
                rows[server.name].append(busy(server))
        table("A message of 200 bytes there and back, 1,000 idle and 100 busy connections", rows,
              "us CPU")
    finally:
        for server in servers:
            server.stop()
        backend.terminate()


def busy(server):
    client = subprocess.Popen([os.path.join(peers.TOOLS, "tlsflow"), "busy", str(server.port), "1000",
                               "100", "3"], stdout=subprocess.PIPE, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, {1 % os.cpu_count()}))
    if client.stdout.readline() != "go\n":
        raise SystemExit(f"{server.name}: the busy connections fail")
    before = server.cpu_us()
    pings = json.loads(client.stdout.readline())["pings"]
    cpu = (server.cpu_us() - before) / pings
    client.wait()
    return cpu


def hold_idle(server, count):
    client = subprocess.Popen([os.path.join(peers.TOOLS, "tlsflow"), "idle", str(server.port),
                               str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if client.stdout.readline() != "ready\n":
        raise SystemExit(f"{server.name}: the idle connections fail")
    time.sleep(1)
    return client


def idle(lab):
    """What the second half of them adds: what a server needs once is there by then."""
    backend = subprocess.Popen([os.path.join(peers.TOOLS, "tlsflow"), "backend"],
                               stdout=subprocess.PIPE, text=True)
    port = int(backend.stdout.readline())
    servers = lab.servers(TCP_MODE, 10, port)
    count, rows = 2000, {}
    try:
        for server in servers:
            server.start()
            clients = [hold_idle(server, count)]
            before = server.pss_mib()
            clients.append(hold_idle(server, count))
            rows[server.name] = [(server.pss_mib() - before) * 1024 / count]
            for client in clients:
                client.stdin.close()
                client.wait()
        table(f"Memory of an idle connection, of the second {count:,}", rows, "KiB")
    finally:
        for server in servers:
            server.stop()
        backend.terminate()


def start(lab):
    took, memory = {}, {}
    for server in lab.servers((peers.Certd, peers.Nginx, peers.Haproxy, peers.Hitch, peers.Caddy), START):
        try:
            if isinstance(server, peers.Certd):
                server.fill()
            took[server.name] = [server.start()]
            memory[server.name] = [server.pss_mib()]
        finally:
            server.stop()
    table(f"Start to first handshake with {START:,} names", took, "s")
    table(f"Memory then (Pss, the store's page cache apart)", memory, "MiB")


SECTIONS = {"handshakes": handshakes, "resumed": resumed, "names": names, "cold": cold, "streams": streams, "idle": idle,
            "start": start}


def main():
    wanted = sys.argv[1:] or list(SECTIONS)
    lab = Lab()
    away = [kind.name for kind in EVERYBODY + (peers.NginxStream,) if not kind.is_here()]
    if away:
        print("not installed, left out: " + ", ".join(away))
    try:
        for section in wanted:
            SECTIONS[section](lab)
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())

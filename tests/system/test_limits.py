#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Too many, too slow, too strange: rows of the attack and fault table, by their numbers."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
import slow  # noqa: E402
import tlsclient  # noqa: E402
from certd import PATIENCE, SANITIZED  # noqa: E402
from lab import PORTS, check, equal, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402


def front(lab, word):
    return lab.certd.status()["front"][word]


def cpu_seconds(pids):
    """User and system time of processes so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


# A1


@scenario(workers=1)
def row_A1_silent_and_trickling_clients_cost_the_honest_nothing(lab):
    """5,000 that say nothing and 1,000 that send a byte a second, while others shake hands."""
    silent, trickling = (500, 100) if SANITIZED else (5000, 1000)
    count = silent + trickling
    if not slow.lift_descriptors(2 * count + 1000):
        raise Skip(f"{count} connections need more open files than the limit allows")
    lab.start()
    lab.add("a.test")
    idle = lab.load(["a.test"], rate=50, least=50)
    time.sleep(3)
    idle = idle.stop_clean()
    worker, = lab.workers_pids()
    before = slow.pss_kib(worker)

    load = lab.load(["a.test"], rate=50, least=100)
    began = time.monotonic()
    clients = slow.SlowClients(lab.https, silent, trickling)
    lab.on_close.callback(clients.close)
    opened = time.monotonic()
    peak = wait_for(lambda: max(front(lab, "connections") - 16, 0) >= count - 16
                    and slow.pss_kib(worker), 8, f"{count} connections are open at once")
    each = (peak - before) / count
    wait_for(lambda: not clients.open, 30, "all of them are gone")
    took = time.monotonic() - opened
    report = load.stop_clean()
    print(f"     {count} half-open connections, {each:.1f} KiB each; handshakes p99 "
          f"{idle['p99_ms']} ms idle, {report['p99_ms']} ms beside them")

    equal(len(clients.ended), count, "connections that certd has closed")
    check(min(clients.ended) > 9.5, f"none before its time: {min(clients.ended):.1f} s")
    slack = (opened - began) + 2 * PATIENCE
    check(max(clients.ended) < 10 + slack, f"none long after it: {max(clients.ended):.1f} s, "
          f"the last was gone {took:.1f} s after it was opened")
    check(SANITIZED or each <= 64, f"a half-open connection costs {each:.1f} KiB")
    check(front(lab, "timeouts") >= count, "each is counted as a timeout")


@scenario(workers=1, backend="echo")
def row_A1_one_address_has_its_share(lab):
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; connections-per-address 20; }"))
    lab.start()
    lab.add("a.test")
    taken = [socket.create_connection(lab.https, timeout=10, source_address=("127.9.9.9", 0))
             for _ in range(20)]
    wait_for(lambda: front(lab, "connections") >= 20, 5, "20 connections are open")
    one_more = socket.create_connection(lab.https, timeout=10, source_address=("127.9.9.9", 0))
    equal(one_more.recv(10), b"", "what the 21st gets")
    equal(front(lab, "rejected_address"), 1, "connections refused by address")
    lab.serial("a.test")            # another address is not concerned
    taken.pop().close()

    def served():
        try:
            raw = socket.create_connection(lab.https, timeout=10, source_address=("127.9.9.9", 0))
            with tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test") as tls:
                tls.sendall(b"hello")
                return tls.recv(10) == b"hello"
        except OSError:
            return False

    wait_for(served, 5, "the place of one that left is free")


# A4


def ask_for(where, hello, source):
    """Sends a hello; returns what comes back."""
    with socket.create_connection(where, timeout=20, source_address=(source, 0)) as raw:
        raw.sendall(hello)
        return raw.recv(100)


@scenario(workers=1)
def row_A4_random_names_are_one_event_and_no_order(lab):
    lab.start()
    lab.add("a.test")
    worker, = lab.workers_pids()
    template = tlsclient.client_hello(b"0000000000000000.example.net")
    names = [b"%016x" % (number * 0x9e3779b97f4a7c15 % 2 ** 64) for number in range(20000)]
    for name in names[:2000]:
        ask_for(lab.https, template.replace(b"0000000000000000", name), "127.1.1.1")
    memory = slow.pss_kib(worker)
    for number, name in enumerate(names[2000:]):
        answer = ask_for(lab.https, template.replace(b"0000000000000000", name),
                         "127.1.1.1" if number % 2 else f"127.2.{number // 2 % 250}.1")
        equal(answer[:1], b"\x15", f"the answer to {name}")
    grown = slow.pss_kib(worker) - memory
    check(SANITIZED or grown < 768, f"18,000 unknown names cost {grown} KiB")

    def rows():
        return [event for event in lab.ctl_ok("events", "-o", "json").json()["items"]
                if event["type"] == "mismatch.sni_unknown"]

    wait_for(lambda: rows() and rows()[0]["count"] >= len(names) / 2, 30, "an event tells of it")
    equal(len(rows()), 1, "rows about unknown names")
    detail = rows()[0]["detail"]
    check("unknown; from 127.1.1.0/24 (" in detail, f"the network is named first: {detail}")
    check(re.search(r"; such as ([0-9a-f]{16}\.example\.net(, )?)+$", detail), detail)
    equal(front(lab, "sni_unknown"), len(names), "names counted")
    equal(lab.certd.status()["names"]["total"], 1, "names in the store")
    equal(lab.certd.status()["cas"][0]["orders"], 0, "orders in work")
    lab.serial("a.test")


# A6: a real load balancer before us

HAPROXY = """
global
    stats socket {directory}/haproxy.sock
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen v1
    bind {address}:{first}
    server certd {address}:{https} send-proxy
listen v2
    bind {address}:{second}
    server certd {address}:{https} send-proxy-v2 proxy-v2-options crc32c,unique-id
    unique-id-format %ci:%cp
listen checked
    bind {address}:{third}
    server certd {address}:{https} send-proxy-v2 check inter 200ms
"""


def start_haproxy(lab, *ports):
    if not shutil.which("haproxy"):
        raise Skip("haproxy is not installed")
    path = os.path.join(lab.directory, "haproxy.cfg")
    with open(path, "w") as out:
        out.write(HAPROXY.format(directory=lab.directory, address=lab.address, https=PORTS["https"],
                                 first=ports[0], second=ports[1], third=ports[2]))
    process = child.spawn(["haproxy", "-db", "-f", path], os.path.join(lab.directory, "haproxy.log"))
    lab.on_close.callback(child.end, process)


@scenario(challenge="http-01", proxy=True)
def row_A6_a_load_balancer_tells_who_the_client_is(lab):
    """HAProxy in front in both versions; the backend's PROXY header has the client's address."""
    text = lab.config().replace("{ tls; }", "{ tls; proxy-protocol from 127.0.0.1; }")
    lab.write_config(text=text)
    lab.start()
    lab.add("a.test")               # "serving" is looked at through our own listener
    start_haproxy(lab, 20001, 20002, 20003)
    for port in (20001, 20002, 20003):
        where = (lab.address, port)
        wait_for(lambda: is_open(where), 10, "HAProxy listens")
        raw = socket.create_connection(where, timeout=10, source_address=("127.9.8.7", 0))
        with tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test") as tls:
            mine = "%s:%d" % tls.getsockname()
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            answer = tlsclient.read_all(tls)
            check(f'"client": "{mine}"'.encode() in answer, f"{mine}, not {answer[-300:]}")
    equal(front(lab, "proxy_refused"), 0, "HAProxy's headers that were refused")
    equal(lab.backend.errors, [], "PROXY headers the backend did not like")

    done = subprocess.run(["curl", "-sS", "--haproxy-protocol", "--insecure", "--resolve",
                           "a.test:%d:%s" % (PORTS["https"], lab.address),
                           "https://a.test:%d/" % PORTS["https"]], capture_output=True, timeout=20)
    check(b'"client"' in done.stdout, f"curl --haproxy-protocol: {done}")
    done = subprocess.run(["curl", "-sS", "--insecure", "--resolve",
                           "a.test:%d:%s" % (PORTS["https"], lab.address),
                           "https://a.test:%d/" % PORTS["https"]], capture_output=True, timeout=20)
    check(done.returncode != 0, "curl without a header is refused")


def is_open(where):
    try:
        socket.create_connection(where, timeout=1).close()
        return True
    except OSError:
        return False


# F17


def open_files(lab):
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in lab.workers_pids()]


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()


def answer_of(lab, data):
    """Returns (bytes, whether they ended with close_notify)."""
    client = tlsclient.HalfClosing(lab.https, "a.test", lab.root)
    client.send(data)
    try:
        return client.read_all()
    finally:
        client.close()


@scenario(workers=1)
def row_F17_backends_that_refuse_or_break_off(lab):
    lab.start()
    lab.add("a.test")
    lab.get("a.test")
    before = open_files(lab)
    for _ in range(30):             # RST in the middle: the client must not take it for the end
        answer, polite = answer_of(lab, request("/reset"))
        check(not polite, f"no close_notify after {answer[-50:]}")
    lab.backend.stop()
    failed = front(lab, "backend_failed")
    for _ in range(30):             # nobody there: nothing was said, and that is a clean end
        equal(answer_of(lab, request("/")), (b"", True), "the answer of a backend that is down")
    equal(front(lab, "backend_failed"), failed + 30, "failures counted")
    lab.backend.start()
    lab.get("a.test")
    wait_for(lambda: open_files(lab) <= [count + 1 for count in before], 5,
             f"open files are back at {before}")


@scenario(workers=1, backend="silent")
def row_F17_a_backend_that_never_answers_ends_at_the_idle_timeout(lab):
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; idle-timeout 1s; }"))
    lab.start()
    lab.add("a.test")
    lab.serial("a.test")
    before = open_files(lab)
    clients = [tlsclient.HalfClosing(lab.https, "a.test", lab.root) for _ in range(20)]
    for client in clients:
        client.send(request("/"))
    began = time.monotonic()
    for client in clients:
        answer, polite = client.read_all()
        check(answer == b"" and not polite, "no answer, and no clean end")
        client.close()
    check(time.monotonic() - began < 5 * PATIENCE, "soon")
    equal(front(lab, "timeouts"), 20, "timeouts counted")
    wait_for(lambda: open_files(lab) <= [count + 1 for count in before], 5,
             f"open files are back at {before}")


# F18


@scenario(backend="echo", workers=1, challenge="http-01")
def row_F18_few_descriptors_no_accepted_client_goes_without_backend(lab):
    """Those beyond the limit wait in the kernel's queue and come in when others leave."""
    limited = os.path.join(lab.directory, "certd-limited")
    with open(limited, "w") as out:
        out.write(f"#!/bin/sh\nulimit -n 128\nexec {lab.certd.binary} \"$@\"\n")
    os.chmod(limited, 0o755)
    lab.certd.binary = limited
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; handshake-timeout 5m; }"))
    lab.start()
    lab.add("a.test")
    accepted = front(lab, "accepted")
    waiting = [socket.create_connection(lab.https, timeout=20) for _ in range(100)]

    def room():
        """How many were accepted, once that stands still."""
        before = front(lab, "accepted")
        time.sleep(0.3)
        now = front(lab, "accepted")
        return now - accepted if now == before and front(lab, "accept_pauses") else 0

    first = wait_for(room, 10, "accepting pauses")
    check(20 <= first < 60, f"{first} of 100 connections are accepted with 128 descriptors")
    requests = front(lab, "http_requests")
    used = cpu_seconds(lab.workers_pids())
    time.sleep(1)
    check(cpu_seconds(lab.workers_pids()) - used < 0.3, "a full worker does not spin")

    lab.ctl_ok("add", "b.test")     # port 80 and the keeper have descriptors: orders go on
    wait_for(lambda: lab.certd.show("b.test")["state"] == "valid", 30, "b.test has a certificate")
    equal(front(lab, "accepted") - accepted - first, front(lab, "http_requests") - requests,
          "what was accepted meanwhile, on port 80")
    served = 0
    while waiting:                  # each that is accepted gets its backend; then it leaves
        raw = waiting.pop(0)
        tls = tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test")
        tls.sendall(b"hello")
        equal(tls.recv(100), b"hello", f"echo of connection {served}")
        served += 1
        tls.close()
    equal(front(lab, "backend_failed"), 0, "backends that could not be reached")
    lab.serial("b.test")


if __name__ == "__main__":
    main()

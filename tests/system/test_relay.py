#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes both ways: nothing lost, nothing kept, and each end learns how the other one ended."""

import hashlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import backend as backends  # noqa: E402
import tlsclient  # noqa: E402
from certd import SANITIZED, memory_kib  # noqa: E402
from lab import PATIENCE, PORTS, check, equal, main, scenario, wait_for  # noqa: E402

MIB = 1 << 20


def request(path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: a.test\r\n{more}\r\n".encode()


def front_memory(lab):
    """KiB; a sanitizer keeps freed memory, so its numbers say nothing."""
    return 0 if SANITIZED else sum(memory_kib(pid) for pid in lab.workers_pids())


def counters(value, path=""):
    """Every number in status -o json, by its dotted path."""
    found = {}
    pairs = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, inner in pairs:
        found.update(counters(inner, f"{path}.{key}"))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found[path] = value
    return found


@scenario(proxy=True)
def proxy_v2_tells_the_client(lab):
    lab.start()
    lab.add("a.test")
    raw = socket.create_connection(lab.https, timeout=10, source_address=("127.9.8.7", 0))
    with tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test") as tls:
        mine = "%s:%d" % tls.getsockname()
        tls.sendall(request("/", "Connection: close\r\n"))
        check(f'"client": "{mine}"'.encode() in tlsclient.read_all(tls), f"backend saw {mine}")
    equal(lab.backend.errors, [], "PROXY headers the backend did not like")


@scenario()
def large_bodies_arrive_unchanged(lab):
    lab.start()
    lab.add("a.test")
    length = 64 * MIB
    for version in ("1.2", "1.3"):
        with lab.connect("a.test", version=version, timeout=60) as tls:
            tls.sendall(request(f"/download?bytes={length}", "Connection: close\r\n"))
            _, _, body = tlsclient.parse_answer(tlsclient.read_all(tls))
            equal(len(body), length, "bytes of the download")
            equal(hashlib.sha256(body).hexdigest(), backends.pattern_sha256(length), "their hash")
        with lab.connect("a.test", version=version, timeout=60) as tls:
            tls.sendall(request("/upload", f"Content-Length: {length}\r\nConnection: close\r\n"))
            for block in backends.pattern(length):
                tls.sendall(block)
            answer = tlsclient.read_all(tls)
            check(backends.pattern_sha256(length).encode() in answer, f"upload: {answer[-300:]}")


@scenario(backend="echo")
def small_writes_go_through_at_once(lab):
    lab.start()
    lab.add("a.test")
    with lab.connect("a.test") as tls:
        began = time.monotonic()
        for number in range(200):
            word = b"%d\n" % number
            tls.sendall(word)
            equal(tls.recv(100), word, "the echo")
        took = time.monotonic() - began
        check(took < 2 * PATIENCE, f"200 round trips took {took:.2f} s")


@scenario(backend="last")
def a_client_that_ended_still_gets_the_answer(lab):
    """close_notify from the client becomes a FIN at the backend; the answer flows back after it."""
    lab.start()
    lab.add("a.test")
    data = b"x" * 300000
    client = tlsclient.HalfClosing(lab.https, "a.test", lab.root)
    client.send(data)
    client.end_sending()
    answer, polite = client.read_all()
    client.close()
    equal(answer.split(), [b"300000", hashlib.sha256(data).hexdigest().encode()], "the answer")
    check(polite, "certd ends with close_notify")


@scenario()
def the_backends_end_is_a_close_notify(lab):
    lab.start()
    lab.add("a.test")
    client = tlsclient.HalfClosing(lab.https, "a.test", lab.root)
    client.send(request("/", "Connection: close\r\n"))
    answer, polite = client.read_all()
    check(b"200 OK" in answer and polite, f"answer and close_notify: {answer[:60]} {polite}")
    client.close()


@scenario()
def a_reset_by_the_backend_is_not_a_clean_end(lab):
    lab.start()
    lab.add("a.test")
    client = tlsclient.HalfClosing(lab.https, "a.test", lab.root)
    client.send(request("/reset"))
    _, polite = client.read_all()
    check(not polite, "a truncated answer must not end with close_notify")
    client.close()
    lab.get("a.test")


@scenario(backend="flood")
def a_slow_reader_costs_bounded_memory(lab):
    lab.start()
    lab.add("a.test")
    lab.serial("a.test")
    before = front_memory(lab)
    readers = []
    for _ in range(20):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        raw.settimeout(20)
        raw.connect(lab.https)
        tls = tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test")
        tls.sendall(b"go")
        readers.append(tls)

    def stalled():
        sent = lab.backend.sent
        time.sleep(0.5)
        return sent > 0 and lab.backend.sent == sent

    wait_for(stalled, 20, "the backend is held back")
    check(lab.backend.sent < 20 * 24 * MIB, f"the backend wrote {lab.backend.sent / MIB:.0f} MiB")
    grown = front_memory(lab) - before
    check(grown < 20 * 256, f"20 slow readers cost {grown} KiB in the workers")

    with readers[0] as tls:         # and what waits is all there
        got = b""
        while len(got) < 16 * MIB:
            got += tls.recv(MIB)
        block = backends.BLOCK
        check(got == (block * (len(got) // len(block) + 1))[:len(got)], "the bytes are unchanged")
    for tls in readers[1:]:
        tls.close()


@scenario(backend="silent")
def a_backend_that_does_not_read_stops_the_client(lab):
    lab.start()
    lab.add("a.test")
    before = front_memory(lab)
    with lab.connect("a.test") as tls:
        tls.settimeout(2 * PATIENCE)
        sent = 0
        try:
            while sent < 256 * MIB:
                sent += tls.send(backends.BLOCK)
        except TimeoutError:
            pass
        check(sent < 64 * MIB, f"the client got rid of {sent / MIB:.0f} MiB")
        grown = front_memory(lab) - before
        check(grown < 1024, f"it costs {grown} KiB in the worker")


@scenario(backend="banner")
def the_server_may_speak_first(lab):
    text = lab.config().replace("connect-timeout 2s;", "connect-timeout 2s; connect immediately;")
    lab.write_config(text=text)
    lab.start()
    lab.add("a.test")
    with lab.connect("a.test") as tls:
        equal(tls.recv(100), b"220 ready\r\n", "the greeting, before we said a word")
        tls.sendall(b"hello")
        equal(tls.recv(100), b"hello", "the echo")


@scenario()
def bare_handshakes_cost_the_backend_nothing(lab):
    lab.start()
    lab.add("a.test")
    for _ in range(50):
        lab.serial("a.test")
    for sni in (b"a.test", b"unknown.test"):
        tlsclient.answer_to_hello(lab.https, sni)
    socket.create_connection(lab.https).close()
    time.sleep(0.3)
    equal(lab.backend.accepted, 0, "connections at the backend")
    lab.get("a.test")
    equal(lab.backend.accepted, 1, "connections at the backend after one request")


@scenario()
def a_backend_that_is_down_is_counted(lab):
    lab.start()
    lab.add("a.test")
    lab.get("a.test")
    lab.backend.stop()
    before = counters(lab.certd.status())
    for _ in range(3):
        client = tlsclient.HalfClosing(lab.https, "a.test", lab.root)
        client.send(request("/"))
        began = time.monotonic()
        answer, _ = client.read_all()
        client.close()
        equal(answer, b"", "what the client gets")
        check(time.monotonic() - began < 3 * PATIENCE, "it gets it soon")

    def counted():
        after = counters(lab.certd.status())
        return [path for path, value in after.items()
                if "backend" in path and value - before.get(path, 0) >= 3]

    wait_for(counted, 5, f"three failures are counted in status: {before}")
    lab.backend.start()
    lab.get("a.test")


@scenario()
def connections_do_not_pile_up(lab):
    lab.start()
    lab.add("a.test")
    lab.get("a.test")
    before = [len(os.listdir(f"/proc/{pid}/fd")) for pid in lab.workers_pids()]
    for number in range(100):
        tls = lab.connect("a.test")
        tls.sendall(request("/"))
        if number % 2:
            tls.recv(10)
        tls.close()                 # no close_notify
    wait_for(lambda: [len(os.listdir(f"/proc/{pid}/fd")) for pid in lab.workers_pids()]
             <= [count + 1 for count in before], 10, f"open files are back at {before}")


if __name__ == "__main__":
    main()

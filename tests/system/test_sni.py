#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which ClientHello gets a certificate, and which an alert."""

import contextlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import slow  # noqa: E402
import tlsclient  # noqa: E402
from certd import SANITIZED  # noqa: E402
from lab import PATIENCE, check, equal, main, scenario, wait_for  # noqa: E402

# bytes that reach the callback of OpenSSL 3.0 unchanged
HOSTILE = [
    b"\x1b]0;pwn", b"a\nlevel=error", b"../../etc/passwd", b"*.wild.test", b"*", b".",
    "b\u00fccher.test".encode(), b"2001:db8::1", b"192.0.2.1", b"a" * 70 + b".test",
    b".".join([b"a" * 60] * 4) + b".test.test", b"a..test", b".a.test", b"a.test..", b"%n%n%s",
    b"a.test:443", b"a test", b"\xff\xfe",
]
# what is no server_name extension at all, or stopped by OpenSSL
MALFORMED = [b"", b"a.test\0.evil.test", b"x" * 256, b"x" * 5000]


@scenario()
def row_A3_unknown_and_hostile_names_get_an_alert(lab):
    lab.start()
    lab.add("a.test")
    for versions in ((0x0304, 0x0303), (0x0303,)):
        for sni in [b"unknown.test", b"sub.a.test", b"test", None, *HOSTILE]:
            got = tlsclient.answer_to_hello(lab.https, sni, versions=versions)
            equal(got, "unrecognized_name", f"answer to SNI {sni!r}")
        for sni in MALFORMED:
            got = tlsclient.answer_to_hello(lab.https, sni, versions=versions)
            check(got not in ("server_hello", "timeout"), f"answer to SNI {sni[:20]!r}: {got}")
    for sni in (b"a.test", b"A.TEST", b"a.test."):
        equal(tlsclient.answer_to_hello(lab.https, sni), "server_hello", f"answer to {sni!r}")
    log = lab.certd.log_text()
    check("\x1b" not in log and "\nlevel=error" not in log, "foreign bytes in the log are escaped")
    lab.serial("a.test")


@scenario()
def old_protocols_are_refused(lab):
    lab.start()
    lab.add("a.test")
    for version in (0x0302, 0x0301):
        got = tlsclient.answer_to_hello(lab.https, b"a.test", versions=(version,))
        equal(got, "protocol_version", f"answer to version {version:#06x}")
    got = tlsclient.answer_to_hello(lab.https, b"a.test", versions=(0x0300,))
    check(got in ("protocol_version", "handshake_failure"), f"answer to SSL 3: {got}")


@scenario(challenge="http-01")
@scenario(challenge="tls-alpn-01")
def row_A10_acme_tls_1_without_a_challenge_gets_nothing(lab):
    lab.start()
    lab.add("a.test")
    for sni in (b"a.test", b"unknown.test", None, b"\x1b"):
        for alpn in ((b"acme-tls/1",), (b"acme-tls/1", b"http/1.1"), (b"http/1.1", b"acme-tls/1")):
            for versions in ((0x0304, 0x0303), (0x0303,)):
                got = tlsclient.answer_to_hello(lab.https, sni, alpn=alpn, versions=versions)
                check(got not in ("server_hello", "timeout"), f"{sni!r} with {alpn}: {got}")
    lab.serial("a.test")


@scenario()
def ordinary_alpn_is_no_obstacle(lab):
    lab.start()
    lab.add("a.test")
    with lab.connect("a.test", alpn=["h2", "http/1.1"]) as tls:
        check(tls.selected_alpn_protocol() in (None, "http/1.1"), "h2 is not offered unasked")
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        check(b"200 OK" in tlsclient.read_all(tls), "the backend answers")


@scenario()
def what_is_no_client_hello_is_closed(lab):
    """At once, or at the handshake timeout where more bytes could still make it a hello."""
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; handshake-timeout 2s; }"))
    lab.start()
    lab.add("a.test")
    for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\0" * 100, b"SSH-2.0-x\r\n",
                 b"\x16\x03\x01\xff\xff" + b"x" * 70000):
        with socket.create_connection(lab.https, timeout=5 * PATIENCE) as raw:
            try:
                raw.sendall(junk)
                while raw.recv(4096):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                raise AssertionError(f"still open after {junk[:20]!r}")
    lab.serial("a.test")


@scenario()
def row_A2_odd_hellos_of_16_KiB_are_served_longer_ones_refused(lab):
    lab.start()
    lab.add("a.test")
    many = [(0x4000 + number, b"12345678") for number in range(1000)]
    plain = len(tlsclient.client_hello(b"a.test")) - 5
    to_16k = [(0x4000, b"x" * (16384 - plain - 4))]
    for size in (1, 2, 7, 100):
        hello = tlsclient.in_records(tlsclient.client_hello(b"a.test"), size)
        equal(tlsclient.answer_to(lab.https, hello), "server_hello", f"records of {size} bytes")
    for more in (many, to_16k):
        hello = tlsclient.client_hello(b"a.test", more=more)
        equal(tlsclient.answer_to(lab.https, hello), "server_hello", f"{len(hello)} bytes")
        for size in (1, 2, 3, 1000):
            got = tlsclient.answer_to(lab.https, tlsclient.in_records(hello, size))
            equal(got, "server_hello", f"{len(hello)} bytes in records of {size}")
    for length in (16385, 65535, 131072):
        hello = tlsclient.client_hello(b"a.test")
        message = b"\x01" + length.to_bytes(3, "big") + hello[9:] + b"x" * (length - plain)
        got = tlsclient.answer_to(lab.https, tlsclient.in_records(b"12345" + message, 16384))
        equal(got, "decode_error", f"answer to {length} bytes")
    for twice in ((0, b"\0\x04\0\0\x01b"), (16, b"\0\x03\x02h2")):
        got = tlsclient.answer_to_hello(lab.https, b"a.test", alpn=(b"h2",), more=[twice])
        equal(got, "illegal_parameter", f"extension {twice[0]} twice")
    lab.serial("a.test")


@scenario()
def row_A2_a_second_hello_is_held_to_the_same_limits(lab):
    lab.start()
    lab.add("a.test")
    first = tlsclient.client_hello(b"a.test", share=(0x0019, b"\x04" + bytes(132)))
    second = tlsclient.client_hello(b"a.test")
    longest = tlsclient.client_hello(b"a.test", more=[(0x4000, b"x" * (16384 - (len(second) - 5) - 4))])
    change = b"\x14\x03\x03\x00\x01\x01"
    too_long = b"\x16\x03\x03\x00\x04\x01\x01\x86\xa0"          # announces 100,000 bytes
    other = tlsclient.client_hello(b"b.test")
    for answer, wanted in ((second, "server_hello"), (change + second, "server_hello"),
                           (change + tlsclient.in_records(second, 3), "server_hello"),
                           (tlsclient.in_records(longest, 1), "server_hello"),
                           (change + tlsclient.in_records(longest, 1), "server_hello"),
                           (tlsclient.in_records(longest, 16384), "server_hello"),
                           (3000 * change, "decode_error"),
                           (too_long, "decode_error"), (change + too_long, "decode_error"),
                           (other, "illegal_parameter"),
                           (tlsclient.client_hello(None), "illegal_parameter"),
                           (b"\x17\x03\x03\x00\x01x" + second, "unexpected_message"),
                           (b"\x15\x03\x03\x00\x01x", "unexpected_message")):
        with socket.create_connection(lab.https, timeout=10 * PATIENCE) as raw:
            equal(tlsclient.answer_on(raw, first), "server_hello", "the HelloRetryRequest")
            got = tlsclient.answer_on(raw, answer)
            if got == "record type 20":         # the server's change_cipher_spec comes first
                got = tlsclient.answer_on(raw, b"")
            equal(got, wanted, f"answer to {answer[:20]!r}")
    lab.serial("a.test")


@scenario(workers=1)
def row_A2_a_second_hello_that_did_not_wait_to_be_asked_for_is_held_to_the_same_limits(lab):
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; handshake-timeout 60s; }"))
    lab.start()
    lab.add("a.test")
    first = tlsclient.client_hello(b"a.test", share=(0x0019, b"\x04" + bytes(132)),
                                   more=[(42, b"")])           # 0-RTT data will follow
    second = tlsclient.client_hello(b"a.test")
    too_long = b"\x16\x03\x03\x00\x04\x01\x01\x86\xa0"          # announces 100,000 bytes
    skipped = b"\x17\x03\x03\x01\x00" + bytes(256)
    many = tlsclient.in_records(first, 1)
    for answer, wanted in ((second, "server_hello"), (skipped + second, "server_hello"),
                           (skipped + b"\x14\x03\x03\x00\x01\x01" + second, "server_hello"),
                           (too_long, "decode_error"),
                           (tlsclient.client_hello(b"b.test"), "illegal_parameter"),
                           (100 * skipped + second, "decode_error")):
        for before in first, many:
            with socket.create_connection(lab.https, timeout=10 * PATIENCE) as raw:
                got = tlsclient.answer_on(raw, before + answer)
                equal(got, "server_hello", "the HelloRetryRequest")
                got = tlsclient.answer_on(raw, b"")
                equal(got, "record type 20", "the server's change_cipher_spec")
                got = tlsclient.answer_on(raw, b"")
                equal(got, wanted, f"answer to {answer[:20]!r}")
    with contextlib.ExitStack() as stack:
        before, count = memory(lab), 200
        for _ in range(count):
            raw = stack.enter_context(socket.create_connection(lab.https, timeout=10 * PATIENCE))
            raw.sendall(many + too_long[:5] + b"\x01")
        wait_for(lambda: slow.unread(lab.https) == 0, 20, "all is read")
        each = (memory(lab) - before) / count
        check(SANITIZED or each < 64 << 10, f"{each:.0f} bytes each")


def memory(lab):
    """The worker's own, in bytes."""
    with open(f"/proc/{lab.workers_pids()[0]}/status") as status:
        return int(re.search(r"^RssAnon:\s+(\d+) kB", status.read(), re.MULTILINE)[1]) << 10


@scenario(workers=1)
def row_A2_a_hello_that_is_not_whole_takes_64_KiB_at_most(lab):
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; handshake-timeout 60s; }"))
    lab.start()
    lab.add("a.test")
    hello = tlsclient.client_hello(b"a.test")
    hello = tlsclient.client_hello(b"a.test", more=[(0x4000, b"x" * (16384 - (len(hello) - 5) - 4))])
    whole = tlsclient.in_records(hello, 1)
    # the worst there is: another version in each record
    whole = b"".join(whole[at:at + 2] + bytes([at % 251]) + whole[at + 3:at + 6]
                     for at in range(0, len(whole), 6))
    with contextlib.ExitStack() as stack:
        before, count = memory(lab), 200
        clients = [stack.enter_context(socket.create_connection(lab.https, timeout=10 * PATIENCE))
                   for _ in range(count)]
        for client in clients:
            client.sendall(whole[:-1])
        wait_for(lambda: slow.unread(lab.https) == 0, 20, "all is read")
        each = (memory(lab) - before) / count
        if not SANITIZED:
            check(16 << 10 < each < 64 << 10, f"{each:.0f} bytes each")
        for client in clients:
            client.sendall(whole[-1:])
            equal(client.recv(1), b"\x16", "the first byte of the answer")


@scenario()
def a_hello_in_single_bytes_is_served(lab):
    lab.start()
    lab.add("a.test")
    hello = tlsclient.client_hello(b"a.test")
    with socket.create_connection(lab.https, timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello:
            raw.sendall(bytes([byte]))
        equal(raw.recv(1), b"\x16", "the first byte of the answer")


@scenario()
def silent_clients_are_dropped_at_the_handshake_timeout(lab):
    lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; handshake-timeout 2s; }"))
    lab.start()
    lab.add("a.test")
    silent = [socket.create_connection(lab.https, timeout=10) for _ in range(200)]
    half = tlsclient.client_hello(b"a.test")[:50]
    for raw in silent[::2]:
        raw.sendall(half)
    began = time.monotonic()
    lab.serial("a.test")
    check(time.monotonic() - began < 1 * PATIENCE, "an honest client does not wait")
    for raw in silent:
        raw.settimeout(6 * PATIENCE)
        try:
            data = raw.recv(4096)
            check(len(data) < 100, "what a silent client gets")
        except ConnectionError:
            pass
        except TimeoutError:
            raise AssertionError("a silent connection is still open long after the timeout")
        raw.close()


if __name__ == "__main__":
    main()

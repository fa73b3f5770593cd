#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Port 80: challenge answers, and for everything else the way to https."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, equal, main, scenario  # noqa: E402
from tlsclient import http_get  # noqa: E402

CHALLENGE = "/.well-known/acme-challenge/"


@scenario()
def everything_else_redirects_to_https(lab):
    lab.start()
    for host, path in (("a.test", "/"), ("a.test", "/x/y?z=1&w=%20"), ("unknown.test", "/"),
                       (f"a.test:{lab.http[1]}", "/port"), ("A.test", "/.well-known/other")):
        status, headers, _ = http_get(lab.http, path, host)
        check(status in (301, 302, 307, 308), f"status for {host}{path}: {status}")
        bare = host.partition(":")[0].lower()
        equal(headers["location"].lower(), f"https://{bare}{path}".lower(), "Location")


@scenario()
def head_and_post_redirect_too(lab):
    lab.start()
    for method in ("HEAD", "POST", "OPTIONS"):
        head = (f"{method} /form HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n")
        status, headers, body = http_get(lab.http, raw=head.encode())
        check(status in (301, 302, 307, 308, 405), f"status of {method}: {status}")
        if method == "HEAD":
            equal(body, b"", "body of an answer to HEAD")


@scenario()
def unknown_tokens_are_404(lab):
    lab.start()
    for token in ("unknown", "a" * 200, "", "..%2f..%2fetc%2fpasswd", "../../etc/passwd", "a/b",
                  "%00", "tok;en", "A_-9"):
        status, headers, _ = http_get(lab.http, CHALLENGE + token, "a.test")
        check(status in (400, 404), f"status for token {token!r}: {status}")
        check("location" not in headers, f"no redirect on the challenge path ({token!r})")


@scenario()
def bad_requests_are_refused(lab):
    lab.start()
    bad = [
        b"GET / HTTP/1.1\r\n\r\n",                                          # no Host
        b"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",          # two
        b"GET / HTTP/1.1\r\nHost: a\x1bb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.test/evil?\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@a.test\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: a.test\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a.test\r\n\r\n",
        b"GET /a\x00b HTTP/1.1\r\nHost: a.test\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ]
    for raw in bad:
        try:
            status, headers, _ = http_get(lab.http, raw=raw)
        except ConnectionError:
            continue
        check(status == 0 or 400 <= status < 600, f"answer to {raw!r}: {status} {headers}")
        check("location" not in headers, f"no redirect for {raw!r}")
    equal(http_get(lab.http, "/", "a.test")[1]["location"], "https://a.test/", "still there")


@scenario()
def a_request_cannot_split_the_answer(lab):
    lab.start()
    _, headers, _ = http_get(lab.http, "/%0d%0aSet-Cookie:x=1", "a.test")
    check("set-cookie" not in headers, f"headers: {headers}")


@scenario()
def the_head_is_capped_at_8_kib(lab):
    lab.start()
    fits = b"GET / HTTP/1.1\r\nHost: a.test\r\nX: " + b"x" * 7900 + b"\r\n\r\n"
    check(300 <= http_get(lab.http, raw=fits)[0] < 400, "a head of almost 8 KiB is answered")
    for size in (9000, 100000, 3000000):
        with socket.create_connection(lab.http, timeout=10 * PATIENCE) as raw:
            answer = b""
            try:
                raw.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nX: " + b"x" * size)
                answer = raw.recv(4096)
            except ConnectionError:
                pass
            check(answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")),
                  f"answer to a head of {size} bytes: {answer[:60]}")


@scenario()
def a_head_in_single_bytes_is_answered(lab):
    lab.start()
    with socket.create_connection(lab.http, timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /slow HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n":
            raw.sendall(bytes([byte]))
        check(b"https://a.test/slow" in raw.recv(4096), "Location")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Resumption by session tickets, as `openssl s_client` sees it. A numbers are those of the list of
attacks that certd is built against."""

import base64
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import PATIENCE  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402

VERSIONS = ["-tls1_2", "-tls1_3"]


class Session:
    """What s_client keeps of a connection, in a file."""

    def __init__(self, lab, path):
        self.lab, self.path = lab, path

    def connect(self, name, version, offer=None):
        """One request; returns "New" or "Reused". The session that comes of it is kept here."""
        trust = os.path.join(self.lab.directory, "root.pem")
        with open(trust, "w") as out:
            out.write(self.lab.root)
        words = ["openssl", "s_client", "-connect", "%s:%d" % self.lab.https, "-servername", name,
                 "-verify_hostname", name, "-verify_return_error", "-CAfile", trust, version,
                 "-ign_eof", "-sess_out", self.path, *(["-sess_in", offer] if offer else [])]
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        done = subprocess.run(words, input=request, capture_output=True, text=True,
                              timeout=30 * PATIENCE)
        said = done.stdout
        check("HTTP/1.1 200" in said, f"{' '.join(words)}: {said[-3000:]} {done.stderr[-2000:]}")
        found = re.search(r"^(New|Reused), TLSv1", said, re.MULTILINE)
        check(found, f"neither New nor Reused: {said[-3000:]}")
        return found.group(1)


def session(lab, word):
    return Session(lab, os.path.join(lab.directory, word + ".session"))


def element(der, at):
    """(tag, start of the content, end) of the DER element at AT."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start:start + count], "big"), start + count
    return der[at], start, start + length


def forge(path, to, at):
    """A copy of the session in PATH whose ticket has another byte AT (from the end, if negative)."""
    with open(path) as text:
        der = bytearray(base64.b64decode("".join(text.read().splitlines()[1:-1])))
    _, place, end = element(der, 0)
    while place < end:
        tag, start, behind = element(der, place)
        if tag == 0xAA:     # [10] ticket, an OCTET STRING (SSL_SESSION of OpenSSL)
            _, start, behind = element(der, start)
            der[(start if at >= 0 else behind) + at] ^= 1
            break
        place = behind
    else:
        raise AssertionError(f"no ticket in {path}")
    with open(to, "w") as out:
        out.write("-----BEGIN SSL SESSION PARAMETERS-----\n")
        out.write(base64.encodebytes(bytes(der)).decode())
        out.write("-----END SSL SESSION PARAMETERS-----\n")


@scenario(workers=4)
def row_A9_tickets_resume_their_host_only(lab):
    lab.start()
    lab.add("a.test", "b.test")
    for version in VERSIONS:
        first, other = session(lab, "first" + version), session(lab, "other" + version)
        equal(first.connect("a.test", version), "New", version)
        # That all of them reach the worker of the first one: 1 in 16 million.
        for _ in range(12):
            equal(other.connect("a.test", version, first.path), "Reused", f"{version} by any worker")
        equal(other.connect("b.test", version, first.path), "New", f"{version} another host")
        for at in 0, 16, 40, -1:
            forged = os.path.join(lab.directory, "forged.session")
            forge(first.path, forged, at)
            equal(other.connect("a.test", version, forged), "New", f"{version} forged at {at}")
    status = lab.certd.status()["front"]
    check(status["resumed"] == 24 and status["handshakes_failed"] == 0, f"counters: {status}")


@scenario()
def tickets_outlive_workers_and_restarts(lab):
    lab.start()
    lab.add("a.test")
    sessions = {}
    for version in VERSIONS:
        sessions[version] = session(lab, version)
        sessions[version].connect("a.test", version)
    for pid in lab.workers_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: lab.is_served("a.test"), 10, "served again")
    again = session(lab, "again")
    for version in VERSIONS:
        equal(again.connect("a.test", version, sessions[version].path), "Reused",
              f"{version} after kill -9 of the workers")
    lab.certd.stop()
    lab.start()
    for version in VERSIONS:
        equal(again.connect("a.test", version, sessions[version].path), "Reused",
              f"{version} after a restart")


@scenario()
def new_ticket_keys_void_the_old_tickets(lab):
    lab.start()
    lab.add("a.test")
    first, again = session(lab, "first"), session(lab, "again")
    first.connect("a.test", "-tls1_3")
    equal(again.connect("a.test", "-tls1_3", first.path), "Reused", "before")
    lab.ctl_ok("key", "tickets")
    # A worker looks for new keys once a second.
    wait_for(lambda: again.connect("a.test", "-tls1_3", first.path) == "New", 10, "void")
    again.connect("a.test", "-tls1_3")
    equal(again.connect("a.test", "-tls1_3", again.path), "Reused", "under the new key")
    kinds = [e["type"] for e in lab.ctl_ok("events", "-o", "ndjson").lines()]
    equal(kinds.count("key.tickets"), 1, f"events: {kinds}")


if __name__ == "__main__":
    main()

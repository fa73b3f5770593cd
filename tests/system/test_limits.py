#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Too many, too slow, too strange: rows of the attack and fault table, by their numbers."""

import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
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

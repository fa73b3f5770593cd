#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where a private key is, and where it is not: memory of the processes, files, log."""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import SANITIZED, ctl_stdin  # noqa: E402
from lab import Skip, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from authority import Authority  # noqa: E402
from privateca import served  # noqa: E402


def numbers_of(pem):
    """The secret integers of a key, big-endian: P-256's scalar, or RSA's exponent and primes."""
    text = subprocess.run(["openssl", "pkey", "-noout", "-text"], input=pem, text=True,
                          capture_output=True, check=True).stdout
    found = re.findall(r"^(?:priv|privateExponent|prime1|prime2):\n((?:    .*\n)+)", text, re.M)
    return [bytes.fromhex(re.sub(r"[:\s]", "", one)).lstrip(b"\0") for one in found]


def shapes_of(pem):
    """What to look for: the numbers in both byte orders, and lines of the PEM as they travel."""
    shapes = {}
    for i, number in enumerate(numbers_of(pem)):
        shapes[f"number {i}"] = number
        shapes[f"number {i} as OpenSSL keeps it"] = number[::-1]
    body = [line for line in pem.splitlines() if not line.startswith("-----")]
    shapes["PEM"] = body[0][-40:].encode()      # past what all keys of the kind have in common
    shapes["PEM, the end"] = body[-2][-40:].encode()
    check(len(shapes) >= 4, f"a private key was read: {shapes.keys()}")
    return shapes


def memory_of(pid):
    """All that is mapped and can be read, in pieces."""
    with open(f"/proc/{pid}/maps") as maps:
        regions = [line.split() for line in maps]
    try:
        memory = open(f"/proc/{pid}/mem", "rb", 0)
    except PermissionError:
        raise Skip("the memory of other processes cannot be read here")
    with memory:
        for region in regions:
            begin_at, end = (int(x, 16) for x in region[0].split("-"))
            if "r" not in region[1] or (len(region) > 5 and region[5].startswith("[v")):
                continue
            try:
                while begin_at < end and end - begin_at < 1 << 30:      # LMDB's maps: by file
                    memory.seek(begin_at)
                    got = memory.read(min(end - begin_at, 16 << 20))
                    if not got:
                        break
                    yield region[-1], got
                    begin_at += len(got)
            except OSError:
                pass        # a page that nothing is behind


def hits_in_memory(pid, shapes):
    return sorted({f"{what} in {where}" for where, piece in memory_of(pid)
                   for what, shape in shapes.items() if shape in piece})


def hits_in_files(lab, shapes):
    found = []
    for folder, _, files in os.walk(lab.directory):
        for file in files:
            path = os.path.join(folder, file)
            if folder.startswith((lab.directory + "/ca", lab.directory + "/out")):
                continue
            if os.path.isfile(path):
                with open(path, "rb") as got:
                    data = got.read()
                found += [f"{what} in {path}" for what, shape in shapes.items() if shape in data]
    return found


def assert_nowhere_but_in_workers(lab, keys, when):
    for name, shapes in keys.items():
        equal(hits_in_memory(lab.certd.process.pid, shapes), [], f"{name} in the parent, {when}")
        # the audit signs with it for a moment
        wait_for(lambda: not hits_in_memory(lab.certd.pids("keeper")[0], shapes), 20,
                 f"{name} has left the keeper, {when}")
        equal(hits_in_files(lab, shapes), [], f"{name} in a file, {when}")


@scenario()
def workers_are_confined(lab):
    """What that means is in tests/daemon/test_confine.c; also one that takes the place of another is."""
    if SANITIZED:
        raise Skip("not under a sanitizer")
    lab.start()
    lab.add("a.test")
    os.kill(lab.certd.pids("front")[0], signal.SIGKILL)
    wait_for(lambda: len(lab.certd.pids("front")) == 2, 10, "the worker is replaced")
    lab.serial("a.test")
    confined = "does not let workers be kept from" not in lab.certd.log_text()
    for pid in lab.certd.pids("front"):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            words = dict(line.split(":", 1) for line in file)
        equal(words["NoNewPrivs"].strip(), "1", "NoNewPrivs")
        equal(words["Seccomp"].strip(), "2" if confined else "0", "Seccomp")


def say_as(pid, word):
    """Sends WORD to the parent through the channel of the worker PID."""
    libc = ctypes.CDLL(None, use_errno=True)
    for fd in sorted(int(one) for one in os.listdir(f"/proc/{pid}/fd")):
        if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
            continue
        theirs = os.pidfd_open(pid)
        ours = libc.syscall(438, theirs, fd, 0)  # pidfd_getfd
        os.close(theirs)
        if ours < 0:
            raise Skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
        with socket.socket(fileno=ours) as sock:
            if sock.family == socket.AF_UNIX:
                sock.send(word)
                return
    raise AssertionError("a worker has no channel")


@scenario()
def a_worker_commands_nobody(lab):
    """What the keeper may ask of the parent: reload, upgrade, another control socket."""
    if SANITIZED or lab.single:
        raise Skip("it is a process that is asked here")
    if os.geteuid() != 0:
        raise Skip("only root speaks for another process")
    lab.start()
    lab.add("a.test")
    for count, word in enumerate([b"l", b"u", b"c", b"?"], 1):
        worker = lab.certd.pids("front")[0]
        say_as(worker, word)
        wait_for(lambda: lab.certd.log_text().count("says what no worker says") == count, 10, "it is refused")
        wait_for(lambda: worker not in lab.certd.pids("front") and len(lab.certd.pids("front")) == 2, 20,
                 "the worker is replaced")
    equal(lab.certd.status()["pid"], lab.certd.process.pid, "nothing was upgraded")
    check("reload" not in lab.certd.log_text(), "nothing was reloaded")
    lab.serial("a.test")


@scenario()
def no_process_leaves_a_core(lab):
    """The parent has the master key in its memory."""
    lab.start()
    for role in ["parent", "keeper", "front"]:
        for pid in [lab.certd.process.pid] if role == "parent" else lab.certd.pids(role):
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                check(re.search(r"(?m)^Max core file size +0 +0 ", file.read()), f"{role}: no core")


@scenario()
def private_keys_are_nowhere_but_in_workers(lab):
    if SANITIZED:
        raise Skip("a sanitizer keeps what was freed")
    ca = Authority(os.path.join(lab.directory, "ca"))
    lab.start()
    made = {"ec.test": ca.leaf("ec.test"), "rsa.test": ca.leaf("rsa.test", rsa=2048)}
    keys = {name: shapes_of(key) for name, (key, _, _) in made.items()}
    assert_nowhere_but_in_workers(lab, keys, "before")
    lines = [json.dumps({"chain_pem": leaf + inter, "key_pem": key})
             for key, leaf, inter in made.values()]
    # a line that ends in the middle, one with a member twice: what is parsed of them goes, too
    broken = [lines[0][:-1], lines[1][:-1] + ',"key_pem":1}']
    answer = ctl_stdin(lab.certd, "\n".join(broken + lines) + "\n", "import", "--file", "-", "-o",
                       "ndjson")
    check("line 1: " in answer.err and "line 2: " in answer.err, f"refused\n{answer}")
    equal(sum(one["ok"] for one in answer.lines()), 2, f"imported\n{answer}")
    with socket.socket(socket.AF_UNIX) as raw:      # the same, past certctl's own check
        raw.connect(lab.certd.socket_path)
        raw.sendall(b'{"verb":"import","certs":[%s]}\n' % broken[0].encode())
        check(b'"invalid"' in raw.recv(4096), "half a request is refused")
    assert_nowhere_but_in_workers(lab, keys, "after the import")
    for name in made:
        served(lab, ca, name)
    in_workers = {name: [hits_in_memory(pid, keys[name]) for pid in lab.certd.pids("front")]
                  for name in made}
    check(all(any(hits) for hits in in_workers.values()), f"this search finds keys: {in_workers}")
    for name, (key, _, _) in made.items():
        answer = expect_code(lab.ctl("export", name, "--private-key"), 0)
        check("PRIVATE KEY" in answer.out, "the key is exported")
        expect_code(lab.ctl("export", name, "--private-key", "-o", "json"), 0)
    assert_nowhere_but_in_workers(lab, keys, "after an export")
    lab.ctl_ok("remove", *made)
    assert_nowhere_but_in_workers(lab, keys, "after the removal")


if __name__ == "__main__":
    main()

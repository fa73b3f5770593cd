#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A new certd takes the place of the one that runs, and no connection is refused or cut by it."""

import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
from certd import children_of  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402

VERSION = b"0.1.0"
NEXT = "0.1.9"


def own_binary(lab):
    """certd runs from a place of the lab's own, where another file can be put."""
    path = os.path.join(lab.directory, "bin")
    os.mkdir(path)
    binary = os.path.join(path, "certd")
    shutil.copy(lab.certd.binary, binary)
    lab.certd.binary = binary


def install(lab, data, path=None):
    """As package managers do: a new file under the old name."""
    path = path or lab.certd.binary
    fresh = path + ".new"
    with open(fresh, "wb") as out:
        out.write(data)
    os.chmod(fresh, 0o755)
    os.rename(fresh, path)


def next_version(lab):
    """The same program, which says that it is a newer one."""
    with open(lab.certd.binary, "rb") as file:
        data = file.read()
    check(data.count(VERSION) > 0, "the version is in the program")
    return data.replace(VERSION, NEXT.encode())


def upgrade(lab):
    """Returns the process that was replaced, which may be draining yet."""
    pid = lab.certd.process.pid
    got = lab.ctl_ok("upgrade", "-o", "json")
    equal(got.json()["ok"], True, "what certctl says")
    before = lab.certd.follow()
    check(lab.certd.process.pid != pid, "another process answers")
    return before


def open_long(lab, count=6):
    """Long connections to the echo backend, some to each worker."""
    return [lab.connect("a.test") for _ in range(count)]


def talk(connections, text=b"still there"):
    for tls in connections:
        tls.sendall(text)
        got = b""
        while len(got) < len(text):
            part = tls.recv(len(text) - len(got))
            check(part, "a long connection was cut")
            got += part
        equal(got, text, "what came back on a long connection")


def hang_up(connections):
    for tls in connections:
        tls.close()


def gone(process):
    wait_for(lambda: process.poll() is not None, 10, f"process {process.pid} ends")
    return process.returncode


def events(lab, kind):
    return [e for e in lab.ctl_ok("events", "-o", "json").json()["items"] if e["type"] == kind]


@scenario(backend="echo")
def upgrade_under_load_fails_and_cuts_nothing(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    long_ones = open_long(lab)
    talk(long_ones)
    counted = lab.certd.status()["front"]["accepted"]
    load = lab.load(["a.test"], rate=100)
    wait_for(lambda: lab.certd.status()["front"]["accepted"] > counted + 20, 10, "load")
    install(lab, next_version(lab))

    before = upgrade(lab)
    equal(lab.ctl_ok("version", "-o", "json").json()["certd"], NEXT, "version after it")
    talk(long_ones)
    check(before.poll() is None, "the old certd drains")
    done = events(lab, "upgrade.done")
    equal(len(done), 1, "events upgrade.done")
    check(NEXT in done[0]["detail"] and str(before.pid) in done[0]["detail"], done[0]["detail"])
    after = upgrade(lab)          # while the first one drains yet
    talk(long_ones)
    check(lab.certd.status()["front"]["accepted"] > counted + 20, "counters go on")
    load.stop_clean(50)
    talk(long_ones)
    wait_for(lambda: lab.certd.status()["front"]["connections"] == 0 or
             lab.certd.status()["front"]["connections"] >= len(long_ones), 5,
             "what drains is counted")
    hang_up(long_ones)
    equal(gone(before), 0, "exit status of the first certd")
    equal(gone(after), 0, "exit status of the second certd")
    lab.add("b.test")
    check("err " not in lab.certd.log_text().replace("debug", ""), "no error in the log")


if __name__ == "__main__":
    child.become_subreaper()
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A new certd takes the place of the one that runs, and no connection is refused or cut by it."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
import tlsclient  # noqa: E402
from certd import BUILD, PATIENCE, children_of  # noqa: E402
from lab import Skip, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

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


def error_lines(lab):
    return [line for line in lab.certd.log_text().splitlines() if "] err: " in line]


def events(lab, kind):
    return [e for e in lab.ctl_ok("events", "-o", "json").json()["items"] if e["type"] == kind]


def front_pids(process):
    return sorted(pid for pid, name in children_of(process.pid) if name == "certd-front")


def hold_next(lab):
    """The next program waits, before it is certd, for what release() says.  A real one follows."""
    real = lab.certd.binary + ".real"
    shutil.copy(lab.certd.binary, real)
    gate = os.path.join(lab.directory, "gate")
    install(lab, f"""#!/bin/sh
touch {gate}.held
while [ ! -e {gate} ]; do sleep 0.02; done
exec {real} "$@"
""".encode())
    return gate


def release(gate):
    with open(gate, "w"):
        pass


class Upgrading:
    """certctl upgrade in the background, come as far as hold_next()'s gate."""

    def __init__(self, lab, gate):
        self.answer = None
        self.thread = threading.Thread(target=self._run, args=(lab,))
        self.thread.start()
        wait_for(lambda: os.path.exists(gate + ".held"), 10, "the new program is started")
        self.pid = next(pid for pid, name in children_of(lab.certd.process.pid)
                        if not name.startswith("certd-"))

    def _run(self, lab):
        self.answer = lab.ctl("upgrade")

    def end(self):
        self.thread.join()
        return self.answer


class Stuck:
    """A control client that asks and never reads: while certd has an answer for it, a keeper that is
    to go waits two seconds for it to be read."""

    def __init__(self, lab):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(lab.certd.socket_path)
        self.socket.sendall(b'{"verb":"status"}\n' * 500)
        # One more client that is answered: then those requests have been read.
        lab.certd.status()


def log_has(lab, text, seconds=10):
    wait_for(lambda: text in lab.certd.log_text(), seconds, f"the log says {text!r}")


def keeper_of(process):
    found = [pid for pid, name in children_of(process.pid) if name == "certd-keeper"]
    return found[0] if found else None


# ---- nothing is refused, nothing is cut ----------------------------------------------------------


@scenario(backend="echo")
def upgrades_under_load_refuse_and_cut_nothing(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    long_ones = open_long(lab)
    talk(long_ones)
    elders = []
    load = lab.load(["a.test"], rate=100, least=80)
    install(lab, next_version(lab))
    for workers in (2, 4, 1, 3):        # two in a row, and other numbers of sockets
        lab.workers = workers
        lab.write_config()
        accepted = lab.certd.status()["front"]["accepted"]
        elders.append(upgrade(lab))
        now = lab.certd.status()
        equal(now["workers"], workers, "workers")
        check(now["front"]["accepted"] >= accepted, "counters go on")
        talk(long_ones)
        wait_for(lambda: lab.certd.status()["front"]["accepted"] > accepted + 20, 10,
                 "the new certd accepts")
        equal(len(front_pids(lab.certd.process)), workers, "its workers")
    equal(lab.ctl_ok("version", "-o", "json").json()["certd"], NEXT, "version after it")
    load.stop_clean()
    talk(long_ones)
    wait_for(lambda: lab.certd.status()["front"]["connections"] == len(long_ones), 10,
             "connections of a certd that drains are counted")
    check(all(elder.poll() is None for elder in elders), "they stay while there is one that drains")
    hang_up(long_ones)
    for elder in elders:
        equal(gone(elder), 0, "exit status of a certd that was replaced")
    wait_for(lambda: lab.certd.status()["front"]["connections"] == 0, 10, "and not for ever")
    done = events(lab, "upgrade.done")
    equal(len(done), len(elders), "events upgrade.done")
    check(NEXT in done[0]["detail"] and str(elders[0].pid) in done[0]["detail"], done[0]["detail"])
    lab.add("b.test")
    equal(error_lines(lab), [], "errors in the log")


@scenario(backend="echo")
def reloads_under_load_refuse_and_cut_nothing(lab):
    lab.start()
    lab.add("a.test")
    long_ones = open_long(lab)
    load = lab.load(["a.test"], rate=100, least=100)
    for workers in (4, 1, 3, 1, 2):
        lab.workers = workers
        lab.write_config()
        accepted = lab.certd.status()["front"]["accepted"]
        lab.ctl_ok("reload", "--wait")
        talk(long_ones)
        wait_for(lambda: lab.certd.status()["front"]["accepted"] > accepted + 20, 10,
                 "new workers accept")
    load.stop_clean()
    talk(long_ones)
    hang_up(long_ones)
    wait_for(lambda: lab.single or len(lab.certd.pids("front")) == 2, 10, "old workers end")
    check(events(lab, "config.reloaded"), "events config.reloaded")


@scenario()
def an_address_that_goes_is_closed_at_once_and_its_queue_is_served(lab):
    """What a drained worker keeps open would take connections that nobody accepts."""
    second = (lab.address, 10444)
    lab.write_config(extra=f"listen {lab.address}:10444 {{ tls; }}\n")
    lab.start()
    lab.add("a.test")
    tlsclient.connect(second, "a.test", lab.root).close()
    held = lab.connect("a.test")        # so that old workers stay
    lab.write_config()
    # More than a worker accepts at once, and when it wakes it is told to drain already.
    before = lab.certd.pids("front")
    for process in before:
        os.kill(process, signal.SIGSTOP)
    queued = [socket.create_connection(second) for _ in range(400)]
    lab.ctl_ok("reload", "--wait")
    for process in before:
        os.kill(process, signal.SIGCONT)
    for raw in queued:
        tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test").close()

    def is_refused():
        try:
            socket.create_connection(second, timeout=5).close()
            return False
        except ConnectionRefusedError:
            return True
    wait_for(is_refused, 10, "connections to the address that is gone are refused")
    held.close()


@scenario(backend="echo")
def a_killed_worker_refuses_nobody(lab):
    """Only what it had in its hands is lost: what waits in the kernel's queue is served."""
    threads = 4
    lab.start()
    lab.add("a.test")
    load = lab.load(["a.test"], rate=100, threads=threads)
    kills = 5
    for _ in range(kills):
        accepted = lab.certd.status()["front"]["accepted"]
        victim = lab.certd.pids("front")[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: lab.certd.status()["front"]["accepted"] > accepted + 20 and
                 len(lab.certd.pids("front")) == 2, 10, "the worker is replaced")
    report = load.stop()
    equal(report["unconnected"], 0, f"connections refused: {report}")
    check(report["failed"] <= kills * threads, f"more failed than were open: {report}")
    check(report["done"] >= 80, f"handshakes: {report}")


# ---- a new certd that is no good -----------------------------------------------------------------


def refused_upgrade(lab, *words):
    """certctl's complaint about an upgrade that must fail and change nothing."""
    parent, keeper, fronts = lab.certd.process.pid, lab.certd.pids("keeper"), lab.certd.pids("front")
    failed = len(events(lab, "upgrade.failed"))
    got = lab.ctl("upgrade", timeout=90)
    equal(got.code, 1, str(got))
    for word in words:
        check(word in got.err, f"{word!r} is in: {got.err}")
    equal(lab.certd.status()["pid"], parent, "the parent")
    equal((lab.certd.pids("keeper"), lab.certd.pids("front")), (keeper, fronts), "its roles")
    equal(len(children_of(parent)), 1 + len(fronts), "processes of certd")
    equal(len(events(lab, "upgrade.failed")), failed + 1, "events upgrade.failed")
    return got.err


def set_format(lab, old, new):
    """Writes another number where served/ says its format; docs/store.md has the place."""
    path = os.path.join(lab.directory, "state", "served", "data.mdb")
    with open(path, "r+b", buffering=0) as file:
        places = [m.start() for m in re.finditer(b"format" + bytes([old]) + b"\0\0\0", file.read())]
        check(places, "the format is where docs/store.md says")
        for place in places:
            os.pwrite(file.fileno(), bytes([new]), place + len("format"))


@scenario(backend="echo")
def F22_a_new_certd_that_is_no_good_changes_nothing(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    with open(lab.certd.binary, "rb") as file:
        good = file.read()
    conf = lab.config()
    long_ones = open_long(lab)
    load = lab.load(["a.test"], rate=50, least=50)

    install(lab, b"#!/bin/sh\nkill -SEGV $$\n")
    refused_upgrade(lab, "killed by signal 11")
    install(lab, b"#!/bin/sh\nexit 3\n")
    refused_upgrade(lab, "ended with code 3")
    install(lab, b"\0not a program\n")
    refused_upgrade(lab, "cannot start", lab.certd.binary)
    os.remove(lab.certd.binary)
    refused_upgrade(lab, "cannot start", "No such file")
    install(lab, good)
    lab.write_config(text=conf + "wrokers 2;\n")
    refused_upgrade(lab, "certd.conf:", "wrokers", "did you mean")
    lab.write_config(text=conf.replace("/state;", "/elsewhere;"))
    refused_upgrade(lab, "state-directory", "restart")
    lab.write_config(text=conf.replace("control.sock;", "other.sock;"))
    refused_upgrade(lab, "control-socket", "restart")
    with socket.create_server((lab.address, 10445)):
        lab.write_config(text=conf + f"listen {lab.address}:10445 {{ tls; }}\n")
        refused_upgrade(lab, "cannot listen", "10445")
    lab.write_config(text=conf)
    set_format(lab, 4, 99)              # F23: what runs is the newer one
    try:
        refused_upgrade(lab, "newer certd", "99")
    finally:
        set_format(lab, 99, 4)
    install(lab, b"#!/bin/sh\nexec sleep 1000\n")
    refused_upgrade(lab, "not ready within 30 s")

    talk(long_ones)
    load.stop_clean()
    install(lab, good)
    before = upgrade(lab)
    talk(long_ones)
    hang_up(long_ones)
    gone(before)


@scenario(single=True)
def single_is_not_upgraded(lab):
    lab.start()
    got = lab.ctl("upgrade")
    equal(got.code, 1, str(got))
    check("--single" in got.err, got.err)
    lab.add("a.test")


@scenario()
def process_1_is_not_upgraded(lab):
    """A container ends with it."""
    words = ["unshare", "--pid", "--fork"]
    if subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        raise Skip("no PID namespaces here")
    launcher = os.path.join(lab.directory, "launch")
    install(lab, f'#!/bin/sh\nexec {" ".join(words)} {lab.certd.binary} "$@"\n'.encode(), launcher)
    lab.certd.binary = launcher
    lab.start()
    inner = children_of(lab.certd.process.pid)[0][0]
    lab.on_close.callback(lambda: child.is_alive(inner) and os.kill(inner, signal.SIGKILL))
    equal(lab.certd.status()["pid"], 1, "its own pid")
    got = lab.ctl("upgrade")
    equal(got.code, 1, str(got))
    check("process 1" in got.err, got.err)
    lab.add("a.test")
    os.kill(inner, signal.SIGTERM)          # unshare itself ends with it
    gone(lab.certd.process)


@scenario(backend="echo")
def an_older_format_waits_for_the_keeper(lab):
    """Workers cannot open such a store, so they come after the keeper that upgrades it; until then
    connections wait in the kernel's queue."""
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    load = lab.load(["a.test"], rate=50, least=20)
    stuck = Stuck(lab)
    set_format(lab, 4, 1)
    upgrading = threading.Thread(target=lambda: answers.append(lab.ctl("upgrade")))
    answers = []
    try:
        upgrading.start()
        log_has(lab, "takes over: no more requests here")
        check("serves with 2 workers" not in lab.certd.log_text().split("takes over")[-1],
              "no workers before the keeper")
    finally:
        set_format(lab, 1, 4)           # the upgrade of the format itself is test_upgrade.c's
    upgrading.join()
    equal(answers[0].code, 0, str(answers[0]))
    gone(lab.certd.follow())
    accepted = lab.certd.status()["front"]["accepted"]
    wait_for(lambda: lab.certd.status()["front"]["accepted"] > accepted + 20, 10, "it accepts")
    load.stop_clean()
    stuck.socket.close()


# ---- kill -9, row by row of the table in docs/architecture.md ------------------------------------


def start_again(lab):
    """As a supervisor would, at once."""
    lab.certd.process.wait()
    lab.certd.start()
    lab.serial("a.test")


@scenario(backend="echo")
def kill_before_the_new_one_is_ready(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    good = lab.certd.binary + ".good"
    shutil.copy(lab.certd.binary, good)
    long_ones = open_long(lab)
    load = lab.load(["a.test"], rate=50)

    for victim in ("new", "keeper"):
        gate = hold_next(lab)
        upgrading = Upgrading(lab, gate)
        os.kill(upgrading.pid if victim == "new" else lab.certd.pids("keeper")[0], signal.SIGKILL)
        got = upgrading.end()
        equal(got.code, 1 if victim == "new" else 4, str(got))
        wait_for(lambda: not child.is_alive(upgrading.pid), 10, "the new one ends")
        lab.certd.wait_ready()
        os.remove(gate + ".held")
        shutil.copy(good, lab.certd.binary + ".copy")
        os.rename(lab.certd.binary + ".copy", lab.certd.binary)
    talk(long_ones)
    load.stop_clean()

    gate = hold_next(lab)
    upgrading = Upgrading(lab, gate)
    lab.certd.kill("parent")
    wait_for(lambda: not child.is_alive(upgrading.pid), 10, "the new one ends with the old one")
    upgrading.end()
    shutil.copy(good, lab.certd.binary + ".copy")
    os.rename(lab.certd.binary + ".copy", lab.certd.binary)
    start_again(lab)


@scenario(backend="echo")
def kill_when_the_new_one_is_ready_and_the_old_one_has_not_heard(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    good = lab.certd.binary + ".good"
    shutil.copy(lab.certd.binary, good)
    long_ones = open_long(lab)
    load = lab.load(["a.test"], rate=50)
    for victim in ("new", "old"):
        gate = hold_next(lab)
        upgrading = Upgrading(lab, gate)
        os.kill(lab.certd.process.pid, signal.SIGSTOP)
        shutil.copy(good, lab.certd.binary + ".copy")
        os.rename(lab.certd.binary + ".copy", lab.certd.binary)
        release(gate)
        wait_for(lambda: len(front_pids(child.Adopted(upgrading.pid))) == 2, 10, "new workers")
        wait_for(lambda: is_waiting(upgrading.pid), 10, "the new one has nothing to do")
        if victim == "old":
            load.stop_clean()
            lab.certd.kill("parent")
            wait_for(lambda: not child.is_alive(upgrading.pid), 10, "the new one ends with it")
            check(upgrading.end().code != 0, "certctl says so")
            start_again(lab)
            break
        long_ones += open_long(lab, 12)         # none of them by the new one, which is held
        os.kill(upgrading.pid, signal.SIGKILL)
        os.kill(lab.certd.process.pid, signal.SIGCONT)
        got = upgrading.end()
        equal(got.code, 1, str(got))
        talk(long_ones)
        os.remove(gate)
        os.remove(gate + ".held")


def is_waiting(pid):
    """Whether it sits in poll()."""
    with open(f"/proc/{pid}/syscall") as file:
        return file.read().split()[0] in ("7", "73")       # x86-64; aarch64 has ppoll() only


@scenario(backend="echo")
def kill_of_the_new_ones_roles(lab):
    """As soon as there is one: refused, or started again, or taken back, but served."""
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    long_ones = open_long(lab)
    codes = []
    for victim in ("certd-front", "certd-front", "certd-front", "certd-keeper", "certd-keeper"):
        old = lab.certd.process
        ctl = lab.certd.ctl_follow("upgrade")
        new = wait_for(lambda: [pid for pid, name in children_of(old.pid) if name == "certd"], 10,
                       "the new one")[0]
        found = wait_for(lambda: [pid for pid, name in children_of(new) if name == victim], 10,
                         f"its {victim}")
        os.kill(found[0], signal.SIGKILL)
        code, _, err = end_of(ctl)
        codes.append((victim, code))
        wait_for(lambda: lab.ctl("status").code == 0, 10, "somebody answers")
        check(code == 0 or (code == 1 and victim == "certd-front"), f"{victim}: {code} {err}")
        lab.certd.follow()
        equal(lab.certd.process.pid, new if code == 0 else old.pid, f"who answers: {err}")
        talk(long_ones)
        lab.serial("a.test")
    print(f"     {codes}")
    lab.add("b.test")
    hang_up(long_ones)


def hand_over_and_wait(lab):
    """An upgrade of which the old keeper has two seconds to go yet.  Returns new pid, certctl."""
    stuck = Stuck(lab)
    count = lab.certd.log_text().count("takes over: no more requests")
    ctl = lab.certd.ctl_follow("upgrade")
    wait_for(lambda: lab.certd.log_text().count("takes over: no more requests") > count, 10,
             "the new one takes over")
    new = next(pid for pid, name in children_of(lab.certd.process.pid) if name == "certd")
    return new, ctl, stuck


def end_of(ctl):
    out, err = ctl.communicate(timeout=60)
    return ctl.returncode, out, err


@scenario(backend="echo")
def kill_of_the_new_one_while_it_takes_over(lab):
    """The old one has everything still, and takes it back."""
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    long_ones = open_long(lab)
    parent = lab.certd.process.pid
    for _ in range(2):
        new, ctl, _ = hand_over_and_wait(lab)
        waiting = ask(lab, {"verb": "status"})      # in the queue of the control socket
        os.kill(new, signal.SIGKILL)
        equal(answer(waiting)[-1]["end"]["code"], 0, "who waited for a keeper gets the next one's answer")
        code, _, err = end_of(ctl)
        equal(code, 1, err)
        check("serves again" in err, err)
        equal(lab.certd.status()["pid"], parent, "who answers")
        lab.serial("a.test")
        talk(long_ones)
    equal(len(events(lab, "upgrade.failed")), 2, "events upgrade.failed")
    lab.add("b.test")
    before = upgrade(lab)
    talk(long_ones)
    hang_up(long_ones)
    gone(before)


@scenario(backend="echo")
def kill_of_the_new_one_when_its_keeper_answers(lab):
    """That keeper goes too, and must not take the old one's control socket with it."""
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    failed = 0
    while failed < 2:
        before = lab.certd.process
        new, ctl, _ = hand_over_and_wait(lab)
        end = time.monotonic() + 30
        while time.monotonic() < end and "certd-keeper" not in [n for _, n in children_of(new)]:
            pass
        os.kill(new, signal.SIGSTOP)        # before it hears that its keeper is ready, mostly
        end_of(ctl)                         # which that keeper answers
        os.kill(new, signal.SIGKILL)
        wait_for(lambda: before.poll() is not None or
                 lab.certd.log_text().count("this one serves again") > failed,
                 10, "the old one serves again, or has gone before")
        if before.poll() is not None:
            start_again(lab)
            continue
        failed += 1
        wait_for(lambda: lab.ctl("status").code == 0, 10, "it answers")
        equal(lab.certd.status()["pid"], before.pid, "who answers")
    os.unlink(lab.certd.socket_path)        # and a lost one comes back with the next keeper
    os.kill(keeper_of(lab.certd.process), signal.SIGKILL)
    wait_for(lambda: lab.ctl("status").code == 0, 10, "a new socket")
    equal(len(events(lab, "upgrade.failed")), 2, "events upgrade.failed")
    lab.add("b.test")


@scenario(backend="echo")
def kill_of_the_old_keeper_while_it_goes(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    load = lab.load(["a.test"], rate=50, least=10)
    new, ctl, _ = hand_over_and_wait(lab)
    os.kill(keeper_of(lab.certd.process), signal.SIGKILL)
    code, _, err = end_of(ctl)
    equal(code, 0, err)
    gone(lab.certd.follow())
    equal(lab.certd.process.pid, new, "who answers")
    os.kill(keeper_of(lab.certd.process), signal.SIGKILL)       # and the new one, soon after
    lab.certd.wait_ready()
    load.stop_clean()
    lab.add("b.test")


@scenario(backend="echo")
def kill_of_the_old_one_while_the_new_one_takes_over(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    load = lab.load(["a.test"], rate=50)
    new, ctl, _ = hand_over_and_wait(lab)
    os.kill(lab.certd.process.pid, signal.SIGKILL)
    code, _, err = end_of(ctl)
    equal(code, 0, err)
    gone(lab.certd.follow())
    equal(lab.certd.process.pid, new, "who answers")
    report = load.stop()
    equal(report["unconnected"], 0, f"connections refused: {report}")
    lab.add("b.test")


@scenario(backend="echo")
def kill_and_stop_while_the_old_one_drains(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")

    long_ones = open_long(lab)
    before = upgrade(lab)
    talk(long_ones)
    before.kill()                       # cuts what it had, and nothing else
    gone(before)
    lab.serial("a.test")
    lab.add("b.test")

    long_ones = open_long(lab)
    before = upgrade(lab)
    lab.certd.process.kill()            # what a supervisor would start again
    gone(lab.certd.process)
    talk(long_ones)
    start_again(lab)
    talk(long_ones)
    before.terminate()                  # SIGTERM to the one that drains: it does not wait 300 s
    equal(gone(before), 0, "exit status of the old certd after SIGTERM")
    lab.serial("a.test")

    long_ones = open_long(lab)
    before = upgrade(lab)
    talk(long_ones)
    equal(lab.certd.stop(), 0, "exit status of the new certd after SIGTERM")
    equal(gone(before), 0, "the old one, which drains, ends with it")
    lab.start()
    lab.serial("a.test")


@scenario(backend="echo")
def stop_while_the_new_one_starts(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    good = lab.certd.binary + ".good"
    shutil.copy(lab.certd.binary, good)
    upgrading = Upgrading(lab, hold_next(lab))
    equal(lab.certd.stop(), 0, "exit status")
    wait_for(lambda: not child.is_alive(upgrading.pid), 10, "the new one ends too")
    check(upgrading.end().code != 0, "certctl says that nothing came of it")
    os.rename(good, lab.certd.binary)
    lab.start()
    lab.serial("a.test")


@scenario(backend="echo")
def kills_at_random_moments_of_upgrades(lab):
    """Whoever dies: somebody serves afterwards, or a start puts it right; no name is lost."""
    seed = int(os.environ.get("SEED", time.time_ns() % 1000000))
    print(f"     SEED={seed}")
    dice = random.Random(seed)
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    names, outcomes = ["a.test"], {}
    for number in range(25):
        lab.ctl_ok("add", f"n{number}.test")
        names.append(f"n{number}.test")
        ctl = lab.certd.ctl_follow("upgrade")
        victim = dice.choice(("old", "new", "old keeper", "new keeper"))
        time.sleep(dice.uniform(0, dice.choice((0.12, 0.3))))
        old = lab.certd.process
        new = [child.Adopted(pid) for pid, name in children_of(old.pid) if name == "certd"]
        chosen = old if victim.startswith("old") else new[0] if new else None
        pid = chosen and (keeper_of(chosen) if victim.endswith("keeper") else chosen.pid)
        with contextlib.suppress(ProcessLookupError):       # it has gone by itself
            if pid:
                os.kill(pid, signal.SIGKILL)
        code, _, err = end_of(ctl)
        outcomes[(victim, code)] = outcomes.get((victim, code), 0) + 1
        lab.certd.elders += [old] + new
        end = time.monotonic() + 3 * PATIENCE
        while lab.ctl("status").code != 0 and time.monotonic() < end:
            time.sleep(0.05)
        if lab.ctl("status").code != 0:
            for process in [old] + new:
                wait_for(lambda: process.poll() is not None, 15, f"{victim}: all end: {err}")
            lab.certd.start()
        else:
            lab.certd.process = child.Adopted(lab.certd.status()["pid"])
        lab.serial("a.test")
        keepers = [p for p in map(keeper_of, {q.pid: q for q in lab.certd.elders +
                                              [lab.certd.process]}.values()) if p]
        check(len(keepers) <= 1 or wait_for(lambda: sum(map(child.is_alive, keepers)) == 1, 5,
                                            "one keeper"), "one keeper")
        equal(sorted(lab.certd.names()), sorted(names), "names")
    print(f"     {outcomes}")


# ---- what else is in work ------------------------------------------------------------------------


def ask(lab, request):
    """A raw connection that has sent REQUEST and read nothing yet."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(30)
    made.connect(lab.certd.socket_path)
    if request:
        made.sendall(json.dumps(request).encode() + b"\n")
    return made


def answer(made):
    """The lines up to the one with "end", which comes last."""
    lines, data = [], b""
    while not (lines and "end" in lines[-1]):
        part = made.recv(65536)
        check(part, f"closed after {lines}")
        data += part
        *whole, data = data.split(b"\n")
        lines += [json.loads(line) for line in whole]
    return lines


@scenario()
def what_is_in_work_gets_a_clear_answer(lab):
    own_binary(lab)
    lab.start()
    lab.add("a.test")
    good = lab.certd.binary + ".good"
    shutil.copy(lab.certd.binary, good)
    gate = hold_next(lab)
    upgrading = Upgrading(lab, gate)
    for words in (["db", "backup", lab.directory + "/backup"], ["key", "rotate"],
                  ["key", "master"]):
        got = lab.ctl(*words)
        equal(got.code, 6, str(got))
        check("upgrade" in got.err, got.err)
    got = lab.ctl("reload")
    equal(got.code, 1, str(got))
    check("upgrade is in work" in got.err, got.err)
    lab.certd.signal(signal.SIGHUP)
    wait_for(lambda: lab.certd.log_text().count("reload refused, an upgrade") == 2, 10,
             "SIGHUP is refused too")
    check(not os.path.exists(lab.directory + "/backup"), "no half of a backup")
    joined = ask(lab, {"verb": "upgrade"})      # its answer is the same
    follower = lab.certd.ctl_follow("events", "--follow")
    waiter = lab.certd.ctl_follow("wait", "never.test", "a.test")
    waiting = ask(lab, {"verb": "events", "follow": True})
    lab.ctl_ok("add", "b.test")                 # everything else goes on
    os.rename(good, lab.certd.binary)
    release(gate)
    got = upgrading.end()
    equal(got.code, 0, str(got))
    check("upgrade" in answer(joined)[0], "who asked second has the answer too")
    before = lab.certd.follow()
    gone(before)
    while waiting.recv(65536):                  # ends, and without an error
        pass
    lab.ctl_ok("remove", "b.test")
    for line in follower.stdout:
        if "name.removed" in line:
            break
    else:
        raise AssertionError("certctl events --follow goes on with the new certd")
    follower.kill()
    follower.communicate()
    waiter.communicate(timeout=30)

    # A reload, and a backup, that are not through yet.
    os.kill(lab.certd.process.pid, signal.SIGSTOP)
    reloading = ask(lab, {"verb": "reload"})
    lab.certd.status()
    busy = answer(ask(lab, {"verb": "upgrade"}))[-1]["end"]
    equal(busy["error"]["code"], "busy", "upgrade during a reload")
    os.kill(lab.certd.process.pid, signal.SIGCONT)
    equal(answer(reloading)[-1]["end"]["code"], 0, "the reload")
    first, second = ask(lab, None), ask(lab, None)
    lab.certd.status()
    keeper = keeper_of(lab.certd.process)
    os.kill(keeper, signal.SIGSTOP)
    first.sendall(json.dumps({"verb": "db.backup",
                              "directory": lab.directory + "/backup"}).encode() + b"\n")
    second.sendall(b'{"verb":"upgrade"}\n')
    os.kill(keeper, signal.SIGCONT)
    busy = answer(second)[-1]["end"]
    equal(busy["error"]["code"], "busy", "upgrade during a backup")
    equal(answer(first)[-1]["end"]["code"], 0, "the backup")


@scenario(tap=True)
def who_waits_for_a_name_gets_it_from_the_new_one(lab):
    own_binary(lab)
    lab.start()
    lab.tap.hold = lambda path: 0.3         # the CA takes its time
    adding = lab.certd.ctl_follow("add", "a.test", "--wait", "-o", "ndjson")
    wait_for(lambda: (lab.certd.show("a.test") or {}).get("order"), 10, "an order")
    gone(upgrade(lab))
    out, err = adding.communicate(timeout=60)
    equal(adding.returncode, 0, out + err)
    check("waiting for it to come back" in err, err)
    equal(lab.tap.overlapping(), [], "second orders while the first was alive")
    lab.serial("a.test")


@scenario()
def an_import_goes_on_over_upgrades(lab):
    count = 3000
    own_binary(lab)
    lab.start()
    tool = os.path.join(BUILD, "tests", "support", "gencerts")
    certs = os.path.join(lab.directory, "certs.ndjson")
    with open(certs, "wb") as out:
        subprocess.run([tool, "-k", "4", str(count), lab.directory + "/ca.pem"], stdout=out,
                       check=True)
    importing = lab.certd.ctl_follow("import", "-f", certs, "-o", "names")
    upgrades = 0
    while importing.poll() is None and upgrades < 5:
        upgrade(lab)
        upgrades += 1
    out, err = importing.communicate(timeout=120)
    equal(importing.returncode, 0, err[-1000:])
    equal(len(set(out.split())), count, "names that certctl says are done")
    equal(lab.certd.status()["names"]["total"], count, "names")
    equal(lab.certd.status()["names"]["valid"], count, "names with a certificate")
    print(f"     {upgrades} upgrades")
    check(upgrades >= 2, "at least two upgrades during the import")


# ---- the service manager -------------------------------------------------------------------------


class Manager:
    """The end of NOTIFY_SOCKET that systemd has, with its store of descriptors."""

    def __init__(self, lab):
        self.path = os.path.join(lab.directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said, self.stored = [], {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            text, fds, _, _ = socket.recv_fds(self.socket, 4096, 8)
            words = dict(line.split("=", 1) for line in text.decode().split("\n"))
            if "FDSTORE" in words:
                self.stored.setdefault(words["FDNAME"], []).extend(fds)
            elif "FDSTOREREMOVE" in words:
                for fd in self.stored.pop(words["FDNAME"], []):
                    os.close(fd)
            self.said.append(words)

    def has(self, **words):
        return any(words.items() <= said.items() for said in self.said)


@scenario()
def the_service_manager_is_told_and_keeps_the_sockets(lab):
    own_binary(lab)
    manager = Manager(lab)
    os.environ["NOTIFY_SOCKET"] = manager.path
    lab.on_close.callback(os.environ.pop, "NOTIFY_SOCKET", None)
    lab.write_config(extra=f"listen {lab.address}:10444 {{ tls; }}\n")
    lab.start()
    lab.add("a.test")
    first = lab.certd.process.pid
    wait_for(lambda: manager.has(READY="1", MAINPID=str(first)), 5, "READY=1")
    name = "certd_%s_%d" % lab.https
    wait_for(lambda: len(manager.stored.get(name, [])) == 2, 5, "two sockets are stored")
    before = upgrade(lab)
    gone(before)
    wait_for(lambda: manager.has(MAINPID=str(lab.certd.process.pid)), 5, "MAINPID=")
    lab.write_config(extra="broken;\n")
    expect_code(lab.ctl("reload"), 1)
    wait_for(lambda: any('unknown word "broken"' in said.get("STATUS", "") for said in manager.said),
             5, "why it was refused")
    manager.said.clear()
    lab.write_config()
    lab.ctl_ok("reload")
    wait_for(lambda: manager.has(STATUS=""), 5, "nothing is wrong any more")
    wait_for(lambda: f"certd_{lab.address}_10444" not in manager.stored, 5,
             "a socket that is not needed is taken back")

    # All is killed; what the manager has keeps the port, and clients wait on it.
    everybody = [pid for pid, _ in children_of(lab.certd.process.pid)]
    lab.certd.kill("parent")
    wait_for(lambda: not any(map(child.is_alive, everybody)), 10, "the roles end")
    waiting = [socket.create_connection(lab.https) for _ in range(6)]
    fds = [fd for name in manager.stored for fd in set_of_sockets(manager.stored[name])]
    launcher = os.path.join(lab.directory, "launch")
    install(lab, LAUNCHER.encode(), launcher)
    binary, lab.certd.binary = lab.certd.binary, launcher
    os.environ["LAUNCH"] = f"{binary} {' '.join(map(str, fds))}"
    lab.on_close.callback(os.environ.pop, "LAUNCH", None)
    for fd in fds:
        os.set_inheritable(fd, True)
    lab.certd.start(close_fds=False)
    lab.certd.binary = binary
    for raw in waiting:
        tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test").close()
    lab.serial("a.test")
    before = upgrade(lab)       # LISTEN_FDS are not for the next one
    gone(before)
    lab.serial("a.test")
    equal(lab.certd.stop(), 0, "exit status")
    check(manager.has(STOPPING="1"), "STOPPING=1")


LAUNCHER = """#!/usr/bin/python3
import os, sys
binary, *fds = os.environ.pop("LAUNCH").split()
copies = [os.dup(os.dup(os.dup(int(fd)))) for fd in fds]
for at, fd in enumerate(copies):
    os.dup2(fd, 3 + at, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.closerange(3 + len(fds), 256)
os.execv(binary, [binary] + sys.argv[1:])
"""


def set_of_sockets(fds):
    """One descriptor for each socket: the same may have come several times."""
    return {os.fstat(fd).st_ino: fd for fd in fds}.values()


if __name__ == "__main__":
    child.become_subreaper()
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The store's keys: rotation, a change of the master key, what a kill leaves of both, and where the
master key comes from. F and A numbers are those of the list of faults and attacks that certd is
built against."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tlsclient  # noqa: E402
from certd import BUILD  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from storelab import certd_itself, events, serials_of, start_refused, state  # noqa: E402

NAMES = [f"n{i:02}.test" for i in range(12)]
DEAD_CA = "ca dead { directory https://127.0.0.1:9/dir; account a@example.com; agree-terms; }"


def begin(lab, *names, handshake="2s"):
    """Short handshakes: a rotation waits for those of replaced workers."""
    lab.write_config(text=lab.config().replace("{ tls; }", f"{{ tls; handshake-timeout {handshake}; }}")
                     .replace("{ http; }", f"{{ http; handshake-timeout {handshake}; }}"))
    lab.start()
    lab.add(*names)
    return serials_of(lab, names)


def front(lab):
    """The workers, once all are there."""
    return wait_for(lambda: len(lab.certd.pids("front")) == 2 and lab.certd.pids("front"), 10,
                    "two workers")


def key_status(lab):
    return lab.ctl_ok("key", "status", "-o", "json").json()


def wait_rotated(lab, key_id, seconds=60):
    wait_for(lambda: not key_status(lab)["rotating"], seconds, "the rotation ends")
    equal(key_status(lab)["key_id"], key_id, "the data key's number")


def wait_left_below(lab, most):
    """Until the rotation is somewhere in its middle; how many are left."""
    def left():
        status = key_status(lab)
        check(status["rotating"] and status["left"] > 0, f"in the middle of it: {status}")
        return status["left"] if status["left"] < most else None
    return wait_for(left, 30, f"fewer than {most} records are left")


def only_key(lab, number):
    """A backup has no free pages, so what it has of data keys is all there is."""
    target = os.path.join(lab.directory, f"keys-{number}")
    lab.ctl_ok("db", "backup", target)
    for folder in ("served", "private"):
        with open(os.path.join(target, folder, "data.mdb"), "rb") as file:
            data = file.read()
        equal([n for n in range(1, 9) if b"key.%d" % n in data], [number],
              f"data keys in {folder}")


def another_key(lab, path):
    """A change of the master key, killed when the new key was written aside."""
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), 0o400)
        file.write(os.urandom(32))


def is_settled(lab):
    return not os.path.exists(state(lab, "master.key.next"))


def half_changed(lab):
    """private/ is under the new master key, served/ under the old one, which has its name still."""
    lab.certd.stop()
    shutil.copytree(state(lab, "served"), lab.directory + "/served")
    shutil.copy(state(lab, "master.key"), lab.directory + "/old.key")
    lab.start()
    lab.ctl_ok("key", "master")
    lab.certd.stop()
    shutil.rmtree(state(lab, "served"))
    os.rename(lab.directory + "/served", state(lab, "served"))
    os.rename(state(lab, "master.key"), state(lab, "master.key.next"))
    os.rename(lab.directory + "/old.key", state(lab, "master.key"))


def digest(lab):
    """Of all that must stay as it is when nobody may write."""
    found = {}
    for path in ("master.key", "master.key.next", "served/data.mdb", "private/data.mdb"):
        with open(state(lab, path), "rb") as file:
            found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


# ---- rotation -------------------------------------------------------------------------------------


@scenario(config=DEAD_CA)
def key_rotation_under_load_with_kills_in_its_middle(lab):
    serials = begin(lab, *NAMES)
    for k in range(5):
        lab.ctl_ok("add", *[f"p{k}-{i:03}.test" for i in range(900)], "--ca", "dead")
    load = lab.load(NAMES, rate=200, least=100)
    lab.ctl_ok("key", "rotate")
    expect_code(lab.ctl("key", "rotate"), 6)
    left = key_status(lab)["left"]
    check(left > 4 * len(NAMES), f"there is something to do: {left}")
    for i in range(2):
        left = wait_left_below(lab, left)
        lab.certd.kill("keeper")
        lab.certd.wait_ready()
        check(not events(lab, "key.rotated"), "it is not told before its end")
        lab.add(f"during{i}.test")      # under the new key, beside records under the old one
        lab.serial(f"during{i}.test")
    load.stop_clean()
    wait_left_below(lab, left)
    lab.certd.kill("parent", "keeper", "front")
    lab.start()
    load = lab.load(NAMES, rate=200, least=50)
    status = key_status(lab)
    check(status["rotating"] and status["left"] > 0, f"it goes on where it was: {status}")
    equal(serials_of(lab, NAMES), serials, "certificates in the middle of it")
    wait_rotated(lab, 2)
    wait_for(lambda: events(lab, "key.rotated"), 5, "the event")
    load.stop_clean()
    equal(len(events(lab, "key.rotated")), 1, "it is told once")
    only_key(lab, 2)
    equal(serials_of(lab, NAMES), serials, "certificates")
    lab.add("after.test")
    lab.ctl_ok("db", "check")
    lab.certd.stop()
    lab.start()
    equal(serials_of(lab, NAMES), serials, "certificates after a restart")


@scenario(config=DEAD_CA)
def a_rotation_killed_between_its_two_beginnings(lab):
    """private/ has the new data key, served/ has not heard of it."""
    serials = begin(lab, *NAMES[:4])
    lab.ctl_ok("add", *[f"p{i:03}.test" for i in range(900)], "--ca", "dead")
    lab.certd.stop()
    shutil.copytree(state(lab, "served"), lab.directory + "/served")
    lab.start()
    lab.ctl_ok("key", "rotate")
    lab.certd.kill("parent", "keeper", "front")
    shutil.rmtree(state(lab, "served"))
    os.rename(lab.directory + "/served", state(lab, "served"))
    lab.start()
    told = wait_for(lambda: events(lab, "key.rotated"), 60, "the event")
    equal(key_status(lab), {**key_status(lab), "rotating": False, "key_id": 2}, "when it is told")
    equal(len(told), 1, "it is told once")
    only_key(lab, 2)
    equal(serials_of(lab, NAMES[:4]), serials, "certificates")
    lab.ctl_ok("db", "check")


# ---- the master key -------------------------------------------------------------------------------


@scenario()
def the_master_key_changes_under_load(lab):
    begin(lab, *NAMES[:4])
    key = open(state(lab, "master.key"), "rb").read()
    load = lab.load(NAMES[:4], rate=100, least=50)
    lab.ctl_ok("key", "master")
    check(open(state(lab, "master.key"), "rb").read() != key, "a new key")
    check(is_settled(lab), "nothing is left beside it")
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    lab.ctl_ok("key", "rotate")
    lab.add("after.test")
    wait_rotated(lab, 2)
    load.stop_clean()
    os.kill(lab.certd.pids("front")[0], 9)
    lab.wait_served([*NAMES[:4], "after.test"], 10)
    lab.ctl_ok("renew", NAMES[0], "--wait")
    lab.certd.stop()
    os.chmod(state(lab, "master.key"), 0o600)
    with open(state(lab, "master.key"), "wb") as file:     # the first one opens nothing any more
        file.write(key)
    start_refused(lab, "another master key", "bring that key back")


@scenario()
def a_keeper_that_finds_half_a_change_has_the_workers_replaced(lab):
    serials = begin(lab, *NAMES)
    load = lab.load(NAMES, rate=100, least=50)
    workers = front(lab)
    another_key(lab, state(lab, "master.key.next"))
    new = open(state(lab, "master.key.next"), "rb").read()
    answer = expect_code(lab.ctl("db", "check"), 0)     # its process has to know of both, too
    check(" 0 damaged" in answer.out, f"a check in between\n{answer}")
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    check(is_settled(lab), "the change is through")
    equal(open(state(lab, "master.key"), "rb").read(), new, "the key")
    wait_for(lambda: len(set(lab.certd.pids("front")) - set(workers)) == len(workers), 10,
             "new workers, which have the new key")
    wait_for(lambda: events(lab, "config.reloaded"), 10, "the old ones drain")
    lab.ctl_ok("key", "rotate")
    wait_rotated(lab, 2)
    load.stop_clean()
    equal(serials_of(lab, NAMES), serials, "certificates")
    check("older master key" not in lab.certd.log_text(), "no worker is locked out")


@scenario()
def workers_that_were_not_replaced_start_again(lab):
    """The file of the configuration is broken when it matters, so there is no reload."""
    serials = begin(lab, *NAMES)
    lab.certd.stop()
    lab.start()                 # no worker has a name in its cache
    workers = front(lab)
    another_key(lab, state(lab, "master.key.next"))
    with open(lab.conf_path) as file:
        good = file.read()
    lab.write_config(text=good + "nonsense;\n")
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    wait_for(lambda: events(lab, "config.rejected"), 10, "the reload is refused")
    equal(sorted(lab.certd.pids("front")), sorted(workers), "the workers are the old ones")
    lab.ctl_ok("key", "rotate")
    wait_rotated(lab, 2)
    for _ in range(20):         # both workers are asked, whatever they answer
        for name in NAMES:
            lab.is_served(name)
        if not set(lab.certd.pids("front")) & set(workers):
            break
    wait_for(lambda: len(set(lab.certd.pids("front")) - set(workers)) == len(workers), 10,
             "the workers are new")
    lab.wait_served(NAMES, 10)
    for _ in range(5):
        equal(serials_of(lab, NAMES), serials, "certificates")
    equal(lab.certd.log_text().count("older master key than the store"), len(workers),
          "each worker says so, and ends, once")
    check(not events(lab, "store.corrupt"), "nobody takes it for damage")
    lab.write_config(text=good)


@scenario()
def replaced_workers_end_their_handshakes_before_a_rotation(lab):
    """A worker that drains takes no new connection, and the store is read with the keys it has until
    the last handshake it had begun can be over."""
    begin(lab, *NAMES, handshake="4s")
    lab.certd.stop()
    lab.start()                 # no worker has a name in its cache
    workers = front(lab)
    kept = [lab.connect(NAMES[0]) for _ in range(8)]     # old workers stay as long as these
    begun = [Halfway(lab, name) for name in NAMES[1:4]]
    wait_for(lambda: lab.certd.status()["front"]["connections"] >= len(kept) + len(begun), 10,
             "they are accepted")
    lab.ctl_ok("key", "master")
    rotate = subprocess.Popen([os.path.join(BUILD, "certctl"), "--socket", lab.certd.socket_path,
                               "key", "rotate", "-o", "json"], stdout=subprocess.PIPE, text=True)
    for one in begun:
        equal(key_status(lab)["key_id"], 1, "the rotation has not begun")
        one.finish()
    out, _ = rotate.communicate(timeout=30)
    equal(rotate.returncode, 0, f"certctl key rotate: {out}")
    wait_rotated(lab, 2)
    check(set(lab.certd.pids("front")) & set(workers), "old workers drain")
    for _ in range(5):          # they would fail there: nothing is cached, the data key is unknown
        for name in NAMES[4:]:
            lab.serial(name)
    check("older master key" not in lab.certd.log_text(), "no worker was locked out")
    for tls in kept:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        check(tls.recv(100).startswith(b"HTTP/1.1 200"), "what was open goes on")
        tls.close()
    wait_for(lambda: not set(lab.certd.pids("front")) & set(workers), 20, "the old ones are gone")


class Halfway:
    """A handshake of which the first bytes are sent."""

    def __init__(self, lab, name):
        self.raw = socket.create_connection(lab.https, timeout=10)
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tlsclient.context(lab.root).wrap_bio(self.inward, self.outward,
                                                        server_hostname=name)
        self._step()
        hello = self.outward.read()
        self.raw.sendall(hello[:40])
        self.rest = hello[40:]

    def _step(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def finish(self):
        """The rest of it; the certificate is verified."""
        self.raw.sendall(self.rest)
        while not self._step():
            self.raw.sendall(self.outward.read())
            got = self.raw.recv(16384)
            check(got, "the handshake goes on")
            self.inward.write(got)
        self.raw.close()


@scenario()
def a_change_of_the_master_key_killed_in_its_middle(lab):
    serial = begin(lab, "a.test")["a.test"]
    half_changed(lab)
    before = digest(lab)
    answer = expect_code(certd_itself(lab, "--db-check"), 0)
    check(" 0 damaged" in answer.out, f"clean\n{answer}")
    equal(digest(lab), before, "what only reads has written nothing")
    expect_code(certd_itself(lab, "--db-compact"), 0)
    check(not is_settled(lab), "that is for the keeper to end")
    lab.start()
    equal(lab.serial("a.test"), serial, "what is served")
    check(is_settled(lab), "the change is through")
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.ctl_ok("db", "check")
    lab.ctl_ok("key", "rotate")
    wait_rotated(lab, 2)


@scenario()
def a_backup_of_half_a_change_is_restored(lab):
    serial = begin(lab, "a.test")["a.test"]
    half_changed(lab)
    target = os.path.join(lab.directory, "half")
    os.mkdir(target)
    for folder in ("served", "private"):
        shutil.move(state(lab, folder), target)
    open(os.path.join(target, "complete"), "w").close()
    for folder, _, files in os.walk(target):
        for file in files:
            if file == "lock.mdb":
                os.remove(os.path.join(folder, file))
    expect_code(lab.ctl("--config", lab.conf_path, "db", "restore", target), 0)
    lab.start()
    equal(lab.serial("a.test"), serial, "what is served")
    check(is_settled(lab), "the change is through")


@scenario()
def F23_A19_wrong_and_missing_keys(lab):
    made = expect_code(certd_itself(lab, f"--key-init={lab.directory}/a.key"), 0)
    equal(os.stat(f"{lab.directory}/a.key").st_mode & 0o777, 0o400, f"mode\n{made}")
    expect_code(certd_itself(lab, f"--key-init={lab.directory}/a.key"), 6)
    expect_code(lab.ctl("--config", lab.conf_path, "key", "init", f"{lab.directory}/a.key"), 6)
    lab.start()
    lab.add("a.test")
    lab.certd.stop()
    key = state(lab, "master.key")
    os.rename(key, key + ".away")
    start_refused(lab, "master key", "is not there", "bring the key back")
    shutil.copy(f"{lab.directory}/a.key", key)
    start_refused(lab, "another master key", "bring that key back")
    os.remove(key)
    os.rename(key + ".away", key)
    for file in ("served", "private"):      # A19: nothing of it is readable without the key
        data = open(state(lab, file, "data.mdb"), "rb").read()
        check(b"BEGIN" not in data and b"ops@example.com" not in data, "sealed")
    lab.start()
    lab.serial("a.test")


@scenario()
def the_master_key_as_a_systemd_credential(lab):
    """As systemd 252 gives it: root's, 0440 where an access list names the user, in a directory that
    nobody writes to."""
    folder = os.path.join(lab.directory, "credentials")
    path = os.path.join(folder, "certd.master")
    os.mkdir(folder, 0o700)
    expect_code(certd_itself(lab, f"--key-init={path}"), 0)
    os.chmod(path, 0o440)
    os.chmod(folder, 0o550)
    os.environ["CREDENTIALS_DIRECTORY"] = folder
    try:
        serial = begin(lab, "a.test")["a.test"]
        check(not os.path.exists(state(lab, "master.key")), "no other key is made")
        answer = lab.ctl("key", "master")
        check(answer.code != 0 and "systemd credential" in answer.err, f"what to do\n{answer}")
        lab.ctl_ok("key", "rotate")
        lab.ctl_ok("db", "check")
        lab.certd.kill("keeper")
        lab.certd.wait_ready()
        lab.certd.stop()
        answer = expect_code(lab.ctl("--config", lab.conf_path, "db", "check"), 0)
        check(" 0 damaged" in answer.out, f"clean\n{answer}")
        lab.start()
        equal(lab.serial("a.test"), serial, "what is served")
        lab.certd.stop()
        os.chmod(path, 0o444)
        start_refused(lab, "certd.master", "open to other users")
        os.chmod(path, 0o400)
        os.rename(path, path + ".away")
        start_refused(lab, "master key", "is not there", "bring")
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]


@scenario()
def a_broken_file_keeps_the_master_key_as_it_is(lab):
    """Workers that could not be replaced would be left with a key that opens nothing new."""
    begin(lab, "a.test")
    with open(lab.conf_path) as file:
        good = file.read()
    lab.write_config(text=good + "nonsense;\n")
    answer = lab.ctl("key", "master")
    equal(answer.code, 6, str(answer))
    check("nothing was changed" in answer.err, str(answer))
    lab.ctl_ok("key", "rotate")
    wait_rotated(lab, 2)
    lab.serial("a.test")
    lab.write_config(text=good)
    lab.ctl_ok("key", "master")
    lab.ctl_ok("key", "rotate")
    lab.add("b.test")
    for name in ("a.test", "b.test"):
        lab.serial(name)


# ---- one process -----------------------------------------------------------------------------------


@scenario(single=True, config=DEAD_CA)
def all_of_it_in_one_process(lab):
    begin(lab, *NAMES[:4])
    lab.ctl_ok("add", *[f"p{i:03}.test" for i in range(500)], "--ca", "dead")
    load = lab.load(NAMES[:4], rate=50)
    lab.ctl_ok("key", "rotate")
    lab.ctl_ok("db", "backup", lab.directory + "/backup")
    lab.ctl_ok("db", "check")
    lab.ctl_ok("key", "master")
    wait_for(lambda: not lab.ctl_ok("key", "status", "-o", "json").json()["rotating"], 30,
             "the rotation ends")
    lab.ctl_ok("key", "rotate")
    lab.add("after.test")
    lab.ctl_ok("db", "stat")
    load.stop_clean()
    wait_for(lambda: not key_status(lab)["rotating"], 30, "the rotation ends")
    half_changed(lab)
    lab.start()
    check(is_settled(lab), "the change is through")
    lab.serial("after.test")
    lab.ctl_ok("renew", NAMES[0], "--wait")


if __name__ == "__main__":
    main()

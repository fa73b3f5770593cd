#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workers as a user of their own: what they get of the store, and what they do not."""

import grp
import os
import pwd
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
from certd import run  # noqa: E402
from lab import Skip, check, equal, main, scenario, wait_for  # noqa: E402

USER = "nobody"


def words_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {word: text.split() for word, text in (line.split(":", 1) for line in file)}


def as_front(*words):
    group = grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name
    return subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={group}", "--clear-groups", *words],
                          capture_output=True, check=False).returncode


def start(lab):
    if os.geteuid() != 0:
        raise Skip("only root may change users")
    os.chmod(lab.directory, 0o711)
    lab.write_config(extra=f"front-user {USER};\n")
    lab.start()


def assert_workers_own_nothing(lab):
    user = pwd.getpwnam(USER)
    for pid in lab.certd.pids("front"):
        words = words_of(pid)
        equal(words["Uid"], [str(user.pw_uid)] * 4, "uid of a worker")
        equal(words["Gid"], [str(user.pw_gid)] * 4, "gid of a worker")
        equal(words["Groups"], [], "its other groups")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(int(words[kind][0], 16), 0, kind)
    equal(words_of(lab.certd.pids("keeper")[0])["Uid"], ["0"] * 4, "uid of the keeper")


@scenario()
def workers_are_another_user_who_reads_served_alone(lab):
    start(lab)
    lab.add("a.test")
    assert_workers_own_nothing(lab)
    state = f"{lab.directory}/state"
    equal(as_front("cat", f"{state}/served/data.mdb"), 0, "reading served/")
    for path in ("private/data.mdb", "master.key", "certd.lock"):
        check(os.path.exists(f"{state}/{path}"), f"{path} is there")
        check(as_front("cat", f"{state}/{path}") != 0, f"{path} is closed to workers")
    check(as_front("dd", "if=/dev/null", f"of={state}/served/data.mdb", "conv=notrunc") != 0,
          "served/ is not theirs to write")
    check(as_front(f"{lab.certd.binary[:-len('certd')]}certctl", "--socket", lab.certd.socket_path,
                   "status") != 0, "nor the control socket to ask")
    equal(stat.S_IMODE(os.stat(state).st_mode), 0o750, "mode of the state directory")


@scenario()
def they_are_killed_replaced_reloaded_and_restarted_as_any(lab):
    start(lab)
    lab.add("a.test")
    os.kill(lab.certd.pids("front")[0], signal.SIGKILL)
    wait_for(lambda: len(lab.certd.pids("front")) == 2, 10, "the worker is replaced")
    lab.serial("a.test")
    before = lab.certd.pids("front")
    lab.ctl_ok("reload", "--wait")
    wait_for(lambda: not set(before) & set(lab.certd.pids("front")), 10, "workers are swapped")
    lab.serial("a.test")
    assert_workers_own_nothing(lab)
    everybody = lab.certd.pids("front") + lab.certd.pids("keeper")
    lab.certd.kill("parent")
    wait_for(lambda: not any(map(child.is_alive, everybody)), 10, "roles end with their parent")
    lab.start()
    lab.serial("a.test")
    assert_workers_own_nothing(lab)


@scenario()
def a_store_from_before_is_opened_to_them_at_a_reload(lab):
    if os.geteuid() != 0:
        raise Skip("only root may change users")
    os.chmod(lab.directory, 0o711)
    lab.start()
    lab.add("a.test")
    lab.write_config(extra=f"front-user {USER};\n")
    lab.ctl_ok("reload", "--wait")
    lab.serial("a.test")
    wait_for(lambda: len(lab.certd.pids("front")) == 2, 10, "the old workers are gone")
    assert_workers_own_nothing(lab)


@scenario()
def without_the_right_to_change_users_it_does_not_start(lab):
    start(lab)
    equal(lab.certd.stop(), 0, "exit status")
    os.chown(f"{lab.directory}/state", pwd.getpwnam(USER).pw_uid, -1)
    lab.write_config(extra="front-user daemon;\n")
    os.chmod(lab.conf_path, 0o644)
    got = run(["setpriv", f"--reuid={USER}", "--clear-groups", "--inh-caps=-all", lab.certd.binary, "-c",
               lab.conf_path], ["(certd as another user)"], 15, None)
    equal(got.code, 1, "exit status")
    check("front-user daemon: certd may not change users" in got.err, got.err)
    os.chown(f"{lab.directory}/state", 0, -1)
    lab.write_config()
    lab.start()


if __name__ == "__main__":
    main()

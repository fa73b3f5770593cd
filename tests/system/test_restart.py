#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a stop and a start keep, and what the state directory looks like."""

import os
import signal
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import run  # noqa: E402
from lab import PATIENCE, check, equal, main, scenario, wait_for  # noqa: E402


@scenario()
def restart_with_the_ca_down_serves_everything(lab):
    lab.start()
    names = [f"n{i}.test" for i in range(10)]
    lab.add(*names)
    serials = {name: lab.serial(name) for name in names}
    equal(lab.certd.stop(), 0, "exit status after SIGTERM")
    lab.pebble.close()

    began = time.monotonic()
    lab.start()
    for name in names:
        equal(lab.serial(name), serials[name], f"certificate of {name} after the restart")
    took = time.monotonic() - began
    check(took < 3 * PATIENCE, f"start and ten handshakes took {took:.1f} s")
    for name in names:
        equal(lab.certd.show(name)["state"], "valid", f"state of {name}")


@scenario()
def stop_is_quick_and_leaves_nothing(lab):
    lab.start()
    lab.add("a.test")
    with lab.connect("a.test"):
        began = time.monotonic()
        equal(lab.certd.stop(), 0, "exit status with a connection open")
        took = time.monotonic() - began
    check(took < 8 * PATIENCE, f"the stop took {took:.1f} s")
    check(not os.path.exists(lab.certd.socket_path), "the control socket is removed")
    equal(lab.ctl("status").code, 4, "exit code of certctl without a daemon")
    lab.start()


@scenario()
def a_second_certd_takes_nothing_from_the_first(lab):
    """Not its store, not half of its port, not its control socket."""
    lab.start()
    lab.add("a.test")
    text = lab.config()
    state = f"state-directory {lab.directory}/state;"
    check(state in text, "the configuration names the state directory")
    others = {
        "store": text,
        "port": text.replace(state, f"state-directory {lab.directory}/other;").replace(
            "/control.sock", "/other.sock"),
    }
    for what, conf in others.items():
        path = os.path.join(lab.directory, f"second-{what}.conf")
        with open(path, "w") as file:
            file.write(conf)
        got = lab.certd.run_second(path)
        equal(got.code, 1, f"exit status of a second certd with the same {what}")
        check("use" in got.err or "runs" in got.err or "another" in got.err, got.err)
    for _ in range(20):
        lab.serial("a.test")
    equal(lab.ctl("status").code, 0, "the first one answers")


@scenario()
def private_keys_are_sealed(lab):
    lab.start()
    lab.add("a.test")
    state = os.path.join(lab.directory, "state")
    key = os.stat(os.path.join(state, "master.key"))
    equal(stat.filemode(key.st_mode), "-r--------", "mode of master.key")
    for folder, _, files in os.walk(state):
        for file in files:
            path = os.path.join(folder, file)
            with open(path, "rb") as stored:
                data = stored.read()
            for clear in (b"PRIVATE KEY", b"BEGIN EC"):
                check(clear not in data, f"{path} holds a private key in clear")


@scenario()
def a_second_certd_on_the_same_state_is_refused(lab):
    lab.start()
    lab.add("a.test")
    checked = lab.certd.check_config(lab.conf_path)
    equal(checked.code, 0, "certd --check beside a running certd")
    other = run([lab.certd.binary, "-c", lab.conf_path], ["(second certd)"], 15, None)
    check(other.code != 0, "a second certd must not start")
    check(other.err.strip(), "and says why")
    lab.serial("a.test")
    equal(lab.ctl("status").code, 0, "the first one still answers")


@scenario()
def a_role_that_hangs_is_replaced(lab):
    """By its parent, which looks each second and kills who has not moved for long."""
    lab.start()
    lab.add("a.test")
    for role, seconds in (("front", 10), ("keeper", 30)):
        before = lab.certd.pids(role)
        os.kill(before[0], signal.SIGSTOP)
        wait_for(lambda: before[0] not in lab.certd.pids(role) and
                 len(lab.certd.pids(role)) == len(before), seconds * PATIENCE + 30,
                 f"another {role} is there")
        for _ in range(20):
            lab.serial("a.test")
    wait_for(lambda: lab.ctl("status").code == 0, 10, "the new keeper answers")


@scenario(backend="echo")
def sigterm_to_everybody_is_the_parents_business(lab):
    """As a service manager sends it: what is open has the time that the parent gives it."""
    lab.start()
    lab.add("a.test")
    roles = lab.certd.pids("front") + lab.certd.pids("keeper")
    for pid in roles:
        os.kill(pid, signal.SIGTERM)
    for _ in range(20):
        lab.serial("a.test")
    equal(lab.certd.pids("front") + lab.certd.pids("keeper"), roles, "the roles")
    with lab.connect("a.test") as tls:
        for pid in roles + [lab.certd.process.pid]:
            os.kill(pid, signal.SIGTERM)
        tls.sendall(b"still here")
        equal(tls.recv(100), b"still here", "the backend's answer")
    equal(lab.certd.process.wait(timeout=20), 0, "exit status")


@scenario()
def sighup_reloads(lab):
    lab.start()
    lab.add("a.test")
    lab.certd.signal(signal.SIGHUP)
    time.sleep(0.5)
    lab.serial("a.test")
    lab.add("b.test")


if __name__ == "__main__":
    main()

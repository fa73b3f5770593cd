#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""F11: a CA that does not answer, or a byte a second: nobody else waits, and nobody for long."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from acmefault import DeafPort  # noqa: E402
from lab import PATIENCE, PORTS, check, equal, main, scenario, wait_for  # noqa: E402


def error_of(lab, name, seconds=20):
    wait_for(lambda: (lab.certd.show(name) or {}).get("error"), seconds, f"an error of {name}")
    return lab.certd.show(name)["error"]


@scenario(faults=2)
def f11_a_silent_ca_holds_up_nobody_else(lab):
    """Connections that are taken and never answered, by TLS or by HTTP; beside it the other CA."""
    lab.start()
    lab.add("old.test")
    for i, step in enumerate(("accept", "newOrder", "directory")):
        if step != "newOrder":          # a connection, a directory that are kept would not notice
            lab.certd.stop()
        lab.fault.hang(step)
        if step != "newOrder":
            lab.start()
        lab.ctl_ok("add", *[f"s{i}-{j}.test" for j in range(70)])
        time.sleep(1)
        for j in range(3):
            began = time.monotonic()
            lab.add(f"f{i}-{j}.test", options=["--ca", "two"])
            took = time.monotonic() - began
            check(took < 5 * PATIENCE, f"beside a CA silent at {step} a name took {took:.1f} s")
        error = error_of(lab, f"s{i}-0.test", 45)
        check(error["code"] == "ca/unreachable", str(error))
        lab.fault.heal()
        lab.ctl_ok("remove", *[f"s{i}-{j}.test" for j in range(70)])
        lab.ctl_ok("add", f"again{i}.test")
        lab.ctl_ok("renew", f"again{i}.test", "--wait")     # ends the hold on it


@scenario(faults=1)
def f11_one_byte_a_second(lab):
    lab.start()
    lab.add("old.test")
    for step, head in (("newOrder", True), ("authz", False)):
        lab.fault.drip(step, 1.0, head)
        began = time.monotonic()
        lab.ctl_ok("add", f"{step.lower()}.test")
        error = error_of(lab, f"{step.lower()}.test", 60)
        took = time.monotonic() - began
        equal(error["code"], "ca/unreachable", f"{step}: {error}")
        check(took < 45 * PATIENCE, f"{step}: given up after {took:.0f} s")
        lab.fault.heal()
    lab.serial("old.test")


@scenario(faults=1)
def f11_a_firewall_drops_our_syns(lab):
    deaf = DeafPort(lab.address, PORTS["fault"] + 9)
    lab.on_close.callback(deaf.close)
    lab.write_config(text=lab.config().replace(
        lab.fault.directory_url, f"https://{lab.address}:{PORTS['fault'] + 9}/dir"))
    lab.start()
    began = time.monotonic()
    lab.ctl_ok("add", "a.test")
    error = error_of(lab, "a.test", 20)
    check(time.monotonic() - began < 14 * PATIENCE, "the connection is given up after 10 s")
    equal(error["code"], "ca/unreachable", str(error))


@scenario(faults=2, cas="one two")
def a_silent_ca_costs_a_name_half_a_minute(lab):
    """Whatever it is silent at, the name has its certificate from the other one soon."""
    lab.start()
    lab.add("old.test")
    first = lab.fault
    for step, most in (("directory", 15), ("newOrder", 45), ("cert", 50), ("accept", 16)):
        lab.certd.stop()              # so that the directory and nonces are asked for
        lab.start()
        first.hang(step)
        began = time.monotonic()
        lab.ctl_ok("add", *[f"{step.lower()}-{i}.test" for i in range(5)], "--wait", timeout=120)
        took = time.monotonic() - began
        check(took < most * PATIENCE, f"silent at {step}: {took:.1f} s")
        name = f"{step.lower()}-0.test"
        lab.serial(name)
        equal(lab.certd.show(name)["issuer"], "intermediate of two", f"who issued {name}")
        first.heal()


if __name__ == "__main__":
    main()

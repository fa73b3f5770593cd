#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A name is added, gets its certificate by ACME and is served."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, equal, expect_code, main, scenario  # noqa: E402

STEPS = ["queued", "ordered", "challenge", "finalized", "stored", "serving"]


@scenario(version="2.4", challenge="http-01", nonce_reject=20)
@scenario(version="2.4", challenge="tls-alpn-01", nonce_reject=20)
@scenario(version="2.10", challenge="http-01", nonce_reject=20)
@scenario(version="2.10", challenge="tls-alpn-01", nonce_reject=20)
def issues_and_serves(lab):
    lab.start()
    for name in ("one.example.test", "two.example.test", "xn--bcher-kva.test"):
        began = time.monotonic()
        answer = lab.add(name)
        took = time.monotonic() - began
        steps = [line["step"] for line in answer.lines() if line["name"] == name]
        equal(steps, STEPS, f"steps of add {name} --wait")
        check(took <= 5 * PATIENCE, f"add {name} --wait took {took:.1f} s, promised are 5 s")

        reply = lab.get(name, "/hello")
        equal((reply["host"], reply["path"]), (name, "/hello"), "what the backend saw")
        item = lab.certd.show(name)
        equal(item["state"], "valid", f"state of {name}")
        equal(int(item["serial"].replace(":", ""), 16), int(lab.serial(name), 16),
              "serial in show and on the wire")


@scenario()
def speaks_tls_1_2_and_1_3(lab):
    lab.start()
    lab.add("a.test")
    for version in ("1.2", "1.3"):
        with lab.connect("a.test", version=version) as tls:
            equal(tls.version(), "TLSv" + version, "protocol version")


@scenario()
def several_names_in_one_add(lab):
    lab.start()
    names = [f"n{i}.test" for i in range(20)]
    answer = lab.add(*names)
    served = {line["name"] for line in answer.lines() if line["step"] == "serving"}
    equal(served, set(names), "names reported as serving")
    serials = {lab.serial(name) for name in names}
    equal(len(serials), len(names), "distinct certificates")
    equal(sorted(lab.certd.names()), sorted(names), "list -o names")


@scenario()
def names_are_normalized(lab):
    lab.start()
    lab.add("Shop.Example.TEST.")
    lab.add("bücher.test")
    equal(sorted(lab.certd.names()), ["shop.example.test", "xn--bcher-kva.test"], "stored names")
    lab.serial("shop.example.test")
    lab.serial("SHOP.example.test")
    lab.serial("xn--bcher-kva.test")
    expect_code(lab.ctl("add", "SHOP.example.test"), 6)


@scenario(single=True)
def single_process_does_the_same(lab):
    lab.start()
    equal(lab.certd.pids("keeper") + lab.certd.pids("front"), [], "children with --single")
    lab.add("a.test", "b.test")
    lab.get("a.test")
    before = lab.serial("b.test")
    lab.ctl_ok("renew", "b.test", "--wait")
    check(lab.serial("b.test") != before, "renew --wait changed the served certificate")


if __name__ == "__main__":
    main()

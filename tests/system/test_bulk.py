#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""500 names in one call: all served within 120 s, stored names served as well as ever."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, equal, main, scenario  # noqa: E402

COUNT = 500


@scenario(version="2.10")
@scenario(version="2.4")
def five_hundred_names_in_one_add(lab):
    lab.start()
    old = [f"old{i}.test" for i in range(10)]
    lab.add(*old)
    serials = {name: lab.serial(name) for name in old}

    load = lab.load(old, rate=50, least=20)
    began = time.monotonic()
    fresh = [f"n{i:03}.bulk.test" for i in range(COUNT)]
    lab.ctl_ok("add", *fresh)
    acknowledged = time.monotonic() - began
    lab.wait_served(fresh, 120)
    took = time.monotonic() - began
    report = load.stop_clean()

    check(took <= 120 * PATIENCE, f"500 names took {took:.1f} s")
    for name in old:
        equal(report["serials"][name], [serials[name]], f"certificates of {name} meanwhile")
    equal(len(lab.certd.names()), COUNT + len(old), "names in list")
    print(f"     {COUNT} names: acknowledged after {acknowledged:.2f} s, "
          f"served after {took:.1f} s; meanwhile {report['done']} handshakes, p99 {report['p99_ms']} ms")


@scenario(version="2.10", nonce_reject=20)
@scenario(version="2.4", nonce_reject=20)
def no_order_is_lost_to_rejected_nonces(lab):
    """One nonce of five is refused; each name comes to its certificate with its first order."""
    lab.start()
    names = [f"n{i:03}.nonce.test" for i in range(200)]
    lab.ctl_ok("add", *names, "--wait", timeout=240)
    types = [one["type"] for one in lab.ctl_ok("events", "-o", "ndjson").lines()]
    equal((types.count("cert.stored"), types.count("order.failed")), (200, 0), "how orders ended")


if __name__ == "__main__":
    main()

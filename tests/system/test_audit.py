#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The audit: what is wrong with a name is told once, also over restarts, and once when it is over.

tests/daemon/test_auditor.c has each kind of fault; here is the daemon as a whole."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import metrics  # noqa: E402
from dated import DAY, Dated  # noqa: E402
from lab import equal, main, own_address, scenario, wait_for  # noqa: E402

METRICS = (own_address(), 19188)
# A CA that is never reached: what was imported is not renewed.
DOWN = "ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n"
FAULTY = "certd_audit_faulty_names"
FOUND = 'certd_audit_faults_total{type="mismatch.expired"}'


def told(lab, kind):
    lines = lab.ctl_ok("events", "-o", "ndjson", "--after", "0", "--type", kind).lines()
    return [(e["name"], e["count"]) for e in lines]


def restart(lab):
    """A walk begins with each keeper."""
    lab.certd.stop()
    lab.certd.start()
    wait_for(lambda: "certd_audit_walk_timestamp_seconds" in metrics.read(METRICS), 30,
             "the audit has been through all names")
    return metrics.read(METRICS)


@scenario(config=f"metrics {METRICS[0]}:{METRICS[1]};\n" + DOWN)
def an_expired_certificate_is_told_once_and_heals(lab):
    ca = Dated(os.path.join(lab.directory, "ca"))
    lab.start()
    later = int(time.time()) + 60 * DAY
    for i in range(10):     # with the other one fewer than are looked at in one go
        lab.ctl_ok("import", ca.bundle(f"n{i:02}.test", later, 90 * DAY), "--ca", "down")
    end = int(time.time()) + 10
    lab.ctl_ok("import", ca.bundle("end.test", end, 30 * DAY), "--ca", "down")
    wait_for(lambda: time.time() > end, 20, "it has ended")
    now = restart(lab)
    equal(told(lab, "mismatch.*"), [("end.test", 1)], "what is told")
    equal((now[FAULTY], now[FOUND]), (1, 1), "names with faults, and found now")
    now = restart(lab)
    equal(told(lab, "mismatch.*"), [("end.test", 1)], "told once")
    equal((now[FAULTY], now[FOUND]), (1, 0), "names with faults, and found now")
    lab.ctl_ok("import", ca.bundle("end.test", later, 90 * DAY), "--ca", "down")
    now = restart(lab)
    equal(told(lab, "mismatch.healed"), [("end.test", 1)], "it is over")
    equal(told(lab, "mismatch.expired"), [("end.test", 1)], "and told no more")
    equal(now[FAULTY], 0, "names with faults")


if __name__ == "__main__":
    main()

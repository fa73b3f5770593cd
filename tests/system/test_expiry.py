#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates that end, renewals that are late, and a clock that cannot be right."""

import glob
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import metrics  # noqa: E402
from dated import DAY, Clock, Dated, fake_certd  # noqa: E402
from lab import check, equal, main, own_address, scenario, wait_for  # noqa: E402

METRICS = (own_address(), 19187)
# A CA that is never reached: what was imported is not renewed.
DOWN = "ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n"


def events(lab, *words):
    return lab.ctl_ok("events", "-o", "ndjson", "--after", "0", *words).lines()


def of(lab, name, kind):
    return events(lab, "--name", name, "--type", kind)


def take_in(lab, ca, name, left, life=30 * DAY):
    """NAME with a certificate that ends in LEFT seconds; returns when that is."""
    not_after = int(time.time()) + left
    path = ca.bundle(name, not_after, life)
    lab.ctl_ok("import", path, "--ca", "down")
    return not_after


@scenario(config=f"metrics {METRICS[0]}:{METRICS[1]};\nexpiry-events 1/6 14d 8s;\n" + DOWN)
def each_point_is_told_once(lab):
    ca = Dated(os.path.join(lab.directory, "ca"))
    lab.start()
    take_in(lab, ca, "sixth.test", 5 * DAY + 6)
    take_in(lab, ca, "quarter.test", 30 * DAY // 4 + 6)
    take_in(lab, ca, "fortnight.test", 14 * DAY + 6, life=90 * DAY)
    take_in(lab, ca, "short.test", 14 * DAY + 6, life=30 * DAY)     # its half: not late at all
    take_in(lab, ca, "healthy.test", 60 * DAY, life=90 * DAY)
    end = take_in(lab, ca, "end.test", 18)
    got = wait_for(lambda: of(lab, "sixth.test", "cert.expiring"), 25, "1/6 is left")
    check(got[0]["detail"].startswith("1/6 of its life is left, it ends "), got)
    check(any(why in got[0]["detail"] for why in
              ("its renewal is due", "the last attempt failed", "an order is in work")), got)
    wait_for(lambda: of(lab, "quarter.test", "cert.renew_late"), 25, "a renewal is late")
    wait_for(lambda: metrics.read(METRICS)["certd_renewals_late"] >= 1, 10, "it is counted")
    got = wait_for(lambda: of(lab, "fortnight.test", "cert.expiring"), 25, "14 days are left")
    check(got[0]["detail"].startswith("14d is left"), got)
    got = wait_for(lambda: of(lab, "end.test", "cert.expiring"), 25, "8 s are left")
    check(got[0]["detail"].startswith("8s is left"), got)
    wait_for(lambda: of(lab, "end.test", "cert.expired"), 30, "it has ended")
    check(time.time() >= end, "not before it has")
    wait_for(lambda: metrics.read(METRICS)["certd_certificates_expired"] == 1, 10, "counted")
    equal(metrics.read(METRICS)["certd_renewals_late"], 2, "late: that one, and the ended one")
    told = {}
    for e in events(lab, "--type", "cert.expiring", "--type",
                    "cert.expired", "--type", "cert.renew_late"):
        told.setdefault(e["name"], []).append((e["type"], e["count"]))
    equal(told, {"sixth.test": [("cert.expiring", 1)], "quarter.test": [("cert.renew_late", 1)],
                 "fortnight.test": [("cert.expiring", 1)],
                 "end.test": [("cert.expiring", 1), ("cert.expired", 1)]}, "all that was told")
    lab.ctl_ok("remove", "end.test", "quarter.test")
    wait_for(lambda: metrics.read(METRICS)["certd_renewals_late"] == 0, 20, "nobody is late")


@scenario(config="expiry-events 12s 8s;\n" + DOWN)
def what_passed_meanwhile_is_told_afterwards(lab):
    ca = Dated(os.path.join(lab.directory, "ca"))
    lab.start()
    end = take_in(lab, ca, "gone.test", 16)
    near = take_in(lab, ca, "near.test", 26)
    if lab.single:
        lab.certd.stop()
    else:
        lab.certd.kill("parent")
    wait_for(lambda: time.time() > max(end, near - 8) + 1, 40, "time passes")
    lab.start()
    wait_for(lambda: of(lab, "gone.test", "cert.expired"), 20, "its end is told")
    equal(of(lab, "gone.test", "cert.expiring"), [], "what it passed before is not")
    got = wait_for(lambda: of(lab, "near.test", "cert.expiring"), 20, "the last point")
    equal([e["detail"][:3] for e in got], ["8s "], "of two that it passed")
    wait_for(lambda: of(lab, "near.test", "cert.expired"), 30, "and its end")
    lab.certd.stop()
    lab.start()
    lab.ctl_ok("status")
    equal([(e["type"], e["count"]) for e in events(lab, "--type", "cert.expired")],
          [("cert.expired", 1)] * 2, "once, over another start")


@scenario()
def a_clock_that_jumps_is_not_believed(lab):
    """80 days ahead and back: no mass of orders, no storm of events."""
    clock = Clock(lab)
    lab.start()
    names = [f"n{i}.test" for i in range(30)]
    lab.add(*names)
    stored = len(events(lab, "--type", "cert.stored"))
    equal(stored, 30, "certificates")
    clock.set("+80d")
    got = wait_for(lambda: events(lab, "--type", "clock.suspect"), 20, "clock.suspect")
    check("jumped by +69" in got[0]["detail"], got)
    lab.ctl_ok("renew", "n0.test")          # due now, as all others are
    end = time.monotonic() + 20
    wait_for(lambda: time.monotonic() > end, 30, "20 s")
    fresh = len(events(lab, "--type", "cert.stored")) - stored
    check(fresh <= 3, f"{fresh} certificates in 20 s of doubt")
    equal(events(lab, "--type", "cert.expiring", "--type", "cert.expired", "--type",
                 "cert.renew_late"), [], "no expiry is told")
    equal(len(events(lab, "--type", "clock.*")), 1, "told once")
    for name in names[:5]:
        check(lab.certd.show(name)["state"] in ("valid", "renewing", "expired", "failing"), name)
    clock.set("+0")
    wait_for(lambda: events(lab, "--type", "clock.trusted"), 20, "it is believed again")
    lab.serial("n7.test")
    equal([e["type"] for e in events(lab, "--type", "clock.*")], ["clock.suspect", "clock.trusted"],
          "both told")


@scenario(config="ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n")
def a_clock_that_is_set_right_is_believed_soon(lab):
    """By hours, as after the start of a machine; nothing is due that would bring a CA's Date."""
    clock = Clock(lab)
    clock.set("+3h")
    lab.start()
    lab.add("a.test")
    lab.ctl_ok("add", "b.test", "--ca", "down")
    wait_for(lambda: lab.certd.show("b.test")["state"] == "failing", 30, "a failed attempt")
    clock.set("+0")
    wait_for(lambda: events(lab, "--type", "clock.suspect"), 20, "clock.suspect")
    got = wait_for(lambda: events(lab, "--type", "clock.trusted"), 90, "clock.trusted")
    check("has the same time" in got[0]["detail"], got)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    wait_for(lambda: lab.certd.show("b.test").get("next", soon) < soon, 90, "b.test is not put off")


@scenario()
def a_start_long_after_asks_a_ca(lab):
    """Off for 80 days by the clock; the CA's Date says whether that is so."""
    prefix = fake_certd(FAKETIME="+80d")
    lab.start()
    lab.add("a.test")
    lab.certd.stop()
    lab.certd.prefix = prefix
    lab.start()
    got = wait_for(lambda: events(lab, "--type", "clock.suspect"), 20, "clock.suspect")
    check("long after the time certd has seen last" in got[0]["detail"], got)
    lab.certd.stop()
    lab.certd.prefix = []
    lab.start()
    lab.ctl_ok("renew", "a.test", "--wait", timeout=60)
    equal([e["type"] for e in events(lab, "--type", "clock.*")], ["clock.suspect"],
          "the right clock is no event")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Renewal happens by itself and by hand, and no handshake notices."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import check, equal, main, scenario, wait_for  # noqa: E402

LIFE = 60


# pebble 2.10 would name windows of two days for these: see test_ari.py
@scenario(version="2.4", validity=LIFE)
def sixty_second_certificates_renew_three_times(lab):
    lab.start()
    names = ["a.test", "b.test", "c.test"]
    lab.add(*names)
    load = lab.load(names, rate=100, least=1000)
    seen = {name: [lab.serial(name)] for name in names}
    changed_at = {name: [time.monotonic()] for name in names}

    def watch():
        """Asks certctl, and when it shows a new serial, the very next handshake must have it."""
        for name in names:
            shown = f"{int(lab.certd.show(name)['serial'].replace(':', ''), 16):x}"
            if shown != seen[name][-1]:
                equal(lab.serial(name), shown, f"the handshake after the renewal of {name}")
                seen[name].append(shown)
                changed_at[name].append(time.monotonic())
        time.sleep(0.1)
        return all(len(serials) >= 4 for serials in seen.values())

    wait_for(watch, 3 * LIFE, "three renewals of each name")
    time.sleep(1)       # the load sees the last ones too
    report = load.stop_clean()
    for name in names:
        equal(report["serials"][name][:4], seen[name][:4], f"certificates of {name} under load")
        for before, after in zip(changed_at[name], changed_at[name][1:]):
            # due at half of a short life; a renewal far too early would hammer the CA
            check(LIFE / 3 <= after - before <= LIFE,
                  f"{name} renewed after {after - before:.0f} s")
    print(f"     {report['done']} handshakes, p50 {report['p50_ms']} ms, p99 {report['p99_ms']} ms")


@scenario()
def renew_by_hand_under_load(lab):
    lab.start()
    lab.add("a.test", "b.test")
    load = lab.load(["a.test", "b.test"], rate=100, least=50)
    serials = [lab.serial("a.test")]
    for _ in range(5):
        answer = lab.ctl_ok("renew", "a.test", "--wait", "-o", "ndjson")
        equal(answer.lines()[-1]["step"], "serving", "the last step of renew --wait")
        serials.append(lab.serial("a.test"))
        check(serials[-1] not in serials[:-1], "the handshake after renew --wait has a new serial")
    time.sleep(1)       # the load sees the last one too
    report = load.stop_clean()
    equal(report["serials"]["a.test"], serials, "certificates of a.test under load")
    equal(len(report["serials"]["b.test"]), 1, "certificates of b.test, which nobody renewed")


@scenario()
def renewal_that_fails_keeps_the_old_certificate(lab):
    lab.start()
    lab.add("a.test")
    serial = lab.serial("a.test")
    lab.pebble.dns_set("set-servfail", host="a.test")
    answer = lab.ctl("renew", "a.test", "--wait")
    check(answer.code in (1, 8), f"a failed renewal is reported as such\n{answer}")
    equal(lab.serial("a.test"), serial, "what is served after the failure")
    item = lab.certd.show("a.test")
    check(item.get("error") and item["error"]["next"],
          f"show tells the error and the next try: {item}")

    lab.pebble.dns_set("clear-servfail", host="a.test")
    lab.ctl_ok("renew", "a.test", "--wait")
    check(lab.serial("a.test") != serial, "renewed once DNS is back")
    equal(lab.certd.show("a.test").get("error"), None, "the error is gone from show")


if __name__ == "__main__":
    main()

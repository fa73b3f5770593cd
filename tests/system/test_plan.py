#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits and lanes: a CA's 429 stops one scope and nothing else, our own count of its limits is
asked before it is, and names that fail delay nobody who does not."""

import calendar
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

DOMAIN = ('too many certificates (50) already issued for "{0}" in the last 168h0m0s, retry after '
          '{1}: see https://letsencrypt.org/docs/rate-limits/')


def limits(lab, *words):
    return json.loads(lab.ctl_ok("limits", *words, "-o", "json").out)["items"]


def then_of(item):
    return calendar.timegm(time.strptime(item["next"], "%Y-%m-%dT%H:%M:%SZ"))


def of_domain(request, domain):
    return any(one["value"].endswith(domain) for one in request.payload["identifiers"])


def later(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + seconds))


@scenario(faults=1)
def a_429_for_one_domain_delays_no_other(lab):
    lab.fault.refuse("newOrder", "rateLimited", DOMAIN.format("shop.test", later(3600)), 429,
                     when=lambda request: of_domain(request, "shop.test"))
    lab.start()
    lab.ctl("add", "a.shop.test", "--wait")
    wait_for(lambda: limits(lab)[1:], PATIENCE, "the block")
    limited = [f"n{i}.shop.test" for i in range(40)]
    others = [f"n{i}.other{i}.test" for i in range(8)]
    asked = lab.fault.count("newOrder")
    lab.ctl_ok("add", *limited)
    lab.ctl_ok("add", *others)
    lab.wait_served(others, PATIENCE)
    equal(lab.fault.count("newOrder") - asked, len(others), "orders of the blocked domain too")
    row = limits(lab)[1]
    equal((row["scope"], row["of"], row["blocked"]), ("domain", "shop.test", True), "what is blocked")
    check(row["reason"].startswith("too many certificates (50)"), f"why: {row}")
    item = lab.certd.show("n7.shop.test")
    equal((item["state"], item["error"]["code"]), ("pending", "ca/rate-limited"), "who waits")
    check(3000 < then_of(item) - time.time() < 4400, f"until then: {item}")
    # It outlives the process.
    lab.certd.kill('keeper')
    wait_for(lambda: lab.ctl("limits").code == 0, PATIENCE, "certd again")
    equal(limits(lab)[1]["until"], row["until"], "the end of the block")
    answer = lab.ctl("add", "late.shop.test", "--wait", timeout=60)
    expect_code(answer, 8)
    equal(lab.fault.count("newOrder") - asked, len(others), "orders of the blocked domain still")


if __name__ == "__main__":
    main()

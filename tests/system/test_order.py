#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certctl order NAME: each attempt with its steps, what the CA answered, and why it failed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402


def attempts(lab, name):
    return lab.ctl_ok("order", name, "-o", "json").json()["items"]


@scenario()
def what_went_well(lab):
    lab.start()
    lab.add("a.test")
    got = attempts(lab, "a.test")
    equal([one["result"] for one in got], ["issued"], "results")
    check(got[0]["order"].startswith(lab.pebble.directory_url[:-3]), f"URL: {got[0]}")
    for _ in range(3):
        lab.ctl_ok("renew", "a.test", "--wait")
    again = attempts(lab, "a.test")
    equal([one["steps"] for one in again], [[]], "of what went well one is kept, without its steps")
    check(again[0]["order"] != got[0]["order"] and again[0]["ended_at"], f"the newest: {again}")
    shown = lab.ctl_ok("order", "a.test").out
    check(again[0]["order"] in shown and "issued" in shown, shown)


@scenario(faults=2, cas="one two")
def what_failed_with_the_cas_own_words(lab):
    lab.start()
    lab.fault.refuse("newOrder", "rejectedIdentifier", "not \x1b[31mthese", 403, subproblems=[
        {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids it",
         "identifier": {"type": "dns", "value": "a.test"}}])
    lab.faults[1].instead("newOrder", 503, [("Retry-After", "30")], b"<html>")
    check(lab.ctl("add", "a.test", "--wait").code != 0, "both refuse")
    got = attempts(lab, "a.test")
    equal([(one["ca"], one["result"]) for one in got], [("one", "failed"), ("two", "failed")],
          "attempts")
    equal(got[0]["error"]["code"], "ca/refused", "the first's error")
    equal(got[0]["document"]["subproblems"][0]["identifier"]["value"], "a.test", "subproblem")
    equal(got[0]["steps"][-1]["status"], 403, "HTTP status")
    equal(got[1]["steps"][-1]["status"], 503, "HTTP status")
    check("document" not in got[1] and got[1]["next"], f"the second: {got[1]}")
    shown = lab.ctl_ok("order", "a.test").out
    for word in ("CAA forbids it", "ca one", "ca two", "403", "503", "next try"):
        check(word in shown, f"{word!r} in\n{shown}")
    check("\x1b" not in shown, "foreign bytes are escaped")
    for _ in range(6):
        lab.ctl("renew", "a.test", "--wait")
    equal(len(attempts(lab, "a.test")), 8, "attempts kept")


@scenario(faults=1)
def a_failed_challenge_and_one_cut_short(lab):
    lab.start()
    lab.fault.http_port = 9        # nobody listens there
    check(lab.ctl("add", "a.test", "--wait").code != 0, "the challenge fails")
    got = attempts(lab, "a.test")[-1]
    equal(got["document"]["type"], "urn:ietf:params:acme:error:unauthorized", f"document: {got}")
    check("cannot be reached" in got["document"]["detail"], str(got))
    lab.fault.hang("finalize")
    lab.fault.http_port = lab.http[1]
    lab.ctl_ok("add", "b.test")
    wait_for(lambda: lab.fault.count("finalize") > 0, 20, "it is finalized")
    equal(attempts(lab, "b.test")[-1]["result"], "in-work", "result")
    steps = {step["step"]: step.get("status") for step in attempts(lab, "b.test")[-1]["steps"]}
    for word in ("new-order", "authorize", "respond", "validate"):
        check(word in steps, f"{word} in {steps}")
    equal(steps["new-order"], 201, "HTTP status")
    lab.certd.kill("keeper")
    lab.fault.heal()
    lab.certd.wait_ready()
    lab.wait_served(["b.test"], 60)
    # it is told when the order is closed, a moment after it is served
    wait_for(lambda: [one["result"] for one in attempts(lab, "b.test")]
             == ["interrupted", "issued"], 10, f"results: {attempts(lab, 'b.test')}")


@scenario(faults=1)
def a_name_removed_in_the_middle_leaves_nothing(lab):
    lab.start()
    for step in ("newOrder", "authz", "cert"):
        lab.fault.hang(step)
        lab.ctl_ok("add", "a.test")
        wait_for(lambda: lab.fault.count(step) > 0, 20, step)
        lab.ctl_ok("remove", "a.test")
        lab.fault.heal()
        wait_for(lambda: lab.certd.status()["cas"][0]["orders"] == 0, 60, "no order in work")
        lab.ctl_ok("add", "a.test", "--wait")
        equal([one["result"] for one in attempts(lab, "a.test")], ["issued"], f"attempts after {step}")
        lab.ctl_ok("remove", "a.test")


@scenario()
def who_has_none(lab):
    lab.start()
    expect_code(lab.ctl("order", "nobody.test"), 3)
    expect_code(lab.ctl("order", "a..b"), 2)
    expect_code(lab.ctl("order"), 2)
    lab.add("a.test")
    lab.ctl_ok("remove", "a.test")
    expect_code(lab.ctl("order", "a.test"), 3)
    lab.pebble.stop()
    lab.ctl_ok("add", "a.test")
    equal([one for one in attempts(lab, "a.test") if one["result"] == "issued"], [],
          "what a name had before it was removed")


if __name__ == "__main__":
    main()

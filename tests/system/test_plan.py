#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits and lanes: a CA's 429 stops one scope and nothing else, our own count of its limits is
asked before it is, and names that fail delay nobody who does not."""

import calendar
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import ctl_stdin  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402

DOMAIN = ('too many certificates (50) already issued for "{0}" in the last 168h0m0s, retry after '
          '{1}: see https://letsencrypt.org/docs/rate-limits/')


def limits(lab, *words):
    return json.loads(lab.ctl_ok("limits", *words, "-o", "json").out)["items"]


def then_of(item):
    return calendar.timegm(time.strptime(item["next"], "%Y-%m-%dT%H:%M:%SZ"))


def of_domain(request, domain):
    return any(one["value"].endswith(domain) for one in request.payload["identifiers"])


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def later(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + seconds))


@scenario(faults=1)
def a_429_for_one_domain_delays_no_other(lab):
    lab.fault.refuse("newOrder", "rateLimited", DOMAIN.format("shop.test", later(3600)), 429,
                     when=lambda request: of_domain(request, "shop.test"))
    lab.start()
    lab.ctl("add", "a.shop.test", "--wait")
    wait_for(lambda: limits(lab)[1:], 60, "the block")
    limited = [f"n{i}.shop.test" for i in range(40)]
    others = [f"n{i}.other{i}.test" for i in range(8)]
    asked = lab.fault.count("newOrder")
    lab.ctl_ok("add", *limited)
    lab.ctl_ok("add", *others)
    lab.wait_served(others, 60)
    equal(lab.fault.count("newOrder") - asked, len(others), "orders of the blocked domain too")
    row = limits(lab)[1]
    equal((row["scope"], row["of"], row["blocked"]), ("domain", "shop.test", True), "what is blocked")
    check(row["reason"].startswith("too many certificates (50)"), f"why: {row}")
    item = lab.certd.show("n7.shop.test")
    equal((item["state"], item["error"]["code"]), ("pending", "ca/rate-limited"), "who waits")
    check(3000 < then_of(item) - time.time() < 4400, f"until then: {item}")
    # It outlives the process.
    lab.certd.kill('keeper')
    wait_for(lambda: lab.ctl("limits").code == 0, 60, "certd again")
    equal(limits(lab)[1]["until"], row["until"], "the end of the block")
    answer = lab.ctl("add", "late.shop.test", "--wait", timeout=60)
    expect_code(answer, 8)
    equal(lab.fault.count("newOrder") - asked, len(others), "orders of the blocked domain still")


@scenario(faults=1, config="quota label tenant 2;")
def a_tenant_has_a_quota(lab):
    lab.start()
    lab.ctl_ok("add", "a.test", "--label", "tenant=acme")
    answer = lab.ctl("add", "b.test", "c.test", "--label", "tenant=acme")   # one of them is too many
    expect_code(answer, 9)
    check("tenant=acme has 2 names" in answer.err, f"{answer}")
    lab.ctl_ok("add", "d.test", "--label", "tenant=other")
    lab.ctl_ok("add", "e.test", "f.test", "g.test")
    line = '{"name":"e.test","labels":{"tenant":"acme"}}'
    answer = ctl_stdin(lab.certd, line, "apply", "-f", "-")
    check(answer.code != 0 and "tenant=acme has 2 names" in answer.err + answer.out, f"{answer}")
    equal(lab.certd.show("e.test")["labels"], None, "its labels")
    line = '{"name":"a.test","labels":{"tenant":"acme","plan":"gold"}}'
    expect_code(ctl_stdin(lab.certd, line, "apply", "-f", "-"), 0)    # one of the two stays one
    # Nor do names come in beside one that is counted; what is refused is refused as a whole.
    for line in ('{"name":"a.test","with":["h.test"]}',
                 '{"name":"i.test","labels":{"tenant":"more"},"with":["j.test","k.test"]}'):
        answer = ctl_stdin(lab.certd, line, "apply", "-f", "-")
        check(answer.code != 0 and "quota" in answer.err + answer.out, f"{answer}")
    for name in ("h.test", "i.test", "j.test"):
        expect_code(lab.ctl("show", name), 3)
    lab.ctl_ok("remove", "a.test")
    expect_code(ctl_stdin(lab.certd, '{"name":"e.test","labels":{"tenant":"acme"}}', "apply", "-f",
                          "-"), 0)


PAUSED = ("Your account is temporarily prevented from requesting certificates for {0} and possibly "
          "others. Please visit: https://portal.letsencrypt.test/unpause?jwt=abc")


@scenario(faults=1)
def an_account_that_is_paused_waits_for_a_person(lab):
    lab.fault.refuse("newOrder", "rateLimited", PAUSED.format("a.test"), 429,
                     when=lambda request: of_domain(request, "a.test"))
    lab.start()
    expect_code(lab.ctl("add", "a.test", "--wait"), 8)
    wait_for(lambda: limits(lab)[1:], 60, "the block")
    row = limits(lab)[1]
    equal((row["scope"], row["of"]), ("name", "a.test"), "what is blocked")
    check("https://portal.letsencrypt.test/unpause?jwt=abc" in row["reason"], f"the link: {row}")
    asked = lab.fault.count("newOrder")
    expect_code(lab.ctl("renew", "a.test", "--wait"), 8)
    equal(lab.fault.count("newOrder"), asked, "newOrders while it is blocked")
    lab.fault.heal()
    lab.ctl_ok("retry", "a.test", "--wait")
    equal(limits(lab)[1:], [], "what is blocked")
    answer = lab.ctl("retry", "a.test")
    expect_code(answer, 6)
    check("has not failed" in answer.err, f"{answer}")


@scenario(faults=1, ca_words="limits letsencrypt set 2/1h;")
def renewals_are_free_but_for_their_set_and_what_is_blocked(lab):
    lab.start()
    lab.ctl_ok("add", "a.shop.test", "b.shop.test", "--wait")
    lab.ctl_ok("renew", "a.shop.test", "--wait")            # the second of its set
    asked = lab.fault.count("newOrder")
    expect_code(lab.ctl("renew", "a.shop.test", "--wait"), 8)
    equal(lab.fault.count("newOrder"), asked, "newOrders beyond the set's limit")
    left = {(row["scope"], row["of"]): row["left"] for row in limits(lab, "--all") if "of" in row}
    equal((left["set", "a.shop.test"], left["domain", "shop.test"]), (0, 48), "what is left")
    lab.fault.refuse("newOrder", "rateLimited", PAUSED.format("b.shop.test"), 429)
    expect_code(lab.ctl("renew", "b.shop.test", "--wait"), 8)
    lab.fault.heal()
    expect_code(lab.ctl("renew", "b.shop.test", "--wait"), 8)
    equal(lab.fault.count("newOrder"), asked + 1, "newOrders while its account is paused for it")
    lab.ctl_ok("retry", "b.shop.test", "--wait")


@scenario(faults=1, ca_words="limits none domain 3/1h set 2/1h;")
def our_own_count_comes_before_the_ca(lab):
    lab.start()
    lab.ctl_ok("add", "a.shop.test", "b.shop.test", "--wait")
    lab.ctl_ok("add", "c.shop.test", "--wait")
    asked = lab.fault.count("newOrder")
    expect_code(lab.ctl("add", "d.shop.test", "--wait"), 8)
    lab.ctl_ok("add", "x.test", "--wait")
    lab.ctl_ok("renew", "x.test", "--wait")          # the second of its set
    expect_code(lab.ctl("renew", "x.test", "--wait"), 8)
    equal(lab.fault.count("newOrder") - asked, 2, "newOrders")
    check(lab.certd.show("x.test")["state"] == "valid", "a name that waits has not failed")
    rows = {(row["scope"], row["of"]): row for row in limits(lab)[1:]}
    equal(sorted(rows), [("domain", "shop.test"), ("set", "x.test")], "what is used up")
    left = {row["of"]: row["left"] for row in limits(lab, "one", "--all")[1:] if row["scope"] == "set"}
    equal(left, {"a.shop.test": 1, "b.shop.test": 1, "c.shop.test": 1, "x.test": 0}, "what is left")


def takes_at_least(requests, per_second):
    """Of requests that were paced: the first may have been late, so a second is allowed for it."""
    took, least = requests[-1].at - requests[0].at, (len(requests) - 2) / per_second - 1
    check(took >= least, f"{len(requests)} requests in {took:.1f} s, {per_second} a second")


@scenario(faults=1, ca_words="limits none new-nonce 4/1s other 20/1s;")
def requests_of_each_endpoint_have_their_pace(lab):
    lab.start()
    names = [f"n{i}.test" for i in range(24)]
    lab.ctl_ok("add", *names)
    lab.wait_served(names, 90)
    others = lab.fault.seen("authz", "challenge", "finalize", "order", "cert")
    check(len(others) >= 5 * len(names), f"{len(others)} requests")
    takes_at_least(others, 20)
    takes_at_least(lab.fault.seen("newNonce"), 4)
    equal(lab.fault.count("newOrder"), len(names), "orders")
    rows = {row["scope"]: row for row in limits(lab, "one", "--all")}
    equal([(rows[scope]["limit"], rows[scope]["seconds"], rows[scope]["blocked"])
           for scope in ("new-nonce", "other")], [(4, 1, False), (20, 1, False)], "what is shown")
    check("new-order" not in rows and len(limits(lab)) == 1, f"{rows}")
    shown = lab.ctl_ok("limits", "--all").out
    check("new-nonce" in shown and "20/1s" in shown, shown)
    # Another pace with a reload, in the middle.
    lab.write_config(text=lab.config().replace("other 20/1s", "other 500/1s"))
    lab.ctl_ok("reload")
    wait_for(lambda: [row["limit"] for row in limits(lab, "--all") if row["scope"] == "other"] == [500],
             20, "the new pace")


@scenario(faults=1, ca_words="limits none renewal-info 4/1s;")
def renewal_information_has_its_pace(lab):
    """All certificates are asked about as soon as they are there: side by side, as the CA allows it."""
    lab.fault.renewal_info = {"suggestedWindow": {"start": stamp(40 * 86400), "end": stamp(41 * 86400)}}
    lab.start()
    names = [f"n{i}.test" for i in range(24)]
    lab.ctl_ok("add", *names)
    lab.wait_served(names, 60)
    wait_for(lambda: lab.fault.count("renewalInfo") >= len(names), 60, "all are asked about")
    asked = lab.fault.seen("renewalInfo")
    equal(len(asked), len(names), "questions")
    takes_at_least(asked, 4)
    equal([row["limit"] for row in limits(lab, "--all") if row["scope"] == "renewal-info"], [4], "shown")


@scenario(faults=1)
def a_ca_that_is_asked_too_fast_is_obeyed_and_nothing_fails(lab):
    """503 with Retry-After, as Let's Encrypt's front answers who is too fast for an endpoint."""
    lab.start()
    lab.add("old.test")
    for step in ("newNonce", "authz"):
        lab.fault.instead(step, 503, [("Retry-After", "4")], b"<html>slow down", times=3)
    names = [f"n{i}.test" for i in range(6)]
    lab.ctl_ok("add", *names)
    row = wait_for(lambda: [row for row in limits(lab) if row["scope"] == "other"], 30, "the hold")[0]
    check(row["blocked"] and row["until"], f"the hold: {row}")
    held = lab.fault.count("authz")
    lab.wait_served(names, 60)
    check(held <= 8, f"{held} authorizations were asked for while that was too fast")
    for name in names:
        got = lab.ctl_ok("order", name, "-o", "json").json()["items"]
        equal([one["result"] for one in got], ["issued"], f"attempts of {name}")
    equal([row["scope"] for row in limits(lab)], ["account"], "nothing is held any more")


@scenario(faults=1)
def a_kill_in_the_middle_of_a_back_off_changes_nothing(lab):
    """1, 10, 100 minutes: the count and the next time are kept, and nothing is ordered before."""
    lab.fault.refuse("newOrder", "dns", "NXDOMAIN", 400, when=lambda request: of_domain(request, "a.dead"))
    lab.start()
    lab.ctl("add", "a.dead", "--wait")
    for count, minutes in ((1, 1), (2, 10), (3, 100), (4, 24 * 60)):
        item = lab.certd.show("a.dead")
        equal(item["error"]["count"], count, f"failures in a row: {item}")
        wait = then_of(item) - time.time()
        check(minutes * 60 - 30 < wait <= minutes * 66 + 1, f"after {count}: {wait:.0f} s")
        told = lab.ctl_ok("order", "a.dead", "-o", "json").json()["items"]
        equal([one["next"] for one in told][-1], item["next"], "what the order says")
        lab.certd.kill("keeper") if count % 2 else lab.certd.kill("parent", "keeper", "front")
        lab.certd.wait_ready() if count % 2 else lab.start()
        lab.add(f"n{count}.test")       # the plan has been at work
        again = lab.certd.show("a.dead")
        equal((again["error"]["count"], again["next"]), (count, item["next"]), "what is kept")
        equal(lab.ctl_ok("order", "a.dead", "-o", "json").json()["items"], told, "attempts")
        equal(lab.fault.names_ordered().count(["a.dead"]), count, "orders")
        lab.ctl("renew", "a.dead", "--wait")


@scenario(faults=2, cas="one", ca_words="orders 3/1h;")
def an_order_that_may_have_arrived_is_spent(lab):
    """The name is removed, and asked for at another CA, while the first one has its newOrder."""
    lab.start()
    lab.fault.hang("newOrder")
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.fault.count("newOrder") == 1, 20, "newOrder")
    lab.ctl_ok("remove", "a.test")
    lab.ctl_ok("add", "a.test", "--ca", "two", "--wait")
    equal({row["ca"]: row["left"] for row in limits(lab)}, {"one": 2, "two": 2}, "orders left")
    lab.fault.heal()


@scenario(faults=1)
def a_paused_name_is_not_ordered_but_served(lab):
    lab.start()
    lab.ctl_ok("add", "a.test", "b.test", "--one-certificate", "--wait")
    serial = lab.serial("a.test")
    lab.ctl_ok("pause", "b.test")
    equal([lab.certd.show(name)["state"] for name in ("a.test", "b.test")], ["paused"] * 2, "states")
    asked = lab.fault.count("newOrder")
    for verb in ("renew", "retry"):
        expect_code(lab.ctl(verb, "a.test"), 6)
    expect_code(lab.ctl("wait", "a.test"), 6)
    lab.certd.kill("keeper")
    wait_for(lambda: lab.ctl("list", "--state", "paused", "-o", "names").out.split()
             == ["a.test", "b.test"], 60, "the paused ones")
    equal((lab.serial("b.test"), lab.fault.count("newOrder")), (serial, asked), "what is served")
    lab.ctl_ok("resume", "a.test")
    equal([lab.certd.show(name)["state"] for name in ("a.test", "b.test")], ["valid"] * 2, "states")
    lab.ctl_ok("renew", "a.test", "--wait")
    check(lab.serial("b.test") != serial, "the new one")
    # In the middle of an order: it is given up.
    lab.fault.hang("authz")
    lab.ctl_ok("add", "c.test")
    wait_for(lambda: lab.fault.count("authz") > 0 and lab.ctl("pause", "c.test").code == 0, 60,
             "paused in the middle")
    lab.fault.heal()
    equal(lab.certd.show("c.test")["state"], "paused", "its state")
    got = wait_for(lambda: lab.ctl_ok("order", "c.test", "-o", "json").json()["items"], 20, "its attempt")
    equal([one["result"] for one in got], ["interrupted"], "what is told of it")
    lab.ctl_ok("resume", "c.test")
    lab.wait_served(["c.test"], 60)


@scenario(faults=1)
def who_has_least_of_its_life_left_is_renewed_first(lab):
    """Of certificates that are due at once, as when a CA revokes them all."""
    lab.write_config(text=re.sub(r"max-orders \d+", "max-orders 1", lab.config()))
    lab.start()
    left = {f"n{i}.test": 40 + 7 * i % 13 * 4 for i in range(12)}      # percent, no two the same
    for name, percent in left.items():
        lab.fault.backdate = (100 - percent) * lab.fault.validity // 100
        lab.add(name)
    asked = lab.fault.count("newOrder")
    lab.ctl_ok("renew", *left, timeout=60)
    wait_for(lambda: lab.fault.count("cert") >= 2 * len(left), 60, "all are renewed")
    equal([names[0] for names in lab.fault.names_ordered()[asked:]], sorted(left, key=left.get),
          "the order of orders")


@scenario(faults=1)
def dead_names_delay_nobody_who_is_healthy(lab):
    """Those whose DNS is gone are all due at once, before those who are well. Fifty times as many
    are in tests/bench/plan.py."""
    dead = [f"n{i}.d{i}.dead" for i in range(300)]
    due, new = [f"due{i}.test" for i in range(15)], [f"new{i}.test" for i in range(15)]
    lab.fault.refuse("newOrder", "dns", "NXDOMAIN", 400,
                     when=lambda request: of_domain(request, ".dead"))
    lab.start()
    lab.ctl_ok("add", *due)
    lab.wait_served(due, 60)
    serials = {name: lab.serial(name) for name in due}
    lab.ctl_ok("add", *dead)
    wait_for(lambda: lab.certd.status()["names"]["failing"] == len(dead), 100, "failures")
    asked = lab.fault.count("newOrder")
    lab.ctl_ok("renew", *dead)
    lab.ctl_ok("renew", *due)
    lab.ctl_ok("add", *new)
    lab.wait_served(new, 60)
    wait_for(lambda: all(lab.serial(name) != serials[name] for name in due), 60, "renewals")
    tried = [names[0] for names in lab.fault.names_ordered()[asked:]]
    last = max(i for i, name in enumerate(tried) if not name.endswith(".dead"))
    ahead = sum(name.endswith(".dead") for name in tried[:last])
    check(ahead < len(dead) / 3, f"{ahead} orders of dead names before the last healthy one")
    print(f"          {ahead} of {len(dead)} dead names before the last of 30 healthy ones")


if __name__ == "__main__":
    main()

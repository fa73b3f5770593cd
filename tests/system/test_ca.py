#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A CA that is down, slow, forgetful or unwilling: certd says so, and goes on serving."""

import datetime
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, equal, main, scenario, wait_for  # noqa: E402


def wait_for_error(lab, name):
    """The item of show, once it has an error."""
    wait_for(lambda: lab.certd.show(name).get("error"), 20, f"show tells the error of {name}")
    return lab.certd.show(name)


@scenario()
def ca_down_then_up(lab):
    lab.pebble.stop()
    lab.start()
    answer = lab.ctl("add", "a.test", "--wait", "-o", "ndjson", timeout=30)
    check(answer.code in (1, 7, 8), f"add --wait with the CA down\n{answer}")
    equal(lab.certd.names(), ["a.test"], "the name is kept")

    item = wait_for_error(lab, "a.test")
    check(item["state"] in ("pending", "failing"), f"state: {item}")
    check(item["error"]["detail"], f"the reason: {item}")
    check(item["error"]["next"], f"the next try: {item}")
    shown = lab.ctl_ok("show", "a.test").out
    check(item["error"]["detail"][:20] in shown, f"show for people tells the reason too:\n{shown}")

    lab.pebble.start()
    lab.root = lab.pebble.trust()
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.serial("a.test")
    equal(lab.certd.show("a.test").get("error"), None, "the error afterwards")


@scenario()
def ca_down_serves_what_is_stored(lab):
    lab.start()
    lab.add("a.test")
    serial = lab.serial("a.test")
    lab.pebble.stop()
    load = lab.load(["a.test"], rate=100, least=50)
    lab.ctl_ok("add", "b.test", "c.test")
    check(lab.ctl("renew", "a.test", "--wait", timeout=30).code != 0, "renew with the CA down")
    time.sleep(2)
    load.stop_clean()
    equal(lab.serial("a.test"), serial, "what is served")


@scenario(tap=True)
def ca_forgot_our_account(lab):
    lab.start()
    lab.add("a.test")
    old_root, serial = lab.root, lab.serial("a.test")
    lab.pebble.stop()
    lab.pebble.start()
    lab.root = old_root + lab.pebble.trust()
    lab.ctl_ok("renew", "a.test", "--wait")
    check(lab.serial("a.test") != serial, "renewed with a new account")
    lab.add("b.test")
    equal(len(lab.tap.accounts), 2, "accounts ever")


@scenario(version="2.4")
@scenario(version="2.10", nonce_reject=10)
def a_ca_that_starts_anew_in_the_middle_of_orders(lab):
    """Account, orders and nonces are lost at once, and each name comes to its certificate."""
    names = [f"n{i:02}.test" for i in range(60)]
    lab.ca_words = "max-orders 8;"
    lab.write_config()
    lab.start()
    lab.ctl_ok("add", *names)

    def those(state):
        return lab.ctl_ok("list", "--state", state, "-o", "names", "--limit", "100").out.split()

    wait_for(lambda: len(those("valid")) >= 8, 30, "some have a certificate")
    lab.pebble.process.kill()
    lab.pebble.stop()
    check(len(those("valid")) < len(names) - 8, "it went in the middle")
    lab.pebble.start()
    lab.root += lab.pebble.trust()
    wait_for(lambda: len(those("valid")) + len(those("failing")) == len(names), 90,
             "all that were not in work then are through, by themselves")
    failing = those("failing")
    check(len(failing) <= 8, f"in work when it went: {failing}")
    for name in failing:        # each tries again a minute after its fault: here, now
        at, due = (datetime.datetime.fromisoformat(lab.certd.show(name)["error"][key][:19])
                   for key in ("at", "next"))
        check((due - at).total_seconds() <= 90, f"{name}: {at}, {due}")
    if failing:
        lab.ctl_ok("renew", *failing, "--wait", timeout=120)
    lab.wait_served(names, 10)
    types = [one["type"] for one in lab.ctl_ok("events", "-o", "ndjson").lines()]
    equal(types.count("cert.stored"), len(names), "certificates stored")


@scenario(tap=True)
def the_account_is_reused_after_a_restart(lab):
    lab.start()
    lab.add("a.test")
    lab.certd.stop()
    lab.start()
    lab.add("b.test")
    equal(len(lab.tap.accounts), 1, "accounts ever")


@scenario()
def ca_refuses_a_name(lab):
    lab.start()
    answer = lab.ctl("add", "www.blocked.test", "--wait")
    equal(answer.code, 8, f"{answer}\nexit code when the CA refuses")
    item = lab.certd.show("www.blocked.test")
    equal(item["state"], "failing", "state")
    equal(item["error"]["code"], "ca/refused", f"code of {item['error']}")
    check("blocked" in item["error"]["detail"], f"the CA's own words: {item['error']}")
    equal(item["error"]["count"], 1, "failures so far")
    lab.add("good.test")


@scenario(challenge="http-01")
@scenario(challenge="tls-alpn-01")
def a_name_that_does_not_resolve_fails_alone(lab):
    lab.start()
    lab.pebble.dns_set("set-servfail", host="lost.test")
    lab.ctl_ok("add", "lost.test", "good.test")
    lab.wait_served(["good.test"], 10)
    item = wait_for_error(lab, "lost.test")
    check(item["error"]["detail"] and item["error"]["next"], f"reason and next try: {item}")
    check(not lab.is_served("lost.test"), "lost.test has no certificate")


@scenario(tap=True)
def removed_and_added_again_while_its_order_runs(lab):
    """The name is not forgotten over a restart, and an order at the old CA does not count."""
    lab.write_config(
        f"ca direct {{ directory {lab.pebble.directory_url}; ca-file {lab.pebble.ca_file}; "
        "agree-terms; }\n")
    lab.tap.hold = lambda path: 2
    lab.start()
    lab.ctl_ok("add", "same.test", "other.test")
    time.sleep(1)
    lab.ctl_ok("remove", "same.test", "other.test")
    lab.ctl_ok("add", "same.test")
    lab.ctl_ok("add", "other.test", "--ca", "direct", "--wait")
    equal(lab.tap.orders_of("other.test"), [], "orders at the first CA that came to an end")
    time.sleep(1)
    lab.certd.stop()
    lab.tap.hold = lambda path: 0
    lab.start()
    lab.wait_served(["same.test", "other.test"], 30)


@scenario(tap=True)
def show_tells_the_step(lab):
    lab.tap.hold = lambda path: 2 if "/authZ/" in path or "/chalZ/" in path else 0
    lab.start()
    lab.ctl_ok("add", "a.test")
    item = wait_for(lambda: lab.certd.show("a.test").get("order") and lab.certd.show("a.test"),
                    15, "show tells the order")
    check(item["step"] in ("authorize", "respond", "validate", "publish"), f"step: {item['step']}")
    lab.tap.hold = lambda path: 0
    lab.wait_served(["a.test"], 30)


@scenario()
def a_wrong_directory_is_the_cas_fault_and_heals(lab):
    good = lab.config()
    lab.write_config(text=good.replace("/dir;", "/nowhere;"))
    lab.start()
    answer = lab.ctl("add", "a.test", "--wait")
    check(answer.code not in (0, 8) and "/nowhere" in answer.err, str(answer))
    equal(lab.certd.show("a.test")["error"]["code"], "ca/directory", "code")
    lab.ctl_ok("add", *[f"n{i}.test" for i in range(50)])
    time.sleep(1)
    check(lab.certd.log_text().count("/nowhere") < 20, "one fault of the CA is told once, not per name")
    lab.write_config(text=good)
    lab.ctl_ok("reload", "--wait")
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.wait_served([f"n{i}.test" for i in range(50)], 60)


@scenario(tap=True)
def a_slow_ca_blocks_nothing_else(lab):
    """One CA holds each answer back for seconds; names of the other are served as ever."""
    lab.write_config(
        f"ca direct {{ directory {lab.pebble.directory_url}; ca-file {lab.pebble.ca_file}; "
        "agree-terms; }\n")
    lab.tap.hold = lambda path: 3
    lab.start()
    lab.ctl_ok("add", "slow1.test", "slow2.test")
    time.sleep(0.3)
    for name in ("fast1.test", "fast2.test"):
        began = time.monotonic()
        lab.add(name, options=["--ca", "direct"])
        took = time.monotonic() - began
        check(took < 5 * PATIENCE, f"{name} took {took:.1f} s")
        began = time.monotonic()
        lab.ctl_ok("status")
        check(time.monotonic() - began < 1 * PATIENCE, "status answers at once")
    lab.tap.hold = lambda path: 0
    lab.wait_served(["slow1.test", "slow2.test"], 20)


@scenario(tap=True)
def busy_answers_are_not_hammered(lab):
    """503 with Retry-After on newOrder: no order before that time, and few requests meanwhile."""
    lab.start()
    lab.add("first.test")
    new_order = next(path for path, entry in lab.tap.paths.items() if entry == "newOrder")
    asked = []

    def busy(path):
        if path != new_order:
            return None
        asked.append(time.monotonic())
        return 503, [("Retry-After", "3600"), ("Content-Type", "application/problem+json")], (
            b'{"type":"urn:ietf:params:acme:error:rateLimited","detail":"come back in an hour"}')

    lab.tap.instead = busy
    answer = lab.ctl("add", "a.test", "--wait", timeout=30)
    equal(answer.code, 8, f"{answer}\nexit code for a rate limit")
    time.sleep(3)
    check(1 <= len(asked) <= 6, f"newOrder was asked {len(asked)} times")
    item = lab.certd.show("a.test")
    check("come back in an hour" in item["error"]["detail"], f"the CA's text: {item['error']}")
    lab.tap.instead = lambda path: None
    lab.serial("first.test")


if __name__ == "__main__":
    main()

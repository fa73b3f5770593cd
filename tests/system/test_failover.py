#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several CAs for a name: the next one when the first is down, limits us or makes no sense, and not
when the name itself is at fault; a budget per CA."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from acmefault import text_of  # noqa: E402
from certd import ctl_stdin  # noqa: E402
from lab import PATIENCE, check, equal, expect_code, main, scenario, wait_for  # noqa: E402


def issuer_of(lab, name):
    lab.serial(name)
    return lab.certd.show(name)["issuer"]


def came_from(lab, name, ca):
    equal(issuer_of(lab, name), f"intermediate of {ca}", f"who issued {name}")


@scenario(faults=3, cas="one two three")
def in_order_and_back_to_the_first(lab):
    lab.start()
    lab.add("a.test")
    came_from(lab, "a.test", "one")
    lab.fault.instead("newOrder", 500)
    lab.ctl_ok("renew", "a.test", "--wait")
    came_from(lab, "a.test", "two")
    lab.faults[1].instead("newOrder", 500)
    lab.ctl_ok("renew", "a.test", "--wait")
    came_from(lab, "a.test", "three")
    for ca in lab.faults:
        ca.heal()
    wait_for(lambda: lab.certd.show("a.test")["ca"] == "one", 5, "the first again")
    lab.ctl_ok("renew", "a.test", "--wait")
    came_from(lab, "a.test", "one")
    item = lab.certd.show("a.test")
    equal((item["ca"], item["cas"]), ("one", ["one", "two", "three"]), "its CAs")
    equal(item.get("error"), None, "the error afterwards")


@scenario(faults=2, cas="one two")
def revoked_where_it_was_issued(lab):
    lab.start()
    lab.fault.instead("newOrder", 500)
    lab.add("a.test")
    came_from(lab, "a.test", "two")
    lab.fault.heal()
    wait_for(lambda: lab.certd.show("a.test")["ca"] == "one", 5, "the first is next")
    lab.ctl_ok("revoke", "a.test", "--no-renew")
    equal([ca.count("revokeCert") for ca in lab.faults], [0, 1], "who was asked")
    lab.ctl("revoke", "a.test", "--no-renew", "--ca", "one")
    equal([ca.count("revokeCert") for ca in lab.faults], [1, 1], "who was asked then")


CLASSES = [     # what the first CA does, and whether the second is asked
    ("down", lambda ca: ca.instead("newOrder", 503), True),
    ("directory", lambda ca: ca.instead("directory", 404), True),
    ("limited", lambda ca: ca.refuse("newOrder", "rateLimited", "later", 429,
                                     headers=[("Retry-After", "86400")]), True),
    ("internal", lambda ca: ca.refuse("finalize", "serverInternal", "sorry", 500), True),
    ("policy", lambda ca: ca.refuse("newOrder", "rejectedIdentifier", "not this one"), True),
    ("account", lambda ca: ca.refuse("newOrder", "userActionRequired", "new terms"), True),
    ("nonsense", lambda ca: ca.instead("newOrder", 201, body=b"{"), True),
    ("certificate", lambda ca: setattr(ca, "certify", lambda order, csr: ca.leaf(
        order, csr, names=["bank.test"]) + text_of(ca.signer.inter[1])), True),
    ("challenges", lambda ca: setattr(ca, "challenges", ["carrier-pigeon-01"]), True),
    ("dns", lambda ca: ca.refuse("newOrder", "dns", "NXDOMAIN", 400), False),
    ("caa", lambda ca: ca.refuse("newOrder", "caa", "forbidden"), False),
    ("unreachable", lambda ca: ca.refuse("challenge", "connection", "no route", 400), False),
    ("proof", lambda ca: ca.refuse("finalize", "unauthorized", "not yours"), False),
]


@scenario(faults=2, cas="one two")
def the_class_of_the_failure_decides(lab):
    first, second = lab.faults
    for word, spoil, moves in CLASSES:
        lab.start()                   # each with clients that know nothing yet
        kept = first.certify, first.challenges
        spoil(first)
        asked = second.count("newOrder")
        name = f"{word}.test"
        began = time.monotonic()
        answer = lab.ctl("add", name, "--wait", timeout=100)
        took = time.monotonic() - began
        first.heal()
        first.certify, first.challenges = kept
        if moves:
            equal(answer.code, 0, f"{word}: {answer}")
            came_from(lab, name, "two")
            # three tries of a request that the CA fails take 13 s
            check(took < 25 * PATIENCE, f"{word}: the next CA after {took:.1f} s")
        else:
            check(answer.code != 0 and "authz/" in answer.err, f"{word}: {answer}")
            equal(second.count("newOrder"), asked, f"{word}: orders at the second CA")
            check(not lab.is_served(name), f"{name} is not served")
        lab.certd.stop()


@scenario(faults=2, cas="one two")
def names_that_wait_for_a_ca_on_hold_go_on(lab):
    """Hundreds wait for a CA that is down: those with another one are served, the rest waits."""
    lab.start()
    lab.add("old.test")
    lab.fault.instead("newOrder", 503)
    alone = [f"alone{i}.test" for i in range(60)]
    both = [f"both{i}.test" for i in range(60)]
    lab.ctl_ok("add", *alone, "--ca", "one")
    lab.ctl_ok("add", *both)
    lab.wait_served(both, 60)
    came_from(lab, both[0], "two")
    check(not any(lab.is_served(name) for name in alone[:5]), "who has no other CA waits")
    error = lab.certd.show(alone[0])["error"]
    equal(error["code"], "ca/error", str(error))
    lab.fault.heal()
    lab.ctl_ok("renew", *alone, "--wait", timeout=120)


@scenario(faults=2, cas="one two")
def a_ca_that_limits_in_words_of_its_own(lab):
    """The third refusal is taken for one of the whole CA: names with another CA go there, and those
    without one go on by themselves when its Retry-After is over."""
    lab.start()
    lab.add("old.test")
    before = lab.fault.count("newOrder")
    lab.fault.refuse("newOrder", "rateLimited", "that was enough for today", 429,
                     headers=[("Retry-After", "6")])
    alone = [f"alone{i}.test" for i in range(40)]
    both = [f"both{i}.test" for i in range(40)]
    lab.ctl_ok("add", *alone, "--ca", "one")
    wait_for(lambda: lab.fault.count("newOrder") - before >= 3, 20, "it has refused three")
    lab.ctl_ok("add", *both)
    lab.wait_served(both, 60)
    came_from(lab, both[0], "two")
    check(not any(lab.is_served(name) for name in alone), "who has no other CA waits")
    asked = lab.fault.count("newOrder") - before
    # those that were on their way together, then one each 6 s
    check(asked <= 30, f"newOrder was asked {asked} times while nothing is to be had")
    lab.fault.heal()
    wait_for(lambda: any(lab.is_served(name) for name in alone), 40 * PATIENCE,
             "the hold ends by itself")
    tried = next(name for name in alone if lab.is_served(name))
    came_from(lab, tried, "one")
    lab.ctl_ok("renew", *alone, "--wait", timeout=120)


@scenario(faults=2, cas="one two")
def all_down_then_the_usual_back_off(lab):
    lab.start()
    for ca in lab.faults:
        ca.instead("newOrder", 500)
    answer = lab.ctl("add", "a.test", "--wait")
    check(answer.code not in (0, 7), str(answer))
    item = lab.certd.show("a.test")
    equal(item["error"]["count"], 2, f"attempts: {item}")
    equal(item["ca"], "one", "where it begins again")
    check(item["error"]["next"], str(item))
    asked = [ca.count("newOrder") for ca in lab.faults]
    check(asked == [1, 1], f"newOrder at each: {asked}")
    for ca in lab.faults:
        ca.heal()
    lab.ctl_ok("renew", "a.test", "--wait")
    came_from(lab, "a.test", "one")


@scenario(faults=3)
def who_says_which(lab):
    lab.start()
    lab.add("a.test", options=["--ca", "two,three"])
    came_from(lab, "a.test", "two")
    equal(lab.certd.show("a.test")["cas"], ["two", "three"], "cas")
    shown = lab.ctl_ok("show", "a.test").out
    check("two (of two, three)" in shown, shown)
    answer = ctl_stdin(lab.certd, '{"name":"b.test","ca":["three","one"]}\n', "apply", "-f", "-")
    equal(answer.code, 0, str(answer))
    lab.ctl_ok("wait", "b.test")
    came_from(lab, "b.test", "three")
    again = ctl_stdin(lab.certd, '{"name":"b.test","ca":["three","one"]}\n', "apply", "-f", "-",
                      "-o", "ndjson")
    check('"unchanged"' in again.out, str(again))
    for words, detail in ((["two,nobody"], "nobody"), (["two,two"], "differ"),
                          (["one,two,three,four,one"], "four"), ([","], "ca")):
        answer = expect_code(lab.ctl("add", "c.test", "--ca", *words), 2)
        check(detail in answer.err, str(answer))
    for text in ('{"name":"c.test","ca":[]}', '{"name":"c.test","ca":[7]}',
                 '{"name":"c.test","ca":{"a":1}}'):
        answer = ctl_stdin(lab.certd, text + "\n", "apply", "-f", "-")
        check(answer.code == 2 and "ca" in answer.err, f"{text}: {answer}")
    equal(sorted(lab.certd.names()), ["a.test", "b.test"], "names")


@scenario(faults=2)
def words_of_the_configuration(lab):
    good = lab.config().replace("default { ca one;", "default { ca one two;")
    path = os.path.join(lab.directory, "other.conf")
    for text, detail in ((good, None),
                         (good.replace("ca one two;", "ca one one;"), "twice"),
                         (good.replace("ca one two;", "ca one three;"), "unknown ca"),
                         (good.replace("ca one two;", "ca one two one two one;"), "ca"),
                         (good.replace("agree-terms;", "agree-terms; orders 300/3h;", 1), None),
                         (good.replace("agree-terms;", "agree-terms; orders 300;", 1), "300/3h"),
                         (good.replace("agree-terms;", "agree-terms; orders 0/1h;", 1), "range"),
                         (good.replace("agree-terms;", "agree-terms; orders 5/1;", 1), "unit"),
                         (good.replace("agree-terms;", "agree-terms; orders 5/90d;", 1), "range"),
                         (good.replace("agree-terms;", "agree-terms; orders /1h;", 1), "number")):
        with open(path, "w") as out:
            out.write(text)
        answer = lab.certd.check_config(path)
        equal(answer.code, 1 if detail else 0, f"{detail}: {answer}")
        check(not detail or detail in answer.err, f"{detail}: {answer}")
    lab.start()


@scenario(faults=2, cas="one two")
def a_ca_that_leaves_the_configuration(lab):
    lab.start()
    lab.add("a.test")
    lab.fault.instead("newOrder", 500)
    lab.certd.stop()
    blocks = lab.config()
    first = blocks[blocks.index("ca one {"):blocks.index("ca two {")]
    lab.write_config(text=blocks.replace(first, "").replace("default { ca one two;",
                                                            "default { ca two;"))
    lab.start()
    # it stands in the queue of a CA that is no more, and has another one
    lab.ctl_ok("renew", "a.test", "--wait")
    came_from(lab, "a.test", "two")
    equal(lab.certd.show("a.test")["ca"], "two", "the first that is left")


@scenario(faults=2, cas="one two")
def a_ca_that_leaves_the_configuration_under_an_order(lab):
    """Nobody asks for it again: it goes on with the CA that is left."""
    lab.start()
    lab.fault.hang("newOrder")
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.fault.count("newOrder"), 10, "it is in work")
    lab.certd.stop()
    blocks = lab.config()
    first = blocks[blocks.index("ca one {"):blocks.index("ca two {")]
    lab.write_config(text=blocks.replace(first, "").replace("default { ca one two;",
                                                            "default { ca two;"))
    lab.start()
    lab.wait_served(["a.test"], 30)
    came_from(lab, "a.test", "two")


@scenario(faults=2)
def a_budget_of_orders(lab):
    """Three now, one each 20 s; a restart gives none for nothing; the other CA has no limit."""
    lab.write_config(text=lab.config().replace("agree-terms;", "agree-terms; orders 3/60s;", 1))
    lab.start()
    names = [f"n{i}.test" for i in range(4)]
    lab.ctl_ok("add", *names, "beside.test")
    wait_for(lambda: lab.fault.count("newOrder") == 3, 10, "three orders")
    lab.add("other.test", options=["--ca", "two"])
    time.sleep(1)
    equal(lab.fault.count("newOrder"), 3, "orders within the budget")
    state = next(ca["state"] for ca in lab.certd.status()["cas"] if ca["name"] == "one")
    equal(state, "out of budget", "status")
    lab.certd.stop()
    lab.start()
    time.sleep(2)
    check(lab.fault.count("newOrder") <= 4, f"{lab.fault.count('newOrder')} after a restart")
    lab.wait_served([*names, "beside.test"], 60)


@scenario(faults=2, cas="one two")
def beyond_the_budget_the_next_ca(lab):
    lab.write_config(text=lab.config().replace("agree-terms;", "agree-terms; orders 5/1h;", 1))
    lab.start()
    names = [f"n{i}.test" for i in range(20)]
    lab.ctl_ok("add", *names, "--wait", timeout=60)
    equal((lab.faults[0].count("newOrder"), lab.faults[1].count("newOrder")), (5, 15), "orders")


@scenario(faults=2, cas="one two")
def who_waits_for_a_budget_goes_back(lab):
    """The second CA has few orders to give; those who wait for more do not, once the first is well."""
    text = lab.config()
    at = text.index("agree-terms;", text.index("ca two {"))
    lab.write_config(text=text[:at] + "orders 5/1h; " + text[at:])
    lab.start()
    lab.fault.instead("newOrder", 503)
    names = [f"n{i}.test" for i in range(20)]
    lab.ctl_ok("add", *names)
    wait_for(lambda: lab.faults[1].count("newOrder") == 5, 30, "all that the second CA gives")

    def waiting():      # without an attempt that has failed
        shown = (lab.certd.show(name) for name in names)
        return [item["ca"] for item in shown if item["state"] == "pending"]
    wait_for(lambda: waiting() and set(waiting()) == {"two"}, 30, "who waits for the second CA")
    lab.fault.heal()
    lab.ctl_ok("ca", "test", "one")
    wait_for(lambda: not waiting(), 30, "nobody waits")


@scenario(faults=2, cas="one two")
def a_kill_in_the_middle_of_going_on(lab):
    """kill -9 while names move from one CA to the next: none is lost, none is ordered twice."""
    lab.start()
    lab.fault.instead("newOrder", 503)
    names = [f"k{i}.test" for i in range(40)]
    lab.ctl_ok("add", *names)
    for _ in range(4):
        time.sleep(0.4)
        lab.certd.kill("keeper")
        lab.certd.wait_ready()
    lab.wait_served(names, 90)
    came_from(lab, names[0], "two")


if __name__ == "__main__":
    main()

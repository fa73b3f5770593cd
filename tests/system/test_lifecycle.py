#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a name beside its certificate: it leads elsewhere and comes back; it is removed, and
that is known."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import ctl_stdin                                                # noqa: E402
from knot import Knot, glue                                               # noqa: E402
from lab import PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from storelab import events                                               # noqa: E402

NOT_OURS = "127.0.0.1"      # nobody listens there at the labs' ports


class Zone:
    """The zone test., which its owner changes."""

    def __init__(self, lab, *rows):
        self.lab, self.server = lab, Knot(lab.directory, lab.address, {"test": self.lines(lab, rows)})
        lab.on_close.callback(self.server.stop)
        self.server.start()

    @staticmethod
    def lines(lab, rows):
        return [*glue("test", lab.address), *rows]

    def write(self, *rows):
        self.server.stop()
        self.server.write_zone("test", self.lines(self.lab, rows))
        self.server.start()


def use(lab, words, extra=""):
    lab.diagnose = (f"resolver {lab.address};\ndiagnose {{ again 1s; probe-private; "
                    f"probe-ports {PORTS['http']} {PORTS['https']}; {words} }}\n{extra}")
    lab.write_config()


def state(lab, name):
    return lab.certd.show(name)["state"]


def removed(lab, *words):
    return [item for item in lab.ctl_ok("list", "--state", "removed", "-o", "ndjson",
                                        *words).lines()]


@scenario(faults=1)
def what_was_removed_is_known_until_it_comes_back(lab):
    lab.start()
    lab.add("old.test", "kept.test")
    lab.ctl_ok("remove", "old.test", "--reason", "moved to another host")
    shown = expect_code(lab.ctl("show", "old.test"), 3)
    for word in ("was removed 20", f"uid {os.getuid()}", "(remove)", "moved to another host"):
        check(word in shown.err, shown)
    check("there is no name" in expect_code(lab.ctl("show", "never.test"), 3).err, "never here")
    line = json.dumps({"name": "kept.test", "state": "absent"})
    expect_code(ctl_stdin(lab.certd, line, "apply", "-f", "-"), 0)
    stones = {item["name"]: item["removed"] for item in removed(lab)}
    equal({name: (one["by"], one.get("reason"), one["uid"]) for name, one in stones.items()},
          {"old.test": ("remove", "moved to another host", os.getuid()),
           "kept.test": ("apply", None, os.getuid())}, "the list")
    equal(len(removed(lab, "--limit", "1")), 1, "a page")
    check("moved to another host" in lab.ctl_ok("list", "--state", "removed").out, "as a table")
    check("at most" in expect_code(lab.ctl("remove", "kept.test", "--reason", "x" * 200), 2).err,
          "too many words")

    lab.certd.stop()
    lab.start()
    equal(len(removed(lab)), 2, "after a restart")
    lab.add("old.test")
    equal([item["name"] for item in removed(lab)], ["kept.test"], "what came back")
    lab.ctl_ok("remove", "old.test")
    lab.extra += "keep-removed 1s;\n"
    lab.write_config()
    lab.ctl_ok("reload", "--wait")
    wait_for(lambda: not removed(lab), 30, "what is old is forgotten")
    check("there is no name" in expect_code(lab.ctl("show", "old.test"), 3).err, "forgotten")


@scenario(faults=1)
def the_order_of_a_removed_name_ends(lab):
    lab.start()
    lab.fault.hang("authz")
    lab.ctl_ok("add", "gone.test", "stays.test")
    wait_for(lambda: lab.fault.count("authz") == 2, 30, "both are in work")
    lab.ctl_ok("remove", "gone.test")
    wait_for(lambda: "gone.test: removed: its order is given up" in lab.certd.log_text(), 30,
             "its order is given up")
    lab.fault.heal()
    lab.wait_served(["stays.test"], 60)
    equal(lab.fault.count("finalize"), 1, "orders that were finished")
    equal(lab.certd.names(), ["stays.test"], "names")
    lab.add("gone.test")
    check(lab.is_served("gone.test"), "it begins anew")


@scenario(version="newest", challenge="http-01", resolver_port=53)
def a_name_that_leads_elsewhere_has_moved_until_it_is_back(lab):
    here = f"A {lab.address}"
    zone = Zone(lab, f"shop {here}", f"stays {here}")
    use(lab, f"addresses {lab.address}; moved-after 3s;")
    lab.start()
    lab.add("shop.test", "stays.test")
    serial = lab.serial("shop.test")
    zone.write(f"shop A {NOT_OURS}", f"stays {here}")
    equal(events(lab, "name.moved"), [], "as long as no order fails")
    lab.ctl_ok("renew", "shop.test")
    wait_for(lambda: state(lab, "shop.test") == "failing", 60, "its renewal fails")
    wait_for(lambda: state(lab, "shop.test") == "moved", 60, "it has moved")
    told = wait_for(lambda: events(lab, "name.moved"), 10, "that is told")
    check(told[0]["name"] == "shop.test" and NOT_OURS in told[0]["detail"], told)
    shown = lab.certd.show("shop.test")
    equal(shown["error"]["code"], "dns/moved", shown)
    check(NOT_OURS in shown["error"]["detail"] and shown["diagnosis"]["away_since"], shown)
    equal(shown["next"], None, "no order is planned")
    for word in ("moved", NOT_OURS, "not here", "since 20", "customer"):
        check(word in lab.ctl_ok("show", "shop.test").out, word)
    equal(lab.ctl_ok("list", "--state", "moved", "-o", "names").out.split(), ["shop.test"], "the list")
    equal(lab.serial("shop.test"), serial, "it is served all the while")

    # An operator may try all the same.
    failed = len(events(lab, "order.failed"))
    lab.ctl_ok("retry", "shop.test")
    wait_for(lambda: sum(e.get("count", 1) for e in events(lab, "order.failed")) > failed, 60,
             "an order is tried")
    wait_for(lambda: state(lab, "shop.test") == "moved", 60, "it has moved, still")
    lab.certd.stop()
    lab.start()
    equal(state(lab, "shop.test"), "moved", "after a restart")

    zone.write(f"shop {here}", f"stays {here}")
    wait_for(lambda: lab.serial("shop.test") != serial, 120, "it is back, and ordered for")
    wait_for(lambda: state(lab, "shop.test") == "valid", 10, "it is well")
    equal([e["name"] for e in events(lab, "name.returned")], ["shop.test"], "that is told")
    equal(lab.certd.show("shop.test").get("diagnosis"), None, "of a name that is well")
    equal({e["name"] for e in events(lab, "name.moved")}, {"shop.test"}, "no other name moved")


@scenario(faults=1)
def who_shares_a_certificate_never_moves(lab):
    zone = Zone(lab, f"one A {NOT_OURS}", f"set A {NOT_OURS}", f"www.set A {NOT_OURS}")
    use(lab, f"addresses {lab.address}; moved-after 2s;")
    lab.start()
    lab.fault.refuse("newOrder", "dns", "it leads elsewhere", status=400)
    lab.ctl_ok("add", "one.test")
    lab.ctl_ok("add", "set.test", "www.set.test", "--one-certificate")
    wait_for(lambda: state(lab, "one.test") == "moved", 60, "one that stands alone has moved")
    for name in ("set.test", "www.set.test"):
        since = wait_for(lambda: lab.certd.show(name).get("diagnosis", {}).get("away_since"), 30, name)
        wait_for(lambda: lab.certd.show(name)["diagnosis"]["at"] > since, 30, "looked at again")
        equal(state(lab, name), "failing", f"{name} shares a certificate")

    # Without `moved-after` those that have moved come back.
    lab.fault.heal()
    use(lab, f"addresses {lab.address}; moved-after never;")
    lab.ctl_ok("reload", "--wait")
    wait_for(lambda: events(lab, "name.returned"), 60, "it is back")
    zone.write(f"one A {lab.address}", f"set A {lab.address}", f"www.set A {lab.address}")
    lab.wait_served(["one.test", "set.test", "www.set.test"], 90)


if __name__ == "__main__":
    main()

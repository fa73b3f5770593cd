#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a name beside its certificate: it leads elsewhere and comes back; it is removed, and
that is known."""

import datetime
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import ctl_stdin                                                # noqa: E402
from knot import Knot, beside, glue                                             # noqa: E402
from lab import PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from storelab import events                                               # noqa: E402

OWNERSHIP = ("ownership { txt _certd-challenge; http /.well-known/certd-ownership; "
             "label tenant; }\n")
NOT_OURS = "127.0.0.1"      # nobody listens there at the labs' ports


class Own(BaseHTTPRequestHandler):
    """The server that a name's owner had before."""

    def do_GET(self):
        body = self.server.pages.get((self.headers["Host"], self.path), b"welcome")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def own_server(lab, address):
    server = ThreadingHTTPServer((address, PORTS["http"]), Own)
    server.pages = {}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()
    lab.on_close.callback(stop)
    return server


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


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def state(lab, name):
    return lab.certd.show(name)["state"]


def renew_in_vain(lab, name, serial):
    """Returns the serial that is served.  Pebble takes a valid authorization of before for one order
    in a hundred, also when told never to: that one succeeds."""
    for _ in range(5):
        lab.ctl_ok("renew", name)
        wait_for(lambda: state(lab, name) in ("failing", "moved") or lab.serial(name) != serial, 60,
                 "its renewal ends")
        if state(lab, name) in ("failing", "moved"):
            break
        serial = lab.serial(name)
    check(state(lab, name) in ("failing", "moved"), "its renewal fails")
    return serial


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
    for form, when in [("table", r"(now|\d+s ago)"), ("wide", r"20\d\d-\S+Z")]:
        out = lab.ctl_ok("list", "--state", "removed", "-o", form).out
        check(re.search(rf"old.test .*{when} by uid {os.getuid()}: moved to another host", out), out)
    for sort in ("name", "expiry"):     # which there is none of
        page = [lab.ctl_ok("list", "--state", "removed", "--sort", sort, "-o", "json", "--limit",
                           "1").json()]
        page += [lab.ctl_ok("list", "--state", "removed", "--sort", sort, "-o", "json", "--after",
                            page[0]["after"]).json()]
        page += [lab.ctl_ok("list", "--state", "removed", "--sort", sort, "-o", "json", "--before",
                            page[1]["before"]).json()]
        equal([item["name"] for one in page for item in one["items"]],
              ["kept.test", "old.test", "kept.test"], "forth and back")
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
    serial = renew_in_vain(lab, "shop.test", serial)
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
def what_was_put_right_is_tried_at_once_but_not_too_often(lab):
    here, forbids = f"A {lab.address}", 'late CAA 0 issue "other.test"'
    zone = Zone(lab, f"late {here}", forbids)
    use(lab, f"addresses {lab.address};")
    lab.start()
    lab.fault.edit("directory", lambda request, answer: answer.json.setdefault(
        "meta", {}).update(caaIdentities=["ca.test"]))
    lab.fault.refuse("newOrder", "caa", "a CAA record forbids it")
    lab.ctl_ok("add", "late.test")

    def shown():
        return lab.certd.show("late.test")

    def wait_found(code):
        return wait_for(lambda: (shown().get("diagnosis") or {}).get("code") == code, 60, code)

    def failures():
        return (shown()["error"] or {}).get("count", 0)
    wait_found("caa/forbids")
    while failures() < 4:           # the next try is a day away
        before = failures()
        lab.ctl_ok("renew", "late.test")
        wait_for(lambda: failures() > before, 60, "it fails again")
    wait_found("caa/forbids")
    zone.write(f"late {here}")
    wait_for(lambda: failures() == 5, 60, "the owner heals it: it is tried at once")
    woken = when(shown()["error"]["at"])
    zone.write(f"late {here}", forbids)
    wait_found("caa/forbids")
    zone.write(f"late {here}")
    wait_for(lambda: len(events(lab, "diagnosis.gone")) >= 2 or
             any(e.get("count", 1) > 1 for e in events(lab, "diagnosis.gone")), 60, "healed again")
    wait_for(lambda: 700 <= when(shown()["next"]) - woken <= 740, 30,
             "the next try is 12 minutes after the last")
    equal(failures(), 5, "tries")


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


def waits_for_owner(lab, name):
    """What its owner is to show: the TXT line, and the token."""
    shown = wait_for(lambda: (s := lab.certd.show(name)).get("diagnosis") and s["error"] and s, 30,
                     "it is looked at")
    equal((shown["state"], shown["error"]["code"]), ("failing", "ownership"), shown)
    d = shown["diagnosis"]
    equal((d["code"], d["act"]), ("ownership/missing", "customer"), shown)
    equal(shown["error"]["count"], 0, "failures: the CA was not asked")
    found = re.fullmatch(r'_certd-challenge\.(\S+)\. TXT "([0-9a-f]{40})"', d["records"][0])
    check(found and found[2] in shown["error"]["detail"], shown)
    return d["records"], found[2]


@scenario(faults=1)
def who_owns_a_name_shows_it_before_the_first_order(lab):
    here, there = lab.address, beside(lab, 1)
    rows = [f"shop A {here}", f"page A {there}", f"late A {here}"]
    zone, own = Zone(lab, *rows), own_server(lab, there)
    use(lab, f"addresses {here};", OWNERSHIP)
    lab.start()
    out = lab.ctl_ok("add", "shop.test", "--label", "tenant=acme").out
    records, token = waits_for_owner(lab, "shop.test")
    for record in records:
        check(record in out, f"{record} in {out}")
    check(records[0] in lab.ctl_ok("show", "shop.test").out, "show says what is missing")
    equal(lab.fault.count("newOrder"), 0, "orders")
    equal([e["detail"][:17] for e in events(lab, "diagnosis.found")], ["ownership/missing"], "told")

    # It is the same again, and another one for another tenant, or another name.
    lab.ctl_ok("remove", "shop.test")
    lab.ctl_ok("add", "shop.test", "--label", "tenant=other")
    other = waits_for_owner(lab, "shop.test")[1]
    lab.ctl_ok("remove", "shop.test")
    lab.certd.stop()
    lab.start()
    lab.ctl_ok("add", "shop.test", "--label", "tenant=acme")
    equal(waits_for_owner(lab, "shop.test")[1], token, "the token after a restart")
    lab.ctl_ok("add", "page.test", "--label", "tenant=acme")
    page, page_token = waits_for_owner(lab, "page.test")
    equal(len({token, other, page_token}), 3, "tokens")

    # Others' values are no proof; the right one is seen without anybody's asking.
    zone.write(*rows, f'_certd-challenge.shop TXT "{other}"', '_certd-challenge.shop TXT "x"')
    before = lab.certd.show("shop.test")["diagnosis"]["at"]
    wait_for(lambda: lab.certd.show("shop.test")["diagnosis"]["at"] > before, 60, "another look")
    equal(waits_for_owner(lab, "shop.test")[1], token, "it waits on")
    equal(lab.fault.count("newOrder"), 0, "orders")
    zone.write(*rows, '_certd-challenge.shop TXT "x"', f'_certd-challenge.shop TXT "{token[:9]}" "{token[9:]}"')
    lab.wait_served(["shop.test"], 90)

    # By a page: wrong at first; an operator's retry looks at once. Its DNS leads elsewhere all the
    # while, which is the order's business, not the proof's.
    url = re.fullmatch(r"http://page\.test:\d+(/\S+) = ([0-9a-f]{40})", page[1])
    equal(url[2], page_token, "the token of the page")
    own.pages["page.test", url[1]] = token.encode()
    lab.ctl_ok("retry", "page.test")
    wait_for(lambda: "page.test" in json.dumps(waits_for_owner(lab, "page.test")), 30, "it waits on")
    own.pages["page.test", url[1]] = page_token.encode() + b"\n"
    lab.ctl_ok("retry", "page.test")
    wait_for(lambda: ["page.test"] in lab.fault.names_ordered(), 60, "it is ordered for")

    # Who has a certificate is never asked again.
    zone.write(*rows)
    serial = lab.serial("shop.test")
    lab.ctl_ok("renew", "shop.test", "--wait", timeout=120)
    check(lab.serial("shop.test") != serial, "renewed without the record")


if __name__ == "__main__":
    main()

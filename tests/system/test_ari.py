#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Renewal information (RFC 9773): the windows of a real CA, moved by its management port."""

import base64
import datetime
import json
import os
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from authority import Authority, read  # noqa: E402
from dated import Clock  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

DAY = 86400
WHY = "https://ca.test/incident?n=1"


def is_question(path):
    return "renewalInfo/" in path


class Gate:
    """Holds the CA's answers about renewal back until it is opened."""

    def __init__(self, lab):
        self.event, self.asked = threading.Event(), []
        lab.tap.hold = self.hold
        lab.on_close.callback(self.event.set)

    def hold(self, path):
        if is_question(path):
            self.asked.append(path)
            self.event.wait()
        return 0

    def open(self):
        wait_for(lambda: self.asked, 20, "a question about renewal")
        self.event.set()


def questions(lab):
    """(path, status) of the questions that were answered."""
    with lab.tap.lock:
        return [(path, status) for _, _, path, status in lab.tap.requests if is_question(path)]


def leaf(lab, name):
    """The certificate that is served, as PEM."""
    with lab.connect(name) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))


def moment(seconds):
    """SECONDS from now, as RFC 3339 has it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def move_window(lab, pem, start, end, why=None):
    """The CA's window for the certificate PEM: START and END are seconds from now."""
    window = {"start": moment(start), "end": moment(end)}
    answer = {"suggestedWindow": window, **({"explanationURL": why} if why else {})}
    lab.pebble.manage("set-renewal-info/", Certificate=pem, ARIResponse=json.dumps(answer))
    return window


def events(lab, kind):
    return [e for e in lab.ctl_ok("events", "--limit", "1000", "-o", "ndjson").lines()
            if e["type"] == kind]


def window_of(lab, name):
    """(start, end, moment chosen), None where there is none."""
    item = lab.certd.show(name)
    return item.get("renewal_from"), item.get("renewal_until"), item.get("renewal_at")


def has_window(lab, name):
    return all(window_of(lab, name))


def replaced(lab, name):
    """What each order of NAME said that it replaces."""
    return [order.get("replaces") for order in lab.tap.ordered(name)]


@scenario(version="2.10", tap=True)
def a_window_is_asked_for_and_kept(lab):
    lab.start()
    lab.add("a.test")
    wait_for(lambda: has_window(lab, "a.test"), 20, "a window")
    start, end, chosen = window_of(lab, "a.test")
    check(start <= chosen < end, f"chosen within the window: {start} {chosen} {end}")
    equal(lab.certd.show("a.test")["next"], chosen, "the plan is the chosen moment")
    equal(len(questions(lab)), 1, "questions")
    key, serial = questions(lab)[0][0].rsplit("/", 1)[1].split(".")
    number = int.from_bytes(base64.urlsafe_b64decode(serial + "=" * (-len(serial) % 4)), "big")
    equal(f"{number:x}", lab.serial("a.test"), "the serial number asked about")
    equal(events(lab, "renewal.window_changed"), [], "a first window is no event")
    equal(replaced(lab, "a.test"), [None], "a first order replaces nothing")
    lab.certd.kill("keeper")
    wait_for(lambda: lab.ctl("show", "a.test").code == 0, 20, "a new keeper")
    equal(window_of(lab, "a.test"), (start, end, chosen), "window and moment after a kill")
    equal(len(questions(lab)), 1, "a restart asks nothing")


@scenario(version="2.10", tap=True)
def a_window_in_the_past_renews_at_once(lab):
    gate = Gate(lab)
    lab.start()
    lab.add("a.test")
    serial = lab.serial("a.test")
    move_window(lab, leaf(lab, "a.test"), -7200, -3600, WHY)
    gate.open()
    wait_for(lambda: lab.serial("a.test") != serial, 30, "the renewal")
    told = events(lab, "renewal.window_changed")
    equal([e["name"] for e in told], ["a.test"], "events")
    check(WHY in told[0]["detail"], f"the event says why: {told[0]}")
    wait_for(lambda: len(lab.tap.orders_of("a.test")) == 2, 10, "two orders")
    asked = gate.asked[0].rsplit("/", 1)[1]
    equal(replaced(lab, "a.test"), [None, asked], "what the orders replace")
    check("is a replacement of" in read(lab.pebble.log), "pebble has taken note")
    # the new one has a window of its own, and the old one is not asked about again
    wait_for(lambda: has_window(lab, "a.test"), 20, "the next window")
    check(questions(lab)[-1][0] != gate.asked[0], "asked about the new certificate")
    equal(lab.certd.show("a.test").get("renewal_why"), None, "the next window has no reason")


@scenario(version="2.10", tap=True)
def a_ca_that_always_says_now_gets_two_orders_not_a_hundred(lab):
    """Trust nothing: windows in the past for each new certificate, too."""
    lab.start()
    past = json.dumps({"suggestedWindow": {"start": moment(-7200), "end": moment(-3600)}})
    lab.tap.instead = lambda path: is_question(path) and (200, [], past.encode())
    lab.add("a.test")
    wait_for(lambda: len(lab.tap.orders_of("a.test")) == 2, 30, "the renewal")
    wait_for(lambda: (window_of(lab, "a.test")[2] or "") > moment(1800), 30, "a moment an hour away")
    equal(len(lab.tap.orders_of("a.test")), 2, "orders")


@scenario(version="2.10", tap=True)
def a_window_that_moves_takes_the_plan_along(lab):
    """Asked again at Retry-After, a minute at least: 60 to 66 s."""
    lab.tap.rewrite = lambda path, headers: (
        [(n, v) for n, v in headers if n != "Retry-After"] + [("Retry-After", "1")]
        if is_question(path) else headers)
    gate = Gate(lab)
    lab.start()
    lab.add("a.test", "b.test", "c.test")
    served = {name: leaf(lab, name) for name in ("a.test", "b.test", "c.test")}
    for name in served:
        move_window(lab, served[name], 10 * DAY, 11 * DAY)
    gate.open()
    wait_for(lambda: all(has_window(lab, name) for name in served), 20, "windows")
    before = {name: window_of(lab, name) for name in served}
    later = move_window(lab, served["a.test"], 20 * DAY, 21 * DAY, WHY + "\x1b[2J")
    move_window(lab, served["b.test"], -7200, -3600, WHY)
    move_window(lab, served["c.test"], 20 * DAY, 10 * DAY)   # ends before it begins
    serial = lab.serial("b.test")
    wait_for(lambda: lab.serial("b.test") != serial, 120, "b.test is renewed")
    wait_for(lambda: window_of(lab, "a.test")[0] == later["start"], 30, "the later window")
    wait_for(lambda: not window_of(lab, "c.test")[0], 30, "no window for c.test")
    item = lab.certd.show("a.test")
    check(later["start"] <= item["next"] < later["end"], f"the plan follows: {item}")
    check(before["a.test"][2] < item["renewal_at"], "another moment")
    equal(item.get("renewal_why"), None, "what is no URL is not shown")
    equal(len(lab.tap.orders_of("a.test")), 1, "orders of a.test")
    equal(len(lab.tap.orders_of("c.test")), 1, "orders of c.test")
    item = lab.certd.show("c.test")
    life = [datetime.datetime.fromisoformat(item[m].replace("Z", "+00:00"))
            for m in ("not_before", "next", "not_after")]
    part = (life[1] - life[0]) / (life[2] - life[0])
    check(0.64 < part < 0.67, f"without a window: a third of the life left, {part:.3f}")
    kinds = {e["name"]: e["detail"] for e in events(lab, "renewal.window_changed")}
    equal(sorted(kinds), ["a.test", "b.test", "c.test"], "whose window has changed")
    check("no window any more" in kinds["c.test"], kinds["c.test"])


@scenario(version="2.10", tap=True, validity=60)
def a_window_wider_than_the_life_costs_no_handshake(lab):
    """pebble names a day before and a day behind, whatever the life."""
    lab.start()
    lab.add("a.test")
    end = time.monotonic() + 80
    while time.monotonic() < end:
        lab.serial("a.test")    # verified, and not expired
        time.sleep(0.5)
    orders = len(lab.tap.orders_of("a.test"))
    # the first may go at once; each further one is kept for half of its life
    check(2 <= orders <= 4, f"{orders} orders in 80 s")


@scenario(version="2.10", tap=True)
def what_is_replaced_already_is_ordered_without(lab):
    lab.start()
    lab.add("a.test")
    wait_for(lambda: has_window(lab, "a.test"), 20, "a window")
    serial = lab.serial("a.test")
    # issued, and so replaced for pebble; what arrives here is no certificate
    broken = (200, [("Content-Type", "application/pem-certificate-chain")], b"nonsense")
    lab.tap.instead = lambda path: path.startswith("/certZ/") and broken
    check(lab.ctl("renew", "a.test", "--wait").code != 0, "a renewal without a certificate fails")
    wait_for(lambda: "marked as replaced" in read(lab.pebble.log), 20, "pebble's mark")
    lab.tap.instead = lambda path: None
    lab.ctl_ok("renew", "a.test", "--wait")
    check(lab.serial("a.test") != serial, "renewed")
    said = replaced(lab, "a.test")
    check(said[0] is None and said[1] and said[-2] == said[1] and said[-1] is None,
          f"the last order is one more, without: {said}")
    with lab.tap.lock:
        answers = [status for _, _, path, status in lab.tap.requests
                   if lab.tap.paths.get(path) == "newOrder"]
    equal(answers[-2:], [409, 201], "the last two answers to newOrder")


@scenario(version="2.10", tap=True)
def a_ca_that_stumbles_over_what_is_replaced(lab):
    """500 for each order that says so: pebble 2.10 does it for serial numbers like 00ab6f8f8bffe9ee."""
    lab.start()
    lab.add("a.test")
    wait_for(lambda: has_window(lab, "a.test"), 20, "a window")
    serial = lab.serial("a.test")
    order = next(path for path, entry in lab.tap.paths.items() if entry == "newOrder")
    fault = b'{"type":"urn:ietf:params:acme:error:serverInternal","detail":"no such order"}'
    lab.tap.instead = lambda path: (
        (500, [("Content-Type", "application/problem+json")], fault) if path == order else None)
    check(lab.ctl("renew", "a.test", "--wait").code != 0, "the first attempt fails")
    error = lab.certd.show("a.test")["error"]
    equal(error["code"], "ca/error", f"code of {error}")
    lab.tap.instead = lambda path: None
    lab.ctl_ok("renew", "a.test", "--wait")     # its own next try is in a minute
    check(lab.serial("a.test") != serial, "renewed")
    equal(replaced(lab, "a.test"), [None, None], "what the orders replace that pebble saw")


@scenario(version="2.10", tap=True)
def imported_ones_are_asked_about_too(lab):
    """pebble has not issued it, and says so: the plan is the usual one, and serving goes on."""
    ca = Authority(os.path.join(lab.directory, "ca"))
    key, cert = ca.make("i.test", (ca.inter, ca.inter_key), "CA:FALSE", "DNS:i.test",
                        more="authorityKeyIdentifier=keyid\n")
    both = os.path.join(lab.directory, "i.pem")
    with open(both, "w") as out:
        out.write(read(cert) + read(ca.inter) + read(key))
    lab.start()
    lab.ctl_ok("import", both)
    item = lab.certd.show("i.test")
    wait_for(lambda: questions(lab), 20, "a question")
    equal([status // 100 for _, status in questions(lab)], [4], "pebble's answer")
    equal(lab.certd.show("i.test")["next"], item["next"], "the plan is the usual one")
    equal(window_of(lab, "i.test"), (None, None, None), "no window")
    # the CA knows it by now, and says: at once. It was never issued here: nothing is replaced.
    past = json.dumps({"suggestedWindow": {"start": moment(-7200), "end": moment(-3600)}})
    lab.tap.instead = lambda path: is_question(path) and (200, [], past.encode())
    wait_for(lambda: lab.tap.orders_of("i.test"), 120, "an order at the second question")
    equal(replaced(lab, "i.test"), [None], "what it replaces")


@scenario(version="2.10", tap=True)
def names_of_one_certificate_share_a_question(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    names = ["i.test", "j.test", "k.test"]
    key, cert = ca.make("i.test", (ca.inter, ca.inter_key), "CA:FALSE",
                        ",".join("DNS:" + name for name in names),
                        more="authorityKeyIdentifier=keyid\n")
    both = os.path.join(lab.directory, "i.pem")
    with open(both, "w") as out:
        out.write(read(cert) + read(ca.inter) + read(key))
    window = {"suggestedWindow": {"start": moment(86400), "end": moment(2 * 86400)}}
    asked = []

    def answer(path):
        if is_question(path):
            asked.append(path)
            return 200, [("Retry-After", "60")], json.dumps(window).encode()
        return None
    lab.tap.instead = answer
    lab.start()
    lab.ctl_ok("import", both)
    for times in (1, 2):
        wait_for(lambda: len(asked) >= times, 90, f"question {times}")
        wait_for(lambda: all(has_window(lab, name) for name in names), 20, "windows of all")
        # another one, should a second have ended while they were stored
        check(times <= len(asked) <= 2 * times, f"questions: {asked}")


@scenario(version="2.4", tap=True)
def a_ca_without_it_is_left_alone(lab):
    if lab.pebble.offers("renewalInfo"):
        raise Skip("the installed pebble has renewal information")
    lab.start()
    lab.add("a.test")
    wait_for(lambda: (lab.certd.show("a.test").get("renewal_asked") or "") > moment(DAY // 2), 30,
             "the next look in a day")
    equal(questions(lab), [], "questions")
    equal(window_of(lab, "a.test"), (None, None, None), "no window")
    lab.ctl_ok("renew", "a.test", "--wait")
    equal(replaced(lab, "a.test"), [None, None], "what the orders replace")


@scenario(version="2.10", tap=True)
def a_ca_with_another_clock_moves_nothing(lab):
    """reliability F8: one of the two clocks is wrong, and that is no reason to order everything."""
    lab.tap.rewrite = lambda path, headers: (
        [(n, v) for n, v in headers if n != "Date"] + [("Date", "Wed, 01 Jan 2025 00:00:00 GMT")]
        if is_question(path) else headers)
    gate = Gate(lab)
    lab.start()
    lab.add("a.test")
    item = lab.certd.show("a.test")
    move_window(lab, leaf(lab, "a.test"), -7200, -3600, WHY)
    gate.open()
    wait_for(lambda: events(lab, "clock.suspect"), 20, "the event")
    equal(lab.certd.show("a.test")["next"], item["next"], "the plan")
    equal(len(lab.tap.orders_of("a.test")), 1, "orders")


@scenario(version="2.10", tap=True)
def a_clock_that_was_ahead_leaves_nothing_behind(lab):
    """Windows stay, though all certificates seem to have ended; who is to be asked about is asked
    about as soon as the clock is right again, not as many days later as it was ahead."""
    clock = Clock(lab)
    lab.start()
    kept = [f"kept{i}.test" for i in range(6)]
    lab.add(*kept)
    for name in kept:
        wait_for(lambda: has_window(lab, name), 20, "a window")
    before = {name: (lab.serial(name), window_of(lab, name)) for name in kept}
    gate = Gate(lab)
    lab.add("open.test")
    wait_for(lambda: gate.asked, 20, "a question about open.test")
    clock.set("+2000d")         # behind the end of all of them
    wait_for(lambda: events(lab, "clock.suspect"), 20, "clock.suspect")
    gate.event.set()
    wait_for(lambda: events(lab, "order.failed"), 40, "an order, which begins in doubt")
    clock.set("+0")
    wait_for(lambda: events(lab, "clock.trusted"), 20, "clock.trusted")
    wait_for(lambda: has_window(lab, "open.test"), 40, "its window")
    after = {name: (lab.serial(name), window_of(lab, name)) for name in kept}
    check([name for name in kept if after[name] == before[name]][3:], f"{before} {after}")
    for name in kept:
        check(after[name] == before[name] or after[name][0] != before[name][0], name)
    equal(events(lab, "renewal.window_changed"), [], "windows that changed")
    wait_for(lambda: all(lab.certd.show(name)["state"] == "valid" for name in kept), 60,
             "those that failed meanwhile")


if __name__ == "__main__":
    main()

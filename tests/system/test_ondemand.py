#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names that come on demand: the first handshake for an allowed name waits for its certificate; what
is not allowed costs nothing, what fails is ordered once, what is stored depends on no hook."""

import calendar
import concurrent.futures
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import permission  # noqa: E402
import tlsclient  # noqa: E402
from authority import Authority  # noqa: E402
from certd import PATIENCE, SANITIZED, ctl_stdin  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402
from permission import Permission  # noqa: E402

ASK_PORT = 18500


def start(lab, words):
    lab.write_config(f"on-demand {{ {words} }}")
    lab.start()


def shake(lab, name, seconds=60):
    """The serial number that a client gets, or the name of the alert, or "closed"."""
    try:
        with lab.connect(name, timeout=seconds * PATIENCE) as tls:
            return tlsclient.serial_of(tls)
    except ssl.SSLError as error:
        return (error.reason or str(error)).lower()
    except (ConnectionError, socket.timeout) as error:
        return type(error).__name__


def refused(lab, name, seconds=60):
    got = shake(lab, name, seconds)
    equal(got, "tlsv1_unrecognized_name", f"what a client of {name} gets")


def served(lab, name):
    got = shake(lab, name)
    equal(got, lab.certd.show(name)["serial"].lstrip("0"), f"the serial number of {name}")


def events(lab, kind, **more):
    got = lab.ctl_ok("events", "--type", kind, "-o", "ndjson").lines()
    return [one for one in got if all(one.get(key) == value for key, value in more.items())]


def front(lab, word):
    return lab.certd.status()["front"][f"on_demand_{word}"]


def hellos(lab, names, at_once=64, seconds=30):
    """A ClientHello for each of NAMES; the answers' first bytes."""
    def one(name):
        try:
            with socket.create_connection(lab.https, timeout=seconds * PATIENCE) as raw:
                raw.sendall(tlsclient.client_hello(name.encode()))
                return raw.recv(7)
        except OSError as error:
            return type(error).__name__.encode()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, names))


UNRECOGNIZED = b"\x15\x03\x03\x00\x02\x02\x70"


# what is allowed


@scenario(challenge="http-01")
@scenario(challenge="tls-alpn-01")
def the_first_handshake_gets_the_certificate(lab):
    start(lab, "allow *.shop.test exact.test; label from=client;")
    served(lab, "a.shop.test")
    served(lab, "exact.test")
    refused(lab, "b.exact.test")
    refused(lab, "x.a.shop.test")
    refused(lab, "shop.test")
    equal(lab.certd.names(), ["a.shop.test", "exact.test"], "the names that are here")
    item = lab.certd.show("a.shop.test")
    equal(item["labels"], {"from": "client"}, "its labels")
    check(item["used_at"], "it says when it was used")
    added = [one["name"] for one in events(lab, "ondemand.added")]
    equal(sorted(added), ["a.shop.test", "exact.test"], "events")
    equal(front(lab, "added"), 2, "names added")
    equal(front(lab, "waited"), 2, "handshakes that waited")
    equal(front(lab, "served"), 2, "and were served")


@scenario()
def off_unless_said(lab):
    lab.start()
    refused(lab, "a.shop.test")
    equal(lab.certd.names(), [], "names")
    lab.write_config("on-demand { allow *.shop.test; }")
    lab.ctl_ok("reload")
    served(lab, "a.shop.test")
    lab.write_config()
    lab.ctl_ok("reload")
    served(lab, "a.shop.test")
    refused(lab, "b.shop.test")


@scenario()
def many_clients_one_order(lab):
    start(lab, "allow *.shop.test;")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        got = set(pool.map(lambda _: shake(lab, "a.shop.test"), range(20)))
    equal(got, {lab.certd.show("a.shop.test")["serial"].lstrip("0")}, "what all of them get")
    equal(len(events(lab, "cert.stored")), 1, "certificates")
    equal(front(lab, "added"), 1, "names added")


@scenario(faults=1)
def what_somebody_removes_stays_away(lab):
    start(lab, "allow *.shop.test;")
    served(lab, "a.shop.test")
    lab.ctl_ok("remove", "a.shop.test")
    began = time.monotonic()
    refused(lab, "a.shop.test")
    check(time.monotonic() - began < 5 * PATIENCE, "at once")
    equal(lab.certd.names(), [], "names")
    lab.add("a.shop.test")
    served(lab, "a.shop.test")
    equal(lab.fault.count("newOrder"), 2, "orders")


@scenario()
def a_name_that_is_here_is_never_asked_about(lab):
    path = os.path.join(lab.directory, "ask")
    with Permission(path=path, answer=False) as hook:
        start(lab, hook.words)
        lab.add("a.shop.test")
        for _ in range(3):
            served(lab, "a.shop.test")
        equal(hook.asked, [], "names asked about")
        refused(lab, "b.shop.test")
        equal(hook.asked, ["b.shop.test"], "names asked about")


# the permission hook


def by_hook(lab, hook):
    hook.answer = True
    served(lab, "yes.test")
    hook.answer = False
    refused(lab, "no.test")
    hook.answer = True
    refused(lab, "no.test")
    equal(hook.asked, ["yes.test", "no.test"], "what it was asked: a no is remembered")
    equal(hook.faults, [], "what it has to complain of")
    equal(front(lab, "questions"), 2, "questions")
    equal(front(lab, "refused"), 1, "refusals")
    wait_for(lambda: events(lab, "ondemand.denied"), 5, "the event")


@scenario()
def a_hook_over_https(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    with Permission(lab.address, ASK_PORT, ca) as hook:
        start(lab, hook.words)
        by_hook(lab, hook)


@scenario()
def a_hook_on_a_socket(lab):
    with Permission(path=os.path.join(lab.directory, "ask")) as hook:
        start(lab, hook.words)
        by_hook(lab, hook)


@scenario()
def a_hook_of_somebody_else_is_not_believed(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    other = Authority(os.path.join(lab.directory, "other"))
    with Permission(lab.address, ASK_PORT, ca) as hook:
        start(lab, hook.words.replace(ca.root, other.root))
        refused(lab, "a.test")
        equal(hook.asked, [], "what it was asked")
    equal(lab.certd.names(), [], "names")


NO_ANSWERS = [
    ("another status", permission.say(403, b'{"allow":true}')),
    ("no content", permission.say(204, b"")),
    ("a redirect", permission.say(302, b'{"allow":true}', [("Location", "https://example.com/")])),
    ("a page", permission.say(200, b"<html>welcome</html>")),
    ("no object", permission.say(200, b"true")),
    ("a number", permission.say(200, b'{"allow":1}')),
    ("a text", permission.say(200, b'{"allow":"true"}')),
    ("another word", permission.say(200, b'{"allowed":true}')),
    ("twice", permission.say(200, b'{"allow":false,"allow":true}')),
    ("half", permission.say(200, b'{"allow":true}', length=100)),
    ("a GiB", permission.flood),
    ("silence", permission.hang),
]


@scenario()
def what_is_no_clear_yes_is_a_no(lab):
    """And disturbs nobody: what is here is served all the while."""
    lab.write_config()
    with Permission(path=os.path.join(lab.directory, "ask")) as hook:
        start(lab, hook.words + " names-per-address 100/1h; wait 30s;")
        lab.add("here.test")
        for at, (what, answer) in enumerate(NO_ANSWERS):
            hook.answer = answer
            # a hook that broke off is left alone for some moments, and nobody waits for it
            wait_for(lambda: refused(lab, f"n{at}.test") or hook.asked[-1:] == [f"n{at}.test"],
                     40, f"{what}: it is asked")
            served(lab, "here.test")
        check(hook.written < 4 << 20, f"{hook.written} bytes of a GiB were taken")
        equal(lab.certd.names(), ["here.test"], "names")
        told = wait_for(lambda: events(lab, "ondemand.hook_down"), 5, "the event")
        equal(len(told), 1, "rows of the event")
        equal(front(lab, "hook_failed"), len(NO_ANSWERS), "failures")


@scenario()
def a_hook_that_is_down_refuses_new_names_only(lab):
    path = os.path.join(lab.directory, "ask")
    start(lab, f"permission unix:{path};")
    lab.add("here.test")
    began = time.monotonic()
    refused(lab, "a.test")
    check(time.monotonic() - began < 5 * PATIENCE, "refused at once, not after the wait")
    served(lab, "here.test")
    equal(lab.certd.names(), ["here.test"], "names")
    with Permission(path=path):
        wait_for(lambda: shake(lab, "b.test") != "tlsv1_unrecognized_name", 20, "the hook is back")
        served(lab, "b.test")


@scenario(faults=1)
def a_killed_keeper_is_asked_again(lab):
    """The same handshake goes on: with the hook's answer, then with the order."""
    with Permission(path=os.path.join(lab.directory, "ask"), answer=permission.hang) as hook:
        start(lab, hook.words)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            client = pool.submit(shake, lab, "a.test")
            wait_for(lambda: hook.asked, 10, "the question")
            hook.answer = True
            lab.fault.hang("newOrder", times=1)
            lab.certd.kill("keeper")
            wait_for(lambda: lab.fault.count("newOrder"), 15, "the order")
            lab.certd.kill("keeper")
            got = client.result()
        equal(got, lab.certd.show("a.test")["serial"].lstrip("0"), "what it gets")
        equal(hook.asked, ["a.test"] * 2, "questions")


# floods


@scenario(faults=1, workers=2)
def ten_thousand_handshakes_for_a_failing_name_are_one_order(lab):
    lab.fault.refuse("newOrder", "rejectedIdentifier", "not that one")
    start(lab, "allow bad.test good.test;")
    count = 500 if SANITIZED else 10000
    got = hellos(lab, ["bad.test"] * count)
    equal({one: got.count(one) for one in set(got)}, {UNRECOGNIZED: count}, "answers")
    equal(lab.fault.count("newOrder"), 1, "orders")
    equal(lab.certd.show("bad.test")["state"], "failing", "its state")
    lab.certd.kill("keeper")
    wait_for(lambda: lab.ctl("status").code == 0, 15, "a new keeper")
    got = hellos(lab, ["bad.test"] * 500)
    equal(set(got), {UNRECOGNIZED}, "answers after a restart of the keeper")
    equal(lab.fault.count("newOrder"), 1, "orders")
    lab.fault.heal()
    served(lab, "good.test")


@scenario(faults=1, workers=2)
def a_flood_of_unknown_names_asks_nothing(lab):
    """Not allowed: one lookup.  Allowed to be asked about: the budget of the client's network."""
    count = 1000 if SANITIZED else 20000
    with Permission(path=os.path.join(lab.directory, "ask"), answer=False) as hook:
        start(lab, f"allow *.ask.test here.test; {hook.words} names-per-address 7/1h;")
        lab.add("here.test")
        got = hellos(lab, [f"r{i}.other{i % 100}.test" for i in range(count)])
        equal(set(got), {UNRECOGNIZED}, "answers to names that are not allowed")
        equal(hook.asked, [], "questions about names that are not allowed")
        equal(front(lab, "waited"), 0, "handshakes that waited")
        got = hellos(lab, [f"r{i}.ask.test" for i in range(count // 10)])
        equal(set(got), {UNRECOGNIZED}, "answers to names that the hook denies")
        equal(len(hook.asked), 7, "questions")
        check(front(lab, "over_budget") > 0, "what is over budget is counted")
        served(lab, "here.test")
    equal(lab.fault.names_ordered(), [["here.test"]], "what was ordered")


@scenario(faults=1)
def budgets_bound_orders(lab):
    start(lab, "allow *.a.test *.b.test; names-per-domain 2/1h; names-per-address 5/1h;")
    for name in ("1.a.test", "2.a.test"):
        served(lab, name)
    refused(lab, "3.a.test")
    served(lab, "1.b.test")
    lab.write_config("on-demand { allow *.c.test; names-per-domain 9/1h; names-per-address 5/1h; }")
    lab.ctl_ok("reload")
    served(lab, "1.c.test")
    refused(lab, "2.c.test")
    equal(sorted(lab.certd.names()), ["1.a.test", "1.b.test", "1.c.test", "2.a.test"], "names")
    wait_for(lambda: front(lab, "over_budget") == 2, 5, "both are counted")


@scenario(faults=1, workers=1)
def nobody_else_waits(lab):
    """A CA that hangs: the client gets the default when its time is over, others all the while."""
    lab.write_config("on-demand { allow *.slow.test; wait 3s; }")
    lab.start()
    lab.add("here.test")
    lab.fault.hang("newOrder")
    began = time.monotonic()
    ended = []

    def slow(name):
        got = shake(lab, name)
        ended.append((got, time.monotonic() - began))
    waiting = [threading.Thread(target=slow, args=(f"{i % 3}.slow.test",)) for i in range(40)]
    for one in waiting:
        one.start()
    wait_for(lambda: front(lab, "waited") >= 32, 5, "clients wait")
    for _ in range(20):
        before = time.monotonic()
        served(lab, "here.test")
        refused(lab, "unknown.test")
        check(time.monotonic() - before < 2 * PATIENCE, "a handshake beside them takes no time")
    for one in waiting:
        one.join()
    equal({got for got, _ in ended}, {"tlsv1_unrecognized_name"}, "what they got in the end")
    late = [seconds for _, seconds in ended if seconds > 2.9]
    equal(len(late), 32, "so many of one network wait, until the limit")
    check(front(lab, "crowded") >= 8, "the others are counted")
    lab.fault.heal()
    wait_for(lambda: all(lab.certd.show(f"{i}.slow.test")["state"] == "valid" for i in range(3)),
             90, "their orders go on without them")
    served(lab, "1.slow.test")


@scenario()
def what_came_stays(lab):
    """Over a restart, and renewed as any other name."""
    start(lab, "allow *.shop.test;")
    served(lab, "a.shop.test")
    equal(lab.certd.stop(), 0, "certd's exit code")
    lab.write_config()
    lab.start()
    served(lab, "a.shop.test")
    before = lab.certd.show("a.shop.test")["serial"]
    lab.ctl_ok("renew", "a.shop.test", "--wait")
    check(lab.certd.show("a.shop.test")["serial"] != before, "it was renewed")
    served(lab, "a.shop.test")


@scenario(faults=1)
def what_nobody_uses_lapses(lab):
    """Certificates of half a minute: one name is used all the while, of the other nobody is seen."""
    lab.fault.backdate, lab.fault.validity = 1, 30
    start(lab, "allow *.shop.test; lapse 5s;")
    served(lab, "idle.shop.test")
    served(lab, "used.shop.test")

    def idle_has_gone():
        check(shake(lab, "used.shop.test") != "", "the other one is served")
        time.sleep(0.5)
        return not lab.certd.show("idle.shop.test")
    wait_for(idle_has_gone, 60, "what nobody uses has gone")
    equal(len(events(lab, "ondemand.lapsed", name="idle.shop.test")), 1, "its event")
    equal(len(events(lab, "cert.stored", name="idle.shop.test")), 1, "it was never renewed")
    equal(events(lab, "cert.expired"), [], "nobody was alarmed")
    stored, = events(lab, "cert.stored", name="used.shop.test")[-1:]
    check("renewed" in stored["detail"], f"what is used is renewed: {stored['detail']}")
    served(lab, "used.shop.test")
    served(lab, "idle.shop.test")       # comes back like any other


@scenario(faults=1)
def an_operator_renews_what_nobody_uses(lab):
    start(lab, "allow *.shop.test; lapse 5s;")
    served(lab, "a.shop.test")
    item = lab.certd.show("a.shop.test")
    used = calendar.timegm(time.strptime(item["used_at"], "%Y-%m-%dT%H:%M:%SZ"))
    wait_for(lambda: time.time() > used + 7, 10, "it is idle")
    lab.ctl_ok("renew", "a.shop.test", "--wait")
    check(lab.certd.show("a.shop.test")["serial"] != item["serial"], "it is renewed")
    served(lab, "a.shop.test")
    check("last used" in lab.ctl_ok("show", "a.shop.test").out, "show says when it was used")


@scenario(faults=1)
def quotas_count_and_what_somebody_applies_is_kept(lab):
    lab.write_config("quota label tenant 2;\non-demand { allow *.shop.test; label tenant=x; }")
    lab.start()
    served(lab, "a.shop.test")
    served(lab, "b.shop.test")
    refused(lab, "c.shop.test")
    equal(lab.certd.names(), ["a.shop.test", "b.shop.test"], "names")
    row, = wait_for(lambda: events(lab, "ondemand.denied"), 5, "the event")
    check("quota" in row["detail"], f"it says why: {row['detail']}")
    check(lab.certd.show("a.shop.test").get("used_at"), "it came on demand")
    for what in ("updated", "unchanged"):
        got = ctl_stdin(lab.certd, '{"name":"a.shop.test"}\n', "apply", "-f", "-", "-o", "ndjson")
        equal((got.code, got.lines()[0].get("change")), (0, what), str(got))
    check(not lab.certd.show("a.shop.test").get("used_at"), "it is a name like others")
    served(lab, "a.shop.test")


if __name__ == "__main__":
    main()

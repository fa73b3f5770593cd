#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Challenges are visible before the CA is asked, and gone when they are over."""

import fcntl
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402


OWN_NETWORK = os.environ.get("LAB_OWN_NETWORK") == "1"


def loopback_up():
    up, set_flags = 0x41, 0x8914        # IFF_UP | IFF_RUNNING, SIOCSIFFLAGS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up))


def steps_of(answer, name):
    return [line for line in answer.lines() if line["name"] == name]


def wait_clean(lab, seconds=20):
    """Every record that was set has been removed again."""
    wait_for(lambda: not lab.hook.calls().left(), seconds,
             f"all records removed: {lab.hook.calls().left()}")


def wait_failed(lab, name, code):
    """NAME's first attempt has failed with CODE; returns the problem."""
    def problem():
        item = lab.certd.show(name)
        return item["state"] == "failing" and item["error"]

    found = wait_for(problem, 60, f"{name} fails with {code}")
    equal(found["code"], code, f"why {name} failed: {found['detail']}")
    return found


def challenges_answered(lab):
    """How often the CA was told that it may look."""
    return sum(1 for _, method, path, _ in lab.tap.requests
               if method == "POST" and "/chalZ/" in path)


@scenario(version="2.4", challenge="dns-01", dns="", nonce_reject=20)
@scenario(version="2.10", challenge="dns-01", dns="", nonce_reject=20)
def wildcard_and_its_apex_by_dns_01(lab):
    lab.start()
    answer = lab.add("w.test", "*.w.test", "deep.sub.w.test")
    for name in ("w.test", "*.w.test"):
        challenge = [s for s in steps_of(answer, name) if s["step"] == "challenge"]
        equal([s["detail"] for s in challenge], ["dns-01"], f"challenge of {name}")
    wild = lab.serial("any.w.test")
    equal(lab.serial("other.w.test"), wild, "one certificate for all names under the wildcard")
    check(lab.serial("w.test") != wild, "the apex has its own")
    lab.get("any.w.test")
    wait_clean(lab)
    calls = lab.hook.calls()
    equal({call["fqdn"] for call in calls},
          {"_acme-challenge.w.test", "_acme-challenge.deep.sub.w.test"}, "where records were set")
    equal({call["name"] for call in calls}, {"w.test", "*.w.test", "deep.sub.w.test"}, "for whom")
    equal({call["challenge"] for call in calls}, {"dns-01"}, "challenges")
    equal(len(calls.of("present")), len(calls.of("cleanup")), "as many removed as set")

    before = lab.serial("any.w.test")
    lab.ctl_ok("renew", "*.w.test", "--wait")
    check(lab.serial("any.w.test") != before, "the wildcard is renewed")
    wait_clean(lab)


@scenario(version="2.10", challenge="dns-account-01", dns="", nonce_reject=20)
def wildcard_by_dns_account_01(lab):
    lab.start()
    answer = lab.add("w.test", "*.w.test")
    equal([s["detail"] for s in steps_of(answer, "*.w.test") if s["step"] == "challenge"],
          ["dns-account-01"], "challenge")
    lab.serial("any.w.test")
    wait_clean(lab)
    places = {call["fqdn"] for call in lab.hook.calls()}
    equal(len(places), 1, f"records of one account: {places}")
    check(places.pop().endswith("._acme-challenge.w.test"), "the account's label comes first")


def record_to_set(lab, name):
    """What certd says must be set, as (place, value)."""
    detail = wait_failed(lab, name, "dns/record")["detail"]
    found = re.match(r'to be set, once: (\S+). TXT "([^"]*)"', detail)
    check(found, f"the problem shows the record: {detail}")
    return found.group(1), found.group(2)


@scenario(version="2.10", challenge="dns-persist-01", dns="")
def dns_persist_01_shows_the_record_and_waits_for_it(lab):
    lab.start()
    lab.ctl_ok("add", "p.test", "*.w.test")
    place, value = record_to_set(lab, "p.test")
    equal(place, "_validation-persist.p.test", "place")
    check("policy=wildcard" not in value, value)
    lab.pebble.dns_set("set-txt", host=place + ".", value=value)
    lab.ctl_ok("renew", "p.test", "--wait")
    lab.serial("p.test")

    place, value = record_to_set(lab, "*.w.test")
    equal(place, "_validation-persist.w.test", "place")
    check(value.endswith("; policy=wildcard"), value)
    lab.pebble.dns_set("set-txt", host=place + ".", value=value.replace("; policy=wildcard", ""))
    lab.ctl("renew", "*.w.test", "--wait")
    check("policy=wildcard" in wait_failed(lab, "*.w.test", "dns/record")["detail"], "says why")
    lab.pebble.dns_set("clear-txt", host=place + ".")
    soon = int(time.time()) + 3 * 86400
    lab.pebble.dns_set("set-txt", host=place + ".", value=f"{value}; persistUntil={soon}")
    lab.ctl_ok("renew", "*.w.test", "--wait")
    lab.serial("any.w.test")
    equal(lab.hook.calls(), [], "calls of the hook: nothing is set by us")
    events = lab.ctl_ok("events", "-o", "ndjson").lines()
    ends = [event for event in events if event["type"] == "dns.record_ends"]
    equal([event["name"] for event in ends], ["*.w.test"], "records that end before a renewal")
    lab.ctl_ok("renew", "p.test", "--wait")     # the record is still good: no person is needed


@scenario(challenge="http-01 dns-01", dns="")
def dns_01_is_for_those_that_need_it(lab):
    lab.start()
    answer = lab.add("a.test", "*.a.test")
    equal([s["detail"] for s in steps_of(answer, "a.test") if s["step"] == "challenge"],
          ["http-01"], "challenge of a.test")
    equal([call["name"] for call in lab.hook.calls().of("present")], ["*.a.test"],
          "names whose records were set")
    wait_clean(lab)


@scenario(challenge="dns-01", dns="timeout 4s; propagation-timeout 1s;", tap=True)
def what_a_hook_does_wrong(lab):
    """reliability F21: hangs, forks, a flood of output, exit 137; and one that only says it did."""
    cases = [("fail", "dns/hook", "ended with status 1: the zone is locked"),
             ("137", "dns/hook", "ended with status 137"),
             ("hang", "dns/hook", "took longer than 4 s"),
             ("fork", "dns/hook", "took longer than 4 s"),
             ("flood", "dns/hook", "wrote more than 64 KiB"),
             ("nothing", "dns/record", "")]
    lab.start()
    for mode, code, detail in cases:
        lab.hook.mode(mode)
        lab.ctl_ok("add", f"{mode}.test")
        problem = wait_failed(lab, f"{mode}.test", code)
        check(detail in problem["detail"], f"{mode}: {problem['detail']}")
        wait_for(lambda: lab.hook.calls().of("cleanup", f"{mode}.test"), 20,
                 f"cleanup of {mode}.test, although it failed")
    equal(challenges_answered(lab), 0, "challenges that the CA was told about")
    check("sleep" not in names_of_descendants(lab), "a hook's child is left behind")

    lab.hook.mode("set")
    for mode, _, _ in cases:
        lab.ctl_ok("renew", f"{mode}.test", "--wait", timeout=120)
        lab.serial(f"{mode}.test")
    wait_clean(lab)


def names_of_descendants(lab):
    """Of certd's whole session: what its hooks have started would be there."""
    pids = {call["pid"] for call in lab.hook.calls()}
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                head, _, tail = stat.read().rpartition(")")
        except OSError:
            continue
        if int(tail.split()[2]) in pids:        # its process group
            found.append(head.partition("(")[2])
    return found


@scenario(version="2.10", challenge="dns-01", dns="")
def four_hooks_at_once_and_no_more(lab):
    lab.start()
    lab.hook.mode("slow", "slow")
    names = [f"*.n{i}.test" for i in range(16)]
    lab.add(*names)
    for name in names:
        lab.serial("any" + name[1:])
    wait_clean(lab, 60)
    most = lab.hook.most_at_once()
    check(1 < most <= 4, f"hooks at once: {most}")


@scenario(challenge="http-01", env={"PEBBLE_VA_ALWAYS_VALID": "1"})
@scenario(challenge="tls-alpn-01", env={"PEBBLE_VA_ALWAYS_VALID": "1"})
def listeners_behind_a_balancer_are_looked_at(lab):
    """They want a PROXY header; no CA of the lab can come by itself."""
    text = lab.config()
    for kind in ("tls", "http"):
        text = text.replace(f"{{ {kind}; }}", f"{{ {kind}; proxy-protocol from 10.0.0.0/8; }}")
    lab.write_config(text=text)
    lab.start()
    lab.add("a.test")


@scenario(challenge="dns-01", dns="timeout 1s;")
def names_that_are_no_names_reach_no_hook(lab):
    """reliability A14"""
    lab.start()
    for name in (";rm -rf /", "$(touch x).test", "-rf", "a.test\nb.test", "`id`.test", "../a.test",
                 "a b.test", "'a'.test"):
        expect_code(lab.ctl("add", "--", name), 2)
    equal(lab.hook.calls(), [], "calls of the hook")
    equal(lab.certd.names(), [], "names")


@scenario(challenge="dns-01", dns="propagation-timeout 1h;")
def killed_between_present_and_answer(lab):
    """The order goes on after kill -9, and what was set is removed in the end."""
    lab.start()
    lab.hook.mode("nothing")            # the look waits for what does not come
    lab.ctl_ok("add", "a.test", "*.a.test")
    wait_for(lambda: len(lab.hook.calls().of("present")) == 2, 20, "both are presented")
    lab.certd.kill("parent", "keeper")
    lab.hook.mode("set")
    lab.start()
    lab.wait_served(["a.test", "any.a.test"], 60)
    wait_clean(lab)


@scenario(challenge="dns-01", dns="propagation-timeout 1h;")
def a_removed_name_is_not_waited_for(lab):
    lab.start()
    lab.hook.mode("nothing")
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.hook.calls().of("present"), 20, "it is presented")
    lab.ctl_ok("remove", "a.test")
    wait_clean(lab)
    lab.hook.mode("set")
    lab.add("a.test")
    wait_clean(lab)


@scenario(challenge="dns-01", dns="propagation-timeout 1h; timeout 10s;")
def removed_names_leave_nothing_in_dns(lab):
    """Also when certd is killed before it has removed the records."""
    lab.start()
    lab.add("gone.test")
    lab.hook.mode("nothing", "fail")
    lab.ctl_ok("renew", "gone.test")
    lab.ctl_ok("add", "*.gone.test")
    wait_for(lambda: len(lab.hook.calls().of("present")) == 3, 20, "both are presented")
    lab.ctl_ok("remove", "gone.test", "*.gone.test")
    lab.certd.kill("parent", "keeper")
    lab.start()
    wait_for(lambda: len(lab.hook.calls().of("cleanup")) >= 3, 30, "tried to remove them")
    wait_for(lambda: "dns.left_behind" in lab.ctl_ok("events", "-o", "ndjson").out, 20,
             "an event of what is left behind")
    lab.certd.kill("parent", "keeper")
    lab.hook.mode("set")
    lab.start()
    wait_clean(lab, 30)
    equal(lab.certd.names(), [], "names")


def san_of(where):
    """subjectAltName of what a client without SNI gets."""
    pem = ssl.get_server_certificate(where, timeout=10)
    shown = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=pem,
                           capture_output=True, text=True, check=True).stdout
    return shown.splitlines()[-1].strip()


@scenario(version="2.4", challenge="http-01")
@scenario(version="2.4", challenge="tls-alpn-01")
@scenario(version="2.10", challenge="http-01")
@scenario(version="2.10", challenge="tls-alpn-01")
def an_address_proves_itself(lab):
    """RFC 8738, IPv4"""
    lab.start()
    answer = lab.add(lab.address)
    equal([s["detail"] for s in steps_of(answer, lab.address) if s["step"] == "challenge"],
          [lab.challenge], "challenge")
    equal(san_of(lab.https), "IP Address:" + lab.address, "names in the certificate")


@scenario(version="2.4", challenge="http-01")
@scenario(version="2.10", challenge="tls-alpn-01")
def an_ipv6_address_proves_itself(lab):
    """RFC 8738, IPv6: in a network of its own, since there is but one ::1."""
    if not OWN_NETWORK:
        words = ["unshare", "-n" if os.geteuid() == 0 else "-rn", sys.executable, __file__,
                 f"=an ipv6 address proves itself {lab.pebble.version} {lab.challenge}"]
        lab.start()         # as every scenario does; the other one is what counts
        got = subprocess.run(words, env=dict(os.environ, LAB_OWN_NETWORK="1"),
                             capture_output=True, text=True, timeout=240)
        if "unshare: unshare failed" in got.stderr:
            raise Skip("no network namespace can be made here: " + got.stderr.strip())
        check(got.returncode == 0, got.stdout + got.stderr)
        return
    lab.write_config(f"listen [::]:{PORTS['https']} {{ tls; }}\n"
                     f"listen [::]:{PORTS['http']} {{ http; }}\n")
    lab.start()
    answer = lab.add("0:0:0:0:0:0:0:1")
    equal([s["detail"] for s in steps_of(answer, "::1") if s["step"] == "challenge"],
          [lab.challenge], "challenge")
    equal(san_of(("::1", PORTS["https"])), "IP Address:0:0:0:0:0:0:0:1", "names in it")


@scenario(challenge="http-01", tap=True)
def without_a_listener_the_ca_is_not_asked(lab):
    text = lab.config().replace(f"listen {lab.address}:{PORTS['http']} {{ http; }}\n", "")
    lab.write_config(text=text)
    lab.start()
    lab.ctl_ok("add", "a.test")
    problem = wait_failed(lab, "a.test", "challenge/not-served")
    check("no `listen` with `http`" in problem["detail"], problem["detail"])
    equal(challenges_answered(lab), 0, "challenges that the CA was told about")

    lab.write_config()
    lab.ctl_ok("reload")
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.serial("a.test")


@scenario(challenge="http-01 tls-alpn-01")
def the_challenge_that_can_be_answered_is_chosen(lab):
    text = lab.config().replace(f"listen {lab.address}:{PORTS['http']} {{ http; }}\n", "")
    lab.write_config(text=text)
    lab.start()
    answer = lab.add("a.test")
    equal([s["detail"] for s in steps_of(answer, "a.test") if s["step"] == "challenge"],
          ["tls-alpn-01"], "challenge of a.test")


@scenario(challenge="http-01", tap=True)
@scenario(challenge="tls-alpn-01", tap=True)
def while_the_front_hangs_the_ca_is_not_asked(lab):
    lab.start()
    fronts = wait_for(lambda: len(lab.workers_pids()) == 2 and lab.workers_pids(), 10, "workers")
    stopped = [lab.certd.process.pid, *fronts]      # the parent would put others in their place
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    lab.ctl_ok("add", "a.test")
    problem = wait_failed(lab, "a.test", "challenge/not-served")
    check("the CA was not asked" in problem["detail"], problem["detail"])
    equal(challenges_answered(lab), 0, "challenges that the CA was told about")
    for pid in reversed(stopped):
        os.kill(pid, signal.SIGCONT)
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.serial("a.test")


if __name__ == "__main__":
    if OWN_NETWORK:
        loopback_up()
    main()

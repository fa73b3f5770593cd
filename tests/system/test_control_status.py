#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a screen shows besides names: counts by day, the front, the store, what is wrong just now."""

import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from dated import DAY, Dated  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402

HOUR = 3600
# A CA that is never reached: what was imported is not renewed.
DOWN = "ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n"


def begin(lab, ends):
    """A name for each of ENDS, seconds from now."""
    ca = Dated(os.path.join(lab.directory, "ca"))
    lab.start()
    now = int(time.time())
    for number, end in enumerate(ends):
        lab.ctl_ok("import", ca.bundle(f"n{number:02}.test", now + end, 90 * DAY), "--ca", "down")
    return ca


def expiry(lab):
    lines, end = lab.certd.ask("expiry")
    equal(end["code"], 0, "code")
    return lines[0]["expiry"]


@scenario(config=DOWN)
def expiry_is_counted_by_day(lab):
    begin(lab, [DAY // 2, 5 * DAY, 5 * DAY, 85 * DAY, 89 * DAY + DAY // 2])
    got = expiry(lab)
    equal((sum(got["days"]) + got["later"], got["expired"], len(got["days"])), (5, 0, 90), "sums")
    equal(sum(got["days"][:2]), 1, "the first days")
    equal(sum(got["days"][4:7]), 2, "around the fifth")
    status = lab.certd.status()
    equal(status["expiring"], {"expired": 0, "1d": 1, "3d": 1, "7d": 3, "14d": 3, "30d": 3}, "status")
    lab.ctl_ok("remove", "n01.test")
    equal(lab.certd.status()["expiring"]["7d"], 2, "after a removal")


@scenario()
def status_has_the_screens(lab):
    lab.start()
    lab.add("a.test", "b.test")
    for version in ("1.2", "1.3"):
        lab.serial("a.test", version=version)
    wait_for(lambda: lab.certd.status()["front"]["handshakes_tls12"] == 1, 5, "one by TLS 1.2")
    status = lab.certd.status()
    front, store = status["front"], status["store"]
    equal(front["handshakes_tls12"] + front["handshakes_tls13"], front["handshakes"], "by version")
    equal([(one["address"], one["kind"]) for one in status["listeners"]],
          [("%s:%d" % lab.https, "tls"), ("%s:%d" % lab.http, "http")], "listeners")
    check(0 < store["used_bytes"] <= store["file_bytes"] <= store["map_bytes"], f"sizes: {store}")
    equal((status["cas"][0]["issued"], status["cas"][0]["failed"]), (2, 0), "orders of the CA")
    equal((status["late"], status["faults"]), (0, 0), "late and faulty")
    check("last_backup" not in store, f"no backup yet: {store}")
    lab.ctl_ok("db", "backup", os.path.join(lab.directory, "backup"))
    at = lab.certd.status()["store"]["last_backup"]["at"]
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    equal(lab.certd.status()["store"]["last_backup"]["at"], at, "known to another keeper, too")


def frontend(lab):
    lines, end = lab.certd.ask("frontend")
    equal(end["code"], 0, "code")
    return lines[0]["frontend"]


@scenario()
def the_front_is_measured(lab):
    """Listeners, durations, shares and names, as they were met."""
    lab.start()
    lab.add("a.test", "b.test")
    for name, times in (("a.test", 5), ("b.test", 2)):
        for _ in range(times):
            lab.get(name)
    check(not lab.is_served("nobody.test"), "nobody.test is none of ours")
    address = "%s:%d" % lab.https
    silent = [socket.create_connection(lab.https) for _ in range(3)]
    wait_for(lambda: frontend(lab)["listeners"][0]["half_open"] == 3, 10, "three half-open connections")
    got = frontend(lab)
    https, http = got["listeners"]
    equal((https["address"], https["kind"]), (address, "tls"), "the first listener")
    equal((https["rejected"], https["connections"] >= 3), (0, True), "of the first listener")
    check(https["accepted"] >= 11, f"seven requests, one in vain, three silent: {https}")
    check(0 < http["accepted"] < https["accepted"], f"the CA's on the other one: {http}")
    equal(http["half_open"], 0, "half-open there")
    equal(got["front"]["half_open"], 3, "in all")
    equal(set(got), {"at", "listeners", "front", "last_minute", "top", "tickets", "backends"}, "members")
    equal(set(https), {"address", "kind", "max_connections", "proxy_protocol", "accepted", "rejected", "connections",
                       "half_open"}, "of a listener")
    equal(set(got["backends"][0]), {"name", "servers", "up", "connections", "connects", "failures", "connecting"},
          "of a backend")
    equal(set(got["last_minute"]) - {"seconds", "handshake", "shares"},
          set(got["front"]) - {"connections", "half_open", "credential_entries"}, "all counters, and no gauge")
    minute = got["last_minute"]
    check(minute["seconds"] > 0, f"how long: {minute}")
    check(minute["handshake"]["count"] >= 7, f"handshakes in it: {minute}")
    check(0 < minute["handshake"]["p50"] <= minute["handshake"]["p99"] < 60, f"times: {minute}")
    shares = minute["shares"]
    check(abs(sum(shares[word] for word in shares if word.startswith("sni_")) - 1) < 1e-9, f"whole: {shares}")
    check(shares["sni_cache"] > shares["sni_store"] > 0 and shares["sni_unknown"] > 0, f"shares: {shares}")
    names = {one["name"]: one["count"] for one in got["top"]["names"]}
    check(names["a.test"] >= 5 and names["b.test"] >= 2 and "nobody.test" not in names, f"top: {names}")
    equal(got["top"]["names"][0]["name"], "a.test", "the first of them")
    check(0 <= got["top"]["seconds"] <= 120, f"top: {got['top']}")
    check(got["tickets"]["made_at"] < got["tickets"]["next_at"], f"tickets: {got['tickets']}")
    backend = got["backends"][0]
    equal((backend["name"], backend["servers"], backend["up"], backend["failures"]), ("app", 1, 1, 0), "backend")
    check(backend["connects"] >= 7 and backend["connecting"]["count"] >= 7, f"backend: {backend}")
    check(0 < backend["connecting"]["p99"] < 60, f"how long it took: {backend}")
    equal(lab.certd.status()["listeners"][0]["half_open"], 3, "in status, too")
    table = lab.ctl_ok("status").out
    check(re.search(r"^frontend .* conn/s, \d+ open, 3 half-open, handshake p50 [\d.]+ m?s p99 [\d.]+ m?s, "
                    r"\d+ % resumed, unknown SNI [\d.]+/s$", table, re.MULTILINE), f"for people:\n{table}")
    table = lab.ctl_ok("status", "-o", "wide").out
    tls = got["listeners"][0]["address"]
    for row in ("counters +accepted ", r"asked for +a\.test \d", r"due +\d+ now, ", rf"{re.escape(tls)} +tls +\d+ +3 "):
        check(re.search(rf"^{row}", table, re.MULTILINE), f"{row} in what is wide:\n{table}")
    check(lab.ctl_ok("status", "-o", "json").json()["last_minute"]["handshake"]["p99"] > 0, "for programs")
    for one in silent:
        one.close()
    wait_for(lambda: frontend(lab)["listeners"][0]["half_open"] == 0, 10, "they are gone")
    accepted = frontend(lab)["listeners"][0]["accepted"]
    handshakes = frontend(lab)["front"]["handshakes"]
    lab.ctl_ok("reload")
    lab.get("a.test")
    equal(frontend(lab)["listeners"][0]["accepted"], accepted + 1, "goes on over a reload")
    if lab.single:
        return
    lab.ctl_ok("upgrade")
    lab.certd.follow()
    lab.get("a.test")
    wait_for(lambda: frontend(lab)["front"]["handshakes"] == handshakes + 2, 20, "counters of the old one")
    wait_for(lambda: frontend(lab)["listeners"][0]["accepted"] == accepted + 2, 10, "of its listeners")


@scenario(config=DOWN)
def what_is_due_is_counted_by_the_hour(lab):
    # Renewed 30 days before the end, and up to 21.6 hours earlier: these two within the next 22 hours.
    begin(lab, [30 * DAY + 22 * HOUR, 30 * DAY + 22 * HOUR, 89 * DAY])
    lines, end = lab.certd.ask("due")
    equal(end["code"], 0, "code")
    got = lines[0]["due"]
    equal((got["complete"], len(got["hours"])), (True, 24), "all of it")
    equal([ca["name"] for ca in got["cas"]], [ca["name"] for ca in lab.certd.status()["cas"]], "CAs")
    down = next(ca for ca in got["cas"] if ca["name"] == "down")
    equal((down["waiting"], sum(down["hours"]), down["renewals"]), (0, 2, 2), "the two, not the third")
    equal(down["hours"][22:], [0, 0], "none later than 22 hours from now")
    equal(set(got), {"at", "complete", "waiting", "hours", "renewals", "cas"}, "members")
    equal(set(down), {"name", "waiting", "hours", "renewals"}, "of a CA")
    equal((got["waiting"], got["hours"], got["renewals"]), (0, down["hours"], 2), "the sums")
    table = lab.ctl_ok("status", "-o", "wide").out
    check(re.search(r"^due +0 now, 2 within 24h, of which 2 renewals", table, re.M), f"for people:\n{table}")


@scenario(config=DOWN)
def faults_are_listed_and_acknowledged(lab):
    ca = begin(lab, [60 * DAY])
    ends = int(time.time()) + 6
    for name in ("x.test", "y.test"):
        lab.ctl_ok("import", ca.bundle(name, ends, 30 * DAY), "--ca", "down")
    check(not lab.is_served("nobody.test"), "nobody.test is none of ours")
    wait_for(lambda: time.time() > ends, 20, "they have ended")
    lab.certd.stop()
    lab.certd.start()       # a walk begins with each keeper

    def named():
        return {line["fault"].get("name"): line["fault"] for line in lab.certd.ask("faults")[0]}

    wait_for(lambda: {"x.test", "y.test", None} <= set(named()), 30, "three faults")
    unknown = named()[None]
    equal((unknown["types"], unknown["count"]), (["mismatch.sni_unknown"], 1), "what nobody serves")
    check("nobody.test" in unknown["detail"], f"whom they asked for: {unknown}")
    equal(named()["x.test"]["types"], ["mismatch.expired"], "types")
    check(named()["x.test"]["detail"], "a sentence")
    lines, end = lab.certd.ask("faults", limit=1, after="w.test")
    equal(([line["fault"]["name"] for line in lines], end["matches"], end["after"]),
          (["x.test"], 2, "x.test"), "a page")
    equal(lab.certd.status()["faults"], 2, "faults in status")

    lab.ctl_ok("ack", "x.test", str(unknown["event"]))
    got = named()
    equal(got["x.test"]["acknowledged"]["uid"], os.getuid(), "who")
    check("acknowledged" in got[None] and "acknowledged" not in got["y.test"], f"which: {got}")
    events = {event["name"]: event for event in lab.certd.events() if event["type"] == "mismatch.expired"}
    check("acknowledged" in events["x.test"], f"the event, too: {events}")
    check("acknowledged" not in events["y.test"], f"no other: {events}")
    lab.ctl_ok("ack", str(events["y.test"]["id"]))
    check("acknowledged" in named()["y.test"], "by its event")
    table = lab.ctl_ok("faults").out
    check("x.test" in table and "mismatch.sni_unknown" in table, f"the table:\n{table}")
    audits = [event for event in lab.certd.events() if event["type"] == "audit.ack"]
    check("name x.test" in audits[0]["detail"], f"who did it is written down: {audits}")
    check(f"event {unknown['event']}" in audits[1]["detail"], f"and what: {audits}")
    expect_code(lab.ctl("ack", "n00.test"), 3)
    expect_code(lab.ctl("ack", "999999"), 3)
    equal(lab.certd.ask("ack")[1]["code"], 2, "ack of nothing")


if __name__ == "__main__":
    main()

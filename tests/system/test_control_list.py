#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lists as a screen needs them: windows that move both ways, jumps, filters, counts."""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, ctl_stdin  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402

LATER = "ca later { directory https://127.0.0.1:1/dir; account a@b.test; agree-terms; }\n"
COUNT = 2500        # more than a request looks at


def begin(lab, lines):
    lab.write_config(LATER + f"backend app2 {{ server {lab.address}:18081; }}\n")
    lab.start()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    expect_code(ctl_stdin(lab.certd, text, "apply", "-f", "-"), 0)


def names(reply):
    return [line["item"]["name"] for line in reply[0]]


@scenario()
def pages_go_both_ways(lab):
    begin(lab, [{"name": f"n{i:04}.test", "ca": "later"} for i in range(250)])
    wanted = [f"n{i:04}.test" for i in range(250)]
    ask = lab.certd.ask
    found, place = [], {}
    while True:
        reply = ask("list", limit=30, **place)
        equal(reply[1]["matches"], 250, "count")
        found += names(reply)
        if "after" not in reply[1]:
            break
        place = {"after": reply[1]["after"]}
    equal(found, wanted, "all pages, forward")
    found, place = [], {"before": ""}
    while True:
        reply = ask("list", limit=30, **place)
        found = names(reply) + found
        if "before" not in reply[1]:
            break
        place = {"before": reply[1]["before"]}
    equal(found, wanted, "all pages, backward")
    middle = ask("list", limit=10, **{"from": "n01"})
    equal(names(middle), wanted[100:110], "a jump to a prefix")
    equal(names(ask("list", limit=10, before=middle[1]["before"])), wanted[90:100], "back from there")
    equal(names(ask("list", limit=10, after=middle[1]["after"])), wanted[110:120], "on from there")
    again = ask("list", limit=10, **{"from": names(middle)[0]})
    equal(names(again), names(middle), "the same window once more")
    back = ask("list", limit=10, before=wanted[50])
    equal(names(ask("list", limit=10, after=back[1]["after"])), wanted[50:60], "and forward again")
    equal(names(ask("list", **{"from": "zz"})), [], "behind all")
    equal(ask("list", before="a", after="b")[1]["code"], 2, "two places")


@scenario()
def filters_end_after_a_bounded_look(lab):
    """Of names without an index for what is asked."""
    begin(lab, [{"name": f"n{i:04}.test", "ca": "later", "labels": {"all": "yes"}}
                for i in range(COUNT)] +
               [{"name": "zz.test", "ca": "later", "backend": "app2", "labels": {"all": "yes"}}])
    ask = lab.certd.ask
    lines, end = ask("list", backend="app2")
    equal((len(lines), end["matches"]), (0, 1), "first look")
    check("n0000.test" < end["after"] < "n2499.test", f"it says where to go on: {end}")
    lines, end = ask("list", backend="app2", after=end["after"])
    equal([line["item"]["name"] for line in lines], ["zz.test"], "second look")
    for place in ({}, {"before": ""}):
        lines, end = ask("list", ca="pebble", **place)
        equal((lines, end["matches"], end.get("after"), end.get("before")), ([], 0, None, None),
              "nothing to be found is known at once")
    lines, end = ask("list", before="", backend="app", labels={"all": "yes"}, limit=3)
    equal([line["item"]["name"] for line in lines], [f"n{i}.test" for i in (2497, 2498, 2499)],
          "backward with two filters")
    check("matches" not in end, f"no counter knows: {end}")
    equal(ask("list", labels={"all": "yes"}, limit=1)[1]["matches"], COUNT + 1, "of a label")
    last = lab.ctl_ok("list", "--before", "", "--limit", "2", "--ca", "later", "-o", "json").json()
    equal([item["name"] for item in last["items"]], ["n2499.test", "zz.test"], "certctl --before")
    equal((last["before"], last["matches"]), ("n2499.test", COUNT + 1), "and where to go on")
    expect_code(lab.ctl("list", "--before", "a.test", "--after", "b.test"), 2)


@scenario()
def what_is_next_is_a_window_too(lab):
    """The due index: of both CAs one list, as `next` says, and nobody who is not planned."""
    begin(lab, [{"name": f"n{i:03}.test", "ca": "later"} for i in range(40)] +
          [{"name": f"p{i}.test", "ca": "later"} for i in range(3)])
    lab.add("a.test", "b.test")
    lab.ctl_ok("pause", "p0.test", "p1.test", "p2.test")
    wanted = {f"n{i:03}.test" for i in range(40)} | {"a.test", "b.test"}

    def settled():      # each has failed once, and knows when it is next
        reply = lab.certd.ask("list", sort="next", limit=1000)
        items = [line["item"] for line in reply[0]]
        return {item["name"] for item in items} == wanted and all(
            "error" in item or item["state"] == "valid" for item in items)

    wait_for(settled, 60, "all are planned")
    lab.ctl_ok("pause", *sorted(wanted - {"a.test", "b.test"}))
    lab.ctl_ok("resume", *(f"p{i}.test" for i in range(3)))
    items, end = lab.certd.ask("list", sort="next", limit=2, **{"from": str(int(time.time()) + 86400)})
    order = [line["item"]["name"] for line in items]
    later = [line["item"]["next"] for line in items]
    equal((set(order), later, end["matches"] >= 2), ({"a.test", "b.test"}, sorted(later), True), "the soonest first")

    def page(**place):
        lines, last = lab.certd.ask("list", sort="next", limit=1, **place)
        return [line["item"]["name"] for line in lines], last

    got, end = page(before="")
    equal(got, order[1:], "the last one")
    got, end = page(before=end["before"])
    equal(got, order[:1], "in front of it")
    equal(page(after=end["after"])[0], order[1:], "and back")
    items, end = lab.certd.ask("list", sort="next", state="valid")
    equal(([line["item"]["name"] for line in items], "matches" in end), (order, False), "of a state")
    equal(lab.certd.ask("list", sort="next", expires_in=9)[1]["code"], 2, "two orders")
    equal(lab.certd.ask("list", sort="later")[1]["code"], 2, "no order")
    out = lab.ctl_ok("list", "--sort", "next", "--state", "valid", "-o", "names").out
    equal(out.split(), order, "certctl")
    expect_code(lab.ctl("list", "--sort", "next", "--expires-in", "7d"), 2)
    for words, near in ((["--error", "authz/dn"], "authz/dns"), (["--state", "failng"], "failing"),
                        (["--sort", "nxt"], "next")):
        refused = expect_code(lab.ctl("list", *words), 2)
        check(f'did you mean "{near}"' in refused.err, f"{words}: {refused.err}")


@scenario()
def expiry_is_a_window_too(lab):
    lab.start()
    made = subprocess.run([os.path.join(BUILD, "tests", "support", "gencerts"), "250",
                           os.path.join(lab.directory, "ca.pem")], capture_output=True, text=True,
                          check=True).stdout
    expect_code(ctl_stdin(lab.certd, made, "import", "-f", "-"), 0)
    ask = lab.certd.ask
    items = [line["item"] for line in ask("list", sort="expiry", limit=1000)[0]]
    order = [(item["not_after"], item["name"]) for item in items]
    equal((len(order), order), (250, sorted(order)), "by expiry")
    wanted = [name for _, name in order]
    last = ask("list", sort="expiry", limit=10, before="")
    equal(names(last), wanted[-10:], "the last ones")
    before = ask("list", sort="expiry", limit=10, before=last[1]["before"])
    equal(names(before), wanted[-20:-10], "in front of them")
    equal(names(ask("list", sort="expiry", limit=10, after=before[1]["after"])), wanted[-10:],
          "and back")
    at = before[1]["before"].split("/")[0]
    check(names(ask("list", sort="expiry", limit=1, **{"from": at})), "a jump to a time")
    lines, end = ask("list", expires_in=400 * 86400, before="", limit=3)
    equal((len(lines), end["matches"]), (3, 250), "backward from a bound")
    equal(ask("list", state="expired", before=""), ([], {"code": 0, "matches": 0}), "none expired")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The log of events: parts of it, who has changed what, and that docs/events.md knows all types."""

import fnmatch
import glob
import json
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, ROOT  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

FILES = {"certd.lock", "certd.master", "data.mdb", "lock.mdb"}      # what looks like a type


def events(lab, *words):
    return lab.ctl_ok("events", "-o", "ndjson", *words).lines()


def exchange(lab, *requests):
    """The lines that one connection brings for REQUESTS."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(lab.certd.socket_path)
        sock.sendall("".join(json.dumps(one) + "\n" for one in requests).encode())
        sock.shutdown(socket.SHUT_WR)
        with sock.makefile() as lines:
            return [json.loads(line) for line in lines]


@scenario()
def types_are_chosen(lab):
    lab.start()
    lab.add("a.test", "b.test")
    lab.ctl_ok("remove", "b.test")
    equal({e["type"] for e in events(lab, "--type", "cert.stored")}, {"cert.stored"}, "one type")
    equal({e["type"] for e in events(lab, "--type", "name.*")}, {"name.added", "name.removed"},
          "a family")
    equal({e["type"] for e in events(lab, "--type", "name.removed", "--type", "cert.*")},
          {"name.removed", "cert.stored"}, "two patterns")
    equal([e["type"] for e in events(lab, "--type", "name.*", "--name", "b.test")],
          ["name.added", "name.removed"], "with a name")
    expect_code(lab.ctl("events", "--type", "no.such"), 2)
    equal(events(lab, "--type", "store.corrupt"), [], "a type that nothing has had")
    equal(len(events(lab, "--type", "cert.stored", "--limit", "1")), 1, "with a limit")
    expect_code(lab.ctl("events", *["--type", "x"] * 17), 2)


@scenario()
def since_finds_its_place(lab):
    lab.start()
    lab.add("a.test")
    everything = events(lab, "--after", "0")
    check(len(everything) >= 3, f"{everything}")
    for wanted in everything:
        got = events(lab, "--since", wanted["at"])
        want = [e["id"] for e in everything if e["at"] >= wanted["at"]]
        equal([e["id"] for e in got], want, f"since {wanted['at']}")
    equal(len(events(lab, "--since", "1h")), len(everything), "since an hour ago")
    equal(events(lab, "--since", "2099-01-01T00:00:00Z"), [], "since later than now")
    equal(len(events(lab, "--since", "1h", "--type", "cert.stored")), 1, "since, with a type")
    expect_code(lab.ctl("events", "--since", "yesterday"), 2)


@scenario()
def pages_go_on_where_nothing_is_to_be_sent(lab):
    """More rows than a page, of which the first and the last are wanted."""
    lab.start()
    lab.ctl_ok("add", "first.test")
    names = [f"n{i}.test" for i in range(1200)]
    lines = "".join(json.dumps({"name": name}) + "\n" for name in names)
    subprocess.run([os.path.join(BUILD, "certctl"), "--socket", lab.certd.socket_path, "apply",
                    "-f", "-"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
    lab.ctl_ok("remove", "first.test")
    got = events(lab, "--name", "first.test", "--type", "name.*")
    equal([e["type"] for e in got], ["name.added", "name.removed"], "over pages")
    equal(len(events(lab, "--type", "name.added", "--after", "0")), 1201, "all of a type")


@scenario()
def following_is_resumed_behind_an_id(lab):
    lab.start()
    lab.add("a.test")
    last = events(lab)[-1]["id"]
    follower = lab.certd.ctl_follow("events", "--follow", "--type", "name.*", "--after", str(last),
                                    "-o", "ndjson")
    try:
        lab.ctl_ok("add", "b.test")
        first = json.loads(follower.stdout.readline())
        equal((first["type"], first["name"]), ("name.added", "b.test"), "what is followed")
    finally:
        follower.kill()
        follower.communicate()
    lab.ctl_ok("remove", "b.test")
    follower = lab.certd.ctl_follow("events", "--follow", "--type", "name.*", "--after",
                                    str(first["id"]), "-o", "ndjson")
    try:
        second = json.loads(follower.stdout.readline())
        equal((second["type"], second["name"]), ("name.removed", "b.test"), "none lost between")
    finally:
        follower.kill()
        follower.communicate()


@scenario(config="ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n")
def severity_is_a_floor(lab):
    lab.start()
    lab.add("a.test")
    expect_code(lab.ctl("add", "x.test", "--ca", "down", "--wait"), 1)
    check(not lab.is_served("nobody.test"), "nobody.test is none of ours")
    wait_for(lambda: any(e["type"] == "mismatch.sni_unknown" for e in events(lab)), 30, "it is told")
    everything = events(lab)
    rank = {"crit": 0, "err": 1, "warn": 2, "info": 3}
    by_type = {e["type"]: e["severity"] for e in everything}
    equal((by_type["cert.stored"], by_type["mismatch.sni_unknown"], by_type["order.failed"]),
          ("info", "warn", "err"), "of each")
    for word, floor in rank.items():
        got = [e["id"] for e in events(lab, "--severity", word)]
        equal(got, [e["id"] for e in everything if rank[e["severity"]] <= floor], f"{word} and worse")
    check(events(lab, "--severity", "err"), "there is something")
    equal(events(lab, "--severity", "err", "--type", "cert.*"), [], "of the types")
    equal(events(lab, "--since", "2020-01-01"), everything, "since a day")
    expect_code(lab.ctl("events", "--since", "2020-13-01"), 2)
    refused = expect_code(lab.ctl("events", "--type", "order.faild"), 2)
    check('did you mean "order.failed"' in refused.err, f"a mistyped type: {refused.err}")
    expect_code(lab.ctl("events", "--type", "crt.*"), 2)
    refused = lab.ctl("events", "--severity", "erro")
    expect_code(refused, 2)
    check('did you mean "err"' in refused.err, f"a mistyped word: {refused.err}")
    equal(lab.certd.ask("events", severity="bad")[1]["code"], 2, "no severity")


@scenario()
def the_log_is_read_backwards(lab):
    lab.start()
    lab.add(*(f"n{i}.test" for i in range(8)))
    ids = [line["event"]["id"] for line in lab.certd.ask("events", limit=1000)[0]]
    found, before = [], 0
    while before is not None:
        lines, end = lab.certd.ask("events", before=before, limit=5)
        check(len(lines) <= 5 and end["code"] == 0, f"a page: {end}")
        found += [line["event"]["id"] for line in lines]
        before = end.get("before")
    equal(found, ids[::-1], "all of them, the newest first")
    lines, end = lab.certd.ask("events", before=0, name="n0.test")
    equal(({line["event"]["name"] for line in lines}, "before" in end), ({"n0.test"}, False), "of a name")
    for odd in ({"before": -1}, {"before": 3, "after": 2}, {"before": 3, "follow": True}, {"before": 3, "since": 9}):
        equal(lab.certd.ask("events", **odd)[1]["code"], 2, f"{odd}")
    shown = json.loads(lab.ctl_ok("status", "n3.test", "-o", "json").out)["items"][0]["events"]
    mine = [e for e in events(lab) if e["name"] == "n3.test"]
    equal([e["id"] for e in shown], [e["id"] for e in mine][-5:], "the last five of a name")


@scenario()
def odd_requests_are_refused(lab):
    lab.start()
    for odd in ({"types": ["x"] * 17}, {"types": [1]}, {"types": [""]}, {"types": ["x" * 99]},
                {"since": -1}, {"after": -1}, {"limit": 0}, {"limit": "9"}, {"follow": "no"}, {"name": 5}):
        lines = exchange(lab, {"verb": "events", **odd}, {"verb": "events"})
        equal(lines[0]["end"]["code"], 2, f"for {odd}")
        equal(lines[-1]["end"]["code"], 0, f"the connection goes on after {odd}")
    said = expect_code(lab.ctl("events", "--name", "a..b"), 2).err
    check("a label is empty" in said, f"what is wrong with the name: {said}")


@scenario()
def every_change_is_written_down(lab):
    lab.start()
    lab.add("a.test")
    lab.ctl_ok("add", "b.test", "c.test")
    lab.ctl_ok("renew", "a.test")
    lab.ctl_ok("remove", "b.test")
    lab.ctl_ok("reload")
    lab.ctl_ok("backend", "drain", "app", f"{lab.address}:18080")
    lab.ctl_ok("key", "tickets")
    lab.ctl_ok("db", "backup", os.path.join(lab.directory, "copy"))
    lab.ctl_ok("key", "rotate")
    lab.ctl("import", lab.pebble.ca_file)
    before = len(events(lab, "--type", "audit.*"))
    lab.ctl_ok("list")
    lab.ctl_ok("status")
    lab.ctl_ok("config", "check")
    lab.ctl_ok("db", "check")
    got = events(lab, "--type", "audit.*")
    equal(len(got), before, "reading changes nothing")
    for want in ("add", "renew", "remove", "reload", "backend.set", "key.tickets", "db.backup",
                 "key.rotate"):
        found = [e for e in got if e["type"] == "audit." + want]
        check(found, f"audit.{want} in {[e['type'] for e in got]}")
        check(all(re.match(rf"uid {os.getuid()}, pid \d+", e["detail"]) for e in found), found)
    equal([e["name"] for e in got if e["type"] == "audit.remove"], ["b.test"], "of one name")
    check([e for e in got if e["type"] == "audit.add" and "2 names" in e["detail"]], "of two")
    check([e for e in got if e["type"] == "audit.backend.set" and
           f"{lab.address}:18080, state drain" in e["detail"]], "the server")
    ids = {e["type"]: e["id"] for e in events(lab, "--name", "b.test")}
    check(ids["audit.remove"] < ids["name.removed"], "written before it was done")


@scenario(config="control { read user 65534; }\n")
def who_may_not_is_written_down_once(lab):
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    lab.start()
    for _ in range(3):
        refused = lab.ctl_of_a_stranger("remove", "a.test")
        equal(refused.returncode, 5, f"exit code: {refused.stderr}")
    got = events(lab, "--type", "audit.*")
    equal([(e["type"], e["detail"]) for e in got],
          [("audit.refused", 'uid 65534 asked for "remove"')], "what is written")


@scenario()
def docs_know_every_type(lab):
    """docs/events.md, the table of the code, and what the code writes: all the same types."""
    lab.start()
    documented = set()
    with open(os.path.join(ROOT, "docs", "events.md")) as page:
        for line in page:
            found = re.match(r"^\| `([a-z_.]+)` \| (nobody|operator|customer|ca|problem) \| ", line)
            if found:
                documented.add((found.group(1), found.group(2)))
    actors = {"EVENT_NOBODY": "nobody", "EVENT_OPERATOR": "operator", "EVENT_CA": "ca",
              "EVENT_CUSTOMER": "customer", "EVENT_BY_PROBLEM": "problem"}
    written, table, verbs = set(), set(), set()
    for path in sorted(glob.glob(os.path.join(ROOT, "daemon", "**", "*.[ch]"), recursive=True) +
                       glob.glob(os.path.join(ROOT, "store", "*.c"))):
        name = os.path.basename(path)
        with open(path) as source:
            text = source.read()
        if name.endswith(".h"):
            text = "".join(line for line in text.splitlines(True) if line.startswith("#define"))
        if name == "event_severity.c":
            mentioned = set(re.findall(r'\{"([a-z_.*]+)", SEVERITY', text))
        elif name == "event_types.c":
            table = {(word, actors[actor])
                     for word, actor in re.findall(r'\{"([a-z_.]+)", (EVENT_\w+)\}', text)}
        elif name.endswith(".h"):
            written |= set(re.findall(r'^#define \w+ "([a-z]+\.[a-z_]+)"$', text, re.MULTILINE))
        elif name == "command.c":
            verbs = {"audit." + verb for verb in re.findall(r'\{"([a-z_.]+)", CHANGE,', text)}
        else:
            written |= set(re.findall(r'"([a-z]+\.[a-z_]+)"', text)) - FILES
    equal(table, documented, "the table of daemon/common/event_types.c and docs/events.md")
    known = {word for word, _ in table}
    check(mentioned, "types that have a severity of their own")
    for pattern in mentioned:
        check(any(fnmatch.fnmatch(word, pattern) for word in known), f"there is no {pattern}")
    with open(os.path.join(ROOT, "docs", "events.md")) as page:
        rows = re.findall(r"^\| `(crit|err)` \| (.*) \|$", page.read(), re.MULTILINE)
    equal({word for _, cell in rows for word in re.findall(r"`([a-z_.*]+)`", cell)},
          mentioned - {"mismatch.sni_unknown", "mismatch.healed"}, "docs/events.md names them")
    equal((written | verbs) - known, set(), "what the code writes, and the table has not")
    equal(known - (written | verbs), set(), "what the table has, and nothing writes")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certctl: what it prints, follows, removes, and who may talk to the socket."""

import json
import os
import re
import select
import socket
import stat
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, run  # noqa: E402
from lab import PATIENCE, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

UTC = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


@scenario()
def list_and_show(lab):
    lab.start()
    equal(lab.ctl_ok("list", "-o", "json").json()["items"], [], "items of an empty list")
    names = [f"n{i}.test" for i in range(5)]
    lab.add(*names)
    listed = lab.ctl_ok("list", "-o", "json").json()
    equal(listed["schema"], "certd/v1", "schema")
    equal(sorted(item["name"] for item in listed["items"]), names, "names in the list")
    for item in listed["items"]:
        equal((item["state"], item["backend"], item["ca"], item.get("error")),
              ("valid", "app", "pebble", None), f"fields of {item}")
        for field in ("not_before", "not_after", "next"):
            check(UTC.match(item[field]), f"{field} is a UTC time: {item}")
        check(item["not_before"] < item["next"] < item["not_after"], f"order of times: {item}")
    shown = lab.certd.show("n1.test")
    check("Pebble Intermediate" in shown["issuer"], f"issuer: {shown}")
    equal(shown["names"], ["n1.test"], "names of the certificate")
    table = lab.ctl_ok("list").out
    check(all(name in table for name in names) and "valid" in table, f"the table:\n{table}")
    lines = lab.ctl_ok("list", "-o", "ndjson").lines()
    equal(len(lines), 5, "lines of list -o ndjson")


@scenario()
def output_is_clean_off_a_terminal(lab):
    lab.start()
    lab.add("a.test")
    for words in (["list"], ["show", "a.test"], ["status"], ["events"], ["version"], ["--help"]):
        answer = lab.ctl_ok(*words)
        check(answer.out.strip() and not answer.err, f"stdout only\n{answer}")
        check("\x1b" not in answer.out and "\r" not in answer.out, f"no colours\n{answer}")
    env = dict(os.environ, CERTCTL_SOCKET=lab.certd.socket_path)
    words = ["list", "-o", "names"]
    by_env = run([os.path.join(BUILD, "certctl"), *words], words, 10, env)
    equal((by_env.code, by_env.out), (0, "a.test\n"), "list by CERTCTL_SOCKET")


@scenario()
def remove_stops_serving_at_once(lab):
    lab.start()
    lab.add("a.test", "b.test", "c.test")
    lab.ctl_ok("remove", "a.test")
    check(not lab.is_served("a.test"), "a.test is still served after remove")
    lab.serial("b.test")
    equal(sorted(lab.certd.names()), ["b.test", "c.test"], "names")
    expect_code(lab.ctl("show", "a.test"), 3)
    lab.ctl_ok("remove", "b.test", "c.test")
    equal(lab.certd.names(), [], "names")
    lab.add("a.test")
    lab.serial("a.test")


@scenario(tap=True)
def remove_during_issuance_leaves_nothing(lab):
    lab.start()
    lab.add("first.test")
    lab.tap.hold = lambda path: 0.2
    for number in range(5):
        lab.ctl_ok("add", "a.test")
        time.sleep(0.25 * number)
        lab.ctl_ok("remove", "a.test")
        check(not lab.is_served("a.test"), "a.test is served after remove")
    lab.tap.hold = lambda path: 0
    time.sleep(2)
    check(not lab.is_served("a.test"), "a.test came back")
    equal(lab.certd.names(), ["first.test"], "names")


@scenario()
def events_follow(lab):
    lab.start()
    lab.add("before.test")
    follower = lab.certd.ctl_follow("events", "--follow", "-o", "ndjson")
    lab.on_close.callback(follower.wait)
    lab.on_close.callback(follower.kill)
    time.sleep(0.3)
    lab.add("a.test")
    lab.ctl_ok("remove", "a.test")

    events = []
    reader = threading.Thread(
        target=lambda: events.extend(map(json.loads, follower.stdout)), daemon=True)
    reader.start()
    wait_for(lambda: any(event["type"] == "name.removed" for event in events), 10,
             "events --follow tells of the removal")
    of_a = [event["type"] for event in events if event["name"] == "a.test"]
    wanted = ["name.added", "cert.stored", "name.removed"]
    equal([kind for kind in of_a if kind in wanted], wanted, f"events of a.test, of {of_a}")
    ids = [event["id"] for event in events]
    check(ids == sorted(set(ids)), f"ids grow: {ids}")
    check(all(UTC.match(event["at"]) for event in events), "times are UTC")

    past = lab.ctl_ok("events", "-o", "ndjson").lines()
    check([e for e in past if e["name"] == "before.test" and e["type"] == "cert.stored"],
          "events without --follow tell the past")


@scenario()
def the_follower_outlives_a_keeper(lab):
    """Or it ends with exit code 4: what it must not do is to hang without a word."""
    lab.start()
    follower = lab.certd.ctl_follow("events", "--follow", "-o", "ndjson")
    lab.on_close.callback(follower.wait)
    lab.on_close.callback(follower.kill)
    time.sleep(0.3)
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    lab.add("a.test")
    if follower.poll() is None:
        check(select.select([follower.stdout], [], [], 5 * PATIENCE)[0], "events go on")
    else:
        equal(follower.returncode, 4, "exit code")


@scenario()
def status_tells_the_numbers(lab):
    lab.start()
    lab.add("a.test", "b.test")
    status = lab.certd.status()
    equal(status["schema"], "certd/v1", "schema")
    text = json.dumps(status)
    check('"valid": 2' in text, f"two valid names: {text}")
    check("2" in lab.ctl_ok("status").out, "the table")
    check(re.search(r"\d+\.\d+", lab.ctl_ok("version").out), "version")


@scenario()
def a_waiting_client_does_not_block_others(lab):
    lab.start()
    lab.pebble.dns_set("set-servfail", host="lost.test")
    waiting = [lab.certd.ctl_follow("events", "--follow") for _ in range(10)]
    for one in waiting:
        lab.on_close.callback(one.wait)
        lab.on_close.callback(one.kill)
    half = socket.socket(socket.AF_UNIX)
    half.connect(lab.certd.socket_path)
    half.sendall(b'{"verb":')
    lab.on_close.callback(half.close)
    lab.add("a.test")


@scenario()
def junk_on_the_control_socket_is_refused(lab):
    lab.start()
    mode = os.stat(lab.certd.socket_path).st_mode
    check(stat.S_IMODE(mode) & 0o007 == 0, f"mode of the socket: {stat.filemode(mode)}")
    for junk in (b"\n", b"{}\n", b"[]\n", b"null\n", b'{"verb":1}\n', b"GET / HTTP/1.1\r\n\r\n",
                 b"\xff\xfe\0\n", b"[" * 100000 + b"\n", b"x" * (2 << 20) + b"\n"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(5 * PATIENCE)
            raw.connect(lab.certd.socket_path)
            try:
                raw.sendall(junk)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65536):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                raise AssertionError(f"no answer and no end after {junk[:30]!r}")
    lab.add("a.test")


@scenario()
def what_is_mistyped_is_not_left_out(lab):
    lab.start()
    lab.add("a.test")
    for verb, odd in (("apply", {"items": [{"name": "a.test", "state": "absent"}], "dry_run": "true"}),
                      ("export", {"name": "a.test", "private_key": 1}), ("list", {"expires_in": "7d"}),
                      ("list", {"labels": "a=b"}), ("list", {"error": 3}), ("events", {"types": "cert.*"}),
                      ("add", {"names": ["b.test"], "external": "yes"}), ("list", {"limit": True})):
        lines, end = lab.certd.ask(verb, **odd)
        equal((lines, end["code"]), ([], 2), f"{verb} {odd}")
        check(re.search(r'^"\w+" must be (a|an|true) ', end["error"]["detail"]), f"{verb}: {end}")
    equal(lab.certd.ask("list", state=None, limit=None)[1]["matches"], 1, "null is left out, nothing was done")
    for odd in ({"error": "authz/dsn"}, {"state": "vaild"}):
        said = lab.certd.ask("list", **odd)[1]["error"]["detail"]
        check(f'"{list(odd.values())[0]}"' in said, f"which word it is: {said}")


@scenario()
def wait_for_many_at_once(lab):
    """Each client waits for its own names."""
    lab.start()
    running = [lab.certd.ctl_follow("add", f"n{i}.test", "--wait", "-o", "ndjson")
               for i in range(10)]
    for number, one in enumerate(running):
        out, err = one.communicate(timeout=30 * PATIENCE)
        equal(one.returncode, 0, f"exit code ({err})")
        lines = [json.loads(line) for line in out.splitlines()]
        equal({line["name"] for line in lines}, {f"n{number}.test"}, "names in the answer")
        equal(lines[-1]["step"], "serving", "last step")
    wait_for(lambda: len(lab.certd.names()) == 10, 1, "ten names")


class Watcher:
    """A connection that watches; it reads when told."""

    def __init__(self, lab):
        self.raw = socket.socket(socket.AF_UNIX)
        lab.on_close.callback(self.raw.close)
        self.raw.settimeout(20 * PATIENCE)
        self.raw.connect(lab.certd.socket_path)
        self.raw.sendall(b'{"verb":"watch"}\n')
        self.lines = self.raw.makefile()

    def next(self):
        return json.loads(self.lines.readline())


@scenario()
def watchers_are_told_that_something_changed(lab):
    lab.start()
    watcher = Watcher(lab)
    first = watcher.next()["watch"]
    check(UTC.match(first["at"]) and first["front"], f"the first line comes at once: {first}")
    lab.add("a.test")
    told = watcher.next()["watch"]
    while told["names"] == first["names"] or told["events"] == first["events"]:
        told = watcher.next()["watch"]
    check(told["names"] > first["names"] and told["events"] > first["events"], f"they grow: {told}")
    calm = told
    while select.select([watcher.raw], [], [], 3)[0]:       # until all is still
        calm = watcher.next()["watch"]
    began = time.monotonic()
    lab.serial("a.test")
    told = watcher.next()["watch"]
    check(told["front"] and told["names"] == calm["names"], f"a handshake: {told}")
    check(time.monotonic() - began < 5 * PATIENCE, "it comes within a second or so")
    watcher.raw.shutdown(socket.SHUT_WR)
    end = watcher.next()
    while "end" not in end:
        end = watcher.next()
    equal(end["end"]["code"], 0, "who sends no more has seen enough")


@scenario()
def watchers_are_bounded_and_must_read(lab):
    lab.start()
    lazy = [Watcher(lab) for _ in range(16)]
    for one in lazy:
        check(select.select([one.raw], [], [], 5 * PATIENCE)[0], "the first line has come")
    refused = Watcher(lab).next()["end"]
    equal((refused["code"], refused["error"]["code"]), (6, "busy"), "one too many")
    reading = lazy.pop()
    reading.next()
    poll = select.poll()
    for one in lazy:
        poll.register(one.raw, select.POLLRDHUP)
    gone = set()
    while len(gone) < 15:
        ready = poll.poll(30000 * PATIENCE)
        check(ready, "who does not read is closed")
        for fd, _ in ready:
            gone.add(fd)
            poll.unregister(fd)
    lab.add("a.test")
    check("watch" in reading.next(), "who reads goes on")
    equal(lab.certd.ask("version")[1]["code"], 0, "others are served")


if __name__ == "__main__":
    main()

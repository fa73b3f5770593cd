#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""apply of many names: interrupted on both sides and repeated, nothing is lost and nothing twice."""

import collections
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, ctl_stdin  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402

COUNT = 20_000
# Nothing listens there, so that nothing is ordered meanwhile.
NOBODY = "ca nobody { directory https://127.0.0.1:9/dir; agree-terms; }"


class Apply:
    """One certctl, fed by us; what it says goes to a file."""

    def __init__(self, lab, number, *words):
        self.path = os.path.join(lab.directory, f"apply{number}")
        with open(self.path, "w") as out, open(self.path + ".err", "w") as err:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "certctl"), "--socket", lab.certd.socket_path, "apply", "-f", "-",
                 "--ca", "nobody", "-o", "ndjson", *words], stdin=subprocess.PIPE, stdout=out,
                stderr=err, text=True)
        lab.on_close.callback(self.process.wait)
        lab.on_close.callback(self.process.kill)

    def feed(self, names):
        self.process.stdin.writelines(f'{{"name":"{name}"}}\n' for name in names)
        self.process.stdin.flush()

    def lines(self):
        with open(self.path) as out:
            return [json.loads(line) for line in out if line.endswith("\n")]

    def wait_for_lines(self, count):
        wait_for(lambda: len(self.lines()) >= count, 60, f"{count} results")

    def end(self):
        self.process.stdin.close()
        return self.process.wait(240)

    def said(self):
        with open(self.path + ".err") as err:
            return err.read()


def expect_all(lab, apply, names, what):
    """Each name has one answer, and there is nothing else anywhere."""
    lines = apply.lines()
    equal(collections.Counter(line["name"] for line in lines), collections.Counter(names), what)
    check(all(line["ok"] for line in lines), what)
    listed = lab.certd.names()
    equal(len(listed), len(names), f"{what}: names in list")
    equal(set(listed), set(names), f"{what}: names in list")
    equal(lab.certd.status()["names"]["total"], len(names), f"{what}: the counter")
    return collections.Counter(line["change"] for line in lines)


@scenario(config=NOBODY)
def interrupted_and_repeated(lab):
    lab.start()
    names = [f"n{i:05}.apply.test" for i in range(COUNT)]
    half = COUNT // 2

    first = Apply(lab, 1)
    first.feed(names[:half])
    first.wait_for_lines(half // 2)
    first.process.kill()
    first.process.wait()
    answered = {line["name"] for line in first.lines()}
    kept = set(lab.certd.names())
    check(answered <= kept < set(names), f"{len(answered)} were answered, {len(kept)} are there")

    second = Apply(lab, 2)
    second.feed(names[:half])
    second.wait_for_lines(half // 2)
    killed = lab.certd.kill("keeper")
    check(killed, "a keeper was killed")
    second.feed(names[half:])
    equal(second.end(), 0, f"exit code of the second: {second.said()}")
    changes = expect_all(lab, second, names, "over a killed keeper")
    check(changes["unchanged"] >= len(kept), f"{changes}, {len(kept)} were there before")

    third = Apply(lab, 3, "--progress")
    third.feed(names)
    equal(third.end(), 0, f"exit code of the third: {third.said()}")
    equal(dict(expect_all(lab, third, names, "the same again")), {"unchanged": COUNT}, "changes")
    said = third.said().splitlines()
    check(all(re.match(r"certctl: \d+ done, \d+/s$", line) for line in said), f"progress: {said}")
    check(said and said[-1].startswith(f"certctl: {COUNT} done"), f"progress: {said}")
    expect_code(lab.ctl("db", "check"), 0)


@scenario(config=NOBODY)
def progress_of_a_file_tells_what_is_left(lab):
    lab.start()
    path = os.path.join(lab.directory, "names")
    with open(path, "w") as out:
        out.writelines(f'{{"name":"n{i:05}.apply.test"}}\n' for i in range(COUNT))
    got = lab.ctl_ok("apply", "-f", path, "--ca", "nobody", "--progress", "-o", "names", timeout=240)
    equal(len(got.out.split()), COUNT, "names")
    said = got.err.splitlines()
    check(all(re.match(r"certctl: \d+ done, \d+/s, \d+%, \d+[smh].* left$", line) for line in said),
          f"progress: {said}")
    check(said[-1].startswith(f"certctl: {COUNT} done, ") and ", 100%, 0s left" in said[-1], f"{said}")
    got = lab.ctl_ok("remove", *got.out.split()[:500], "--progress")
    equal(len(got.err.splitlines()), 1, f"progress of a moment's work: {got.err}")


@scenario()
def what_is_applied_is_waited_for(lab):
    lab.start()
    lab.add("gone.test")
    lines = '{"name":"a.test"}\n{"name":"gone.test","state":"absent"}\n{"name":"never.test","state":"absent"}\n'
    got = expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "--wait", "-o", "ndjson"), 0)
    items = [json.loads(line) for line in got.out.splitlines()]
    equal([(one["name"], one["change"]) for one in items if "change" in one],
          [("gone.test", "removed"), ("never.test", "unchanged")], "results of those that are absent")
    steps = [one["step"] for one in items if one.get("name") == "a.test"]
    equal(steps[-1], "serving", f"steps: {items}")
    check(lab.is_served("a.test"), "it is")
    again = expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "--wait"), 0)
    check("a.test: unchanged" in again.out and "a.test: serving" in again.out, f"again: {again.out}")
    more = '{"name":"a.test"}\n{"name":"nx.blocked.test"}\n{"name":"a..b"}\n'
    got = expect_code(ctl_stdin(lab.certd, more, "apply", "-f", "-", "--wait", "-o", "json"), 9)
    by_name = {one["name"]: one for one in got.json()["items"]}
    equal((by_name["a.test"]["step"], by_name["nx.blocked.test"]["step"]), ("serving", "failed"), "both ends")
    equal(by_name["a..b"]["error"]["code"], "invalid-name", "the third one")
    expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "--wait", "--dry-run"), 2)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certctl check, as a monitoring plugin; alert rules and dashboard, as Prometheus and Grafana read them."""

import glob
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import metrics  # noqa: E402
from certd import BUILD, ROOT  # noqa: E402
from dated import DAY, Dated  # noqa: E402
from lab import check, equal, main, own_address, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

METRICS = (own_address(), 19187)
DOWN = "ca down { directory https://127.0.0.1:9/dir; agree-terms; }\n"
LINE = re.compile(r"^CERT (OK|WARNING|CRITICAL): [^|\n]+ \| (\w+=\d+;\d*;\d*;0 ?)+$")


def verdict(lab, *words):
    """(exit code, level, {label: number}) of one line."""
    got = lab.ctl("check", *words)
    match = LINE.match(got.out.rstrip("\n"))
    check(match, f"not a plugin's line: {got}")
    data = {part.split("=")[0]: int(part.split("=")[1].split(";")[0])
            for part in got.out.partition("|")[2].split()}
    equal(got.err, "", "stderr")
    return got.code, match.group(1), data


@scenario(config=DOWN)
def the_worst_is_said(lab):
    ca = Dated(os.path.join(lab.directory, "ca"))
    lab.start()
    equal(verdict(lab), (0, "OK", {"names": 0, "expired": 0, "lt3d": 0, "lt14d": 0, "late": 0,
                                   "failing": 0}), "an empty store")

    def take_in(name, left, life=90 * DAY):
        lab.ctl_ok("import", ca.bundle(name, int(time.time()) + left, life), "--ca", "down")
    take_in("well.test", 60 * DAY)
    equal(verdict(lab)[:2], (0, "OK"), "60 days")
    take_in("soon.test", 10 * DAY)
    code, level, data = verdict(lab)
    equal((code, level, data["lt14d"], data["lt3d"]), (1, "WARNING", 1, 0), "10 days")
    equal(verdict(lab, "--warn", "9d")[:2], (0, "OK"), "--warn 9d")
    equal(verdict(lab, "--crit", "11d")[:2], (2, "CRITICAL"), "--crit 11d")
    take_in("sooner.test", 2 * DAY)
    code, level, data = verdict(lab)
    equal((code, level, data["lt14d"], data["lt3d"], data["names"]), (2, "CRITICAL", 2, 1, 3),
          "2 days")
    equal(verdict(lab, "--warn", "36h", "--crit", "12h")[2],
          {"names": 3, "expired": 0, "lt12h": 0, "lt36h": 0, "late": 0, "failing": 0}, "in hours")
    take_in("over.test", 4)
    wait_for(lambda: verdict(lab)[2]["expired"] == 1, 20, "one has ended")
    equal(verdict(lab, "--warn", "1s", "--crit", "1s")[:2], (2, "CRITICAL"), "whatever the limits")
    shown = lab.ctl("check", "-o", "json").json()
    equal((shown["schema"], shown["level"], shown["expired"]), ("certd/v1", "CRITICAL", 1), "json")


@scenario()
def who_cannot_know_says_so(lab):
    lab.start()
    for words, want in ((["--warn", "1d", "--crit", "2d"], 3), (["--warn", "soon"], 2)):
        equal(lab.ctl("check", *words).code, want, f"check {words}")
    if os.geteuid() == 0:
        refused = subprocess.run([os.path.join(BUILD, "certctl"), "--socket",
                                  lab.certd.socket_path, "check"], user=65534, group=65534,
                                 capture_output=True, text=True)
        equal((refused.returncode, refused.stdout[:13]), (3, "CERT UNKNOWN:"), "not permitted")
    lab.certd.stop()
    gone = lab.ctl("check")
    equal((gone.code, gone.out[:36]), (2, "CERT CRITICAL: no certd answers at " +
                                       lab.certd.socket_path[:1]), "no certd")


def rules():
    return sorted(glob.glob(os.path.join(ROOT, "packaging", "alerts", "*.yml")))


@scenario()
def rules_are_what_prometheus_takes(lab):
    lab.start()
    plain = [path for path in rules() if not path.endswith("_test.yml")]
    check(plain, "there are rules")
    if metrics.promtool("check", "rules", *plain) is None:
        raise Skip("no promtool here (package prometheus)")
    for path in rules():
        if path.endswith("_test.yml"):
            check("SUCCESS" in metrics.promtool("test", "rules", path), path)


@scenario(config=f"metrics {METRICS[0]}:{METRICS[1]};")
def every_metric_they_name_is_there(lab):
    lab.start()
    lab.add("a.test")
    _, text = metrics.curl("http://%s:%d/metrics" % METRICS)
    there = set(metrics.families(text))
    for path in [path for path in rules() if not path.endswith("_test.yml")]:
        with open(path) as source:
            named = set(re.findall(r"\bcertd_[a-z_]+\b", source.read()))
        check(named, path)
        equal(named - there, set(), f"in {path}, but not on the page")
    boards = glob.glob(os.path.join(ROOT, "packaging", "examples", "*.json"))
    check(boards, "there is a dashboard")
    for path in boards:
        with open(path) as source:
            board = json.load(source)
        targets = [target["expr"] for panel in board["panels"]
                   for target in panel.get("targets", [])]
        named = set(re.findall(r"\bcertd_[a-z_]+\b", " ".join(targets)))
        check(len(named) >= 10, f"{path} names {named}")
        equal(named - there, set(), f"in {path}, but not on the page")
        ids = [panel["id"] for panel in board["panels"]]
        equal(len(ids), len(set(ids)), f"panel ids of {path}")
    with open(os.path.join(ROOT, "docs", "events.md")) as page:
        documented = set(re.findall(r"^\| `([a-z_]+\.[a-z_.]+)` \|", page.read(), re.MULTILINE))
    values = {key for key in metrics.parse(text) if key.startswith("certd_events_total")}
    equal({f'certd_events_total{{type="{word}"}}' for word in documented | {"_other"}}, values,
          "types of certd_events_total")
    equal(metrics.parse(text)['certd_events_total{type="cert.stored"}'], 1, "events are counted")


if __name__ == "__main__":
    main()

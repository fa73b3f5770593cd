#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a name beside its certificate: it is removed, and that is known."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import ctl_stdin                                                # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for       # noqa: E402


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
    check("moved to another host" in lab.ctl_ok("list", "--state", "removed").out, "as a table")
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


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names that are dead beside names that are due: who is tried, how long those who are well take,
and what it costs.

    tests/bench/plan.py             50,000 dead and 1,000 due
    DEAD=2000 DUE=100               fewer

The CA is the fault server of the tests, with Let's Encrypt's limits: it answers newOrder of a dead
name with an NXDOMAIN, which 5 times an hour is all that a name may have.  The due names are renewed
alone first, then with all the dead ones due at once.  No figure is a test."""

import collections
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import main, scenario, wait_for  # noqa: E402

DEAD = int(os.environ.get("DEAD") or 50_000)
DUE = int(os.environ.get("DUE") or 1000)
AT_ONCE = 500
LONGEST = 4 * 3600
LIMIT = 5       # failures of a name in an hour


def in_pages(lab, verb, names):
    for i in range(0, len(names), AT_ONCE):
        lab.ctl_ok(verb, *names[i:i + AT_ONCE], timeout=600)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss_Anon")) / 1024


def renew_all(lab, due, what):
    """How long DUE take; their certificates are counted where they are fetched."""
    before, tried = lab.fault.count("cert"), len(lab.fault.names_ordered())
    keeper = lab.certd.pids("keeper")[0]
    cpu, began = cpu_seconds(keeper), time.monotonic()
    in_pages(lab, "renew", due)
    wait_for(lambda: lab.fault.count("cert") >= before + len(due), LONGEST, "renewals")
    took = time.monotonic() - began
    orders = lab.fault.names_ordered()[tried:]
    dead = sum(names[0].endswith(".dead") for names in orders)
    print(f"{what}: {len(due)} renewed in {took:.1f} s, {dead} orders of dead names meanwhile; keeper "
          f"{cpu_seconds(keeper) - cpu:.1f} s of CPU, {memory_mib(keeper):.1f} MiB", flush=True)
    return took


def tell_attempts(lab):
    """How many newOrders the one dead name had that had most, in any hour."""
    tried, most = collections.defaultdict(list), 0
    for request in lab.fault.seen("newOrder"):
        name = request.payload["identifiers"][0]["value"]
        if name.endswith(".dead"):
            at = tried[name]
            at.append(request.at)
            most = max(most, sum(one > request.at - 3600 for one in at))
    print(f"{sum(map(len, tried.values()))} attempts of {len(tried)} dead names, of one at most {most} "
          f"in an hour (its limit: {LIMIT})", flush=True)


@scenario(faults=1, ca_words="limits letsencrypt; orders 1000000/1h;")
def dead_and_due(lab):
    dead = [f"n{i}.d{i}.dead" for i in range(DEAD)]
    due = [f"due{i}.test" for i in range(DUE)]
    lab.fault.refuse("newOrder", "dns", "NXDOMAIN", 400,
                     when=lambda request: request.payload["identifiers"][0]["value"].endswith(".dead"))
    lab.start()
    in_pages(lab, "add", due)
    wait_for(lambda: lab.certd.status()["names"]["valid"] == DUE, LONGEST, "the first certificates")
    alone = renew_all(lab, due, "alone")
    in_pages(lab, "add", dead)      # all due before the others are
    beside = renew_all(lab, due, f"beside {DEAD} dead names")
    tell_attempts(lab)
    print(f"that is {beside / alone:.1f} times as long; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

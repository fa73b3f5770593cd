#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A CA that lies, stumbles or hangs: certd says what it saw, keeps what it has, and recovers.

Scenarios carry the row of the list of faults they play: F9 to F15, A12, A24.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import check, equal, main, scenario, wait_for  # noqa: E402


@scenario(faults=1)
def f0_an_honest_ca_by_our_own_server(lab):
    lab.start()
    lab.add("a.test")
    lab.serial("a.test")
    equal(lab.fault.names_ordered(), [["a.test"]], "orders")
    lab.fault.eager = lab.fault.asynchronous = True
    lab.fault.meta = None
    lab.add("b.test")
    lab.serial("b.test")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Row A7: what testssl.sh, a stranger's eye, finds wrong with our TLS."""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PATIENCE, check, main, scenario  # noqa: E402
from pebble import Skip  # noqa: E402

# The test CA is private and has no revocation service; nothing else may be wrong.
OF_THE_CA = {"cert_chain_of_trust", "cert_revocation"}
HARMLESS = {"OK", "INFO", "DEBUG"}


@scenario()
def row_A7_testssl_finds_nothing(lab):
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if not program:
        raise Skip("testssl.sh is not installed")
    # Some of its checks send no name.
    lab.write_config(text=lab.config().replace("unknown-sni reject;",
                                               "unknown-sni reject; certificate a.test;"))
    lab.start()
    lab.add("a.test")
    found = os.path.join(lab.directory, "testssl.json")
    ran = subprocess.run(
        [program, "-p", "-s", "-S", "-U", "--ip", lab.https[0], "-n", "none", "--openssl",
         "/usr/bin/openssl", "--warnings", "batch", "--color", "0", "--quiet", "--sneaky",
         "--jsonfile", found, f"a.test:{lab.https[1]}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300 * PATIENCE,
        cwd=lab.directory, check=False)
    with open(found) as report:
        rows = json.load(report)
    ids = {row["id"] for row in rows}
    for must in ("SSLv2", "TLS1", "TLS1_2", "TLS1_3", "heartbleed", "CCS", "ticketbleed", "ROBOT",
                 "secure_renego", "CRIME_TLS", "LUCKY13", "RC4"):
        check(any(must in one for one in ids), f"testssl.sh looked at {must}: {ran.stdout[-2000:]}")
    wrong = [row for row in rows if row["severity"] not in HARMLESS and row["id"] not in OF_THE_CA]
    check(not wrong, f"testssl.sh finds: {json.dumps(wrong, indent=1)}")
    offered = {row["id"]: row["finding"] for row in rows if row["id"] in ("TLS1", "TLS1_1", "SSLv3")}
    check(all("not offered" in finding for finding in offered.values()), str(offered))
    lab.serial("a.test")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Zones signed with DNSSEC, well or badly, by Knot's kzonesign; served by knot.Knot as they are."""

import os
import shutil
import subprocess

from pebble import Skip


def sign(directory, zone, lines, at=None):
    """LINES of ZONE behind SOA, signed as if it was AT (unix seconds).  Returns (lines of the
    signed zone, its DNSKEY records for a trust anchor)."""
    if not shutil.which("kzonesign"):
        raise Skip("kzonesign is not installed (packaging/deps.sh test)")
    place = os.path.join(directory, "sign-" + zone)
    os.makedirs(os.path.join(place, "out"))
    path = os.path.join(place, zone + ".zone")
    with open(path, "w") as out:
        out.write(f"$TTL 1\n@ SOA ns.{zone}. ops.{zone}. 1 60 5 600 1\n" + "\n".join(lines) + "\n")
    with open(os.path.join(place, "conf"), "w") as out:
        out.write(f"server:\n    rundir: {place}\ndatabase:\n    storage: {place}\n"
                  f"zone:\n  - domain: {zone}\n    file: {path}\n")
    done = subprocess.run(["kzonesign", "-c", os.path.join(place, "conf"), "-o",
                           os.path.join(place, "out"), *(["-t", str(at)] if at else []), zone],
                          capture_output=True, text=True, timeout=60)
    signed = os.path.join(place, "out", zone + ".zone")
    if not os.path.exists(signed):
        raise RuntimeError(f"kzonesign {zone}: {done.stdout}{done.stderr}")
    with open(signed) as text:
        rows = [row.rstrip("\n") for row in text if row.strip() and not row.startswith(";")]
    anchors = [row for row in rows if row.split()[2:4] == ["DNSKEY", "257"]]
    return rows, anchors

# SPDX-License-Identifier: Apache-2.0
"""Certificates of any past and future."""

import datetime
import glob
import os
import subprocess

from authority import Authority, read
from certd import BUILD
from pebble import Skip

DAY = 86400


class Dated(Authority):
    """Makes certificates of any past and future, by the openssl program at another time."""

    def bundle(self, name, not_after, life):
        begin = datetime.datetime.fromtimestamp(not_after - life, datetime.timezone.utc)
        stem = self.path(name)
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-keyout", stem + ".key", "-subj", "/CN=" + name, "-out",
                        stem + ".csr"], check=True, capture_output=True)
        with open(stem + ".ext", "w") as out:
            out.write(f"subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n")
        subprocess.run(["openssl", "x509", "-req", "-in", stem + ".csr", "-CA", self.inter,
                        "-CAkey", self.inter_key, "-CAcreateserial", "-days", str(life // DAY),
                        "-extfile", stem + ".ext", "-out", stem + ".crt"],
                       env=dict(os.environ, TZ="UTC", LD_PRELOAD=faketime(),
                                FAKETIME=begin.strftime("@%Y-%m-%d %H:%M:%S")),
                       check=True, capture_output=True)
        with open(stem + ".pem", "w") as out:
            out.write(read(stem + ".crt") + read(self.inter) + read(stem + ".key"))
        return stem + ".pem"


def faketime():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise Skip("no libfaketime here (package faketime)")
    return found[0]


def fake_certd(**words):
    """What runs certd by another time: for lab.certd.prefix."""
    if "san" in os.path.basename(BUILD):
        raise Skip("a sanitizer wants to be loaded before libfaketime")
    return ["env", "LD_PRELOAD=" + faketime(), "FAKETIME_DONT_FAKE_MONOTONIC=1",
            *(f"{word}={value}" for word, value in words.items())]


class Clock:
    """certd's wall clock, which is to be set while it runs.  Before lab.start()."""

    def __init__(self, lab):
        self.path = os.path.join(lab.directory, "clock")
        self.set("+0")
        lab.certd.prefix = fake_certd(FAKETIME_TIMESTAMP_FILE=self.path, FAKETIME_NO_CACHE=1)

    def set(self, offset):
        """As "+80d": from the right time."""
        with open(self.path + ".new", "w") as out:
            out.write(offset + "\n")
        os.rename(self.path + ".new", self.path)

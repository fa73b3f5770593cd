# SPDX-License-Identifier: Apache-2.0
"""Knot DNS on loopback addresses of the lab, port 53: authoritative servers for the tests.

Authoritative servers have no other port, so this needs root (or somebody who may bind port 53).
"""

import base64
import os
import re
import secrets
import shutil
import socket
import subprocess
import time

import child
from pebble import Skip


def may_bind(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind((address, 53))
        except PermissionError:
            raise Skip("port 53 is not ours to bind: run as root")


def key_file(path, name, algorithm="hmac-sha256"):
    """A new TSIG key, written as BIND's tsig-keygen does; returns the path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        out.write(f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n')
    return path


def read_key(path):
    """(name, algorithm, secret)"""
    with open(path) as text:
        return re.search(r'key "(.*)" \{\s*algorithm (.*);\s*secret "(.*)";', text.read()).groups()


def beside(lab, number):
    """Another address of this lab: NUMBER is 1 or 2."""
    _, b, c, d = lab.address.split(".")
    return f"127.{int(b) + 64 * number}.{c}.{d}"


def glue(zone, *addresses):
    """NS records of a zone and their addresses."""
    return [line for i, address in enumerate(addresses)
            for line in (f"@ NS ns{i}.{zone}.", f"ns{i}.{zone}. A {address}")]


class Knot:
    """One knotd.  ZONES: name -> lines of its zone file behind SOA.  UPDATES: key file -> the names
    it may change ([]: all).  NOTIFY: addresses of servers that get the zones from this one;
    PRIMARY: the address of the one that this one gets its zones from."""

    def __init__(self, directory, address, zones, updates=None, notify=(), primary=None):
        self.directory = os.path.join(directory, "knot-" + address)
        os.makedirs(self.directory, exist_ok=True)
        self.address, self.zones, self.updates = address, zones, updates or {}
        self.notify, self.primary = notify, primary
        self.log = os.path.join(self.directory, "log")
        self.process = None
        if not shutil.which("knotd") and not os.path.exists("/usr/sbin/knotd"):
            raise Skip("knotd is not installed (packaging/deps.sh test)")
        may_bind(address)
        if not primary:
            for name, lines in zones.items():
                self.write_zone(name, lines)
        with open(os.path.join(self.directory, "knot.conf"), "w") as out:
            out.write(self.config())

    def write_zone(self, name, lines):
        with open(os.path.join(self.directory, name + ".zone"), "w") as out:
            if not any(line.split()[2:3] == ["SOA"] for line in lines):     # a signed one has it
                out.write(f"$TTL 1\n@ SOA ns.{name}. ops.{name}. 1 60 5 600 1\n")
            out.write("\n".join(lines) + "\n")

    def config(self):
        text = f"""\
server:
    listen: [ {self.address}@53 ]
    rundir: {self.directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {self.directory}
log:
  - target: stderr
    any: info
"""
        keys, acls, names = "", "", []
        for path, owners in self.updates.items():
            name, algorithm, secret = read_key(path)
            names.append("u-" + name)
            keys += f"  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n"
            acls += f"  - id: u-{name}\n    key: {name}\n    action: update\n"
            if owners:
                acls += (f"    update-owner: name\n    update-owner-match: equal\n"
                         f"    update-owner-name: [ {', '.join(owners)} ]\n")
        remotes = ""
        for address in [*self.notify, *([self.primary] if self.primary else [])]:
            remotes += f"  - id: r{address}\n    address: {address}@53\n    via: {self.address}\n"
            acls += f"  - id: a{address}\n    address: {address}\n    action: [ transfer, notify ]\n"
            names.append("a" + address)
        acls += "  - id: all\n    address: 127.0.0.0/8\n    action: transfer\n"
        names.append("all")
        text += "".join(f"{word}:\n{part}" for word, part in
                        [("key", keys), ("remote", remotes), ("acl", acls)] if part)
        text += "zone:\n"
        for name in self.zones:
            text += (f"  - domain: {name}\n    file: {self.directory}/{name}.zone\n"
                     f"    zonefile-sync: -1\n    journal-content: {'all' if self.primary else 'changes'}\n"
                     f"    acl: [ {', '.join(names)} ]\n")
            if self.primary:
                text += f"    master: r{self.primary}\n"
            elif self.notify:
                text += f"    notify: [ {', '.join('r' + a for a in self.notify)} ]\n"
        return text

    def start(self):
        before = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = child.spawn(
            [shutil.which("knotd") or "/usr/sbin/knotd", "-c",
             os.path.join(self.directory, "knot.conf")], self.log)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log) as log:
                log.seek(before)
                if "server started" in log.read():
                    return self
            time.sleep(0.02)
        with open(self.log) as log:
            raise RuntimeError(f"knotd does not run at {self.address}: {log.read()[-2000:]}")

    def stop(self):
        child.end(self.process)
        self.process = None

    def txt(self, name):
        """The TXT records that it has at NAME, sorted."""
        out = subprocess.run(["kdig", "+short", "+tcp", "+norecurse", "@" + self.address, name,
                              "TXT"], check=True, capture_output=True, text=True).stdout
        return sorted("".join(line.split('"')[1::2]) for line in out.splitlines())

    def records(self, kind):
        """All records of a KIND that it has, as lines."""
        lines = []
        for name in self.zones:
            out = subprocess.run(["kdig", "+noall", "+answer", "+retry=0", "@" + self.address, name,
                                  "AXFR"], check=True, capture_output=True, text=True).stdout
            lines += [line for line in out.splitlines() if line.split()[3:4] == [kind]]
        return lines

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DNS hook as an operator might write one, for pebble-challtestsrv, and its other side.

Run by certd:  dnshook.py DIRECTORY MANAGEMENT-URL
It notes each call in DIRECTORY/calls, and then does what DIRECTORY/mode says: "set" the record, as
it should, or fail in one of the ways that programs do.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
import urllib.request

HANG_S = 1000


class Calls(list):
    def of(self, action, name=None):
        return [call for call in self if call["action"] == action and name in (None, call["name"])]

    def left(self):
        """The records that were set and not removed since."""
        there = {}
        for call in self:
            there[(call["fqdn"], call["value"])] = call["action"] == "present"
        return sorted(key for key, is_there in there.items() if is_there)


class DnsHook:
    """What a test says to the hook, and sees of it."""

    def __init__(self, directory, url):
        self.directory, self.url = os.path.join(directory, "hook"), url
        os.mkdir(self.directory)
        self.mode("set")

    def words(self):
        return f"hook {os.path.abspath(__file__)} {self.directory} {self.url};"

    def mode(self, present, cleanup="set"):
        fresh = os.path.join(self.directory, "mode.new")
        with open(fresh, "w") as out:
            json.dump({"present": present, "cleanup": cleanup}, out)
        os.rename(fresh, os.path.join(self.directory, "mode"))

    def calls(self):
        try:
            with open(os.path.join(self.directory, "calls")) as log:
                return Calls(json.loads(line) for line in log)
        except FileNotFoundError:
            return Calls()

    def most_at_once(self):
        """Of those that came to their end: how many ran side by side."""
        with open(os.path.join(self.directory, "times")) as log:
            times = [json.loads(line) for line in log]
        edges = sorted([(began, 1) for began, _ in times] + [(ended, -1) for _, ended in times])
        most = now = 0
        for _, step in edges:
            now += step
            most = max(most, now)
        return most


def post(url, what, body):
    request = urllib.request.Request(f"{url}/{what}", data=json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=10).read()


def change(directory, url, call):
    """challtestsrv can add a value or clear a name, so the values are kept here, too."""
    with open(os.path.join(directory, "values"), "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        values = json.loads(file.read() or "{}")
        at = set(values.get(call["fqdn"], []))
        (at.add if call["action"] == "present" else at.discard)(call["value"])
        values[call["fqdn"]] = sorted(at)
        post(url, "clear-txt", {"host": call["fqdn"] + "."})
        for value in values[call["fqdn"]]:
            post(url, "set-txt", {"host": call["fqdn"] + ".", "value": value})
        file.seek(0)
        file.truncate()
        file.write(json.dumps(values))


def act(mode, directory, url, call):
    if mode == "set":
        change(directory, url, call)
    elif mode == "slow":
        time.sleep(0.2)
        change(directory, url, call)
    elif mode == "fail":
        sys.exit("the zone is locked")
    elif mode == "137":
        sys.exit(137)
    elif mode == "hang":
        time.sleep(HANG_S)
    elif mode == "fork":
        subprocess.Popen(["sleep", str(HANG_S)])
        time.sleep(HANG_S)
    elif mode == "flood":
        while True:
            os.write(1, b"x" * 65536)
    elif mode != "nothing":
        sys.exit("no such mode: " + mode)


def main():
    directory, url = sys.argv[1:]
    call = json.load(sys.stdin)
    with open(os.path.join(directory, "mode")) as file:
        mode = json.load(file)[call["action"]]
    with open(os.path.join(directory, "calls"), "a") as log:
        log.write(json.dumps(dict(call, pid=os.getpid())) + "\n")
    began = time.monotonic()
    act(mode, directory, url, call)
    with open(os.path.join(directory, "times"), "a") as log:
        log.write(json.dumps([began, time.monotonic()]) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Events handed to programs and web services: at least once, bounded, and nothing else waits."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from authority import Authority  # noqa: E402
from certd import children_of  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402
from receiver import SECRET, Receiver  # noqa: E402

PORT = 19443


def events(lab, *words):
    return lab.ctl_ok("events", "-o", "ndjson", "--after", "0", *words).lines()


def script(lab, name, body):
    path = os.path.join(lab.directory, name)
    with open(path, "w") as out:
        out.write("#!/bin/sh\n" + body)
    os.chmod(path, 0o755)
    return path


def collector(lab, name="collect"):
    """(the program, what it was told)"""
    told = os.path.join(lab.directory, name + ".ndjson")
    path = script(lab, name, f"cat >>{told}\n")

    def read():
        if not os.path.exists(told):
            return []
        with open(told) as lines:
            return [json.loads(line) for line in lines]
    return path, read


def secret(lab, mode=0o600):
    path = os.path.join(lab.directory, "hook.secret")
    with open(path, "wb") as out:
        out.write(SECRET + b"\n")
    os.chmod(path, mode)
    return path


def webhook(lab, receiver, authority=None):
    more = f" ca-file {authority.root}" if authority else ""
    return f"webhook \"{receiver.url}\" secret file {secret(lab)}{more};"


def start(lab, text):
    lab.write_config(text)
    lab.start()


def try_again(lab):
    """A reload tries at once what waits."""
    lab.ctl_ok("reload")


@scenario()
def a_program_is_told(lab):
    path, told = collector(lab)
    seen = os.path.join(lab.directory, "seen")
    odd = script(lab, "odd", f"{{ env; pwd; id -u; echo \"$#:$1:$2\"; ls /proc/self/fd; }} >{seen}\n")
    start(lab, f"on event cert.* name.* {{ exec {path}; }}\n"
               f"on event name.added {{ exec {odd} one \"two; $(touch {lab.directory}/harm)\"; }}")
    lab.add("a.test")
    lab.ctl_ok("remove", "a.test")
    wait_for(lambda: len(told()) >= 3, 15, "three events")
    equal([(e["type"], e["name"], e["act"]) for e in told()],
          [("name.added", "a.test", "nobody"), ("cert.stored", "a.test", "nobody"),
           ("name.removed", "a.test", "nobody")], "what it was told")
    logged = {e["id"]: e for e in events(lab)}
    for e in told():
        e.pop("act")
        equal(e, logged[e["id"]], "as in the log")
    wait_for(lambda: os.path.exists(seen), 15, "the other program")
    with open(seen) as lines:
        text = lines.read().split("\n")
    words = {line.partition("=")[0] for line in text if "=" in line}
    check(words <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}, f"environment: {words}")
    check("/" in text, f"folder: {text}")
    check(f"2:one:two; $(touch {lab.directory}/harm)" in text, f"arguments: {text}")
    check(not os.path.exists(os.path.join(lab.directory, "harm")), "no shell reads them")
    check({"3", "4"} >= {line for line in text if line.isdigit()} - {"0", "1", "2"},
          f"descriptors: {text}")


@scenario()
def a_web_service_is_told(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    with Receiver(lab.address, PORT, ca) as receiver:
        start(lab, f"on event name.* cert.stored {{ {webhook(lab, receiver, ca)} }}")
        lab.add("a.test")
        lab.ctl_ok("remove", "a.test")
        wait_for(lambda: len(receiver.events) >= 3, 15, "three events")
        equal(receiver.types(), ["name.added", "cert.stored", "name.removed"], "types")
        equal(receiver.faults, [], "what it has to complain of")
        equal(receiver.tries, 3, "each once")
        check("not-to-be-shown" not in lab.certd.log_text(), "the URL's secret in the log")
        check(SECRET.decode() not in lab.certd.log_text(), "the secret in the log")


@scenario()
def what_fails_comes_again_and_nobody_waits(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    path, told = collector(lab)
    with Receiver(lab.address, PORT, ca, status=503) as receiver:
        start(lab, f"on event name.* {{ {webhook(lab, receiver, ca)} exec {path}; }}")
        lab.ctl_ok("add", "a.test")
        wait_for(lambda: events(lab, "--type", "hook.failed"), 15, "hook.failed")
        lab.ctl_ok("add", "b.test")
        wait_for(lambda: len(told()) == 2, 15, "the other target goes on")
        failed = events(lab, "--type", "hook.failed")
        equal(len(failed), 1, "told once")
        check(f"webhook {lab.address}:{PORT}: it answered with status 503" in failed[0]["detail"],
              failed)
        check("not-to-be-shown" not in failed[0]["detail"], failed)
        receiver.status = 200
        try_again(lab)
        wait_for(lambda: len(receiver.events) == 2, 15, "both come")
        equal([e["name"] for e in receiver.events], ["a.test", "b.test"], "in their order")
        equal(receiver.faults, [], "faults")


@scenario()
def nothing_is_lost_over_kills(lab):
    ca = Authority(os.path.join(lab.directory, "ca"))
    with Receiver(lab.address, PORT, ca, status=500) as receiver:
        start(lab, f"on event name.added {{ {webhook(lab, receiver, ca)} }}")
        names = [f"n{i}.test" for i in range(5)]
        for name in names[:3]:
            lab.ctl_ok("add", name)
        wait_for(lambda: receiver.tries >= 1, 15, "the first try")
        if lab.single:
            lab.certd.stop()
            lab.start()
        else:
            lab.certd.kill("keeper")
            wait_for(lambda: lab.ctl("status").code == 0, 15, "the next keeper")
        for name in names[3:]:
            lab.ctl_ok("add", name)
        receiver.status = 200
        try_again(lab)
        wait_for(lambda: len(receiver.events) >= 5, 15, "all five")
        seen = list(dict.fromkeys(e["name"] for e in receiver.events))
        equal(seen, names, "all, in order")
        lab.certd.stop()
        lab.start()
        lab.ctl_ok("add", "last.test")
        wait_for(lambda: receiver.types("last.test"), 15, "the last one")
        equal([e["name"] for e in receiver.events].count("n0.test"), 1, "not again after a stop")


@scenario()
def what_must_not_be_trusted_is_not(lab):
    """No redirect is followed, no certificate of somebody else believed, no open secret used."""
    ca = Authority(os.path.join(lab.directory, "ca"))
    other = Authority(os.path.join(lab.directory, "other"))
    with Receiver(lab.address, PORT, ca) as good, \
            Receiver(lab.address, PORT + 1, ca, status=302,
                     headers={"Location": f"https://{lab.address}:{PORT}/hook"}) as moved:
        start(lab, f"on event name.added {{ {webhook(lab, moved, ca)} }}\n"
                   f"on event name.added {{ {webhook(lab, good, other)} }}")
        lab.ctl_ok("add", "a.test")
        failed = wait_for(lambda: len(got := events(lab, "--type", "hook.failed")) == 2 and got,
                          15, "both fail")
        details = " ".join(e["detail"] for e in failed)
        check("status 302" in details and "certificate" in details, details)
        equal(good.events + good.faults, [], "nothing came of the redirect, or unverified")
        secret(lab, 0o644)
        lab.write_config(f"on event name.added {{ webhook \"{good.url}&new\" secret file "
                         f"{lab.directory}/hook.secret ca-file {ca.root}; }}")
        lab.ctl_ok("reload")
        lab.ctl_ok("add", "b.test")
        wait_for(lambda: "only its owner reads" in str(events(lab, "--type", "hook.failed")),
                 15, "an open secret is not used")
        equal(good.events, [], "still nothing")


@scenario()
def programs_that_misbehave_are_bounded(lab):
    path, told = collector(lab)
    pids = os.path.join(lab.directory, "pids")
    hang = script(lab, "hang", f"sleep 1000 & echo $$ $! >>{pids}; wait\n")
    flood = script(lab, "flood", f"echo $$ >>{pids}; exec head -c 1073741824 /dev/zero\n")
    killed = script(lab, "killed", f"echo $$ >>{pids}; kill -9 $$\n")
    status = script(lab, "status", "echo out of order >&2; exit 137\n")
    start(lab, f"on event name.added {{ exec {hang}; exec {flood}; exec {killed}; exec {status}; "
               f"exec {lab.directory}/none; exec {path}; }}")
    lab.add("a.test")
    wait_for(lambda: len(told()) == 1, 20, "the one that behaves is told")
    failed = wait_for(lambda: len(got := events(lab, "--type", "hook.failed")) == 5 and got, 60,
                      "five fail")
    details = {e["detail"].split(":")[0].rpartition("/")[2]: e["detail"] for e in failed}
    for name, want in (("hang", "took longer than 30 s"), ("flood", "wrote more than 64 KiB"),
                       ("killed", "signal 9"), ("status", "status 137: out of order"),
                       ("none", "No such file")):
        check(want in details[name], f"{name}: {details[name]}")
    with open(pids) as lines:
        started = [int(pid) for pid in lines.read().split()]
    wait_for(lambda: not [pid for pid in started if os.path.exists(f"/proc/{pid}")], 10,
             "all processes are gone")
    if not lab.single:
        keeper = lab.certd.pids("keeper")[0]
        wait_for(lambda: not [name for _, name in children_of(keeper) if name != "certd-check"], 10,
                 "no children of the keeper but its own check")
    lab.serial("a.test")


@scenario()
def what_nobody_takes_is_given_up(lab):
    path, told = collector(lab)
    count = os.path.join(lab.directory, "count")
    bad = script(lab, "bad", f"echo x >>{count}; exit 1\n")
    start(lab, f"on event name.added {{ exec {bad}; }}\non event hook.* {{ exec {path}; }}")
    lab.ctl_ok("add", "a.test")

    def tries():
        if not os.path.exists(count):
            return 0
        with open(count) as lines:
            return len(lines.readlines())
    for n in range(1, 6):
        wait_for(lambda: tries() >= n, 15, f"try {n}")
        if n < 5:
            try_again(lab)
    dropped = wait_for(lambda: events(lab, "--type", "hook.dropped"), 15, "hook.dropped")
    check(f"exec {bad}: 1 given up" in dropped[0]["detail"], dropped)
    wait_for(lambda: [e["type"] for e in told()] == ["hook.failed", "hook.dropped"], 15,
             "others are told of it")


@scenario()
def a_hook_that_comes_later_begins_there(lab):
    path, told = collector(lab)
    lab.start()
    lab.ctl_ok("add", "before.test")
    lab.write_config(f"on event name.* {{ exec {path}; }}")
    lab.ctl_ok("reload")
    lab.ctl_ok("add", "after.test")
    wait_for(told, 15, "an event")
    equal([e["name"] for e in told()], ["after.test"], "only from now on")
    lab.write_config("")
    lab.ctl_ok("reload")
    lab.ctl_ok("add", "between.test")
    lab.write_config(f"on event name.* {{ exec {path}; }}")
    lab.ctl_ok("reload")
    lab.ctl_ok("add", "again.test")
    wait_for(lambda: len(told()) >= 2, 15, "the next event")
    equal([e["name"] for e in told()], ["after.test", "again.test"], "not those between")


if __name__ == "__main__":
    main()

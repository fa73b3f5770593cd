#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what over the control socket: by uid, gid and supplementary groups, for every verb."""

import json
import os
import re
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import PATIENCE, ROOT  # noqa: E402
from lab import Skip, check, equal, expect_code, main, scenario  # noqa: E402

CHANGERS, READERS, READER, STRANGER = 4242, 4343, 5555, 5556      # gids and uids of nobody
GRANTS = f"control {{ change group {CHANGERS}; read group {READERS}; read user {READER}; }}\n"

# Run as somebody else: lines of requests in, the last line of each reply out.
CLIENT = """
import socket, sys
for line in sys.stdin:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        raw.connect(sys.argv[1])
        raw.sendall(line.encode())
        last = ""
        for last in raw.makefile():
            if last.startswith('{"end"'):
                break
            if "--follow" in sys.argv:
                print(last, end="", flush=True)
        print(last, end="" if last else "\\n")
"""

WHO = {     # uid, gid, supplementary groups
    "a changer by his group": (STRANGER, CHANGERS, []),
    "a changer by a supplementary group": (STRANGER, STRANGER, [7, CHANGERS]),
    "one in both": (READER, READERS, [CHANGERS]),
    "a reader by group": (STRANGER, STRANGER, [READERS, 8]),
    "a reader by uid": (READER, STRANGER, []),
    "a stranger": (STRANGER, STRANGER, [9]),
}


def as_somebody(lab, who, requests):
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    uid, gid, groups = WHO[who]
    text = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([sys.executable, "-c", CLIENT, lab.certd.socket_path], user=uid, group=gid,
                          extra_groups=groups, input=text, capture_output=True, text=True,
                          timeout=120 * PATIENCE, cwd="/")
    return done.stderr or [json.loads(line)["end"] for line in done.stdout.splitlines()]


def verbs_of_the_code():
    """{verb: need}, as the table of daemon/control/command.c has it."""
    with open(os.path.join(ROOT, "daemon", "control", "command.c")) as code:
        found = dict(re.findall(r'^\t\{"([a-z.]+)", (READ|ADMIN|CHANGE), command_', code.read(),
                                re.MULTILINE))
    check(len(found) > 30, f"the table was found: {found}")
    return found


def mode_of(lab):
    return stat.S_IMODE(os.stat(lab.certd.socket_path).st_mode)


@scenario(config=GRANTS)
def every_verb_needs_its_right(lab):
    lab.start()
    lab.add("a.test")
    needs = verbs_of_the_code()
    # what ends by itself and does no harm to those who come after
    verbs = [verb for verb in needs if verb not in ("events", "watch", "upgrade", "reload")]
    # nothing in it: refused as a bad request by who may
    asked = [{"verb": verb} if verb in ("status", "version", "list", "check") else
             {"verb": verb, "names": 1, "items": 1, "certs": 1, "name": 1, "directory": "no/path"}
             for verb in verbs]
    for who, least in (("a changer by his group", "CHANGE"), ("a reader by uid", "READ"),
                       ("a stranger", "NONE")):
        for verb, end in zip(verbs, as_somebody(lab, who, asked)):
            may = least == "CHANGE" or (least == "READ" and needs[verb] == "READ")
            equal(end["code"] != 5, may, f"{who}: {verb}: {end}")
    with open(os.path.join(ROOT, "docs", "control.md")) as page:
        text = page.read()
    looked = set(re.findall(r"`([a-z.]+)`", text[text.index("May look"):text.index("May change")]))
    equal(looked, {verb for verb, need in needs.items() if need == "READ"}, "readers' verbs, as documented")


@scenario(config=GRANTS)
def groups_and_users_are_told_apart(lab):
    lab.start()
    equal(mode_of(lab), 0o666, "several may: the kernel lets them in, certd judges")
    for who, may_change in (("a changer by his group", True), ("one in both", True),
                            ("a changer by a supplementary group", True),
                            ("a reader by group", False), ("a reader by uid", False)):
        remove, bad = as_somebody(lab, who, [{"verb": "remove", "names": ["nobody.test"]},
                                             {"verb": "list", "sort": "no"}])
        equal((remove["code"], bad["code"]), (3 if may_change else 5, 2), f"{who}: {remove}")
    refused = as_somebody(lab, "a reader by uid", [{"verb": "remove", "names": ["a.test"]}])[0]
    for word in ("root", f"group {CHANGERS}", f"uid {READER}", "may look"):
        check(word in refused["error"]["detail"], f"it says who may: {refused}")
    check(str(READERS) not in refused["error"]["detail"], f"and not who may not: {refused}")
    refused = as_somebody(lab, "a stranger", [{"verb": "version"}])[0]
    for word in ("root", f"group {CHANGERS}", f"group {READERS}", f"user {READER}", f"uid {STRANGER}"):
        check(word in refused["error"]["detail"], f"it says who may: {refused}")
    check(lab.certd.status()["may_change"], "root may")
    events = [event["detail"] for event in lab.certd.events() if event["type"] == "audit.refused"]
    check(any(f"uid {READER}" in detail for detail in events), f"it is written down: {events}")


@scenario(config=GRANTS)
def keys_and_files_are_for_root_and_certd(lab):
    lab.start()
    lab.add("a.test")
    key, file, chain, own = as_somebody(lab, "a changer by his group", [
        {"verb": "export", "name": "a.test", "private_key": True},
        {"verb": "config.check", "file": os.path.join(lab.directory, "state", "master.key")},
        {"verb": "export", "name": "a.test"}, {"verb": "config.check"}])
    equal((key["code"], file["code"], chain["code"], own["code"]), (5, 5, 0, 0), "codes")
    check("uid" in key["error"]["detail"], f"why: {key}")


@scenario()
def one_group_has_the_socket_for_itself(lab):
    lab.write_config(f"control {{ change group {CHANGERS}; }}\n")
    lab.start()
    equal((mode_of(lab), os.stat(lab.certd.socket_path).st_gid), (0o660, CHANGERS), "its socket")
    equal(as_somebody(lab, "a changer by a supplementary group", [{"verb": "version"}])[0]["code"], 0,
          "a member")
    check("PermissionError" in as_somebody(lab, "a reader by uid", [{"verb": "version"}]),
          "others do not come in")
    refused = lab.ctl_of_a_stranger("status")
    equal(refused.returncode, 5, "certctl's exit code")
    check("root" in refused.stderr and "uid 65534" in refused.stderr, f"who may: {refused.stderr}")
    # A reload counts at once, also for who is there already.
    lab.write_config(GRANTS)
    lab.ctl_ok("reload")
    equal(mode_of(lab), 0o666, "after a reload")
    equal(as_somebody(lab, "a reader by uid", [{"verb": "status"}])[0]["code"], 0, "a reader")
    follower = subprocess.Popen([sys.executable, "-c", CLIENT, lab.certd.socket_path, "--follow"],
                                user=READER, group=READER, extra_groups=[], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, cwd="/")
    lab.on_close.callback(follower.wait)
    lab.on_close.callback(follower.kill)
    follower.stdin.write('{"verb":"watch"}\n')
    follower.stdin.close()
    check("watch" in follower.stdout.readline(), "he watches")
    lab.write_config("control { }\n")
    lab.ctl_ok("reload")
    equal(mode_of(lab), 0o600, "for nobody else")
    while "watch" in follower.stdout.readline():        # to the end
        pass
    refused = lab.ctl_of_a_stranger("status")
    equal(refused.returncode, 5, "certctl's exit code")


@scenario(config=GRANTS)
def strangers_do_not_fill_the_socket(lab):
    lab.start()
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    crowd = subprocess.Popen(
        [sys.executable, "-c", "import socket, sys\nall = [socket.socket(socket.AF_UNIX) for _ in "
         "range(300)]\nfor s in all: s.connect(sys.argv[1]); s.send(b'{')\nprint('in', flush=True)\n"
         "sys.stdin.read()", lab.certd.socket_path], user=STRANGER, group=STRANGER, extra_groups=[],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
    lab.on_close.callback(crowd.wait)
    lab.on_close.callback(crowd.kill)
    for _ in range(20):
        equal(lab.certd.ask("version")[1]["code"], 0, "root is served")
    expect_code(lab.ctl("list"), 0)


@scenario()
def unknown_users_are_refused_in_the_file(lab):
    lab.start()
    for text, word in (("change user no-such-user-here;", "no-such-user-here"),
                       ("read groups x;", "did you mean"), ("change;", "change"),
                       ("write user root;", "write")):
        lab.write_config(f"control {{ {text} }}\n")
        refused = lab.certd.check_config(lab.conf_path)
        check(refused.code != 0 and word in refused.err, f"{text}: {refused}")
    lab.write_config("control { change user daemon 77; read group daemon; }\n")
    expect_code(lab.certd.check_config(lab.conf_path), 0)


if __name__ == "__main__":
    main()

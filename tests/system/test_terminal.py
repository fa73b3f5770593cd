#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What certctl does where a person looks on, and not elsewhere: colours, pager, lines in place; and
that no text from outside moves a cursor, whoever sent it."""

import contextlib
import glob
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from fcntl import ioctl

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, PATIENCE, ROOT  # noqa: E402
from lab import PORTS, check, equal, expect_code, main, scenario  # noqa: E402

CERTCTL = os.path.join(BUILD, "certctl")
# Sets the clipboard, turns text around, breaks the line, hides: OSC 52, CSI, C1, bidi, zero width.
HOSTILE = "\x1b]52;c;eA==\x07\x1b[2J\x9b31m\u202e\u2066\u200b\ufeff\r\n\t\x00x"
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Terminal:
    """certctl on a terminal of its own, 24 rows of 80."""

    def __init__(self, lab, *words, stop=None, answer=None, **more):
        environment = dict(os.environ, TERM="xterm-256color", CERTCTL_PAGER="",
                           CERTCTL_SOCKET=lab.certd.socket_path)
        for name in ("NO_COLOR", "SUDO_UID", "LESS"):
            environment.pop(name, None)
        environment.update(more)
        environment = {name: value for name, value in environment.items() if value is not None}
        pid, self.fd = pty.fork()
        if pid == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            signal.signal(signal.SIGINT, signal.SIG_DFL)    # in the background it is ignored
            os.execve(CERTCTL, ["certctl", *words], environment)
        self.text = self.read_all(stop, answer)
        if stop:
            os.kill(pid, signal.SIGINT)
        status = os.waitpid(pid, 0)[1]
        self.code = os.waitstatus_to_exitcode(status)
        os.close(self.fd)

    def read_all(self, stop, answer):
        data, deadline = b"", time.monotonic() + 60 * PATIENCE
        while time.monotonic() < deadline and not (stop and data.count(stop) > 1):
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                more = os.read(self.fd, 65536)
            except OSError:         # it has ended
                break
            if not more:
                break
            data += more
            if answer is not None and b'type "' in data:
                os.write(self.fd, answer.encode())
                answer = None
        return data.decode(errors="replace").replace("\r\n", "\n")


# ---- what cannot be undone ----

@scenario(config="ca old { directory https://127.0.0.1:9/dir; agree-terms; }\n")
def what_ends_something_is_confirmed(lab):
    lab.start()
    lab.add("a.test", "b.test", "c.test", "d.test")

    def ends(code, answer, *words):
        done = Terminal(lab, *words, answer=answer)
        equal(done.code, code, f"{words} answered with {answer!r}:\n{done.text}")
        return done.text

    def here():
        return lab.ctl_ok("list", "-o", "names").out.split()

    text = ends(6, "yes\n", "remove", "a.test")
    check("not served any more" in text and 'type "a.test"' in text and "nothing was done" in text, text)
    ends(6, "\x04", "remove", "a.test")         # the end of what is typed
    equal(here(), ["a.test", "b.test", "c.test", "d.test"], "nothing was done")
    ends(0, "a.test\n", "remove", "a.test")
    check('type "2"' in ends(0, "2\n", "remove", "b.test", "c.test"), "of many how many")
    equal(here(), ["d.test"], "they are gone")
    serial = lab.certd.show("d.test")["serial"]
    ends(6, "d.tes\n", "revoke", "d.test")
    equal(lab.certd.show("d.test")["serial"], serial, "not revoked")
    ends(0, "d.test\n", "revoke", "d.test")
    text = ends(6, "pebble\n", "ca", "deactivate", "old")
    check("nothing was done" in text, text)
    check("type" not in ends(0, None, "remove", "d.test", "--yes"), "nobody is asked")
    lab.add("e.test")
    lab.ctl_ok("remove", "e.test")              # nor is a program
    expect_code(lab.ctl("ca", "deactivate", "old"), 6)       # but here it must say so


# ---- colours, pager, lines in place ----

@scenario()
def colours_only_for_people(lab):
    lab.start()
    lab.ctl_ok("backend", "drain", "app", f"{lab.address}:{PORTS['backend']}")
    words, colour = ["backend", "list"], "\x1b[36mdrain\x1b[0m"
    check(colour in Terminal(lab, *words).text, "colours on a terminal")
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}):
        check("\x1b" not in Terminal(lab, *words, **more).text, f"no colours: {more}")
    check(colour in Terminal(lab, *words, NO_COLOR="").text, "an empty NO_COLOR says nothing")
    check(colour in Terminal(lab, *words, "--color=always", NO_COLOR="1").text, "--color=always")
    check("\x1b" not in Terminal(lab, *words, "--color", "never").text, "--color=never")
    check("\x1b" not in lab.ctl_ok(*words).out, "no colours in a pipe")
    check(colour in lab.ctl_ok(*words, "--color=always").out, "--color=always in a pipe")


@scenario()
def pages_on_a_terminal(lab):
    lab.start()
    lab.add("a.test")
    pager = "sed s/^/PAGED:/"
    for words in (["list"], ["show", "a.test"], ["events"], ["--help"], ["list", "--help"]):
        got = Terminal(lab, *words, CERTCTL_PAGER=pager).text
        check(got and all(line.startswith("PAGED:") for line in got.splitlines()), f"{words}: {got}")
        got = Terminal(lab, *words, "--no-pager", CERTCTL_PAGER=pager).text
        check(got and "PAGED" not in got, f"{words} --no-pager: {got}")
    for words, more in ((["list", "-o", "json"], {}), (["version"], {}), (["list"], {"TERM": "dumb"}),
                        (["list"], {"CERTCTL_PAGER": ""}), (["list"], {"CERTCTL_PAGER": "cat"})):
        got = Terminal(lab, *words, **{"CERTCTL_PAGER": pager, **more}).text
        check(got and "PAGED" not in got, f"{words} {more}: {got}")
    check("PAGED" in Terminal(lab, "list", CERTCTL_PAGER=None, PAGER=pager).text, "PAGER")
    equal(Terminal(lab, "show", "nobody.test", CERTCTL_PAGER=pager).code, 3, "exit code behind it")
    check("PAGED" not in subprocess.run([CERTCTL, "--help"], capture_output=True, text=True,
                                        env=dict(os.environ, PAGER=pager)).stdout, "in a pipe")


@scenario()
def no_shell_for_who_may_only_run_certctl(lab):
    """Under sudo: less, whatever the environment says, and less in its secure mode."""
    lab.start()
    lab.add("a.test")
    less = os.path.join(lab.directory, "less")
    with open(less, "w") as script:
        script.write('#!/bin/sh\necho "secure=$LESSSECURE"\ncat\n')
    os.chmod(less, 0o755)
    path = f"{lab.directory}:{os.environ['PATH']}"
    got = Terminal(lab, "list", SUDO_UID="1000", CERTCTL_PAGER="echo mine", PATH=path).text
    check(got.startswith("secure=1\n") and "a.test" in got, got)
    got = Terminal(lab, "list", CERTCTL_PAGER=None, PAGER=None, PATH=path).text
    check(got.startswith("secure=\n") and "a.test" in got, got)
    got = Terminal(lab, "list", CERTCTL_PAGER=None, PAGER=None, PATH="/nonexistent").text
    check("a.test" in got and "secure" not in got, f"no pager is installed: {got}")


@scenario()
def steps_in_place_on_a_terminal(lab):
    lab.start()
    got = Terminal(lab, "add", "a.test", "--wait")
    equal(got.code, 0, got.text)
    check("\ra.test: queued" in got.text and " -> " in got.text and "\x1b[K" in got.text, got.text)
    equal(got.text.count("\n"), 1, f"what stays is one line: {got.text!r}")
    check(re.search(r"\x1b\[Ka\.test: serving, until 20\S+Z, took \d+\.\ds\n$", got.text), repr(got.text))
    many = Terminal(lab, "add", "b.test", "c.test", "--wait").text
    check(re.search(r"\r\d of 2 through; [bc]\.test: ", many), repr(many))
    for words, more in ((["--wait"], {"TERM": "dumb"}), (["--wait", "-o", "ndjson"], {})):
        got = Terminal(lab, "renew", "a.test", *words, **more)
        equal(got.code, 0, got.text)
        check("\r" not in got.text and "\x1b" not in got.text, repr(got.text))
    got = lab.ctl_ok("renew", "a.test", "--wait")
    check("\r" not in got.out and "a.test: queued\n" in got.out, f"steps off a terminal: {got}")


@scenario()
def wait_for_a_step(lab):
    lab.start()
    lab.ctl_ok("add", "a.test")
    got = lab.ctl_ok("wait", "a.test", "--for=ordered", "-o", "json").json()["items"]
    check(len(got) == 1 and got[0]["step"] in ("ordered", "challenge", "finalized", "stored",
                                               "serving"), f"{got}")
    got = lab.ctl_ok("wait", "a.test", "--for", "stored")
    check(re.search(r"a\.test: (stored|serving),", got.out), f"{got}")
    got = lab.ctl_ok("wait", "a.test")
    check("a.test: serving, until 20" in got.out, f"{got}")
    equal(lab.ctl("wait", "nobody.test", "--for=ordered").code, 3, "nobody's exit code")


@scenario()
def a_list_that_goes_on(lab):
    lab.start()
    lab.add("a.test")
    got = Terminal(lab, "list", "--watch", stop=b"\x1b[2J")
    equal(got.code, -signal.SIGINT, got.text)
    check(got.text.count("\x1b[H\x1b[2J") >= 2 and "a.test" in got.text, repr(got.text))


@scenario()
def who_leaves_the_pipe_hears_nothing(lab):
    lab.start()
    lab.add("a.test")
    for words in (["list"], ["events", "-o", "ndjson"], ["--help"], ["status", "-o", "json"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([CERTCTL, "--socket", lab.certd.socket_path, *words], stdout=writer,
                              stderr=subprocess.PIPE, text=True, timeout=30 * PATIENCE)
        os.close(writer)
        equal((done.returncode, done.stderr), (-signal.SIGPIPE, ""), f"{words}: no word")


# ---- verbs that ask in other verbs' place ----

@scenario()
def renew_what_ends_soon_and_raw(lab):
    lab.start()
    lab.add("a.test", "b.test", "c.test")
    lab.ctl_ok("pause", "c.test")
    equal(sorted(lab.ctl_ok("renew", "--expires-in", "3650d", "-o", "names").out.split()),
          ["a.test", "b.test"], "renewed")
    equal(lab.ctl_ok("renew", "--expires-in", "1s", "-o", "names").out, "", "none")
    two = lab.ctl("raw", '{"verb":"version"}', '{"verb":"show","name":"nobody.test"}')
    lines = two.lines()
    equal((two.code, [list(line) for line in lines]), (9, [["version"], ["end"], ["end"]]), "raw")
    text = lab.ctl_ok("metrics").out
    check(re.search(r'(?m)^certd_names\{state="paused"\} 1$', text) or "certd_names" in text, text)
    for _ in range(3):
        lab.ctl_ok("pause", "b.test")
        lab.ctl_ok("resume", "b.test")
    status = lab.ctl_ok("status", "b.test")
    equal(len(re.findall(r"(?m)^\d{4}-.*  b\.test", status.out)), 5, f"{status}")


@scenario(config="ca nobody { directory https://127.0.0.1:9/dir; agree-terms; }")
def did_you_mean_a_name(lab):
    lab.start()
    lab.ctl_ok("add", *[f"n{i:04}.many.test" for i in range(1500)], "shop.example.test", "--backend",
               "app", "--ca", "nobody")
    for typed in ("shop.exmaple.test", "shp.example.test", "shop.example.tets"):
        for words in (["show"], ["status"], ["export"], ["order"], ["renew"], ["inspect"]):
            got = Terminal(lab, *words, typed)
            equal(got.code, 3, got.text)
            check(got.text.endswith('certctl: did you mean "shop.example.test"?\n'), got.text)
    check("mean" not in Terminal(lab, "show", "something.else").text, "nothing is near")
    check("mean" not in lab.ctl("show", "shop.exmaple.test").err, "no program asks")


@scenario()
def that_there_is_nothing_is_said(lab):
    lab.start()
    for words, said in ((["list"], "no names: see certctl add"), (["faults"], "nothing is found wrong just now"),
                        (["events", "--severity", "crit"], "no such events"),
                        (["list", "--state", "failing", "-o", "wide"], "no such names")):
        equal(Terminal(lab, *words).text, f"certctl: {said}\n", f"{words}")
        quiet = lab.ctl_ok(*words)
        equal((quiet.out, quiet.err), ("", ""), f"{words} for a program")
    for form in ("json", "ndjson", "names"):
        check("certctl:" not in Terminal(lab, "list", "-o", form).text, f"as {form}")
    lab.add("a.test")
    check("certctl:" not in Terminal(lab, "list").text, "there is one")


@scenario(plain=True)
def a_console_that_is_not_there():
    directory = os.path.join(ROOT, "nonexistent")
    copy = f"/proc/{os.getpid()}/root{CERTCTL}"
    done = subprocess.run([copy, "console", "--read-only"], capture_output=True, text=True,
                          env={"PATH": directory})
    if os.path.exists(os.path.join(BUILD, "certd-console")):
        return
    equal((done.returncode, done.stdout), (1, ""), "exit code")
    check("not installed" in done.stderr, done.stderr)


# ---- text from outside (reliability: A15) ----

class Hostile:
    """Between certctl and certd: every text of every reply gets a tail that would move a cursor."""

    def __init__(self, lab):
        self.path = os.path.join(lab.directory, "hostile.sock")
        self.to = lab.certd.socket_path
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        lab.on_close.callback(self.socket.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client):
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(self.to)
            answers = daemon.makefile("r", encoding="utf-8")
            for line in client.makefile("rb"):
                daemon.sendall(line)
                for answer in answers:
                    answer = json.loads(answer)
                    with contextlib.suppress(BrokenPipeError):
                        client.sendall(json.dumps(spoil(answer)).encode() + b"\n")
                    if "end" in answer:
                        break


def spoil(value, key=None):
    if isinstance(value, dict):
        return {name + (HOSTILE if key == "labels" else ""): spoil(one, name)
                for name, one in value.items()}
    if isinstance(value, list):
        return [spoil(one, key) for one in value]
    # where a list goes on is sent back; a step's word is looked for
    return value + HOSTILE.replace("\0", "") if isinstance(value, str) and \
        key not in ("after", "step") else value


@scenario()
def no_text_from_outside_moves_a_cursor(lab):
    lab.start()
    lab.add("a.test", "b.test", options=["--label", "tenant=acme"])
    lab.ctl("add", "nx.blocked.test", "--wait")
    hostile, seen = Hostile(lab), 0
    server = f"{lab.address}:{PORTS['backend']}"
    for words in (["list"], ["show", "a.test"], ["show", "nx.blocked.test"], ["status"],
                  ["status", "a.test"], ["order", "nx.blocked.test"], ["inspect", "a.test"], ["events"], ["limits", "--all"],
                  ["diagnose", "a.test"], ["ca", "list"], ["ca", "show", "pebble"], ["db", "stat"],
                  ["db", "check"], ["db", "backup", f"{lab.directory}/copy"], ["key", "status"],
                  ["key", "rotate"], ["backend", "list"], ["backend", "set", "none", server, "ready"],
                  ["check"], ["version"], ["metrics"], ["add", "a..b", "a.test", "c.test"],
                  ["renew", "a.test", "--wait"], ["wait", "nx.blocked.test"], ["remove", "c.test"],
                  ["config", "check", "/dev/null"],
                  ["config", "show"], ["config", "diff"], ["faults"], ["export", "a.test"], ["revoke", "b.test"],
                  ["raw", '{"verb":"status"}'], ["show", "nobody.test"]):
        for form in ("table", "wide", "json", "ndjson", "names"):
            done = subprocess.run([CERTCTL, "--socket", hostile.path, *words, "-o", form],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE)
            for text in (done.stdout, done.stderr):
                text = text.decode()        # it is UTF-8, too
                if words[0] in ("metrics", "config"):       # whole texts, with their tabs
                    text = text.replace("\t", "")
                seen += len(text)
                bad = BAD.search(text)
                check(not bad, f"{words} -o {form}: {bad and text[max(0, bad.start() - 60):bad.end() + 20]!r}")
            if words[:2] == ["db", "backup"]:
                break
    check(seen > 20000, f"only {seen} characters were seen")


@scenario(plain=True)
def one_place_writes():
    """print.c and table.c escape; nobody else writes what may come from outside."""
    own = {"print.c", "table.c", "terminal.c", "help.c", "option_table.c", "cmd_completion.c"}
    writers = re.compile(r"(?<![a-z_])(printf|puts|fputs|putchar|fprintf|fwrite|putc|dprintf|write(?!\(fd,))\(")
    for path in glob.glob(os.path.join(ROOT, "ctl", "*.c")):
        with open(path) as source:
            found = writers.search(source.read())
        check(os.path.basename(path) in own or not found, f"{path}: {found and found.group()}")


if __name__ == "__main__":
    main()

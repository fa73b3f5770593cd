# SPDX-License-Identifier: Apache-2.0
"""certd and certctl as the tests run them: start, stop, kill a role, ask."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import child

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))

# Sanitized programs are several times slower; every time limit of the tests grows with this.
SANITIZED = "san" in os.path.basename(BUILD)
PATIENCE = 4 if SANITIZED else 1

SANITIZER_REPORT = re.compile(
    r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer|"
    r"Assertion .* failed")


class Answer:
    """What one certctl call gave back."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def json(self):
        return json.loads(self.out)

    def lines(self):
        """The objects of -o ndjson."""
        return [json.loads(line) for line in self.out.splitlines() if line]

    def __str__(self):
        return (f"certctl {' '.join(self.words)} -> {self.code}\n"
                f"    out: {self.out.strip()[:2000]}\n    err: {self.err.strip()[:2000]}")


class Certd:
    def __init__(self, directory, conf, socket_path):
        self.directory, self.conf, self.socket_path = directory, conf, socket_path
        self.log = os.path.join(directory, "certd.log")
        self.binary = os.path.join(BUILD, "certd")
        self.prefix = []        # a command that becomes certd in the end
        self.pages_damaged = False      # then LMDB's own asserts are no complaint
        self.process, self.elders = None, []     # elders: replaced by an upgrade

    # life

    def start(self, *words, wait=True, **more):
        self.process = child.spawn([*self.prefix, self.binary, "-c", self.conf, *words], self.log,
                                   dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1"), **more)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=15):
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"certd ended at start with {self.process.returncode}")
            if self.ctl("status").code == 0:
                return
            time.sleep(0.02)
        raise AssertionError("certd does not answer on its control socket: " + str(
            self.ctl("status")))

    def follow(self):
        """Whoever answers on the control socket is our process from now on; the one that was, by
        itself, may go on.  Returns that."""
        pid = self.status()["pid"]
        before = self.process
        if pid != before.pid:
            self.elders.append(before)
            self.process = child.Adopted(pid)
        return before

    def stop(self, seconds=10):
        """SIGTERM; returns the exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds * PATIENCE)
            except subprocess.TimeoutExpired:
                end_tree(process.pid)
                process.wait()
                raise AssertionError(f"certd did not end within {seconds} s of SIGTERM")
        return process.returncode

    def kill(self, *roles):
        """SIGKILL to "keeper", "front" (all workers) or "parent"; returns the pids."""
        killed = []
        for role in roles:
            pids = [self.process.pid] if role == "parent" else self.pids(role)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                except ProcessLookupError:
                    pass
        if "parent" in roles:
            self.process.wait()
        return killed

    def end(self):
        """Whatever happened, nothing of ours stays behind."""
        for process in [self.process, *self.elders]:
            if process and process.poll() is None:
                end_tree(process.pid)
                process.wait()
        self.process, self.elders = None, []

    def signal(self, number):
        self.process.send_signal(number)

    # looking

    def pids(self, role):
        """The processes of a role below our parent."""
        return [pid for pid, name in children_of(self.process.pid) if name == "certd-" + role]

    def cpu_seconds(self):
        """What our parent process has used so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def complaint(self):
        """A sanitizer's or assert's report in the log, or None."""
        text = self.log_text()
        for found in SANITIZER_REPORT.finditer(text):
            if not (self.pages_damaged and text.startswith(" in mdb_", found.end())):
                return found.group(0)
        return None

    # asking

    def ctl(self, *words, timeout=60, env=None):
        command = [os.path.join(BUILD, "certctl"), "--socket", self.socket_path, *words]
        return run(command, words, timeout * PATIENCE, env)

    def ask(self, verb, **request):
        """A request on a connection of its own: its lines, and the object of the last one."""
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(30 * PATIENCE)
            raw.connect(self.socket_path)
            raw.sendall(json.dumps({"verb": verb, **request}).encode() + b"\n")
            lines = []
            for text in raw.makefile():
                line = json.loads(text)
                if "end" in line:
                    return lines, line["end"]
                lines.append(line)
        raise AssertionError(f"no end of the reply to {verb}: {lines}")

    def ctl_follow(self, *words):
        """A certctl that goes on; the caller reads .stdout and ends it."""
        return subprocess.Popen(
            [os.path.join(BUILD, "certctl"), "--socket", self.socket_path, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def check_config(self, path, *words):
        return run([self.binary, "--check", "-c", path, *words], ["(certd --check)"], 30, None)

    def run_second(self, path):
        """Another certd that is expected to refuse to start."""
        return run([self.binary, "-c", path], ["(a second certd)"], 30, None)

    def show(self, name):
        """The item of `show NAME -o json`, or None when there is no such name."""
        got = self.ctl("show", name, "-o", "json")
        if got.code == 3:
            return None
        if got.code != 0:
            raise AssertionError(str(got))
        return got.json()["items"][0]

    def names(self):
        got = self.ctl("list", "-o", "names")
        if got.code != 0:
            raise AssertionError(str(got))
        return got.out.split()

    def status(self):
        got = self.ctl("status", "-o", "json")
        if got.code != 0:
            raise AssertionError(str(got))
        return got.json()

    def events(self):
        """All there are."""
        return [line["event"] for line in self.ask("events", limit=1000)[0]]


def run(command, words, timeout, env):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, env=env, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise AssertionError(f"certctl {' '.join(words)} did not end within {timeout} s")
    return Answer(list(words), done.returncode, done.stdout, done.stderr)


def ctl_stdin(certd, text, *words):
    """certctl with TEXT on its stdin."""
    command = [os.path.join(BUILD, "certctl"), "--socket", certd.socket_path, *words]
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=240)
    return Answer(words, done.returncode, done.stdout, done.stderr)


def children_of(parent):
    """(pid, name) of each direct child that is alive."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as stat:
                # pid (name) state ppid ...; a name may hold anything, so cut at the last ')'
                head, _, tail = stat.read().rpartition(")")
        except OSError:
            continue
        state, ppid = tail.split()[:2]
        if int(ppid) == parent and state != "Z":
            found.append((int(entry), head.partition("(")[2]))
    return found


def end_tree(pid):
    """SIGKILL to a process of ours and its children."""
    family = [pid] + [child for child, _ in children_of(pid)]
    for one in family:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass


def memory_kib(pid):
    """Resident memory of a process, without the pages it shares with others."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))

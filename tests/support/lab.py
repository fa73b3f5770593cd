# SPDX-License-Identifier: Apache-2.0
"""The test lab: a real ACME server, its DNS, backends and certd, and scenarios that use them.

A scenario is a function that takes a Lab:

    @scenario(challenge="http-01")
    def add_serves(lab):
        lab.start()
        lab.add("a.test")

    if __name__ == "__main__":
        main()

Each gets a lab of its own: a directory below /tmp, and a loopback address that no other lab uses,
so labs run side by side.  When a scenario fails, its directory stays and the end of certd's log is
printed.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import tlsclient
from acmefault import FaultCa
from acmetap import AcmeTap
from backend import Backend
from certd import BUILD, PATIENCE, ROOT, Certd
from dnshook import DnsHook
from pebble import Pebble, Skip, newest

PORTS = {"https": 10443, "http": 10080, "acme": 14000, "management": 15000, "dns": 15053,
         "dns-management": 15055, "tap": 14001, "backend": 18080, "fault": 14100}

CA_NAMES = ("one", "two", "three", "four")       # of the CAs that lie

# Every scenario with `certd --single`, for ThreadSanitizer; see tests/run.
ALL_SINGLE = os.environ.get("LAB_SINGLE") == "1"


def own_address():
    """A loopback address made from our pid, which no other running test has."""
    pid = os.getpid()
    return f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) & 255}.{pid & 255}"


class Lab:
    def __init__(self, *, version="2.4", challenge="http-01 tls-alpn-01", tap=False, workers=2,
                 backend="http", proxy=False, config="", single=False, faults=0,
                 cas=None, dns=None, ca_words="", **pebble):
        version = newest() if version == "newest" else version
        self.directory = tempfile.mkdtemp(prefix="certd-lab-")
        os.chmod(self.directory, 0o755)     # certd's roles may run as other users
        self.address = own_address()
        self.challenge, self.workers, self.extra = challenge, workers, config
        self.diagnose = "diagnose { off; }"     # names of tests are in nobody's DNS
        self.single = single or ALL_SINGLE
        self.https, self.http = (self.address, PORTS["https"]), (self.address, PORTS["http"])
        self.conf_path = os.path.join(self.directory, "certd.conf")
        self.certd = Certd(self.directory, self.conf_path,
                           os.path.join(self.directory, "control.sock"))
        self.pebble = self.tap = self.root = None
        self.cas = cas or (CA_NAMES[0] if faults else "pebble")     # of `default`, in order
        self.backends, self.faults = [], []
        self.on_close = contextlib.ExitStack()
        self.proxy = proxy
        # pebble 2.4's store locks itself up for good now and then under 64 orders at a time (all of
        # its threads then wait for one lock, with nobody holding it); 8 have always gone well.
        self.ca_words = ("max-orders 8;" if version == "2.4" else "") + ca_words
        try:
            if faults:      # CAs that lie, instead of pebble
                self._start_faults(faults)
            else:
                self.pebble = Pebble(self.directory, self.address, PORTS, PORTS["http"],
                                     PORTS["https"], version=version, **pebble)
                self.pebble.start()
                self.directory_url = self.pebble.directory_url
            if dns is not None:
                self.use_hook(dns)
            if tap:
                self.tap = AcmeTap(self.address, PORTS["tap"], (self.address, PORTS["acme"]),
                                   self.pebble.ca_file, self.pebble.key_file)
                self.directory_url = self.tap.directory_url
            self.root = self.root or self.pebble.trust()
            self.backend = self.add_backend(PORTS["backend"], mode=backend, proxy=proxy)
            self.write_config()
        except BaseException:
            self.close(keep=False)
            raise

    # building

    def use_hook(self, words):
        url = f"http://{self.address}:{PORTS['dns-management']}"
        self.hook = DnsHook(self.directory, url)
        self.ca_words += " dns zone;"
        self.extra += (f"dns zone {{ {self.hook.words()} "
                       f"check-at {self.address}:{PORTS['dns']}; {words} }}\n")

    def _start_faults(self, count):
        """lab.faults: CAs named one, two, ... in the configuration; lab.fault is the first."""
        for i in range(count):
            self.faults.append(FaultCa(self.directory, self.address, PORTS["fault"] + i,
                                       http_port=PORTS["http"], name=CA_NAMES[i]))
        self.fault = self.faults[0]
        self.root = "".join(one.root_pem() for one in self.faults)

    def _ca_blocks(self):
        if self.faults:
            return "".join(one.config(name, self.ca_words)
                           for name, one in zip(CA_NAMES, self.faults))
        return f"""ca pebble {{
	directory {self.directory_url};
	ca-file {self.pebble.ca_file};
	account ops@example.com;
	agree-terms;
	challenge {self.challenge};
	{self.ca_words}
}}
"""

    def add_backend(self, port, **words):
        made = Backend(self.address, port, **words)
        self.backends.append(made)
        return made

    def config(self, extra=""):
        """certd's configuration; EXTRA is appended as it is."""
        proxy = "send-proxy v2; " if self.proxy else ""
        return f"""\
state-directory {self.directory}/state;
control-socket  {self.certd.socket_path};
workers {self.workers};
log-level debug;

listen {self.address}:{PORTS["https"]} {{ tls; }}
listen {self.address}:{PORTS["http"]} {{ http; }}

{self._ca_blocks()}backend app {{ server {self.address}:{PORTS["backend"]}; {proxy}connect-timeout 2s; }}
default {{ ca {self.cas}; backend app; key ecdsa-p256; unknown-sni reject; }}
{self.diagnose}
{self.extra}
{extra}"""

    def write_config(self, extra="", text=None):
        with open(self.conf_path, "w") as out:
            out.write(self.config(extra) if text is None else text)

    def workers_pids(self):
        """The processes that hold connections."""
        return [self.certd.process.pid] if self.single else self.certd.pids("front")

    def start(self, *words):
        self.certd.start(*(["--single"] if self.single else []), *words)

    def close(self, keep):
        try:
            self.on_close.close()
        finally:
            self.certd.end()
            for part in [self.tap, self.pebble, *self.faults, *self.backends]:
                if part:
                    part.close()
            if not keep:
                shutil.rmtree(self.directory, ignore_errors=True)

    # short words for what scenarios do all the time

    def ctl(self, *words, **more):
        return self.certd.ctl(*words, **more)

    def ctl_ok(self, *words, **more):
        return expect_code(self.ctl(*words, **more), 0)

    def add(self, *names, options=()):
        """Add and wait until all are served; returns certctl's answer."""
        return self.ctl_ok("add", *names, *options, "--wait", "-o", "ndjson", timeout=180)

    def connect(self, name, **words):
        return tlsclient.connect(self.https, name, self.root, **words)

    def ctl_of_a_stranger(self, *words):
        """certctl as user 65534, by a copy that anybody may run."""
        copy = os.path.join(self.directory, "certctl")
        shutil.copy(os.path.join(BUILD, "certctl"), copy)
        os.chmod(copy, 0o755)
        return subprocess.run([copy, "--socket", self.certd.socket_path, *words], user=65534,
                              group=65534, capture_output=True, text=True)

    def serial(self, name, **words):
        """A full, verified handshake; returns the serial number of what was served."""
        with self.connect(name, **words) as tls:
            return tlsclient.serial_of(tls)

    def get(self, name, path="/", **words):
        """An HTTPS request through certd that must succeed; returns the backend's JSON."""
        status, _, body = tlsclient.https_get(self.https, name, path, self.root, **words)
        equal(status, 200, f"status of https://{name}{path}")
        return json.loads(body)

    def is_served(self, name):
        try:
            self.serial(name, timeout=5)
            return True
        except OSError:
            return False

    def wait_served(self, names, seconds):
        waiting = list(names)
        end = time.monotonic() + seconds * PATIENCE
        while waiting:
            waiting = [name for name in waiting if not self.is_served(name)]
            if waiting and time.monotonic() > end:
                states = [self.certd.show(name) for name in waiting[:3]]
                raise AssertionError(f"{len(waiting)} of {len(names)} names are not served after "
                                     f"{seconds} s: {waiting[:5]}; the first: {states}")
            time.sleep(0.05)

    def load(self, names, **words):
        """Handshakes all the time; see Load.  Ends with the scenario at the latest."""
        return self.on_close.enter_context(Load(self, names, **words))


class Load:
    """tlsload in the background.  stop() returns its report, after LEAST handshakes."""

    def __init__(self, lab, names, *, rate=100, threads=4, tls=None, least=1):
        self.lab, self.report, self.least = lab, None, least
        listed = os.path.join(lab.directory, f"load-{time.monotonic_ns()}.names")
        trust = os.path.join(lab.directory, "root.pem")
        with open(listed, "w") as out:
            out.write("".join(name + "\n" for name in names))
        with open(trust, "w") as out:
            out.write(lab.root)
        self.process = subprocess.Popen(
            [tlsload(), "--connect", "%s:%d" % lab.https, "--names", listed, "--trust", trust,
             "--rate", str(rate), "--threads", str(threads), "--least", str(least), *(["--tls", tls] if tls else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()          # its first handshake is over

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        self.report = json.loads(out)
        return self.report

    def stop_clean(self):
        """stop(), and no handshake may have failed or have shown an older certificate again."""
        report = self.stop()
        check(report["failed"] == 0 and report["mismatched"] == 0 and report["stale"] == 0,
              f"handshakes under load: {json.dumps(report)[:3000]}")
        check(report["done"] >= self.least,
              f"the load made {report['done']} handshakes, not {self.least}")
        return report

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def tlsload():
    """The path of the load tool; make builds it, we do when a scenario runs without make."""
    source = os.path.join(ROOT, "tests", "support", "tlsload_main.c")
    binary = os.path.join(BUILD, "tests", "support", "tlsload")
    if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(binary), exist_ok=True)
        fresh = f"{binary}.{os.getpid()}"      # several scenarios may build it at once
        subprocess.run(["cc", "-O2", "-pthread", "-o", fresh, source, "-lssl", "-lcrypto"],
                       check=True)
        os.rename(fresh, binary)
    return binary


# what scenarios say about what they see


def check(true, what):
    if not true:
        raise AssertionError(what)


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: expected {want!r}, got {got!r}")


def expect_code(answer, want):
    if answer.code != want:
        raise AssertionError(f"expected exit code {want}:\n{answer}")
    return answer


def wait_for(predicate, seconds, what):
    """Polls PREDICATE until it is true; returns its value."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds * PATIENCE} s still not: {what}")
        time.sleep(0.02)


# running scenarios

_scenarios = []


def scenario(**lab_words):
    """Registers a function; several decorators on one function make several scenarios."""
    def register(function):
        tags = [value for key, value in lab_words.items() if key in ("version", "challenge")]
        name = " ".join([function.__name__.replace("_", " "), *tags])
        _scenarios.append((name, function, lab_words))
        return function
    return register


def main():
    """Runs the file's scenarios, or those whose name contains (=WORD: is) one of the words."""
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)     # end the lab's servers too
    chosen = [one for one in _scenarios
              if len(sys.argv) == 1 or any(word in one[0] or word == "=" + one[0] for word in sys.argv[1:])]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, function, words in chosen:
        began = time.monotonic()
        result, text = _run_one(function, words)
        counts[result] += 1
        word = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}[result]
        print(f"{word} {name} ({time.monotonic() - began:.1f} s)")
        if text:
            print("".join(f"     {line}\n" for line in text.rstrip().split("\n")), end="")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    sys.exit(1 if counts["failed"] else 0)


def _run_one(function, words):
    """Returns ("passed" | "failed" | "skipped", what to print about it)."""
    lab = None
    try:
        if words.get("plain"):      # it starts nothing
            function()
            return "passed", ""
        lab = Lab(**words)
        function(lab)
        code = lab.certd.stop()
        equal(code, 0, "exit status of certd after SIGTERM")
        complaint = lab.certd.complaint()
        check(not complaint, f"in certd's log: {complaint}")
        lab.close(keep=False)
        return "passed", ""
    except Skip as reason:
        if lab:
            lab.close(keep=False)
        return "skipped", str(reason)
    except KeyboardInterrupt:
        if lab:
            lab.close(keep=False)
        raise
    except Exception:
        text = traceback.format_exc()
        if lab:
            lab.close(keep=True)
            text += f"\nlogs and state: {lab.directory}\n" + _log_tails(lab)
        return "failed", text


def _log_tails(lab):
    text = ""
    for path, count in ((lab.certd.log, 40), (lab.pebble.log if lab.pebble else "", 8)):
        if os.path.exists(path):
            with open(path, errors="replace") as log:
                lines = log.read().splitlines()[-count:]
            text += f"--- the end of {path}\n" + "\n".join(lines) + "\n"
    return text

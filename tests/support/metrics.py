# SPDX-License-Identifier: Apache-2.0
"""/metrics as Prometheus reads it, by curl."""

import re
import shutil
import subprocess

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (\S+)$')


def curl(url, *words):
    """(status, body)"""
    done = subprocess.run(["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *words, url],
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def parse(text):
    """{"name{labels}": value}; every line must be a sample or a comment."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# HELP ") or line.startswith("# TYPE "):
            continue
        match = SAMPLE.match(line)
        if not match:
            raise AssertionError(f"not a sample: {line!r}")
        key = match.group(1) + (match.group(2) or "")
        if key in found:
            raise AssertionError(f"twice: {key}")
        found[key] = float(match.group(3))
    return found


def families(text):
    """{"name": "counter" | "gauge"}"""
    return dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))


def read(address):
    status, body = curl("http://%s:%d/metrics" % address)
    if status != 200:
        raise AssertionError(f"/metrics: status {status}")
    return parse(body)


def promtool(*words, text=None):
    """The output of promtool, which must be content; None where it is not installed."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"promtool {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr

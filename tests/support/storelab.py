# SPDX-License-Identifier: Apache-2.0
"""What scenarios about the store and its keys share."""

import os

from certd import BUILD, PATIENCE, run
from lab import check, equal


def state(lab, *parts):
    return os.path.join(lab.directory, "state", *parts)


def certd_itself(lab, *words, conf=None, timeout=60):
    """certd doing one thing, with the lab's configuration."""
    command = [os.path.join(BUILD, "certd"), "-c", conf or lab.conf_path, *words]
    return run(command, words, timeout * PATIENCE, None)


def events(lab, kind=None):
    got = [e for e in lab.ctl_ok("events", "--limit", "1000", "-o", "ndjson").lines()]
    return [e for e in got if kind is None or e["type"] == kind]


def serials_of(lab, names):
    return {name: lab.serial(name) for name in names}


def start_refused(lab, *words):
    """certd must end with 1 at start, having said all of WORDS in one sentence, once."""
    before = os.path.getsize(lab.certd.log) if os.path.exists(lab.certd.log) else 0
    lab.certd.start(wait=False)
    code = lab.certd.process.wait(20 * PATIENCE)
    lab.certd.process = None
    with open(lab.certd.log, errors="replace") as log:
        log.seek(before)
        said = log.read()
    equal(code, 1, f"exit code; the log: {said}")
    lines = [line for line in said.splitlines() if " err: " in line]
    check(any(all(word in line for word in words) for line in lines), f"{words} in: {said}")
    check(len(lines) <= 3, f"no crash loop, no storm: {said}")

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: `certctl apply -f -` of NAMES names (default 100,000), and the same once more.

Prints each figure beside its bar. No figure is a test: machines differ."""

import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import store  # noqa: E402

NAMES = int(os.environ.get("NAMES") or 100_000)


def main():
    bench = store.Bench()
    try:
        bench.start()
        path = os.path.join(bench.directory, "names.ndjson")
        with open(path, "w") as file:
            file.writelines(f'{{"name":"n{i:07}.load.test","labels":{{"tenant":"t{i % 100}"}}}}\n'
                            for i in range(NAMES))
        for what, bar, options in (("apply of new names", "10,000 at least", ["--progress"]),
                                   ("apply of the same again", "", []),
                                   ("apply --dry-run", "", ["--dry-run"])):
            began = time.monotonic()
            with open(path) as file, open(os.path.join(bench.directory, "said"), "w") as said:
                done = bench.ctl("apply", "-f", "-", *options, stdin=file, stderr=said)
            seconds = time.monotonic() - began
            if done.returncode:
                raise SystemExit(f"{what}: exit code {done.returncode}: see {bench.directory}")
            store.figure(f"{what}, names/s", f"{NAMES / seconds:,.0f}", bar)
    finally:
        bench.stop()
        shutil.rmtree(bench.directory, ignore_errors=True)


if __name__ == "__main__":
    main()

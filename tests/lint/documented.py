#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""documented.py: what docs/acme.md names is there.

Its rows are rule | where | test. Each file of the last two cells must exist (without a folder: in
that of the file before it, or the only test of that name), each `function()` be in one of its
row's files, and each `scenario`, of which * is any part, and each F10 or A12, which begins one, in one of its tests.
A row without a test must say why, instead of where.
"""

import fnmatch
import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FILE = re.compile(r"[\w./-]+\.(?:c|h|py)\b")
complaints = []


def text_of(paths):
    return "\n".join(open(path, encoding="utf-8").read() for path in paths)


def files_of(cell, line):
    found, folder = [], ""
    for word in FILE.findall(cell):
        places = [word, f"{folder}/{word}", f"tests/{word}", *sorted(glob.glob(f"daemon/*/{word}")), *sorted(glob.glob(f"tests/*/{word}"))]
        path = next((place for place in places if os.path.isfile(place)), None)
        if path:
            folder = os.path.dirname(path)
            found.append(path)
        else:
            complaints.append(f"{line}: there is no {word}")
    return found


def check(line, where, test):
    code, tests = files_of(where, line), files_of(test, line)
    if not tests and (code or test != "-"):
        complaints.append(f"{line}: no test, and no reason why")
    code_text, test_text = text_of(code), text_of(tests)
    words = set(re.findall(r"\w+", test_text))
    for name in re.findall(r"`(\w+)\(\)`", where):
        if not re.search(rf"^{name}\(", code_text, re.MULTILINE):
            complaints.append(f"{line}: {name}() is not in {', '.join(code)}")
    for name in re.findall(r"`([\w*]+)`", test) + re.findall(r"\b[AF]\d+\b", test):
        row = f"{name.lower()}_*"       # of the faults and attacks: a scenario begins with it
        if not fnmatch.filter(words, name) and not fnmatch.filter(words, row):
            complaints.append(f"{line}: {name} is not in {', '.join(tests)}")


def main():
    os.chdir(ROOT)
    rows = 0
    with open("docs/acme.md", encoding="utf-8") as doc:
        for number, text in enumerate(doc, 1):
            cells = [cell.strip() for cell in text.strip().strip("|").split(" | ")]
            if text.startswith("| ") and cells[0] != "rule":
                rows += 1
                if len(cells) == 3:
                    check(f"docs/acme.md:{number}", *cells[1:])
                else:
                    complaints.append(f"docs/acme.md:{number}: not three cells")
    print("\n".join(complaints) or f"docs/acme.md: {rows} rows name what there is")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())

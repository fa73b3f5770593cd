#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is refused is refused in words, with the right exit code, and changes nothing."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import check, equal, expect_code, main, scenario  # noqa: E402

LONG = ".".join(["a" * 62] * 4) + ".tt"         # 254 bytes

NOT_A_NAME = [
    "a..b", ".a.test", "a.test..", ".", "",
    "10.0.0.1:80", "10.0.0", "0.0.0.0", "[2001:db8::1", "2001:db8::1::2", "::", "a.test:443",
    "https://a.test/",
    LONG, "a" * 64 + ".test",
    "a b.test", "a\tb.test", "a\nb.test", "a\x1b]0;pwn\x07.test", "a/b.test", "../../etc/passwd",
    "*", "*.*.test", "a.*.test", "a*.test",
    "-a.test", "a-.test", "a_b.com", "a\u200bb.test", "\u2488com.test", "a\u3002.\u3002b",
    "$(x).test", ";x.test",
]

USAGE = [
    ["add"], ["renew"], ["remove"], ["show"], ["nosuchverb"], ["list", "--nosuch"],
    ["add", "a.test", "--backend"], ["show", "-o", "yaml", "old.test"],
]


@scenario()
def bad_names(lab):
    lab.start()
    lab.add("old.test")
    serial = lab.serial("old.test")
    for name in NOT_A_NAME:
        answer = lab.ctl("add", "--", name)
        expect_code(answer, 2)
        check(answer.err.strip(), f"a text for {name!r}")
        check("\x1b" not in answer.err and "\x1b" not in answer.out, "foreign bytes are escaped")
        equal(lab.certd.names(), ["old.test"], f"names after add {name!r}")
    equal(len(LONG), 254, "the long name")
    equal(lab.serial("old.test"), serial, "what is served")


@scenario()
def wrong_words(lab):
    lab.start()
    for words in USAGE:
        answer = expect_code(lab.ctl(*words), 2)
        check(answer.err.strip() and not answer.out, f"a usage text on stderr\n{answer}")
    check("list" in lab.ctl("lsit").err, "an unknown verb suggests the nearest")
    equal(lab.certd.names(), [], "names")


@scenario()
def unknown_names(lab):
    lab.start()
    for verb in ("show", "renew", "remove"):
        answer = expect_code(lab.ctl(verb, "nobody.test"), 3)
        check("nobody.test" in answer.err, f"the text tells the name\n{answer}")


@scenario()
def duplicates_conflict(lab):
    lab.start()
    lab.add("a.test")
    serial = lab.serial("a.test")
    for name in ("a.test", "A.Test."):
        answer = expect_code(lab.ctl("add", name), 6)
        check("a.test" in answer.err, f"the text tells the name\n{answer}")
    equal(lab.certd.names(), ["a.test"], "names")
    equal(lab.serial("a.test"), serial, "what is served")


@scenario()
def unknown_backend_and_ca(lab):
    lab.start()
    for words in (["--backend", "nobody"], ["--ca", "nobody"]):
        answer = expect_code(lab.ctl("add", "a.test", *words), 2)
        check("nobody" in answer.err, f"the text tells the word\n{answer}")
    equal(lab.certd.names(), [], "names")


@scenario()
def wildcards_need_a_challenge_we_do_not_have_yet(lab):
    lab.start()
    answer = expect_code(lab.ctl("add", "*.wild.test"), 2)
    check("dns-01" in answer.err, f"the text tells what is missing\n{answer}")
    equal(lab.certd.names(), [], "names")


@scenario()
def a_batch_is_partly_done(lab):
    lab.start()
    lab.add("a.test")
    answer = expect_code(lab.ctl("add", "a.test", "b.test"), 9)
    check("a.test" in answer.err, f"the refused one is named\n{answer}")
    equal(sorted(lab.certd.names()), ["a.test", "b.test"], "names")
    lab.wait_served(["b.test"], 10)


@scenario()
def no_daemon(lab):
    for words in (["status"], ["list"], ["add", "a.test"], ["events", "--follow"]):
        answer = expect_code(lab.ctl(*words), 4)
        check(lab.certd.socket_path in answer.err, f"the text tells the socket\n{answer}")
    equal(lab.ctl("version").code, 0, "version needs no daemon")
    lab.start()


if __name__ == "__main__":
    main()

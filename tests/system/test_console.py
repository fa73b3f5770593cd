#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certd-console in terminals of tmux: golden screens (tests/golden/console/, GOLDEN=write makes
them anew), keystrokes and what they do, and how the terminal is given back."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import BUILD                                                   # noqa: E402
from dated import DAY, Dated                                              # noqa: E402
from knot import Knot, glue                                               # noqa: E402
from lab import PORTS, check, equal, main, scenario, wait_for             # noqa: E402
from screen import Screen                                                 # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "console")

HOSTILE = ("no \x1b[2J\x1b]0;title\x07 for \u202eevil\u202c, e\u0301 \u200b\U0001f600 \u4f60\u597d, "
           "as you have asked for a name that nobody may have")
ENVIRONMENTS = [("xterm-256color", "C.UTF-8"), ("linux", "C.UTF-8"), ("vt100", "C")]
SIZES = [(80, 24), (120, 40), (60, 16), (40, 10)]
LISTED = "^[> ]e shop.test"

# What is another one each time, and the word for it; the columns behind it stay where they are.
# Names that mkdtemp() has made come first: they may look like anything below.
VARYING = [
    (r"/tmp/certd-lab-\w+ *", "/LAB"),
    (r"https:.*", "URL"),
    (r"\d\d:\d\d:\d\d", "HH:MM:SS"),
    (r"\d{4}-\d\d-\d\d(T|$)", r"YYYY-MM-DD"),
    (r"\b(?:\d\d-\d\d \d\d:\d\d|\d{4}-\d\d-\d\d )", "MM-DD HH:MM"),    # of another year
    (r"\((?:\d+[smh] ?)+ ago\)|\(now\)", "(AGO)"),
    (r"(?:in )?(?:\d+m )?\d+[sm]\b *", "SPAN"),
    (r"127\.\d+\.\d+\.\d+(?::\d+)? *", "ADDRESS"),
    (r"uid \d+.*", "UID"),
    (r"serial +[0-9a-f]+.*", "serial SERIAL"),
    (r"[\d.]+ [KMGT]iB", "BYTES"),
    (r"[\u2581-\u2588]+$", ""),
    (r"readers +\d+", "readers"),
    (r"^ tickets +.*", " tickets"),
    (r"^  all {10}\S+ *", "  all          "),
    (r"at most \d+ an hour, in \d+h", "at most N an hour, in Nh"),
    (r"\d+ renewals, \d+ are waiting(, not all is counted yet)?", "N renewals, N are waiting"),
    (r"^ check +.*", " check"),         # certd's own may have been by then
]
HEAD = [(r"certd \S+ (?=1 |\[1)", "certd HOST "),
        (r" *(?:up (?:now|(?:\d+[smh] ?)+))? *\d\d:\d\d:\d\dZ$", "  UP CLOCK")]


def normal(screen):
    """The screen without what is another one each time."""
    def padded(match, word):
        return word.ljust(len(match.group()))
    lines = screen.lines()
    for pattern, word in HEAD:
        lines[0] = re.sub(pattern, word, lines[0])
    for pattern, word in VARYING:
        lines = [re.sub(pattern, lambda match: padded(match, word), line) for line in lines]
    return "\n".join(line.rstrip() for line in lines)


def golden(name, screen):
    """Waits for what tests/golden/console/NAME has."""
    path = os.path.join(GOLDEN, name)
    if os.environ.get("GOLDEN") == "write":
        time.sleep(1)           # all that is asked for is there then
        with open(path, "w") as out:
            out.write(normal(screen) + "\n")
    with open(path) as file:
        wanted = file.read().removesuffix("\n")
    try:
        wait_for(lambda: normal(screen) == wanted, 5, name)
    except AssertionError:
        raise AssertionError(f"the screen is not {name}:\n--- wanted\n{wanted}\n--- seen\n"
                             f"{normal(screen)}") from None


def certificates(lab):
    """Names whose certificates end when they should, whenever this runs."""
    authority = Dated(os.path.join(lab.directory, "certificates"))
    for name, days in [("shop.test", 45), ("soon.test", 5), ("www.test", 75)]:
        until = int(time.time()) + days * DAY + 1800
        lab.ctl_ok("import", authority.bundle(name, until, 90 * DAY), "--external")


def fail(lab, *names):
    """One after the other, so that events are in this order."""
    lab.fault.refuse("newOrder", "rejectedIdentifier", HOSTILE, 403)
    for name in names:
        lab.ctl_ok("add", name, "--label", "tenant=acme")
        wait_for(lambda: lab.certd.show(name)["state"] == "failing", 20, "it fails")


def begin(lab):
    lab.start()
    certificates(lab)
    fail(lab, "a-customer.test", "xn--bcher-kva.test")


def screens(lab, term, locale):
    begin(lab)
    for width, height in SIZES:
        where = f"{term}-{width}x{height}"
        screen = Screen(lab, size=(width, height), term=term, locale=locale)
        screen.wait(LISTED)
        golden(where + "-names", screen)
        screen.keys("Enter")
        screen.wait("WHY")
        golden(where + "-name", screen)
        screen.keys("q", "2")
        screen.wait("order.failed")
        screen.type("/order.* name.* cert.* audit.*\n")
        screen.wait("filter: order")
        golden(where + "-events", screen)
        screen.keys("?")
        screen.wait("Keys")
        golden(where + "-help", screen)
        screen.keys("q", "3")
        screen.wait("account")
        golden(where + "-ca", screen)
        screen.keys("4")
        screen.wait("FRONTEND")
        golden(where + "-front", screen)
        screen.keys("5")
        screen.wait("directory")
        if height > 10:         # there, lines break where a number of another length ends
            golden(where + "-store", screen)
        screen.close()


@scenario(faults=1)
def golden_screens_of_xterm(lab):
    screens(lab, "xterm-256color", "C.UTF-8")


@scenario(faults=1)
def golden_screens_of_linux(lab):
    screens(lab, "linux", "C.UTF-8")


@scenario(faults=1)
def golden_screens_of_vt100_in_the_c_locale(lab):
    screens(lab, "vt100", "C")
    check(Screen(lab, term="vt100", locale="C").wait("[~]").isascii(), "only ASCII in the C locale")


def resized(lab, term, locale):
    """Each screen from each size to each other: as if it had begun there."""
    if os.environ.get("GOLDEN") == "write":
        return          # the golden screens are made above
    begin(lab)
    screen = Screen(lab, term=term, locale=locale)
    screen.wait(LISTED)
    for name, keys in [("names", []), ("name", ["Enter"]), ("events", ["q", "2"]), ("help", ["?"]),
                       ("ca", ["q", "3"]), ("front", ["4"]), ("store", ["5"])]:
        screen.keys(*keys)
        if name == "events":
            screen.type("/order.* name.* cert.* audit.*\n")
        for width, height in [(40, 10), (120, 40), (60, 16), (80, 24)]:
            screen.resize(width, height)
            if (name, height) != ("store", 10):
                golden(f"{term}-{width}x{height}-{name}", screen)
    screen.resize(39, 9)
    screen.wait("too small: 40x10")
    screen.resize(80, 24)
    screen.wait("directory")
    equal(screen.is_dead(), False, "it ends")


@scenario(faults=1)
def resized_in_xterm(lab):
    resized(lab, "xterm-256color", "C.UTF-8")


@scenario(faults=1)
def resized_in_linux(lab):
    resized(lab, "linux", "C.UTF-8")


@scenario(faults=1)
def resized_in_vt100_in_the_c_locale(lab):
    resized(lab, "vt100", "C")


@scenario()
def store_on_the_least_screen(lab):
    """Its lines break where numbers end, so no golden screen: all of it can be read all the same."""
    lab.start()
    for term, locale in ENVIRONMENTS:
        screen = Screen(lab, size=(40, 10), term=term, locale=locale)
        screen.wait("no names yet")
        screen.keys("5")
        screen.wait("^ directory /")
        check(all(len(line) <= 40 for line in screen.lines()), "lines of 40 cells")
        for word in ("used", "disk", "keys", "check"):
            screen.type(f"/{word}\n")
            screen.wait(f"^ {word} ")
        screen.keys("g")
        screen.wait("^ directory /")
        screen.close()


def colour_terminals(lab):
    """Terminals that differ in nothing but their colours, of xterm-256color's description."""
    text = subprocess.run(["infocmp", "-x", "xterm-256color"], check=True, capture_output=True,
                          text=True).stdout
    where = os.path.join(lab.directory, "terminfo")
    for count in (8, 16):
        one = re.sub(r"colors#\w+", f"colors#{count}", text).replace("pairs#0x10000", "pairs#0x100")
        one = one.replace("xterm-256color|", f"xterm-of-{count}|")
        subprocess.run(["tic", "-x", "-o", where, "-"], input=one, check=True, text=True,
                       capture_output=True)
    return where


@scenario(faults=1)
def sign_and_word_beside_each_colour(lab):
    """256, 16 and 8 colours and none: other colours, the same letters."""
    begin(lab)
    lab.ctl_ok("pause", "xn--bcher-kva.test")
    where = colour_terminals(lab)
    plain = "exec env -u TERMINFO {}"
    kinds = {"256": ("xterm-256color", plain), "16": ("xterm-of-16", f"TERMINFO={where} exec {{}}"),
             "8": ("xterm-of-8", f"TERMINFO={where} exec {{}}"),
             "NO_COLOR": ("xterm-256color", "NO_COLOR=1 exec {}"), "mono": ("vt100", plain)}
    seen, texts = {}, {}
    for kind, (term, around) in kinds.items():
        screen = Screen(lab, term=term, around=around)
        screen.wait("7d #")
        screen.wait("^ p xn--bcher-kva.test")
        seen[kind] = set(re.findall(r"\x1b\[[\d;:]*m", screen.colours()))
        texts[kind] = normal(screen)
        screen.keys("2")
        screen.wait("^E .*order.failed")
        seen[kind] |= set(re.findall(r"\x1b\[[\d;:]*m", screen.colours()))
        screen.close()
    def has(kind, pattern):
        return any(re.search(pattern, one) for one in seen[kind])
    for kind in ("256", "16", "8"):
        check(has(kind, r"[\[;]31[;m]"), f"{kind}: what fails is red: {seen[kind]}")
    check(has("256", r"38[;:]5[;:]245"), f"256: grey is what is paused: {seen['256']}")
    check(has("16", r"[\[;]90m"), f"16: bright black: {seen['16']}")
    check(not has("16", r"38[;:]5") and not has("8", r"38[;:]5|[\[;]9[0-7]m"), "no more than there are")
    for kind in ("NO_COLOR", "mono"):
        check(not has(kind, r"[\[;](3[0-8]|9[0-7]|4[0-8])[;:m]"), f"{kind}: none: {seen[kind]}")
        check(has(kind, r"[\[;]7[;m]") and has(kind, r"[\[;]1[;m]"), f"{kind}: reversed and bold")
    for kind in texts:
        equal(texts[kind], texts["256"], f"text with {kind}")


@scenario()
def names_are_acted_on(lab):
    """Marks, questions, and what certd does then."""
    lab.start()
    lab.add("a.test", "b.test", "c.test")
    before = [lab.serial(name) for name in ("a.test", "b.test", "c.test")]
    screen = Screen(lab)
    screen.wait("^>. a.test +valid")
    screen.keys("Space", "Space")
    screen.wait("2 marked")
    screen.keys("r")
    screen.wait(r"renew 2 marked names\? \(y/n\)")
    screen.keys("n")
    screen.wait("nothing was done")
    screen.keys("r", "y")
    screen.wait("renew: 2 done")
    wait_for(lambda: lab.serial("a.test") != before[0] and lab.serial("b.test") != before[1], 30,
             "both have new certificates")
    equal(lab.serial("c.test"), before[2], "the one that was not marked")
    screen.keys("Escape")
    screen.wait("marked", absent=True)
    screen.keys("G", "p", "y")
    screen.wait(r"^>p c.test +paused")
    equal(lab.certd.show("c.test")["state"], "paused", "state")
    screen.keys("u", "y")
    screen.wait(r"^>\. c.test +valid")
    screen.type("/paused\n")
    screen.wait("no such name")
    screen.type("/\x15state:green\n")
    screen.wait('there is no state "green"')
    screen.wait("filter: paused")           # what is seen is not changed
    screen.type("/\x15stat:failing\n")
    screen.wait('"stat:" is no filter; did you mean state:')
    screen.type("/\x15failng\n")
    screen.wait('names from "failng" on; did you mean the state "failing"')
    screen.type("/\x15b\n")
    screen.wait("^>. b.test")
    screen.keys("Up")           # the names before the place are there, too
    screen.wait("^>. a.test")


def bakery(lab, *more):
    """The zone of a customer whose CAA record allows another CA only."""
    lines = [*glue("test", lab.address), f"bakery A {lab.address}", f"* A {lab.address}", *more]
    server = Knot(lab.directory, lab.address, {"test": lines})
    lab.on_close.callback(server.stop)
    server.start()
    lab.diagnose = (f"resolver {lab.address};\ndiagnose {{ again 1s; probe-private; "
                    f"probe-ports {PORTS['http']} {PORTS['https']}; }}")
    lab.write_config()
    return server, lines


@scenario(faults=1)
def why_a_name_fails_and_what_the_customer_must_do(lab):
    """All of docs/tour.md: found out and put right, without leaving the console."""
    lab.fault.meta["caaIdentities"] = ["one.example"]
    server, lines = bakery(lab, 'bakery CAA 0 issue "other.example"')
    lab.start()
    lab.add("shop.test", "www.test")
    lab.fault.refuse("newOrder", "caa", "CAA record for bakery.test prevents issuance", 403)
    lab.ctl_ok("add", "bakery.test")
    screen = Screen(lab, size=(100, 30))
    screen.wait("failing 1")
    tell(0, screen)
    screen.type("/failing\n")
    screen.wait("filter: failing, by name  1 of them")
    screen.wait("^>! bakery.test")
    tell(1, screen)
    screen.keys("Enter")
    screen.wait("WHY +authz/caa: CAA record for bakery.test prevents issuance", 30)
    screen.wait("diagnosis +caa/forbids", 60)
    screen.wait("who +the customer")
    screen.wait('set +bakery.test. CAA 0 issue "one.example"')
    tell(2, screen)
    server.stop()               # the customer does it
    server.write_zone("test", [*lines, 'bakery CAA 0 issue "one.example"'])
    server.start()
    lab.fault.heal()
    screen.keys("d")
    screen.wait("nothing is wrong", 60)
    tell(3, screen)
    screen.keys("q")
    screen.wait("state +valid", 60)     # certd has seen it, too, and has tried again
    screen.wait("serving +.*ecdsa-p256")
    screen.wait("audit +key, names, chain and dates of it are right")
    screen.wait("WHY", absent=True)
    tell(4, screen)


SAME = [            # in docs/tour.md and here, but for these
    (r"^ certd \S+", " certd HOST"),
    (r"\bup (?:now|(?:\d+[smh] ?)+) *", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d\d:\d\d:\d\dZ|\d\d-\d\d \d\d:\d\d|\d{4}-\d\d-\d\d", "TIME"),
    (r"\b(?:127|192)\.\d+\.\d+\.\d+", "ADDRESS"),
    (r"\b[0-9a-f]{32,40}\b", "SERIAL"),
    (r"\b(?:\d+d \d+h|(?:\d+m )?\d+s|\d+m)\b|\bnow\b", "SPAN"),
    (r"pid \d+", "pid PID"),
    (r'issue "\w+.example"', "issue CA"),      # of two records, either may come first
    (r"\|>\.+R\.+\|", "LIFE"),
]


def words_of(text):
    """What a screen says, wherever its lines end."""
    for pattern, word in SAME:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text.split()


TOUR = os.path.join(os.path.dirname(GOLDEN), "..", "..", "docs", "tour.md")
BLOCK = re.compile(r"(?<=^```\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def tell(at, screen):
    """The screen is the one at this place in docs/tour.md; GOLDEN=write puts it there."""
    with open(TOUR) as file:
        text = file.read()
    block = BLOCK.findall(text)[2 * at]         # what is between two of them is one for findall()
    if os.environ.get("GOLDEN") == "write":
        time.sleep(2)
        lines = "\n".join(line.rstrip() for line in screen.lines())
        lines = re.sub(r"^ certd \S+ ", " certd gw1 ", re.sub(r"\n{3,}", "\n\n", lines))
        lines = re.sub(r"\b127\.64\.\d+\.\d+", "192.0.2.10", lines) + "\n"
        with open(TOUR, "w") as file:
            file.write(text.replace(block, lines, 1))
        return
    try:
        wait_for(lambda: words_of(screen.text()) == words_of(block), 10, "the tour's screen")
    except AssertionError:
        raise AssertionError(f"screen {at} of docs/tour.md is another one:\n{words_of(block)}\n"
                             f"{words_of(screen.text())}\n{screen.text()}") from None


@scenario(faults=1)
def windows_over_many_names(lab):
    """Pages, jumps and filters over more names than are ever held, some of which go meanwhile."""
    lab.fault.instead("newOrder", 503)
    lab.start()
    names = [f"n{i:04}.test" for i in range(2500)]
    for at in range(0, len(names), 1000):
        lab.ctl_ok("add", *names[at:at + 1000])
    screen = Screen(lab)            # 18 rows of names
    screen.wait("^>. n0000.test")
    screen.keys("PageDown")
    screen.wait("^>. n0017.test")
    screen.keys(*["PageDown"] * 60)
    screen.wait("^>. n1037.test")
    screen.keys(*["PageUp"] * 10)
    screen.wait("^>. n0867.test")
    screen.keys("G")
    screen.wait("^>. n2499.test")
    screen.wait("^.. n2482.test")               # a whole screen of them
    screen.keys(*["Up"] * 40)
    screen.wait("^>. n2459.test")
    screen.keys(*["PageUp"] * 30)
    screen.wait("^>. n1949.test")
    lab.ctl_ok("remove", "n1949.test", *[f"n{i:04}.test" for i in range(1000, 1900)])
    screen.wait("n1949.test", absent=True)
    screen.keys("Home")
    screen.wait("^>. n0000.test")
    screen.type("/n0995\n")
    screen.wait("^>. n0995.test")
    screen.keys(*["Down"] * 5)
    screen.wait("^>. n1900.test")
    screen.type("/\x15zzz\n")                   # behind all of them: the last ones
    screen.wait("^>. n2499.test")
    screen.keys("Escape")
    screen.wait("^>. n0000.test")
    screen.keys("Up", "PageUp")
    screen.wait("^>. n0000.test")
    equal(screen.is_dead(), False, "it ends")


@scenario()
def commands_are_certctls(lab):
    lab.start()
    lab.add("a.test", "long-name.test")
    screen = Screen(lab)
    screen.wait("a.test +valid")
    screen.type(":sho\tlo\t")
    screen.wait("^:show long-name.test$")
    screen.keys("Enter")
    screen.wait("covers +long-name.test")
    screen.keys("q")
    screen.type(":show nobody.test\n")
    screen.wait("exit code 3: no such name")
    screen.keys("q")
    screen.type(":lsit\n")
    screen.wait('no such command; "list"')
    screen.type(":add new.test\n")
    screen.wait(r"^add new.test\? \(y/n\)")
    screen.keys("y")
    screen.wait(r"\(done\)")
    screen.keys("q")
    screen.wait("new.test")
    screen.type(":remove a.test\n")
    screen.wait("type a.test to confirm")
    screen.type("b.test\n")
    screen.wait("nothing was done")
    check(lab.certd.show("a.test"), "it is there still")
    screen.type(":-o json remove a.test --reason x\n")      # wherever the options stand
    screen.wait("type a.test to confirm")
    screen.type("x\n")
    screen.wait("nothing was done")
    screen.type(":remove a.test new.test --reason x\n")
    screen.wait("type 2, the number of names, to confirm")
    screen.type("new.test\n")
    screen.wait("nothing was done")
    check(lab.certd.show("a.test"), "it is there still")
    screen.type(":remove a.test --reason x\na.test\n")
    screen.wait(r"\(done\)")
    screen.keys("q")
    screen.wait("^.. a.test", absent=True)
    screen.type(":events --follow\n")
    screen.wait("name.removed")
    screen.keys("q")            # ends the certctl that follows
    screen.wait("long-name.test")


@scenario()
def what_is_longer_than_the_screen(lab):
    """A question keeps its (y/n), what is typed is seen, and long lines are shifted as they are."""
    with open(lab.conf_path, "ab") as conf:
        conf.write(b"# a\ttab, and at the end no UTF-8 \xfc\n")
    lab.start()
    name = "a-name-that-is-longer-than-the-screen.test"
    lab.add(name)
    screen = Screen(lab, size=(40, 10))
    screen.wait("a-name-that-is")
    screen.keys("r")
    screen.wait(r"^renew a-name-that-is-longer-than.* \(y/n\)$")
    screen.keys("n")
    screen.type(":show " + name)
    screen.wait("longer-than-the-screen.test$")
    screen.keys("Home")
    screen.wait("^:show a-name")
    screen.keys("Escape")
    screen.type(":  certctl   remove " + name + "\n")
    screen.wait("to confirm:$")
    screen.type("no\n")
    screen.wait("nothing was done")
    screen.type(":config show\n")
    wait_for(lambda: screen.keys("G") or "\n# a     tab, and at the end no" in screen.text(), 20,
             "all of the file, without tabs")
    screen.keys("l")
    screen.wait(r"^the end no UTF-8 \?$")
    equal(screen.is_dead(), False, "it ends")


@scenario()
def what_is_pasted_is_no_key(lab):
    """A customer's mail in the clipboard is neither "renew" nor "yes"."""
    lab.start()
    lab.add("a.test")
    before = lab.serial("a.test")
    screen = Screen(lab)
    screen.wait("a.test +valid")
    screen.tmux("set-buffer", "ry quit\r")
    screen.tmux("paste-buffer", "-p")
    screen.wait("what is pasted is taken behind : and / only")
    screen.keys("r")
    screen.wait("renew a.test")
    screen.tmux("paste-buffer", "-p")
    screen.keys("n")
    screen.wait("nothing was done")
    screen.tmux("set-buffer", "show a.test\n")
    screen.keys(":")
    screen.tmux("paste-buffer", "-p")
    screen.wait("^:show a.test$")
    screen.keys("Enter")
    screen.wait("covers +a.test")
    equal(lab.serial("a.test"), before, "serial")


@scenario()
def events_are_acknowledged_and_filtered(lab):
    lab.start()
    lab.add("a.test")
    lab.is_served("nobody.test")
    wait_for(lambda: "mismatch.sni_unknown" in lab.ctl_ok("events").out, 20, "the event is there")
    screen = Screen(lab)
    screen.wait("a.test")
    screen.keys("2")
    screen.type("/mismatch.*\n")
    screen.wait("^! .*mismatch.sni_unkn")
    screen.wait("name.added", absent=True)
    screen.keys("a")
    screen.wait("acknowledge mismatch.sni_unknown")
    screen.keys("y")
    screen.wait("^a .*mismatch.sni_unkn")
    screen.keys("Enter")
    screen.wait("nobody.test")          # all of its words
    screen.keys("q", "Escape")
    screen.wait("audit.ack")
    screen.keys("1", "f")
    screen.wait("mismatch.sni_unknown")         # faults: what is counted in one row, too
    screen.keys("q", "2")
    screen.wait("audit.ack")
    lab.add("live.test")
    screen.wait("cert.stored +live.test")       # by itself


# What a client may say it wants: escapes and a line of its own; right to left; C1 controls, no
# UTF-8. No more than certd remembers, so that it is the same ones each time.
HOSTILE_SNI = [b"\x1b[2J\x1b]0;owned\x07\r\n! X a.test", "\u202etset.live\u202c.test".encode(),
               b"\x9b2J\xff\xfe.test"]


def ask_for(lab, name):
    """A client with openssl's own SNI, whatever bytes that are."""
    subprocess.run([b"openssl", b"s_client", b"-connect", b"%s:%d" % (lab.https[0].encode(),
                                                                      lab.https[1]),
                    b"-servername", name], stdin=subprocess.DEVNULL, capture_output=True)


def hostile_sni(lab, term, locale):
    lab.start()
    for name in [*HOSTILE_SNI, b"nobody.test"]:
        ask_for(lab, name)
    wait_for(lambda: "1 unknown, 3 invalid" in lab.ctl_ok("events").out, 60, "all are counted")
    screen = Screen(lab, term=term, locale=locale)
    screen.wait("no names yet")
    screen.keys("2")
    screen.type("/mismatch.*\n")
    screen.wait("^! .*mismatch.sni_unkn")
    golden(f"{term}-80x24-events-sni", screen)
    screen.keys("Enter")
    screen.wait("nobody.test")
    golden(f"{term}-80x24-event-sni", screen)
    screen.keys("q", "4")
    screen.wait("3  for what is no host name")
    check("owned" not in screen.tmux("display-message", "-p", "#{pane_title}"), "the title")


@scenario(workers=1)
def hostile_sni_in_xterm(lab):
    hostile_sni(lab, "xterm-256color", "C.UTF-8")


@scenario(workers=1)
def hostile_sni_in_linux(lab):
    hostile_sni(lab, "linux", "C.UTF-8")


@scenario(workers=1)
def hostile_sni_in_vt100_in_the_c_locale(lab):
    hostile_sni(lab, "vt100", "C")


@scenario(faults=1)
def removed_names_are_a_list_like_others(lab):
    """Also beyond the first page, where it once went on by itself."""
    lab.fault.instead("newOrder", 503)
    lab.start()
    names = [f"n{i:03}.test" for i in range(200)]
    lab.ctl_ok("add", *names)
    lab.ctl_ok("remove", *names, "--reason", "\x1b[2J away")
    screen = Screen(lab, size=(140, 24))
    screen.wait("no names yet")
    screen.type("/removed\n")
    screen.wait(r"^>r n000.test +removed .*by uid \d+: \\x1b\[2J away")
    screen.keys(*["PageDown"] * 4)
    screen.wait("^>r n068.test")
    before = screen.wait("^ r n083.test")       # and all that is behind it
    lab.ctl_ok("add", "another.test")           # what is seen is asked for anew
    screen.wait("^ 1 names")
    equal(screen.lines()[4:20], before.split("\n")[4:20], "the rows")
    screen.keys("Enter")
    screen.wait(r"n068.test was removed .* by uid \d+ \(remove\): .x1b")
    screen.keys("q", "G")
    screen.wait("^>r n199.test")
    screen.keys(*["PageUp"] * 11)
    screen.wait("^>r n012.test")
    screen.keys("g")
    screen.wait("^>r n000.test")


@scenario()
def servers_are_drained(lab):
    lab.start()
    screen = Screen(lab)
    screen.keys("4")
    screen.wait("app +127.* ready")
    screen.keys("d", "y")
    screen.wait("app +127.* drain")
    equal(lab.ctl_ok("backend", "list", "-o", "json").json()["items"][0]["servers"][0]["state"],
          "drain", "state")
    screen.keys("u", "y")
    screen.wait("app +127.* ready")


@scenario()
def read_only_changes_nothing(lab):
    lab.start()
    lab.add("a.test")
    before = lab.serial("a.test")
    screen = Screen(lab, "--read-only")
    screen.wait("READ-ONLY")
    screen.wait("a.test +valid")
    screen.keys("r")
    screen.wait("read-only: nothing can be changed")
    screen.type(":renew a.test\n")
    screen.wait('read-only: "renew a.test"')
    screen.type(":diagnose a.test\n")       # goes out, as the key d does
    screen.wait('read-only: "diagnose a.test"')
    screen.type(":db check\n")
    screen.wait('read-only: "db check"')
    screen.type(":show a.test\n")
    screen.wait("covers +a.test")
    screen.keys("q", "4", "d")
    screen.wait("read-only: nothing")
    equal(lab.serial("a.test"), before, "serial")


@scenario(config="control { read user 65534; }\n")
def who_may_only_look_is_told_so(lab):
    lab.start()
    lab.add("a.test")
    copy = os.path.join(lab.directory, "certd-console")
    shutil.copy(os.path.join(BUILD, "certd-console"), copy)
    os.chmod(copy, 0o755)
    screen = Screen(lab, around="exec setpriv --reuid=65534 --regid=65534 --clear-groups " + copy +
                    " --socket " + lab.certd.socket_path)
    screen.wait("READ-ONLY")
    screen.wait("a.test +valid")
    screen.keys("r")
    screen.wait("read-only: nothing can be changed")


@scenario()
def certd_goes_and_comes(lab):
    lab.start()
    lab.add("a.test")
    screen = Screen(lab)
    screen.wait("a.test +valid")
    lab.certd.stop()
    screen.wait("certd is not there")
    check("a.test" in screen.text(), "what was seen stays")
    lab.start()
    screen.wait("certd is not there", absent=True)
    lab.add("b.test")
    screen.wait("b.test +valid")


def shell_around(lab):
    """A shell line that notes the terminal's settings and the exit code."""
    return (f"stty -a >{lab.directory}/before; {{}}; echo $? >{lab.directory}/code; "
            f"stty -a >{lab.directory}/after; printf back; cat")


def expect_restored(lab, screen, code):
    screen.wait("^back")
    text = {}
    for name in ("before", "after", "code"):
        with open(os.path.join(lab.directory, name)) as file:
            text[name] = file.read()
        os.unlink(os.path.join(lab.directory, name))
    equal(text["after"], text["before"], "settings of the terminal")
    equal(int(text["code"]), code, "exit code")
    flags = screen.tmux("list-panes", "-F",
                        "#{alternate_on} #{cursor_flag} #{keypad_flag} #{mouse_any_flag}")
    equal(flags.strip(), "0 1 0 0", "alternate screen, cursor, keypad, mouse")
    screen.close()


def console_of(screen):
    """The pid of the console below the pane's shell."""
    out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(screen.pid())],
                         capture_output=True, text=True).stdout
    found = [int(line.split()[0]) for line in out.splitlines() if "certd-console" in line]
    return found[0] if found else None


@scenario()
def terminal_is_given_back(lab):
    lab.start()
    for number in [None, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
                   signal.SIGSEGV, signal.SIGABRT]:
        screen = Screen(lab, "--mouse", around=shell_around(lab))
        screen.wait("no names yet")
        if number is None:
            screen.keys("q")
        else:
            os.kill(console_of(screen), number)
        expect_restored(lab, screen, 128 + number if number else 0)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@scenario()
def ends_with_its_terminal_but_not_with_certd(lab):
    """A window that is closed leaves nothing behind; a certd that is killed only a line."""
    lab.start()
    lab.add("a.test")
    screen = Screen(lab, "--mouse", around=shell_around(lab))
    screen.wait("a.test +valid")
    lab.certd.kill("parent", "keeper", "front")
    screen.wait("certd is not there")
    screen.type(":events --follow\n")
    screen.wait("exit code")
    screen.keys("q", "q")
    expect_restored(lab, screen, 0)
    other = Screen(lab, around="{}")
    other.wait("certd is not there")
    pid = console_of(other)
    other.close()
    wait_for(lambda: not is_running(pid), 10, "it ends with its terminal")
    lab.start()


@scenario()
def no_terminal_is_refused(lab):
    lab.start()
    program = [os.path.join(BUILD, "certd-console"), "--socket", lab.certd.socket_path]
    done = subprocess.run(program, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    equal(done.returncode, 2, "exit code without a terminal")
    check("certctl list" in done.stderr, done.stderr)
    screen = Screen(lab, term="dumb", around="{}; echo code $?; cat")
    screen.wait("code 2")
    check("cannot be used" in screen.text(), screen.text())
    screen = Screen(lab, around=os.path.join(BUILD, "certctl") + " --socket " +
                    lab.certd.socket_path + " console --read-only")
    screen.wait("READ-ONLY")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certd-console's keys in terminals of tmux, one after the other: what is copied, looked for and
written, the mouse, and ^Z."""

import json
import os
import re
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import BUILD                                                   # noqa: E402
from lab import check, equal, main, scenario, wait_for                    # noqa: E402
from screen import Screen                                                 # noqa: E402


def quiet(lab, *names):
    """Names for which nothing happens."""
    lab.fault.instead("newOrder", 503)
    lab.ctl_ok("add", *names)
    lab.ctl_ok("pause", *names)
    lab.fault.heal()


@scenario()
def a_name_is_copied(lab):
    """OSC 52 where the terminal has it, else its words; never a byte that is not a name's."""
    lab.start()
    lab.add("a.test", "b.test")
    lab.is_served("nobody.test")
    wait_for(lambda: "mismatch.sni_unknown" in lab.ctl_ok("events").out, 20, "the event is there")
    screen = Screen(lab)
    screen.wait("^>. a.test")
    screen.keys("y")
    screen.wait("copied, if the terminal allows it: a.test")
    equal(screen.clipboard(), "a.test", "clipboard")
    screen.keys("j", "Enter")
    screen.wait("covers +b.test")
    screen.keys("y")
    screen.wait("copied, if the terminal allows it: b.test")
    equal(screen.clipboard(), "b.test", "clipboard")
    screen.keys("q", "2")
    screen.type("/mismatch.*\n")
    screen.wait("^! .*mismatch.sni_unkn")
    screen.keys("y")                            # this one has no name
    screen.wait("there is no name to copy")
    equal(screen.clipboard(), "b.test", "clipboard")
    console = Screen(lab, term="linux")
    console.wait("^>. a.test")
    console.keys("y")
    console.wait("this terminal copies nothing; the name is: a.test")
    equal(console.clipboard(), "", "clipboard of a terminal that has none")


@scenario(faults=1)
def the_next_one_that_fails(lab):
    """n and N: over more names than are held, within a filter, and over marks."""
    lab.start()
    quiet(lab, *[f"n{i:04}.test" for i in range(600)])
    lab.fault.refuse("newOrder", "rejectedIdentifier", "no", 403)
    for name in ("n0005-fails.test", "n0300-fails.test", "n0580-fails.test"):
        lab.ctl_ok("add", name, "--label", "tenant=" + ("acme" if "5" in name else "other"))
        wait_for(lambda: lab.certd.show(name)["state"] == "failing", 20, "it fails")
    screen = Screen(lab)
    screen.wait("^>. n0000.test")
    for key, name in [("n", "n0005"), ("n", "n0300"), ("N", "n0005"), ("n", "n0300"), ("n", "n0580")]:
        screen.keys(key)
        screen.wait(f"^>! {name}-fails.test")
    screen.keys("n")
    screen.wait("none behind it fails")
    screen.keys("g")
    screen.wait("^>. n0000.test")
    screen.keys("N")
    screen.wait("none before it fails")
    screen.type("/tenant=acme\n")
    screen.wait("^>! n0005-fails.test")
    screen.keys("n")
    screen.wait("^>! n0580-fails.test")
    screen.keys("Escape")
    screen.wait("^>. n0000.test")
    screen.keys("Space", "G")
    screen.wait("^>. n0599.test")
    screen.keys("Space", "N")                   # the marked one before it is far away
    screen.wait(r"^>.\*n0000.test")
    screen.keys("n")
    screen.wait(r"^>.\*n0599.test")
    screen.keys("n")
    screen.wait("no marked name is behind it")
    screen.keys("Escape", "s")                  # names without a certificate have no expiry
    screen.wait("the soonest to expire first")
    screen.wait("looking|no such name|no names")
    screen.keys("s")                            # paused ones are not due
    screen.wait("the soonest to be due first")
    screen.wait(r"^>! n\d+-fails.test")
    second = screen.lines()[5].split()[1]
    screen.keys("n")
    screen.wait(f"^>! {second} ")
    screen.keys("3")                            # they are tried again within the hour
    screen.wait("at most 3 an hour, in 0h", 20)


@scenario()
def a_text_is_looked_for(lab):
    """In what is no list: the help, a command's output, the screens of lines."""
    lab.start()
    lab.add("a.test")
    screen = Screen(lab, size=(80, 12))
    screen.wait("a.test +valid")
    screen.keys("n")
    screen.wait("none behind it fails")
    screen.keys("?", "n")
    screen.wait("nothing is looked for yet")
    screen.type("/WHY a name\n")                # in capitals or not
    screen.wait("Why a name fails")
    line = next(line for line in screen.colours().split("\n") if "Why a name" in line)
    check(re.search(r"\x1b\[(?:\d+;)*7m", line), "the line that has it is marked")
    screen.type("/nowhere-at-all\n")
    screen.wait('"nowhere-at-all" is nowhere here')
    screen.keys("q")
    screen.type(":show a.test -o json\n")
    screen.wait("schema")
    screen.type("/not_after\n")
    screen.wait('"not_after"')          # the lines are shifted
    screen.keys("N", "h")
    screen.keys("q", "4")
    screen.type("/backend\n")
    screen.wait("BACKEND +SERVER")
    screen.keys("g", "5")
    screen.type("/backup\n")
    screen.wait("^ backup")


def events_of(screen, pattern):
    screen.keys("2")
    return screen.wait(pattern)


@scenario(faults=1)
def events_are_narrowed(lab):
    """t, T and S; n and N; P keeps what is seen."""
    lab.start()
    quiet(lab, "old.test")
    lab.fault.refuse("newOrder", "rejectedIdentifier", "no", 403)
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.certd.show("a.test")["state"] == "failing", 20, "it fails")
    screen = Screen(lab, size=(100, 24))
    screen.wait("a.test +failing")
    events_of(screen, "order.failed +a.test")
    screen.keys("G", "t")                       # the oldest: of this type only
    screen.wait("filter: type:")
    screen.keys("t")
    screen.wait("all events, newest first")
    screen.keys("T")
    screen.wait("filter: since:1h")
    screen.keys("T")
    screen.wait("filter: since:24h")
    screen.keys("T", "T")
    screen.wait("all events, newest first")
    screen.keys("S")
    screen.wait("filter: severity:warn")
    screen.wait("^E .*order.failed +a.test")
    screen.wait("name.added", absent=True)
    screen.keys("S", "S")
    screen.wait("filter: severity:crit")
    screen.wait("order.failed", absent=True)
    screen.keys("S")
    screen.wait("name.added +a.test")
    screen.keys("S")
    screen.wait("filter: severity:warn")
    screen.keys("Escape")
    screen.wait("all events, newest first  ")
    screen.wait("name.added +a.test")           # they are there
    screen.keys("G", "N")
    screen.wait_marked("order.failed +a.test")
    screen.keys("Enter")
    screen.wait("WHY +ca/refused")
    screen.keys("q", "P")
    screen.wait("FROZEN")
    quiet(lab, "late.test")
    wait_for(lambda: "late.test" in lab.ctl_ok("events").out, 20, "it is in the log")
    screen.keys("j", "k")
    check("late.test" not in screen.text(), "frozen, nothing new is shown")
    screen.keys("P")
    screen.wait("name.added +late.test")


@scenario(faults=1)
def events_are_written_to_a_file(lab):
    lab.start()
    lab.fault.refuse("newOrder", "rejectedIdentifier", "\x1b[2J\tno \u202e", 403)
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.certd.show("a.test")["state"] == "failing", 20, "it fails")
    path = os.path.join(lab.directory, "written")
    screen = Screen(lab, size=(120, 24))
    screen.wait("a.test +failing")
    events_of(screen, "order.failed +a.test")
    screen.keys("w")
    screen.wait("^write to:")
    screen.type(path + "\n")
    screen.wait(r"^\d+ events are in ")
    with open(path) as file:
        lines = file.read().split("\n")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    check(lines[0].startswith("# id\tat"), lines[0])
    rows = [line.split("\t") for line in lines[1:-1]]
    check(all(len(row) == 8 for row in rows), "eight columns: " + repr(rows))
    equal(sorted(int(row[0]) for row in rows), [int(row[0]) for row in rows], "oldest first")
    failed = next(row for row in rows if row[5] == "order.failed")
    equal(failed[4], "E", "severity")
    equal(failed[6], "a.test", "name")
    check("\\x1b[2J\\x09no \\xe2\\x80\\xae" in failed[7], failed[7])
    with open(path, "w") as file:
        file.write("mine")
    screen.type("w" + path + "\n")
    screen.wait(r"is there: overwrite it\? \(y/n\)")
    screen.keys("n")
    screen.wait("nothing was done")
    with open(path) as file:
        equal(file.read(), "mine", "the file")
    screen.type("w" + path + "\ny")
    screen.wait(r"^\d+ events are in ")
    check("order.failed" in open(path).read(), "it is overwritten")
    screen.type("w" + lab.directory + "/none/x\n")
    screen.wait("/none/x: No such file or directory")
    screen.type("w" + lab.directory + "\ny")
    screen.wait("Is a directory")
    equal([one for one in os.listdir(lab.directory) if one.startswith("written")], ["written"],
          "what is left in the directory")
    looks = Screen(lab, "--read-only", size=(120, 24))
    looks.wait("READ-ONLY")
    events_of(looks, "order.failed")
    looks.keys("w")
    looks.wait("read-only: nothing can be")


@scenario(faults=1)
def the_mouse_is_ours_only_when_asked_for(lab):
    lab.start()
    quiet(lab, *[f"n{i:02}.test" for i in range(60)])
    without = Screen(lab)
    without.wait("^>. n00.test")
    flags = without.tmux("list-panes", "-F", "#{mouse_any_flag}")
    equal(flags.strip(), "0", "the mouse is the terminal's")
    screen = Screen(lab, "--mouse")
    screen.wait("^>. n00.test")
    equal(screen.tmux("list-panes", "-F", "#{mouse_any_flag}").strip(), "1", "mouse")
    screen.mouse(5 + 4, 10)                     # the row of n04: rows begin in line 5
    screen.wait("^>. n04.test")
    screen.mouse(5 + 4, 10)
    screen.wait("state +paused")
    screen.keys("q")
    screen.wait("^>. n04.test")
    screen.mouse(10, 10, 65)
    screen.wait("^>. n07.test")
    screen.mouse(10, 10, 64)
    screen.wait("^>. n04.test")
    column = screen.lines()[0].index("2 Events") + 1
    screen.mouse(1, column)
    screen.wait(r"\[2\]Events")
    screen.wait("name.paused")
    screen.mouse(6, 10, times=2)                # at once
    screen.wait("Events > n")
    screen.keys("1")
    screen.wait("^>. n04.test")
    screen.keys("r")
    screen.wait(r"renew n04.test\? \(y/n\)")
    screen.mouse(5 + 9, 10)                     # answers nothing
    screen.wait(r"renew n04.test\? \(y/n\)")
    screen.keys("n")
    screen.keys("q")
    wait_for(screen.is_dead, 10, "it ends")
    equal(screen.tmux("list-panes", "-F", "#{mouse_any_flag}").strip(), "0", "mouse after it")


def flags_of(screen):
    return screen.tmux("list-panes", "-F", "#{alternate_on} #{cursor_flag} #{keypad_flag}").strip()


@scenario(faults=1)
def stopped_and_continued(lab):
    """^Z gives the terminal back, fg takes it as large as it is then; pastes are marked again."""
    lab.start()
    quiet(lab, "a.test", "b.test")
    screen = Screen(lab, around="PS1='shell> ' exec bash --norc --noprofile -i")
    screen.wait("^shell>")
    before = flags_of(screen)
    screen.type(f"{BUILD}/certd-console --mouse --socket {lab.certd.socket_path}\n")
    screen.wait("^>. a.test")
    screen.keys("C-z")
    screen.wait("Stopped")
    equal(flags_of(screen), before, "alternate screen, cursor, keypad while it is stopped")
    equal(screen.tmux("list-panes", "-F", "#{mouse_any_flag}").strip(), "0", "mouse")
    quiet(lab, "c.test")
    screen.resize(100, 30)
    screen.type("stty -a; echo 'typed'\n")
    screen.wait("^typed")
    check(re.search(r"(?<!-)icanon", screen.text()), "lines are edited by the terminal again")
    screen.type("fg\n")
    screen.wait("^>. a.test")
    screen.wait("^.. c.test")
    equal(flags_of(screen).split()[0], "1", "alternate screen")
    check("up " in screen.lines()[0] and len(screen.lines()) == 30, "all of it is drawn")
    screen.tmux("set-buffer", "ry")
    screen.tmux("paste-buffer", "-p")
    screen.wait("what is pasted is taken behind")
    screen.keys("C-z")
    screen.wait("Stopped")
    screen.type("fg\n")
    screen.wait("^>. a.test")
    screen.keys("q")
    screen.wait("^shell>$")
    equal(flags_of(screen), before, "alternate screen, cursor, keypad at the end")


@scenario()
def figures_of_the_front_and_of_what_is_due(lab):
    """As certctl has them."""
    lab.start()
    lab.add("a.test", "b.test")
    for _ in range(5):
        lab.is_served("a.test")
    lab.is_served("nobody.test")
    screen = Screen(lab, size=(100, 40))
    screen.wait("a.test +valid")
    screen.keys("4")
    screen.wait(r"^ handshake p50 \d.* ms  p99 \d.* ms")
    screen.wait(r"^ SNI .*unknown \d")
    screen.wait(r"^ top +a.test \d+\.\d/s")
    screen.wait(r"^ tickets +key \w.* old, the next one in \d")
    listener = next(one for one in lab.ctl_ok("status", "-o", "json").json()["listeners"]
                    if one["kind"] == "tls")
    check(listener["accepted"] >= 6, listener)
    screen.wait(rf"^ +{re.escape(listener['address'])} +tls +\d+ +\d+ +\d+ +0 +[\d,]+$")
    screen.keys("3")
    screen.wait("DUE +the next 24 hours")
    due = json.loads(lab.ctl_ok("raw", '{"verb":"due"}').out.split("\n")[0])["due"]
    equal((due["renewals"], due["waiting"]), (0, 0), "far from due")
    screen.wait("at most 0 an hour.* 0 renewals, 0 are waiting")


@scenario()
def back_from_the_events_of_a_name(lab):
    """q goes to where e was pressed, and leaves from a screen that was gone to."""
    lab.start()
    lab.add("a.test", "b.test")
    screen = Screen(lab, size=(100, 24), around="{}; printf left; cat")
    screen.wait("^>. a.test ")
    screen.keys("j")
    screen.wait("^>. b.test ")
    screen.keys("e")
    screen.wait(r"^ filter: name:b\.test ")
    screen.keys("q")
    screen.wait("^>. b.test ")              # the list, at its place
    screen.keys("Enter", "e")
    screen.wait(r"^ filter: name:b\.test ")
    screen.keys("q")
    screen.wait("^ Names > b.test ")        # the name
    screen.keys("e")
    screen.wait(r"^ filter: name:b\.test ")
    screen.keys("1")
    screen.wait("^>. b.test ")
    screen.keys("2")
    screen.wait(r"\[2\]Events")
    screen.keys("q")
    screen.wait("^left")


@scenario()
def what_a_name_and_a_ca_have(lab):
    """c: the chain. R: a new key for the account, after a question."""
    lab.start()
    lab.add("a.test")
    screen = Screen(lab, size=(100, 30))
    screen.wait("a.test +valid")
    screen.keys("Enter")
    screen.wait("covers +a.test")
    screen.keys("c")
    screen.wait("Names > inspect a.test")
    screen.wait(r"\(done\)")
    screen.wait("of +a certificate authority")
    screen.keys("q", "3")
    screen.wait("pebble +ready")
    screen.keys("R")
    screen.wait(r"^ca rollover pebble\? \(y/n\)")
    screen.keys("y")
    screen.wait(r"\(done\)", 30)
    wait_for(lambda: "ca.key_changed" in lab.ctl_ok("events").out, 20, "it is in the log")


if __name__ == "__main__":
    main()

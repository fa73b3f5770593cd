#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every verb of certctl, walked through: help, examples, completion, manual, the JSON that is
documented, exit codes, and what it says to bad input."""

import json
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, ROOT, ctl_stdin  # noqa: E402
from lab import PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

CERTCTL = os.path.join(BUILD, "certctl")
NOWHERE = ["--socket", "/nonexistent"]
# What a wrong value is, by what stands behind the option. Others take any text.
WRONG = {"TIME": "soon", "N": "none", "STATE": "vaild", "WORD": "no-word", "FORMAT": "yaml",
         "WHEN": "maybe", "STEP": "servng", "KIND": "nginx", "KEY=VALUE": "plain"}


def ctl(*words, text=""):
    done = subprocess.run([CERTCTL, *words], input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def table():
    """{verb: its help}"""
    code, text, _ = ctl("--help")
    equal(code, 0, "exit code of --help")
    rows = text.split("[ARGUMENT...]\n\n")[1].split("\n\n")[0].splitlines()
    return {row.split()[0]: ctl(row.split()[0], "--help")[1] for row in rows}


def usage(verb, text):
    """The grammar of its arguments: the alternatives."""
    line = re.search(rf"^Usage: certctl {verb}(.*) \[OPTION\.\.\.\]$", text, re.MULTILINE)
    check(line, f"usage of {verb}: {text}")
    return line[1].strip().split(" | ")


def options(text):
    """{--option: what stands behind it or None}"""
    rows = re.findall(r"^  (--[a-z-]+)(?: ([A-Z][A-Z=\[\],.]*))? ", text.split("\nOptions:\n")[1],
                      re.MULTILINE)
    return {word: argument or None for word, argument in rows}


def some_arguments(alternative):
    return [word for word in alternative.split(" --")[0].split() if not word.startswith("[")]


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


# ---- the table, and what is made of it ----

@scenario(plain=True)
def help_examples_completion_manual():
    verbs = table()
    check(len(verbs) > 30, f"only {sorted(verbs)}")
    shells = {shell: ctl("completion", shell)[1] for shell in ("bash", "zsh", "fish")}
    manual = subprocess.run(
        [os.path.join(ROOT, "packaging", "man", "mdoc.py"), "verbs", CERTCTL,
         os.path.join(ROOT, "packaging", "man", "certctl.1.in")], capture_output=True, text=True,
        check=True, env=dict(os.environ, MAN_DATE="today", MAN_VERSION="0")).stdout
    patterns = {"bash": r"(?m)^\t{}\) options=", "zsh": r"(?m)^\t\t'{}:", "fish": r" -a {} -d "}
    documented = read("docs", "control.md").split("\n## What certctl makes of it")[1]
    for verb, text in verbs.items():
        check(text.startswith(f"certctl {verb} - "), f"{verb}: its first line")
        examples = text.split("\nExamples:\n")[1].split("\n\n")[0].splitlines()
        used = [one for one in examples if re.search(rf"certctl {verb}\b", one)]
        check(len(used) >= 2, f"{verb} has two examples: {examples}")
        for shell, pattern in patterns.items():
            check(re.search(pattern.format(verb), shells[shell]), f"{verb} in {shell}")
        section = re.search(rf"(?ms)^\.Ss {verb}$(.*?)(?=^\.S[sh] )", manual)
        check(section, f"{verb} in the manual")
        for option in set(options(text)) - set(options_of_all()):
            check(f"Fl \\-{option[2:]}" in section[1], f"{verb} {option} in the manual")
        check(re.search(rf"(?m)^{verb}[ :]", documented) or f"`{verb}" in documented.split("```")[-1],
              f"docs/control.md says what {verb} answers")


def options_of_all():
    return re.findall(r"^  (--[a-z-]+)", ctl("--help")[1].split("Options of every verb:")[1],
                      re.MULTILINE)


@scenario(plain=True)
def every_example_is_taken():
    """Its words and options are those of its verb: certctl comes as far as looking for certd."""
    for verb, text in table().items():
        for line in text.split("\nExamples:\n")[1].split("\n\n")[0].splitlines():
            line = re.sub(r"^  |   .*$", "", line)
            for command in re.split(r" \| | && ", line):
                words = re.match(r".*?\bcertctl (.*?)\)?(?: [<>]\S*| <<<.*)*$", command)
                if not words or verb in ("completion", "key", "console") or "/" in command or \
                        "--watch" in command:
                    continue
                code, _, said = ctl(*shlex.split(words[1]), *NOWHERE, text='{"name":"a.test"}\n')
                check(code != 2 or verb == "check", f"{command}: {said}")


# ---- bad input ----

def refused(words, what):
    code, out, said = ctl(*words)
    equal((code, out), (2, ""), f"{what}: {words} {said}")
    check(re.match(r"certctl: \S.{8,}", said), f"{what}: a sentence: {said!r}")


@scenario(plain=True)
def bad_input_is_refused():
    """Before anybody is asked: there is no certd here."""
    for verb, text in table().items():
        grammar = usage(verb, text)
        first = some_arguments(grammar[0])
        refused([verb, *first, "--nosuch", *NOWHERE], "an unknown option")
        for option, argument in options(text).items():
            if argument is None:
                refused([verb, *first, f"{option}=x", *NOWHERE], "a value too many")
                continue
            refused([verb, *first, *NOWHERE, option], "a missing value")
            if argument in WRONG and (verb, option) != ("remove", "--reason"):     # any words will do
                refused([verb, *first, option, WRONG[argument], *NOWHERE], "a bad value")
        other = "--reason" if "--reason" not in options(text) else "--warn"
        refused([verb, *first, other, "superseded" if other == "--reason" else "1d", *NOWHERE],
                "another verb's option")
        if not any("..." in one for one in grammar):
            longest = max(len(one.split()) for one in grammar)
            refused([verb, *(["x"] * (longest + 1)), *NOWHERE], "an argument too many")
        for one in grammar:
            if some_arguments(one):
                refused([verb, *some_arguments(one)[:-1], *NOWHERE], "an argument too few")
        if grammar[0][:1].islower():
            refused([verb, "nonsense", *NOWHERE], "an unknown word")


@scenario(plain=True)
def did_you_mean():
    for words, meant in ((["lsit"], "list"), (["list", "--limt", "3"], "--limit"),
                         (["ca", "shwo", "x"], "show"), (["list", "--state", "vaild"], "valid"),
                         (["wait", "a.test", "--for", "srving"], "serving"),
                         (["list", "--sort", "exp"], "expiry"), (["comp"], "completion"),
                         (["events", "--severity", "error"], "err"), (["events", "--severity", "warning"], "warn")):
        code, _, said = ctl(*words, *NOWHERE)
        equal(code, 2, f"{words}")
        check(re.search(rf'did you mean "?{meant}"?\?', said), f"{words}: {said}")


@scenario(plain=True)
def nobody_is_there():
    """4, but for what needs nobody (version, completion) or has codes of its own (check)."""
    for verb, text in table().items():
        if verb in ("version", "completion", "console", "key", "import"):
            continue
        words = [verb, *some_arguments(usage(verb, text)[0])]
        words += {"renew": ["x.test"], "apply": ["-f", "-"], "raw": ['{"verb":"status"}']}.get(verb, [])
        code, _, said = ctl(*words, *NOWHERE, text='{"name":"a.test"}\n')
        equal(code, 2 if verb == "check" else 4, f"{words}: {said}")
    code, _, said = ctl("key", "status", *NOWHERE)
    equal(code, 4, said)


# ---- exit codes ----

@scenario(tap=True)
def every_exit_code(lab):
    lab.start()
    lab.add("a.test")
    for code, words in (
            (0, ["show", "a.test"]), (1, ["config", "check", "/nonexistent"]),
            (2, ["add", "a..b"]), (3, ["show", "nobody.test"]), (6, ["add", "a.test"]),
            (8, ["add", "www.blocked.test", "--wait"]), (9, ["add", "b.test", "a.test"]),
            (3, ["status", "nobody.test"]), (3, ["renew", "nobody.test"]),
            (3, ["export", "nobody.test"]), (3, ["order", "nobody.test"]),
            (6, ["ca", "deactivate", "pebble"]), (2, ["raw", '{"verb":"nosuch"}'])):
        got = expect_code(lab.ctl(*words), code)
        if code not in (0, 7, 9):
            check(got.err.startswith("certctl: ") or words[0] == "raw", f"a sentence: {got}")
    lab.tap.hold = lambda path: 3
    expect_code(lab.ctl("add", "late.test", "--wait", "--timeout", "1s"), 7)
    lab.tap.hold = lambda path: 0
    if os.geteuid() == 0:
        os.chmod(lab.directory, 0o755)
        os.chmod(lab.certd.socket_path, 0o666)
        equal(lab.ctl_of_a_stranger("remove", "a.test").returncode, 5, "a stranger's remove")
    lab.certd.stop()
    expect_code(lab.ctl("show", "a.test"), 4)


# ---- JSON as docs/control.md has it ----

def schemas():
    """{verb: (items or one, members, those that may be missing)}"""
    block = read("docs", "control.md").split("```members\n")[1].split("```")[0]
    found = {}
    for line in re.sub(r"\n +", " ", block).splitlines():
        verb, kind, members = re.match(r"^([a-zA-Z -]+): (items|one) (.*)$", line).groups()
        words = members.split()
        found[verb] = (kind, {one.rstrip("?") for one in words},
                       {one[:-1] for one in words if one.endswith("?")})
    return found


class Answers:
    def __init__(self, lab):
        self.lab, self.schemas, self.seen = lab, schemas(), {}

    def judge(self, verb, members, what):
        _, known, optional = self.schemas[verb]
        check(members <= known, f"{what}: not documented: {sorted(members - known)}")
        check(known - optional <= members, f"{what}: missing: {sorted(known - optional - members)}")
        self.seen.setdefault(verb, set()).update(members)

    def take(self, *words, verb=None, codes=(0,), text=None):
        verb = verb or " ".join(words[:1 + (words[0] in WORDS)])
        answer = ctl_stdin(self.lab.certd, text, *words, "-o", "json") if text is not None \
            else self.lab.ctl(*words, "-o", "json", timeout=120)
        check(answer.code in codes, f"{answer}")
        whole = answer.json()
        equal(whole.pop("schema"), "certd/v1", f"schema of {words}")
        if self.schemas[verb][0] == "one":
            self.judge(verb, set(whole), f"{words}")
            return
        items = whole.pop("items")
        check(set(whole) <= {"after", "before", "matches"}, f"beside items: {sorted(whole)}")
        for item in items:
            self.judge(verb, set(item), f"{words}: {item}")
        check(items or verb == "db check", f"{words} has items")
        lines = self.lab.ctl(*words, "-o", "ndjson", timeout=120).lines() if text is None and \
            verb in ("list", "show", "limits", "ca list", "backend list", "order") else []
        for line in lines:
            self.judge(verb, set(line), f"{words} as NDJSON")


WORDS = ("backend", "ca", "config", "db", "key")


@scenario()
def json_is_as_documented(lab):
    lab.start()
    a = Answers(lab)
    a.take("add", "a.test", "a..b", codes=(9,))
    a.take("add", "b.test", "c.test", "--wait", verb="add --wait")
    a.take("wait", "a.test", "b.test")
    a.take("add", "nx.blocked.test", "--wait", verb="add --wait", codes=(8,))
    check(not lab.is_served("stranger.test"), "a name that nobody serves")
    wait_for(lambda: lab.ctl_ok("faults", "-o", "json").json()["items"], 10, "the stranger among faults")
    a.take("faults")
    for words in (["list"], ["list", "--state", "failing"], ["show", "b.test"],
                  ["show", "nx.blocked.test"], ["inspect", "b.test"], ["status", "b.test"], ["order", "nx.blocked.test"],
                  ["events"], ["status"], ["check"], ["version"], ["limits", "--all"], ["metrics"],
                  ["diagnose", "b.test"], ["export", "b.test", "--private-key"],
                  ["renew", "b.test"], ["wait", "b.test"], ["retry", "nx.blocked.test"],
                  ["pause", "c.test"], ["resume", "c.test"], ["revoke", "a.test"],
                  ["backend", "drain", "app", f"{lab.address}:{PORTS['backend']}"],
                  ["reload"], ["config", "check"], ["config", "show"], ["config", "diff"],
                  ["backend", "list"],
                  ["backend", "set", "app", f"{lab.address}:{PORTS['backend']}", "ready"],
                  ["ca", "list"], ["ca", "show", "pebble"], ["ca", "test", "pebble"],
                  ["ca", "rollover", "pebble"], ["ca", "deactivate", "pebble", "--confirm", "pebble"],
                  ["ca", "register", "pebble"],
                  ["db", "stat"], ["db", "check"], ["db", "backup", f"{lab.directory}/copy"],
                  ["ack", "1"],
                  ["key", "status"], ["key", "rotate"], ["key", "tickets"], ["key", "master"]):
        a.take(*words, verb={"status b.test": "status NAME"}.get(" ".join(words)),
               codes={"check": (0, 1), "diagnose": (0, 1)}.get(words[0], (0,)))
    a.take("apply", "-f", "-", text='{"name":"d.test"}\n{"name":"a..b"}\n', codes=(9,))
    a.take("apply", "-f", "-", "--wait", verb="apply --wait", codes=(9,),
           text='{"name":"d.test"}\n{"name":"e.test","state":"absent"}\n{"name":"a..b"}\n')
    pem = json.loads(lab.ctl_ok("export", "b.test", "--private-key", "-o", "json").out)
    line = {"chain_pem": pem["chain_pem"], "key_pem": pem["key_pem"]}
    a.take("import", "-f", "-", text=json.dumps(line) + '\n{"chain_pem":"x"}\n', codes=(9,))
    a.take("remove", "d.test")
    a.take("upgrade")
    lab.certd.follow()
    equal(sorted(set(a.schemas) - set(a.seen)), ["db check"], "documented, and never seen")


@scenario()
def habits_are_understood(lab):
    lab.start()
    for words, same in ((["help"], ["--help"]), (["help", "list"], ["list", "--help"]), (["--version"], ["version"])):
        equal(lab.ctl_ok(*words).out, lab.ctl_ok(*same).out, f"{words} is {same}")
    expect_code(lab.ctl("help", "lst"), 2)


@scenario()
def mistyped_blocks_are_named(lab):
    """Every verb that takes the name of a block says which one may have been meant."""
    lab.start()
    for code, near, words in (
            (2, "pebble", ["add", "a.test", "--ca", "peble"]), (2, "pebble", ["ca", "show", "pebbel"]),
            (2, "pebble", ["limits", "pebbl"]), (2, "app", ["add", "a.test", "--backend", "ap"]),
            (3, "app", ["backend", "list", "apq"]), (3, "app", ["backend", "drain", "ap", "x"])):
        refused = expect_code(lab.ctl(*words), code)
        check(f'did you mean "{near}"' in refused.err, f"{words}: {refused.err}")
    refused = expect_code(lab.ctl("add", "a.test", "--ca", "letsencrypt"), 2)
    check("did you mean" not in refused.err, f"none is near: {refused.err}")
    done = ctl_stdin(lab.certd, '{"name":"a.test","backend":"ap"}\n', "apply", "-f", "-")
    check('did you mean "app"' in expect_code(done, 2).err, f"apply: {done}")


if __name__ == "__main__":
    main()

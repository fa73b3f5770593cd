#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""certctl completion SHELL: what real shells make of it, against the help of each verb."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import BUILD, PATIENCE  # noqa: E402
from lab import check, equal, main, scenario  # noqa: E402
from pebble import Skip  # noqa: E402

# Calls the function as bash does, for many lines; what compopt says needs a terminal.
ASK = r"""
source <(certctl completion bash)
compopt() { :; }
while IFS= read -r line; do
	read -ra COMP_WORDS <<<"$line"
	[[ $line == *' ' ]] && COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_certctl
	echo "${COMPREPLY[*]}"
done
"""


def environment(lab=None):
    more = {"CERTCTL_SOCKET": lab.certd.socket_path} if lab else {}
    return dict(os.environ, PATH=f"{BUILD}:{os.environ['PATH']}", TERM="dumb", **more)


def ctl(*words):
    return subprocess.run([f"{BUILD}/certctl", *words], stdout=subprocess.PIPE, check=True,
                          text=True).stdout


def completed(lines, lab=None):
    done = subprocess.run(["bash", "--norc", "-c", ASK], input="".join(f"{one}\n" for one in lines),
                          capture_output=True, text=True, env=environment(lab), check=True)
    equal(done.stderr, "", "bash's words")
    return [line.split() for line in done.stdout.splitlines()]


def verbs():
    listed = ctl("--help").split("[ARGUMENT...]\n\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def options_of(verb):
    return re.findall(r"^  (--[a-z-]+)", ctl(verb, "--help").split("\nOptions:\n")[1], re.MULTILINE)


def press_tab(typed, expected, lab):
    """Types into a bash of its own on a terminal, TAB included, until EXPECTED is there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment(lab))
    os.write(terminal, b"bind 'set bell-style none'; source <(certctl completion bash)\n" + typed)
    seen, deadline = b"", time.monotonic() + 10 * PATIENCE
    while expected not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096)
    os.close(terminal)
    os.waitpid(pid, 0)
    check(expected in seen, f"{typed!r}: {seen.decode(errors='replace')[-500:]}")


@scenario()
def every_verb_and_option_in_bash(lab):
    lab.start()
    words = verbs()
    check(len(words) > 20, f"only {words}")
    equal(sorted(completed(["certctl "])[0]), sorted(words), "verbs")
    answers = completed([f"certctl {verb} --" for verb in words])
    for verb, got in zip(words, answers):
        equal(sorted(got), sorted(options_of(verb)), f"options of {verb}")


@scenario()
def second_words_are_those_of_the_usage(lab):
    """certd is not reached for a word that exists, but a wrong one is told the usage."""
    lab.start()
    for verb in ("config", "backend", "ca", "db", "key", "completion"):
        words = completed([f"certctl {verb} "])[0]
        check(len(words) >= 1, f"{verb} has words")
        for word in words:
            check(word in ctl(verb, "--help"), f"{verb} {word} is in the help")
        wrong = subprocess.run([f"{BUILD}/certctl", verb, "nonsense"], capture_output=True,
                               text=True, env=environment())
        equal(wrong.returncode, 2, f"{verb} nonsense: {wrong.stderr}")
        for word in words:
            check(word in wrong.stderr, f"the usage of {verb} names {word}: {wrong.stderr}")


@scenario()
def every_value_is_taken(lab):
    """Where a script offers values, certctl takes each; where it takes others, they are offered."""
    lab.start()
    for verb, option in (("list", "--state"), ("list", "--sort"), ("list", "-o"),
                         ("list", "--output"), ("revoke", "--reason"), ("import", "--from")):
        values = completed([f"certctl {verb} {option} "])[0]
        check(len(values) >= 2, f"{option} has values")
        for value in values:
            got = subprocess.run([f"{BUILD}/certctl", verb, "x.test", option, value,
                                  "--socket", "/nonexistent"], capture_output=True, text=True)
            check(option not in got.stderr, f"{option} {value}: {got.stderr}")
        begun = completed([f"certctl {verb} {option} {values[0][:2]}"])[0]
        check(values[0] in begun, f"{begun} begins with {values[0][:2]}")


@scenario()
def names_and_the_tab_key(lab):
    lab.start()
    lab.add("shop.a.test", "blog.a.test")
    equal(completed(["certctl show s", "certctl -o json renew shop.a.test b", "certctl events s"],
                    lab), [["shop.a.test"], ["blog.a.test"], []], "names")
    press_tab(b"certctl sho\tsh\t-o js\tl\n", b"certctl show shop.a.test -o json l", lab)


@scenario()
def other_shells(lab):
    lab.start()
    if not shutil.which("fish") and not shutil.which("zsh"):
        raise Skip("neither fish nor zsh is installed")
    if shutil.which("fish"):
        listed = subprocess.run(
            ["fish", "--no-config", "-c", "certctl completion fish | source; complete -C 'certctl '; "
             "complete -C 'certctl ca '; complete -C 'certctl list --st'; "
             "complete -C 'certctl list --state v'"],
            capture_output=True, text=True, check=True,
            env=dict(environment(), HOME=lab.directory)).stdout
        got = [line.split("\t")[0] for line in listed.splitlines()]
        for word in (*verbs(), "rollover", "--state", "valid"):
            check(word in got, f"fish offers {word}: {got}")
    if shutil.which("zsh"):
        script = os.path.join(lab.directory, "_certctl")
        with open(script, "w", encoding="ascii") as file:
            file.write(ctl("completion", "zsh"))
        done = subprocess.run(["zsh", "-f", "-c", "autoload -Uz compinit && compinit -D -u && "
                               "source ./_certctl && print -r -- $_comps[certctl]"],
                              capture_output=True, text=True, cwd=lab.directory)
        equal((done.returncode, done.stdout, done.stderr), (0, "_certctl\n", ""), "zsh")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Configuration errors are exact, and a bad file changes nothing."""

import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

ISSUE_EXAMPLE = """\
state-directory /var/lib/certd;
workers 2;                               # default: one per CPU
control-socket  /run/certd/control.sock;
listen 0.0.0.0:443 { tls; }
listen 0.0.0.0:80  { http; }            # ACME HTTP-01 answers; everything else redirects to https
ca letsencrypt { directory https://acme-v02.api.letsencrypt.org/directory; account ops@example.com; agree-terms; }
ca local       { directory https://localhost:14000/dir; ca-file %(ca)s; agree-terms; challenge tls-alpn-01 http-01; }
backend app1   { server 127.0.0.1:8080; send-proxy v2; connect-timeout 2s; }
default        { ca letsencrypt; backend app1; key ecdsa-p256; unknown-sni reject; }
include %(dir)s/conf.d/*.conf;
"""

# what is broken -> (position, a word of the message)
BROKEN = [
    ("worker 2;\n", "1:1", "did you mean"),
    ("workers 2\nlisten 0.0.0.0:443 { tls; }\n", "2:", ";"),
    ("workers two;\n", "1:9", "two"),
    ("workers 0;\n", "1:9", "0"),
    ("\n\n   listen 0.0.0.0:443 { tsl; }\n", "3:25", "did you mean"),
    ("listen 0.0.0.0:99999 { tls; }\n", "1:8", "99999"),
    ("listen 0.0.0.0:443 { tls;\n", "", "}"),
    ("backend a { server 127.0.0.1:1; connect-timeout 2parsecs; }\n", "1:49", "2parsecs"),
    ("backend a { server 127.0.0.1:1; }\nbackend a { server 127.0.0.1:2; }\n", "2:", "a"),
    ("default { ca nobody; }\n", "1:14", "nobody"),
    ("default { backend nobody; }\n", "1:19", "nobody"),
    ("ca x { directory http://localhost/dir; agree-terms; }\n", "1:", "https"),
    ("}\n", "1:1", "}"),
    ("include /nonexistent/certd.conf;\n", "1:", "/nonexistent/certd.conf"),
    ("log-level loud;\n", "1:11", "loud"),
]


@scenario()
def the_example_of_the_issue_is_valid(lab):
    os.mkdir(os.path.join(lab.directory, "conf.d"))
    with open(os.path.join(lab.directory, "conf.d", "more.conf"), "w") as out:
        out.write("backend app2 { server 127.0.0.1:8081; }\n")
    path = os.path.join(lab.directory, "example.conf")
    with open(path, "w") as out:
        out.write(ISSUE_EXAMPLE % {"ca": lab.pebble.ca_file, "dir": lab.directory})
    answer = lab.certd.check_config(path)
    equal(answer.code, 0, f"certd --check of the example\n{answer}\nexit code")
    lab.start()


@scenario()
def errors_have_file_line_and_column(lab):
    path = os.path.join(lab.directory, "broken.conf")
    wrong = []
    for text, position, word in BROKEN:
        with open(path, "w") as out:
            out.write(text)
        answer = lab.certd.check_config(path)
        told = answer.out + answer.err
        if answer.code == 0 or f"{path}:{position}" not in told or word not in told \
                or not re.search(re.escape(path) + r":\d+:\d+", told):
            wrong.append(f"{text!r} wants {position} and {word!r}\n{answer}")
    check(not wrong, "messages:\n" + "\n".join(wrong))
    lab.start()


@scenario()
def errors_in_an_included_file_name_that_file(lab):
    included = os.path.join(lab.directory, "more.conf")
    with open(included, "w") as out:
        out.write("\nworkerz 3;\n")
    lab.write_config(f"include {included};\n")
    answer = lab.certd.check_config(lab.conf_path)
    check(answer.code != 0 and f"{included}:2:1" in answer.err + answer.out, str(answer))
    with open(included, "w") as out:
        out.write("# nothing\n")
    lab.start()


@scenario()
def certd_does_not_start_with_a_broken_file(lab):
    good = lab.config()
    lab.write_config(text=good + "nonsense;\n")
    lab.certd.start(wait=False)
    code = lab.certd.process.wait(10)
    check(code not in (0, None), f"exit status {code}")
    line = good.count("\n") + 1
    check(f"{lab.conf_path}:{line}:1" in lab.certd.log_text(), "the place is in the log")
    lab.write_config()
    lab.start()


@scenario()
def config_check_looks_at_the_file(lab):
    lab.start()
    equal(lab.ctl("config", "check").code, 0, "config check of a good file")
    good = lab.config()
    lab.write_config(text=good + "nonsense;\n")
    answer = lab.ctl("config", "check")
    check(answer.code != 0, "config check of a broken file")
    check(f"{lab.conf_path}:{good.count(chr(10)) + 1}:1" in answer.out + answer.err, str(answer))
    lab.write_config()


@scenario()
def what_runs_and_what_is_on_disk(lab):
    part = os.path.join(lab.directory, "part.conf")
    more = "".join(f"# {i} bücher\tand \u202e\n" for i in range(5000))      # more than one piece
    with open(part, "w") as file:
        file.write(f"backend more {{ server 127.0.0.1:9; }}\n{more}")
    lab.write_config(f"include {part};")
    lab.start()
    whole = lab.ctl_ok("config", "show", "-o", "json").json()["items"]
    equal([one["file"] for one in whole], [lab.conf_path, part], "files")
    for one in whole:
        with open(one["file"]) as file:
            equal(one["text"], file.read(), one["file"])
    shown = lab.ctl_ok("config", "show").out
    check("\u202e" not in shown and "bücher\tand \\xe2\\x80\\xae\n" in shown, shown[-200:])
    equal(lab.ctl_ok("config", "diff").out, "", "no difference")
    with open(part, "a") as file:
        file.write("backend third { server 127.0.0.1:8; }\n")
    got = expect_code(lab.ctl("config", "diff"), 1)
    check("\n+backend third { server 127.0.0.1:8; }\n" in got.out, f"{got}")
    check("third" not in lab.ctl_ok("config", "show").out, "it runs with what it has read")
    lab.ctl_ok("reload")
    check("third" in lab.ctl_ok("config", "show").out, "after a reload")
    lab.ctl_ok("config", "diff")
    with open(part, "a") as file:
        file.write("nonsense;\n")
    got = expect_code(lab.ctl("config", "diff"), 1)
    check("part.conf:" in got.err and not got.out, f"{got}")
    with open(part, "w") as file:
        file.write("")
    expect_code(lab.ctl("config", "diff"), 1)


@scenario()
def a_broken_file_on_reload_changes_nothing(lab):
    lab.start()
    lab.add("a.test")
    load = lab.load(["a.test"], rate=50)
    good = lab.config()
    lab.write_config(text=good.replace("workers 2;", "workers 1;") + "nonsense;\n")
    for _ in range(3):
        answer = lab.ctl("reload", "--wait")
        check(answer.code != 0, "a reload with a broken file fails")
        check(f"{lab.conf_path}:{good.count(chr(10)) + 1}:1" in answer.err, str(answer))
    load.stop_clean()
    equal(len(lab.certd.pids("front")), 2, "workers, as before")
    lab.add("b.test")
    lab.write_config()
    lab.ctl_ok("reload", "--wait")


@scenario()
def reload_adds_listener_and_backend_and_drops_nobody(lab):
    lab.start()
    lab.add("a.test")
    second = lab.add_backend(PORTS["backend"] + 1, name="second")
    load = lab.load(["a.test"], rate=100)
    with lab.connect("a.test") as open_before:
        open_before.sendall(b"GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n")
        check(b"200 OK" in open_before.recv(4096), "the connection works before the reload")

        new_port = PORTS["https"] + 1
        lab.write_config(f"listen {lab.address}:{new_port} {{ tls; }}\n"
                         f"backend second {{ server {second.address}:{second.port}; }}\n")
        lab.ctl_ok("reload", "--wait")
        lab.add("b.test", options=["--backend", "second"])
        equal(lab.get("b.test")["backend"], "second", "who answers for b.test")
        equal(lab.get("a.test")["backend"], "backend", "who answers for a.test")

        old_port, lab.https = lab.https, (lab.address, new_port)
        lab.serial("a.test")
        lab.serial("b.test")
        lab.https = old_port

        open_before.sendall(b"GET /two HTTP/1.1\r\nHost: a.test\r\n\r\n")
        check(b"/two" in open_before.recv(4096), "the old connection lives through the reload")
    load.stop_clean()


@scenario()
def reload_removes_a_listener(lab):
    lab.write_config(f"listen {lab.address}:{PORTS['https'] + 1} {{ tls; }}\n")
    lab.start()
    lab.add("a.test")
    lab.https = (lab.address, PORTS["https"] + 1)
    lab.serial("a.test")
    lab.write_config()
    lab.ctl_ok("reload", "--wait")
    wait_for(lambda: not lab.is_served("a.test"), 5, "the old workers leave the removed listener")
    lab.https = (lab.address, PORTS["https"])
    lab.serial("a.test")


@scenario()
def a_worker_that_dies_during_a_reload(lab):
    """The reload is refused, nothing spins, and certd still ends when it is told to."""
    lab.start()
    lab.add("a.test")
    before = set(lab.certd.pids("front"))
    for _ in range(5):
        reload = lab.certd.ctl_follow("reload", "--wait")
        end = time.monotonic() + 5
        while reload.poll() is None and time.monotonic() < end:
            for pid in set(lab.certd.pids("front")) - before:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        check(reload.wait(10) in (0, 1), "the reload ends")
        reload.communicate()
        wait_for(lambda: lab.certd.pids("front"), 5, "workers are there")
        before = set(lab.certd.pids("front"))
    lab.serial("a.test")
    cpu = lab.certd.cpu_seconds()
    time.sleep(1)
    check(lab.certd.cpu_seconds() - cpu < 0.5, "the parent spins")
    equal(lab.certd.stop(), 0, "exit status after SIGTERM")
    lab.certd.start()
    lab.serial("a.test")


@scenario()
def what_was_reloaded_outlives_the_roles(lab):
    """A role that dies after a reload comes back with the new configuration, not with the old."""
    lab.start()
    second = lab.add_backend(PORTS["backend"] + 1, name="second")
    lab.write_config(f"backend second {{ server {second.address}:{second.port}; }}\n")
    lab.ctl_ok("reload", "--wait")
    old = lab.certd.kill("keeper", "front")
    wait_for(lambda: not set(old) & set(lab.certd.pids("keeper") + lab.certd.pids("front"))
             and lab.ctl("status").code == 0, 10, "the roles are back")
    lab.add("b.test", options=["--backend", "second"])
    equal(lab.get("b.test")["backend"], "second", "who answers for b.test")


if __name__ == "__main__":
    main()

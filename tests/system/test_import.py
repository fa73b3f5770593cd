#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import from what other programs leave behind, apply, export and the filters of list."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, ctl_stdin, run  # noqa: E402
from lab import Skip, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from authority import Authority, openssl, read  # noqa: E402
from privateca import served  # noqa: E402


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)


def serial_of(pem):
    done = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, text=True,
                          capture_output=True, check=True)
    return done.stdout.strip().split("=")[1].lower().lstrip("0")


def begin(lab, **words):
    ca = Authority(os.path.join(lab.directory, "ca"))
    lab.start()
    return ca, os.path.join(lab.directory, "in")


def changes(answer):
    return {one["name"]: one.get("change") for one in answer.lines() if one["ok"]}


@scenario()
def pem_folder_is_imported_and_served(lab):
    ca, folder = begin(lab)
    key, leaf, inter = ca.leaf("a.test", "www.a.test")
    write(folder + "/a.pem", leaf + inter + key)
    key_b, leaf_b, _ = ca.leaf("b.test", rsa=2048)
    write(folder + "/b.pem", "Bag Attributes\n    friendlyName: b\n" + key_b + inter + leaf_b)
    key_c, leaf_c, _ = ca.leaf("c.test", curve="secp384r1")
    write(folder + "/c.pem", inter + leaf_c + read(ca.root) + key_c)
    first = lab.ctl_ok("import", folder, "-o", "ndjson")
    equal(changes(first), dict.fromkeys(["a.test", "www.a.test", "b.test", "c.test"], "created"),
          "changes")
    for name, pem in (("a.test", leaf), ("www.a.test", leaf), ("b.test", leaf_b), ("c.test", leaf_c)):
        equal(served(lab, ca, name), serial_of(pem), f"serial served for {name}")
    shown = lab.certd.show("a.test")
    equal((shown["state"], shown["backend"], shown["ca"]), ("valid", "app", "pebble"), "state")
    check(shown["not_before"] < shown["next"] < shown["not_after"], f"planned: {shown}")
    events = lab.ctl_ok("events", "--name", "a.test", "-o", "ndjson").lines()
    check(any(e["type"] == "cert.stored" and e["detail"].startswith("imported, serial ")
              for e in events), f"events: {events}")
    again = lab.ctl_ok("import", folder, "--from", "pem", "-o", "ndjson")
    check(set(changes(again).values()) == {"unchanged"}, f"again: {again}")
    equal(lab.certd.show("a.test")["generation"], shown["generation"], "generation")


def key_of_served(lab, name, sigalgs, versions):
    """Type and serial of the leaf that a client with these signature algorithms gets."""
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % lab.https, "-servername",
                           name, "-sigalgs", sigalgs, versions], input=b"", capture_output=True)
    pem = done.stdout.decode(errors="replace")
    if "BEGIN CERTIFICATE" not in pem:
        return None, None
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, text=True,
                          capture_output=True).stdout
    return ("RSA" if "rsaEncryption" in text else "ECDSA"), serial_of(pem)


@scenario()
def rsa_beside_ecdsa_by_what_the_client_takes(lab):
    ca, folder = begin(lab)
    key, leaf, inter = ca.leaf("a.test")
    key_rsa, leaf_rsa, _ = ca.leaf("a.test", rsa=2048)
    write(folder + "/ecdsa.pem", leaf + inter + key)
    lab.ctl_ok("import", folder + "/ecdsa.pem", "--from", "pem")
    plan = lab.certd.show("a.test")["next"]
    write(folder + "/rsa.pem", leaf_rsa + inter + key_rsa)
    answer = lab.ctl_ok("import", folder + "/rsa.pem", "--from", "pem", "-o", "ndjson")
    equal(changes(answer), {"a.test": "updated"}, "the second certificate")
    answer = lab.ctl_ok("import", folder + "/rsa.pem", "--from", "pem", "-o", "ndjson")
    equal(changes(answer), {"a.test": "unchanged"}, "the second certificate again")
    shown = lab.certd.show("a.test")
    equal(shown["serial"].lstrip("0"), serial_of(leaf), "the first stays the first")
    equal(shown["second"]["serial"].lstrip("0"), serial_of(leaf_rsa), "and there is a second")
    equal(shown["next"], plan, "the plan is the first one's")
    both = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256"
    for versions in ("-tls1_3", "-tls1_2"):
        for sigalgs, want in ((both, ("ECDSA", serial_of(leaf))),
                              ("ECDSA+SHA256", ("ECDSA", serial_of(leaf))),
                              ("RSA-PSS+SHA256:RSA+SHA256", ("RSA", serial_of(leaf_rsa)))):
            equal(key_of_served(lab, "a.test", sigalgs, versions), want, f"{sigalgs} {versions}")
    newer_key, newer, _ = ca.leaf("a.test", rsa=3072, days=80)
    write(folder + "/rsa2.pem", newer + inter + newer_key)
    lab.ctl_ok("import", folder + "/rsa2.pem", "--from", "pem", "--replace")
    equal(key_of_served(lab, "a.test", "RSA-PSS+SHA256", "-tls1_3"), ("RSA", serial_of(newer)),
          "a replaced second one")
    equal(key_of_served(lab, "a.test", both, "-tls1_3")[0], "ECDSA", "and the first is there still")
    lab.ctl_ok("db", "check")
    lab.ctl_ok("renew", "a.test", "--wait", timeout=60)
    lab.serial("a.test")
    equal(key_of_served(lab, "a.test", "RSA-PSS+SHA256", "-tls1_3"), ("RSA", serial_of(newer)),
          "a renewal renews the first")
    lab.ctl_ok("remove", "a.test")
    equal(key_of_served(lab, "a.test", both, "-tls1_3"), (None, None), "removed")
    lab.ctl_ok("db", "check")


@scenario()
def names_of_one_certificate_go_their_own_ways(lab):
    ca, folder = begin(lab)
    names = [f"n{i}.san.test" for i in range(40)]
    key, leaf, inter = ca.leaf(*names)
    write(folder + "/san.pem", leaf + inter + key)
    equal(len(changes(lab.ctl_ok("import", folder, "-o", "ndjson"))), len(names), "names")
    for name in names[::7]:
        equal(served(lab, ca, name), serial_of(leaf), f"serial served for {name}")
    lab.ctl_ok("db", "check")
    lab.ctl_ok("renew", names[0], "--wait", timeout=60)
    lab.serial(names[0])
    equal(served(lab, ca, names[1]), serial_of(leaf), "its neighbour has the old one")
    lab.ctl_ok("remove", *names[2:])
    equal(served(lab, ca, names[1]), serial_of(leaf), "the last one that has it")
    lab.certd.stop()
    lab.start()
    equal(served(lab, ca, names[1]), serial_of(leaf), "after a restart")
    lab.ctl_ok("remove", names[1])
    lab.ctl_ok("db", "check")


@scenario()
def refused_files_do_not_stop_the_others(lab):
    ca, folder = begin(lab)
    key, leaf, inter = ca.leaf("good.test")
    other, *_ = ca.leaf("other.test")
    old_key, old_leaf, _ = ca.leaf("old.test", days=1)
    write(folder + "/1-good.pem", leaf + inter + key)
    write(folder + "/2-mismatch.pem", leaf + inter + other)
    write(folder + "/3-nokey.pem", leaf + inter)
    write(folder + "/4-readme.txt", "nothing here\n")
    write(folder + "/5-huge.pem", "x" * (1024 * 1024 + 1))
    write(folder + "/6-ip.pem", "".join(ca.leaf("IP:10.0.0.1")))
    write(folder + "/7-p224.pem", "".join(ca.leaf("p224.test", curve="secp224r1")))
    write(folder + "/8-binary.pem", "\0" + leaf)
    write(folder + "/9-both.pem", "".join(ca.leaf("both.test", "IP:10.0.0.1", "a_b.test")))
    write(lab.directory + "/outside.pem", old_leaf + inter + old_key)
    os.symlink(lab.directory + "/outside.pem", folder + "/link.pem")
    os.symlink("1-good.pem", folder + "/link-inside.pem")
    os.mkfifo(folder + "/fifo")
    os.mkdir(folder + "/sub")
    got = expect_code(lab.ctl("import", folder, "-o", "ndjson"), 9)
    equal(sorted(changes(got)), ["both.test", "good.test"], "imported")
    for text in ("2-mismatch.pem: the private key is that of none", "3-nokey.pem: no private key",
                 "4-readme.txt: no PEM in it", "5-huge.pem: too large",
                 "6-ip.pem: none of the certificate's names is a host name: 10.0.0.1",
                 "7-p224.pem: a key on the curve secp224r1", "8-binary.pem: no private key",
                 "link.pem: a link", "fifo: not a regular file",
                 "9-both.pem: 10.0.0.1: an address", "a_b.test: "):
        check(text in got.err, f"{text!r} in:\n{got.err}")
    equal(sorted(lab.certd.names()), ["both.test", "good.test"], "names")
    expect_code(lab.ctl("import", lab.directory + "/nowhere"), 1)
    expect_code(lab.ctl("import", folder + "/2-mismatch.pem"), 1)
    expect_code(lab.ctl("import", folder + "/1-good.pem"), 0)
    expect_code(lab.ctl("import", folder, "-f", "-"), 2)
    expect_code(lab.ctl("import", folder, "--from", "apache"), 2)


@scenario()
def trees_of_other_programs(lab):
    ca, folder = begin(lab)
    key, leaf, inter = ca.leaf("bot.test")
    for number, text in ((1, "old"), (2, leaf + inter)):
        write(f"{folder}/letsencrypt/archive/bot.test/fullchain{number}.pem", text)
        write(f"{folder}/letsencrypt/archive/bot.test/privkey{number}.pem", key)
    live = folder + "/letsencrypt/live/bot.test"
    os.makedirs(live)
    for word in ("fullchain", "privkey"):
        os.symlink(f"../../archive/bot.test/{word}2.pem", f"{live}/{word}.pem")
    write(folder + "/letsencrypt/live/README", "read me\n")
    dry = lab.ctl_ok("import", folder + "/letsencrypt", "--from", "certbot", "--dry-run", "-o", "ndjson")
    equal(changes(dry), {"bot.test": "created"}, "dry run")
    equal(lab.certd.names(), [], "names after a dry run")
    lab.ctl_ok("import", folder + "/letsencrypt", "--from", "certbot")
    equal(served(lab, ca, "bot.test"), serial_of(leaf), "certbot's")
    shutil.rmtree(folder + "/letsencrypt/live")
    equal(changes(lab.ctl_ok("import", folder + "/letsencrypt", "--from", "certbot", "-o", "ndjson")),
          {"bot.test": "unchanged"}, "from archive")

    def b64(text):
        return base64.b64encode(text.encode()).decode()
    entries = [ca.leaf("t1.test"), ca.leaf("*.t2.test", "t2.test")]
    write(folder + "/acme.json", json.dumps({
        "le": {"Account": {"Email": "a@b.test"}, "Certificates": [
            {"domain": {"main": "t1.test"}, "certificate": b64(entries[0][1] + inter),
             "key": b64(entries[0][0]), "Store": "default"}]},
        "other": {"Account": None, "Certificates": [
            {"domain": {"main": "*.t2.test", "sans": ["t2.test"]},
             "certificate": b64(entries[1][1] + inter), "key": b64(entries[1][0])},
            {"domain": {"main": "bad.test"}, "certificate": "!!", "key": ""}]},
        "empty": {"Account": None, "Certificates": None}}))
    got = expect_code(lab.ctl("import", folder + "/acme.json", "--from", "acme.json", "-o", "ndjson"), 9)
    equal(sorted(changes(got)), ["*.t2.test", "t1.test", "t2.test"], "acme.json")
    check("bad.test: certificate or key is not base64" in got.err, got.err)
    equal(served(lab, ca, "t1.test"), serial_of(entries[0][1]), "traefik's")
    equal(served(lab, ca, "any.t2.test"), serial_of(entries[1][1]), "traefik's wildcard")

    key, leaf, inter = ca.leaf("caddy.test")
    at = f"{folder}/caddy/certificates/acme-v02.api.letsencrypt.org-directory/caddy.test/caddy.test"
    write(at + ".crt", leaf + inter)
    write(at + ".key", key)
    write(at + ".json", "{}")
    lab.ctl_ok("import", folder + "/caddy", "--from", "caddy")
    equal(served(lab, ca, "caddy.test"), serial_of(leaf), "caddy's")


@scenario()
def newer_certificates_stay(lab):
    ca, folder = begin(lab)
    key, old, inter = ca.leaf("a.test", days=30)
    write(folder + "/old.pem", old + inter + key)
    time.sleep(1.1)
    key, new, inter = ca.leaf("a.test", days=60)
    write(folder + "/new/new.pem", new + inter + key)
    lab.ctl_ok("import", folder + "/old.pem")
    equal(changes(lab.ctl_ok("import", folder + "/new", "-o", "ndjson")), {"a.test": "updated"}, "new")
    equal(served(lab, ca, "a.test"), serial_of(new), "served")
    kept = lab.ctl_ok("import", folder + "/old.pem", "-o", "ndjson").lines()[0]
    equal(kept["change"], "unchanged", "old again")
    check("newer" in kept["detail"], str(kept))
    equal(served(lab, ca, "a.test"), serial_of(new), "served still")
    lab.ctl_ok("import", folder + "/old.pem", "--replace")
    equal(served(lab, ca, "a.test"), serial_of(old), "served after --replace")


@scenario(config="control { read user 65534; }\n")
def export_gives_back_what_came_in(lab):
    ca, folder = begin(lab)
    key, leaf, inter = ca.leaf("a.test")
    write(folder + "/a.pem", inter + key + leaf)
    lab.ctl_ok("import", folder)
    equal(lab.ctl_ok("export", "a.test").out, leaf + inter, "the chain")
    whole = lab.ctl_ok("export", "a.test", "--private-key").out
    check(whole.startswith(leaf + inter + "-----BEGIN PRIVATE KEY-----\n"), "the key")
    wanted = subprocess.run(["openssl", "pkey", "-pubout"], input=key, text=True,
                            capture_output=True, check=True).stdout
    got = subprocess.run(["openssl", "pkey", "-pubout"], input=whole[len(leaf + inter):], text=True,
                         capture_output=True, check=True).stdout
    equal(got, wanted, "public half of the key")
    events = [e for e in lab.ctl_ok("events", "-o", "ndjson").lines()
              if e["type"] == "security.key_exported"]
    equal(len(events), 1, "events about the key")
    equal(events[0]["detail"], f"the private key, to uid {os.getuid()}", "event")
    write(folder + "/again.pem", whole)
    equal(changes(lab.ctl_ok("import", folder + "/again.pem", "-o", "ndjson")),
          {"a.test": "unchanged"}, "the export imported")
    expect_code(lab.ctl("export", "nobody.test"), 3)
    check(key.split("\n")[1] not in lab.certd.log_text(), "no key in the log")
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv to be somebody else")
    def other(*words):
        return run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                    os.path.join(BUILD, "certctl"), "--socket", lab.certd.socket_path, *words],
                   words, 30, None)
    equal(expect_code(other("export", "a.test"), 0).out, leaf + inter, "the chain is for all")
    refused = expect_code(other("export", "a.test", "--private-key"), 5)
    equal(refused.out, "", "output of a refused export")
    expect_code(other("import", folder + "/a.pem"), 5 if os.access(folder, os.R_OK) else 1)


@scenario()
def apply_is_idempotent(lab):
    # none of these may be issued meanwhile: the CA does not exist
    lab.write_config("ca later { directory https://127.0.0.1:1/dir; account a@b.test; agree-terms; }\n"
                     f"backend app2 {{ server {lab.address}:18081; }}\n")
    lab.start()
    lines = "".join(json.dumps({"name": f"n{i:04}.test", "ca": "later",
                                "labels": {"tenant": f"t{i % 10}", "plan": "gold"}}) + "\n"
                    for i in range(1000))
    dry = expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "--dry-run", "-o", "ndjson"), 0)
    equal(set(changes(dry).values()), {"created"}, "dry run")
    equal(lab.certd.names(), [], "names after a dry run")
    equal(lab.ctl_ok("events", "-o", "ndjson").lines(), [], "events after a dry run")
    first = expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "-o", "ndjson"), 0)
    equal(len(first.lines()), 1000, "results")
    equal(set(changes(first).values()), {"created"}, "first")
    second = expect_code(ctl_stdin(lab.certd, lines, "apply", "-f", "-", "-o", "ndjson"), 0)
    equal(set(changes(second).values()), {"unchanged"}, "second")
    equal(len(changes(second)), 1000, "second, names")

    mixed = [{"name": "n0000.test", "state": "absent"}, {"name": "n0001.test", "backend": "app2"},
             {"name": "N0002.test", "labels": {}}, {"name": "a..b"}, {"name": "n0003.test"},
             {"name": "gone.test", "state": "absent"}, {"name": "x.test", "backend": "nope"},
             {"name": "y.test", "bakend": "app2"}, {"name": "z.test", "labels": {"A": "b"}}]
    text = "".join(json.dumps(one) + "\n" for one in mixed) + "no json\n\n"
    got = expect_code(ctl_stdin(lab.certd, text, "apply", "-f", "-", "-o", "ndjson"), 9)
    equal(changes(got), {"n0000.test": "removed", "n0001.test": "updated", "n0002.test": "updated",
                         "n0003.test": "unchanged", "gone.test": "unchanged"}, "mixed")
    equal([(one["name"], one["error"]["code"]) for one in got.lines() if not one["ok"]],
          [("a..b", "invalid-name"), ("x.test", "unknown-backend"), ("y.test", "invalid"),
           ("z.test", "invalid")], "refused")
    check("line 10: this is no JSON object" in got.err, got.err)
    equal(lab.certd.show("n0001.test")["backend"], "app2", "backend")
    equal(lab.certd.show("n0002.test")["labels"], None, "labels")
    equal(lab.certd.show("n0003.test")["labels"], {"tenant": "t3", "plan": "gold"}, "labels")
    equal(len(lab.certd.names()), 999, "names")
    listed = lab.ctl_ok("list", "--label", "tenant=t3", "-o", "names").out.split()
    equal(listed, [f"n{i:04}.test" for i in range(3, 1000, 10)], "list --label")
    both = lab.ctl_ok("list", "--label", "tenant=t3", "--label", "plan=lead", "-o", "names").out
    equal(both, "", "list with a label that nobody has")


@scenario()
def list_filters(lab):
    ca, folder = begin(lab)
    for days in (5, 20, 40):
        for i in range(3):
            key, leaf, inter = ca.leaf(f"d{days}-{i}.test", days=days)
            write(f"{folder}/{days}-{i}.pem", leaf + inter + key)
    lab.ctl_ok("import", folder)
    lab.add("label.test", options=("--label", "tenant=acme"))

    def names(*words):
        return lab.ctl_ok("list", "-o", "names", *words).out.split()
    # a 5-day certificate is due after 2.5 days, so nothing renews by itself here
    equal(names("--expires-in", "7d"), [f"d5-{i}.test" for i in range(3)], "7d")
    equal(sorted(names("--expires-in", "30d")),
          sorted([f"d{d}-{i}.test" for d in (5, 20) for i in range(3)]), "30d")
    by_expiry = [n for n in names("--sort", "expiry") if n != "label.test"]
    equal([n.split("-")[0] for n in by_expiry], ["d5"] * 3 + ["d20"] * 3 + ["d40"] * 3, "by expiry")
    page = lab.ctl_ok("list", "--sort", "expiry", "--limit", "4", "-o", "json").json()
    rest = lab.ctl_ok("list", "--sort", "expiry", "--after", page["after"], "-o", "json").json()
    equal([i["name"] for i in page["items"] + rest["items"]], names("--sort", "expiry"), "paged")
    equal(names("--label", "tenant=acme"), ["label.test"], "label")
    equal(lab.certd.show("label.test")["labels"], {"tenant": "acme"}, "labels")
    equal(len(names("--state", "valid")), 10, "valid")
    equal(names("--state", "expired"), [], "expired")
    equal(names("--state", "pending"), [], "pending")
    equal(names("--state", "renewing"), [], "renewing")
    lab.pebble.stop()
    lab.ctl_ok("add", "failing.test")
    lab.ctl_ok("renew", "d40-0.test")
    wait_for(lambda: names("--error", "ca/unreachable") or lab.certd.show("failing.test").get("error"),
             20, "a failure")
    equal(names("--error", "authz/dns"), [], "another error")
    expect_code(lab.ctl("list", "--error", "nonsense"), 2)
    expect_code(lab.ctl("list", "--sort", "colour"), 2)
    expect_code(lab.ctl("list", "--expires-in", "soon"), 2)


@scenario()
def many_lines_from_stdin(lab):
    lab.start()
    tool = os.path.join(BUILD, "tests", "support", "gencerts")
    ca = os.path.join(lab.directory, "many-ca.pem")
    made = subprocess.run([tool, "3000", ca], capture_output=True, text=True, check=True)
    lines = made.stdout.splitlines(keepends=True)
    lines.insert(2500, "{}\n")
    lines.insert(100, "x" * (1024 * 1024 + 10) + "\n")
    began = time.monotonic()
    got = expect_code(ctl_stdin(lab.certd, "".join(lines), "import", "-f", "-", "-o", "ndjson"), 9)
    took = time.monotonic() - began
    equal(len(changes(got)), 3000, "imported")
    equal([n for n in changes(got)], sorted(changes(got)), "results in the order of lines")
    check("line 101: longer than 1 MiB" in got.err and "line 2502: not {" in got.err, got.err)
    import tlsclient
    with open(ca) as file:
        root = file.read().split("-----BEGIN PRIVATE")[0]
    for name in ("d0000000.load.test", "d0002999.load.test"):
        tlsclient.connect(lab.https, name, root).close()
    equal(lab.ctl_ok("status", "-o", "json").json()["names"]["valid"], 3000, "counted")
    print(f"     3,000 certificates in {took:.2f} s: {3000 / took:,.0f} names/s")


@scenario(config="control { read user nobody; }")
def inspect_of_names_and_files(lab):
    lab.start()
    lab.add("a.test")
    whole = lab.ctl_ok("inspect", "a.test", "-o", "json").json()
    leaf, issuer = whole["certificates"][0], whole["certificates"][1]
    equal((whole["faults"], leaf["names"], leaf["is_ca"], issuer["is_ca"]), ([], ["a.test"], False, True),
          f"{whole}")
    shown = lab.certd.show("a.test")
    equal([leaf[word] for word in ("serial", "issuer", "key", "not_before", "not_after")],
          [shown[word] for word in ("serial", "issuer", "key", "not_before", "not_after")], "as in show")
    path = os.path.join(lab.directory, "both.pem")
    with open(path, "w") as file:
        file.write(lab.ctl_ok("export", "a.test", "--private-key").out)
    equal(lab.ctl_ok("inspect", path, "-o", "json").json()["certificates"], whole["certificates"],
          "of the file")
    faults = lambda *words: [fault["what"] for fault in lab.ctl("inspect", *words, "-o", "json").json()["faults"]]
    equal(faults(path, path, "--name", "A.test"), [], "its key, its name")
    for words, right in ((("a.test",), "key, names, chain"), ((path,), "chain"),
                         ((path, path, "--name", "a.test"), "key, names, chain")):
        said = lab.ctl_ok("inspect", *words).out.splitlines()[-1]
        check(re.fullmatch(f"audit +{right} and dates are right", said), f"{words}: {said}")
    equal(faults(path, "--name", "b.test"), ["name"], "not its name")
    check("audit" not in lab.ctl("inspect", path, "--name", "b.test").out, "what is wrong is said alone")
    lab.add("b.test")
    other = os.path.join(lab.directory, "other.pem")
    with open(other, "w") as file:
        file.write(lab.ctl_ok("export", "b.test", "--private-key").out)
    equal(faults(path, other, "--name", "b.test"), ["key", "name"], "neither key nor name")
    chain = lab.ctl_ok("export", "a.test").out
    blocks = [block + "-----END CERTIFICATE-----\n" for block in chain.split("-----END CERTIFICATE-----\n")[:-1]]
    wrong = os.path.join(lab.directory, "wrong.pem")
    with open(wrong, "w") as file:
        file.write(blocks[0] + lab.ctl_ok("export", "b.test").out)
    equal(faults(wrong), ["chain"], "another leaf in between")
    with open(wrong, "w") as file:
        file.write("".join(blocks[1:]))
    equal(faults(wrong), [], "CAs alone")
    got = expect_code(lab.ctl("inspect", path, wrong), 1)
    check("no private key in it" in got.err, f"{got}")
    sealed = subprocess.run(["openssl", "pkey", "-in", path, "-aes256", "-passout", "pass:x"],
                            capture_output=True, text=True, check=True).stdout
    with open(other, "w") as file:
        file.write(sealed)
    check("encrypted" in expect_code(lab.ctl("inspect", path, other), 1).err, "an encrypted key")
    for words in (("a.test", path), ("a.test", "--name", "b.test")):
        expect_code(lab.ctl("inspect", *words), 2)
    expect_code(lab.ctl("inspect", path, "--name", "a..b"), 2)
    old = os.path.join(lab.directory, "old.pem")
    _, expired, _ = Authority(os.path.join(lab.directory, "old")).leaf("x.test", days=-1)
    with open(old, "w") as file:
        file.write(expired)
    got = expect_code(lab.ctl("inspect", old), 1)
    check("fault: expired: " in got.out, f"{got}")
    for text, words in (("", "no certificate in it"), ("x" * 600000, "longer than"),
                        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
                        ("-----BEGIN CERTIFICATE-----\nAAAA", "certificate")):
        with open(path, "w") as file:
            file.write(text)
        got = expect_code(lab.ctl("inspect", path), 1)
        check(words in got.err, f"{got}")
    expect_code(lab.ctl("inspect", "nobody.test"), 3)
    expect_code(lab.ctl("inspect", f"{path}.nowhere"), 1)
    if os.geteuid() == 0:
        os.chmod(old, 0o644)
        equal(lab.ctl_of_a_stranger("inspect", old).returncode, 5, "a stranger's certificate")
        equal(lab.ctl_of_a_stranger("inspect", "a.test").returncode, 0, "a stranger looks at a name")


if __name__ == "__main__":
    main()

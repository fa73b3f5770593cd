#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What certd asks of DNS servers, and signed updates, against real servers."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import BUILD, PATIENCE                                         # noqa: E402
from lab import check, equal, main, scenario, wait_for                    # noqa: E402
from knot import Knot, beside, glue, key_file                             # noqa: E402


def configure(lab, *blocks):
    lab.write_config(extra="\n".join([f"resolver {lab.address};", *blocks]))
    lab.start()     # it takes such a configuration


def ask(lab, *words, timeout_ms=20000):
    """(exit status, what it says)"""
    done = subprocess.run([os.path.join(BUILD, "tests/support/dnsask"), lab.conf_path, *words],
                          capture_output=True, text=True, timeout=60 * PATIENCE,
                          env=dict(os.environ, TIMEOUT_MS=str(timeout_ms)))
    check(done.returncode in (0, 1), f"dnsask {words}: {done.returncode} {done.stderr}")
    return done.returncode, done.stdout.strip()


def start(lab, zones, **more):
    """A server of the lab, ended with it."""
    server = Knot(lab.directory, more.pop("address", lab.address), zones, **more)
    lab.on_close.callback(server.stop)
    return server.start()


@scenario()
def the_place_of_a_record_is_found(lab):
    here, there = lab.address, beside(lab, 1)
    chain = [f"c{i} CNAME c{i + 1}.a.test." for i in range(9)] + ["c9 TXT end"]
    start(lab, {
        "a.test": [*glue("a.test", here, there),
                   "sub NS ns0.a.test.", "_acme-challenge.two CNAME two.b.test.",
                   "_acme-challenge.up CNAME _Acme-Challenge.TWO.a.test.",
                   "loop CNAME pool.a.test.", "pool CNAME loop.a.test.",
                   "odd CNAME x\\.y.a.test.", "deep.er TXT x", *chain],
        "sub.a.test": glue("sub.a.test", here),
        "b.test": [*glue("b.test", here), "ns6.b.test. AAAA 2001:db8::53", "@ NS ns6.b.test."],
    })
    configure(lab)
    for name, want in [
            ("_acme-challenge.x.a.test", f"_acme-challenge.x.a.test a.test {here} {there}"),
            ("_acme-challenge.a.test", f"_acme-challenge.a.test a.test {here} {there}"),
            ("er.deep.er.a.test", f"er.deep.er.a.test a.test {here} {there}"),
            ("a.test", f"a.test a.test {here} {there}"),
            ("_acme-challenge.sub.a.test", f"_acme-challenge.sub.a.test sub.a.test {here}"),
            ("_acme-challenge.two.a.test", f"two.b.test b.test {here} 2001:db8::53"),
            ("_acme-challenge.up.a.test", f"two.b.test b.test {here} 2001:db8::53"),
            ("c2.a.test", f"c9.a.test a.test {here} {there}")]:
        equal(ask(lab, "find", name), (0, want), name)
    for name, words in [
            ("loop.a.test", "more than 8 CNAMEs follow loop.a.test"),
            ("c0.a.test", "more than 8 CNAMEs follow c0.a.test"),
            ("odd.a.test", "the CNAME at odd.a.test leads to a name with odd characters"),
            ("x.elsewhere.test", f"no resolver has an answer for x.elsewhere.test ({here}: REFUSED)")]:
        code, said = ask(lab, "find", name)
        equal((code, said), (1, "dns/lookup " + words), name)


@scenario()
def a_name_is_looked_at_on_every_server(lab):
    here, there, nobody = lab.address, beside(lab, 1), beside(lab, 2)
    many = [f"many TXT \"filler {i} {'x' * 200}\"" for i in range(100)]
    lines = [*glue("a.test", here, there, nobody), "one TXT value", *many, "many TXT value",
             "parts TXT \"va\" \"lue\""]
    start(lab, {"a.test": lines})
    configure(lab)
    # Nobody is at two of three addresses: a CA would ask the third, too.
    equal(ask(lab, "look", "one.a.test", "value"), (0, ""), "one server has it, two are away")

    second = start(lab, {"a.test": [*glue("a.test", here, there, nobody), "many TXT value",
                                    "parts TXT other"]}, address=there)
    equal(ask(lab, "look", "many.a.test", "value"), (0, ""),
          "more than a datagram holds comes by TCP")
    code, said = ask(lab, "look", "one.a.test", "value")
    equal(code, 1, said)
    check(said.startswith("dns/record TXT one.a.test: ") and f"ns1.a.test ({there}) has no TXT" in said
          and f"({nobody}) does not answer" in said and f"({here})" not in said, said)
    code, said = ask(lab, "look", "parts.a.test", "value")
    check(code == 1 and f"({there}) has 1 TXT record there, but not ours" in said, said)
    code, said = ask(lab, "look", "one.a.test", "other")
    check(code == 1 and f"({here}) has 1 TXT" in said and f"({there}) has no TXT" in said, said)

    # A server that is no longer in charge does not count.
    second.stop()
    start(lab, {"c.test": glue("c.test", there)}, address=there)
    equal(ask(lab, "look", "one.a.test", "value"), (0, ""), "a lame server does not count")


@scenario()
def signed_updates(lab):
    keys = [key_file(f"{lab.directory}/k{bits}", f"k{bits}", f"hmac-sha{bits}")
            for bits in (256, 384, 512)]
    # The same name with another secret, a name that the server does not know, the bare secret.
    wrong = key_file(f"{lab.directory}/wrong", "k256")
    with open(keys[0]) as known, open(f"{lab.directory}/bare", "w") as bare:
        bare.write(known.read().split('secret "')[1].split('"')[0] + "\n")
    os.chmod(f"{lab.directory}/bare", 0o600)
    os.chmod(key_file(f"{lab.directory}/open", "k256"), 0o644)
    server = start(lab, {"a.test": glue("a.test", lab.address)},
                   updates={key: [f"x{key[-3:]}"] for key in keys})

    def block(name, key, path, algorithm="hmac-sha256", more=""):
        return (f"dns {name} {{ server {lab.address}; key {key} {algorithm} file {path}; {more} }}")

    configure(lab, *[block(f"b{bits}", f"k{bits}", path, f"hmac-sha{bits}", "ttl 5s;")
                     for bits, path in zip((256, 384, 512), keys)],
              block("bare", "K256.", f"{lab.directory}/bare"), block("wrong", "k256", wrong),
              block("stranger", "stranger", wrong), block("open", "k256", f"{lab.directory}/open"),
              block("missing", "k256", "/nonexistent/key"), block("other", "k256", keys[0],
                                                                  more="zone b.test;"),
              f"dns away {{ server {beside(lab, 2)}; key k256 hmac-sha256 file {keys[0]}; }}")

    long = "v" * 600
    for bits in (256, 384, 512):
        name, dns = f"x{bits}.a.test", f"b{bits}"
        for value in ("one", "two", long, "two"):
            equal(ask(lab, "add", dns, name, value), (0, ""), f"adding {value[:5]} by {dns}")
        equal(server.txt(name), ["one", "two", long], "side by side, each once")
        equal(ask(lab, "look", name, long), (0, ""), "in pieces, and whole again")
        for value in ("two", "two", "never"):
            equal(ask(lab, "remove", dns, name, value), (0, ""), f"removing {value} by {dns}")
        equal(server.txt(name), ["one", long], "the others stay")
    equal(ask(lab, "remove", "bare", "x256.a.test", "one"), (0, ""), "a key as bare base64")

    for dns, name, kind, words in [
            ("wrong", "x256", "dns/update", "BADSIG"), ("stranger", "x256", "dns/update", ("BADKEY", "NOTAUTH")),
            ("b256", "x384", "dns/update", "refuses"),
            ("open", "x256", "dns/update", "must be closed to other users"),
            ("missing", "x256", "dns/update", "/nonexistent/key of DNS updates: No such file"),
            ("other", "x256", "dns/update", 'not in the zone "b.test"'),
            ("away", "x256", "dns/lookup", "for updates: the other side cannot be reached")]:
        code, said = ask(lab, "add", dns, f"{name}.a.test", "no")
        words = (words,) if isinstance(words, str) else words
        check(code == 1 and said.startswith(kind) and any(word in said for word in words),
              f"{dns} {name}: {said}")
    check("no" not in server.txt("x256.a.test") + server.txt("x384.a.test"), "refused, and not there")


@scenario()
def an_update_comes_to_all_servers(lab):
    here, there = lab.address, beside(lab, 1)
    key = key_file(f"{lab.directory}/key", "k")
    start(lab, {"a.test": glue("a.test", here, there)}, updates={key: []}, notify=[there])
    start(lab, {"a.test": []}, address=there, primary=here)
    configure(lab, f"dns d {{ server {here}; key k hmac-sha256 file {key}; }}")
    wait_for(lambda: ask(lab, "look", "x.a.test", "v")[1].count("has no TXT record") == 2, 20,
             "both servers answer")
    equal(ask(lab, "add", "d", "x.a.test", "v"), (0, ""), "adding")
    wait_for(lambda: ask(lab, "look", "x.a.test", "v")[0] == 0, 20, "the record is at both")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates by DNS: signed updates of a real zone that the CA asks itself, and dns-persist-01."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from knot import Knot, beside, glue, key_file                             # noqa: E402
from lab import check, equal, main, scenario, wait_for                    # noqa: E402
from storelab import events                                               # noqa: E402


def serve(lab, zones, address=None, **more):
    """A DNS server of the lab, ended with it."""
    server = Knot(lab.directory, address or lab.address, zones, **more)
    lab.on_close.callback(server.stop)
    return server.start()


def use_updates(lab, key, words="", more=""):
    lab.ca_words += " dns zone;"
    lab.extra += (f"resolver {lab.address};\n"
                  f"dns zone {{ server {lab.address}; key k hmac-sha256 file {key}; {words} }}\n{more}")
    lab.write_config()


def failed(lab, name, code):
    """NAME fails with CODE; returns the problem."""
    def problem():
        item = lab.certd.show(name)
        return item["state"] == "failing" and item["error"]
    found = wait_for(problem, 60, f"{name} fails with {code}")
    equal(found["code"], code, f"why {name} failed: {found['detail']}")
    return found


def retried(lab, name):
    """Tries NAME once more, now, and waits for it to be served."""
    lab.ctl_ok("renew", name)
    lab.wait_served([name.replace("*", "any")], 60)


@scenario(version="2.4", challenge="dns-01", resolver_port=53)
@scenario(version="2.10", challenge="dns-account-01", resolver_port=53)
def names_by_signed_updates(lab):
    here, there = lab.address, beside(lab, 1)
    key = key_file(f"{lab.directory}/key", "k")
    primary = serve(lab, {"u.test": glue("u.test", here, there)}, updates={key: []}, notify=[there])
    secondary = serve(lab, {"u.test": []}, address=there, primary=here)
    use_updates(lab, key)
    lab.start()
    lab.add("u.test", "*.u.test", "a.b.u.test")
    wild = lab.serial("any.u.test")
    equal(lab.serial("other.u.test"), wild, "one certificate under the wildcard")
    check(lab.serial("u.test") != wild, "the apex has its own")
    with open(secondary.log) as log:
        check("IXFR, incoming" in log.read(), "the records have come to the secondary")
    for server in (primary, secondary):
        wait_for(lambda: not server.records("TXT"), 30,
                 f"all records gone: {server.records('TXT')}")


@scenario(version="newest", challenge="dns-01", resolver_port=53)
def a_delegated_name_is_updated_where_its_cname_leads(lab):
    key = key_file(f"{lab.directory}/key", "k")
    server = serve(lab, {"u.test": [*glue("u.test", lab.address),
                                    "_acme-challenge CNAME u.acme.u.test.",
                                    "_acme-challenge.x CNAME x.acme.u.test."]},
                   updates={key: ["u.acme", "x.acme"]})
    use_updates(lab, key)
    lab.start()
    lab.add("u.test", "*.u.test", "x.u.test")
    lab.serial("any.u.test")
    wait_for(lambda: not server.records("TXT"), 30, "all records gone")


@scenario(version="newest", challenge="dns-01", resolver_port=53)
def updates_that_are_refused_are_told_and_healed(lab):
    key, other = (key_file(f"{lab.directory}/{name}", "k") for name in ("key", "other"))
    serve(lab, {"u.test": glue("u.test", lab.address)}, updates={key: []})
    use_updates(lab, other)
    lab.start()
    lab.ctl_ok("add", "u.test")
    problem = failed(lab, "u.test", "dns/update")
    check("BADSIG" in problem["detail"], problem["detail"])
    os.rename(key, other)       # read when it is needed: no reload
    retried(lab, "u.test")


@scenario(version="newest", challenge="dns-01", resolver_port=53)
def a_server_that_lags_is_waited_for(lab):
    here, there = lab.address, beside(lab, 1)
    key = key_file(f"{lab.directory}/key", "k")
    zone = {"u.test": glue("u.test", here, there)}
    serve(lab, zone, updates={key: []})
    lagging = serve(lab, zone, address=there)       # gets nothing from the other
    use_updates(lab, key, words="propagation-timeout 4s;")
    lab.start()
    lab.ctl_ok("add", "u.test")
    problem = failed(lab, "u.test", "dns/record")
    check(f"({there}) has no TXT record there" in problem["detail"], problem["detail"])
    check(f"({here})" not in problem["detail"], problem["detail"])
    lagging.stop()
    retried(lab, "u.test")


@scenario(version="2.10", challenge="dns-persist-01", resolver_port=53)
def a_person_sets_a_record_once(lab):
    lines = glue("p.test", lab.address)
    server = serve(lab, {"p.test": lines})
    lab.extra += f"resolver {lab.address};\n"
    lab.write_config()
    lab.start()
    lab.ctl_ok("add", "p.test", "*.p.test")
    plain = failed(lab, "p.test", "dns/record")["detail"]
    wild = failed(lab, "*.p.test", "dns/record")["detail"]
    check(plain.startswith("to be set, once: _validation-persist.p.test. TXT \"")
          and "accounturi=https://" in plain and "has no record for this CA" in plain, plain)
    record = wild.split(" TXT ")[1].split(" (found:")[0]
    check(record.endswith('; policy=wildcard"'), record)

    def set_to(*texts):
        server.stop()
        server.write_zone("p.test", [*lines, *[f"_validation-persist TXT {t}" for t in texts]])
        server.start()

    # Another account's is not ours, one without policy=wildcard is for the name alone.
    set_to(record.replace("accounturi=https://", "accounturi=https://not-"))
    lab.ctl_ok("renew", "p.test")
    wait_for(lambda: "has one that is of another account" in
             lab.certd.show("p.test")["error"]["detail"], 30, "told whose it is")
    set_to(record.replace("; policy=wildcard", ""))
    retried(lab, "p.test")
    lab.ctl_ok("renew", "*.p.test")
    wait_for(lambda: "has one that has no policy=wildcard" in
             lab.certd.show("*.p.test")["error"]["detail"], 30, "told what is missing")

    # As it was printed: good for both. One that ends soon is told of, once; a later one is not.
    set_to(record)
    retried(lab, "*.p.test")
    equal(events(lab, "dns.record_ends"), [], "nothing ends")
    ends = int(time.time()) + 86400
    set_to(record[:-1] + f'; persistUntil={ends}"', '"other.example; accounturi=https://x/1"')
    lab.ctl_ok("renew", "p.test", "--wait")
    told = wait_for(lambda: events(lab, "dns.record_ends"), 30, "that the record ends")
    ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    check(told[0]["name"] == "p.test" and ended in told[0]["detail"], told)
    shown = lab.certd.show("p.test")
    equal((shown["dns_record"], shown["dns_record_until"]), ("_validation-persist.p.test", ended),
          "what is shown of the record")
    check(re.search(f"good until +{ended}", lab.ctl_ok("show", "p.test").out),
          lab.ctl_ok("show", "p.test").out)
    set_to(record[:-1] + f'; persistUntil={int(time.time()) - 60}"')
    lab.ctl_ok("renew", "p.test")
    wait_for(lambda: "its persistUntil is over" in
             (lab.certd.show("p.test").get("error") or {}).get("detail", ""), 30, "it has ended")
    lab.serial("p.test")        # the certificate is good for a while
    equal(len(events(lab, "dns.record_ends")), 1, "told once")


if __name__ == "__main__":
    main()

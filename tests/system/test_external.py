#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""External names: no CA is ever asked for their certificates."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tlsclient  # noqa: E402
from authority import Authority, read  # noqa: E402
from lab import PORTS, check, equal, main, scenario  # noqa: E402

ECHO = PORTS["backend"] + 7


def configure(lab):
    lab.write_config(f"backend raw {{ server {lab.address}:{ECHO}; passthrough; }}\n")
    lab.add_backend(ECHO, mode="echo")


def without_cas(lab):
    """The configuration as it is, with no ca in it at all."""
    with open(lab.conf_path) as conf:
        text = re.sub(r"^ca pebble \{.*?^\}\n", "", conf.read(), flags=re.MULTILINE | re.DOTALL)
    text = text.replace("default { ca pebble;", "default {")
    check("pebble" not in text, text)
    lab.write_config(text=text)


def item_of(lab, name):
    return lab.certd.show(name)


def apply(lab, item, code=0):
    path = os.path.join(lab.directory, "apply.ndjson")
    with open(path, "w") as out:
        json.dump(item, out)
    answer = lab.ctl("apply", "-f", path)
    equal(answer.code, code, f"apply {item}: {answer}")
    return answer


def is_passed(lab, name):
    hello = tlsclient.client_hello(name.encode())
    return tlsclient.answer_to(lab.https, hello) not in ("unrecognized_name", "server_hello")


def orders(lab, name):
    return [json.loads(line) for line in
            lab.ctl_ok("events", "--name", name, "-o", "ndjson").out.splitlines()]


@scenario()
def a_name_behind_passthrough_is_never_ordered(lab):
    configure(lab)
    lab.start()
    lab.ctl_ok("add", "raw.test", "*.wild.test", "--backend", "raw", "--wait")
    for name in ("raw.test", "*.wild.test"):
        item = item_of(lab, name)
        equal((item["state"], item["external"], item["ca"], item.get("next")),
              ("external", True, None, None), name)
    check(is_passed(lab, "raw.test") and is_passed(lab, "a.wild.test"), "it is passed through")
    lab.add("a.test")                       # whose issuing does not mind
    equal([event["type"] for event in orders(lab, "raw.test")], ["name.added"], "what happened")
    equal(lab.ctl_ok("list", "--state", "external", "-o", "names").out.split(),
          ["*.wild.test", "raw.test"], "the list")
    names = lab.certd.status()["names"]
    equal((names["external"], names["valid"], names["total"]), (2, 1, 3), "counts")
    answer = lab.ctl("renew", "raw.test")
    check(answer.code != 0 and "external" in answer.err, f"renew: {answer}")
    check("no certificate is ordered" in lab.ctl_ok("show", "raw.test").out, "show says so")
    # Who wants one says so; and it is a name like others then.
    lab.ctl_ok("add", "both.test", "--backend", "raw", "--ca", "pebble", "--wait")
    equal(item_of(lab, "both.test")["state"], "valid", "with --ca")
    lab.certd.stop()
    lab.start()
    equal(item_of(lab, "raw.test")["state"], "external", "after a restart")


@scenario()
def without_any_ca_names_are_served_all_the_same(lab):
    configure(lab)
    without_cas(lab)
    lab.start()
    lab.ctl_ok("add", "raw.test", "--backend", "raw")
    check(is_passed(lab, "raw.test"), "it is passed through")
    answer = lab.ctl("add", "a.test")
    check(answer.code == 2 and "no ca given" in answer.err, f"{answer}")
    answer = lab.ctl("add", "a.test", "--external")
    check(answer.code != 0 and "needs a certificate" in answer.err, f"{answer}")
    apply(lab, {"name": "more.test", "backend": "raw"})
    equal(item_of(lab, "more.test")["state"], "external", "applied")
    answer = apply(lab, {"name": "a.test"}, 2)
    check("no ca given" in answer.err, f"{answer}")
    # TLS ends here with a certificate that somebody else renews.
    imports(lab, "own.test", 1)
    item = item_of(lab, "own.test")
    equal((item["state"], item["external"], item.get("next")), ("external", True, None), "imported")
    equal(serial(lab, "own.test"), item["serial"].lstrip("0"), "served")
    imports(lab, "own.test", 2)
    check(serial(lab, "own.test") != item["serial"].lstrip("0"), "imported again")
    equal(item_of(lab, "own.test")["state"], "external", "and it stays so")
    listed = lab.ctl_ok("list", "--expires-in", "90d").out
    check("own.test" in listed and "external" in listed and "never" in listed, listed)
    for backend, code in (("raw", 0), ("app", 0)):
        apply(lab, {"name": "own.test", "backend": backend}, code)
    answer = apply(lab, {"name": "more.test", "backend": "app"}, 2)
    check("needs a certificate" in answer.err, f"{answer}")


def imports(lab, name, number):
    ca = Authority(os.path.join(lab.directory, f"ca{number}"))
    key, cert = ca.make("leaf", (ca.inter, ca.inter_key), "CA:FALSE", f"DNS:{name}",
                        days=60 + number)
    folder = os.path.join(lab.directory, f"import{number}")
    os.mkdir(folder)
    with open(os.path.join(folder, "one.pem"), "w") as out:
        out.write(read(cert) + read(ca.inter) + read(key))
    lab.ctl_ok("import", folder, "--external", "--replace")
    lab.imported = read(ca.root)


def serial(lab, name):
    with tlsclient.connect(lab.https, name, lab.imported) as tls:
        return tlsclient.serial_of(tls).lstrip("0")


@scenario()
def a_name_becomes_external_and_is_ordered_again(lab):
    configure(lab)
    lab.start()
    lab.add("a.test")
    answer = apply(lab, {"name": "a.test", "external": True, "ca": "pebble"}, 2)
    check("is not \"external\"" in answer.err, f"{answer}")
    answer = apply(lab, {"name": "a.test", "external": "yes"}, 2)
    check("another type" in answer.err, f"{answer}")
    apply(lab, {"name": "a.test", "external": True})
    item = item_of(lab, "a.test")
    equal((item["state"], item.get("next"), item["generation"] > 0), ("external", None, True),
          "it has its certificate, and no renewal")
    lab.serial("a.test")
    check('"unchanged"' in lab.ctl_ok("apply", "-f", os.path.join(lab.directory, "apply.ndjson"),
                                      "-o", "ndjson").out, "the same again")
    apply(lab, {"name": "a.test", "external": False})
    item = item_of(lab, "a.test")
    equal((item["state"], item["ca"], item["external"]), ("valid", "pebble", False), "ordered again")
    check(item["next"], "its renewal is planned")
    lab.ctl_ok("add", "raw.test", "--backend", "raw")
    # Names that share a certificate are ordered for.
    for item, word in (({"name": "raw.test", "with": ["c.test"]}, "external"),
                       ({"name": "a.test", "with": ["raw.test"]}, "external")):
        check(word in apply(lab, item, 6).err, f"{item}")
    apply(lab, {"name": "a.test", "with": ["c.test"]})
    for name in ("a.test", "c.test"):
        check("shares" in apply(lab, {"name": name, "external": True}, 6).err, name)
    answer = lab.ctl("add", "d.test", "e.test", "--backend", "raw", "--one-certificate")
    check(answer.code == 2 and "external" in answer.err, f"{answer}")
    apply(lab, {"name": "raw.test", "ca": "pebble", "backend": "app"})
    lab.ctl_ok("wait", "raw.test")
    lab.serial("raw.test")


@scenario()
def an_order_in_work_is_forgotten(lab):
    """The CA does not answer when the name becomes external."""
    configure(lab)
    lab.pebble.stop()
    lab.start()
    lab.ctl_ok("add", "raw.test", "--backend", "raw", "--ca", "pebble")
    apply(lab, {"name": "raw.test", "external": True})
    lab.certd.stop()
    lab.pebble.start()
    lab.start()
    lab.add("a.test")
    item = item_of(lab, "raw.test")
    equal((item["state"], item.get("order"), item.get("error")), ("external", None, None), "it")
    check("cert.stored" not in [event["type"] for event in orders(lab, "raw.test")], "no order")


if __name__ == "__main__":
    main()

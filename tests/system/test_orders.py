#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is ordered: several names in one certificate, two kinds of key, addresses, profiles, chains."""

import json
import os
import ssl
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tlsclient  # noqa: E402
from certd import ctl_stdin  # noqa: E402
from lab import PATIENCE, check, equal, expect_code, main, scenario, wait_for  # noqa: E402

ALWAYS_VALID = {"PEBBLE_VA_ALWAYS_VALID": "1"}


def covers(lab, name):
    return sorted(lab.certd.show(name)["names"])


def apply(lab, *items, code=0):
    text = "".join(json.dumps(item) + "\n" for item in items)
    answer = expect_code(ctl_stdin(lab.certd, text, "apply", "-f", "-", "-o", "ndjson"), code)
    return [line.get("change") for line in answer.lines() if "change" in line]


def is_valid(lab, *names):
    """Also while the keeper is being started again."""
    answers = [lab.ctl("show", name, "-o", "json") for name in names]
    return all(a.code == 0 and a.json()["items"][0]["state"] == "valid" for a in answers)


@scenario(version="2.4")
@scenario(version="2.10", nonce_reject=20)
def one_certificate_for_all(lab):
    """Of several names the first leads; any of them renews it, and its end is everybody's."""
    lab.start()
    names = ["a.test", "b.test", "c.test"]
    answer = lab.add(*names, options=["--one-certificate"])
    served = {line["name"] for line in answer.lines() if line["step"] == "serving"}
    equal(served, set(names), "names told as serving")
    equal(len({lab.serial(name) for name in names}), 1, "certificates of three names")
    equal(covers(lab, "b.test"), names, "names of the certificate")
    lead, led = lab.certd.show("a.test"), lab.certd.show("b.test")
    equal((lead["with"], lead["lead"]), (["b.test", "c.test"], None), "what the lead shows")
    equal((led["with"], led["lead"], led["state"]), (None, "a.test", "valid"), "what b shows")
    check(lead["next"] and not led["next"], "the lead is planned, and nobody else")

    before = lab.serial("a.test")
    lab.ctl_ok("renew", "c.test", "--wait")
    serials = {lab.serial(name) for name in names}
    check(len(serials) == 1 and before not in serials, f"renewed together: {serials}")


@scenario()
def members_come_and_go(lab):
    lab.start()
    lab.add("a.test", "b.test", "c.test", options=["--one-certificate"])
    equal(apply(lab, {"name": "a.test", "with": ["c.test", "b.test"]}), ["unchanged"], "as it is")
    equal(apply(lab, {"name": "a.test", "with": ["b.test", "d.test"]}), ["updated"], "c for d")
    wait_for(lambda: is_valid(lab, "a.test", "d.test"), 30, "a and d are valid")
    wait_for(lambda: covers(lab, "a.test") == ["a.test", "b.test", "d.test"], 30, "a covers d")
    equal(lab.serial("a.test"), lab.serial("d.test"), "the one certificate")
    alone = lab.certd.show("c.test")
    equal((alone["lead"], alone["state"]), (None, "valid"), "c, which has left")
    check(alone["next"], "c is planned by itself")
    lab.ctl_ok("renew", "c.test", "--wait")
    equal(covers(lab, "c.test"), ["c.test"], "c's own certificate")

    lab.ctl_ok("remove", "b.test")
    lab.serial("a.test")
    lab.ctl_ok("renew", "a.test", "--wait")
    equal(covers(lab, "a.test"), ["a.test", "d.test"], "without the one that was removed")

    serial = lab.serial("d.test")
    lab.ctl_ok("remove", "a.test")
    equal(lab.serial("d.test"), serial, "served by d after its lead has gone")
    heir = lab.certd.show("d.test")
    equal((heir["lead"], heir["with"]), (None, None), "d leads")
    check(heir["next"], "d is planned")
    lab.ctl_ok("renew", "d.test", "--wait")
    equal(covers(lab, "d.test"), ["d.test"], "d's own certificate")


@scenario()
def the_next_one_leads(lab):
    lab.start()
    lab.add("a.test", "b.test", "c.test", options=["--one-certificate"])
    lab.ctl_ok("remove", "a.test")
    equal(lab.certd.show("b.test")["with"], ["c.test"], "b leads c")
    lab.ctl_ok("renew", "c.test", "--wait")
    equal(covers(lab, "c.test"), ["b.test", "c.test"], "b's certificate")


@scenario()
def who_is_not_free_is_refused(lab):
    lab.start()
    lab.add("a.test", "b.test", options=["--one-certificate"])
    lab.add("x.test", "y.test", options=["--one-certificate"])
    for item in ({"name": "a.test", "with": ["y.test"]}, {"name": "a.test", "with": ["x.test"]},
                 {"name": "y.test", "with": ["z.test"]}):
        apply(lab, item, code=6)
    apply(lab, {"name": "a.test", "with": "b.test"}, code=2)
    apply(lab, {"name": "a.test", "with": ["-"]}, code=2)
    equal(lab.certd.show("a.test")["with"], ["b.test"], "as before")
    equal(sorted(lab.certd.names()), ["a.test", "b.test", "x.test", "y.test"], "names")


@scenario(version="2.10")
def one_that_fails_fails_all(lab):
    """The problem says which name it is about, and is shown at each of them."""
    lab.pebble.dns_set("set-servfail", host="bad.test.")
    lab.start()
    expect_code(lab.ctl("add", "good.test", "bad.test", "--one-certificate", "--wait",
                        timeout=90), 1)
    for name in ("good.test", "bad.test"):
        item = lab.certd.show(name)
        equal(item["state"], "failing", f"state of {name}")
        check("bad.test" in item["error"]["detail"], f"{name}: {item['error']['detail']}")
    equal(apply(lab, {"name": "good.test", "with": []}), ["updated"], "alone")
    wait_for(lambda: is_valid(lab, "good.test"), 30, "good.test without the bad one")


@scenario()
def killed_in_the_middle(lab):
    """A set is ordered once, whatever is killed when."""
    names = [f"n{i}.test" for i in range(12)]
    lab.start()
    lab.ctl_ok("add", *names, "--one-certificate")
    wait_for(lambda: lab.certd.show(names[0])["order"], 20, "the order")
    lab.certd.kill("keeper")
    wait_for(lambda: is_valid(lab, *names), 60, "all are valid")
    equal(len({lab.serial(name) for name in names}), 1, "certificates")
    equal(covers(lab, names[0]), sorted(names), "names of the certificate")


def openssl_key(lab, name, sigalgs):
    """The kind of key that a client gets who can verify only SIGALGS."""
    command = ["openssl", "s_client", "-connect", f"{lab.https[0]}:{lab.https[1]}", "-servername",
               name, "-sigalgs", sigalgs]
    pem = subprocess.run(command, input=b"", capture_output=True, timeout=20 * PATIENCE).stdout
    shown = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True,
                           timeout=20).stdout.decode()
    return "rsa" if "rsaEncryption" in shown else "ec" if "id-ecPublicKey" in shown else "none"


def change_key(lab, kinds):
    lab.write_config(text=lab.config().replace("key ecdsa-p256;", f"key {kinds};"))


@scenario()
@scenario(version="2.10")
def both_kinds_of_key(lab):
    """Two orders one after the other; each client gets what it can use, both are renewed."""
    change_key(lab, "both")
    lab.start()
    lab.add("a.test")
    lab.add("b.test", "c.test", options=["--one-certificate"])
    for name in ("a.test", "c.test"):
        wait_for(lambda: lab.certd.show(name)["second"], 60, f"the second one of {name}")
        equal(openssl_key(lab, name, "RSA-PSS+SHA256:RSA+SHA256"), "rsa", f"{name}, RSA only")
        equal(openssl_key(lab, name, "ECDSA+SHA256"), "ec", f"{name}, ECDSA only")
        item = lab.certd.show(name)
        equal({item["key"], item["second"]["key"]}, {"ecdsa-p256", "rsa-2048"}, "kinds")
        equal(item["state"], "valid", "state")
        check(name != "a.test" or item["next"], "planned")
    equal(sorted(lab.certd.show("c.test")["second"]["names"]), ["b.test", "c.test"], "second's")

    def serials():
        item = lab.certd.show("a.test")
        return item["serial"], item["second"]["serial"]
    before = serials()
    lab.ctl_ok("renew", "a.test", "--wait")
    lab.ctl_ok("renew", "a.test", "--wait")
    check(not set(before) & set(serials()), f"both are new: {before}, {serials()}")


@scenario()
def every_kind_of_key(lab):
    """RSA keys are made beside the orders of other names; each certificate has its own."""
    lab.start()
    for kind in ("ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256"):
        change_key(lab, kind)
        lab.ctl_ok("reload")
        names = [f"{kind}-{i}.test" for i in range(3)]
        lab.add(*names)
        equal({lab.certd.show(name)["key"] for name in names}, {kind}, "keys")


@scenario(version="2.4", env=ALWAYS_VALID)
@scenario(version="2.10", env=ALWAYS_VALID)
def addresses_are_names(lab):
    """A client without SNI gets the certificate of the address that it connects to."""
    other = "127.63." + lab.address.split(".", 2)[2]
    lab.write_config(f"listen {other}:{lab.https[1]} {{ tls; }}\n"
                     f"listen [::1]:{lab.https[1]} {{ tls; }}\n")
    lab.start()
    lab.add(lab.address, other)
    lab.ctl_ok("add", "0:0:0:0:0:0:0:1", "--wait", timeout=90)
    equal(sorted(lab.certd.names()), sorted([lab.address, other, "::1"]), "names")
    for address in (lab.address, other, "::1"):
        equal(covers(lab, address), [address], "names of the certificate")
        tls = tlsclient.connect((address, lab.https[1]), address, lab.root)
        with tls:
            equal(int(tlsclient.serial_of(tls), 16),
                  int(lab.certd.show(address)["serial"].replace(":", ""), 16), address)
    expect_code(lab.ctl("add", "0.0.0.0"), 2)
    lab.add("with.test", options=["--backend", "app"])
    lab.serial("with.test")


@scenario(version="2.10", profiles={"short": 160 * 3600})
def profiles(lab):
    """A profile that the CA has not is left out, or the reason of a failure when it is required."""
    def with_profile(words):
        lab.write_config(text=lab.config().replace("agree-terms;", f"agree-terms; profile {words};"))

    with_profile("short")
    lab.start()
    lab.add("a.test")
    check(days(lab.certd.show("a.test")) < 8, "a.test has the short profile")
    with_profile("nothing")
    lab.ctl_ok("reload")
    lab.add("b.test")
    with_profile("nothing required")
    lab.ctl_ok("reload")
    expect_code(lab.ctl("add", "c.test", "--wait", timeout=60), 8)
    error = lab.certd.show("c.test")["error"]
    equal(error["code"], "ca/refused", "code")
    check('"nothing" is required' in error["detail"] and "short" in error["detail"],
          error["detail"])


def days(item):
    command = ["date", "+%s", "-d"]
    ends = [int(subprocess.run([*command, item[word]], capture_output=True, check=True).stdout)
            for word in ("not_before", "not_after")]
    return (ends[1] - ends[0]) / 86400


def root(lab, number):
    url = f"https://{lab.pebble.address}:{lab.pebble.management_port}/roots/{number}"
    context = ssl.create_default_context(cafile=lab.pebble.ca_file)
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return answer.read()


def openssl(data, *words):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True,
                          timeout=20).stdout


@scenario(version="2.4", env={"PEBBLE_ALTERNATE_ROOTS": "2", "PEBBLE_CHAIN_LENGTH": "2"})
@scenario(version="2.10", env={"PEBBLE_ALTERNATE_ROOTS": "2", "PEBBLE_CHAIN_LENGTH": "2"})
def chains(lab):
    """Of several chains the one that leads to a root by name, or has a key; else the first."""
    names = [openssl(root(lab, i), "x509", "-noout", "-subject", "-nameopt", "multiline,-align")
             .decode().split("commonName = ")[1].strip() for i in range(3)]
    equal(len(set(names)), 3, "roots")

    def with_chain(words):
        lab.write_config(text=lab.config().replace("agree-terms;", f"agree-terms; chain {words};"))

    with_chain(f'issuer "{names[2]}"')
    lab.start()
    lab.add("a.test")

    def last_issuer(name):
        chain = lab.ctl_ok("export", name).out.split("-----END CERTIFICATE-----")
        last = (chain[-2] + "-----END CERTIFICATE-----\n").encode()
        text = openssl(last, "x509", "-noout", "-issuer", "-nameopt", "multiline,-align").decode()
        return text.split("commonName = ")[1].strip(), last
    issuer, last = last_issuer("a.test")
    equal(issuer, names[2], "who issued the last one")
    key = openssl(last, "x509", "-noout", "-pubkey")
    spki = openssl(openssl(key, "pkey", "-pubin", "-outform", "DER"), "dgst", "-sha256", "-r")
    with_chain("issuer Nobody")
    lab.ctl_ok("reload")
    lab.ctl_ok("renew", "a.test", "--wait")
    equal(last_issuer("a.test")[0], names[0], "the first chain")
    with_chain(f"spki {spki.decode().split()[0]}")
    lab.ctl_ok("reload")
    lab.ctl_ok("renew", "a.test", "--wait")
    check(last in b"".join([lab.ctl_ok("export", "a.test").out.encode()]) or
          spki_of_chain(lab, "a.test", spki), "the chain with the key")


def spki_of_chain(lab, name, spki):
    chain = lab.ctl_ok("export", name).out.split("-----END CERTIFICATE-----")[1:-1]
    for pem in chain:
        key = openssl((pem + "-----END CERTIFICATE-----\n").encode(), "x509", "-noout", "-pubkey")
        der = openssl(key, "pkey", "-pubin", "-outform", "DER")
        if openssl(der, "dgst", "-sha256", "-r") == spki:
            return True
    return False


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""OCSP stapling with `openssl ocsp` as responder and `openssl s_client` as client."""

import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from authority import Authority, read  # noqa: E402
from certd import PATIENCE  # noqa: E402
from dated import Clock  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402

VERSIONS = ["-tls1_2", "-tls1_3"]
PORT = 20000 + os.getpid() % 12000     # `openssl ocsp` takes it on all addresses
SILENT = "OCSP response: no response sent"
MUST_STAPLE = "tlsfeature=status_request\n"


class Responder:
    """A CA with its responder: a certificate of its own, made for that by the intermediate."""

    def __init__(self, lab):
        self.lab = lab
        self.ca = Authority(os.path.join(lab.directory, "ca"))
        self.key, self.cert = self.delegate(self.ca)
        self.index = self.ca.path("index.txt")
        self.lines, self.process = {}, None
        self.url = f"http://{lab.address}:{PORT}/ocsp"
        self.say("FF", "V")     # openssl does not start without an index

    @staticmethod
    def delegate(ca):
        return ca.make("responder", (ca.inter, ca.inter_key), "CA:FALSE", None,
                       more="extendedKeyUsage=OCSPSigning\nnoCheck=ignored\n")

    def leaf(self, name, more="", status="V", **words):
        """Imports a certificate of NAME; returns its serial number."""
        lab, ca = self.lab, self.ca
        more = f"authorityInfoAccess=OCSP;URI:{self.url}\n" + more
        key, cert = ca.make(name, (ca.inter, ca.inter_key), "CA:FALSE", "DNS:" + name, more=more,
                            **words)
        text = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-serial"], text=True,
                              capture_output=True, check=True).stdout
        serial = text.strip().split("=")[1]
        self.say(serial, status)
        if self.process:
            self.stop()     # it reads its index once
            self.start(*self.words, signer=self.signer)
        both = os.path.join(lab.directory, name + ".pem")
        with open(both, "w") as out:
            out.write(read(cert) + read(ca.inter) + read(key))
        lab.ctl_ok("import", both, "--replace")     # two may be made within a second
        return serial

    def say(self, serial, status):
        """What the responder knows of a certificate: "V" valid, "R" revoked, None nothing."""
        revoked = "251101000000Z,keyCompromise" if status == "R" else ""
        self.lines[serial] = status and f"{status}\t350101000000Z\t{revoked}\t{serial}\tunknown\t/CN={serial}\n"
        with open(self.index, "w") as out:
            out.write("".join(line for line in self.lines.values() if line))

    def start(self, *words, signer=None):
        cert, key = signer or (self.cert, self.key)
        self.words, self.signer = words, signer
        self.log = open(self.ca.path("ocsp.log"), "w")
        self.process = subprocess.Popen(
            ["openssl", "ocsp", "-index", self.index, "-port", str(PORT),
             "-rsigner", cert, "-rkey", key, "-CA", self.ca.inter, "-ignore_err",
             *(words or ("-ndays", "7"))],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.lab.on_close.callback(self.stop)
        wait_for(lambda: "ACCEPT " in read(self.log.name), 10, "a responder")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.log.close()
        self.process = None


def shake(lab, name, version="-tls1_3", *words):
    """What s_client saw, with a verified chain; -status makes it ask."""
    root = os.path.join(lab.directory, "ca", "1.crt")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % lab.https, "-servername", name, "-CAfile", root,
         "-verify_return_error", version, *(words or ("-status",))],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * PATIENCE)
    check(done.returncode == 0, f"{name}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return done.stdout


def is_stapled(lab, name, version="-tls1_3"):
    said = shake(lab, name, version)
    check(("Cert Status: good" in said) != (SILENT in said), f"odd answer: {said[:3000]}")
    return "Cert Status: good" in said


def events(lab, kind):
    return [e for e in lab.ctl_ok("events", "--limit", "1000", "-o", "ndjson").lines()
            if e["type"] == kind]


@scenario(config="ocsp-allow-private;")
def a_staple_comes_and_goes(lab):
    responder = Responder(lab)
    responder.start()
    lab.start()
    serial = responder.leaf("a.test")
    wait_for(lambda: is_stapled(lab, "a.test"), 20, "a staple")
    for version in VERSIONS:
        said = shake(lab, "a.test", version, "-status")
        check(serial.lower() in re.sub(r"\s", "", said).lower(), "the answer is about it")
        check(is_stapled(lab, "a.test", version), version)
        # Who does not ask gets none.
        check("OCSP" not in shake(lab, "a.test", version, "-no_ign_eof"), "not asked for")
    check(lab.certd.status()["front"]["stapled"] >= 4, "counted")
    shown = lab.certd.show("a.test")
    check(shown["ocsp_until"] > shown["ocsp_next"], f"show: {shown}")
    # It is in the store: also with the responder gone, and after a restart.
    responder.stop()
    lab.certd.stop()
    lab.start()
    check(is_stapled(lab, "a.test"), "after a restart")
    # A new certificate does not go out with the old one's answer.
    newer = responder.leaf("a.test")
    check(newer != serial and not is_stapled(lab, "a.test"), "no answer for the new one yet")
    responder.start()
    lab.ctl_ok("remove", "a.test")
    responder.leaf("a.test")
    wait_for(lambda: is_stapled(lab, "a.test"), 20, "a staple again")


@scenario(config="ocsp-allow-private;")
def both_certificates_of_a_name_have_theirs(lab):
    responder = Responder(lab)
    responder.start()
    lab.start()
    serials = {"ECDSA": responder.leaf("a.test"), "RSA": responder.leaf("a.test", rsa=2048)}
    wants = {"ECDSA": ("-status", "-sigalgs", "ECDSA+SHA256"),
             "RSA": ("-status", "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256")}
    for kind, words in wants.items():
        for version in VERSIONS:
            wait_for(lambda: "Cert Status: good" in shake(lab, "a.test", version, *words), 20,
                     f"a staple of the {kind} one")
            said = re.sub(r"\s", "", shake(lab, "a.test", version, *words)).lower()
            found = re.search(r"serialnumber:([0-9a-f]+)", said[said.index("ocspresponse"):])
            check(found and found[1].startswith(serials[kind].lower()), f"the answer is about {kind}")
    shown = lab.certd.show("a.test")
    check(shown["ocsp_until"] and shown["second"]["ocsp_until"], f"{shown}")
    # The second one goes out of date by itself: a new one has no answer yet.
    responder.stop()
    newer = responder.leaf("a.test", rsa=2048, days=80)
    check(newer != serials["RSA"] and SILENT in shake(lab, "a.test", "-tls1_3", *wants["RSA"]),
          "no answer for the new one yet")
    check("Cert Status: good" in shake(lab, "a.test", "-tls1_3", *wants["ECDSA"]), "the first has its")


@scenario(config="ocsp-allow-private;")
def a_name_without_responder_has_none(lab):
    lab.start()
    lab.add("plain.test")
    said = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % lab.https, "-servername", "plain.test", "-status"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * PATIENCE).stdout
    check(SILENT in said, f"pebble's certificates name no responder: {said[:2000]}")


@scenario(config="ocsp-allow-private;", ocsp_port=PORT)
def what_acme_has_brought_is_asked_about(lab):
    """pebble's certificates may name a responder, but it has none: ours does not know them."""
    responder = Responder(lab)
    responder.start()
    lab.start()
    lab.add("a.test")
    wait_for(lambda: "a.test: no OCSP answer from http" in lab.certd.log_text(), 20, "the question")
    check(re.search("a.test: no OCSP answer from http.*the answer is ", lab.certd.log_text()),
          "the responder was asked")
    check(lab.is_served("a.test"), "served without")


@scenario(config="ocsp-allow-private;")
def what_the_responder_says_is_judged(lab):
    responder = Responder(lab)
    stranger = Authority(os.path.join(lab.directory, "stranger"))
    lab.start()
    # Each of these is asked once; the next name brings the next answer.
    issuer = responder.ca.inter, responder.ca.inter_key
    ordinary = responder.ca.make("no responder", issuer, "CA:FALSE", None)
    for name, start, sentence in (
            ("unknown.test", {}, "does not know the certificate"),
            ("stranger.test", {"signer": Responder.delegate(stranger)[::-1]}, "not signed by"),
            ("leaf.test", {"signer": ordinary[::-1]}, "not signed by"),
            ("endless.test", {"words": ("-ignore_err",)}, "not say how long it holds")):
        responder.start(*start.get("words", ()), signer=start.get("signer"))
        responder.leaf(name, status=None if name == "unknown.test" else "V")
        wait_for(lambda: any(name in line and sentence in line
                             for line in lab.certd.log_text().splitlines()), 20, f"{name} refused")
        check(not is_stapled(lab, name), name)
        responder.stop()
    equal(len(events(lab, "ocsp.failed")), 1, "failures of a responder are one event")


@scenario(config="ocsp-allow-private;")
def a_revoked_certificate_is_told(lab):
    responder = Responder(lab)
    responder.start()
    lab.start()
    responder.leaf("a.test", status="R")
    wait_for(lambda: events(lab, "cert.revoked"), 20, "the event")
    told = events(lab, "cert.revoked")[0]
    check(told["name"] == "a.test" and "keyCompromise" in told["detail"], json.dumps(told))
    check(not is_stapled(lab, "a.test"), "its answer is not served")
    lab.certd.stop()
    lab.certd.start()       # and a walk of the audit begins
    got = wait_for(lambda: events(lab, "mismatch.revoked"), 20, "the audit tells it, too")
    check(got[0]["name"] == "a.test" and "OCSP" in got[0]["detail"], json.dumps(got))


@scenario(config="ocsp-allow-private;")
def must_staple_without_an_answer_is_told(lab):
    responder = Responder(lab)      # which does not run
    lab.start()
    responder.leaf("must.test", MUST_STAPLE)
    responder.leaf("may.test")
    wait_for(lambda: events(lab, "ocsp.missing"), 20, "the event")
    equal([e["name"] for e in events(lab, "ocsp.missing")], ["must.test"], "of whom")
    check(not is_stapled(lab, "must.test"), "served all the same")


@scenario(config="ocsp-allow-private;")
def a_clock_that_was_ahead_delays_no_staple(lab):
    """By it every answer is too old; that is no reason to ask again when it is as late as it said."""
    clock = Clock(lab)
    responder = Responder(lab)
    responder.start()
    lab.start()
    clock.set("+20d")
    wait_for(lambda: events(lab, "clock.suspect"), 20, "clock.suspect")
    size = os.path.getsize(responder.log.name)
    responder.leaf("a.test")
    wait_for(lambda: os.path.getsize(responder.log.name) > size + 100, 40, "a question")
    check(not is_stapled(lab, "a.test"), "an answer that is too old")
    clock.set("+0")
    wait_for(lambda: events(lab, "clock.trusted"), 20, "clock.trusted")
    wait_for(lambda: is_stapled(lab, "a.test"), 40, "a staple")
    equal(events(lab, "ocsp.failed"), [], "the responder was right")


@scenario()
def row_A13_private_responders_are_not_asked(lab):
    responder = Responder(lab)
    responder.start()
    lab.start()
    responder.leaf("a.test")
    wait_for(lambda: "no OCSP answer from" in lab.certd.log_text(), 20, "refused")
    check(not is_stapled(lab, "a.test"), "not stapled")
    check("Received request" not in read(responder.log.name), "the responder was asked")
    # A reload lets it, and the next certificate is asked about at once.
    lab.write_config("ocsp-allow-private;")
    lab.ctl_ok("reload")
    responder.leaf("b.test")
    wait_for(lambda: is_stapled(lab, "b.test"), 20, "a staple")


if __name__ == "__main__":
    main()

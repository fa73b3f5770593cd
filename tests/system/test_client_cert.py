#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Client certificates, as `openssl s_client` and curl show them. A numbers are those of the list of
attacks that certd is built against."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from authority import Authority, read  # noqa: E402
import slow  # noqa: E402
import tlsclient  # noqa: E402
from backend import read_tlvs  # noqa: E402
from certd import PATIENCE, SANITIZED  # noqa: E402
from peers import Haproxy, Nginx  # noqa: E402
from lab import PORTS, check, equal, main, scenario, wait_for  # noqa: E402

VERSIONS = ["-tls1_2", "-tls1_3"]
SUBJECT = "O=Example\\, Inc,OU=Lab,CN=robot"
LIST_MAX = 16 << 10         # bytes of what a client shows
FOR_CLIENTS, FOR_SERVERS = "extendedKeyUsage=clientAuth\n", "extendedKeyUsage=serverAuth\n"


class Clients:
    """Names behind backends that ask, and certificates to show."""

    def __init__(self, lab):
        self.lab = lab
        self.ca = Authority(os.path.join(lab.directory, "clients"))
        self.other = Authority(os.path.join(lab.directory, "strangers"))
        lab.write_config(self.backends(self.ca.root))
        lab.start()
        for name, backend in ("open.test", "app"), ("must.test", "must"), ("may.test", "may"):
            lab.add(name, options=("--backend", backend))
        self.trust = os.path.join(lab.directory, "root.pem")
        with open(self.trust, "w") as out:
            out.write(lab.root)

    def backends(self, trusted):
        server = f"server {self.lab.address}:{PORTS['backend']};"
        server += " send-proxy v2;" if self.lab.proxy else ""
        return (f"backend must {{ {server} client-certificate required {trusted}; }}\n"
                f"backend may {{ {server} client-certificate optional {trusted}; }}\n")

    def show(self, ca, more=FOR_CLIENTS, days=60, issuer=None, subject="robot"):
        """s_client's words to show a certificate of CA."""
        key, cert = ca.make(subject, issuer or (ca.inter, ca.inter_key), "CA:FALSE", None, days=days,
                            more=more)
        return ["-cert", cert, "-key", key, "-cert_chain", ca.inter]

    def move(self, name, backend):
        path = os.path.join(self.lab.directory, "apply.ndjson")
        with open(path, "w") as out:
            json.dump({"name": name, "backend": backend}, out)
        self.lab.ctl_ok("apply", "-f", path)

    def ask(self, name, version, *words):
        """A request; returns (what s_client said, whether there was an answer)."""
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % self.lab.https, "-servername", name,
             "-CAfile", self.trust, "-verify_return_error", version, "-ign_eof", *words],
            input=request, capture_output=True, text=True, timeout=30 * PATIENCE)
        return done.stdout + done.stderr, "HTTP/1.1 200" in done.stdout

    def passes(self, what, *words):
        said, answered = self.ask(*words)
        check(answered, f"{what}: {said[-3000:]}")
        return said

    def refused(self, what, alert, *words):
        said, answered = self.ask(*words)
        check(not answered and f"SSL alert number {alert}" in said,
              f"{what}: expected alert {alert}: {said[-3000:]}")


@scenario(workers=1)
def a_required_certificate_is_verified(lab):
    clients = Clients(lab)
    good, stranger = clients.show(clients.ca), clients.show(clients.other)
    expired = clients.show(clients.ca, days=-1)
    servers = clients.show(clients.ca, more=FOR_SERVERS)
    before = lab.certd.status()["front"]
    for version in VERSIONS:
        said = clients.passes("a good one", "must.test", version, *good)
        check(re.search("CN ?= ?(inter|root)", said), f"no names of CAs: {said[-3000:]}")
        clients.refused("none", 116 if version == "-tls1_3" else 40, "must.test", version)
        clients.refused("another CA's", 48, "must.test", version, *stranger)
        clients.refused("an expired one", 45, "must.test", version, *expired)
        clients.refused("a server's", 43, "must.test", version, *servers)
        said = clients.passes("a name that does not ask", "open.test", version)
        check("No client certificate CA names sent" in said, f"asked all the same: {said[-3000:]}")
    after = lab.certd.status()["front"]
    equal(after["client_certificates_refused"] - before["client_certificates_refused"], 8, "refused")
    equal(after["handshakes_failed"] - before["handshakes_failed"], 8, "failed")
    equal(after["backend_connects"] - before["backend_connects"], 4, "who got to a backend")


def certificate(length):
    """The records of a Certificate message that announces LENGTH bytes, all but the last of them."""
    message = b"\x0b" + length.to_bytes(3, "big") + (length - 3).to_bytes(3, "big") + bytes(length - 4)
    parts = [message[at:at + 16000] for at in range(0, len(message), 16000)]
    return b"".join(b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part for part in parts)


@scenario(workers=1)
def row_A2_a_certificate_that_never_comes_takes_little(lab):
    Clients(lab)
    hello = tlsclient.client_hello(b"must.test", versions=(0x0303,))
    unfinished = certificate(LIST_MAX) + b"\x16\x03\x03\x40\x00" + bytes(16383)

    def started(stack):
        raw = stack.enter_context(socket.create_connection(lab.https, timeout=10 * PATIENCE))
        equal(tlsclient.answer_on(raw, hello), "server_hello", "the answer")
        for kind in b"\x0b\x0c\x0d\x0e":      # Certificate to ServerHelloDone
            equal(tlsclient.answer_on(raw, b""), "record type 22", f"the record of message {kind}")
        return raw

    with contextlib.ExitStack() as stack:
        before, count = slow.pss_kib(lab.workers_pids()[0]), 200
        for _ in range(count):
            started(stack).sendall(unfinished)
        wait_for(lambda: slow.unread(lab.https) == 0, 20, "all is read")
        each = (slow.pss_kib(lab.workers_pids()[0]) - before) / count
        # OpenSSL alone takes 57 KiB then; from 3.2 on, whose two record layers are larger, 66
        most = 64 if ssl.OPENSSL_VERSION_INFO < (3, 2) else 68
        check(SANITIZED or 32 < each < most, f"{each:.0f} KiB each")
        raw = started(stack)
        equal(tlsclient.answer_on(raw, certificate(LIST_MAX + 1)), "illegal_parameter", "one byte more")


@scenario(workers=1)
def an_optional_certificate_is_verified_if_shown(lab):
    clients = Clients(lab)
    good, stranger = clients.show(clients.ca), clients.show(clients.other)
    for version in VERSIONS:
        clients.passes("none", "may.test", version)
        clients.passes("a good one", "may.test", version, *good)
        clients.refused("another CA's", 48, "may.test", version, *stranger)
    both = os.path.join(lab.directory, "both.pem")
    with open(both, "w") as out:
        out.write(read(good[1]) + read(clients.ca.inter))
    done = subprocess.run(
        ["curl", "-sS", "--cacert", clients.trust, "--cert", both, "--key", good[3], "--resolve",
         f"may.test:{PORTS['https']}:{lab.address}", f"https://may.test:{PORTS['https']}/"],
        capture_output=True, text=True, timeout=30 * PATIENCE)
    equal(done.returncode, 0, f"curl: {done.stderr}")


@scenario(workers=1, proxy=True)
def the_backend_hears_who_it_was(lab):
    clients = Clients(lab)
    good = clients.show(clients.ca, subject="robot/OU=Lab/O=Example, Inc")
    for version in VERSIONS:
        for words, flags, cn, subject in ((good, 7, b"robot", SUBJECT.encode()), ((), 1, None, None)):
            clients.passes(f"{cn}", "may.test", version, *words)
            inner = lab.backend.tlvs[0x20]      # PP2_TYPE_SSL: client, verify, TLVs of its own
            equal(inner[0], flags, f"{version} {cn}: TLS, a certificate in this connection, in the session")
            equal(int.from_bytes(inner[1:5], "big"), 0 if cn else 1, "verified")
            equal(read_tlvs(inner[5:]).get(0x22), cn, "CN")
            equal(lab.backend.tlvs.get(0xE0), subject, "the whole subject")


@scenario(workers=1, proxy=True)
def real_peers_read_or_skip_the_subject(lab):
    """A long subject does not disturb who does not know its type."""
    clients = Clients(lab)
    units = "".join(f"/OU={n:x}" + "u" * 60 for n in range(7))
    good = clients.show(clients.ca, subject="robot" + units)
    expected = ",".join(reversed(("CN=robot" + units).split("/")))
    lab.backend.stop()
    for peer in Nginx, Haproxy:
        peer = peer(lab.directory, (lab.address, PORTS["backend"]))
        lab.on_close.callback(peer.close)
        peer.start()
        for version in VERSIONS:
            said = clients.passes(type(peer).__name__, "may.test", version, *good)
            if peer.has_tlvs:
                check(f"subject={expected}" in said, f"{type(peer).__name__}: {said[-3000:]}")
        peer.close()


@scenario(workers=1)
def long_chains_and_intermediates(lab):
    """Trusted is what the file has, whether a root or not, and four issuers at most are walked."""
    clients = Clients(lab)
    ca = clients.ca
    issuer, bundle = (ca.inter, ca.inter_key), [read(ca.inter)]
    for length in range(2, 6):      # so many intermediates
        key, cert = ca.make(f"inter{length}", issuer, "CA:TRUE", None)
        issuer = cert, key
        bundle.append(read(cert))
        words = clients.show(ca, issuer=issuer)
        words[5] = os.path.join(lab.directory, f"{length}.pem")
        with open(words[5], "w") as out:
            out.write("".join(reversed(bundle)))
        if length <= 4:
            clients.passes(f"{length} intermediates", "must.test", "-tls1_3", *words)
        else:
            clients.refused(f"{length} intermediates", 48, "must.test", "-tls1_3", *words)
    lab.write_config(clients.backends(ca.inter))
    lab.ctl_ok("reload")
    clients.passes("an intermediate alone", "must.test", "-tls1_3", *clients.show(ca))
    clients.refused("nothing", 116, "must.test", "-tls1_3")


@scenario(workers=2)
def row_A9_no_ticket_gets_around_a_certificate(lab):
    clients = Clients(lab)
    path = os.path.join(lab.directory, "session")
    good = clients.show(clients.ca)
    for version, alert in ("-tls1_2", 40), ("-tls1_3", 116):
        # Who showed a certificate shows it each time.
        clients.passes("first", "must.test", version, *good, "-sess_out", path)
        if os.path.exists(path):
            said = clients.passes("again", "must.test", version, *good, "-sess_in", path)
            check(re.search("^New, ", said, re.MULTILINE), f"resumed: {said[-3000:]}")
            clients.refused("without", alert, "must.test", version, "-sess_in", path)
            os.remove(path)
        # A ticket from before the name's backend began to ask.
        clients.passes("open", "open.test", version, "-sess_out", path)
        said = clients.passes("resumed", "open.test", version, "-sess_in", path)
        check(re.search("^Reused, ", said, re.MULTILINE), f"not resumed: {said[-3000:]}")
        clients.move("open.test", "must")
        clients.refused("the ticket", alert, "open.test", version, "-sess_in", path)
        clients.refused("another name's", alert, "must.test", version, "-sess_in", path)
        clients.move("open.test", "app")
        os.remove(path)


@scenario(workers=1)
def a_bad_file_is_refused_with_its_place(lab):
    lab.start()
    lab.add("a.test")
    junk = os.path.join(lab.directory, "junk.pem")
    with open(junk, "w") as out:
        out.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    server = f"server {lab.address}:{PORTS['backend']};"
    for words, sentence in ((f"required {lab.directory}/none.pem", "No such file or directory"),
                            (f"required {lab.directory}", "is no file"),
                            (f"required {lab.conf_path}", "has no certificate"),
                            (f"optional {junk}", "has a certificate that cannot be read"),
                            ("required root.pem", "not a full path"),
                            (f"required {lab.pebble.ca_file}; passthrough", "the server's own"),
                            (f"maybe {junk}", '"required" or "optional"')):
        lab.write_config(f"backend must {{ {server}\nclient-certificate {words}; }}\n")
        answer = lab.ctl("reload")
        check(answer.code == 1 and sentence in answer.err and re.search(r"conf:\d+:\d+: ", answer.err),
              f"{words}: {answer}")
    wait_for(lambda: lab.is_served("a.test"), 5, "still served")


if __name__ == "__main__":
    main()

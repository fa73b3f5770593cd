#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Why a name gets no certificate, and who must act: a table of zones on a real authoritative
server, probes of real listeners, and a name that is healed by its owner."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from certd import BUILD                                                   # noqa: E402
from knot import Knot, beside, glue                                       # noqa: E402
from lab import PORTS, check, equal, main, scenario, wait_for             # noqa: E402
from pebble import Skip, make_certificate                                  # noqa: E402
from signed import sign                                                   # noqa: E402
from storelab import events                                               # noqa: E402

NOT_OURS = "127.0.0.1"      # nobody listens there at the labs' ports


def serve(lab, zones, address=None):
    server = Knot(lab.directory, address or lab.address, zones)
    lab.on_close.callback(server.stop)
    return server.start()


def use(lab, words="", resolver=None, private=True):
    lab.diagnose = (f"resolver {resolver or lab.address};\ndiagnose {{ again 1s; "
                    f"{'probe-private; ' if private else ''}"
                    f"probe-ports {PORTS['http']} {PORTS['https']}; {words} }}")
    lab.write_config()


def diagnose(lab, name):
    """(exit status, the diagnosis)"""
    done = lab.ctl("diagnose", name, "-o", "json")
    check(done.code in (0, 1) and done.out, f"diagnose {name}: {done.err}")
    return done.code, json.loads(done.out)


def expect(lab, name, code, act, record=None, words=""):
    status, d = diagnose(lab, name)
    shown = json.dumps(d)
    equal((d["code"], d["act"]), (code, act), f"{name}: {shown}")
    equal(status, 0 if code == "ok" else 1, f"exit status for {name}")
    check(words in d["text"], f"{name}: {words!r} in {shown}")
    if record is not None:
        check(record in d["records"] if record else not d["records"],
              f"{name}: {record!r} in {shown}")
    return d


class Other(BaseHTTPRequestHandler):
    """A web server of somebody else: under front.* it hands on to certd, as a CDN would."""

    def do_GET(self):
        host = self.headers["Host"]
        if host.startswith(("drip", "endless")):
            return self.go_on_and_on(host)
        if host.startswith("front"):
            there = http.client.HTTPConnection(self.server.lab.address, PORTS["http"], timeout=20)
            there.request("GET", self.path, headers={"Host": host})
            body = there.getresponse().read()
            there.close()
        else:
            body = b"welcome"
        self.send_response(301 if host.startswith("moved") else 200)
        self.send_header("Location", "https://login.example/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def go_on_and_on(self, host):
        """A byte now and then, or a page without end, as long as somebody listens."""
        try:
            if host.startswith("endless"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.wfile.write(b"x" * (65536 if host.startswith("endless") else 1))
                if host.startswith("drip"):
                    time.sleep(0.2)
        except OSError:
            self.close_connection = True

    def log_message(self, *words):
        pass


def other_server(lab, address):
    server = ThreadingHTTPServer((address, PORTS["http"]), Other)
    server.lab = lab
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()
    lab.on_close.callback(stop)


def other_tls(lab, address):
    """A TLS server with a certificate that is not ours."""
    certificate, key = make_certificate(lab.directory, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server((address, PORTS["https"]))
    stop = threading.Event()

    def run():
        listener.settimeout(0.2)
        while not stop.is_set():
            try:
                with listener.accept()[0] as plain:
                    plain.settimeout(20)
                    with context.wrap_socket(plain, server_side=True):
                        pass
            except OSError:
                continue
    thread = threading.Thread(target=run)
    thread.start()

    def end():
        stop.set()
        thread.join()
        listener.close()
    lab.on_close.callback(end)


def silent_for(lab, address, word):
    """A resolver that hands questions on, and drops those for names with WORD, or of which WORD
    says so."""
    drops = word if callable(word) else lambda query: word in query
    down = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    down.bind((address, 53))
    down.settimeout(0.2)
    stop = threading.Event()

    def run():
        while not stop.is_set():
            try:
                query, client = down.recvfrom(4096)
            except TimeoutError:
                continue
            if drops(query.lower()):
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
                up.settimeout(5)
                up.sendto(query, (lab.address, 53))
                try:
                    down.sendto(up.recv(65535), client)
                except OSError:
                    pass
    thread = threading.Thread(target=run)
    thread.start()

    def end():
        stop.set()
        thread.join()
        down.close()
    lab.on_close.callback(end)


def named_ca(lab):
    """The CA says how CAA records call it, and has an account of ours."""
    lab.fault.edit("directory", lambda request, answer: answer.json.setdefault(
        "meta", {}).update(caaIdentities=["ca.test", "ca2.test"]))
    lab.ctl_ok("ca", "test", "one")
    return json.loads(lab.ctl_ok("ca", "show", "one", "-o", "json").out)["account"]["url"]


@scenario(faults=1)
def each_row_has_its_code(lab):
    here, there, closed = lab.address, beside(lab, 1), beside(lab, 2)
    own = f"addresses {here} {there} {closed};"
    use(lab, own)
    lab.start()
    account = named_ca(lab)
    plain = [
        "fine A " + here, "txt TXT nothing", "away A " + NOT_OURS, f"both A {here}",
        "both A " + NOT_OURS, "gone CNAME nobody.test.", "good CNAME fine.test.",
        "loop CNAME pool.test.", "pool CNAME loop.test.",
        "front A " + there, "moved A " + there, "welcome A " + there, "closed A " + closed,
        "drip A " + there, "endless A " + there, "six AAAA 2001:db8::1", f"six A {here}",
    ]
    caa = {"allowed": ['0 issue "ca2.test"'], "others": ['0 issue "other.test"'],
           "none": ['0 issue ";"'], "wildonly": ['0 issuewild "ca.test"'],
           "notwild": ['0 issue "ca.test"', '0 issuewild ";"'],
           "critical": ['128 future "x"', '0 issue "ca.test"'],
           "account": [f'0 issue "ca.test; accounturi={account}"'],
           "stranger": ['0 issue "ca.test; accounturi=https://ca.test/other"'],
           "method": ['0 issue "ca.test; validationmethods=http-01"'],
           "dnsonly": ['0 issue "ca.test; validationmethods=dns-01"']}
    for name, values in caa.items():
        plain += [f"{name} A {here}", *[f"{name} CAA {value}" for value in values],
                  f"deep.er.{name} A {here}"]
    signed, anchors = {}, []
    for zone, at in (("sec.test", None), ("old.test", 1735689600), ("forged.test", None),
                     ("half.test", None)):
        lines = [*glue(zone, here), f"@ A {here}", '@ CAA 0 issue "ca.test"']
        signed[zone], keys = sign(lab.directory, zone, lines, at)
        anchors += keys
    signed["forged.test"] = [row.replace("A\t" + here, "A\t" + NOT_OURS)
                             if row.startswith("forged.test.") else row
                             for row in signed["forged.test"]]
    signed["half.test"] = [row.replace('"ca.test"', '"ca.tst"') for row in signed["half.test"]]
    anchor = os.path.join(lab.directory, "anchor")
    with open(anchor, "w") as out:
        out.write("\n".join(anchors) + "\n")
    serve(lab, {"test": [*glue("test", here), *plain], **signed,
                "only.example": [*glue("only.example", here), f"@ A {here}"]})
    other_server(lab, there)
    use(lab, f"{own} trust-anchor {anchor};")
    lab.ctl_ok("reload", "--wait")

    ours = f"A {here}"
    dnssec = "the DNSSEC of"
    for name, code, act, record, words in [
            ("fine.test", "ok", "nobody", "", "nothing is wrong"),
            ("good.test", "ok", "nobody", "", ""),
            ("missing.test", "dns/nxdomain", "customer", f"missing.test. {ours}", "does not exist"),
            ("txt.test", "dns/no-address", "customer", f"txt.test. {ours}", "no A or AAAA"),
            ("gone.test", "dns/cname-dangling", "customer", f"gone.test. {ours}", "nobody.test"),
            ("away.test", "dns/elsewhere", "customer", f"away.test. {ours}", NOT_OURS),
            ("both.test", "dns/partly-elsewhere", "customer", None, f"with {NOT_OURS}"),
            ("six.test", "dns/partly-elsewhere", "customer", None, "with 2001:db8::1"),
            ("loop.test", "dns/servfail", "customer", None, "SERVFAIL"),
            ("not.served", "dns/servfail", "customer", None, "SERVFAIL"),
            ("sec.test", "ok", "nobody", "", ""),
            ("old.test", "dns/dnssec-bogus", "customer", None, "expired"),
            ("forged.test", "dns/dnssec-bogus", "customer", None, dnssec),
            ("half.test", "dns/dnssec-bogus", "customer", None, dnssec),
            ("only.example", "caa/lookup", "customer", None, "CAA"),
            ("allowed.test", "ok", "nobody", "", ""),
            ("deep.er.allowed.test", "ok", "nobody", "", ""),
            ("others.test", "caa/forbids", "customer", 'others.test. CAA 0 issue "ca.test"', ""),
            ("deep.er.others.test", "caa/forbids", "customer",
             'others.test. CAA 0 issue "ca.test"', "at others.test"),
            ("none.test", "caa/forbids", "customer", 'none.test. CAA 0 issue "ca.test"', ""),
            ("wildonly.test", "ok", "nobody", "", ""),
            ("*.wildonly.test", "ok", "nobody", "", ""),
            ("notwild.test", "ok", "nobody", "", ""),
            ("*.notwild.test", "caa/wildcard", "customer",
             'notwild.test. CAA 0 issuewild "ca.test"', ""),
            ("critical.test", "caa/critical", "customer", None, "future"),
            ("account.test", "ok", "nobody", "", ""),
            ("stranger.test", "caa/account", "customer",
             f'stranger.test. CAA 0 issue "ca.test; accounturi={account}"', ""),
            ("method.test", "ok", "nobody", "", ""),
            ("dnsonly.test", "caa/method", "customer",
             'dnsonly.test. CAA 0 issue "ca.test; validationmethods=http-01"', ""),
            ("closed.test", "http/unreachable", "operator", None, f"port {PORTS['http']}"),
            ("welcome.test", "http/other-server", "operator", None, "another page"),
            ("drip.test", "http/other-server", "operator", None, "no HTTP"),
            ("endless.test", "http/other-server", "operator", None, "another page"),
            ("moved.test", "http/redirected", "operator", None, "status 301"),
            ("front.test", "tls/unreachable", "operator", None, f"port {PORTS['https']}")]:
        expect(lab, name, code, act, record, words)

    expect(lab, here, "ok", "nobody", "")       # an address leads to itself
    expect(lab, closed, "http/unreachable", "operator")
    expect(lab, NOT_OURS, "dns/elsewhere", "customer", "", "not an address of ours")

    # What answers with our token is us, whoever's address it is; and whose certificate is shown.
    lab.add("front.test")
    other_tls(lab, there)
    expect(lab, "front.test", "tls/other-certificate", "operator")
    use(lab, f"addresses {here};")
    lab.ctl_ok("reload", "--wait")
    expect(lab, "welcome.test", "dns/elsewhere", "customer", f"welcome.test. {ours}")
    d = expect(lab, "front.test", "tls/other-certificate", "operator")
    check(any("this is us" in line for line in d["findings"]), d)

    # Addresses that nobody can reach are not probed unless that is said.
    use(lab, "addresses 192.0.2.1;", private=False)
    lab.ctl_ok("reload", "--wait")
    d = expect(lab, "fine.test", "dns/private-address", "customer", "fine.test. A 192.0.2.1")
    check(not any(line.startswith(("http", "tls")) for line in d["findings"]), d)
    use(lab, "trust-anchor /nonexistent/anchor;")
    lab.ctl_ok("reload", "--wait")
    expect(lab, "fine.test", "certd/setup", "operator", "", "trust-anchor")
    equal(lab.ctl("diagnose", "a..b").code, 2, "no name")


@scenario(faults=1)
def who_is_silent(lab):
    here, there = lab.address, beside(lab, 1)
    serve(lab, {"test": [*glue("test", here), f"silent A {here}", f"fine A {here}"]})
    silent_for(lab, there, b"silent")
    use(lab, resolver=there)
    lab.start()
    expect(lab, "fine.test", "ok", "nobody")
    expect(lab, "silent.test", "dns/timeout", "customer", None, "do not answer")
    nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.on_close.callback(nobody.close)
    nobody.bind((beside(lab, 2), 53))
    use(lab, resolver=beside(lab, 2))
    lab.ctl_ok("reload", "--wait")
    expect(lab, "fine.test", "dns/resolver", "operator", None, "resolvers of this machine")


@scenario(faults=1)
def a_fault_of_the_ca_is_told_as_such(lab):
    here = lab.address
    serve(lab, {"test": [*glue("test", here), f"fine A {here}"]})
    use(lab)
    lab.start()
    lab.fault.refuse("newOrder", "serverInternal", "broken", status=500)
    lab.ctl_ok("add", "fine.test")
    d = wait_for(lambda: lab.certd.show("fine.test").get("diagnosis"), 60, "a diagnosis")
    equal((d["code"], d["act"]), ("ca/fault", "ca"), d)
    check("broken" in d["text"], d)
    lab.fault.heal()
    lab.ctl_ok("renew", "fine.test")
    lab.wait_served(["fine.test"], 60)
    equal(lab.certd.show("fine.test").get("diagnosis"), None, "of a name that is well")


@scenario(version="newest", challenge="http-01", resolver_port=53)
def a_name_that_its_owner_heals_is_tried_at_once(lab):
    here = lab.address
    lines = glue("test", here)
    server = serve(lab, {"test": lines})
    use(lab)
    lab.start()
    lab.ctl_ok("add", "late.test")
    wait_for(lambda: lab.certd.show("late.test")["state"] == "failing", 60, "it fails")
    d = wait_for(lambda: lab.certd.show("late.test").get("diagnosis"), 30, "its diagnosis")
    equal((d["code"], d["act"]), ("dns/nxdomain", "customer"), d)
    equal(d["records"], [f"late.test. A {here}"], d)
    found = wait_for(lambda: events(lab, "diagnosis.found"), 30, "that is told")
    check(found[0]["name"] == "late.test" and "dns/nxdomain (customer)" in found[0]["detail"], found)
    shown = lab.ctl_ok("show", "late.test").out
    check(f"late.test. A {here}" in shown and "customer" in shown, shown)

    def failures():
        return (lab.certd.show("late.test").get("error") or {}).get("count", 0)
    while failures() < 3:       # the next try is 100 minutes away
        before = failures()
        lab.ctl_ok("renew", "late.test")
        wait_for(lambda: failures() > before, 60, "it fails again")
    wait_for(lambda: lab.certd.show("late.test")["diagnosis"]["at"] >
             lab.certd.show("late.test")["error"]["at"], 60, "it is looked at again")
    equal(len(events(lab, "diagnosis.found")), 1, "told once")
    server.stop()
    server.write_zone("test", [*lines, f"late A {here}"])
    server.start()
    lab.wait_served(["late.test"], 90)
    check(events(lab, "diagnosis.gone"), "that it is healed is told")
    equal(lab.certd.show("late.test")["state"], "valid", "it is well")


@scenario(faults=1)
def many_names_are_looked_at_and_healed_together(lab):
    here = lab.address
    lines = glue("test", here)
    server = serve(lab, {"test": lines})
    use(lab)
    lab.start()
    names = [f"n{i}.test" for i in range(40)]
    lab.fault.refuse("newOrder", "dns", "NXDOMAIN", status=400)
    lab.ctl_ok("add", *names)
    found = wait_for(lambda: len(all := events(lab, "diagnosis.found")) == 40 and all, 90,
                     "all are looked at")
    equal({e["name"] for e in found}, set(names), "each once")
    lab.fault.heal()
    server.stop()
    server.write_zone("test", [*lines, f"* A {here}"])
    server.start()
    lab.wait_served(names, 90)
    equal(len(events(lab, "diagnosis.gone")), 40, "each is told to be right again")
    for name in names[:3]:
        equal(lab.certd.show(name).get("diagnosis"), None, "of a name that is well")


@scenario(faults=1)
def one_is_healed_among_many_whose_servers_are_silent(lab):
    """Looked at one after the other, half a minute each, they would take more than an hour."""
    here, there = lab.address, beside(lab, 1)
    serve(lab, {"test": [*glue("test", here), f"* A {here}"]})
    names, one = [f"dead{i}.test" for i in range(600)], "dead123.test"
    healed = set()

    def is_dead(query):
        return b"dead" in query and not any(name in query for name in healed)
    silent_for(lab, there, is_dead)
    use(lab, resolver=there)
    lab.start()
    lab.fault.refuse("newOrder", "dns", "no answer", status=400,
                     when=lambda request: not any(name.decode() in str(request.payload)
                                                  for name in healed))
    def told(kind):
        return lab.ctl_ok("events", "--type", kind, "--limit", "1000", "-o", "ndjson").lines()

    lab.ctl_ok("add", *names)
    began = time.monotonic()
    found = wait_for(lambda: len(all := told("diagnosis.found")) == 600 and all, 120,
                     "all are diagnosed")
    print(f"          600 silent names failed and diagnosed in {time.monotonic() - began:.0f} s")
    equal({e["name"] for e in found}, set(names), "each once")
    equal({e["detail"].split()[0] for e in found}, {"dns/timeout"}, "what is wrong")
    wait_for(lambda: lab.certd.show(one)["error"]["count"] > 1, 120, "its second try fails")
    began = time.monotonic()        # the third one is ten minutes away
    healed.add(b"dead123")
    lab.wait_served([one], 120)
    print(f"          the one that was healed is served after {time.monotonic() - began:.0f} s")
    equal([e["name"] for e in told("diagnosis.gone")], [one], "who is right again")
    check(not any(lab.is_served(name) for name in names[:5]), "the others are not")
    equal(lab.certd.show(names[7])["diagnosis"]["code"], "dns/timeout", "and are silent")


@scenario(faults=1, ca_words="diagnose require;")
def a_ca_is_asked_for_names_without_a_fault_only(lab):
    here = lab.address
    lines = [*glue("test", here), f"fine A {here}"]
    server = serve(lab, {"test": lines})
    use(lab)
    lab.start()
    lab.ctl_ok("add", "fine.test", "late.test")
    lab.wait_served(["fine.test"], 60)
    error = wait_for(lambda: (e := lab.certd.show("late.test").get("error")) and "nxdomain" in
                     e["detail"] and e or lab.ctl("renew", "late.test") and None, 60, "it is held")
    equal(error["code"], "diagnosis", error)
    orders = [r for r in lab.fault.requests if r.step == "newOrder"]
    equal(len(orders), 1, f"orders: {orders}")
    server.stop()
    server.write_zone("test", [*lines, f"late A {here}"])
    server.start()
    lab.wait_served(["late.test"], 60)


# Where resolvers begin; the machine has all of them, in a network namespace of its own.
ROOT_SERVERS = """198.41.0.4 199.9.14.201 170.247.170.2 192.33.4.12 199.7.91.13 192.203.230.10
192.5.5.241 192.112.36.4 198.97.190.53 192.36.148.17 192.58.128.30 193.0.14.129 199.7.83.42
202.12.27.33""".split()
INSIDE = """set -e
ip link set lo up
for address in {addresses}; do ip addr add $address/32 dev lo; done
{knotd} -c {knot} 2>{log} &
trap "kill $!; wait" EXIT
for i in $(seq 200); do grep -q "server started" {log} && break; sleep 0.1; done
for name in {names}; do {dnsask} {conf} diagnose $name ca.test || true; done
"""


@scenario(faults=1)
def from_the_root_on_with_dnssec(lab):
    """A root, a signed zone below it and one that is forged, asked as a CA asks."""
    if os.getuid() != 0:
        raise Skip("network namespaces are made by root")
    lab.start()
    server = "192.0.2.53"
    signed, keys, extra = {}, [], []
    for zone in ("good", "forged"):
        signed[zone], own = sign(lab.directory, zone, [
            *glue(zone, server), f"www A {lab.address}", f"caa A {lab.address}",
            'caa CAA 0 issue "other.test"'])
        keys += own
        extra += [f"{zone}. NS ns0.{zone}.", f"ns0.{zone}. A {server}"]
    signed["forged"] = [row.replace(lab.address, NOT_OURS) for row in signed["forged"]]
    knot = Knot(lab.directory, "0.0.0.0", signed)
    with open(os.path.join(knot.directory, "root.zone"), "w") as out:
        out.write("$TTL 1\n. SOA a. b. 1 60 5 600 1\n. NS a.root-servers.net.\n"
                  "a.root-servers.net. A 198.41.0.4\n" + "\n".join(extra) + "\n")
    with open(os.path.join(knot.directory, "knot.conf"), "a") as out:
        out.write(f"  - domain: .\n    file: {knot.directory}/root.zone\n")
    anchor, conf = (os.path.join(lab.directory, name) for name in ("anchor", "root.conf"))
    with open(anchor, "w") as out:
        out.write("\n".join(keys) + "\n")
    with open(conf, "w") as out:
        out.write(f"listen {lab.address}:443 {{ tls; }}\n"
                  f"diagnose {{ from-root; trust-anchor {anchor}; addresses {lab.address}; }}\n")
    names = ["www.good", "caa.good", "nobody.good", "www.forged", "www.nowhere"]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", INSIDE.format(
            addresses=" ".join([*ROOT_SERVERS, server]), names=" ".join(names),
            knotd=shutil.which("knotd") or "/usr/sbin/knotd", conf=conf, log=knot.log,
            knot=os.path.join(knot.directory, "knot.conf"),
            dnsask=os.path.join(BUILD, "tests/support/dnsask"))],
        capture_output=True, text=True, timeout=240)
    codes = [line.split()[0] for line in done.stdout.splitlines()]
    equal(codes, ["ok", "caa/forbids", "dns/nxdomain", "dns/dnssec-bogus", "dns/nxdomain"],
          f"{names}: {done.stdout} {done.stderr}")


@scenario(faults=1)
def docs_know_every_code(lab):
    lab.start()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with open(os.path.join(root, "daemon", "dns", "diagnose_code.h")) as text:
        codes = dict(re.findall(r'X\(\w+, "(.+?)", EVENT_(\w+)\)', text.read()))
    with open(os.path.join(root, "docs", "control.md")) as text:
        section = text.read().split("## diagnose\n")[1].split("\n## ")[0]
    rows = {code: act for row in re.findall(r"^\| (`.*?) \| (\w+) \|", section, re.MULTILINE)
            for code in re.findall(r"`(.+?)`", row[0]) for act in [row[1]]}
    equal(rows, {code: act.lower() for code, act in codes.items()}, "the table of docs/control.md")


if __name__ == "__main__":
    main()

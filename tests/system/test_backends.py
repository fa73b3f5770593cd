#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several servers behind one name: who gets a connection, who is down, and what they are told."""

import hashlib
import os
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import backend as backends  # noqa: E402
import tlsclient  # noqa: E402
from lab import ALL_SINGLE, PORTS, check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from peers import Authority, Haproxy, Nginx  # noqa: E402
from pebble import Skip  # noqa: E402

SECOND = PORTS["backend"] + 1
CHECK = "check connect every 250ms fall 2 rise 2;"


def servers(lab, name="app"):
    """{server: what backend list says of it}"""
    items = lab.ctl_ok("backend", "list", name, "-o", "json").json()["items"]
    equal([item["name"] for item in items], [name], "the backends listed")
    return {item["server"]: item for item in items[0]["servers"]}


def text_of(lab, port):
    return f"{lab.address}:{port}"


def events(lab, kind):
    """The details of all events of a type, oldest first."""
    return [item["detail"] for item in lab.ctl_ok("events", "-o", "json").json()["items"]
            if item["type"] == kind]


def configure(lab, words="", *, ports=(PORTS["backend"], SECOND)):
    """Backend app has these ports, and WORDS."""
    listed = " ".join(text_of(lab, port) for port in ports)
    text = lab.config().replace(f"server {text_of(lab, PORTS['backend'])};",
                                f"server {listed}; {words}")
    check(listed in text, "the configuration has the servers")
    lab.write_config(text=text)


def two_servers(lab, words=""):
    """certd with two backends that say their names, "one" and "two"."""
    lab.backend.name = "one"
    second = lab.add_backend(SECOND, name="two", mode=lab.backend.mode, proxy=lab.proxy)
    configure(lab, words)
    lab.start()
    lab.add("a.test")
    return second


def health(lab, port):
    return servers(lab)[text_of(lab, port)]["health"]


def told(lab, name="a.test", **words):
    """What a peer of peers.py says it was told."""
    status, _, body = tlsclient.https_get(lab.https, name, "/", lab.root, **words)
    equal(status, 200, "the peer's status")
    return dict(part.partition("=")[::2] for part in body.decode().split())


def peer_behind(lab, peer, words):
    lab.on_close.callback(peer.close)
    configure(lab, words, ports=[peer.where[1]])
    peer.start()
    lab.start()
    lab.add("a.test")


# ---- what backends are told ----------------------------------------------------------------------


@scenario()
def nginx_reads_what_we_send_in_version_2(lab):
    nginx = Nginx(lab.directory, (lab.address, SECOND))
    peer_behind(lab, nginx, "send-proxy v2;")
    got = told(lab)
    equal(got["local"], "%s:%d" % lab.https, "where the client connected to")
    check(got["client"].startswith(f"{lab.address.split('.')[0]}."), f"the client: {got}")
    if nginx.has_tlvs:
        equal((got["authority"], got["version"], got["verify"]), ("a.test", "TLSv1.3", "1"),
              "authority, version, verify")


@scenario()
def nginx_reads_what_we_send_in_version_1(lab):
    peer_behind(lab, Nginx(lab.directory, (lab.address, SECOND)), "send-proxy v1;")
    raw = socket.create_connection(lab.https, timeout=10, source_address=("127.9.8.6", 0))
    with tlsclient.context(lab.root).wrap_socket(raw, server_hostname="a.test") as tls:
        mine = "%s:%d" % tls.getsockname()
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        answer = tlsclient.read_all(tls).decode()
    check(f"client={mine} local={lab.https[0]}:{lab.https[1]}" in answer, f"it saw: {answer}")


@scenario()
def haproxy_reads_what_we_send(lab):
    haproxy = Haproxy(lab.directory, (lab.address, SECOND))
    peer_behind(lab, haproxy, "send-proxy v2;")
    lab.add("b.test")
    for name in ("a.test", "b.test"):
        got = told(lab, name)
        equal(got["authority"], name, "the name that the client asked for")
        equal(got["local"], "%s:%d" % lab.https, "where the client connected to")
        if haproxy.has_tlvs:
            equal(got["alpn"], "", "no protocol was agreed on")


@scenario(proxy=True)
def tlvs_say_what_was_agreed(lab):
    """Byte for byte, for every version and cipher that a client may end up with."""
    lab.start()
    lab.add("a.test")
    for version in ("1.2", "1.3"):
        raw = socket.create_connection(lab.https, timeout=10)
        made = tlsclient.context(lab.root, version=version, alpn=["h2", "http/1.1"])
        with made.wrap_socket(raw, server_hostname="a.test") as tls:
            cipher = tls.cipher()[0]
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            tlsclient.read_all(tls)
        tlvs = lab.backend.tlvs
        equal(tlvs[1], b"http/1.1", "ALPN")
        equal(tlvs[2], b"a.test", "AUTHORITY")
        inner = tlvs[0x20]
        equal(inner[:5], b"\x01\0\0\0\1", "client and verify: TLS, and no certificate")
        equal(backends.read_tlvs(inner[5:]), {0x21: b"TLSv" + version.encode(), 0x23: cipher.encode()},
              "version and cipher")
    equal(lab.backend.errors, [], "what the backend did not like")


@scenario(proxy=True)
def what_is_passed_through_has_the_name_only(lab):
    """The server's own TLS behind the header; the client verifies the server's certificate."""
    lab.ca = Authority(lab.directory)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert, key, _ = lab.ca.leaf("DNS:own.test")
    made.load_cert_chain(cert, key)
    own = lab.add_backend(SECOND, proxy=True, tls=made, name="own")
    lab.write_config(f"backend own {{ server {text_of(lab, SECOND)}; passthrough; "
                     "send-proxy v2; }")
    lab.start()
    lab.ctl_ok("add", "own.test", "--backend", "own")
    raw = socket.create_connection(lab.https, timeout=10)
    with ssl.create_default_context(cafile=lab.ca.file).wrap_socket(
            raw, server_hostname="own.test") as tls:
        mine = "%s:%d" % tls.getsockname()
        tls.sendall(b"GET / HTTP/1.1\r\nHost: own.test\r\nConnection: close\r\n\r\n")
        check(b'"backend": "own"' in tlsclient.read_all(tls), "the server answers")
    equal((own.clients[-1], own.tlvs), (mine, {2: b"own.test"}), "the client and all TLVs")
    equal(servers(lab, "own")[text_of(lab, SECOND)]["connects"], 1, "it is counted as others are")


# ---- who gets a connection -----------------------------------------------------------------------


def opened(lab, count):
    """Connections that have reached a server, and its names in order."""
    made, names = [], []
    for _ in range(count):
        tls = lab.connect("a.test")
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        text = b""
        while b'"backend": "' not in text:
            text += tls.recv(4096)
        names.append(text.split(b'"backend": "')[1].split(b'"')[0].decode())
        made.append(tls)
    return made, names


@scenario()
def the_server_with_fewer_connections_gets_the_next(lab):
    two_servers(lab)
    made, names = opened(lab, 12)
    equal((names.count("one"), names.count("two")), (6, 6), "connections of each")
    equal([item["connections"] for item in servers(lab).values()], [6, 6], "and as certd counts")
    for tls, name in zip(made, names):
        if name == "one":
            tls.close()
    wait_for(lambda: servers(lab)[text_of(lab, PORTS["backend"])]["connections"] == 0, 10,
             "the first has none")
    more, names = opened(lab, 4)
    equal(names, ["one"] * 4, "who gets the next ones")
    for tls in made + more:
        tls.close()


@scenario()
def balance_first_keeps_to_the_first(lab):
    second = two_servers(lab, "balance first;")
    made, names = opened(lab, 4)
    equal(names, ["one"] * 4, "who gets connections")
    lab.backend.stop()
    equal(lab.get("a.test")["backend"], "two", "who takes over")
    for tls in made:
        tls.close()
    check(second.accepted == 1, "the second got one connection")


@scenario()
def a_killed_worker_takes_its_counts_along(lab):
    if lab.single:
        raise Skip("roles are threads here")
    two_servers(lab)
    made, _ = opened(lab, 8)
    equal(sum(item["connections"] for item in servers(lab).values()), 8, "connections counted")
    lab.certd.kill("front")
    wait_for(lambda: sum(item["connections"] for item in servers(lab).values()) == 0, 10,
             "no connection is counted any more")
    for tls in made:
        tls.close()
    wait_for(lambda: lab.is_served("a.test"), 10, "new workers serve")
    made, _ = opened(lab, 2)
    equal([item["connections"] for item in servers(lab).values()], [1, 1], "and count anew")
    for tls in made:
        tls.close()


# ---- health --------------------------------------------------------------------------------------


@scenario()
def a_server_that_is_down_is_found_and_comes_back(lab):
    second = two_servers(lab, CHECK)
    second.stop()
    wait_for(lambda: health(lab, SECOND) == "down", 10, "the check finds it down")
    before = lab.certd.status()["front"]["backend_failed"]
    equal({lab.get("a.test")["backend"] for _ in range(6)}, {"one"}, "who answers")
    equal(lab.certd.status()["front"]["backend_failed"], before, "attempts that failed meanwhile")
    wait_for(lambda: events(lab, "backend.down"), 5, "it is told")
    equal(events(lab, "backend.down"),
          [f"backend app: server {text_of(lab, SECOND)} is down: cannot connect: "
           "Connection refused"], "in these words")
    second.start()
    wait_for(lambda: health(lab, SECOND) == "up", 10, "it comes back")
    wait_for(lambda: events(lab, "backend.up"), 5, "it is told")
    equal({lab.get("a.test")["backend"] for _ in range(6)}, {"one", "two"}, "who answers")


@scenario()
def without_a_check_connections_find_it(lab):
    second = two_servers(lab)
    second.stop()
    for _ in range(8):
        equal(lab.get("a.test")["backend"], "one", "who answers")
    equal(health(lab, SECOND), "down", "its health after three failures in a row")
    failures = servers(lab)[text_of(lab, SECOND)]["failures"]
    equal(failures, 3, "attempts that this took")
    second.start()      # and from now on certd looks whether it is back
    wait_for(lambda: health(lab, SECOND) == "up", 20, "it comes back")
    equal({lab.get("a.test")["backend"] for _ in range(6)}, {"one", "two"}, "who answers")


@scenario()
def http_checks_look_at_the_status(lab):
    flag = os.path.join(lab.directory, "well")
    open(flag, "w").close()
    nginx = Nginx(lab.directory, (lab.address, SECOND), listen="", answer="two",
                  server=f"location = /healthz {{ if (-f {flag}) {{ return 204; }} return 503; }}")
    lab.on_close.callback(nginx.close)
    nginx.start()
    configure(lab, "balance first; check http GET /healthz host a.test every 250ms fall 2 rise 2;",
              ports=[SECOND, PORTS["backend"]])
    lab.start()
    lab.add("a.test")
    wait_for(lambda: health(lab, SECOND) == "up", 10, "nginx is up")
    os.remove(flag)
    wait_for(lambda: health(lab, SECOND) == "down", 10, "nginx is down")
    equal(servers(lab)[text_of(lab, SECOND)]["last_failure"], "HTTP status 503", "the reason")
    equal(lab.get("a.test")["backend"], "backend", "who answers")
    open(flag, "w").close()
    wait_for(lambda: health(lab, SECOND) == "up", 10, "nginx is up again")
    _, _, body = tlsclient.https_get(lab.https, "a.test", "/", lab.root)
    equal(body, b"two\n", "who answers")


@scenario()
def checks_bring_the_proxy_header_along(lab):
    """nginx with proxy_protocol takes nothing without; a check is LOCAL, so it has no client."""
    for version in ("v1", "v2"):
        nginx = Nginx(lab.directory, (lab.address, SECOND + int(version[1])))
        lab.on_close.callback(nginx.close)
        nginx.start()
        configure(lab, f"send-proxy {version}; check http HEAD / every 250ms;",
                  ports=[nginx.where[1]])
        lab.certd.stop()
        lab.start()
        wait_for(lambda: health(lab, nginx.where[1]) == "up", 10, f"a check with {version}")


@scenario()
def when_all_are_down_all_are_tried(lab):
    """A check that is wrong about everybody stops nobody."""
    two_servers(lab, "check http GET / expect 204 every 250ms fall 1;")
    for port in (PORTS["backend"], SECOND):
        wait_for(lambda: health(lab, port) == "down", 10, "nobody answers with 204")
    equal({lab.get("a.test")["backend"] for _ in range(4)}, {"one", "two"}, "who answers")
    wait_for(lambda: len(events(lab, "backend.down")) == 2, 5, "both are told")
    check(events(lab, "backend.down")[-1].endswith("no server of the backend is left"),
          f"the last one says that it was: {events(lab, 'backend.down')}")


# ---- the operator --------------------------------------------------------------------------------


@scenario()
def drain_takes_no_new_connections_and_ends_none(lab):
    two_servers(lab)
    first, second = text_of(lab, PORTS["backend"]), text_of(lab, SECOND)
    made, names = opened(lab, 2)
    equal(sorted(names), ["one", "two"], "who has a connection")
    lab.ctl_ok("backend", "drain", "app", second)
    equal({lab.get("a.test")["backend"] for _ in range(6)}, {"one"}, "who answers")
    equal(servers(lab)[second]["state"], "drain", "its state")
    for tls, name in zip(made, names):
        if name == "two":
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            check(b'"backend": "two"' in tlsclient.read_all(tls), "its connection goes on")
        tls.close()
    wait_for(lambda: servers(lab)[second]["connections"] == 0, 10, "it is empty")
    lab.ctl_ok("backend", "set", "app", first, "disabled")
    with lab.connect("a.test") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        equal(tlsclient.read_all(tls), b"", "the answer when no server takes connections")
    lab.ctl_ok("backend", "set", "app", first, "ready")
    equal(lab.get("a.test")["backend"], "one", "who answers")
    equal([detail.rpartition(",")[0] for detail in events(lab, "backend.set")],
          [f"backend app: server {second} is drain", f"backend app: server {first} is disabled",
           f"backend app: server {first} is ready"], "what the log has of it")


@scenario()
def a_drained_server_stays_so(lab):
    """Over a reload, a kill of the keeper, a restart; it is forgotten when it leaves the file."""
    two_servers(lab)
    second = text_of(lab, SECOND)
    lab.ctl_ok("backend", "drain", "app", second)
    lab.ctl_ok("reload", "--wait")
    equal(servers(lab)[second]["state"], "drain", "its state after a reload")
    if not lab.single:
        lab.certd.kill("keeper")
        wait_for(lambda: lab.ctl("status").code == 0, 15, "the keeper is back")
        equal(servers(lab)[second]["state"], "drain", "its state after a new keeper")
    lab.certd.stop()
    lab.start()
    equal(servers(lab)[second]["state"], "drain", "its state after a restart")
    equal({lab.get("a.test")["backend"] for _ in range(4)}, {"one"}, "who answers")
    configure(lab, ports=[PORTS["backend"]])
    lab.ctl_ok("reload", "--wait")
    check(second not in servers(lab), "it is not listed any more")
    lab.certd.stop()
    configure(lab)
    lab.start()
    equal(servers(lab)[second]["state"], "ready", "its state when it comes back")


@scenario()
def wrong_words_change_nothing(lab):
    lab.start()
    first = text_of(lab, PORTS["backend"])
    expect_code(lab.ctl("backend", "list", "nobody"), 3)
    expect_code(lab.ctl("backend", "set", "nobody", first, "drain"), 3)
    expect_code(lab.ctl("backend", "set", "app", "10.9.9.9:1", "drain"), 3)
    expect_code(lab.ctl("backend", "set", "app", first, "asleep"), 2)
    expect_code(lab.ctl("backend", "drain", "app"), 2)
    expect_code(lab.ctl("backend", "smile"), 2)
    equal(servers(lab)[first]["state"], "ready", "its state")
    table = lab.ctl_ok("backend", "list").out.split("\n")
    equal(table[0].split()[:4], ["BACKEND", "SERVER", "STATE", "HEALTH"], "the table's titles")
    equal(table[1].split()[:4], ["app", first, "ready", "unknown"], "its row")


# ---- TLS towards the server ----------------------------------------------------------------------


def nginx_with(lab, name, *, port=SECOND, answer=None, words="ssl_protocols TLSv1.2 TLSv1.3;"):
    """nginx behind TLS with a certificate for NAME, and the PROXY header before that."""
    cert, key, _ = lab.ca.leaf(name)
    nginx = Nginx(lab.directory, (lab.address, port), listen="ssl proxy_protocol", answer=answer,
                  server=f"ssl_certificate {cert}; ssl_certificate_key {key}; {words}")
    lab.on_close.callback(nginx.close)
    return nginx.start()


def tls_backend(lab, words, *, ports=(SECOND,)):
    configure(lab, f"tls; tls-ca {lab.ca.file}; send-proxy v2; {words}", ports=ports)
    lab.start()
    lab.add("a.test")


def asked(lab):
    """What a client gets that sends a request; b"" when no server will have it."""
    with lab.connect("a.test") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        return tlsclient.read_all(tls)


@scenario()
def tls_to_nginx_with_its_name(lab):
    lab.ca = Authority(lab.directory)
    nginx_with(lab, "DNS:app.internal")
    tls_backend(lab, "tls-name App.internal;")
    got = told(lab)
    equal((got["sni"], got["inner"]), ("app.internal", "TLSv1.3"), "what nginx saw of our TLS")
    equal(got["local"], "%s:%d" % lab.https, "and of the client, before TLS began")


@scenario(workers=1)
def sessions_are_resumed_with_the_same_server_only(lab):
    """For both versions; a server that is another one than before has to show who it is."""
    lab.ca = Authority(lab.directory)
    for number, version in enumerate(("TLSv1.2", "TLSv1.3")):
        port = SECOND + number
        nginx = nginx_with(lab, "DNS:app.internal", port=port, words=f"ssl_protocols {version};")
        lab.certd.stop()
        configure(lab, f"tls; tls-ca {lab.ca.file}; tls-name app.internal; send-proxy v2;",
                  ports=[port])
        lab.start()
        if number == 0:
            lab.add("a.test")
        equal([told(lab)["resumed"] for _ in range(3)], [".", "r", "r"], f"sessions of {version}")
        nginx.stop()
        nginx_with(lab, "DNS:other.internal", port=port, words=f"ssl_protocols {version};")
        equal(asked(lab), b"", "what the client gets when another server is there")


@scenario()
def tls_to_haproxy_takes_the_protocol_along(lab):
    lab.ca = Authority(lab.directory)
    haproxy = Haproxy(lab.directory, (lab.address, SECOND),
                      f"ssl crt {lab.ca.leaf('DNS:app.internal')[2]} alpn h2,http/1.1")
    lab.on_close.callback(haproxy.close)
    haproxy.start()
    tls_backend(lab, "tls-name app.internal; alpn http/1.1;")
    got = told(lab)
    equal((got["sni"], got["authority"], got["chosen"]), ("app.internal", "a.test", ""),
          "our name, the client's name, no protocol")
    with lab.connect("a.test", alpn=["http/1.1", "h2"]) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        check(b"chosen=http/1.1" in tlsclient.read_all(tls), "the protocol agreed with both")


@scenario()
def tls_to_an_address_needs_the_address(lab):
    lab.ca = Authority(lab.directory)
    nginx_with(lab, f"IP:{lab.address}")
    tls_backend(lab, "")
    equal(told(lab)["sni"], "", "an address is not sent as a name")


@scenario()
def tls_to_a_name_checks_that_name(lab):
    own_hosts(lab, f"{lab.address} app.internal")
    lab.ca = Authority(lab.directory)
    nginx_with(lab, "DNS:app.internal")
    text = lab.config().replace(f"server {text_of(lab, PORTS['backend'])};",
                                f"server app.internal:{SECOND}; tls; tls-ca {lab.ca.file}; "
                                "send-proxy v2;")
    lab.write_config(text=text)
    lab.start()
    lab.add("a.test")
    wait_for(lambda: servers(lab)[f"app.internal:{SECOND}"]["addresses"], 10, "its address is known")
    equal(told(lab)["sni"], "app.internal", "the name nginx was asked for")


@scenario()
def a_server_with_another_name_gets_nothing(lab):
    lab.ca = Authority(lab.directory)
    nginx_with(lab, "DNS:other.internal")
    nginx_with(lab, "DNS:app.internal", port=SECOND + 1, answer="right")
    tls_backend(lab, "tls-name app.internal; balance first;", ports=(SECOND, SECOND + 1))
    check(b"right" in asked(lab), "the next server answers")
    wait_for(lambda: events(lab, "mismatch.backend_cert"), 10, "it is told")
    equal(events(lab, "mismatch.backend_cert"),
          [f"backend app: server {text_of(lab, SECOND)}: its certificate does not fit: "
           "hostname mismatch"], "in these words")
    for _ in range(3):
        check(b"right" in asked(lab), "the next server answers")
    equal(health(lab, SECOND), "down", "it is down after three of them")
    equal(len(events(lab, "mismatch.backend_cert")), 1, "events about it")


@scenario()
def that_a_server_was_put_right_is_told(lab):
    lab.ca = Authority(lab.directory)
    wrong = nginx_with(lab, "DNS:other.internal")
    tls_backend(lab, f"tls-name app.internal; {CHECK}")
    equal(asked(lab), b"", "what the client gets")
    wait_for(lambda: events(lab, "mismatch.backend_cert"), 10, "it is told")
    wait_for(lambda: health(lab, SECOND) == "down", 10, "it is down")
    equal(events(lab, "mismatch.healed"), [], "it is not over")
    wrong.close()
    nginx_with(lab, "DNS:app.internal")
    wait_for(lambda: events(lab, "mismatch.healed"), 10, "its end is told")
    equal(len(events(lab, "mismatch.healed")), 1, "once")


@scenario()
def a_server_nobody_vouches_for_gets_nothing(lab):
    """The system's roots do not know our CA; that nobody is asked must be said."""
    lab.ca = Authority(lab.directory)
    nginx_with(lab, "DNS:app.internal", answer="right")
    configure(lab, "tls; tls-name app.internal; send-proxy v2;", ports=[SECOND])
    lab.start()
    lab.add("a.test")
    equal(asked(lab), b"", "what the client gets")
    wait_for(lambda: events(lab, "mismatch.backend_cert"), 10, "it is told")
    check("unable to get local issuer" in events(lab, "mismatch.backend_cert")[0], "in words")
    configure(lab, "tls; tls-verify off; send-proxy v2;", ports=[SECOND])
    lab.ctl_ok("reload", "--wait")
    check(b"right" in asked(lab), "with tls-verify off it answers")


@scenario()
def tls_to_a_server_without(lab):
    lab.ca = Authority(lab.directory)
    tls_backend(lab, "", ports=[PORTS["backend"]])
    equal(asked(lab), b"", "what the client gets")
    item = servers(lab)[text_of(lab, PORTS["backend"])]
    check(item["failures"] == 1 and item["connections"] == 0, f"it is counted: {item}")


@scenario()
def checks_shake_hands_too(lab):
    lab.ca = Authority(lab.directory)
    nginx_with(lab, "DNS:app.internal")
    nginx_with(lab, "DNS:other.internal", port=SECOND + 1)
    for words in (CHECK, "check http GET / every 250ms fall 2 rise 1;"):
        lab.certd.stop()
        configure(lab, f"tls; tls-ca {lab.ca.file}; tls-name app.internal; send-proxy v2; {words}",
                  ports=[SECOND, SECOND + 1])
        lab.start()
        wait_for(lambda: health(lab, SECOND) == "up", 10, f"the right one is up: {words}")
        wait_for(lambda: health(lab, SECOND + 1) == "down", 10, f"the other one is down: {words}")


@scenario()
def large_bodies_through_tls_on_both_sides(lab):
    lab.ca = Authority(lab.directory)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert, key, _ = lab.ca.leaf("DNS:app.internal")
    made.load_cert_chain(cert, key)
    lab.add_backend(SECOND, proxy=True, tls=made)
    tls_backend(lab, "tls-name app.internal;")
    length = 32 << 20
    want = backends.pattern_sha256(length)
    for _ in range(2):
        with lab.connect("a.test", timeout=60) as tls:
            tls.sendall(f"GET /download?bytes={length} HTTP/1.1\r\nHost: a.test\r\n"
                        "Connection: close\r\n\r\n".encode())
            _, _, body = tlsclient.parse_answer(tlsclient.read_all(tls))
            equal(hashlib.sha256(body).hexdigest(), want, "the download's hash")
        with lab.connect("a.test", timeout=60) as tls:
            tls.sendall(f"PUT /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n"
                        "Connection: close\r\n\r\n".encode())
            for block in backends.pattern(length):
                tls.sendall(block)
            check(want.encode() in tlsclient.read_all(tls), "the upload's hash")


# ---- names ---------------------------------------------------------------------------------------


def own_hosts(lab, text):
    """certd sees TEXT as /etc/hosts, and no name server; returns a function that changes it."""
    if ALL_SINGLE:
        raise Skip("roles are threads here")
    paths = {name: os.path.join(lab.directory, name) for name in ("hosts", "resolv.conf")}

    def write(hosts):
        with open(paths["hosts"], "w") as out:      # in place: the mount is of this very file
            out.write(f"127.0.0.1 localhost\n{hosts}\n")

    write(text)
    with open(paths["resolv.conf"], "w") as out:
        out.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    script = "".join(f"mount --bind {path} /etc/{name} && " for name, path in paths.items())
    prefix = ["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        raise Skip("mount namespaces are not permitted here")
    lab.certd.prefix = prefix
    return write


@scenario()
def servers_may_be_names(lab):
    write = own_hosts(lab, f"{lab.address} app.internal")
    port = PORTS["backend"]
    text = lab.config().replace(f"server {text_of(lab, port)};",
                                f"server App.internal:{port}; check connect every 250ms fall 2;")
    lab.write_config(text=text)
    lab.start()
    lab.add("a.test")
    wait_for(lambda: servers(lab)[f"App.internal:{port}"]["addresses"] == [text_of(lab, port)], 10,
             "the name's address is known")
    equal(lab.get("a.test")["backend"], "backend", "who answers")

    # It moves: the old place is empty, the new one is found by looking again.
    moved = "127.99." + ".".join(lab.address.split(".")[2:])
    lab.backend.stop()
    lab.backend.address = moved
    lab.backend.start()
    write(f"{moved} app.internal")
    wait_for(lambda: servers(lab)[f"App.internal:{port}"]["addresses"] == [f"{moved}:{port}"], 15,
             "the new address is known")
    wait_for(lambda: servers(lab)[f"App.internal:{port}"]["health"] == "up", 10, "it is well there")
    equal(lab.get("a.test")["backend"], "backend", "who answers")

    # A name that is gone keeps its last address.
    write("")
    lab.ctl_ok("reload", "--wait")
    equal(lab.get("a.test")["backend"], "backend", "who answers")


@scenario()
def a_name_without_an_address_is_down_until_it_has_one(lab):
    write = own_hosts(lab, "")
    port = PORTS["backend"]
    name = f"late.internal:{port}"
    lab.write_config(text=lab.config().replace(f"server {text_of(lab, port)};", f"server {name};"))
    lab.start()
    lab.add("a.test")
    wait_for(lambda: servers(lab)[name]["health"] == "down", 10, "there is no such name")
    wait_for(lambda: events(lab, "backend.down"), 5, "it is told")
    check("the name has no address" in events(lab, "backend.down")[0], "in words")
    equal(servers(lab)[name]["addresses"], [], "its addresses")
    write(f"{lab.address} late.internal")
    wait_for(lambda: servers(lab)[name]["addresses"], 15, "it has an address")
    equal(lab.get("a.test")["backend"], "backend", "who answers")
    wait_for(lambda: servers(lab)[name]["health"] != "down", 10, "it is not down any more")


@scenario()
def a_name_with_two_addresses_is_tried_at_both(lab):
    other = "127.98." + ".".join(lab.address.split(".")[2:])
    own_hosts(lab, f"{other} pair.internal\n{lab.address} pair.internal")
    port = PORTS["backend"]
    lab.write_config(text=lab.config().replace(f"server {text_of(lab, port)};",
                                               f"server pair.internal:{port};"))
    lab.start()
    lab.add("a.test")
    wait_for(lambda: len(servers(lab)[f"pair.internal:{port}"]["addresses"]) == 2, 10,
             "both addresses are known")
    for _ in range(8):       # nobody listens at the other one
        lab.get("a.test")
    item = servers(lab)[f"pair.internal:{port}"]
    equal((item["failures"], item["health"]), (0, "unknown"), "one place that answers is enough")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS that ends at the backend: routed by name, bytes untouched."""

import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import child  # noqa: E402
import tlsclient  # noqa: E402
from lab import PATIENCE, check, equal, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

SERVER, ECHO = 18090, 18091


def own_certificate(lab, name):
    """A self-signed one that certd never sees; returns the paths of certificate and key."""
    cert, key = (os.path.join(lab.directory, f"{name}.{part}") for part in ("crt", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    os.chmod(key, 0o644)
    return cert, key


def run_server(lab, command, log):
    process = child.spawn(command, os.path.join(lab.directory, log), dict(os.environ))
    lab.on_close.callback(lambda: (process.terminate(), process.wait()))

    def answers():
        try:
            socket.create_connection((lab.address, SERVER), 1).close()
            return True
        except OSError:
            return False
    wait_for(answers, 10, f"{command[0]} listens")


def start_s_server(lab, *words):
    cert, key = own_certificate(lab, "raw.test")
    run_server(lab, ["openssl", "s_server", "-quiet", "-cert", cert, "-key", key, "-accept",
                     f"{lab.address}:{SERVER}", *words], "s_server.log")
    with open(cert) as text:
        return text.read()


def configure(lab, words="", port=SERVER):
    lab.write_config(f"backend raw {{ server {lab.address}:{port}; passthrough; {words} }}\n")


def add_raw(lab, *names, options=()):
    """Such a name is served at once; nothing is ordered for it unless a CA is given."""
    lab.add(*names, options=("--backend", "raw", *options))


class Fragmenting:
    """A TLS client whose first flight goes out in records of SIZE bytes, and PAUSE after each."""

    def __init__(self, where, name, trust, size, pause=0.0):
        made = tlsclient.context(trust)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = made.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.socket = socket.create_connection(where, timeout=10 * PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        flight = tlsclient.in_records(self.outgoing.read(), size)
        for at in range(0, len(flight), size + 5):
            self.socket.sendall(flight[at:at + size + 5])
            time.sleep(pause)
        self.repeat(self.tls.do_handshake)

    def repeat(self, step, *words):
        while True:
            try:
                done = step(*words)
                self.socket.sendall(self.outgoing.read())
                return done
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("the other side ended")
                self.incoming.write(data)


@scenario()
def the_backends_own_tls_is_what_clients_see(lab):
    configure(lab)
    trust = start_s_server(lab, "-www")
    lab.start()
    lab.add("a.test")
    add_raw(lab, "raw.test")
    for version in ("1.2", "1.3"):
        with tlsclient.connect(lab.https, "raw.test", trust, version=version) as tls:
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = tlsclient.read_all(tls)
            check(b"200 ok" in answer.lower() and b"s_server" in answer, f"{answer[:300]}")
    for size in (1, 3, 50, 400):
        client = Fragmenting(lab.https, "raw.test", trust, size, 0.001 if size == 1 else 0.01)
        client.repeat(client.tls.write, b"GET / HTTP/1.0\r\n\r\n")
        check(b"200 ok" in client.repeat(client.tls.read, 65536).lower(), f"records of {size}")
        client.socket.close()
    lab.get("a.test")                   # the names beside it end at certd as before
    front = lab.certd.status()["front"]
    equal((front["passthroughs"], front["backend_failed"]), (6, 0), "passed through, failed")


def s_client(where, *words):
    """A request for a.test; returns what s_client said."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", where, "-servername", "a.test", "-tls1_3", "-ign_eof",
         *words], input="GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
        capture_output=True, text=True, timeout=30 * PATIENCE)
    return done.stdout + done.stderr


@scenario()
def data_sent_ahead_with_the_ticket_of_another_server_are_skipped(lab):
    """0-RTT: such a client comes when its name has moved to certd, also where it is told to retry."""
    lab.start()
    lab.add("a.test")
    start_s_server(lab, "-www", "-max_early_data", "16384")
    ticket, ahead = (os.path.join(lab.directory, name) for name in ("ticket", "ahead"))
    for size in (1, 10000, 16000):
        with open(ahead, "w") as out:
            out.write("x" * size)
        for groups in ("X25519", "P-521:P-256"):        # without and with a HelloRetryRequest
            said = s_client(f"{lab.address}:{SERVER}", "-sess_out", ticket)
            check("HTTP/1.0 200" in said, f"the other server: {said[-3000:]}")
            said = s_client("%s:%d" % lab.https, "-sess_in", ticket, "-early_data", ahead, "-groups", groups)
            check("Early data was rejected" in said, f"{size} bytes, {groups}: {said[-3000:]}")
            check("HTTP/1.1 200" in said and "New, TLSv1.3" in said,
                  f"{size} bytes, {groups}: {said[-3000:]}")


def other_versions(hello):
    """HELLO's records of one byte, the minor version of each another than the one before."""
    return b"".join(hello[at:at + 2] + bytes([at % 251]) + hello[at + 3:at + 6]
                    for at in range(0, len(hello), 6))


@scenario()
def every_byte_arrives_as_it_was(lab):
    configure(lab, port=ECHO)
    lab.add_backend(ECHO, mode="echo")
    lab.start()
    add_raw(lab, "raw.test")
    random.seed(4)
    padded = tlsclient.client_hello(b"raw.test", more=[(0x4000, bytes(12000))])
    longest = 16384 - (len(padded) - 5) + 12000
    longest = tlsclient.client_hello(b"raw.test", more=[(0x4000, random.randbytes(longest))])
    equal(len(longest), 5 + 16384, "the longest")
    for hello in (tlsclient.client_hello(b"raw.test"), padded,
                  tlsclient.in_records(tlsclient.client_hello(b"RAW.test."), 1),
                  tlsclient.in_records(padded, 3), tlsclient.in_records(longest, 1),
                  other_versions(tlsclient.in_records(longest, 1)),
                  tlsclient.in_records(longest, 16384),
                  tlsclient.client_hello(b"raw.test") + b"\x14\x03\x03\x00\x01\x01 and no TLS"):
        with socket.create_connection(lab.https, timeout=10 * PATIENCE) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sent, got = hello + random.randbytes(300000), b""
            for at in range(0, len(sent), 100000):
                raw.sendall(sent[at:at + 100000])
                while len(got) < min(at + 100000, len(sent)):
                    part = raw.recv(65536)
                    check(part, f"the end after {len(got)} bytes")
                    got += part
            check(got == sent, f"{len(sent)} bytes come back as they were")
            raw.shutdown(socket.SHUT_WR)
            equal(raw.recv(100), b"", "what comes after both ends")


@scenario()
def a_hello_in_single_bytes_reaches_the_backend(lab):
    configure(lab, port=ECHO)
    lab.add_backend(ECHO, mode="echo")
    lab.start()
    add_raw(lab, "raw.test")
    hello = tlsclient.client_hello(b"raw.test")
    with socket.create_connection(lab.https, timeout=10 * PATIENCE) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello:
            raw.sendall(bytes([byte]))
        got = b""
        while len(got) < len(hello):
            got += raw.recv(65536) or check(False, f"the end after {len(got)} bytes")
        equal(got, hello, "what comes back")


@scenario()
def a_backend_that_breaks_off_resets_the_client(lab):
    configure(lab, port=ECHO)
    with socket.create_server((lab.address, ECHO)) as listening:
        lab.start()
        add_raw(lab, "raw.test")
        with socket.create_connection(lab.https, timeout=10 * PATIENCE) as raw:
            raw.sendall(tlsclient.client_hello(b"raw.test"))
            server, _ = listening.accept()
            server.recv(65536)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            try:
                equal(raw.recv(100), "a reset", "what the client gets")
            except ConnectionResetError:
                pass


@scenario(challenge="tls-alpn-01")
def challenges_of_ours_are_answered_others_go_to_the_backend(lab):
    configure(lab)
    trust = start_s_server(lab, "-alpn", "acme-tls/1,http/1.1", "-www")
    lab.start()
    add_raw(lab, "raw.test", options=("--ca", "pebble"))
    wait_for(lambda: lab.certd.show("raw.test").get("state") == "valid", 60,
             "tls-alpn-01 goes through in spite of passthrough")
    with tlsclient.connect(lab.https, "raw.test", trust, alpn=["acme-tls/1"]) as tls:
        equal(tls.selected_alpn_protocol(), "acme-tls/1", "the backend's own dialogue with its CA")


@scenario()
def nginx_learns_the_client_and_the_name(lab):
    if not shutil.which("nginx"):
        raise Skip("no nginx")
    cert, key = own_certificate(lab, "raw.test")
    conf = os.path.join(lab.directory, "nginx.conf")
    with open(conf, "w") as out:
        out.write(f"""
daemon off; master_process off; pid {lab.directory}/nginx.pid; error_log stderr;
events {{ }}
http {{
	access_log off;
	client_body_temp_path {lab.directory}/n1; proxy_temp_path {lab.directory}/n2;
	fastcgi_temp_path {lab.directory}/n3; uwsgi_temp_path {lab.directory}/n4;
	scgi_temp_path {lab.directory}/n5;
	server {{
		listen {lab.address}:{SERVER} ssl proxy_protocol;
		ssl_certificate {cert}; ssl_certificate_key {key};
		location / {{ return 200 "$ssl_server_name $proxy_protocol_addr $ssl_protocol\\n"; }}
	}}
}}
""")
    run_server(lab, ["nginx", "-c", conf, "-p", lab.directory], "nginx.log")
    configure(lab, "send-proxy v2;")
    lab.start()
    add_raw(lab, "raw.test")
    with open(cert) as text:
        trust = text.read()
    raw = socket.create_connection(lab.https, timeout=10, source_address=("127.9.8.7", 0))
    with tlsclient.context(trust).wrap_socket(raw, server_hostname="raw.test") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: raw.test\r\nConnection: close\r\n\r\n")
        answer = tlsclient.read_all(tls)
    check(b"raw.test 127.9.8.7 TLSv1." in answer, f"nginx saw {answer!r}")


if __name__ == "__main__":
    main()

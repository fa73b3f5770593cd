#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The way to a CA: through a proxy, over IPv6, with HTTP/2, and who we say that we are."""

import os
import socket
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from acmetap import AcmeTap  # noqa: E402
from lab import PORTS, check, equal, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402

PROXY_PORT = 13128


def end(listener):
    """Closes it, and wakes the thread that accepts there."""
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


class Proxy:
    """An HTTP proxy that knows CONNECT, and remembers what it was asked for."""

    def __init__(self, address, refuse=False):
        self.asked, self.refuse = [], refuse
        self.listener = socket.create_server((address, PROXY_PORT))
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        end(self.listener)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(4096)
            if not more:
                return
            head += more
        method, where, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.asked.append((method, where))
        if method != "CONNECT" or self.refuse:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        host, port = where.rsplit(":", 1)
        server = socket.create_connection((host.strip("[]"), int(port)), timeout=30)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        pump(server, client)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@scenario()
def through_a_proxy(lab):
    """All that goes to the CA; but our look at our own listener does not."""
    proxy = Proxy(lab.address)
    lab.on_close.callback(proxy.close)
    lab.certd.prefix = ["env", f"HTTPS_PROXY=http://{lab.address}:{PROXY_PORT}"]
    lab.start()
    lab.add("a.test")
    equal({one for one in proxy.asked}, {("CONNECT", f"{lab.address}:{PORTS['acme']}")}, "CONNECTs")
    lab.certd.stop()
    del proxy.asked[:]
    lab.certd.prefix += [f"NO_PROXY={lab.address}"]
    lab.start()
    lab.add("b.test")
    equal(proxy.asked, [], "CONNECTs in spite of NO_PROXY")


@scenario()
def a_proxy_that_refuses_is_told(lab):
    proxy = Proxy(lab.address, refuse=True)
    lab.on_close.callback(proxy.close)
    lab.certd.prefix = ["env", f"https_proxy=http://{lab.address}:{PROXY_PORT}"]
    lab.start()
    answer = lab.ctl("ca", "test", "pebble")
    check(answer.code != 0 and "403" in answer.err, str(answer))
    check(proxy.asked, "the proxy was asked")


@scenario()
def over_ipv6_only(lab):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
            port = free.getsockname()[1]
    except OSError:
        raise Skip("no IPv6 on loopback")
    tap = AcmeTap("::1", port, (lab.address, PORTS["acme"]), lab.pebble.ca_file,
                  lab.pebble.key_file)
    lab.on_close.callback(tap.close)
    lab.directory_url = tap.directory_url
    lab.write_config()
    lab.start()
    lab.add("a.test")
    check(all(one[3] < 500 for one in tap.requests) and len(tap.accounts) == 1, str(tap.requests))
    check(next(iter(tap.accounts)).startswith(f"https://[::1]:{port}/"), str(tap.accounts))


@scenario(tap=True)
def who_we_are(lab):
    """RFC 8555 6.1: a User-Agent on every request, with name and version."""
    lab.start()
    lab.add("a.test")
    version = lab.certd.status()["version"]
    equal(len(lab.tap.agents), 1, f"user agents: {lab.tap.agents}")
    check(next(iter(lab.tap.agents)).startswith(f"certd/{version} "), f"{lab.tap.agents}")


@scenario()
def http_2_is_asked_for(lab):
    """And HTTP/1.1, for CAs that have nothing else."""
    seen = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.pebble.ca_file, lab.pebble.key_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    listener = socket.create_server((lab.address, PORTS["tap"]))
    lab.on_close.callback(end, listener)

    def accept():
        while True:
            try:
                client = listener.accept()[0]
                with context.wrap_socket(client, server_side=True) as tls:
                    seen.append((tls.selected_alpn_protocol(), tls.version(), tls.recv(24)))
            except OSError as error:
                if listener.fileno() < 0:
                    return
                seen.append((None, str(error), b""))

    threading.Thread(target=accept, daemon=True).start()
    lab.directory_url = f"https://{lab.address}:{PORTS['tap']}/dir"
    lab.write_config()
    lab.start()
    check(lab.ctl("ca", "test", "pebble").code != 0, "it says nothing")
    wait_for(lambda: seen, 10, "a connection")
    equal(seen[0], ("h2", "TLSv1.3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "what was spoken")


if __name__ == "__main__":
    main()

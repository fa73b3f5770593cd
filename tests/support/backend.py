#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The server behind certd, in tests and in the demo.

    backend.py --listen 127.0.0.1:8080 [--mode MODE] [--proxy]

--proxy expects a PROXY v2 header before anything else, as certd's `send-proxy v2;` writes it.

    http      answers in JSON; /download?bytes=N sends N bytes of pattern(), PUT /upload answers
              with the number and SHA-256 of what came, /reset breaks off with RST half way
    echo      sends back what comes, and ends when the client ends
    last      says nothing until the client's FIN, then how much came
    banner    speaks first: "220 ready", then as echo
    silent    accepts, and never reads nor writes
    flood     sends pattern() without end, asked or not, as fast as it is taken
"""

import argparse
import hashlib
import json
import socket
import struct
import threading
from urllib.parse import parse_qs, urlsplit

PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BLOCK = bytes(range(256)) * 256


def pattern(length):
    """LENGTH bytes that both ends know, in blocks."""
    while length > 0:
        yield BLOCK[:length]
        length -= len(BLOCK)


def pattern_sha256(length):
    digest = hashlib.sha256()
    for block in pattern(length):
        digest.update(block)
    return digest.hexdigest()


class ProxyError(Exception):
    pass


def read_tlvs(data):
    """{type: value} of PROXY v2's list."""
    found = {}
    while data:
        if len(data) < 3 or len(data) < 3 + struct.unpack("!H", data[1:3])[0]:
            raise ProxyError(f"a TLV is cut off: {data!r}")
        length = struct.unpack("!H", data[1:3])[0]
        found[data[0]] = data[3:3 + length]
        data = data[3 + length:]
    return found


def read_proxy_v2(stream, tlvs):
    """Returns "address:port" of the client, "local" for a LOCAL header; fills in TLVS."""
    head = stream.read(16)
    if len(head) < 16 or head[:12] != PROXY_SIGNATURE or head[12] >> 4 != 2:
        raise ProxyError(f"not a PROXY v2 header: {head!r}")
    body = stream.read(struct.unpack("!H", head[14:])[0])
    if head[12] & 15 == 0:
        return "local"
    tlvs.update(read_tlvs(body[{0x11: 12, 0x21: 36}.get(head[13], 0):]))
    if head[13] == 0x11:
        return f"{socket.inet_ntop(socket.AF_INET, body[:4])}:{struct.unpack('!H', body[8:10])[0]}"
    if head[13] == 0x21:
        port = struct.unpack("!H", body[32:34])[0]
        return f"[{socket.inet_ntop(socket.AF_INET6, body[:16])}]:{port}"
    raise ProxyError(f"PROXY v2 family {head[13]:#x}")


class Exact:
    """Reads what is asked for and not a byte more: what follows may be TLS."""

    def __init__(self, connection):
        self.connection = connection

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.connection.recv(length - len(data))
            if not part:
                break
            data += part
        return data


class Backend:
    """Listens at once; a thread per connection.  Counters are for the tests to look at."""

    def __init__(self, address, port, *, mode="http", proxy=False, name="backend", tls=None):
        self.address, self.port, self.mode, self.proxy, self.name = (
            address, port, mode, proxy, name)
        self.tls = tls            # an ssl.SSLContext: behind the PROXY header there is TLS
        self.accepted = 0         # connections, ever
        self.errors = []          # what went wrong here, in words
        self.sent = 0             # bytes of flood and download
        self.clients = []         # what the PROXY headers said
        self.tlvs = {}            # those of the last one
        self.socket = None
        self.open = set()
        self.start()

    def start(self):
        self.socket = socket.create_server((self.address, self.port), backlog=512)
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()

    def stop(self):
        """Nobody listens any more, and open connections end."""
        if self.socket:
            # shutdown() wakes the accepting thread, close() alone does not
            self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
            self.socket = None
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    close = stop

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        accepted, client = connection, None
        try:
            if self.proxy:
                tlvs = {}
                client = read_proxy_v2(Exact(connection), tlvs)
                self.tlvs = tlvs
                self.clients.append(client)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                getattr(self, "_mode_" + self.mode)(connection, stream, client)
        except ProxyError as error:
            self.errors.append(str(error))
            accepted.close()
        except OSError:
            accepted.close()      # the other side left
        finally:
            self.open.discard(accepted)

    # one function per mode

    def _mode_http(self, connection, stream, client):
        while True:
            request = stream.readline(8192).decode("latin-1").split()
            if len(request) != 3:
                return
            headers = {}
            for line in iter(stream.readline, b""):
                if line in (b"\r\n", b"\n"):
                    break
                key, _, value = line.decode("latin-1").partition(":")
                headers[key.strip().lower()] = value.strip()
            if not self._answer(connection, stream, client, request, headers):
                return

    def _answer(self, connection, stream, client, request, headers):
        """Returns True when the connection may carry another request."""
        url = urlsplit(request[1])
        keep = headers.get("connection", "").lower() != "close"
        if url.path == "/download":
            length = int(parse_qs(url.query)["bytes"][0])
            connection.sendall(_head("200 OK", length, "application/octet-stream", keep))
            for block in pattern(length):
                connection.sendall(block)
                self.sent += len(block)
            return keep
        if url.path == "/reset":
            connection.sendall(_head("200 OK", 1000000, "application/octet-stream", keep))
            connection.sendall(BLOCK)
            # linger for zero seconds: close() sends RST instead of FIN
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        answer = {"backend": self.name, "method": request[0], "path": request[1],
                  "host": headers.get("host"), "client": client, "connection": self.accepted}
        if "content-length" in headers:
            answer["bytes"], answer["sha256"] = _digest(stream, int(headers["content-length"]))
        body = json.dumps(answer).encode() + b"\n"
        connection.sendall(_head("200 OK", len(body), "application/json", keep) + body)
        return keep

    def _mode_echo(self, connection, stream, client):
        for data in iter(lambda: stream.read1(65536), b""):
            connection.sendall(data)

    def _mode_last(self, connection, stream, client):
        count, digest = _digest(stream, None)
        connection.sendall(f"{count} {digest}\n".encode())

    def _mode_banner(self, connection, stream, client):
        connection.sendall(b"220 ready\r\n")
        self._mode_echo(connection, stream, client)

    def _mode_silent(self, connection, stream, client):
        threading.Event().wait(3600)

    def _mode_flood(self, connection, stream, client):
        while True:
            connection.sendall(BLOCK)
            self.sent += len(BLOCK)


def _head(status, length, kind, keep):
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n").encode()


def _digest(stream, length):
    """Reads LENGTH bytes, or to the end; returns how many came and their SHA-256."""
    digest, count = hashlib.sha256(), 0
    while length is None or count < length:
        data = stream.read1(65536 if length is None else min(65536, length - count))
        if not data:
            break
        digest.update(data)
        count += len(data)
    return count, digest.hexdigest()


def main():
    words = argparse.ArgumentParser(description="a small server to stand behind certd")
    words.add_argument("--listen", default="127.0.0.1:8080", metavar="ADDRESS:PORT")
    words.add_argument("--mode", default="http")
    words.add_argument("--proxy", action="store_true", help="expect a PROXY v2 header")
    words.add_argument("--name", default="backend")
    given = words.parse_args()
    address, _, port = given.listen.rpartition(":")
    Backend(address, int(port), mode=given.mode, proxy=given.proxy, name=given.name)
    print(f"{given.name} listens on {given.listen}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()

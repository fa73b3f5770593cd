# SPDX-License-Identifier: Apache-2.0
"""TLS clients of the tests: a polite one on Python's ssl, and a hand-made ClientHello.

The polite one verifies the chain against pebble's root and the name.  The hand-made hello carries
any bytes as SNI, any version and any ALPN, and reports the alert that comes back.
"""

import os
import socket
import ssl
import struct

ALERTS = {0: "close_notify", 10: "unexpected_message", 40: "handshake_failure",
          47: "illegal_parameter", 50: "decode_error", 70: "protocol_version",
          80: "internal_error", 112: "unrecognized_name", 120: "no_application_protocol"}


def context(trust=None, *, version=None, alpn=None):
    """TRUST is PEM text; without it nothing is verified.  VERSION is "1.2", "1.3" or None."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        made.load_verify_locations(cadata=trust)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if version:
        exact = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        made.minimum_version = made.maximum_version = exact
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def connect(where, name, trust=None, *, timeout=10, version=None, alpn=None):
    """A finished handshake with NAME as SNI, as an ssl.SSLSocket."""
    raw = socket.create_connection(where, timeout=timeout)
    try:
        return context(trust, version=version, alpn=alpn).wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def serial_of(tls):
    """The serial number of the peer's leaf certificate, in lower-case hex without leading zeros."""
    der = tls.getpeercert(binary_form=True)
    return f"{serial_from_der(der):x}"


def serial_from_der(der):
    """Certificate ::= SEQUENCE { SEQUENCE { [0] version, INTEGER serial, ... } ... }"""
    _, body, _ = _tlv(der, 0)
    _, body, _ = _tlv(der, body)
    tag, start, end = _tlv(der, body)
    if tag == 0xA0:
        tag, start, end = _tlv(der, end)
    assert tag == 2, "no serial number where one belongs"
    return int.from_bytes(der[start:end], "big")


def _tlv(der, at):
    """Returns tag, and where the contents start and end."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start:start + count], "big"), start + count
    return tag, start, start + length


def read_all(tls):
    """Everything up to the peer's end of stream."""
    parts = []
    while True:
        part = tls.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def https_get(where, name, path="/", trust=None, **words):
    """One request, one connection; returns (status, headers in lower case, body)."""
    with connect(where, name, trust, **words) as tls:
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return parse_answer(read_all(tls))


def http_get(where, path="/", host="x.test", timeout=10, raw=None):
    """The same in clear text; RAW replaces the whole request head."""
    with socket.create_connection(where, timeout=timeout) as plain:
        plain.sendall(raw or f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                             "Connection: close\r\n\r\n".encode())
        return parse_answer(read_all(plain))


def parse_answer(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/"):
        return 0, {}, answer
    headers = {}
    for line in lines[1:]:
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    return int(lines[0].split()[1]), headers, body


class HalfClosing:
    """A client that can end its own direction with close_notify and go on reading.

    ssl.SSLSocket cannot: its unwrap() waits for the peer's close_notify and fails on data.
    """

    def __init__(self, where, name, trust=None, timeout=10):
        self.socket = socket.create_connection(where, timeout=timeout)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        made = context(trust)
        made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF       # Python sets it, and hides a bare FIN
        self.tls = made.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self._repeat(self.tls.do_handshake)

    def send(self, data):
        self._repeat(self.tls.write, data)

    def end_sending(self):
        """Sends close_notify, no FIN."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def read_all(self):
        """Returns (data, True when the peer ended with close_notify and not just a FIN)."""
        parts = []
        while True:
            try:
                part = self._repeat(self.tls.read, 65536)
            except ssl.SSLZeroReturnError:
                return b"".join(parts), True
            except (ssl.SSLError, ConnectionError):
                return b"".join(parts), False
            if not part:
                return b"".join(parts), True
            parts.append(part)

    def close(self):
        self.socket.close()

    def _repeat(self, step, *words):
        while True:
            try:
                done = step(*words)
                self._flush()
                return done
            except ssl.SSLWantReadError:
                self._flush()
                data = self.socket.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def _flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())


def in_records(hello, size):
    """The message of a hello of one record, in records of SIZE bytes."""
    message = hello[5:]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part
                    for part in (message[at:at + size] for at in range(0, len(message), size)))


def client_hello(sni, *, versions=(0x0304, 0x0303), alpn=(), more=(), share=None):
    """The bytes of a TLS record with a ClientHello.  SNI is bytes, or None for no extension; MORE
    are further extensions, as (number, bytes); SHARE is a key share as (group, bytes)."""
    legacy = min(max(versions), 0x0303)
    extensions = b""
    if sni is not None:
        entry = b"\x00" + struct.pack("!H", len(sni)) + sni
        extensions += _extension(0, struct.pack("!H", len(entry)) + entry)
    extensions += _extension(10, struct.pack("!HHHH", 6, 0x001D, 0x0017, 0x0019))
    extensions += _extension(11, b"\x01\x00")
    schemes = struct.pack("!6H", 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0401)
    extensions += _extension(13, struct.pack("!H", len(schemes)) + schemes)
    if alpn:
        names = b"".join(bytes([len(name)]) + name for name in alpn)
        extensions += _extension(16, struct.pack("!H", len(names)) + names)
    if max(versions) >= 0x0304:
        listed = b"".join(struct.pack("!H", version) for version in versions)
        extensions += _extension(43, bytes([len(listed)]) + listed)
        extensions += _extension(45, b"\x01\x01")
        group, key = share or (0x001D, os.urandom(32))
        share = struct.pack("!HH", group, len(key)) + key
        extensions += _extension(51, struct.pack("!H", len(share)) + share)
    extensions += b"".join(_extension(number, data) for number, data in more)
    suites = struct.pack("!8H", 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC009, 0xC013, 0x002F)
    body = (struct.pack("!H", legacy) + os.urandom(32) + b"\x20" + os.urandom(32)
            + struct.pack("!H", len(suites)) + suites + b"\x01\x00"
            + struct.pack("!H", len(extensions)) + extensions)
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def _extension(number, data):
    return struct.pack("!HH", number, len(data)) + data


def answer_to_hello(where, sni, **words):
    """Sends a hand-made hello; returns the alert's name, "server_hello", "closed" or "timeout"."""
    return answer_to(where, client_hello(sni, **words))


def answer_to(where, hello, *, timeout=10):
    """The same with any bytes."""
    with socket.create_connection(where, timeout=timeout) as raw:
        return answer_on(raw, hello)


def answer_on(raw, hello):
    """The same on a connection that is there."""
    try:
        raw.sendall(hello)
        head = _read_exactly(raw, 5)
        if len(head) < 5:
            return "closed"
        body = _read_exactly(raw, struct.unpack("!H", head[3:])[0])
    except ConnectionError:
        return "closed"
    except TimeoutError:
        return "timeout"
    if head[0] == 21:
        return ALERTS.get(body[1], f"alert {body[1]}")
    return "server_hello" if head[0] == 22 and body[0] == 2 else f"record type {head[0]}"


def _read_exactly(raw, length):
    data = b""
    while len(data) < length:
        part = raw.recv(length - len(data))
        if not part:
            break
        data += part
    return data

# SPDX-License-Identifier: Apache-2.0
"""A web service that takes events: HTTPS with a certificate of a private CA, or HTTP."""

import hashlib
import hmac
import http.server
import json
import ssl
import threading

from authority import read

SECRET = b"a secret of more than 16 bytes"


class Receiver:
    """status: what it answers with (a number, or a function of the event)."""

    def __init__(self, address, port, authority=None, status=204, headers=()):
        self.status, self.headers = status, dict(headers)
        self.events, self.faults, self.tries = [], [], 0
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def do_GET(self):
                with receiver.lock:
                    receiver.faults.append("a GET of " + self.path)
                self.send_error(405)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass            # a handshake that the client gave up

        self.server = Server((address, port), Handler)
        scheme = "http"
        if authority:
            scheme = "https"
            key, leaf = authority.make("hooks", (authority.inter, authority.inter_key), "CA:FALSE",
                                       f"IP:{address}")
            with open(leaf, "a") as chain:
                chain.write(read(authority.inter))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(leaf, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.url = f"{scheme}://{address}:{port}/hook?token=not-to-be-shown"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        timestamp = request.headers.get("Certd-Timestamp", "")
        want = "v1=" + hmac.new(SECRET, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        event = json.loads(body.decode("utf-8", "strict"))
        with self.lock:
            self.tries += 1
            if not hmac.compare_digest(want, request.headers.get("Certd-Signature", "")):
                self.faults.append(f"a wrong signature on {body}")
            for header, member in (("Certd-Id", "id"), ("Certd-Event", "type")):
                if request.headers.get(header) != str(event[member]):
                    self.faults.append(f"{header} is not {member} in {body}")
            if request.headers.get("Content-Type") != "application/json":
                self.faults.append("Content-Type")
            if not timestamp.isdigit():
                self.faults.append("Certd-Timestamp")
            status = self.status(event) if callable(self.status) else self.status
            if 200 <= status <= 299:
                self.events.append(event)
        request.send_response(status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def types(self, name=None):
        with self.lock:
            return [e["type"] for e in self.events if name is None or e.get("name") == name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

# SPDX-License-Identifier: Apache-2.0
"""A recorder between certd and the ACME server.

It forwards each request unchanged (pebble makes its URLs from the Host header, so they all lead
back here) and reads along: which names were ordered when, and what became of each order.  It can
also answer in the server's place, or hold an answer back, to play a CA that has a bad day.
"""

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FINAL = ("valid", "invalid")


def path_of(url):
    return "/" + url.split("/", 3)[3]


class Order:
    """One order as the CA told it."""

    def __init__(self, url, names, at):
        self.url, self.names, self.created_at = url, names, at
        self.status, self.ended_at = "pending", None

    def note(self, status):
        self.status = status
        if status in FINAL and self.ended_at is None:
            self.ended_at = time.monotonic()

    def __repr__(self):
        return f"<order {self.url} {','.join(self.names)} {self.status}>"


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        pass        # the client was killed; that is what tests do


class AcmeTap:
    """Listens on (ADDRESS, PORT) and forwards to TARGET, (address, port) of the ACME server."""

    def __init__(self, address, port, target, cert, key):
        self.target, self.cert = target, cert
        host = f"[{address}]" if ":" in address else address
        self.directory_url = f"https://{host}:{port}/dir"
        self.lock = threading.Lock()
        self.orders = {}          # URL -> Order
        self.parents = {}         # path of an authorization or challenge -> its order
        self.accounts = set()     # URLs of accounts
        self.requests = []        # (monotonic time, method, path, status)
        self.hold = lambda path: 0        # seconds to wait before forwarding
        self.instead = lambda path: None  # or (status, headers, body): do not forward
        self.rewrite = lambda path, headers: headers    # of the server's answer
        self.bodies = []          # (path, payload) of each request that was signed
        self.after = lambda path: 0       # seconds to hold its answer back
        self.lose = lambda path: False    # forward, and close instead of an answer
        self.agents = set()       # User-Agent of all requests
        self.paths = {}           # path of a directory entry -> its name, "newOrder"
        self.server = QuietServer((address, port), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        # The handshake happens in the connection's own thread, at its first read.
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def orders_of(self, name):
        with self.lock:
            found = [order for order in self.orders.values() if name in order.names]
        return sorted(found, key=lambda order: order.created_at)

    def overlapping(self):
        """Pairs of orders for one name where the second began while the first was alive."""
        with self.lock:
            names = {name for order in self.orders.values() for name in order.names}
        pairs = []
        for name in sorted(names):
            orders = self.orders_of(name)
            for first, second in zip(orders, orders[1:]):
                if first.ended_at is None or first.ended_at > second.created_at:
                    pairs.append((first, second))
        return pairs

    def _read_along(self, method, path, status, headers, body):
        with self.lock:
            self.requests.append((time.monotonic(), method, path, status))
            if path == "/dir":
                for name, url in json.loads(body).items():
                    if isinstance(url, str):
                        self.paths[path_of(url)] = name
            elif self.paths.get(path) == "newAccount" and status in (200, 201):
                self.accounts.add(headers["Location"])
            elif self.paths.get(path) == "newOrder" and status == 201:
                self._note_order(headers["Location"], json.loads(body))
            elif status == 200 and body.startswith(b"{"):
                self._note_status(path, json.loads(body))

    def _note_payload(self, path, body):
        if body.startswith(b"{"):
            payload = json.loads(body).get("payload", "")
            text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            with self.lock:
                self.bodies.append((path, json.loads(text) if text else None))

    def ordered(self, name):
        """What was sent as newOrder for NAME, refused or not."""
        with self.lock:
            return [payload for path, payload in self.bodies
                    if self.paths.get(path) == "newOrder"
                    and name in [one["value"] for one in payload["identifiers"]]]

    def _note_order(self, url, answer):
        names = [one["value"] for one in answer["identifiers"]]
        order = self.orders[url] = Order(url, names, time.monotonic())
        for authorization in answer["authorizations"]:
            self.parents[path_of(authorization)] = order

    def _note_status(self, path, answer):
        if "finalize" in answer:
            # pebble's finalize URL ends in the order's id, as its order URL does
            ending = "/" + answer["finalize"].rsplit("/", 1)[-1]
            for url, order in self.orders.items():
                if url.endswith(ending):
                    order.note(answer["status"])
        elif path in self.parents:
            order = self.parents[path]
            for challenge in answer.get("challenges", []):
                self.parents[path_of(challenge["url"])] = order
            # one authorization that fails ends the order, whether or not anybody looks at the order
            if answer.get("status") == "invalid":
                order.note("invalid")

    def _handler(tap):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                self.upstream = None

            def finish(self):
                if self.upstream:
                    self.upstream.close()
                super().finish()

            def forward(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                time.sleep(tap.hold(self.path))
                tap.agents.add(self.headers.get("User-Agent"))
                own = tap.instead(self.path)
                if own:
                    status, headers, answer = own
                else:
                    status, headers, answer = self.ask(body)
                    headers = tap.rewrite(self.path, headers)
                    tap._note_payload(self.path, body)
                    tap._read_along(self.command, self.path, status, dict(headers), answer)
                    time.sleep(tap.after(self.path))
                    if tap.lose(self.path):
                        self.close_connection = True
                        return
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            def ask(self, body):
                # a connection that was kept may have died with the server; a new one tells
                for attempt in ("kept", "new"):
                    if self.upstream is None or attempt == "new":
                        context = ssl.create_default_context(cafile=tap.cert)
                        self.upstream = http.client.HTTPSConnection(
                            *tap.target, context=context, timeout=30)
                    try:
                        self.upstream.request(self.command, self.path, body, dict(self.headers))
                        answer = self.upstream.getresponse()
                        return answer.status, answer.getheaders(), answer.read()
                    except (OSError, http.client.HTTPException):
                        self.upstream.close()
                self.upstream = None
                return 502, [], b""

            do_GET = do_POST = do_HEAD = forward

            def log_message(self, *_):
                pass

        return Handler


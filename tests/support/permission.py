# SPDX-License-Identifier: Apache-2.0
"""A permission hook for names on demand: HTTPS with a certificate of a private CA, or a Unix socket.

answer: what it says of a name: True, False, or a function of (hook, request) that writes what it
likes.  asked: the names, in order.
"""

import http.server
import json
import os
import socketserver
import ssl
import threading

from authority import read


def say(status=200, body=b"{}", headers=(), length=None):
    """An answer in these words."""
    def write(hook, request):
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)
    return write


def flood(hook, request):
    """A GiB, or as much as is taken."""
    request.send_response(200)
    request.send_header("Content-Length", str(1 << 30))
    request.end_headers()
    part = b"x" * 65536
    for _ in range((1 << 30) // len(part)):
        request.wfile.write(part)
        hook.written += len(part)


def hang(hook, request):
    hook.closing.wait()


class Permission:
    def __init__(self, address=None, port=None, authority=None, path=None, answer=True):
        self.answer, self.asked, self.faults, self.written = answer, [], [], 0
        self.closing, self.lock = threading.Event(), threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                hook.take(self)

            def address_string(self):
                return "client"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *_):
                pass

        class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *_):
                pass

        if path:
            self.server = UnixServer(path, Handler)
            os.chmod(path, 0o666)
            self.words = f"permission unix:{path};"
        else:
            self.server = Server((address, port), Handler)
            key, leaf = authority.make("ask", (authority.inter, authority.inter_key), "CA:FALSE",
                                       f"IP:{address}")
            with open(leaf, "a") as chain:
                chain.write(read(authority.inter))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(leaf, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
            self.words = (f"permission https://{address}:{port}/may?x=1 "
                          f"ca-file {authority.root};")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request):
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self.lock:
            self.asked.append(body.get("name"))
            if set(body) != {"version", "name", "client"} or body["version"] != 1:
                self.faults.append(body)
            if request.headers["Content-Type"] != "application/json":
                self.faults.append(request.headers["Content-Type"])
            answer = self.answer
        if isinstance(answer, bool):
            answer = say(body=json.dumps({"allow": answer}).encode())
        answer(self, request)

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

# SPDX-License-Identifier: Apache-2.0
"""An ACME server (RFC 8555) over real TLS that does as it is told, or lies as it is told.

By default it is an honest CA: it proves http-01 by asking the listener on `http_port`, signs with
an intermediate below a root of its own (the openssl program), and keeps nonces, accounts, orders.
What it does not do is verify signatures of requests; Pebble does.

    ca = FaultCa(directory, address, port, http_port=10080)
    ca.instead("newOrder", status=503, headers=[("Retry-After", "3600")], times=2)
    ca.edit("order", lambda request, answer: answer.json.update(status="odd"))
    ca.raw("directory", lambda request, write: write(b"HTTP/1.1 200 OK\\r\\n..."))
    ca.hang("authz"); ca.drip("cert"); ca.hang("accept")
    ca.heal()                       # all of it, or ca.heal("newOrder")

Steps: directory newNonce newAccount account newOrder order orders authz challenge finalize cert
alternate renewalInfo revokeCert keyChange, "any" for all of them, and "accept": the moment before
TLS.  ca.requests has every request that was read, with its step and time.
"""

import base64
import copy
import hashlib
import http.client
import itertools
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

from acmetap import QuietServer
from pebble import make_certificate

URN = "urn:ietf:params:acme:error:"
CA_CONFIG = """\
[ca]
default_ca = own
[own]
database = {0}/index.txt
new_certs_dir = {0}/issued
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
email_in_dn = no
[any]
commonName = optional
"""


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(jwk):
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def zulu(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def problem(word, detail, status=403, **more):
    return Answer(status, {"type": URN + word, "detail": detail, "status": status, **more},
                  [("Content-Type", "application/problem+json")])


class Answer:
    """What is going to be sent: `json` (a dict or list) or `body` (bytes)."""

    def __init__(self, status=200, body=None, headers=()):
        self.status, self.headers = status, list(headers)
        self.json = None if isinstance(body, (bytes, type(None))) else body
        self.body = body if isinstance(body, bytes) else b""

    def bytes(self):
        return self.body if self.json is None else json.dumps(self.json).encode()

    def has(self, name):
        return any(n.lower() == name.lower() for n, _ in self.headers)

    def set(self, name, value):
        """The only header of that name; None: no such header."""
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))
        return self


class Request:
    """One request as it was read; `payload` None is POST-as-GET or no POST at all."""

    def __init__(self, method, path, headers, body):
        self.at, self.method, self.path, self.headers = time.monotonic(), method, path, headers
        self.step, self.id = "unknown", ""
        self.protected, self.payload = {}, None
        self.nonce = None
        if method == "POST":
            jws = json.loads(body)
            self.protected = json.loads(unb64(jws["protected"]))
            self.nonce = self.protected.get("nonce")
            self.payload = json.loads(unb64(jws["payload"])) if jws["payload"] else None

    def __repr__(self):
        return f"<{self.method} {self.path}>"


class Fault:
    """One thing that goes wrong at a step, TIMES times (None: always)."""

    def __init__(self, kind, what, times, when):
        self.kind, self.what, self.left, self.when = kind, what, times, when


class Closed(Exception):
    """The connection ends here, without another word."""


class Signer:
    """A root, an intermediate, and certificates by the openssl program: any name, key and date."""

    def __init__(self, directory, name):
        self.directory, self.lock, self.count = directory, threading.Lock(), itertools.count()
        os.makedirs(os.path.join(directory, "issued"))
        open(self._path("index.txt"), "w").close()
        with open(self._path("ca.conf"), "w") as out:
            out.write(CA_CONFIG.format(directory))
        self.root = self._authority("root", f"root of {name}", None)
        self.inter = self._authority("inter", f"intermediate of {name}", self.root)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def new_key(self, stem):
        path = self._path(f"{stem}.key")
        openssl("ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", path)
        return path

    def _authority(self, stem, cn, parent):
        key, cert = self.new_key(stem), self._path(f"{stem}.crt")
        request = self.request(key, cn)
        openssl("x509", "-req", "-in", request, "-days", "3650", "-out", cert, *(
            ["-CA", parent[1], "-CAkey", parent[0], "-CAcreateserial"] if parent
            else ["-signkey", key]),
            "-extfile", self._extensions("basicConstraints=critical,CA:TRUE\n"))
        return key, cert

    def _extensions(self, text):
        path = self._path(f"{next(self.count)}.ext")
        with open(path, "w") as out:
            out.write(text)
        return path

    def request(self, key, cn=""):
        """A signing request for KEY, a path."""
        path = self._path(f"{next(self.count)}.csr")
        openssl("req", "-new", "-key", key, "-subj", f"/CN={cn}" if cn else "/", "-out", path)
        return path

    def keep(self, der):
        """A signing request in DER becomes a file."""
        path = self._path(f"{next(self.count)}.csr")
        with open(path, "wb") as out:
            out.write(b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(der)
                      + b"-----END CERTIFICATE REQUEST-----\n")
        return path

    def leaf(self, csr, names, start, end, issuer=None, extensions=""):
        """PEM of a certificate for the key in CSR, a path; START and END are unix seconds."""
        san = ",".join(("IP:" if is_address(name) else "DNS:") + name for name in names)
        text = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n" + extensions
        ext = self._extensions(text + (f"subjectAltName={san}\n" if san else ""))
        out = self._path(f"{next(self.count)}.crt")
        key, cert = issuer or self.inter
        with self.lock:
            openssl("ca", "-batch", "-notext", "-config", self._path("ca.conf"), "-cert", cert,
                    "-keyfile", key, "-in", csr, "-out", out, "-extfile", ext,
                    "-startdate", asn1(start), "-enddate", asn1(end))
        return text_of(out)


def asn1(at):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))


def is_address(name):
    return bool(re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", name))


def openssl(*words):
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr.decode()}")


def text_of(path):
    with open(path) as got:
        return got.read()


class FaultCa:
    """See the top of the file.  Plain attributes may be changed at any time."""

    def __init__(self, directory, address, port, *, http_port=None, name="fault"):
        self.directory = os.path.join(directory, name)
        os.makedirs(self.directory)
        self.address, self.port, self.http_port = address, port, http_port
        self.base = f"https://{address}:{port}"
        self.directory_url = self.base + "/dir"
        self.ca_file, key_file = make_certificate(self.directory, address)
        self.signer = Signer(os.path.join(self.directory, "signer"), name)
        self.meta = {"termsOfService": self.base + "/terms"}    # None: no meta at all
        self.challenges = ["http-01"]      # offered; kinds other than http-01 are taken as proved
        self.validity = 90 * 86400
        self.backdate = 60
        self.orders_list = None            # None, "object" (RFC 8555 7.1.2.1) or "bare" (an array)
        self.renewal_info = None           # a dict, or None: no such resource
        self.eager = False                 # a challenge is valid in the very answer to the POST
        self.asynchronous = False          # finalize answers `processing`
        self.reuse = False                 # an authorization that is valid is so for later orders
        self.alternates = []               # PEM chains offered beside the first
        self.certify = self.usual_chain    # (order, csr path) -> PEM
        self.check_nonces = True
        self.nonce_header = lambda request: secrets.token_urlsafe(16)
        self.lock = threading.RLock()
        self.nonces, self.requests, self.faults = set(), [], {}
        self.accounts, self.orders, self.authz, self.certs = {}, {}, {}, {}
        self.proved = set()
        self.ids = itertools.count(1)
        self.stopped = threading.Event()   # ends what hangs
        self.generation = 0                # of faults: heal() ends what hangs by them
        self._listen(key_file)

    # life

    def _listen(self, key_file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        self.server = QuietServer((self.address, self.port), handler_of(self, context))
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def forget(self):
        """As pebble after a restart: nobody and nothing is known any more."""
        with self.lock:
            for table in (self.nonces, self.accounts, self.orders, self.authz, self.certs,
                          self.proved):
                table.clear()

    def root_pem(self):
        return text_of(self.signer.root[1])

    def config(self, name, words=""):
        """A ca block for certd.conf."""
        return (f"ca {name} {{ directory {self.directory_url}; ca-file {self.ca_file}; "
                f"agree-terms; challenge {' '.join(self.challenges)}; {words} }}\n")

    # what goes wrong

    def _add(self, step, kind, what, times, when):
        with self.lock:
            self.faults.setdefault(step, []).append(Fault(kind, what, times, when))

    def instead(self, step, status=500, headers=(), body=b"", times=None, when=None):
        """Nothing is done, this is answered; BODY bytes, a dict or a list."""
        self._add(step, "instead", lambda request: Answer(status, body, headers), times, when)

    def refuse(self, step, word, detail="no", status=403, headers=(), times=None, when=None,
               **more):
        """Nothing is done; a problem document with the ACME error WORD."""
        def make(request):
            answer = problem(word, detail, status, **more)
            answer.headers += headers
            return answer
        self._add(step, "instead", make, times, when)

    def edit(self, step, change, times=None, when=None):
        """It is done; CHANGE(request, answer) may spoil the answer, or return another one."""
        self._add(step, "edit", change, times, when)

    def raw(self, step, send, times=None, when=None):
        """SEND(request, write) puts bytes on the connection, which is closed then."""
        self._add(step, "raw", send, times, when)

    def hang(self, step, times=None, when=None):
        """No byte comes until heal() or close(); "accept": before TLS."""
        self._add(step, "raw", lambda request, write: self.wait(), times, when)

    def drip(self, step, pause=1.0, head=True, times=None):
        """One byte each PAUSE seconds, of the headers already or (HEAD False) of the body only."""
        def send(request, write):
            body = b"{" + b" " * 100000
            text = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body))
            if not head:
                write(text)
                text = body
            for i in range(len(text)):
                write(text[i:i + 1])
                if self.wait(pause):
                    return
        self._add(step, "raw", send, times, None)

    def heal(self, step=None):
        with self.lock:
            self.generation += 1
            if step:
                self.faults.pop(step, None)
            else:
                self.faults.clear()

    def wait(self, seconds=None):
        """True when healed or closed meanwhile."""
        generation, end = self.generation, seconds and time.monotonic() + seconds
        while not self.stopped.wait(0.05):
            if self.generation != generation:
                return True
            if end and time.monotonic() > end:
                return False
        return True

    def _fault(self, step, request):
        with self.lock:
            for fault in self.faults.get(step, []) + self.faults.get("any", []):
                if fault.left == 0 or (fault.when and not fault.when(request)):
                    continue
                if step == "accept" and fault not in self.faults.get("accept", []):
                    continue
                fault.left = None if fault.left is None else fault.left - 1
                return fault
        return None

    # what was seen

    def count(self, *steps):
        with self.lock:
            return sum(request.step in steps for request in self.requests)

    def seen(self, *steps):
        with self.lock:
            return [request for request in self.requests if request.step in steps]

    def names_ordered(self):
        """Of each newOrder, in their order: its names."""
        return [[one["value"] for one in request.payload["identifiers"]]
                for request in self.seen("newOrder")]

    # the honest CA

    def answer(self, request):
        """Any Answer, Closed, or a Fault of kind "raw"."""
        handler, request.step, request.id = self._route(request)
        with self.lock:
            self.requests.append(request)
        fault = self._fault(request.step, request)
        if fault and fault.kind == "raw":
            return fault
        if fault and fault.kind == "instead":
            answer = fault.what(request)
        else:
            answer = self._check(request) or handler(request)
        if fault and fault.kind == "edit":
            answer.json = copy.deepcopy(answer.json)    # what we know stays as it is
            changed = fault.what(request, answer)
            answer = changed if isinstance(changed, Answer) else answer
        return answer

    def _route(self, request):
        path = urllib.parse.urlsplit(request.path).path
        word, _, ident = path[1:].partition("/")
        handlers = {
            "dir": (self.do_directory, "directory"), "nonce": (self.do_nonce, "newNonce"),
            "new-account": (self.do_new_account, "newAccount"),
            "new-order": (self.do_new_order, "newOrder"), "acct": (self.do_account, "account"),
            "order": (self.do_order, "order"), "orders": (self.do_orders, "orders"),
            "authz": (self.do_authz, "authz"), "chall": (self.do_challenge, "challenge"),
            "finalize": (self.do_finalize, "finalize"), "cert": (self.do_cert, "cert"),
            "alternate": (self.do_alternate, "alternate"),
            "renewal-info": (self.do_renewal_info, "renewalInfo"),
            "revoke": (self.do_revoke, "revokeCert"),
            "key-change": (self.do_key_change, "keyChange"),
        }
        return *handlers.get(word, (lambda request: Answer(404), "unknown")), ident

    def _check(self, request):
        """Whether a signed request may be heard at all: nonce, URL, account."""
        if request.method != "POST" or request.step == "renewalInfo":
            return None
        with self.lock:
            known = request.nonce in self.nonces
            self.nonces.discard(request.nonce)
        if self.check_nonces and not known:
            return problem("badNonce", "not one of ours", 400)
        if request.protected.get("url") != self.base + request.path:
            return problem("unauthorized", "signed for another URL")
        kid = request.protected.get("kid")
        if request.step not in ("newAccount", "revokeCert") and kid not in self.accounts:
            return problem("accountDoesNotExist", "who are you?", 400)
        return None

    def new_nonce(self, request):
        nonce = self.nonce_header(request)
        with self.lock:
            self.nonces.add(nonce)
        return nonce

    def do_directory(self, request):
        words = {"newNonce": "nonce", "newAccount": "new-account", "newOrder": "new-order",
                 "revokeCert": "revoke", "keyChange": "key-change"}
        listed = {name: f"{self.base}/{path}" for name, path in words.items()}
        if self.renewal_info is not None:
            listed["renewalInfo"] = self.base + "/renewal-info"
        if self.meta is not None:
            listed["meta"] = self.meta
        return Answer(200, listed)

    def do_nonce(self, request):
        return Answer(200 if request.method == "HEAD" else 204)

    def do_new_account(self, request):
        jwk, payload = request.protected["jwk"], request.payload or {}
        with self.lock:
            known = [url for url, account in self.accounts.items() if account["jwk"] == jwk]
            if not known and payload.get("onlyReturnExisting"):
                return problem("accountDoesNotExist", "there is none of this key", 400)
            url = known[0] if known else f"{self.base}/acct/{thumbprint(jwk)[:16]}"
            status = 200 if known else 201
            self.accounts.setdefault(url, {"jwk": jwk, "contact": payload.get("contact", [])})
        answer = Answer(status, {"status": "valid", "contact": self.accounts[url]["contact"]},
                        [("Location", url)])
        if self.orders_list:
            answer.json["orders"] = f"{self.base}/orders/{url.rsplit('/', 1)[1]}"
        return answer

    def do_account(self, request):
        account = self.accounts[request.protected["kid"]]
        account.update({name: value for name, value in (request.payload or {}).items()
                        if name in ("contact", "status")})
        return Answer(200, {"status": account.get("status", "valid"),
                            "contact": account["contact"]})

    def do_new_order(self, request):
        ident = str(next(self.ids))
        order = {"id": ident, "status": "pending", "identifiers": request.payload["identifiers"],
                 "kid": request.protected["kid"], "authz": [], "asked": 0,
                 "profile": request.payload.get("profile")}
        for identifier in order["identifiers"]:
            order["authz"].append(self._new_authz(identifier, order["kid"]))
        with self.lock:
            self.orders[ident] = order
        return Answer(201, self.order_object(order),
                      [("Location", f"{self.base}/order/{ident}")])

    def _new_authz(self, identifier, kid):
        ident, value = str(next(self.ids)), identifier["value"]
        wildcard = value.startswith("*.")
        valid = self.reuse and (kid, value) in self.proved
        with self.lock:
            self.authz[ident] = {
                "id": ident, "status": "valid" if valid else "pending", "kid": kid,
                "name": value, "wildcard": wildcard,
                "identifier": {"type": identifier["type"], "value": value[2 * wildcard:]},
                "challenges": [
                    {"type": kind, "status": "pending", "token": secrets.token_urlsafe(24),
                     "url": f"{self.base}/chall/{ident}/{i}"}
                    for i, kind in enumerate(self.challenges)]}
        return ident

    def order_object(self, order):
        with self.lock:
            states = [self.authz[ident]["status"] for ident in order["authz"]]
            if order["status"] == "pending" and "invalid" in states:
                order["status"] = "invalid"
            elif order["status"] == "pending" and set(states) == {"valid"}:
                order["status"] = "ready"
        made = {"status": order["status"], "expires": zulu(time.time() + 86400),
                "identifiers": order["identifiers"],
                "authorizations": [f"{self.base}/authz/{one}" for one in order["authz"]],
                "finalize": f"{self.base}/finalize/{order['id']}"}
        if order["status"] == "valid":
            made["certificate"] = f"{self.base}/cert/{order['id']}"
        if order["profile"]:
            made["profile"] = order["profile"]
        return made

    def do_order(self, request):
        order = self.orders.get(request.id)
        if not order:
            return Answer(404)
        order["asked"] += 1
        if order["status"] == "processing" and order["asked"] > 1:
            order["status"] = "valid"
        return Answer(200, self.order_object(order))

    def do_orders(self, request):
        urls = [f"{self.base}/order/{ident}" for ident, order in self.orders.items()
                if order["kid"] == request.protected["kid"]]
        return Answer(200, urls if self.orders_list == "bare" else {"orders": urls})

    def authz_object(self, authz):
        made = {"status": authz["status"], "identifier": authz["identifier"],
                "expires": zulu(time.time() + 86400), "challenges": authz["challenges"]}
        if authz["wildcard"]:
            made["wildcard"] = True
        return made

    def do_authz(self, request):
        authz = self.authz.get(request.id)
        return Answer(200, self.authz_object(authz)) if authz else Answer(404)

    def do_challenge(self, request):
        ident, _, index = request.id.partition("/")
        authz = self.authz.get(ident)
        if not authz:
            return Answer(404)
        challenge = authz["challenges"][int(index)]
        before = dict(challenge, status="processing")
        if request.payload is not None and authz["status"] == "pending":
            self._prove(authz, challenge)
        shown = dict(challenge) if self.eager or request.payload is None else before
        return Answer(200, shown, [("Link", f'<{self.base}/authz/{ident}>;rel="up"')])

    def _prove(self, authz, challenge):
        said = self.prove_http(authz, challenge) if challenge["type"] == "http-01" else ""
        challenge["status"] = authz["status"] = "invalid" if said else "valid"
        if said:
            challenge["error"] = {"type": URN + "unauthorized", "detail": said, "status": 403}
        else:
            self.proved.add((authz["kid"], authz["name"]))

    def prove_http(self, authz, challenge):
        """What is wrong, "" when nothing is."""
        want = challenge["token"] + "." + thumbprint(self.accounts[authz["kid"]]["jwk"])
        name = authz["identifier"]["value"]
        connection = http.client.HTTPConnection(self.address, self.http_port, timeout=10)
        try:
            connection.request("GET", "/.well-known/acme-challenge/" + challenge["token"],
                               headers={"Host": f"[{name}]" if ":" in name else name})
            answer = connection.getresponse()
            got = answer.read(1000).decode("latin-1")
            if answer.status != 200 or got.strip() != want:
                return f"{name} answered {answer.status} {got[:80]!r}"
            return ""
        except (OSError, http.client.HTTPException) as why:
            return f"{name} cannot be reached: {why}"
        finally:
            connection.close()

    def do_finalize(self, request):
        order = self.orders.get(request.id)
        if not order:
            return Answer(404)
        if self.order_object(order)["status"] != "ready":
            return problem("orderNotReady", f"it is {order['status']}", 403)
        csr = self.signer.keep(unb64(request.payload["csr"]))
        self.certs[order["id"]] = self.certify(order, csr)
        order["status"] = "processing" if self.asynchronous else "valid"
        return Answer(200, self.order_object(order))

    def usual_chain(self, order, csr, **words):
        return self.leaf(order, csr, **words) + text_of(self.signer.inter[1])

    def leaf(self, order, csr, names=None, start=None, end=None, **more):
        """What an honest CA issues, but for what is given."""
        names = [one["value"] for one in order["identifiers"]] if names is None else names
        start = time.time() - self.backdate if start is None else start
        end = start + self.validity if end is None else end
        return self.signer.leaf(csr, names, start, end, **more)

    def do_cert(self, request):
        pem = self.certs.get(request.id)
        if pem is None:
            return Answer(404)
        answer = Answer(200, pem.encode() if isinstance(pem, str) else pem,
                        [("Content-Type", "application/pem-certificate-chain")])
        answer.headers += [("Link", f'<{self.base}/alternate/{request.id}/{i}>;rel="alternate"')
                           for i in range(len(self.alternates))]
        return answer

    def do_alternate(self, request):
        ident, _, index = request.id.partition("/")
        end = "-----END CERTIFICATE-----\n"
        pem = self.certs[ident].split(end)[0] + end + self.alternates[int(index)]
        return Answer(200, pem.encode(), [("Content-Type", "application/pem-certificate-chain")])

    def do_renewal_info(self, request):
        return Answer(404) if self.renewal_info is None else Answer(
            200, self.renewal_info, [("Retry-After", "60")])

    def do_revoke(self, request):
        return Answer(200)

    def do_key_change(self, request):
        inner = json.loads(unb64(request.payload["protected"]))
        self.accounts[request.protected["kid"]]["jwk"] = inner["jwk"]
        return Answer(200, {"status": "valid"})


def handler_of(ca, context):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def setup(self):
            fault = ca._fault("accept", None)
            if fault:
                fault.what(None, self.request.sendall)
                raise Closed()
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            answer = ca.answer(request)
            if isinstance(answer, Fault):
                self.close_connection = True
                answer.what(request, self.request.sendall)
                return
            body = answer.bytes()
            if answer.json is not None and not answer.has("Content-Type"):
                answer.set("Content-Type", "application/json")
            if not answer.has("Replay-Nonce") and request.step != "directory":
                nonce = ca.new_nonce(request)
                answer.headers += [("Replay-Nonce", nonce)] if nonce is not None else []
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if not answer.has("Content-Length") and not answer.has("Transfer-Encoding"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = serve

        def log_message(self, *_):
            pass

    return Handler


class DeafPort:
    """An address that takes no connection: SYNs are not answered, as behind a firewall's DROP.

    The queue of a listening socket is filled and never emptied; Linux then drops further SYNs."""

    def __init__(self, address, port):
        self.listener = socket.socket()
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((address, port))
            self.fillers.append(one)

    def close(self):
        for one in [*self.fillers, self.listener]:
            one.close()

# SPDX-License-Identifier: Apache-2.0
"""Pebble, the ACME server of the tests, and pebble-challtestsrv, its DNS.

Debian's package has pebble 2.4; fetch_pebble_2_10.sh unpacks 2.10 beside it.  Every name resolves
to the lab's own loopback address, where certd listens on the ports given here.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request

import child

HERE = os.path.dirname(os.path.abspath(__file__))


class Skip(Exception):
    """Something outside the project is missing; the text says what."""


def binaries(version):
    """The directory that holds pebble and pebble-challtestsrv of VERSION."""
    if version == "2.4":
        found = shutil.which("pebble")
        if not found:
            raise Skip("pebble is not installed (packaging/deps.sh test)")
        return os.path.dirname(found)
    script = os.path.join(HERE, "fetch_pebble_2_10.sh")
    got = subprocess.run([script], capture_output=True, text=True)
    if got.returncode != 0:
        raise Skip(got.stderr.strip() or "no pebble 2.10")
    return got.stdout.strip()


def newest():
    """The newest version that can be had here."""
    try:
        binaries("2.10")
        return "2.10"
    except Skip:
        return "2.4"


def make_certificate(directory, address):
    """A self-signed certificate for the ACME server's own HTTPS; returns (cert, key) paths."""
    cert, key = os.path.join(directory, "ca-https.pem"), os.path.join(directory, "ca-https.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", "/CN=acme server of the lab",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,IP:" + address,
         "-out", cert, "-keyout", key],
        check=True, capture_output=True)
    return cert, key


class Pebble:
    """One pebble and its DNS server.  A stop() and start() loses all its state, as documented."""

    def __init__(self, directory, address, ports, http_port, tls_port, *, version="2.4",
                 validity=None, nonce_reject=0, authz_reuse=0, retry_after=1, ocsp_port=None,
                 profiles=None, env=None, resolver_port=None, eab=None):
        self.directory, self.address, self.version = directory, address, version
        self.acme_port, self.management_port = ports["acme"], ports["management"]
        self.resolver_port = resolver_port or ports["dns"]    # that the CA asks
        self.dns_port, self.dns_management_port = ports["dns"], ports["dns-management"]
        self.bin = binaries(version)
        self.log = os.path.join(directory, "pebble.log")
        self.dns_log = os.path.join(directory, "dns.log")
        self.ca_file, self.key_file = make_certificate(directory, address)
        self.directory_url = f"https://{address}:{self.acme_port}/dir"
        self.env = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_ORDERS_PER_PAGE="100",
                        PEBBLE_WFE_NONCEREJECT=str(nonce_reject),
                        PEBBLE_AUTHZREUSE=str(authz_reuse), **(env or {}))
        self.ocsp_url = f"http://{address}:{ocsp_port}/" if ocsp_port else ""
        self.config = os.path.join(directory, "pebble.json")
        self._write_config(http_port, tls_port, (validity, retry_after), profiles or {}, eab)
        self.process = self.dns = None

    def _write_config(self, http_port, tls_port, times, more, eab):
        validity, retry_after = times
        # 2.4 reads certificateValidityPeriod, 2.10 the profile; each ignores the other's words.
        seconds = validity or 90 * 86400
        config = {
            "listenAddress": f"{self.address}:{self.acme_port}",
            "managementListenAddress": f"{self.address}:{self.management_port}",
            "certificate": self.ca_file, "privateKey": self.key_file,
            "httpPort": http_port, "tlsPort": tls_port,
            "ocspResponderURL": self.ocsp_url, "externalAccountBindingRequired": bool(eab),
            "externalAccountMACKeys": eab or {},
            "domainBlocklist": ["blocked.test"],
            "retryAfter": {"authz": retry_after, "order": retry_after},
            "certificateValidityPeriod": seconds,
            "keyAlgorithm": "ecdsa",
            "profiles": {name: {"description": name, "validityPeriod": period}
                         for name, period in {"default": seconds, **more}.items()},
        }
        with open(self.config, "w") as out:
            json.dump({"pebble": config}, out, indent=1)

    def start(self):
        self.start_dns()
        self.process = child.spawn(
            [os.path.join(self.bin, "pebble"), "-config", self.config,
             "-dnsserver", f"{self.address}:{self.resolver_port}"], self.log, self.env)
        self._wait_for(self.acme_port, self.process)
        self._wait_for(self.management_port, self.process)

    def start_dns(self):
        if self.dns and self.dns.poll() is None:
            return
        where = f"{self.address}:{self.dns_port}"
        words = ["-dnsserver", where, "-doh", ""] if self.version != "2.4" else ["-dns01", where]
        self.dns = child.spawn(
            [os.path.join(self.bin, "pebble-challtestsrv"), *words,
             "-defaultIPv4", self.address, "-defaultIPv6", "",
             "-http01", "", "-https01", "", "-tlsalpn01", "",
             "-management", f"{self.address}:{self.dns_management_port}"], self.dns_log)
        self._wait_for(self.dns_management_port, self.dns)

    def stop(self):
        """Stop pebble; names still resolve."""
        child.end(self.process)
        self.process = None

    def close(self):
        self.stop()
        child.end(self.dns)
        self.dns = None

    def trust(self):
        """The issuing root of this run of pebble, as PEM."""
        url = f"https://{self.address}:{self.management_port}/roots/0"
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read().decode()

    def manage(self, what, **body):
        """One call of pebble's own management, as in manage("set-renewal-info/", ...)."""
        url = f"https://{self.address}:{self.management_port}/{what}"
        context = ssl.create_default_context(cafile=self.ca_file)
        request = urllib.request.Request(url, data=json.dumps(body).encode(),
                                         headers={"User-Agent": "certd's tests"})
        urllib.request.urlopen(request, context=context, timeout=10).read()

    def cert_status(self, serial):
        """"Valid" or "Revoked": the state of a certificate of this run of pebble."""
        url = (f"https://{self.address}:{self.management_port}/cert-status-by-serial/"
               f"{serial}")
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return json.load(answer)["Status"]

    def dns_set(self, what, **body):
        """One call of the DNS server's management, as in dns_set("set-servfail", host="a.test.")"""
        url = f"http://{self.address}:{self.dns_management_port}/{what}"
        urllib.request.urlopen(url, data=json.dumps(body).encode(), timeout=10).read()

    def _wait_for(self, port, process):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                socket.create_connection((self.address, port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{process.args[0]} does not listen on {self.address}:{port}, "
                           f"see {self.log} and {self.dns_log}")

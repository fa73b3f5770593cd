# SPDX-License-Identifier: Apache-2.0
"""nginx and HAProxy as backends: each answers with what the PROXY header told it."""

import os
import re
import shutil
import socket
import subprocess
import time

import child
from certd import PATIENCE
from pebble import Skip


def _find(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def _version(command, pattern):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(int(part) for part in re.search(pattern, done.stdout + done.stderr).groups())


class Authority:
    """A CA with openssl's own commands; leaf() gives a certificate, as paths of PEM files."""

    def __init__(self, directory):
        self.directory = directory
        self.file = os.path.join(directory, "backend-ca.pem")
        self.key = os.path.join(directory, "backend-ca.key")
        self._openssl("req", "-x509", "-subj", "/CN=backend CA", "-days", "2", "-keyout", self.key,
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.file,
                      *self.NEW_KEY)

    NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def leaf(self, name):
        """NAME is as in subjectAltName: "DNS:a.internal", "IP:127.0.0.1"."""
        base = os.path.join(self.directory, name.replace(":", "-"))
        with open(base + ".ext", "w") as out:
            out.write(f"subjectAltName={name}\nsubjectKeyIdentifier=hash\n"
                      "authorityKeyIdentifier=keyid\n")
        self._openssl("req", "-new", "-subj", "/CN=leaf", "-keyout", base + ".key",
                      "-out", base + ".csr", *self.NEW_KEY)
        self._openssl("x509", "-req", "-in", base + ".csr", "-CA", self.file, "-CAkey", self.key,
                      "-set_serial", "7", "-days", "1", "-extfile", base + ".ext",
                      "-out", base + ".pem")
        with open(base + ".pem") as cert, open(base + ".key") as key:
            both = cert.read() + key.read()
        with open(base + ".both", "w") as out:      # as HAProxy takes them
            out.write(both)
        return base + ".pem", base + ".key", base + ".both"


class Peer:
    """A server process with a folder of its own below DIRECTORY."""

    def __init__(self, directory, where):
        self.where, self.process = where, None
        self.directory = os.path.join(directory, f"{type(self).__name__.lower()}-{where[1]}")
        os.makedirs(self.directory, exist_ok=True)
        self.log = os.path.join(self.directory, "log")

    def start(self):
        self.process = child.spawn(self.command(), self.log)
        end = time.monotonic() + 10 * PATIENCE
        while True:
            try:
                socket.create_connection(self.where, timeout=5).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.log, errors="replace") as log:
                        raise AssertionError(f"{self.command()[0]} does not start: {log.read()}")
            time.sleep(0.02)

    def stop(self):
        child.end(self.process)

    close = stop

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as out:
            out.write(text)
        return path


class Nginx(Peer):
    """SERVER is for its server block; ANSWER what it says on every path that has no location."""

    def __init__(self, directory, where, *, listen="proxy_protocol", server="", answer=None):
        super().__init__(directory, where)
        self.binary = _find("nginx")
        self.version = _version([self.binary, "-v"], r"nginx/(\d+)\.(\d+)\.(\d+)")
        told = ("client=$proxy_protocol_addr:$proxy_protocol_port "
                "local=$proxy_protocol_server_addr:$proxy_protocol_server_port")
        if self.has_tlvs:
            told += (" alpn=$proxy_protocol_tlv_alpn authority=$proxy_protocol_tlv_authority"
                     " version=$proxy_protocol_tlv_ssl_version"
                     " cipher=$proxy_protocol_tlv_ssl_cipher"
                     " verify=$proxy_protocol_tlv_ssl_verify"
                     " subject=$proxy_protocol_tlv_0xe0")
        if "proxy_protocol" not in listen:
            told = "client=plain"
        if "ssl" in listen:
            told += " sni=$ssl_server_name inner=$ssl_protocol resumed=$ssl_session_reused"
        paths = "".join(f"\t{kind}_temp_path {self.directory}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.conf = self.write("nginx.conf", f"""\
daemon off;
master_process off;
pid {self.directory}/pid;
error_log {self.log} info;
events {{ }}
http {{
	access_log off;
{paths}\tserver {{
		listen {where[0]}:{where[1]} {listen};
		location / {{ return 200 "{answer or told}\\n"; }}
		{server}
	}}
}}
""")

    @property
    def has_tlvs(self):
        return self.version >= (1, 23, 2)

    def command(self):
        return [self.binary, "-p", self.directory, "-e", self.log, "-c", self.conf]


class Haproxy(Peer):
    def __init__(self, directory, where, bind=""):
        super().__init__(directory, where)
        self.binary = _find("haproxy")
        self.version = _version([self.binary, "-v"], r"version (\d+)\.(\d+)")
        told = "client=%[src]:%[src_port] local=%[dst]:%[dst_port] authority=%[fc_pp_authority]"
        if self.has_tlvs:
            told += " alpn=%[fc_pp_tlv(0x01)] subject=%[fc_pp_tlv(0xE0)]"
        if "ssl" in bind:
            told += " sni=%[ssl_fc_sni] inner=%[ssl_fc_protocol] chosen=%[ssl_fc_alpn]"
        self.conf = self.write("haproxy.cfg", f"""\
defaults
	mode http
	timeout client 10s
	timeout server 10s
	timeout connect 10s
frontend f
	bind {where[0]}:{where[1]} accept-proxy {bind}
	http-request return status 200 content-type text/plain lf-string "{told}\\n"
""")

    @property
    def has_tlvs(self):
        return self.version >= (2, 9)

    def command(self):
        return [self.binary, "-db", "-q", "-f", self.conf]

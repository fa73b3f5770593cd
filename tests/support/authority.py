# SPDX-License-Identifier: Apache-2.0
"""A private CA by the openssl program, for certificates that are not issued by way of ACME."""

import os
import subprocess

from lab import check


class Authority:
    """A root, and an intermediate that signs."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        self.count = 0
        self.root_key, self.root = self.make("root", None, "CA:TRUE", None)
        self.inter_key, self.inter = self.make("inter", (self.root, self.root_key), "CA:TRUE", None)

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, cn, issuer, basic, san, days=60, curve="prime256v1", rsa=None,
             more=""):
        self.count += 1
        stem = self.path(f"{self.count}")
        extensions = f"basicConstraints=critical,{basic}\nsubjectKeyIdentifier=hash\n"
        extensions += "keyUsage=critical,keyCertSign,cRLSign\n" if basic == "CA:TRUE" else ""
        extensions += "authorityKeyIdentifier=keyid\n" if issuer else ""
        extensions += f"subjectAltName={san}\n" if san else ""
        extensions += more      # extensions as in openssl's configuration
        with open(stem + ".ext", "w") as out:
            out.write(extensions)
        new = (["genrsa", "-out", stem + ".key", str(rsa)] if rsa else
               ["ecparam", "-genkey", "-noout", "-name", curve, "-out", stem + ".key"])
        openssl(*new)
        openssl("req", "-new", "-key", stem + ".key", "-subj", "/CN=" + cn, "-out", stem + ".csr")
        sign = (["-CA", issuer[0], "-CAkey", issuer[1], "-CAcreateserial"] if issuer else
                ["-signkey", stem + ".key"])
        # one that has ended was made when it still held
        then = ["faketime", "-f", f"{days - 1}d"] if days < 0 else []
        openssl("x509", "-req", "-in", stem + ".csr", *sign, "-days", str(max(days, 1)), "-extfile",
                stem + ".ext", "-out", stem + ".crt", within=then)
        return stem + ".key", stem + ".crt"

    def leaf(self, *names, **words):
        """(key, leaf, intermediate) as PEM texts."""
        san = ",".join(name if ":" in name else "DNS:" + name for name in names)
        key, cert = self.make("leaf", (self.inter, self.inter_key), "CA:FALSE", san, **words)
        return read(key), read(cert), read(self.inter)


def openssl(*words, within=()):
    done = subprocess.run([*within, "openssl", *words], stdin=subprocess.DEVNULL, capture_output=True)
    check(done.returncode == 0, f"openssl {' '.join(words)}: {done.stderr.decode()}")


def read(path):
    with open(path) as got:
        return got.read()

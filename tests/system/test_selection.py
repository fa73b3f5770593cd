#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a listener can be told about names and TLS, with openssl s_client and curl."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tlsclient  # noqa: E402
from lab import PATIENCE, check, equal, expect_code, main, scenario  # noqa: E402

STRICT, LENIENT, MUTE = 10451, 10452, 10453


def s_client(where, *words):
    """What openssl s_client says about one handshake."""
    command = ["openssl", "s_client", "-connect", "%s:%d" % where, *words]
    done = subprocess.run(command, input="", capture_output=True, text=True, errors="replace",
                          timeout=20 * PATIENCE)
    return done.stdout + done.stderr


def names_of(text):
    """The DNS names in the leaf that s_client shows; () when there was no certificate."""
    if "BEGIN CERTIFICATE" not in text:
        return ()
    done = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"],
                          input=text[text.index("-----BEGIN"):], capture_output=True, text=True)
    return tuple(re.findall(r"DNS:([^,\s]+)", done.stdout))


def second_address(lab):
    """Another loopback address that is this lab's alone."""
    parts = lab.address.split(".")
    return ".".join([parts[0], str(int(parts[1]) + 64), *parts[2:]])


def configure(lab, default="", extra=""):
    text = lab.config(extra).replace("unknown-sni reject;", "unknown-sni reject; " + default)
    lab.write_config(text=text)


@scenario()
def clients_that_name_nothing_of_ours(lab):
    other = second_address(lab)
    configure(lab, "certificate www.a.test;", f"""
bind {other} b.test;
listen {lab.address}:{STRICT} {{ tls; }}
listen {lab.address}:{LENIENT} {{ tls; unknown-sni default; }}
listen {lab.address}:{MUTE} {{ tls; unknown-sni close; }}
listen {other}:{STRICT} {{ tls; }}
""")
    lab.start()
    lab.add("www.a.test", "b.test")
    here = [(lab.address, port) for port in (STRICT, LENIENT, MUTE)]
    for where in here:
        equal(names_of(s_client(where, "-noservername")), ("www.a.test",), f"no name at {where}")
        equal(names_of(s_client(where, "-servername", "b.test")), ("b.test",), f"{where}")
    equal(names_of(s_client((other, STRICT), "-noservername")), ("b.test",), "the bound name")
    equal(names_of(s_client((other, STRICT), "-servername", "www.a.test")), ("www.a.test",), "SNI")
    for name in ("unknown.test", "192.0.2.7", "a..test"):
        strict, lenient, mute = (s_client(where, "-servername", name) for where in here)
        check("unrecognized name" in strict, f"{name}: {strict}")
        equal(names_of(lenient), ("www.a.test",), f"{name} where the default serves")
        check("alert" not in mute and not names_of(mute), f"{name}: {mute}")
    for where in here:
        got = tlsclient.answer_to_hello(where, None, alpn=(b"acme-tls/1",))
        check(got in ("unrecognized_name", "closed"), f"acme-tls/1 without a name: {got}")


@scenario()
def a_client_without_a_name_reaches_the_default_backend(lab):
    configure(lab, "certificate a.test;")
    lab.start()
    lab.add("a.test")
    with open(os.path.join(lab.directory, "root.pem"), "w") as out:
        out.write(lab.root)
    url = "https://%s:%d/" % lab.https        # curl sends no SNI for an address
    done = subprocess.run(["curl", "-sS", "-k", "--max-time", "10", url], capture_output=True,
                          text=True)
    check('"path": "/"' in done.stdout, f"curl {url}: {done}")
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "10", "--cacert", os.path.join(lab.directory, "root.pem"),
         "--resolve", "A.test:%d:%s" % (lab.https[1], lab.address),
         "https://A.test:%d/" % lab.https[1]], capture_output=True, text=True)
    check('"path": "/"' in done.stdout, f"curl with a name: {done}")


@scenario()
def tls_words_of_a_listener(lab):
    configure(lab, extra=f"""
listen {lab.address}:{STRICT} {{ tls; protocols TLSv1.2; ciphers ECDHE-ECDSA-AES256-GCM-SHA384;
                                 groups P-384; alpn h2; }}
listen {lab.address}:{LENIENT} {{ tls; protocols TLSv1.3; ciphersuites TLS_CHACHA20_POLY1305_SHA256
                                  TLS_AES_256_GCM_SHA384; groups P-256; }}
backend both {{ server {lab.address}:18080; alpn h2 http/1.1; }}
""")
    lab.start()
    lab.ctl_ok("add", "a.test", "--backend", "both", "--wait", timeout=180)
    plain, old, new = lab.https, (lab.address, STRICT), (lab.address, LENIENT)
    alpn = ("-servername", "a.test", "-alpn", "h2,http/1.1")
    for where, words, wanted in (
            (plain, alpn, ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519", "ALPN protocol: h2")),
            (plain, (*alpn, "-tls1_2"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "X25519")),
            (old, alpn, ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "secp384r1, 384 bits",
                         "ALPN protocol: h2")),
            (old, ("-servername", "a.test", "-alpn", "http/1.1"), ("No ALPN negotiated",)),
            (new, alpn, ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "prime256v1")),
            (old, (*alpn, "-tls1_3"), ("alert protocol version",)),
            (new, (*alpn, "-tls1_2"), ("alert protocol version",)),
            (new, (*alpn, "-groups", "X25519"), ("alert handshake failure",))):
        got = s_client(where, *words)
        for one in wanted:
            check(one in got, f"{one!r} at {where} with {words}:\n{got}")


@scenario()
def a_reload_refuses_what_openssl_does_not_know(lab):
    lab.start()
    lab.add("a.test")
    before = lab.serial("a.test")
    for words, wrong in (("ciphers FASTEST;", "FASTEST"), ("groups X25520;", "X25520"),
                         ("ciphersuites TLS_NONE;", "TLS_NONE"), ("protocols SSLv3;", "SSLv3")):
        lab.write_config(text=lab.config().replace("{ tls; }", "{ tls; %s }" % words))
        answer = expect_code(lab.ctl("reload"), 1)
        check(re.search(r"certd\.conf:\d+:\d+: .*" + wrong, answer.err), f"{words}: {answer}")
    equal(lab.serial("a.test"), before, "what is served meanwhile")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A CA that lies, stumbles or hangs: certd says what it saw, keeps what it has, and recovers.

Scenarios carry the row of the list of faults they play: F9, F10, F12 to F15, A12, A24.  F11, silence,
is in test_ca_silence.py.
"""

import base64
import gzip
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from acmefault import Answer, text_of  # noqa: E402
from certd import SANITIZED, memory_kib  # noqa: E402
from lab import check, equal, main, scenario, wait_for  # noqa: E402


def seconds_until(text):
    """From now to an RFC 3339 time as certctl prints it."""
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - time.time()


def error_of(lab, name, seconds=20):
    wait_for(lambda: (lab.certd.show(name) or {}).get("error"), seconds, f"an error of {name}")
    return lab.certd.show(name)["error"]


def fails(lab, name, code, *words, seconds=20):
    """NAME is new and its attempt fails with CODE (or one of them) and WORDS in the detail."""
    lab.ctl_ok("add", name)
    error = error_of(lab, name, seconds)
    check(error["code"] in ([code] if isinstance(code, str) else code), f"{name}: {error}")
    for word in words:
        check(word.lower() in error["detail"].lower(), f"{name}: {word!r} in {error}")
    check(error.get("next"), f"{name}: the next try: {error}")
    check(not lab.is_served(name), f"{name} is not served")
    return error


def heals(lab, *names):
    """An order that made no sense is given up after three attempts; then there is another one."""
    lab.fault.heal()
    answer = None
    for _ in range(4):
        names = [name for name in names if not lab.is_served(name)]
        answer = names and lab.ctl("renew", *names, "--wait", timeout=120)
    check(not answer, f"still not served: {names}\n{answer}")


def every(lab, cases, play):
    """Each CASE is (name, ...); its fault is gone before the next.  At the end all are issued."""
    lab.start()
    lab.add("old.test")
    serial = lab.serial("old.test")
    names = []
    for word, *case in cases:
        name = f"{word}.test".replace("_", "-")
        names.append(name)
        play(name, *case)
        lab.fault.heal()
        equal(lab.serial("old.test"), serial, f"what is served after {word}")
    heals(lab, *names)


@scenario(faults=1)
def f0_an_honest_ca_by_our_own_server(lab):
    lab.start()
    lab.add("a.test")
    lab.serial("a.test")
    equal(lab.fault.names_ordered(), [["a.test"]], "orders")
    lab.fault.eager = lab.fault.asynchronous = True
    lab.fault.meta = None
    lab.add("b.test")
    lab.serial("b.test")


# ---- F9: down ------------------------------------------------------------------------------------


@scenario(faults=1)
def f9_a_ca_in_trouble_for_long(lab):
    lab.start()
    lab.add("old.test")
    serial = lab.serial("old.test")
    for status in (500, 502, 503):
        lab.fault.heal()
        lab.fault.instead("any", status, body=b"<html>Bad Gateway</html>")
        names = [f"n{status}-{i}.test" for i in range(40)]
        began = lab.fault.count("newOrder")
        lab.ctl_ok("add", *names)
        lab.ctl("renew", names[0], "--wait")        # also when the CA is on hold
        error = error_of(lab, names[0], 40)
        check(error["code"] == "ca/error" and str(status) in error["detail"], str(error))
        time.sleep(2)
        asked = lab.fault.count("newOrder") - began
        check(asked <= 12, f"{asked} times newOrder while the CA answers {status}")
        equal(lab.serial("old.test"), serial, "what is served")
        equal(len(lab.certd.names()), 1 + 40, "names are kept")
        lab.ctl_ok("remove", *names)
    lab.fault.heal()
    lab.ctl_ok("add", "new.test")
    lab.ctl_ok("renew", "new.test", "--wait")


@scenario(faults=1)
def f9_it_recovers_by_itself(lab):
    """Nobody asks: the hold passes, one order tries, then all go."""
    lab.start()
    lab.fault.instead("directory", 503)
    lab.ctl_ok("add", *[f"n{i}.test" for i in range(10)])
    error_of(lab, "n0.test", 30)
    lab.fault.heal()
    lab.wait_served([f"n{i}.test" for i in range(10)], 150)


# ---- F10: rate limits ----------------------------------------------------------------------------


@scenario(faults=1)
def f10_retry_after_of_every_kind(lab):
    day, now = 86400, time.time()
    http_date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now + 7200))
    past_date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now - 7200))
    le_text = "too many new orders recently: retry after " + time.strftime(
        "%Y-%m-%d %H:%M:%S UTC", time.gmtime(now + 7200))
    kinds = [       # name, header, detail, least and most seconds until the next try
        ("seconds", "7200", "no", 7000, 7300),
        ("date", http_date, "no", 7000, 7300),
        ("le", None, le_text, 7000, 7300),
        ("past", past_date, "no", 1, 90),
        ("negative", "-5", "no", 1, 90),
        ("zero", "0", "no", 1, 90),
        ("ten_years", "315360000", "no", 6 * day, 7 * day + 60),
        ("digits", "9" * 300, "no", 1, 7 * day + 60),
        ("words", "soon; please", "no", 1, 90),
    ]

    def play(name, header, detail, least, most):
        lab.fault.refuse("newOrder", "rateLimited", detail, 429,
                         headers=[("Retry-After", header)] if header else [],
                         when=lambda request: f"'{name}'" in str(request.payload))
        error = fails(lab, name, "ca/rate-limited")
        left = seconds_until(error["next"])
        check(least <= left <= most * 1.1, f"{name}: the next try in {left:.0f} s: {error}")
        lab.add("beside-" + name)         # another name of the same CA goes on

    every(lab, kinds, play)


@scenario(faults=1)
def f10_a_limit_on_the_account_is_not_run_into_for_each_name(lab):
    lab.start()
    lab.add("old.test")
    lab.fault.refuse("newOrder", "rateLimited", "too many orders", 429,
                     headers=[("Retry-After", "3600")])
    before = lab.fault.count("newOrder")
    lab.ctl_ok("add", *[f"n{i}.test" for i in range(60)])
    error_of(lab, "n0.test")
    time.sleep(3)
    asked = lab.fault.count("newOrder") - before
    check(asked <= 8, f"newOrder was asked {asked} times while the limit is reached")
    error = error_of(lab, "n59.test")
    check(error["code"] == "ca/rate-limited" and seconds_until(error["next"]) > 3000, str(error))


# ---- F12: answers that are no answers ------------------------------------------------------------


def deep(depth):
    return b'{"x":' + b"[" * depth + b"]" * depth + b"}"


def chunk_bomb(request, write):
    """Chunks without an end, of a byte each, with extensions."""
    write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while True:
            write((b"1;" + b"x" * 1000 + b"\r\n \r\n") * 100)
    except OSError:
        pass


def flood(head):
    def send(request, write):
        try:
            write(head)
            for _ in range(200):
                write(b" " * (1 << 20))
        except OSError:
            pass
    return send


def headers_without_end(request, write):
    try:
        write(b"HTTP/1.1 200 OK\r\n")
        for i in range(100000):
            write(b"X-%d: " % i + b"y" * 1000 + b"\r\n")
    except OSError:
        pass


ORDER = {"status": "pending", "identifiers": [], "authorizations": [], "finalize": "x"}
BODIES = [
    ("truncated", b'{"status":"pend'), ("no_object", b"[1,2,3]"), ("html", b"<html>Hello</html>"),
    ("empty", b""), ("nul", b'{"status":"pend\x00ing"}'), ("nul_escape", b'{"status":"\\u0000"}'),
    ("deep33", deep(33)), ("deep10k", deep(10000)), ("deep200k", deep(200000)),
    ("twice", b'{"status":"valid","status":"pending","identifiers":[]}'),
    ("wrong_types", json.dumps({"status": 7, "identifiers": "a", "authorizations": {}}).encode()),
    ("number", b"1e999"), ("surrogate", b'{"status":"\\ud800"}'), 
    ("bad_utf8", b'{"status":"\xff\xfe"}'),
    ("trailing", b'{"status":"pending"} and more'), ("many_members",
     json.dumps({f"m{i}": i for i in range(5000)}).encode()),
    ("quotes", b'"' * 500000), ("backslashes", b'{"a":"' + b"\\" * 500001),
]


@scenario(faults=1)
def f12_malformed_json_at_new_order(lab):
    def play(name, body):
        location = [("Location", lab.fault.base + "/order/1")]
        lab.fault.instead("newOrder", 201, location, body)
        fails(lab, name, "ca/protocol")

    every(lab, BODIES, play)


@scenario(faults=1)
def f12_malformed_json_at_every_other_step(lab):
    def play(name, step, body):
        lab.fault.instead(step, 200, [], body)
        fails(lab, name, "ca/protocol", seconds=60)

    every(lab, [(f"{step}-{word}".lower(), step, body) for step in ("authz", "finalize")
                for word, body in BODIES if word in ("truncated", "deep10k", "twice", "nul")], play)


@scenario(faults=1)
def f12_a_directory_that_is_none(lab):
    lab.start()
    for word, body in BODIES:
        lab.fault.heal()
        lab.fault.instead("directory", 200, [], body)
        name = f"{word}.test".replace("_", "-")
        lab.certd.stop()
        lab.start()                   # the directory is fetched anew
        fails(lab, name, "ca/directory")
        lab.ctl_ok("remove", name)
    lab.fault.heal()
    lab.ctl_ok("add", "good.test")
    lab.ctl_ok("renew", "good.test", "--wait")


@scenario(faults=1)
def f12_answers_without_end(lab):
    """100 MiB of body, headers, chunks, and a bomb of gzip: 1 MiB is read, then it is over."""
    bomb = gzip.compress(b" " * (64 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    zipped = head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    lab.start()
    lab.add("old.test")
    keeper = lab.workers_pids()[0] if lab.single else lab.certd.pids("keeper")[0]
    before = memory_kib(keeper)
    sends = [("body", flood(head + b"Content-Length: 209715200\r\n\r\n")),
             ("endless", flood(head + b"\r\n")), ("chunks", chunk_bomb),
             ("headers", headers_without_end),
             ("gzip", lambda request, write: write(zipped))]
    for word, send in sends:
        for step in ("newOrder", "cert"):
            lab.fault.raw(step, send)
            name = f"{word}-{step}.test".lower()
            lab.ctl_ok("add", name)
            error = error_of(lab, name, 60)
            check(error["code"] in ("ca/protocol", "cert/rejected"), f"{name}: {error}")
            lab.fault.heal()
    grown = memory_kib(keeper) - before
    # AddressSanitizer keeps what was freed
    check(SANITIZED or grown < 16 << 10, f"the keeper has grown by {grown} KiB")
    heals(lab, *[f"{word}-cert.test" for word, _ in sends])


# ---- F13: nonces ---------------------------------------------------------------------------------


@scenario(faults=1)
def f13_endless_bad_nonces_end(lab):
    lab.start()
    lab.add("old.test")
    lab.fault.refuse("newOrder", "badNonce", "no", 400)
    before = lab.fault.count("newOrder")
    error = fails(lab, "a.test", ("ca/error", "ca/protocol", "ca/refused"), seconds=30)
    asked = lab.fault.count("newOrder") - before
    check(2 <= asked <= 50, f"newOrder was tried {asked} times: {error}")
    heals(lab, "a.test")


@scenario(faults=1)
def f13_bad_nonce_that_brings_none_and_nonces_that_are_none(lab):
    lab.start()
    lab.add("old.test")
    for i, nonce in enumerate((None, "", "not a nonce!", "ä", "a" * 5000)):
        lab.fault.heal()

        def spoil(request, answer, nonce=nonce):
            answer.set("Replay-Nonce", nonce)
            if nonce is None:
                answer.headers.append(("X", "y"))
            return answer

        lab.fault.nonce_header = lambda request, nonce=nonce: nonce
        fresh = lab.fault.count("newNonce")
        lab.fault.refuse("newOrder", "badNonce", "no", 400, times=1)
        lab.fault.do_nonce, kept = (lambda request: Answer(200, headers=[
            ("Replay-Nonce", make_nonce(lab))])), lab.fault.do_nonce
        lab.add(f"n{i}.test")
        lab.fault.do_nonce = kept
        check(lab.fault.count("newNonce") > fresh, "nonces were asked for")


def make_nonce(lab):
    nonce = base64.urlsafe_b64encode(os.urandom(12)).decode()
    lab.fault.nonces.add(nonce)
    return nonce


@scenario(faults=1)
def f13_new_nonce_without_a_nonce(lab):
    lab.fault.nonce_header = lambda request: None
    lab.start()
    fails(lab, "a.test", "ca/protocol", "nonce")
    check(lab.fault.count("newNonce") < 50, "newNonce was not hammered")


@scenario(version="2.4", nonce_reject=90)
def f13_pebble_rejects_nine_of_ten_nonces(lab):
    """Five tries or eleven may not be enough; what fails is told so and certd does not spin."""
    lab.start()
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.is_served("a.test") or lab.certd.show("a.test").get("error"), 60, "an end")


# ---- F14: orders that go nowhere -----------------------------------------------------------------


def set_status(word):
    return lambda request, answer: answer.json.update(status=word)


@scenario(faults=1)
def f14_unknown_states_and_lost_pieces(lab):
    base = lab.fault.base
    problem = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "we looked twice",
               "subproblems": [{"type": "urn:ietf:params:acme:error:caa", "detail": "CAA says no",
                                "identifier": {"type": "dns", "value": "sub.example"}}]}

    def drop(*members):
        return lambda request, answer: [answer.json.pop(member, None) for member in members]

    def invalid(request, answer):
        answer.json.update(status="invalid", error=problem)

    def authz_invalid(request, answer):
        answer.json["status"] = "invalid"
        answer.json["challenges"][0].update(status="invalid", error=problem)

    def other_names(request, answer):
        answer.json["identifiers"] = [{"type": "dns", "value": "bank.test"}]

    def other_authz(request, answer):
        answer.json["identifier"]["value"] = "bank.test"

    cases = [
        ("odd_status", "newOrder", set_status("odd"), "ca/protocol", ["odd"]),
        ("no_location", "newOrder", lambda r, a: a.set("Location", None), "ca/protocol", ["url"]),
        ("no_authz", "newOrder", drop("authorizations"), "ca/protocol", ["authorization"]),
        ("no_finalize", "newOrder", drop("finalize"), "ca/protocol", []),
        ("other_names", "newOrder", other_names, "ca/protocol", ["other names"]),
        ("many_authz", "newOrder", lambda r, a: a.json.update(
            authorizations=[base + f"/authz/{i}" for i in range(5000)]), "ca/protocol", []),
        ("authz_odd", "authz", set_status("odd"), "ca/protocol", ["authorization"]),
        ("authz_other", "authz", other_authz, "ca/protocol", ["bank.test"]),
        ("authz_expired", "authz", set_status("expired"), "authz/failed", ["expired"]),
        ("authz_invalid", "authz", authz_invalid, "authz/failed", ["twice", "CAA says no"]),
        ("no_challenges", "authz", drop("challenges"), "authz/no-challenge", []),
        ("order_invalid", "finalize", invalid, "authz/failed", ["twice", "sub.example"]),
        ("no_certificate", "finalize", drop("certificate"), "ca/protocol", ["certificate"]),
        ("finalize_odd", "finalize", set_status("odd"), "ca/protocol", ["odd"]),
    ]

    def play(name, step, change, code, words):
        if name == "no-finalize.test":      # it is missing wherever the order is shown
            lab.fault.edit("order", change)
        lab.fault.edit(step, change)
        fails(lab, name, code, *words, seconds=30)

    every(lab, cases, play)


@scenario(faults=1)
def f14_an_order_that_is_gone_is_ordered_anew(lab):
    """404 for the order's URL: another order at the next try, and no end without one."""
    lab.start()
    lab.add("old.test")
    lab.fault.instead("authz", 404, times=1)
    lab.ctl_ok("add", "a.test")
    error_of(lab, "a.test")
    heals(lab, "a.test")
    check(lab.fault.names_ordered().count(["a.test"]) == 2, "ordered once more")


@scenario(faults=1)
def f14_an_order_whose_answer_got_lost(lab):
    """The CA keeps no list of orders, as many do: another order, and the name is not stuck."""
    lab.start()
    lab.add("old.test")
    for word, change in (("nothing", None), ("teapot", 307), ("later", 503)):
        lab.fault.heal()
        if change:
            lab.fault.instead("newOrder", change, times=1)
        else:
            lab.fault.raw("newOrder", lambda request, write: None, times=1)
        lab.ctl("add", f"{word}.test", "--wait")
        lab.ctl_ok("renew", f"{word}.test", "--wait", timeout=90)
    lab.fault.hang("newOrder", times=1)
    asked = lab.fault.count("newOrder")
    lab.ctl_ok("add", "killed.test")
    wait_for(lambda: lab.fault.count("newOrder") > asked, 10, "newOrder is asked")
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    lab.wait_served(["killed.test"], 40)


@scenario(faults=1)
def f14_an_order_list_that_makes_no_sense(lab):
    """A CA with a list that lies: looked at a few times, then there is another order."""
    lab.fault.orders_list = "object"
    lab.start()
    lab.add("old.test")
    lab.fault.instead("orders", 200, [], b"<html>")
    lab.fault.raw("newOrder", lambda request, write: None, times=1)
    lab.ctl("add", "a.test", "--wait")
    lab.ctl_ok("renew", "a.test", "--wait", timeout=90)
    lab.fault.heal()
    lab.fault.orders_list = "bare"
    lab.fault.instead("newOrder", 307, times=1)
    lab.ctl("add", "b.test", "--wait")
    lab.ctl_ok("renew", "b.test", "--wait", timeout=90)


@scenario(faults=1)
def f14_processing_without_end_is_given_up(lab):
    """Retry-After 1 each time; 60 polls, then a word to the operator and a next try."""
    lab.start()
    lab.add("old.test")
    lab.fault.asynchronous = True

    def stuck(request, answer):
        if not lab.fault.count("finalize") > 1:
            return
        answer.json["status"] = "processing"
        answer.json.pop("certificate", None)
        answer.set("Retry-After", "1")

    lab.fault.edit("order", stuck)
    error = fails(lab, "a.test", "ca/protocol", "not done", seconds=120)
    polls = lab.fault.count("order")
    check(40 <= polls <= 80, f"{polls} polls: {error}")
    heals(lab, "a.test")


# ---- F15: certificates that are none of ours -----------------------------------------------------


@scenario(faults=1)
def f15_certificates_that_do_not_fit(lab):
    ca, day, now = lab.fault, 86400, time.time()
    signer = ca.signer
    inter, root = text_of(signer.inter[1]), text_of(signer.root[1])

    def wrong_key(order, csr):
        return ca.usual_chain(order, signer.request(signer.new_key("theirs")))

    def own_root(order, csr):
        """Signed by nobody that the chain shows."""
        return ca.leaf(order, csr) + root

    cases = [
        ("wrong_key", wrong_key, ["another key"]),
        ("wrong_name", lambda o, c: ca.leaf(o, c, names=["bank.test"]) + inter, ["cover"]),
        ("no_san", lambda o, c: ca.leaf(o, c, names=[]) + inter, ["alternative names"]),
        ("future", lambda o, c: ca.leaf(o, c, start=now + 2 * day) + inter, ["valid before"]),
        ("expired", lambda o, c: ca.leaf(o, c, start=now - 9 * day, end=now - day) + inter,
         ["expired"]),
        ("backwards", lambda o, c: ca.leaf(o, c, start=now, end=now - 5 * day) + inter, []),
        ("fifty", lambda o, c: ca.leaf(o, c) + inter * 50, ["more than"]),
        ("strangers", own_root, ["signed"]),
        ("garbage", lambda o, c: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         []),
        ("no_pem", lambda o, c: "your certificate is ready", ["no certificate"]),
        ("empty", lambda o, c: "", ["empty"]),
        ("half", lambda o, c: ca.usual_chain(o, c)[:700], []),
        ("with_key", lambda o, c: ca.usual_chain(o, c) + text_of(signer.inter[0]), ["among"]),
        ("only_inter", lambda o, c: inter, ["another key"]),
    ]

    def play(name, certify, words):
        ca.certify = certify
        fails(lab, name, ("cert/rejected", "ca/protocol"), *words)
        ca.certify = ca.usual_chain

    every(lab, cases, play)


@scenario(faults=1)
def f15_a_bad_certificate_leaves_the_old_one_alone(lab):
    lab.start()
    lab.add("a.test")
    serial, ca = lab.serial("a.test"), lab.fault
    ca.certify = lambda order, csr: ca.leaf(order, csr, names=["bank.test"])
    check(lab.ctl("renew", "a.test", "--wait").code != 0, "renewal with a wrong certificate")
    equal(lab.certd.show("a.test")["error"]["code"], "cert/rejected", "code")
    equal(lab.serial("a.test"), serial, "what is served")
    ca.certify = ca.usual_chain
    heals(lab, "a.test")


@scenario(faults=1)
def f15_a_chain_in_any_order_is_put_right(lab):
    ca = lab.fault
    inter, root = text_of(ca.signer.inter[1]), text_of(ca.signer.root[1])
    lab.start()
    for word, certify in (
            ("reversed", lambda o, c: root + inter + ca.leaf(o, c)),
            ("root-first", lambda o, c: ca.leaf(o, c) + root + inter),
            ("texts", lambda o, c: "subject=x\n" + ca.leaf(o, c) + "\r\nissuer=y\n\n" + inter),
            ("crlf", lambda o, c: (ca.leaf(o, c) + inter).replace("\n", "\r\n")),
            ("twice", lambda o, c: ca.leaf(o, c) + inter + inter)):
        ca.certify = certify
        lab.add(f"{word}.test")
        lab.serial(f"{word}.test")


@scenario(faults=1)
def f15_a_wildcard_that_covers_is_taken(lab):
    """RFC 8555 does not say that the names are the ones asked for; what covers them serves them."""
    ca = lab.fault
    ca.certify = lambda order, csr: ca.leaf(order, csr, names=["*.a.test"]) + text_of(
        ca.signer.inter[1])
    lab.start()
    lab.add("www.a.test")
    lab.serial("www.a.test")


# ---- A12: a CA that wants to steer us ------------------------------------------------------------


TOKENS = [("dots", "../../etc/passwd"), ("ticks", "`id`"), ("dollar", "$(id)"), ("slash", "a/b"),
          ("space", "a b"), ("line", "a\r\nX: y"), ("long", "a" * 5000), ("none", None),
          ("empty", ""), ("percent", "%2e%2e%2f"), ("plus", "ab+cd"), ("number", 7)]


@scenario(faults=1)
def a12_tokens_that_are_paths_or_commands(lab):
    def play(name, token):
        def spoil(request, answer):
            for challenge in answer.json["challenges"]:
                challenge["token"] = token
        lab.fault.edit("authz", spoil)
        fails(lab, name, "ca/protocol", "token")

    every(lab, [("t-" + word, token) for word, token in TOKENS], play)


@scenario(faults=2)
def a12_urls_that_lead_elsewhere(lab):
    """A cloud's metadata, files, another port of this machine, plain http: never connected to."""
    other = lab.faults[1]
    urls = [("metadata", "https://169.254.169.254/latest/meta-data/"),
            ("file", "file:///etc/passwd"),
            ("http", lab.fault.base.replace("https:", "http:") + "/order/1"),
            ("neighbour", other.base + "/order/1"),
            ("user", "https://a@" + lab.fault.base[8:] + "/x"),
            ("gopher", "gopher://127.0.0.1:70/x"), ("loopback", "https://127.0.0.1:22/"),
            ("relative", "//evil.test/x"), ("huge", lab.fault.base + "/" + "x" * 5000),
            ("line", lab.fault.base + "/x\r\nHost: y")]

    def play(name, url, step):
        def spoil(request, answer):
            if step == "newOrder-location":
                answer.set("Location", url.replace("\r\n", " "))
            elif step == "newOrder":
                answer.json["authorizations"] = [url]
            elif step == "authz":
                for challenge in answer.json["challenges"]:
                    challenge["url"] = url
            elif step == "finalize":
                answer.json.update(status="valid", certificate=url)
        lab.fault.edit(step.split("-")[0], spoil)
        if step == "newOrder-location":     # it is used when the order is asked for
            lab.fault.asynchronous = True
        fails(lab, name, ("ca/protocol", "ca/error"), seconds=30)
        lab.fault.asynchronous = False

    every(lab, [(f"{word}-{step}".lower(), url, step) for word, url in urls
                for step in ("newOrder", "newOrder-location", "authz", "finalize")
                if not (word == "relative" and step == "newOrder-location")], play)
    # its own names ask for renewal information there
    equal([one for one in other.requests if one.step != "directory"], [], "requests beside the CA")


@scenario(faults=2)
def a12_redirects_are_not_followed(lab):
    other = lab.faults[1]

    def play(name, step, status):
        lab.fault.instead(step, status, [("Location", other.base + "/dir")])
        fails(lab, name, ("ca/protocol", "ca/directory"))

    every(lab, [(f"{step}-{status}".lower(), step, status)
                for step in ("newOrder", "authz", "cert") for status in (301, 302, 307, 308)], play)
    # its own names ask for renewal information there
    equal([one for one in other.requests if one.step != "directory"], [], "requests beside the CA")


@scenario(faults=1)
def a12_a_directory_that_names_other_places(lab):
    lab.start()
    for i, url in enumerate(("http://" + lab.fault.base[8:] + "/new-order", "file:///etc/passwd",
                             "ftp://x.test/", 7, None, "x" * 5000)):
        lab.fault.heal()
        lab.fault.edit("directory", lambda r, a, url=url: a.json.update(newOrder=url))
        lab.certd.stop()
        lab.start()
        fails(lab, f"n{i}.test", "ca/directory", "newOrder")


# ---- A24: what others do with our account or certificate ----------------------------------------


@scenario(faults=1)
def a24_an_account_that_is_gone_or_closed(lab):
    lab.start()
    lab.add("old.test")
    lab.fault.forget()
    lab.add("new.test")                 # the account is made again, unasked
    equal(lab.fault.count("newAccount"), 2, "newAccount")
    lab.fault.refuse("newOrder", "unauthorized", "account is deactivated", 401)
    error = fails(lab, "closed.test", ("ca/account", "ca/refused", "authz/failed"))
    check("deactivated" in error["detail"], str(error))
    heals(lab, "closed.test")


if __name__ == "__main__":
    main()

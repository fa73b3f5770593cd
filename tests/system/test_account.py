#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who we are at a CA: binding, kinds of keys, rollover, contacts, terms, the end; revocation."""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402

KID = "kid-1"
MAC_KEY = ("CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYa"
           "r0PUaP2SJrtP4HUJnjLHW-yBFao-02f4jSG2St9wBJg")    # 64 bytes
PROBLEM = [("Content-Type", "application/problem+json")]


def problem(word, **more):
    return json.dumps({"type": "urn:ietf:params:acme:error:" + word,
                       "detail": "the " + word, **more}).encode()


def show_ca(lab, name="pebble"):
    return lab.ctl_ok("ca", "show", name, "-o", "json").json()


def events(lab, kind):
    return [one["detail"] for one in lab.ctl_ok("events", "-o", "ndjson").lines()
            if one["type"] == kind]


def entry(lab, name):
    """The path of a directory's entry, as "keyChange"."""
    return next(path for path, found in lab.tap.paths.items() if found == name)


def reload(lab, text):
    lab.write_config(text=text)
    lab.ctl_ok("reload", "--wait")


def write_key(lab, name, text, mode=0o640):
    path = os.path.join(lab.directory, name)
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)
    return path


# external account binding


@scenario(eab={KID: MAC_KEY})
def a_ca_that_wants_a_binding(lab):
    plain = lab.config()
    lab.start()
    answer = lab.ctl("add", "a.test", "--wait")
    check(answer.code != 0 and "external account binding" in answer.err, str(answer))
    equal(lab.certd.show("a.test")["error"]["code"], "ca/account", "code")

    path = write_key(lab, "eab", MAC_KEY + "\n", 0o644)
    bound = plain.replace("agree-terms;", f"agree-terms; eab {KID} file {path};", 1)
    reload(lab, bound)
    answer = lab.ctl("ca", "test", "pebble")
    check(answer.code != 0 and "chmod 0640" in answer.err, str(answer))
    os.unlink(path)
    os.mkfifo(path, 0o640)      # a reader of it would wait for ever
    answer = lab.ctl("ca", "test", "pebble")
    check(answer.code != 0 and "regular file" in answer.err, str(answer))
    os.unlink(path)
    write_key(lab, "eab", "not base64 at all")
    answer = lab.ctl("ca", "test", "pebble")
    check(answer.code != 0 and "base64url" in answer.err, str(answer))

    write_key(lab, "eab", MAC_KEY[::-1])
    check(lab.ctl("ca", "test", "pebble").code != 0, "a wrong key is the CA's to refuse")
    write_key(lab, "eab", MAC_KEY + "\n")
    shown = lab.ctl_ok("ca", "test", "pebble", "-o", "json").json()
    equal(shown["account"]["status"], "valid", "the account")
    equal(shown["eab_kid"], KID, "kid")
    lab.ctl_ok("renew", "a.test", "--wait")
    os.unlink(path)
    lab.add("b.test")       # the account is there: the key is not needed any more


@scenario(eab={KID: MAC_KEY}, ca_words=f"eab {KID} credential eab-key;")
def the_key_of_a_binding_as_a_credential(lab):
    directory = os.path.join(lab.directory, "credentials")
    os.mkdir(directory)
    lab.start()
    answer = lab.ctl("ca", "test", "pebble")
    check(answer.code != 0 and "LoadCredential" in answer.err, str(answer))
    lab.certd.stop()
    write_key(lab, "credentials/eab-key", MAC_KEY)
    lab.certd.prefix = ["env", "CREDENTIALS_DIRECTORY=" + directory]
    lab.start()
    lab.add("a.test")


@scenario(eab={KID: MAC_KEY})
def bindings_by_each_algorithm(lab):
    path, urls = write_key(lab, "eab", MAC_KEY), set()
    text = lab.config()
    lab.start()
    for algorithm in ("HS256", "HS384", "HS512"):
        reload(lab, text.replace("agree-terms;", f"agree-terms; eab {KID} file {path}; "
                                                 f"eab-algorithm {algorithm};", 1))
        if urls:
            lab.ctl_ok("ca", "deactivate", "pebble", "--confirm", "pebble")
        lab.ctl_ok("ca", "register" if urls else "test", "pebble")
        urls.add(show_ca(lab)["account"]["url"])
        lab.add(algorithm.lower() + ".test")
    equal(len(urls), 3, f"accounts: {urls}")


# kinds of keys


@scenario(ca_words="account-key ES384;")
def an_account_with_a_p384_key(lab):
    lab.start()
    lab.add("a.test")
    equal(show_ca(lab)["account"]["key"], "ES384", "key")


@scenario(ca_words="account-key RS256;", tap=True)
def an_account_with_an_rsa_key(lab):
    lab.start()
    lab.add("a.test", "b.test")
    equal(show_ca(lab)["account"]["key"], "RS256", "key")
    thumbprint = show_ca(lab)["account"]["thumbprint"]
    lab.certd.stop()
    lab.start()
    lab.add("c.test")
    equal(show_ca(lab)["account"]["thumbprint"], thumbprint, "thumbprint after a restart")
    equal(len(lab.tap.accounts), 1, "accounts")


@scenario(tap=True)
def a_ca_that_takes_only_rsa(lab):
    asked = []

    def picky(path):
        if lab.tap.paths.get(path) != "newAccount" or asked:
            return None
        asked.append(path)
        return 400, PROBLEM, problem("badSignatureAlgorithm", algorithms=["PS256", "RS256"])

    lab.tap.instead = picky
    lab.start()
    lab.add("a.test")
    equal(len(asked), 1, "refusals")
    equal(show_ca(lab)["account"]["key"], "RS256", "key")
    equal(len(lab.tap.accounts), 1, "accounts")


# key rollover


def rolled(lab, before):
    account = show_ca(lab)["account"]
    return not account.get("key_unsettled") and account["thumbprint"] != before


@scenario(tap=True)
@scenario(tap=True, version="2.10")
def the_account_gets_a_new_key(lab):
    lab.start()
    answer = lab.ctl("ca", "rollover", "pebble")
    check(answer.code == 6 and "no account yet" in answer.err, str(answer))
    lab.add("a.test")
    before = show_ca(lab)["account"]
    after = lab.ctl_ok("ca", "rollover", "pebble", "-o", "json").json()["account"]
    check(after["thumbprint"] != before["thumbprint"], f"{before} {after}")
    equal(after["url"], before["url"], "the account's URL")
    lab.add("b.test")
    text = lab.config().replace("agree-terms;", "agree-terms; account-key RS256;", 1)
    reload(lab, text)
    equal(lab.ctl_ok("ca", "rollover", "pebble", "-o", "json").json()["account"]["key"], "RS256",
          "key")
    lab.add("c.test")
    lab.certd.stop()
    lab.start()
    lab.add("d.test")
    equal(len(lab.tap.accounts), 1, "accounts")
    equal(len(events(lab, "ca.key_changed")), 1, "events (folded)")


@scenario(tap=True)
def the_answer_to_a_rollover_is_lost(lab):
    """Whether the CA has heard of it or not, the next order finds out which key counts."""
    lab.start()
    lab.add("a.test")
    for number, heard in enumerate((True, False)):
        before = show_ca(lab)["account"]["thumbprint"]
        change = entry(lab, "keyChange")
        if heard:
            lab.tap.lose = lambda path: path == change
        else:
            lab.tap.instead = lambda path: (_ for _ in ()).throw(OSError()) if path == change else None
        answer = lab.ctl("ca", "rollover", "pebble")
        check(answer.code != 0, str(answer))
        check(show_ca(lab)["account"].get("key_unsettled"), "both keys are kept")
        lab.tap.lose, lab.tap.instead = lambda path: False, lambda path: None
        lab.ctl_ok("add", f"n{number}.test")
        lab.ctl_ok("renew", f"n{number}.test", "--wait")
        check(rolled(lab, before), f"settled: {show_ca(lab)}")
    equal(len(lab.tap.accounts), 1, "accounts")


@scenario(tap=True)
def kills_during_a_rollover(lab):
    """Before the CA has heard of it, and after."""
    lab.start()
    lab.add("a.test")
    for where in ("hold", "after"):
        before = show_ca(lab)["account"]["thumbprint"]
        reached = threading.Event()

        def slow(path):
            if lab.tap.paths.get(path) != "keyChange":
                return 0
            reached.set()
            return 2

        setattr(lab.tap, where, slow)
        asking = threading.Thread(target=lambda: lab.ctl("ca", "rollover", "pebble"))
        asking.start()
        check(reached.wait(20), "keyChange is sent")
        lab.certd.kill("keeper")
        setattr(lab.tap, where, lambda path: 0)
        asking.join()
        lab.certd.wait_ready()
        wait_for(lambda: rolled(lab, before), 20, "the next keeper finds out, by itself")
        lab.add(f"{where}.test")
    equal(len(lab.tap.accounts), 1, "accounts")


@scenario(tap=True)
def a_ca_that_cannot_change_keys(lab):
    lab.start()
    lab.add("a.test")
    before = show_ca(lab)["account"]["thumbprint"]
    change = entry(lab, "keyChange")
    answers = {
        501: [],
        409: [("Location", f"https://{lab.address}:14001/my-account/zzz")],
        500: [],
    }
    for status, headers in answers.items():
        lab.tap.instead = lambda path: (
            (status, headers + PROBLEM, problem("serverInternal" if status != 409 else "malformed"))
            if path == change else None)
        answer = lab.ctl("ca", "rollover", "pebble")
        check(answer.code != 0, f"{status}: {answer}")
        equal(show_ca(lab)["account"]["thumbprint"], before, f"{status}: the key")
        lab.tap.instead = lambda path: None
        lab.add(f"n{status}.test")
    check(show_ca(lab)["account"].get("key_unsettled"), "a 500 may have done it: both are kept")
    after = lab.ctl_ok("ca", "rollover", "pebble", "-o", "json").json()["account"]
    check(after["thumbprint"] != before and not after.get("key_unsettled"), f"{after}")
    lab.add("b.test")


@scenario(tap=True)
def a_rollover_of_an_account_that_is_lost(lab):
    lab.start()
    lab.add("a.test")
    before = show_ca(lab)["account"]
    lab.pebble.stop()
    lab.pebble.start()
    lab.root += lab.pebble.trust()
    after = lab.ctl_ok("ca", "rollover", "pebble", "-o", "json").json()["account"]
    check(after["thumbprint"] != before["thumbprint"], f"{before} {after}")
    check(not after.get("key_unsettled"), f"{after}")
    lab.add("b.test")
    lab.ctl_ok("renew", "a.test", "--wait")
    equal(len(lab.tap.accounts), 2, "accounts ever")


@scenario(tap=True)
def blocks_with_the_same_directory_share_the_account(lab):
    lab.write_config(f"ca other {{ directory {lab.directory_url}; ca-file {lab.pebble.ca_file}; "
                     "account ops@example.com; agree-terms; }\n")
    lab.start()
    lab.add("a.test")
    lab.add("b.test", options=["--ca", "other"])
    lab.ctl_ok("ca", "rollover", "other")
    lab.add("c.test")
    lab.add("d.test", options=["--ca", "other"])
    equal(show_ca(lab)["account"], show_ca(lab, "other")["account"], "the account")
    equal(len(lab.tap.accounts), 1, "accounts")


@scenario(tap=True)
def a_new_key_ends_the_records_that_have_its_hash(lab):
    """dns-persist-01 of draft 02, at a CA that hashes accounts: whoever set records must set others."""
    lab.start()
    lab.add("a.test")
    lab.ctl_ok("ca", "rollover", "pebble")
    check("dns-persist-01" not in events(lab, "ca.key_changed")[-1], "a CA that does not")
    hashing = json.loads(urlopen_dir(lab))
    hashing["meta"]["accountHashPrefix"] = "https://ca.test/hash/"
    lab.tap.instead = lambda path: (200, [], json.dumps(hashing).encode()) if path == "/dir" else None
    lab.ctl_ok("ca", "test", "pebble")
    lab.ctl_ok("ca", "rollover", "pebble")
    check("records of dns-persist-01" in events(lab, "ca.key_changed")[-1], "one that does")


# contacts, terms, the end


@scenario(tap=True)
def contacts_follow_the_configuration(lab):
    lab.start()
    lab.add("a.test")
    equal(show_ca(lab)["account"]["contacts"], ["ops@example.com"], "contacts at first")
    text = lab.config()
    reload(lab, text.replace("account ops@example.com;", "account a@example.com b@example.com;"))
    wait_for(lambda: show_ca(lab)["account"]["contacts"] == ["a@example.com", "b@example.com"], 10,
             "the CA has the new contacts")
    reload(lab, text.replace("account ops@example.com;", ""))
    wait_for(lambda: show_ca(lab)["account"]["contacts"] == [], 10, "the CA has none")

    ours = "/" + show_ca(lab)["account"]["url"].split("/", 3)[3]
    lab.tap.instead = lambda path: (
        (400, PROBLEM, problem("invalidContact")) if path == ours else None)
    reload(lab, text.replace("account ops@example.com;", "account c@example.com;"))
    wait_for(lambda: events(lab, "ca.contacts_refused"), 10, "an event says so")
    lab.tap.instead = lambda path: None
    equal(show_ca(lab)["account"]["contacts"], [], "what the CA has")
    lab.add("b.test")
    lab.certd.stop()
    lab.start()
    wait_for(lambda: show_ca(lab)["account"]["contacts"] == ["c@example.com"], 10,
             "tried again at the next start")


@scenario(tap=True)
def changed_terms_are_told(lab):
    lab.start()
    lab.add("a.test")
    first = show_ca(lab)["terms"]
    check(first, "the terms are shown")
    with_new = json.loads(urlopen_dir(lab))
    with_new["meta"]["termsOfService"] = "https://ca.test/terms-of-2027"
    lab.tap.instead = lambda path: (200, [], json.dumps(with_new).encode()) if path == "/dir" else None
    lab.ctl_ok("ca", "test", "pebble")
    lab.ctl_ok("ca", "test", "pebble")
    equal(show_ca(lab)["terms"], "https://ca.test/terms-of-2027", "terms")
    told = events(lab, "ca.terms_changed")
    equal(len(told), 1, "events")
    check(first in told[0] and "terms-of-2027" in told[0], told[0])


def urlopen_dir(lab):
    import ssl
    import urllib.request
    context = ssl.create_default_context(cafile=lab.pebble.ca_file)
    with urllib.request.urlopen(lab.directory_url, context=context, timeout=10) as got:
        return got.read()


@scenario(tap=True)
def terms_that_must_be_agreed_to_by_hand(lab):
    """RFC 8555 7.3.3: where to read them, and where to agree."""
    lab.start()
    lab.add("a.test")
    order = entry(lab, "newOrder")
    link = [("Link", '<https://ca.test/new-terms>;rel="terms-of-service"')]
    lab.tap.instead = lambda path: (
        (403, PROBLEM + link, problem("userActionRequired", instance="https://ca.test/agree"))
        if path == order else None)
    answer = lab.ctl("add", "b.test", "--wait")
    check(answer.code != 0, str(answer))
    detail = lab.certd.show("b.test")["error"]["detail"]
    check("https://ca.test/agree" in detail and "https://ca.test/new-terms" in detail, detail)
    lab.tap.instead = lambda path: None
    lab.ctl_ok("renew", "b.test", "--wait")


@scenario(tap=True)
def the_account_ends_and_another_begins(lab):
    lab.start()
    lab.add("a.test")
    before = show_ca(lab)["account"]
    for words in ([], ["--confirm", "other"]):
        answer = lab.ctl("ca", "deactivate", "pebble", *words)
        check(answer.code == 6 and "1 names" in answer.err, str(answer))
    equal(show_ca(lab)["account"]["status"], "valid", "asked once")
    answer = lab.ctl("ca", "register", "pebble")
    equal(answer.code, 6, f"{answer}\nthe account is in use")
    lab.ctl_ok("ca", "deactivate", "pebble", "--confirm", "pebble")
    equal(show_ca(lab)["account"]["status"], "deactivated", "status")
    check(events(lab, "ca.account_deactivated"), "an event")
    answer = lab.ctl("add", "b.test", "--wait")
    check(answer.code != 0, str(answer))
    equal(lab.certd.show("b.test")["error"]["code"], "ca/account", "code")
    lab.serial("a.test")
    lab.certd.stop()
    lab.start()
    check(lab.ctl("renew", "b.test", "--wait").code != 0, "also after a restart")
    lab.ctl_ok("ca", "register", "pebble")
    after = show_ca(lab)["account"]
    check(after["url"] != before["url"] and after["status"] == "valid", f"{after}")
    lab.ctl_ok("renew", "b.test", "--wait")
    equal(len(lab.tap.accounts), 2, "accounts")


@scenario(tap=True)
def a_ca_that_ends_the_account_itself(lab):
    """Its refusals of orders are not the names' fault."""
    lab.start()
    lab.add("a.test")
    order, account = entry(lab, "newOrder"), entry(lab, "newAccount")
    said = json.dumps({"status": "revoked"}).encode()
    url = show_ca(lab)["account"]["url"]
    lab.tap.instead = lambda path: (
        (401, PROBLEM, problem("unauthorized")) if path == order else
        (200, [("Location", url)], said) if path == account else None)
    check(lab.ctl("add", "b.test", "--wait").code != 0, "add")
    equal(lab.certd.show("b.test")["error"]["code"], "ca/account", "code")
    equal(show_ca(lab)["account"]["status"], "revoked", "status")


@scenario(tap=True)
def an_odd_status_of_the_account_passes(lab):
    """What RFC 8555 does not know is no end: nobody has to register again."""
    lab.start()
    lab.add("a.test")
    order, account = entry(lab, "newOrder"), entry(lab, "newAccount")
    said = json.dumps({"status": "on-hold"}).encode()
    url = show_ca(lab)["account"]["url"]
    lab.tap.instead = lambda path: (
        (401, PROBLEM, problem("unauthorized")) if path == order else
        (200, [("Location", url)], said) if path == account else None)
    check(lab.ctl("add", "b.test", "--wait").code != 0, "add")
    error = lab.certd.show("b.test")["error"]
    check(error["code"] == "ca/protocol" and "on-hold" in error["detail"], f"{error}")
    equal(show_ca(lab)["account"]["status"], "valid", "what is remembered")
    equal(events(lab, "ca.account_deactivated"), [], "events of its end")
    lab.tap.instead = lambda path: None
    lab.ctl_ok("renew", "b.test", "--wait")


# revocation


@scenario(tap=True)
def nothing_is_revoked_while_the_key_changes(lab):
    """It would be signed with a key that the CA may have taken out of use."""
    lab.start()
    lab.add("a.test")
    change, asked, go_on = entry(lab, "keyChange"), threading.Event(), threading.Event()

    def wait(path):
        if path == change:
            asked.set()
            go_on.wait(20)
    lab.tap.instead = wait
    asking = threading.Thread(target=lambda: lab.ctl_ok("ca", "rollover", "pebble"))
    asking.start()
    check(asked.wait(20), "the CA has the request for a new key")
    answer = lab.ctl("revoke", "a.test", "--no-renew")
    go_on.set()
    asking.join()
    check(answer.code != 0 and "key is being changed" in answer.err, str(answer))
    lab.ctl_ok("revoke", "a.test", "--no-renew")
    equal(lab.pebble.cert_status(lab.serial("a.test")), "Revoked", "afterwards")


@scenario()
def a_certificate_is_revoked_and_replaced(lab):
    lab.start()
    lab.add("a.test", "b.test")
    serial = lab.serial("a.test")
    equal(lab.pebble.cert_status(serial), "Valid", "before")
    answer = lab.ctl("revoke", "a.test", "--reason", "keyCompromize")
    check(answer.code == 2 and "keyCompromise" in answer.err, str(answer))
    equal(lab.ctl("revoke", "nobody.test").code, 3, "a name that is not here")
    lab.ctl_ok("revoke", "a.test", "--reason", "superseded")
    equal(lab.pebble.cert_status(serial), "Revoked", "after")
    wait_for(lambda: lab.serial("a.test") != serial, 20, "a new one is served")
    check("reason 4" in events(lab, "cert.revoked")[0], "the event")

    serial = lab.serial("b.test")
    lab.ctl_ok("revoke", "b.test", "--no-renew", "--with-key", "--reason", "keyCompromise")
    equal(lab.pebble.cert_status(serial), "Revoked", "by its key")
    said = lab.ctl_ok("revoke", "b.test", "--no-renew", "-o", "json").json()
    equal(said["name"], "b.test", "revoked already: that is fine")
    equal(lab.serial("b.test"), serial, "--no-renew")


@scenario()
def a_compromised_key_does_not_come_back(lab):
    lab.start()
    lab.add("a.test", "b.test")
    for name in ("a.test", "b.test"):
        write_key(lab, name, lab.ctl_ok("export", name, "--private-key").out, 0o600)
    lab.ctl_ok("revoke", "a.test", "--no-renew", "--reason", "keyCompromise")
    lab.ctl_ok("revoke", "b.test", "--no-renew", "--reason", "superseded")
    lab.ctl_ok("remove", "a.test", "b.test")
    lab.certd.stop()
    lab.start()
    answer = lab.ctl("import", os.path.join(lab.directory, "a.test"))
    check(answer.code != 0 and "keyCompromise" in answer.err, str(answer))
    lab.ctl_ok("import", os.path.join(lab.directory, "b.test"))


@scenario()
def both_certificates_of_a_name_are_replaced(lab):
    """`key both`: the second one is revoked with the first, and not served until its own plan."""
    lab.write_config(text=lab.config().replace("key ecdsa-p256;", "key both;"))
    lab.start()
    lab.add("a.test")
    lab.add("b.test", "c.test", options=["--one-certificate"])

    def serials(name):
        item = lab.certd.show(name)
        return [item["serial"], (item["second"] or item)["serial"]]
    for name in ("a.test", "c.test"):
        wait_for(lambda: lab.certd.show(name)["second"], 60, f"the second one of {name}")
        before = serials(name)
        lab.ctl_ok("revoke", name, "--reason", "superseded")
        wait_for(lambda: not set(before) & set(serials(name)), 60, f"new ones of {name}: {before}")
    equal(serials("b.test"), serials("c.test"), "of both names")

    # nobody renews a second one any more: what is revoked goes
    lab.write_config(text=lab.config().replace("key both;", "key ecdsa-p256;"))
    lab.ctl_ok("reload")
    before = serials("a.test")
    lab.ctl_ok("revoke", "a.test", "--reason", "superseded")
    wait_for(lambda: not set(before) & set(serials("a.test")), 60, "the first one is new")
    equal(lab.certd.show("a.test")["second"], None, "the second one")


@scenario()
def a_certificate_is_revoked_without_an_account(lab):
    lab.start()
    lab.add("a.test")
    serial = lab.serial("a.test")
    lab.ctl_ok("ca", "deactivate", "pebble", "--confirm", "pebble")
    check(lab.ctl("revoke", "a.test", "--no-renew").code != 0, "by an account that is over")
    equal(lab.pebble.cert_status(serial), "Valid", "refused")
    lab.ctl_ok("revoke", "a.test", "--with-key", "--no-renew")
    equal(lab.pebble.cert_status(serial), "Revoked", "by its key")


if __name__ == "__main__":
    main()

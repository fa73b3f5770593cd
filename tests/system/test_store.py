#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The store in trouble and in the hands of its operator. F and A numbers are those of the list of
faults and attacks that certd is built against."""

import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from certd import BUILD, PATIENCE, Certd, children_of, run  # noqa: E402
from lab import check, equal, expect_code, main, scenario, wait_for  # noqa: E402
from pebble import Skip  # noqa: E402
from storelab import certd_itself, events, serials_of, start_refused, state  # noqa: E402

NAMES = [f"n{i:02}.test" for i in range(12)]


# ---- backup, restore, check, compact --------------------------------------------------------------


@scenario()
def backup_while_serving_restores_into_a_fresh_node(lab):
    lab.start()
    lab.add(*NAMES)
    serials = serials_of(lab, NAMES)
    target = os.path.join(lab.directory, "backup")
    load = lab.load(NAMES, rate=200)
    made = lab.ctl_ok("db", "backup", target, "-o", "json").json()
    load.stop_clean()
    check(made["records"] >= 2 * len(NAMES) and made["bytes"] > 0, f"what it says: {made}")
    check(events(lab, "store.backup"), "the event")
    answer = expect_code(lab.ctl("db", "backup", target), 6)        # not empty
    check(target in answer.err, f"the text names it\n{answer}")
    os.symlink(lab.directory, os.path.join(lab.directory, "link"))
    answer = lab.ctl("db", "backup", os.path.join(lab.directory, "link"))      # A17
    check(answer.code != 0 and "symbolic link" in answer.err, f"A17\n{answer}")

    answer = expect_code(certd_itself(lab, "--db-restore", target), 6)
    check("certd" in answer.err, f"a running certd is in the way\n{answer}")
    equal(lab.certd.stop(), 0, "exit status")
    lab.pebble.close()
    fresh = os.path.join(lab.directory, "fresh")
    os.mkdir(fresh, 0o700)
    shutil.copy(state(lab, "master.key"), lab.directory)            # the key is not in the backup
    with open(lab.conf_path) as old:
        conf = old.read().replace(f"{lab.directory}/state;", f"{fresh};") + \
            f"\nmaster-key {lab.directory}/master.key;\n"
    lab.write_config(text=conf)
    restored = lab.ctl("--config", lab.conf_path, "db", "restore", target)
    expect_code(restored, 0)
    lab.start()
    for name in NAMES:
        equal(lab.serial(name), serials[name], f"certificate of {name} on the fresh node")
    answer = lab.ctl_ok("db", "check")
    check(" 0 damaged" in answer.out, f"a clean check\n{answer}")
    equal(lab.certd.stop(), 0, "exit status")
    expect_code(lab.ctl("--config", lab.conf_path, "db", "restore", target), 6)    # not empty now


@scenario()
def compact_and_check_without_a_daemon(lab):
    lab.start()
    lab.add(*NAMES[:3])
    serials = serials_of(lab, NAMES[:3])
    answer = expect_code(lab.ctl("--config", lab.conf_path, "db", "compact"), 6)
    check("stop it" in answer.err, f"what to do\n{answer}")
    lab.certd.stop()
    expect_code(lab.ctl("--config", lab.conf_path, "db", "compact"), 0)
    answer = expect_code(lab.ctl("--config", lab.conf_path, "db", "check"), 0)
    check("0 damaged" in answer.out, f"clean\n{answer}")
    lab.start()
    equal(serials_of(lab, NAMES[:3]), serials, "certificates after the compaction")


# ---- damage ---------------------------------------------------------------------------------------


def flip_certificate(path, generation):
    """Flips a byte in each record of the pool of GENERATION, its key, in front of which LMDB has the
    record's size."""
    hits = 0
    with open(path, "r+b") as file:
        data = file.read()
        for m in re.finditer(re.escape(struct.pack(">Q", generation)) + rb"\x03\x01\x00", data):
            size = struct.unpack_from("<I", data, m.start() - 8)[0] if m.start() >= 8 else 0
            if 400 < size < 4000:
                file.seek(m.end() + 40)
                file.write(bytes([data[m.end() + 40] ^ 0x10]))
                hits += 1
    return hits


@scenario()
def F6_damaged_certificates_are_told_and_issued_anew(lab):
    lab.start()
    lab.add(*NAMES)
    serials = serials_of(lab, NAMES)
    victims = NAMES[2:5]
    generations = [lab.certd.show(name)["generation"] for name in victims]
    lab.certd.stop()
    for generation in generations:
        check(flip_certificate(state(lab, "served", "data.mdb"), generation) > 0, "a record")
    lab.start()
    for name in set(NAMES) - set(victims):
        equal(lab.serial(name), serials[name], f"certificate of {name}")
    fronts = lab.certd.pids("front")
    for name in victims:
        if lab.is_served(name):
            check(lab.serial(name) != serials[name], f"a new certificate for {name}")
    lab.wait_served(victims, 20)
    told = {e["name"] for e in events(lab, "store.corrupt")}
    equal(told, set(victims), "names of store.corrupt events")
    equal(lab.certd.pids("front"), fronts, "no worker died")
    answer = lab.ctl_ok("db", "stat")
    check(all(name in answer.out for name in victims), f"db stat tells them\n{answer}")
    lines = [line for line in lab.certd.log_text().splitlines() if victims[0] in line
             and (" warn: " in line or " err: " in line)]
    check(len(lines) <= 4, f"no storm: {lines}")
    lab.ctl_ok("db", "check")


def flip_domain(path, name):
    """Flips a byte in the domain's record of NAME, and not in its certificate's: LMDB has the size of
    a record eight bytes in front of its key."""
    hits = 0
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        for m in re.finditer(re.escape(name.encode()) + rb"[\x02-\x04]\x01", data):
            size = struct.unpack_from("<I", data, m.start() - 8)[0] if m.start() >= 8 else 0
            if 100 < size < 400:
                file.seek(m.end() + 40)     # nothing else: certd may be at work
                file.write(bytes([data[m.end() + 40] ^ 0x10]))
                hits += 1
    return hits


@scenario()
def F6_a_damaged_domain_is_made_anew_and_served_meanwhile(lab):
    lab.start()
    victim, second, *others = NAMES
    lab.add(second, *others)
    lab.add(victim, options=("--label", "tenant=x"))
    serials = serials_of(lab, NAMES)
    lab.certd.stop()
    check(flip_domain(state(lab, "served", "data.mdb"), victim) > 0, "a record")
    lab.start()
    check(lab.ctl("show", victim).code in (0, 1), "it is damaged, or anew already")
    told = wait_for(lambda: events(lab, "store.corrupt"), 10, "the event")
    equal([e["name"] for e in told], [victim], "names of store.corrupt events")
    for word in ("ca pebble", "backend app", "labels are lost", "tenant=x", "is kept"):
        check(word in told[0]["detail"], f"{word} in {told[0]}")
    wait_for(lambda: lab.serial(victim) != serials[victim], 20, "it is issued again")
    wait_for(lambda: lab.certd.show(victim)["state"] == "valid", 5, "its state")
    check(not lab.certd.show(victim).get("labels"), "its labels are gone")
    equal(lab.get(victim)["backend"], lab.get(second)["backend"], "its backend is the default one")
    answer = lab.ctl_ok("db", "stat")
    check(victim in answer.out and "add it again" not in answer.out, f"db stat says so\n{answer}")
    lab.ctl_ok("db", "check")

    serials = serials_of(lab, NAMES)
    lab.certd.stop()
    check(flip_domain(state(lab, "served", "data.mdb"), second) > 0, "a record")
    lab.pebble.stop()           # nothing can be issued
    lab.start()
    lab.ctl("show", second)
    wait_for(lambda: len(events(lab, "store.corrupt")) == 2, 10, "the event")
    equal(events(lab, "store.corrupt")[1]["name"], second, "whose it is")
    equal(serials_of(lab, NAMES), serials, "all are served as before")
    lab.ctl_ok("db", "check")


@scenario(faults=1)
def F6_a_domain_damaged_under_its_order_goes_on_with_it(lab):
    lab.start()
    lab.fault.hang("cert")
    lab.ctl_ok("add", "a.test")
    wait_for(lambda: lab.fault.count("cert") == 1, 20, "the certificate is about to be fetched")
    check(flip_domain(state(lab, "served", "data.mdb"), "a.test") > 0, "a record")
    lab.fault.heal()
    lab.wait_served(["a.test"], 60)
    equal(lab.fault.count("newOrder"), 1, "orders")
    equal([e["name"] for e in events(lab, "store.corrupt")], ["a.test"], "names of store.corrupt events")
    lab.ctl_ok("db", "check")


def flip_bits(path, dice, count):
    with open(path, "r+b") as file:
        for _ in range(count):
            at = dice.randrange(8192, os.path.getsize(path))
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << dice.randrange(8))]))


def table_is_lost(lab):
    """A page that LMDB needs to find its way in a table: nothing that writes there can be stored."""
    log = lab.certd.log_text()
    return "pages of this table are damaged: restore a backup" in log[log.rindex("serves with"):]


def told_names(lab):
    """Names of store.corrupt events, and those of them that nothing can be written for."""
    got = [e for e in events(lab, "store.corrupt") if e["name"]]
    told = {e["name"] for e in got}
    return told, told if table_is_lost(lab) else \
        {e["name"] for e in got if "compact" in e["detail"] or "restore" in e["detail"]}


def serial_or_none(lab, name):
    with contextlib.suppress(OSError):
        return lab.serial(name, timeout=5)


def keeper_cannot_live(lab):
    """LMDB's own list of free pages may be hit: then each commit ends who makes it. The third time
    the parent starts a keeper that leaves served/ alone, and if that dies, too, none for an hour."""
    def killed():
        log = lab.certd.log_text()
        return log[log.rindex("serves with"):].count("keeper was killed by signal")

    wait_for(lambda: killed() >= 3 or lab.ctl("status").code == 0, 20, "the keeper is there or not")
    check(killed() <= 6, f"no crash loop of the keeper: {killed()}")
    if killed() < 3:
        return False
    wait_for(lambda: "certctl db compact, or restore a backup" in lab.certd.log_text() or
             "does not live on this store" in lab.certd.log_text(), 10, "what to do is said")
    return True


def wait_repaired(lab, seed):
    """Until all names are served again, or told to be on pages that nothing can be written to."""
    def unrepaired():
        try:
            return set() if keeper_cannot_live(lab) else \
                {name for name in NAMES if not lab.is_served(name)} - told_names(lab)[1]
        except AssertionError as error:     # the keeper may be starting again
            return {str(error)}
    left = unrepaired()
    end = time.monotonic() + 40 * PATIENCE
    while left and time.monotonic() < end:
        time.sleep(0.2)
        left = unrepaired()
    check(not left, f"neither served nor told, SEED={seed}: {left}")


@scenario()
def F6_random_flips_never_a_wrong_certificate_never_a_crash_loop(lab):
    lab.start()
    lab.add(*NAMES)
    serials = serials_of(lab, NAMES)
    lab.certd.stop()
    seed = int(os.environ.get("SEED", 7))        # others: SEED=N tests/run test_store
    dice = random.Random(seed)
    print(f"     SEED={seed}")
    lab.certd.pages_damaged = True
    served = state(lab, "served", "data.mdb")
    private = state(lab, "private", "data.mdb")
    shutil.copy(served, lab.directory + "/whole.mdb")
    shutil.copy(private, lab.directory + "/private.mdb")
    # damaged pages may end a process in LMDB, which is no finding of a sanitizer's
    os.environ["ASAN_OPTIONS"] = "handle_segv=0:handle_sigbus=0:handle_abort=0"
    lab.on_close.callback(os.environ.pop, "ASAN_OPTIONS")
    outcomes = dict.fromkeys(("refused", "served", "unserved", "anew", "told", "stuck", "keeper",
                              "careful", "deaths"), 0)
    for _ in range(12):
        shutil.copy(lab.directory + "/whole.mdb", served)
        shutil.copy(lab.directory + "/private.mdb", private)
        flip_bits(served, dice, 16)
        lab.certd.start(wait=False)
        with contextlib.suppress(AssertionError):
            lab.certd.wait_ready(5)
        if lab.certd.process.poll() is not None:
            equal(lab.certd.process.returncode, 1, f"refused at start, SEED={seed}")
            outcomes["refused"] += 1
            lab.certd.process = None
            continue
        unserved = {name for name in NAMES if not lab.is_served(name)}
        answer = lab.ctl("db", "check")
        outcomes["told"] += answer.code == 1
        wait_repaired(lab, seed)
        if keeper_cannot_live(lab):
            outcomes["keeper"] += 1
            check(all(f"{name}: the stored" in lab.certd.log_text() for name in unserved),
                  f"{unserved} not named in the log, SEED={seed}")
            lab.certd.end()
            continue
        told, stuck = told_names(lab)
        check(unserved <= told, f"{unserved - told} not served without a word, SEED={seed}")
        for name in set(NAMES) - stuck:
            # the other worker may try a certificate it could not use a little later
            got = wait_for(lambda one=name: serial_or_none(lab, one), 20, f"{name}, SEED={seed}")
            anew = got != serials[name]
            check(not anew or name in told, f"another certificate of {name} unsaid, SEED={seed}")
            outcomes["anew"] += anew
        outcomes["served"] += len(NAMES) - len(unserved)
        outcomes["unserved"] += len(unserved)
        outcomes["stuck"] += len(stuck)
        status = lab.certd.status()
        check(status["worker_restarts"] <= 40, f"no crash loop: {status['worker_restarts']}")
        if not status["store"]["takes_orders"]:
            outcomes["careful"] += 1
            answer = lab.ctl("add", "new.test")
            check(answer.code == 1 and "damaged" in answer.err, f"a sentence, SEED={seed}\n{answer}")
        log = lab.certd.log_text()
        deaths = log[log.rindex("serves with"):].count("keeper was killed by signal")
        check(not (deaths and status["store"]["takes_orders"]), f"who writes dies, SEED={seed}")
        outcomes["deaths"] += deaths
        lab.certd.end()
    print(f"     {outcomes}")
    check(outcomes["refused"] < 12 and outcomes["anew"] > 0, f"there was something to repair: "
          f"{outcomes}")


def damage_free_list(path):
    """LMDB's list of free pages, in database 0 of the newer meta page: each record is a count and as
    many page numbers. With a count beyond the file who commits dies."""
    with open(path, "r+b") as file:
        data = file.read()
        _, root = max((struct.unpack_from("<Q", data, page + 144)[0],
                       struct.unpack_from("<Q", data, page + 80)[0]) for page in (0, 4096))
        at = root * 4096
        flags, lower = struct.unpack_from("<HH", data, at + 10)
        equal(flags, 2, "a leaf")
        for node in struct.unpack_from(f"<{(lower - 16) // 2}H", data, at + 16):
            file.seek(at + node + 16)
            file.write(struct.pack("<Q", 1 << 24))
    return (lower - 16) // 2


@scenario()
def F6_a_keeper_that_dies_of_each_commit_lives_on_without_writing(lab):
    lab.start()
    lab.add(*NAMES)
    serials = serials_of(lab, NAMES)
    check(damage_free_list(state(lab, "served", "data.mdb")) > 0, "there is a free list")

    def deaths():
        return lab.certd.log_text().count("keeper was killed by signal")

    def careful():
        lab.ctl("add", "more.test")
        return "it writes nothing there" in lab.certd.log_text()

    wait_for(careful, 30, "the parent gives up")
    equal(deaths(), 3, "deaths")
    lab.certd.wait_ready()
    keeper = lab.certd.pids("keeper")
    answer = lab.ctl("add", "new.test")
    check(answer.code == 1 and "damaged" in answer.err, f"refused with a sentence\n{answer}")
    equal(serials_of(lab, NAMES), serials, "what is served")
    check(not lab.certd.status()["store"]["takes_orders"], "status says so")
    told = wait_for(lambda: events(lab, "store.corrupt"), 10, "the event")
    check(any("certctl db compact" in e["detail"] for e in told), f"what to do: {told}")
    equal((lab.certd.pids("keeper"), deaths()), (keeper, 3), "it lives")
    lab.certd.stop()
    before = deaths()
    lab.start()     # found before anybody crashes of it
    answer = lab.ctl("add", "new.test")
    check(answer.code == 1 and "damaged" in answer.err, f"refused with a sentence\n{answer}")
    equal(serials_of(lab, NAMES), serials, "what is served")
    equal(deaths() - before, 0, "deaths")
    for command in ("rotate", "master"):
        answer = lab.ctl("key", command)
        check(answer.code != 0 and "nothing was changed" in answer.err, f"key {command}\n{answer}")
    keeper = lab.certd.pids("keeper")
    os.kill(keeper[0], signal.SIGSEGV)      # whatever else it dies of: the list stays damaged
    wait_for(lambda: deaths() - before == 1 and lab.certd.pids("keeper") not in ([], keeper) and
             lab.ctl("status").code == 0, 20, "a new keeper")
    answer = lab.ctl("add", "new.test")
    check(answer.code == 1 and "damaged" in answer.err, f"refused with a sentence\n{answer}")
    equal(deaths() - before, 1, "deaths")
    check("room again" not in lab.certd.log_text(), "the disk has room")
    lab.certd.stop()
    expect_code(lab.ctl("--config", lab.conf_path, "db", "compact"), 0)
    lab.start()
    lab.add("new.test")
    equal(serials_of(lab, NAMES), serials, "certificates after the compaction")


def flip_page_numbers(path, name):
    """Of all pages of records that have NAME: LMDB would give the pages of those numbers away, in use
    or not, when it writes there."""
    hits = 0
    with open(path, "r+b") as file:
        data = file.read()
        for page in range(2 * 4096, len(data), 4096):
            flags, = struct.unpack_from("<H", data, page + 10)
            if flags == 2 and name.encode() in data[page:page + 4096]:
                file.seek(page)
                file.write(bytes([data[page] ^ 1]))
                hits += 1
    return hits


@scenario()
def F6_damaged_pages_are_found_before_anybody_writes(lab):
    lab.start()
    lab.add(*NAMES)
    serials = serials_of(lab, NAMES)
    lab.certd.stop()
    check(flip_page_numbers(state(lab, "served", "data.mdb"), NAMES[3]) > 0, "a page")
    lab.start()
    answer = lab.ctl("add", "new.test")
    check(answer.code == 1 and "damaged" in answer.err, f"refused with a sentence\n{answer}")
    check(not lab.certd.status()["store"]["takes_orders"], "status says so")
    told = wait_for(lambda: events(lab, "store.corrupt"), 10, "the event")
    check(any("certctl db compact" in e["detail"] for e in told), f"what to do: {told}")
    equal(serials_of(lab, NAMES), serials, "what is served")
    check("killed by signal" not in lab.certd.log_text(), "nobody died")
    lab.certd.stop()
    expect_code(lab.ctl("--config", lab.conf_path, "db", "compact"), 0)
    lab.start()
    lab.add("new.test")
    equal(serials_of(lab, NAMES), serials, "certificates after the compaction")


@scenario()
def F6_an_older_file_is_no_truth(lab):
    served, kept = state(lab, "served", "data.mdb"), lab.directory + "/kept-"
    for i, names in enumerate(((), NAMES, ("last.test",))):
        lab.start()
        if names:
            lab.add(*names)
        equal(lab.certd.stop(), 0, "exit status")
        shutil.copy(served, kept + str(i))
    shutil.copy(kept + "0", served)
    start_refused(lab, f"had {len(NAMES) + 1} names", "restore", "certctl db compact")
    shutil.copy(kept + "1", served)
    lab.start()
    told = wait_for(lambda: events(lab, "store.corrupt"), 10, "the event")
    check("older state" in told[0]["detail"], f"what it is: {told}")
    for name in NAMES:
        lab.serial(name)
    lab.certd.stop()
    lab.start()
    equal(len(events(lab, "store.corrupt")), 1, "told once")
    lab.certd.stop()
    shutil.copy(kept + "0", served)
    start_refused(lab, f"had {len(NAMES)} names")
    expect_code(lab.ctl("--config", lab.conf_path, "db", "compact"), 0)
    lab.start()     # the operator has said so


@scenario(config="ca dead { directory https://127.0.0.1:9/dir; account a@example.com; agree-terms; }")
def F6_a_page_that_ends_its_reader_ends_only_the_check(lab):
    lab.start()
    lab.add(*NAMES)
    many = [f"p{i:03}.test" for i in range(900)]
    lab.ctl_ok("add", *many, "--ca", "dead")
    lab.ctl_ok("pause", *many)      # so that nobody else reads of their attempts
    lab.certd.stop()
    path = state(lab, "private", "data.mdb")
    hit = 0
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        for page in range(2 * 4096, len(data), 4096):      # full leaves: events of old
            flags, lower, upper = struct.unpack_from("<HHH", data, page + 10)
            if flags == 2 and upper - lower < 300 and hit < 6:
                data[page + 16:page + 400] = b"\xff" * 384  # entries far behind the page
                hit += 1
        file.seek(0)
        file.write(data)
    lab.start()
    keeper = lab.certd.pids("keeper")
    answer = expect_code(lab.ctl("db", "check"), 1)
    check(hit and "private/" in answer.out, f"damage is named\n{answer}")
    print("     " + answer.out.splitlines()[-2])
    equal(lab.certd.pids("keeper"), keeper, "the keeper lives on")
    for name in NAMES:
        lab.serial(name)


@scenario()
def F6_a_truncated_file_is_refused_with_a_sentence(lab):
    lab.start()
    lab.add(*NAMES)
    lab.certd.stop()
    for env in ("served", "private"):
        path = state(lab, env, "data.mdb")
        whole = open(path, "rb").read()
        for size in (len(whole) // 2, 3 * 4096, 8192, 5000):
            with open(path, "wb") as file:
                file.write(whole[:size])
            start_refused(lab, "restore")
        with open(path, "wb") as file:
            file.write(whole)
    lab.start()
    lab.serial(NAMES[0])


@scenario()
def F23_a_newer_format_is_refused(lab):
    lab.start()
    lab.add("a.test")
    lab.certd.stop()
    path = state(lab, "served", "data.mdb")
    whole = open(path, "rb").read()
    newer = re.sub(rb"format[\x01-\x09]\0\0\0", b"format\x63\0\0\0", whole)
    check(newer != whole, "the format is where docs/store.md says")
    with open(path, "wb") as file:
        file.write(newer)
    start_refused(lab, "newer certd", "99")
    equal(open(path, "rb").read(), newer, "nothing is touched")
    with open(path, "wb") as file:
        file.write(whole)
    lab.start()
    lab.serial("a.test")


# ---- the directory, the disk ----------------------------------------------------------------------


@scenario()
def A17_second_certd_symlinks_and_strangers(lab):
    lab.start()
    lab.add("a.test")
    with open(lab.conf_path) as old:
        text = old.read().replace("control.sock", "other.sock").replace(":10443", ":10444") \
            .replace(":10080", ":10081")
    second = os.path.join(lab.directory, "second.conf")
    with open(second, "w") as out:
        out.write(text)
    answer = expect_code(certd_itself(lab, conf=second), 1)
    check("in use by another certd" in answer.err, f"the sentence\n{answer}")
    lab.serial("a.test")
    lab.certd.stop()
    os.rename(state(lab), lab.directory + "/real")
    os.symlink("real", state(lab))
    start_refused(lab, "symbolic link")
    os.remove(state(lab))
    os.rename(lab.directory + "/real", state(lab))
    os.chmod(state(lab), 0o777)
    start_refused(lab, "open to other users")
    os.chmod(state(lab), 0o700)
    os.rename(state(lab, "served", "data.mdb"), lab.directory + "/data.mdb")
    os.symlink(lab.directory + "/data.mdb", state(lab, "served", "data.mdb"))
    start_refused(lab, "no regular file")
    os.remove(state(lab, "served", "data.mdb"))
    os.rename(lab.directory + "/data.mdb", state(lab, "served", "data.mdb"))
    if os.geteuid() == 0:
        os.chown(state(lab, "served"), 65534, 65534)
        start_refused(lab, "belongs to")
        os.chown(state(lab, "served"), 0, 0)
    lab.start()
    lab.serial("a.test")


def gencerts(lab, first, count):
    """A file of certificates to import."""
    path = os.path.join(lab.directory, f"certs-{first}.ndjson")
    with open(path, "w") as out:
        subprocess.run([os.path.join(BUILD, "tests", "support", "gencerts"), "-f", str(first),
                        str(count), os.path.join(lab.directory, "ca.pem")], stdout=out, check=True)
    return path


def named(lab, comm):
    """Whether a process of that name is below certd's keeper."""
    return any(name == comm for keeper in lab.certd.pids("keeper")
               for _, name in children_of(keeper))


def grown(lab, names):
    return lab.ctl_ok("status", "-o", "json").json()["names"]["valid"] > names


@contextlib.contextmanager
def mounted(lab, *words):
    os.makedirs(state(lab), 0o700, exist_ok=True)
    got = subprocess.run(["mount", *words, state(lab)], capture_output=True, text=True)
    if got.returncode != 0:
        raise Skip("nothing can be mounted here: " + got.stderr.strip())
    os.chmod(state(lab), 0o700)
    try:
        yield
    finally:
        lab.certd.end()
        subprocess.run(["umount", "-l", state(lab)], check=False)


@scenario()
def F4_a_full_disk_stops_orders_and_nothing_else(lab):
    with mounted(lab, "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs"):
        lab.start()
        lab.add("a.test")
        ballast = state(lab, "ballast")
        with open(ballast, "wb") as file:
            file.write(b"\0" * (os.statvfs(state(lab)).f_bavail * 4096 - (2 << 20)))
        wait_for(lambda: events(lab, "store.full"), 10, "the event")
        lab.ctl_ok("add", "b.test")
        time.sleep(2)
        equal(lab.certd.show("b.test")["state"], "pending", "no order begins")
        check(not lab.certd.status()["store"]["takes_orders"], "status says so")
        with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
        answer = lab.ctl("add", *[f"x{i}-{'y' * 50}.test" for i in range(900)])
        check(answer.code != 0, f"an add that cannot be stored is no success\n{answer}")
        for _ in range(3):
            lab.serial("a.test")
            time.sleep(1)
        os.remove(ballast)
        lab.wait_served(["b.test"], 20)
        equal(len(events(lab, "store.full")), 1, "events")
        check(events(lab, "store.recovered"), "and its end")
        lines = [x for x in lab.certd.log_text().splitlines() if " err: " in x]
        check(len(lines) <= 4, f"no storm: {lines}")
        lab.certd.stop()


@scenario()
def F4_below_the_reserve_nothing_new_is_imported_or_applied(lab):
    with mounted(lab, "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs"):
        lab.start()
        few, more = (gencerts(lab, first, 5) for first in (0, 100))
        lab.ctl_ok("import", "-f", few)
        lab.ctl_ok("add", "gone.test", "kept.test")
        wanted = os.path.join(lab.directory, "wanted.ndjson")
        with open(wanted, "w") as out:
            out.write('{"name":"new.test"}\n{"name":"kept.test","labels":{"a":"b"}}\n'
                      '{"name":"gone.test","state":"absent"}\n')
        ballast = state(lab, "ballast")
        with open(ballast, "wb") as file:
            file.write(b"\0" * (os.statvfs(state(lab)).f_bavail * 4096 - (2 << 20)))

        answer = expect_code(lab.ctl("import", "-f", few), 0)           # at once, not at a tick
        equal(answer.out.count("unchanged"), 5, f"what is stored\n{answer}")
        for words in (("-f", few, "--replace"), ("-f", more), ("-f", more, "--dry-run")):
            answer = expect_code(lab.ctl("import", *words, "-o", "ndjson"), 1)
            equal([(e["error"]["code"], "MiB are free below" in e["error"]["detail"])
                   for e in answer.lines()], [("full", True)] * 5, f"each says why\n{answer}")
        answer = expect_code(lab.ctl("apply", "-f", wanted, "-o", "ndjson"), 9)
        equal({e["name"]: e.get("change", e.get("error", {}).get("code")) for e in answer.lines()},
              {"new.test": "full", "kept.test": "updated", "gone.test": "removed"}, str(answer))
        check(lab.certd.show("new.test") is None and lab.certd.show("gone.test") is None, "as said")
        for i in range(5):
            # whose issuer is not sent, which the auditor finds, it is ordered anew
            check(lab.certd.show(f"d{i:07}.load.test")["state"] in ("valid", "renewing"),
                  "nothing is lost")
        os.remove(ballast)
        wait_for(lambda: lab.certd.status()["store"]["takes_orders"], 10, "room again")
        equal(lab.ctl_ok("import", "-f", more).out.count("created"), 5, "imported")
        lab.ctl_ok("apply", "-f", wanted)
        lab.ctl_ok("db", "check")
        lab.certd.stop()


@scenario(config="ca dead { directory https://127.0.0.1:9/dir; account a@example.com; agree-terms; }")
def a_stop_does_not_wait_for_a_backup_a_check_or_an_import(lab):
    lab.start()
    lab.ctl_ok("import", "-f", gencerts(lab, 0, 10000), "--ca", "dead")
    rest = gencerts(lab, 10000, 10000)
    target = os.path.join(lab.directory, "backup")
    for words, begun, told in (
            (("db", "backup", target), lambda: os.path.exists(target + "/private"), "stopping"),
            (("db", "check"), lambda: named(lab, "certd-check"), "stopping"),
            (("import", "-f", rest, "--ca", "dead"), lambda: grown(lab, 10500), "")):
        for _ in range(10):             # the work may be through before the stop comes
            client = subprocess.Popen([os.path.join(BUILD, "certctl"), "--socket",
                                       lab.certd.socket_path, *words], text=True,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while not begun() and client.poll() is None:
                pass
            began = time.monotonic()
            equal(lab.certd.stop(), 0, "exit status")
            took = time.monotonic() - began
            if not told:                # goes on when certd does
                client.terminate()
            said = client.communicate(timeout=10)[1]
            if client.returncode or not told:
                break
            shutil.rmtree(target, ignore_errors=True)
            lab.start()
        print(f"     {words[:2]}: stopped in {took * 1000:.0f} ms")
        check(took < 2 * PATIENCE, f"the stop waited {took:.1f} s for {words}")
        check(client.returncode == 1 or not told, f"{words}: {client.returncode} {said}")
        check(told in said, f"the client is told: {said}")
        check(not os.path.exists(target), "a backup that is not whole is removed")
        lab.start()
    lab.ctl_ok("db", "check")
    lab.ctl_ok("import", "-f", rest, "--ca", "dead")
    lab.ctl_ok("db", "backup", target)
    check(os.path.exists(target + "/complete"), "the next one is whole")


@scenario()
def F5_io_errors_stop_orders_and_nothing_else(lab):
    """The file system refuses every write (ext4's shutdown ioctl: what a pulled disk looks like)."""
    image = os.path.join(lab.directory, "image")
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    got = subprocess.run(["mkfs.ext4", "-q", "-F", image], capture_output=True, text=True)
    if got.returncode != 0:
        raise Skip("no mkfs.ext4")
    with mounted(lab, "-o", "loop", image):
        lab.start()
        lab.add("a.test")
        serial = lab.serial("a.test")
        fd = os.open(state(lab), os.O_RDONLY)
        try:
            fcntl.ioctl(fd, 0x8004587d, struct.pack("I", 2))       # EXT4_IOC_SHUTDOWN, no flush
        except OSError as error:
            raise Skip(f"the file system cannot be shut down: {error}")
        finally:
            os.close(fd)
        answer = lab.ctl("add", "b.test")
        check(answer.code != 0, f"what is not stored is not acknowledged\n{answer}")
        lab.ctl("renew", "a.test")
        end = time.monotonic() + 8
        while time.monotonic() < end:
            equal(lab.serial("a.test"), serial, "what is served")
            time.sleep(0.2)
        lines = [x for x in lab.certd.log_text().splitlines() if " err: " in x or " warn: " in x]
        print(f"     {len(lines)} lines: {lines[:14]}")
        check(len(lines) <= 14, f"no storm: {lines}")
        lab.certd.stop()


@scenario()
def F5_a_read_only_file_system_is_served_from(lab):
    with mounted(lab, "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs"):
        lab.start()
        lab.add("a.test")
        serial = lab.serial("a.test")
        equal(lab.certd.stop(), 0, "exit status")
        subprocess.run(["mount", "-o", "remount,ro", state(lab)], check=True)
        lab.certd.start(wait=False)
        wait_for(lambda: lab.is_served("a.test"), 5, "it is served")
        equal(lab.serial("a.test"), serial, "what is served")
        expect_code(lab.ctl("add", "b.test"), 4)
        subprocess.run(["mount", "-o", "remount,rw", state(lab)], check=True)
        wait_for(lambda: lab.ctl("status").code == 0, 40, "the keeper comes by itself")
        lab.add("b.test")
        equal(lab.serial("a.test"), serial, "what is served")
        text = lab.certd.log_text()
        equal(text.count("read-only file system"), 1, "told once")
        lab.certd.stop()


@scenario()
def F7_dead_readers_are_cleared(lab):
    lab.start()
    lab.add("a.test")
    for _ in range(6):
        lab.certd.kill("front")
        wait_for(lambda: lab.is_served("a.test"), 10, "workers are back")
    lab.certd.kill("keeper")
    lab.certd.wait_ready()
    check(lab.certd.status()["store"]["readers"] < 20, "slots of the dead are free")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The packages and what is in them: man pages against their sources, the unit's sandbox, lintian, rpm.

    packaging/tests/test_packages.py [-v] [Class[.test]...]

Builds both packages first, each twice (CERTD_PACKAGES=DIRECTORY takes those built there before).
CERTD_PREVIOUS=PACKAGE.deb is what is upgraded from, instead of what packaging/previous.sh builds.
"""

import filecmp
import glob
import os
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))


def run(*words, code=0, **more):
    """Standard output and error together; fails when the exit status is not CODE."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=more.pop("cwd", ROOT), check=False, **more)
    if done.returncode != code:
        raise AssertionError(f"{words}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class Sources(unittest.TestCase):
    def test_versions_and_dates_agree(self):
        version = re.search(r"(?m)^VERSION := (\S+)$", read("Makefile"))[1]
        changed = re.search(r"(?s)^certd \((\S+)\).*? -- (.*?>)  \w+, (\d+) (\w+) (\d+) ", read("debian", "changelog"))
        spec = read("packaging", "rpm", "certd.spec")
        listed = re.search(r"(?m)^%changelog\n\* \w+ (\w+) (\d+) (\d+) (.*?>) - (\S+)-(\d+)$", spec)
        self.assertEqual({changed[1], listed[5], re.search(r"(?m)^Version: +(\S+)$", spec)[1]}, {version})
        self.assertEqual((changed[2], changed[3], changed[4], changed[5]), (listed[4], listed[2], listed[1], listed[3]))

    def test_make_deb_installs_what_control_asks_for(self):
        asked = re.search(r"(?ms)^Build-Depends: (.*?)^\S", read("debian", "control"))[1]
        asked = {re.match(r"[a-z0-9.+-]+", one.strip())[0] for one in asked.split(",")} | {"build-essential"}
        asked = {{"debhelper-compat": "debhelper", "dh-sequence-installsysusers": "debhelper"}.get(one, one) for one in asked}
        lists = dict(re.findall(r'(?ms)^(build|deb)=["\'](.*?)["\']$', read("packaging", "deps.sh")))
        self.assertEqual(asked - set(f"{lists['build']} {lists['deb']}".split()), set())

    def test_one_licence(self):
        """debian/copyright has one paragraph of files."""
        lines = run("git", "grep", "-hIE", "SPDX-License-" "Identifier:|^[^a-z]*Copyright (\\(c\\)|[0-9])")
        self.assertGreater(lines.count("\n"), 300)
        for line in lines.splitlines():
            self.assertRegex(line, "SPDX-License-" r"Identifier: Apache-2\.0( \*/| -->)?$")


class Pages(unittest.TestCase):
    pages = sorted(glob.glob(f"{BUILD}/man/*.[1-8]"))

    def shown(self, name):
        text = run("mandoc", "-Tutf8", "-Owidth=200", f"{BUILD}/man/{name}")
        return re.sub(".\b", "", text)

    def test_they_are_there(self):
        have = {os.path.basename(page) for page in self.pages}
        self.assertLessEqual({"certctl.1", "certd-events.7", "certd-security.7", "certd.8", "certd.conf.5"}, have)
        self.assertEqual(have, {page[:-3] for page in os.listdir(f"{ROOT}/packaging/man") if page.endswith(".in")})

    def test_lint(self):
        """All that mandoc says, but for the conventions of the BSDs and pages of others that are not here."""
        said = subprocess.run(["mandoc", "-Tlint", "-Wstyle", *self.pages], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, check=False).stdout
        mine = {os.path.basename(page) for page in self.pages}
        for line in said.splitlines():
            missing = re.search(r": STYLE: referenced manual not found: Xr (\S+) (\d)", line)
            self.assertTrue(missing, line)
            if missing[1].startswith("cert"):
                self.assertIn(f"{missing[1]}.{missing[2]}", mine, line)

    def test_man_has_no_warning(self):
        for page in self.pages:
            said = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                                  env=dict(os.environ, LC_ALL="C.UTF-8", MANROFFSEQ="", MANWIDTH="80"),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
            self.assertEqual(said.stderr, "", page)

    def test_certctl_has_every_verb_and_option(self):
        shown = self.shown("certctl.1")
        verbs = re.findall(r'^\t\{"([a-z]+)", ', read("ctl", "verb.c"), re.MULTILINE)
        self.assertGreater(len(verbs), 20)
        for verb in verbs:
            self.assertRegex(shown, rf"(?m)^   {verb}\n +certctl {verb}\b")
        for option in re.findall(r'\] = \{"(--[a-z-]+)"', read("ctl", "option.c")):
            self.assertRegex(shown, rf"(?m)^ +(-\w, )?{option}\b")

    def test_certd_has_every_option(self):
        shown = self.shown("certd.8")
        options = re.findall(r"--[a-z-]*[a-z]", run(f"{BUILD}/certd", "--help"))
        for option in set(options) - {"--db"}:
            self.assertIn(option, shown)

    def test_configuration_has_every_word(self):
        shown = self.shown("certd.conf.5")
        words = {word for path in glob.glob(f"{ROOT}/daemon/conf/*.c")
                 for word in re.findall(r'CONF_RULE\("([a-z-]+)"', read(path))}
        self.assertGreater(len(words), 40)
        for word in words:
            self.assertRegex(shown, rf"(?m)^ +(\S+, )?{word}\b")

    def test_events_has_every_type(self):
        shown = self.shown("certd-events.7")
        types = re.findall(r'"([a-z]+\.[a-z_.]+)"', read("daemon", "common", "event_types.c"))
        self.assertGreater(len(types), 40)
        for one in types:
            self.assertRegex(shown, rf"(?m)^ +{re.escape(one)}( |$)")


class Installed(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="certd-install-")
        self.addCleanup(shutil.rmtree, self.root)
        self.install()

    def install(self):
        run("make", "-s", "install", f"DESTDIR={self.root}", "PREFIX=/usr", "UNITDIR=/lib/systemd/system")

    def test_configuration_works_as_shipped(self):
        conf = f"{self.root}/etc/certd/certd.conf"
        self.assertEqual(run(f"{self.root}/usr/sbin/certd", "-c", conf, "--check"), f"{conf}: ok\n")

    def test_configuration_is_kept(self):
        conf = f"{self.root}/etc/certd/certd.conf"
        self.install()
        self.assertFalse(os.path.exists(conf + ".new"), "what is not edited needs no second file")
        with open(conf, "a", encoding="ascii") as file:
            file.write("workers 3;\n")
        self.install()
        self.assertIn("workers 3;", read(conf))
        self.assertEqual(read(conf + ".new"), read("packaging", "certd.conf"))

    def test_sandbox(self):
        unit = f"{self.root}/lib/systemd/system/certd.service"
        shown = run("systemd-analyze", "security", "--offline=true", "--threshold=15", unit)
        level = float(re.search(r"exposure level for certd.service: ([\d.]+)", shown)[1])
        self.assertLessEqual(level, 1.5)

    def test_sandbox_with_front_user(self):
        """What certd-security(7) says that front-user.conf costs."""
        with open(f"{self.root}/certd.service", "w", encoding="utf-8") as file:
            file.write(read(f"{self.root}/lib/systemd/system/certd.service"))
            file.write(read(f"{self.root}/usr/share/doc/certd/examples/front-user.conf"))
        shown = run("systemd-analyze", "security", "--offline=true", f"{self.root}/certd.service")
        level = re.search(r"exposure level for certd.service: ([\d.]+)", shown)[1]
        self.assertIn(f"from 1.5 to {level};", read("packaging", "man", "certd-security.7.in"))

    def test_unit_is_understood(self):
        unit = f"{self.root}/lib/systemd/system/certd.service"
        said = run("systemd-analyze", "verify", "--root", self.root, "--recursive-errors=no", "--man=no", unit)
        self.assertEqual([line for line in said.splitlines() if "certd.service" in line], [])

    # What completions complete to is in tests/system/test_completion.py; here: each shell finds its own.

    def shell(self, name, words, **more):
        if not shutil.which(name):
            self.skipTest(f"no {name} here")
        return run(*words, env=dict(os.environ, PATH=f"{self.root}/usr/bin:{os.environ['PATH']}",
                                    XDG_DATA_DIRS=f"{self.root}/usr/share:/usr/share", **more))

    def test_completion_in_bash(self):
        loader = "/usr/share/bash-completion/bash_completion"
        if not os.path.exists(loader):
            self.skipTest("no bash-completion here")
        words = f". {loader}; _completion_loader certctl; complete -p certctl; compopt() {{ :; }}\n" \
                'COMP_WORDS=(certctl rene); COMP_CWORD=1; _certctl; echo "${COMPREPLY[@]}"'
        said = self.shell("bash", ["bash", "--norc", "-c", words])
        self.assertEqual(said.split()[-1], "renew")
        self.assertIn("-F _certctl certctl\n", said)

    def test_completion_in_zsh(self):
        """As typed: the Tab key on a terminal."""
        folder = f"{self.root}/usr/share/zsh/site-functions"
        words = f"zmodload zsh/zpty; zpty shell zsh -f -i; zpty -w shell 'PS1=; fpath=({folder} $fpath); " \
                "autoload -Uz compinit; compinit -D -u'; zpty -w -n shell $'certctl rene\\t'; " \
                "zpty -r shell said '*certctl renew*' && print found"
        self.assertEqual(self.shell("zsh", ["timeout", "60", "zsh", "-f", "-c", words], TERM="dumb"), "found\n")

    def test_completion_in_fish(self):
        said = self.shell("fish", ["fish", "-c", "complete -C 'certctl rene'"], HOME=self.root)
        self.assertRegex(said, r"(?m)^renew\b")

    def test_paths_in_the_unit_are_installed(self):
        for path in re.findall(r"^Exec\w+=(\S+)", read(f"{self.root}/lib/systemd/system/certd.service"),
                               re.MULTILINE):
            self.assertTrue(os.access(self.root + path, os.X_OK), path)

    def test_users(self):
        os.makedirs(f"{self.root}/etc", exist_ok=True)
        run("systemd-sysusers", f"--root={self.root}", f"{self.root}/usr/lib/sysusers.d/certd.conf")
        self.assertIn("certd:", read(f"{self.root}/etc/passwd"))
        self.assertIn("certd-admin:", read(f"{self.root}/etc/group"))


class Examples(unittest.TestCase):
    def setUp(self):
        self.at = tempfile.mkdtemp(prefix="certd-examples-")
        self.addCleanup(shutil.rmtree, self.at)

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"no {program} here")

    def test_nginx(self):
        self.need("nginx")
        with open(f"{self.at}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"error_log stderr; pid {self.at}/pid; events {{ }}\n"
                       f"http {{ access_log off; include {ROOT}/packaging/examples/nginx-backend.conf; }}\n")
        self.assertIn("test is successful", run("nginx", "-t", "-c", f"{self.at}/nginx.conf"))

    def test_haproxy(self):
        self.need("haproxy")
        said = run("haproxy", "-c", "-f", "packaging/examples/haproxy-backend.cfg")
        self.assertNotRegex(said, "WARNING|ALERT")

    def test_backends_in_the_examples_are_understood(self):
        shown = {name: re.search(r"^#\t(backend .*)$", read("packaging", "examples", name), re.MULTILINE)[1]
                 for name in ("nginx-backend.conf", "haproxy-backend.cfg")}
        for name, words in shown.items():
            conf = re.sub(r"(?m)^backend .*$", words, read("packaging", "certd.conf"))
            with open(f"{self.at}/{name}", "w", encoding="ascii") as file:
                file.write(conf)
            self.assertIn(words, conf)
            run(f"{BUILD}/certd", "-c", f"{self.at}/{name}", "--check")

    def test_hook_mails(self):
        mails, listener = [], socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        server = threading.Thread(target=lambda: mails.append(one_mail(listener)))
        server.start()
        event = {"id": 7, "at": "2026-11-22T12:00:00Z", "type": "order.failed", "name": "a.example",
                 "detail": "the CA says: .\nRCPT TO:<x@example.org>", "act": "customer"}
        run("python3", "packaging/examples/hook-mail", "ops@example.com", "127.0.0.1",
            str(listener.getsockname()[1]), input=json.dumps(event) + "\n")
        server.join(20)
        rcpt, text = mails[0]
        self.assertEqual(rcpt, [" TO:<ops@example.com>"])
        self.assertIn("Subject: certd: order.failed a.example", text)
        self.assertIn("act: customer", text)


def one_mail(listener):
    """A mail server for one mail: whom it is for, and its lines."""
    peer = listener.accept()[0]
    with peer, peer.makefile("rw", newline="\r\n", encoding="utf-8") as lines:
        def say(words):
            lines.write(words + "\n")
            lines.flush()
        rcpt, text = [], []
        say("220 test")
        for line in lines:
            line = line.rstrip("\r\n")
            word = line[:4].upper()
            if word == "RCPT":
                rcpt.append(line[4:])
            if word == "DATA":
                say("354 go")
                for row in lines:
                    if row.rstrip("\r\n") == ".":
                        break
                    text.append(row.rstrip("\r\n"))
            say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return rcpt, text
    return rcpt, text


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first = os.environ.get("CERTD_PACKAGES")
        if not cls.first:
            cls.first = tempfile.mkdtemp(prefix="certd-packages-")
            cls.addClassCleanup(shutil.rmtree, cls.first)
            cls.build(cls.first)

    @staticmethod
    def build(where, **more):
        run("packaging/deb.sh", f"{where}/deb", **more)
        run("packaging/rpm.sh", f"{where}/rpm", **more)

    def one(self, pattern):
        found = glob.glob(f"{self.first}/{pattern}")
        self.assertEqual(len(found), 1, pattern)
        return found[0]

    def binary_rpm(self):
        return self.one(f"rpm/certd-*.{os.uname().machine}.rpm")

    def test_again_is_the_same(self):
        """In another folder, time zone and language, with another mask, later."""
        second = tempfile.mkdtemp(prefix="certd-again-")
        self.addCleanup(shutil.rmtree, second)
        self.build(second, umask=0o077, env=dict(os.environ, TZ="Pacific/Apia", LC_ALL="C"))
        for path in glob.glob(f"{self.first}/deb/*.deb") + glob.glob(f"{self.first}/rpm/*.rpm"):
            other = os.path.join(second, os.path.relpath(path, self.first))
            self.assertTrue(filecmp.cmp(path, other, shallow=False), f"{path} differs from {other}")

    def test_lintian(self):
        words = ["lintian", "--pedantic", "--fail-on", "none", self.one("deb/certd_*.changes")]
        said = [line for line in run(*words).splitlines() if "root privileges" not in line]
        self.assertEqual(said, [])

    def test_rpmlint(self):
        said = run("rpmlint", "-r", "packaging/rpm/rpmlintrc", "packaging/rpm/certd.spec",
                   *glob.glob(f"{self.first}/rpm/*.rpm"))
        self.assertRegex(said, r"\b0 errors, 0 warnings")

    def test_rpm_asks_for_nothing_of_debian_alone(self):
        needed = run("rpm", "-qp", "--requires", self.binary_rpm())
        self.assertIn("libcurl.so.4()(64bit)", needed)
        self.assertIn("libtinfo.so.6()(64bit)", needed)
        self.assertNotIn("liblmdb", needed)
        versions = re.findall(r"(?m)^lib\S+\(([^()]+)\)\(64bit\)$", needed)
        self.assertEqual([one for one in versions if not re.match("GLIBC_2|OPENSSL_3|IDN2_0", one)], [])
        glibc = [int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", needed)]
        self.assertLessEqual(max(glibc), 34)

    def test_rpm_life(self):
        root = tempfile.mkdtemp(prefix="certd-rpm-")
        self.addCleanup(shutil.rmtree, root)
        rpm = ["rpm", "--root", root, "--nodeps", "--noscripts"]
        run(*rpm[:3], "--initdb")
        run(*rpm, "-i", self.binary_rpm())
        self.assertEqual(run(*rpm, "-V", "--nouser", "--nogroup", "certd"), "")
        conf = f"{root}/etc/certd/certd.conf"
        with open(conf, "a", encoding="ascii") as file:
            file.write("workers 3;\n")
        run(*rpm, "-e", "certd")
        self.assertFalse(os.path.exists(f"{root}/usr/sbin/certd"))
        self.assertIn("workers 3;", read(conf + ".rpmsave"))

    def test_rpm_keeps_an_edited_configuration(self):
        """Over one that shipped another: what is new lies beside it. Where nobody edited it, it is replaced."""
        root = tempfile.mkdtemp(prefix="certd-rpm-")
        self.addCleanup(shutil.rmtree, root)
        with open(f"{root}/old.spec", "w", encoding="ascii") as file:
            file.write("Name: certd\nVersion: 0\nRelease: 1\nSummary: An older one\nLicense: Apache-2.0\n%description\n"
                       "%install\ninstall -d %{buildroot}/etc/certd\necho '# older' >%{buildroot}/etc/certd/certd.conf\n"
                       "%files\n%config(noreplace) /etc/certd/certd.conf\n")
        run("rpmbuild", "-bb", "--define", f"_topdir {root}/top", f"{root}/old.spec")
        old = glob.glob(f"{root}/top/RPMS/*/*.rpm")[0]
        for edited in [True, False]:
            with self.subTest(edited=edited):
                at = f"{root}/{edited}"
                rpm = ["rpm", "--root", at, "--nodeps", "--noscripts"]
                os.mkdir(at)
                run(*rpm[:3], "--initdb")
                run(*rpm, "-i", old)
                conf = f"{at}/etc/certd/certd.conf"
                if edited:
                    with open(conf, "a", encoding="ascii") as file:
                        file.write("workers 3;\n")
                run(*rpm, "-U", self.binary_rpm())
                self.assertEqual(read(conf + ".rpmnew" if edited else conf), read("packaging", "certd.conf"))
                self.assertEqual(os.path.exists(conf + ".rpmnew"), edited)
                if edited:
                    self.assertEqual(read(conf), "# older\nworkers 3;\n")

    def inside(self, script, *paths):
        """packaging/tests/inside/SCRIPT under a real systemd, where one boots; prints what it skips."""
        done = subprocess.run([f"{ROOT}/packaging/tests/boot.sh", script, *paths],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout.strip())
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("ok ", done.stdout)
        self.say(*re.findall(r"(?m)^(?:ok|skip) .*", done.stdout))

    @staticmethod
    def say(*lines):
        print("", *lines, sep="\n  ", end="\n  ", file=sys.stderr, flush=True)

    def installable(self):
        """The package under a name that the scripts know."""
        path = f"{self.first}/certd.deb"
        shutil.copyfile(self.one("deb/certd_*.deb"), path)
        return path

    def previous(self, deb):
        path = f"{self.first}/previous.deb"
        if os.environ.get("CERTD_PREVIOUS"):
            shutil.copyfile(os.environ["CERTD_PREVIOUS"], path)
        else:
            self.say(run("packaging/previous.sh", deb, self.first).strip())
        return path

    def test_life(self):
        deb = self.installable()
        self.inside("life.sh", deb, self.previous(deb))

    def test_rpm_scripts(self):
        self.inside("rpm.sh", self.binary_rpm())

    def test_neighbours(self):
        self.inside("neighbours.sh", self.installable())

    def test_autopkgtest(self):
        if not shutil.which("autopkgtest"):
            self.skipTest("no autopkgtest here")
        source = tempfile.mkdtemp(prefix="certd-source-")
        self.addCleanup(shutil.rmtree, source)
        run("packaging/source.sh", f"{source}/source")
        self.inside("autopkgtest.sh", self.installable(), f"{source}/source")

    def test_deb_scripts(self):
        """They restart nothing, and delete neither keys nor users."""
        root = tempfile.mkdtemp(prefix="certd-deb-")
        self.addCleanup(shutil.rmtree, root)
        run("dpkg-deb", "-R", glob.glob(f"{self.first}/deb/certd_*.deb")[0], f"{root}/all")
        self.assertEqual(read(root, "all", "DEBIAN", "conffiles").split(), ["/etc/certd/certd.conf"])
        scripts = read(root, "all", "DEBIAN", "postinst") + read(root, "all", "DEBIAN", "postrm")
        self.assertNotRegex(scripts, r"invoke|restart|rm -rf|deluser")
        self.assertIn("systemd-sysusers", scripts)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    unittest.main()

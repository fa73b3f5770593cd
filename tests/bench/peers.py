# SPDX-License-Identifier: Apache-2.0
"""certd and its peers as servers of a bench: one worker each, on CPU 0, the same certificates."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
TOOLS = os.path.join(BUILD, "tests", "support")
START_LIMIT_S = 900


def name_of(number):
    return f"d{number:07}.load.test"


def free_port():
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def family(pid):
    """The process and everything below it."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                parents.setdefault(int(stat.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
        except OSError:
            pass
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


class Server:
    """One program.  Subclasses write its configuration and give its command line."""

    name = program = ""
    tcp_mode = False            # forwards bytes as they are, so streams can be compared

    def __init__(self, directory, certs, count, backend_port=9):
        self.directory = os.path.join(directory, self.name.replace(" ", "-"))
        os.makedirs(self.directory)
        self.certs, self.count, self.backend_port = certs, count, backend_port
        self.port, self.process, self.took = free_port(), None, 0.0

    @classmethod
    def is_here(cls):
        return shutil.which(cls.program) is not None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def pem(self, number):
        return os.path.join(self.certs, name_of(number) + ".pem")

    def write(self, file, text):
        path = os.path.join(self.directory, file)
        with open(path, "w") as out:
            out.write(text)
        return path

    def prepare(self):
        """What must run before the clock of the start does."""

    def start(self):
        """Seconds from the start to the first handshake."""
        command = self.command()
        self.prepare()
        log = open(os.path.join(self.directory, "log"), "a")
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment(),
                                        preexec_fn=lambda: os.sched_setaffinity(0, {0}))
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > START_LIMIT_S:
                raise SystemExit(f"{self.name} does not start: see {self.directory}/log")
            time.sleep(0.005)
        self.took = time.monotonic() - began
        return self.took

    def answers(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as raw:
                with context.wrap_socket(raw, server_hostname=name_of(0)) as tls:
                    return name_of(0).encode() in tls.getpeercert(True)
        except OSError:
            return False

    def cpu_us(self, only=""):
        """CPU of the program and all it started, the kernel's work for it included; with ONLY, of
        the processes of that name."""
        total = 0
        for pid in family(self.process.pid):
            try:
                with open(f"/proc/{pid}/comm") as comm:
                    if only and comm.read().strip() != only:
                        continue
                for thread in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
                        total += int(stat.read().split()[0])
            except OSError:
                pass
        return total / 1000

    def pss_mib(self):
        """The clean pages of a store's file, which are the page cache's, apart."""
        total = 0
        for pid in family(self.process.pid):
            of_store = False
            try:
                with open(f"/proc/{pid}/smaps") as maps:
                    for line in maps:
                        word = line.split()[0]
                        if "-" in word and not word.endswith(":"):
                            of_store = line.rstrip().endswith("data.mdb")
                        elif line.startswith("Pss:") and not of_store:
                            total += int(line.split()[1])
            except OSError:
                pass
        return total / 1024

    def stop(self):
        if not self.process:
            return
        pids = family(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            self.process.wait()
        self.process = None


class Certd(Server):
    name, program, tcp_mode = "certd", os.path.join(BUILD, "certd"), True

    def command(self):
        conf = self.write("certd.conf",
                          f"state-directory {self.directory}/state;\n"
                          f"control-socket {self.directory}/sock;\nworkers 1;\n"
                          f"listen 127.0.0.1:{self.port} {{ tls; }}\n"
                          "ca none { directory https://127.0.0.1:9/dir; agree-terms; }\n"
                          f"backend app {{ server 127.0.0.1:{self.backend_port}; }}\n"
                          "default { ca none; backend app; }\n")
        return [self.program, "-c", conf]

    def fill(self):
        """The names into the store, once; the daemon is stopped again."""
        command = self.command()
        log = open(os.path.join(self.directory, "log"), "a")
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
        ctl = [os.path.join(BUILD, "certctl"), "--socket", f"{self.directory}/sock"]
        for _ in range(600):
            if subprocess.run(ctl + ["status"], capture_output=True).returncode == 0:
                break
            time.sleep(0.05)
        maker = subprocess.Popen([os.path.join(TOOLS, "gencerts"), str(self.count),
                                  os.path.join(self.certs, "ca.pem")], stdout=subprocess.PIPE)
        taken = subprocess.run(ctl + ["import", "-f", "-"], stdin=maker.stdout,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if maker.wait() or taken.returncode:
            raise SystemExit("certd does not take the certificates: " + taken.stderr)
        daemon.terminate()
        daemon.wait()

    def start(self):
        if not os.path.exists(f"{self.directory}/state"):
            self.fill()
        return super().start()


class Nginx(Server):
    name = program = "nginx"
    more = ""

    def servers(self):
        for i in range(self.count):
            yield (f"server {{ listen 127.0.0.1:{self.port} ssl; server_name {name_of(i)}; "
                   f"ssl_certificate {self.pem(i)}; ssl_certificate_key {self.pem(i)}; "
                   f"{self.more} return 204; }}\n")

    def command(self):
        at = self.directory
        places = "".join(f"{kind}_temp_path {at}/{kind};" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.write("conf", "daemon off; worker_processes 1; "
                          f"pid {at}/pid; error_log {at}/error crit; worker_rlimit_nofile 20000;\n"
                          "events { worker_connections 8192; }\n"
                          "http { access_log off; server_names_hash_max_size 4194304; "
                          "server_names_hash_bucket_size 128; ssl_protocols TLSv1.2 TLSv1.3; "
                          f"{places}\n" + "".join(self.servers()) + "}\n")
        return [self.program, "-e", f"{at}/error", "-c", conf]


class NginxTuned(Nginx):
    """AES-128 first, one ticket, X25519: what a careful operator can set."""

    name = "nginx tuned"
    more = ("ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519; "
            "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384; "
            "ssl_conf_command NumTickets 1;")


class NginxStream(Server):
    """nginx as a TCP front: needs its stream module, one certificate is enough here."""

    name, program, tcp_mode = "nginx stream", "nginx", True
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"

    @classmethod
    def is_here(cls):
        return super().is_here() and os.path.exists(cls.module)

    def command(self):
        at = self.directory
        conf = self.write("conf", f"load_module {self.module}; daemon off; worker_processes 1; "
                          f"pid {at}/pid; error_log {at}/error crit; worker_rlimit_nofile 20000;\n"
                          "events { worker_connections 16384; }\n"
                          "stream { ssl_protocols TLSv1.2 TLSv1.3; server { "
                          f"listen 127.0.0.1:{self.port} ssl; ssl_certificate {self.pem(0)}; "
                          f"ssl_certificate_key {self.pem(0)}; "
                          f"proxy_pass 127.0.0.1:{self.backend_port}; }} }}\n")
        return [self.program, "-e", f"{at}/error", "-c", conf]


class Haproxy(Server):
    name, program, tcp_mode = "haproxy", "haproxy", True

    def command(self):
        files = self.write("list", "".join(self.pem(i) + "\n" for i in range(self.count)))
        conf = self.write("conf", "global\n  nbthread 1\n  maxconn 8192\n"
                          "  ssl-default-bind-options ssl-min-ver TLSv1.2\n"
                          "defaults\n  mode tcp\n  timeout client 5m\n  timeout server 5m\n"
                          "  timeout connect 5s\n"
                          f"frontend f\n  bind 127.0.0.1:{self.port} ssl crt-list {files}\n"
                          f"  default_backend b\nbackend b\n  server s 127.0.0.1:{self.backend_port}\n")
        return [self.program, "-db", "-f", conf]


class Hitch(Server):
    name, program, tcp_mode = "hitch", "hitch", True

    def command(self):
        conf = self.write("conf", f'frontend = "[127.0.0.1]:{self.port}"\n'
                          f'backend = "[127.0.0.1]:{self.backend_port}"\n'
                          'workers = 1\ndaemon = off\nuser = "root"\n'
                          'ciphers = "ECDHE+AESGCM"\ntls-protos = TLSv1.2 TLSv1.3\n' +
                          "".join(f'pem-file = "{self.pem(i)}"\n' for i in range(self.count)))
        return [self.program, f"--config={conf}"]


class Caddy(Server):
    name = program = "caddy"

    def environment(self):
        at = self.directory
        return dict(os.environ, GOMAXPROCS="1", HOME=at, XDG_DATA_HOME=at, XDG_CONFIG_HOME=at)

    def command(self):
        app = {"tls": {"certificates": {"load_folders": [self.certs]}, "cache": {"capacity": 2000000}},
               "http": {"servers": {"s": {
                   "listen": [f"127.0.0.1:{self.port}"], "automatic_https": {"disable": True},
                   "tls_connection_policies": [{}],
                   "routes": [{"handle": [{"handler": "static_response", "status_code": 204}]}]}}}}
        conf = self.write("conf.json", json.dumps(
            {"admin": {"disabled": True}, "apps": app,
             "logging": {"logs": {"default": {"level": "PANIC"}}}}))
        return [self.program, "run", "--config", conf]


def make_certs(directory, count):
    """PEM files, leaf, chain and key, as every peer reads them; the same ones certd imports."""
    os.makedirs(directory)
    maker = subprocess.Popen([os.path.join(TOOLS, "gencerts"), str(count),
                              os.path.join(directory, "ca.pem")], stdout=subprocess.PIPE, text=True)
    for line in maker.stdout:
        one = json.loads(line)
        with open(os.path.join(directory, one["name"] + ".pem"), "w") as out:
            out.write(one["chain_pem"] + one["key_pem"])
    if maker.wait():
        raise SystemExit("gencerts failed")

#!/usr/bin/env python3
"""Which clients of DNS over TLS and DNS over HTTPS get on with cadence-dns? Prints CLIENTS.md's table.

    cargo build && tests/bench/clients.py

As root on Linux, with Debian 12's knot-dnsutils bind9-dnsutils curl dnsperf nghttp2-client dnsdist unbound knot-resolver
chromium openssl iproute2; what is missing is said in its row. All of it happens in namespaces and a folder of its own.
Every client trusts our authority and checks the name in the certificate, where it can be told to.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
import peers
from peers import FIRST_PORT, INSIDE, LOOPBACK, PEERS, Kind, Server, run_in_a_namespace
from peers_dns import query
from peers_load import write_mix, write_zones
from peers_tls import certify

PORT, DOT, DOH = FIRST_PORT, FIRST_PORT + 100, FIRST_PORT + 200
FORWARDER = 5399
WWW, ADDRESS = "www.cadence.example.com", "192.0.2.1"
URL = f"https://localhost:{DOH}/dns-query"
peers.SERVERS = {"cadence-dns": Kind("$binary run --config $folder/config", ("cadence-dns.toml", "streams.toml"))}
MANY = 2000


class Page(BaseHTTPRequestHandler):
    """What a browser finds at the address that it was told."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>found by name</p>")

    def log_message(self, *_):
        pass


class Client:
    """Runs clients, and says of each what came of it."""

    def __init__(self, folder, binary):
        self.folder, self.ca = folder, folder / "ca.pem"
        self.binary = binary

    def run(self, command, seconds=20):
        words = Template(command).substitute(ca=self.ca, dot=DOT, doh=DOH, url=URL, www=WWW, folder=self.folder).split()
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, env=self.env()).stdout

    def env(self):
        return os.environ | {"HOME": str(self.folder)}

    def asks(self, command):
        """A client that asks once, and shows the address."""
        told = self.run(command)
        return ("yes", "") if ADDRESS in told or "found by name" in told else ("no", told[-200:])

    def asks_much(self, command):
        """dnsperf, which counts what it gets."""
        told = self.run(f"{command} -s {LOOPBACK} -e -d $folder/mixed.queries -l 2 -t 2", 30)
        done, lost = (int(re.search(rf"Queries {word}: +(\d+)", told)[1]) for word in ("completed", "lost"))
        rate = float(re.search(r"Queries per second: +([\d.]+)", told)[1])
        return ("yes" if done and not lost else "no"), f"{rate:,.0f} a second, {lost} lost"

    def loads(self, more):
        told = self.run(f"h2load -t 1 -c 4 -m 20 -n {MANY} {more}", 30)
        done = int(re.search(r"(\d+) succeeded", told)[1])
        return ("yes" if done == MANY else "no"), f"{done} of {MANY}"

    def forwards(self, command, config):
        """A resolver or proxy in front of us, asked over UDP."""
        path = self.folder / "forwarder.conf"
        path.write_text(Template(config).substitute(ca=self.ca, dot=DOT, doh=DOH, port=FORWARDER, folder=self.folder))
        words = Template(command).substitute(config=path, folder=self.folder).split()
        log = open(self.folder / "forwarder.log", "w")
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self.env())
        try:
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and server.poll() is None:
                if ADDRESS in self.run(f"dig @{LOOPBACK} -p {FORWARDER} +short +tries=1 +time=1 $www A"):
                    told = self.run(f"dnsperf -s {LOOPBACK} -p {FORWARDER} -d $folder/mixed.queries -n 1 -q 20 -t 5", 60)
                    lost = re.search(r"Queries lost: +(\d+)", told)[1]
                    fine = int(re.search(r"(?:NOERROR) (\d+)", told)[1])
                    return ("yes" if lost == "0" else "no"), f"{fine} answers with NOERROR of 8192, {lost} lost"
                time.sleep(0.2)
            return "no", (self.folder / "forwarder.log").read_text()[-200:]
        finally:
            server.kill()
            server.wait()

    def browses(self):
        """Chromium with secure DNS and no other; policies are files of the system, so ours lie over them."""
        der = subprocess.run(["openssl", "x509", "-in", self.ca, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
        policies = Path("/etc/chromium/policies/managed")
        policies.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", policies], check=True)
        (policies / "secure_dns.json").write_text(json.dumps({
            "DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": f"https://{LOOPBACK}:{DOH}/dns-query",
            "CACertificates": [base64.b64encode(der).decode()]}))
        return self.asks("chromium --headless=new --no-sandbox --disable-gpu --user-data-dir=$folder/chromium "
                         "--virtual-time-budget=8000 --dump-dom http://$www/")


DNSDIST = """setLocal("127.0.0.1:$port")
setACL("127.0.0.0/8")
newServer({address="127.0.0.1:%s", tls="%s", subjectName="localhost", caStore="$ca", validateCertificates=true%s,
    checkName="www.cadence.example.com.", checkType="A", mustResolve=true})
"""
UNBOUND = """server:
    interface: 127.0.0.1@$port
    username: ""
    chroot: ""
    directory: "$folder"
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    module-config: "iterator"
    tls-cert-bundle: "$ca"
forward-zone:
    name: "cadence.example.com."
    forward-tls-upstream: yes
    forward-addr: 127.0.0.1@$dot#localhost
"""
KRESD = """net.listen('127.0.0.1', $port)
cache.size = 10 * MB
trust_anchors.remove('.')
policy.add(policy.suffix(policy.TLS_FORWARD({{'127.0.0.1@$dot', hostname='localhost', ca_file='$ca'}}),
    {todname('cadence.example.com')}))
"""

# A row: who, over what, the command whose presence decides, and how it is tried.
ROWS = [
    ("kdig", "DoT", "kdig", lambda c: c.asks(f"kdig @{LOOPBACK} -p $dot +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("kdig", "DoH, POST", "kdig", lambda c: c.asks(f"kdig @{LOOPBACK} -p $doh +https=/dns-query +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("kdig", "DoH, GET", "kdig", lambda c: c.asks(f"kdig @{LOOPBACK} -p $doh +https=/dns-query +https-get +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("dig", "DoT", "dig", lambda c: c.asks(f"dig @{LOOPBACK} -p $dot +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("dig", "DoH, POST", "dig", lambda c: c.asks(f"dig @{LOOPBACK} -p $doh +https=/dns-query +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("dig", "DoH, GET", "dig", lambda c: c.asks(f"dig @{LOOPBACK} -p $doh +https-get=/dns-query +tls-ca=$ca +tls-hostname=localhost $www A")),
    ("curl --doh-url", "DoH", "curl", lambda c: c.asks("curl -s --noproxy * --cacert $ca --doh-url $url http://$www/")),
    ("dnsperf, 400 in flight", "DoT", "dnsperf", lambda c: c.asks_much("dnsperf -m dot -c 20 -q 400 -p $dot")),
    ("dnsperf, 1 in flight", "DoH", "dnsperf", lambda c: c.asks_much("dnsperf -m doh -c 1 -q 1 -O doh-uri=$url -p $doh")),
    ("dnsperf, 20 in flight", "DoH, GET", "dnsperf", lambda c: c.asks_much("dnsperf -m doh -c 1 -q 20 -O doh-uri=$url -p $doh")),
    ("dnsperf, 20 in flight", "DoH, POST", "dnsperf", lambda c: c.asks_much("dnsperf -m doh -c 1 -q 20 -O doh-uri=$url -O doh-method=POST -p $doh")),
    ("h2load, 20 in flight", "DoH, GET", "h2load", lambda c: c.loads(f"{URL}?dns={question()}")),
    ("h2load, 20 in flight", "DoH, POST", "h2load", lambda c: c.loads(f"-H content-type:application/dns-message -d $folder/message {URL}")),
    ("dnsdist, OpenSSL", "DoT", "dnsdist", lambda c: c.forwards("dnsdist --supervised -C $config", DNSDIST % ("$dot", "openssl", ""))),
    ("dnsdist, GnuTLS", "DoT", "dnsdist", lambda c: c.forwards("dnsdist --supervised -C $config", DNSDIST % ("$dot", "gnutls", ""))),
    ("dnsdist", "DoH", "dnsdist", lambda c: c.forwards("dnsdist --supervised -C $config", DNSDIST % ("$doh", "openssl", ', dohPath="/dns-query"'))),
    ("unbound", "DoT", "unbound", lambda c: c.forwards("unbound -d -c $config", UNBOUND)),
    ("knot-resolver", "DoT", "kresd", lambda c: c.forwards("kresd -n -c $config $folder", KRESD)),
    ("Chromium, secure DNS", "DoH", "chromium", lambda c: c.browses()),
]
VERSIONS = {"kdig": "--version", "dig": "-v", "curl": "--version", "dnsperf": "-h", "h2load": "--version", "dnsdist": "--version",
            "unbound": "-V", "kresd": "--version", "chromium": "--version"}


def message():
    return b"\0\0" + query(WWW, "A")[2:]


def question():
    return base64.urlsafe_b64encode(message()).rstrip(b"=").decode()


def version(command):
    told = subprocess.run([command, VERSIONS[command]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    found = re.search(r"\d+\.\d+(\.\d+)*", told)
    return found[0] if found else "?"


def try_all(folder, options):
    for command in ("link set lo up", f"address add {ADDRESS}/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    threading.Thread(target=ThreadingHTTPServer((ADDRESS, 80), Page).serve_forever, daemon=True).start()
    certify(folder)
    write_zones(PEERS / "zone", folder, 0)
    write_mix(folder, "mixed", 0)
    (folder / "message").write_bytes(message())
    Server("cadence-dns", PORT, options, folder)
    client = Client(folder, options.binary)
    print("| client | version | transport | works | |\n|---|---|---|---|---|")
    for name, transport, command, attempt in ROWS:
        if shutil.which(command):
            try:
                works, note = attempt(client)
            except (subprocess.TimeoutExpired, TypeError, IndexError) as error:
                works, note = "no", str(error)[-200:]
            note = " ".join(note.split())
            print(f"| {name} | {version(command)} | {transport} | {works} | {note} |", flush=True)
        else:
            print(f"| {name} | | {transport} | not installed | |", flush=True)


class Options:
    """What peers.py wants to know of a server."""

    binary = Path(sys.argv[1] if len(sys.argv) > 1 else peers.ROOT / "target/debug/cadence-dns").resolve()
    names, cores, workers, ipv6 = 0, ["0", "1"], 1, False


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if INSIDE in os.environ:
        return try_all(Path(os.environ[INSIDE]), Options)
    if os.geteuid() != 0 or not os.access(Options.binary, os.X_OK):
        sys.exit(f"run this as root, after `cargo build`: it wants namespaces and {Options.binary}")
    sys.exit(run_in_a_namespace())


if __name__ == "__main__":
    main()

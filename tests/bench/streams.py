#!/usr/bin/env python3
"""TCP, DNS over TLS and DNS over HTTPS of cadence-dns beside Knot, NSD, BIND and gdnsd: what does an answer cost each?

    cargo build --profile dist && tests/bench/streams.py

As root on Linux, with the servers of Debian 12: apt-get install gdnsd knot nsd bind9 dnsperf nghttp2-client openssl iproute2
(Debian also starts them; stop those). As in peers.py all of it happens in a namespace and a folder of its own; every server
has one worker on a core of its own, the load comes from another core, and servers take turns, sample by sample.

Established connections are 20 with 400 queries in flight in all (dnsperf; DoH: h2load, 20 connections with 20 requests
each). On a fresh connection one query is asked, over TLS with a whole handshake (a P-256 certificate). A server that
lacks a transport is left out of its table: Knot before 3.3 has no TLS, gdnsd none, NSD no HTTPS.

CPU is the run time of all threads of the server from the kernel's scheduler, for each answer. Compare rows of one table.
"""

import argparse
import base64
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
import peers
from peers import FIRST_PORT, INSIDE, LOOPBACK, PEERS, Kind, Server, run_in_a_namespace
from peers_dns import query
from peers_load import write_mix, write_zones
from peers_tls import certify

OURS = Kind("$binary run --config $folder/config", ("cadence-dns.toml", "streams.toml"))
peers.SERVERS = {
    "cadence-dns": OURS,
    "gdnsd": peers.SERVERS["gdnsd"],
    "knot": peers.SERVERS["knot"],
    "nsd": Kind("nsd -d -c $folder/config", ("nsd-tls.conf",)),
    "bind": Kind("named -f -n 1 -c $folder/config", ("named.conf",)),
}
NEEDS = peers.NEEDS | {"named": "bind9", "h2load": "nghttp2-client", "openssl": "openssl"}
EVERY = tuple(peers.SERVERS)
ENCRYPTED = ("cadence-dns", "nsd", "bind")
DNSPERF = ["-T", "1", "-c", "20", "-q", "400", "-t", "2"]
ONE_EACH = ["-O", "num-queries-per-conn=1"]
# What is measured: the servers that have it, and the arguments of dnsperf; none for h2load.
TESTS = {
    "TCP, established": (EVERY, ["-m", "tcp", *DNSPERF]),
    "TCP, a connection for each query": (EVERY, ["-m", "tcp", *DNSPERF, *ONE_EACH]),
    "DoT, established": (ENCRYPTED, ["-m", "dot", *DNSPERF]),
    "DoT, a connection for each query": (ENCRYPTED, ["-m", "dot", *DNSPERF, *ONE_EACH]),
    "DoH, established": (("cadence-dns", "bind"), None),
}


def write_requests(folder, port):
    """The queries of the mix as GET requests (RFC 8484)."""
    path = folder / f"requests-{port}"
    with open(path, "w") as file:
        for line in (folder / "mixed.queries").read_text().splitlines():
            message = b"\0\0" + query(*line.split())[2:]
            word = base64.urlsafe_b64encode(message).rstrip(b"=").decode()
            file.write(f"https://{LOOPBACK}:{port}/dns-query?dns={word}\n")
    return path


def with_dnsperf(server, arguments, options):
    """How many answers came, how many did not, and in how many seconds."""
    address, port = server.place
    port += 100 if "dot" in arguments else 0
    told = run_load(options, ["dnsperf", "-s", address, "-p", str(port), "-d", options.queries, "-e", *arguments,
                              "-l", str(options.secs)])
    good = sum(int(count) for count in re.findall(r"(?:NOERROR|NXDOMAIN) (\d+)", told))
    return good, int(re.search(r"Queries lost: +(\d+)", told)[1]), float(re.search(r"Run time \(s\): +([\d.]+)", told)[1])


def with_h2load(server, options):
    told = run_load(options, ["h2load", "-t", "1", "-c", "20", "-m", "20", "-D", str(options.secs), "--warm-up-time", "0",
                              "-i", write_requests(options.folder, server.place[1] + 200)])
    done = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", told)
    return int(done[1]), int(done[2]), options.secs


def run_load(options, command):
    return subprocess.run(["taskset", "-c", options.cores[1], *command], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout


def sample(server, arguments, options):
    before = server.used()
    good, lost, seconds = with_dnsperf(server, arguments, options) if arguments else with_h2load(server, options)
    run = sum(now[0] - before.get(task, (0, 0))[0] for task, now in server.used().items())
    if not good:
        sys.exit(f"{server.name} answered nothing; its log:\n{(server.folder / 'log').read_text()[-2000:]}")
    return {"cpu": run / good * 1e6, "rate": good / seconds, "use": run / seconds, "lost": lost, "good": good}


def print_table(test, servers, samples):
    heads = ["server", "CPU µs per answer, median", "best", "answers a second, median", "core use", "failed", "RSS MiB"]
    print(f"### {test}\n\n| {' | '.join(heads)} |\n|---|{'---:|' * (len(heads) - 1)}")
    for server in servers:
        column = {key: [one[key] for one in samples[server.name]] for key in samples[server.name][0]}
        print(f"| {server.name} | {statistics.median(column['cpu']):.2f} | {min(column['cpu']):.2f} "
              f"| {statistics.median(column['rate']):.0f} | {statistics.median(column['use']):.2f} "
              f"| {sum(column['lost'])} of {sum(column['good'])} | {server.memory():.1f} |")
    print(flush=True)


def measure(options, folder):
    """All of it, in the namespace."""
    for command in ("ip link set lo up", "sysctl -qw net.ipv4.tcp_tw_reuse=1", "sysctl -qw net.ipv4.ip_local_port_range=10000\t65000"):
        subprocess.run(command.split(" ", 3) if command.startswith("sysctl") else command.split(), check=True)
    certify(folder)
    write_zones(PEERS / "zone", folder, 0)
    options.folder, options.queries = folder, write_mix(folder, "mixed", 0)
    servers = {name: Server(name, FIRST_PORT + at, options, folder) for at, name in enumerate(options.servers)}
    for test, (having, arguments) in TESTS.items():
        there = [servers[name] for name in having if name in servers]
        if there and re.search(options.tests, test):
            samples = defaultdict(list)
            for number in range(options.rounds):
                first = number % len(there)
                for server in there[first:] + there[:first]:
                    samples[server.name].append(sample(server, arguments, options))
            print_table(test, there, samples)


def read_options():
    words = re.compile(",").split
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--servers", type=words, default=list(EVERY), metavar="A,B", help=f"of {', '.join(EVERY)}; all by default")
    add("--binary", type=Path, default=peers.ROOT / "target/dist/cadence-dns", help="of cadence-dns; default: %(default)s")
    add("--rounds", type=int, default=6, help="samples of each server and test; default: %(default)s")
    add("--secs", type=int, default=2, help="length of a sample; default: %(default)s")
    add("--tests", default="", metavar="REGEX", help=f"of {'; '.join(TESTS)}")
    add("--cores", type=words, default=["0", "1"], metavar="SERVER,LOAD", help="default: 0,1")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    options.names, options.workers, options.ipv6 = 0, 1, False
    if unknown := set(options.servers) - set(EVERY):
        parser.error(f"--servers: {', '.join(unknown)} is not among {', '.join(EVERY)}")
    return options


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = read_options()
    if INSIDE in os.environ:
        return measure(options, Path(os.environ[INSIDE]))
    if missing := sorted({package for command, package in NEEDS.items() if not shutil.which(command)}):
        sys.exit(f"missing: {' '.join(missing)}. On Debian: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        sys.exit("this pins servers and makes a network namespace: run it as root")
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"there is no {options.binary}: run `cargo build --profile dist`, or say --binary")
    sys.exit(run_in_a_namespace())


if __name__ == "__main__":
    main()

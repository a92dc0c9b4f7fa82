#!/usr/bin/env python3
"""cadence-dns beside gdnsd, Knot and NSD on this machine: what does a query cost each?

    cargo build --profile dist && tests/bench/peers.py

As root on Linux, with the servers of Debian 12: apt-get install gdnsd knot nsd dnsperf iproute2 (Debian also starts
them; stop those). All of it happens in a network namespace and a temporary folder, which are gone afterwards. Every
server has one worker and is pinned to one core; dnsperf keeps 64 queries in flight from another. They take turns,
sample by sample, so that a busy neighbour bothers all of them.

CPU is the run time of all threads of the server's processes, from the kernel's scheduler, for each query answered:
what other programs take of the core is not in it. User time is sampled by the kernel's ticks, good to about 0.1 µs
after 8 rounds. Where the core use is far below 1, dnsperf was the slower one, and the server paid for being woken
more often: give dnsperf more cores. Loopback charges the delivery of a reply to its sender, the same for all. Compare
rows of one table, never of two runs: on a machine that does other things as well, 5 % is nothing (--rt helps).

Answers that differ are shown first. Two do by nature: gdnsd tells an alias without its target, and the SOA with the TTL
of what does not exist.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from string import Template
from typing import NamedTuple

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
from peers_dns import ask
from peers_load import MIXES, ORIGIN, write_mix, write_zones

ROOT = Path(__file__).resolve().parents[2]
# The zone and the configurations of the servers.
PEERS = Path(__file__).resolve().parent / "peers"
LOOPBACK = "127.0.0.1"
# An address of the same interface that our rate limit does not exempt; of the networks for benchmarks (RFC 2544).
STRANGER = "198.18.0.1"
HEALTH_PORT, FIRST_PORT = 5300, 5301
START_SECONDS = 120
NEEDS = {"gdnsd": "gdnsd", "knotd": "knot", "nsd": "nsd", "dnsperf": "dnsperf", "ip": "iproute2",
         "unshare": "util-linux", "chrt": "util-linux", "taskset": "util-linux"}
# In the environment of the half that runs in the namespace: the temporary folder.
INSIDE = "CADENCE_PEERS_FOLDER"


class Kind(NamedTuple):
    """How a server is started, from which files of `peers/`, and where it listens."""

    command: str
    files: tuple
    address: str = LOOPBACK


OURS = "$binary run --config $folder/config"
SERVERS = {
    "gdnsd": Kind("gdnsd -c $folder start", ("gdnsd.config",)),
    "knot": Kind("knotd -c $folder/config", ("knot.conf",)),
    "nsd": Kind("nsd -d -c $folder/config", ("nsd.conf",)),
    "cadence-dns": Kind(OURS, ("cadence-dns.toml",)),
    "cadence-dns-steered": Kind(OURS, ("cadence-dns.toml", "steered.toml")),
}
LIMITED = {
    "uncounted": Kind(OURS, ("cadence-dns.toml", "uncounted.toml"), STRANGER),
    "counted": Kind(OURS, ("cadence-dns.toml", "counted.toml"), STRANGER),
}

# ----------------------------------------------------------------------------------------------------- the servers


class Server:
    """A name server on a core of its own; it ends with the namespace."""

    def __init__(self, name, port, options, folder):
        command, files, address = (SERVERS | LIMITED)[name]
        address = "::1" if options.ipv6 else address
        self.name, self.place, self.folder = name, (address, port), folder / name
        for each in ("run", "state", "zones"):
            (self.folder / each).mkdir(parents=True)
        zone = self.folder / "zones" / ORIGIN
        os.link(folder / ("steered" if "steered.toml" in files else "zone"), zone)
        words = {"address": address, "port": port, "host": f"[{address}]" if options.ipv6 else address,
                 "workers": options.workers, "folder": self.folder, "zone": zone, "health": HEALTH_PORT,
                 "binary": options.binary, "tls_port": port + 100, "https_port": port + 200,
                 "certificate": folder / "chain.pem", "key": folder / "key.pem"}
        config = Template("".join((PEERS / file).read_text() for file in files))
        (self.folder / "config").write_text(config.substitute(words))
        self.start([Template(word).substitute(words) for word in command.split()], options.cores[0])
        last = f"h{options.names - 1}" if options.names else "ns1"
        self.start_seconds = self.first_answer(f"{last}.{ORIGIN}")

    def start(self, command, core):
        with open(self.folder / "log", "w") as log:
            self.began = time.monotonic()
            self.process = subprocess.Popen(["taskset", "-c", core, *command], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def first_answer(self, name):
        """Asks until it is answered; seconds since the start."""
        with self.client(timeout=0.005) as client:
            while time.monotonic() - self.began < START_SECONDS and self.process.poll() is None:
                if ask(client, name, "A")[0] == "NOERROR":
                    return time.monotonic() - self.began
                time.sleep(0.001)
        sys.exit(f"{self.name} does not answer; its log:\n{(self.folder / 'log').read_text()[-2000:]}")

    def client(self, timeout):
        client = socket.socket(socket.AF_INET6 if ":" in self.place[0] else socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(timeout)
        client.connect(self.place)
        return client

    def processes(self):
        """Its first process and all below it."""
        children = defaultdict(list)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                children[int(fields(stat)[1])].append(int(stat.parent.name))
        found = [self.process.pid]
        for pid in found:
            found += children[pid]
        return found

    def threads(self):
        return [task for pid in self.processes() for task in Path(f"/proc/{pid}/task").iterdir()]

    def used(self):
        """Seconds of CPU of each thread so far: run time, and the user's part as sampled."""
        used = {}
        for task in self.threads():
            with contextlib.suppress(OSError):
                run, user = (task / "schedstat").read_text().split()[0], fields(task / "stat")[11]
                used[task] = int(run) / 1e9, int(user) / os.sysconf("SC_CLK_TCK")
        return used

    def memory(self):
        """MiB resident: all of its biggest process, and of the others what they have to themselves."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes()]
        rss, private = ([sum(map(int, re.findall(rf"^{key}\w*: +(\d+)", text, re.M))) / 1024 for text in rollups]
                        for key in ("Rss", "Private_"))
        return max(size + sum(private) - own for size, own in zip(rss, private))

    def put_first(self):
        """Gives all threads real-time priority."""
        for task in self.threads():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(1))


def fields(stat):
    """Of /proc/…/stat, what follows the name: state, parent and so on."""
    return stat.read_text().rpartition(")")[2].split()


# -------------------------------------------------------------------------------- do they give the same answers?

QUESTIONS = ["www A", "WwW A", "www TXT", "api AAAA", "ns1 A", "x.wild A", "x.y.wild A", "nobody A", "alias A",
             "_sip._udp SRV", "@ A", "@ SOA", "@ NS", "@ MX", "@ TXT"]


def compare_answers(servers):
    """Prints every question that is not answered alike."""
    differ = 0
    for question in QUESTIONS:
        label, rtype = question.split()
        groups = defaultdict(list)
        for server in servers:
            with server.client(timeout=1) as client:
                groups[ask(client, ORIGIN if label == "@" else f"{label}.{ORIGIN}", rtype)].append(server.name)
        if len(groups) > 1:
            differ += 1
            print(f"{question} is answered differently:")
            for (code, answers), names in groups.items():
                print(f"    {', '.join(names)}: {'; '.join([code, *sorted(answers)])}")
    print(f"{len(QUESTIONS) - differ} of {len(QUESTIONS)} questions are answered alike by all.\n", flush=True)


# ------------------------------------------------------------------------------------------------- the measurement


def sample(server, queries, options):
    """One turn of a server: what dnsperf counted, and what that cost. None when dnsperf got no time to send."""
    (address, port), cores = server.place, options.cores[1:]
    if options.rt:
        server.put_first()
    real_time = ["chrt", "-f", "1"] if options.rt else []
    before = server.used()
    told = subprocess.run(
        ["taskset", "-c", ",".join(cores), *real_time, "dnsperf", "-s", address, "-p", str(port), "-d", queries,
         "-e", "-T", str(max(len(cores), options.workers)), "-c", str(4 * options.workers),
         "-q", str(64 * options.workers), "-l", str(options.secs), "-t", "1"],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    run, user = (sum(now[i] - before.get(task, (0, 0))[i] for task, now in server.used().items()) for i in (0, 1))
    sent = int(re.search(r"Queries sent: +(\d+)", told)[1])
    if not sent:
        return None
    good = sum(int(count) for count in re.findall(r"(?:NOERROR|NXDOMAIN) (\d+)", told))
    if not good:
        sys.exit(f"{server.name} answered nothing:\n{told}")
    return {
        "cpu": run / good * 1e6, "user": user, "good": good, "lost": sent - good,
        "use": run / float(re.search(r"Run time \(s\): +([\d.]+)", told)[1]),
        "octets": re.search(r"response (\d+)", told)[1],
    }


def rounds(servers, queries, options):
    """The samples of each server; who begins changes from round to round."""
    samples = defaultdict(list)
    for number in range(options.rounds):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            while not (taken := sample(server, queries, options)):
                print(f"{server.name}: dnsperf got no time to send, once more", file=sys.stderr)
            samples[server.name].append(taken)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return samples


def ratios(samples, name, reference):
    """What a query costs a server, in queries of another: median of the rounds, and best to best."""
    own, other = ([one["cpu"] for one in samples[each]] for each in (name, reference))
    return statistics.median(a / b for a, b in zip(own, other)), min(own) / min(other)


def print_table(mix, servers, samples):
    """What the rounds say, as Markdown."""
    reference = "gdnsd" if "gdnsd" in samples else servers[0].name
    heads = ["server", "CPU µs per query, median", "best", f"to {reference}, median of rounds", "best to best",
             "user µs, sampled", "core use", "lost or failed", "reply octets", "RSS MiB", "start s"]
    print(f"### {mix}\n\n| {' | '.join(heads)} |\n|---|{'---:|' * (len(heads) - 1)}")
    for server in servers:
        column = {key: [one[key] for one in samples[server.name]] for key in samples[server.name][0]}
        median, best = ratios(samples, server.name, reference)
        good = sum(column["good"])
        print(f"| {server.name} | {statistics.median(column['cpu']):.2f} | {min(column['cpu']):.2f} | {median:.2f} "
              f"| {best:.2f} | {sum(column['user']) / good * 1e6:.2f} | {statistics.median(column['use']):.2f} "
              f"| {sum(column['lost'])} of {good} | {column['octets'][0]} | {server.memory():.1f} "
              f"| {server.start_seconds:.2f} |")
    if set(LIMITED) <= set(samples):
        median, best = ratios(samples, "counted", "uncounted")
        print(f"\ncounted to uncounted: {median:.3f} median of rounds, {best:.3f} best to best")
    print(flush=True)


def measure(options, folder):
    """All of it, in the namespace."""
    # The second IPv6 address lets dnsperf believe that there is IPv6 here.
    for command in ("link set lo up", f"address add {STRANGER}/32 dev lo", "address add 2001:db8::53/128 dev lo nodad"):
        subprocess.run(["ip", *command.split()], check=True)
    threading.Thread(target=be_healthy, args=[socket.create_server((LOOPBACK, HEALTH_PORT))], daemon=True).start()
    write_zones(PEERS / "zone", folder, options.names)
    servers = [Server(name, FIRST_PORT + at, options, folder) for at, name in enumerate(options.servers)]
    compare_answers(servers)
    for mix in options.mix:
        print_table(mix, servers, rounds(servers, write_mix(folder, mix, options.names), options))


def be_healthy(listener):
    """What the probe of the steered names connects to."""
    while True:
        listener.accept()[0].close()


# -------------------------------------------------------------------------------------------- options and namespace


def read_options():
    words = re.compile(",").split
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--servers", type=words, default=[*SERVERS], metavar="A,B", help=f"of {', '.join(SERVERS)}; all by default")
    add("--binary", type=Path, default=ROOT / "target/dist/cadence-dns", help="of cadence-dns; default: %(default)s")
    add("--rounds", type=int, default=8, help="samples of each server and mix; default: %(default)s")
    add("--secs", type=float, default=0.8, help="length of a sample; default: %(default)s")
    add("--mix", type=words, metavar="A,B", help="mixed (default): 70 %% A, 15 %% AAAA, 10 %% NXDOMAIN, 5 %% others; "
        "case: the same in random letter case; hosts: random ones of --names (default when these are given)")
    add("--names", type=int, default=0, help="so many hosts more in the zone, e.g. 1000000")
    add("--limited", action="store_true", help="two more cadence-dns, asked from an address that the rate limit does "
        "not exempt as it does the loopback: one without a limit (uncounted), one with a limit that is never reached "
        "(counted); compare these two only. All queries come from one network; --names makes them ask about many things")
    add("--workers", type=int, default=1, help="of each server; default: %(default)s. More need more cores, say --cores 0-1,2-3; "
        "where there are two cores, --cores 0-1,0-1 shows what a query costs, not how many are answered")
    add("--ipv6", action="store_true", help="over ::1")
    add("--cores", type=words, default=["0", "1"], metavar="SERVER,LOAD", help="real cores, not threads of one; "
        "the load may have up to four; default: 0,1")
    add("--rt", action="store_true", help="servers and load run before all other programs (real-time priority); keep "
        "--secs below 0.9, for the kernel keeps a part of each second for the others")
    options = parser.parse_args()
    options.mix = options.mix or ["hosts" if options.names else "mixed"]
    options.servers = list(dict.fromkeys([*options.servers, *(LIMITED if options.limited else ())]))
    options.binary = options.binary.resolve()
    for wrong, why in (
        (set(options.servers) - set(SERVERS | LIMITED), "--servers: no such server"),
        (set(options.mix) - set(MIXES), "--mix: no such mix"),
        ("hosts" in options.mix and options.names < 1, "--mix hosts needs --names"),
        (not 2 <= len(options.cores) <= 5, "--cores needs two to five"),
        (options.ipv6 and options.limited, "--limited goes without --ipv6"),
        (options.rounds < 1 or options.secs <= 0, "--rounds and --secs must be above 0"),
    ):
        if wrong:
            parser.error(why)
    return options


def complain(options):
    """Ends here when something is missing."""
    missing = sorted({package for command, package in NEEDS.items() if not shutil.which(command)})
    if missing:
        sys.exit(f"missing: {' '.join(missing)}. On Debian: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        sys.exit("this pins servers and makes a network namespace: run it as root")
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"there is no {options.binary}: run `cargo build --profile dist`, or say --binary")


def run_in_a_namespace():
    """Runs this script again in namespaces of network and processes that end with it, and with them all it started."""
    with tempfile.TemporaryDirectory(prefix="cadence-peers-") as folder:
        child = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv],
            env=os.environ | {INSIDE: folder}, start_new_session=True)
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = read_options()
    try:
        if INSIDE in os.environ:
            measure(options, Path(os.environ[INSIDE]))
        else:
            complain(options)
            sys.exit(run_in_a_namespace())
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

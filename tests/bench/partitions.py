#!/usr/bin/env python3
"""Several name servers of a kind, under the same deaths and the same cuts: do they agree, and are they right?

    cargo build --profile dist && tests/bench/partitions.py

As root on Linux, with Debian 12's gdnsd, pdns-server, pdns-backend-bind, etcd-server, iproute2 and nftables (Debian also
starts the name servers; stop those). Two gdnsd, two PowerDNS with a Lua record and three cadence-dns that share what they see
through three members of etcd, all at the same time in network namespaces: one of each kind stands where the others have
one, and is cut off together with them. All probe both regions every 2 s with a timeout of 1 s and need three failures;
what else they do is their own default. A client beside them asks every server every 50 ms, and no cut is ever between it
and a server.

apart: seconds in which two servers of a kind told different regions, and how often that began.
needless: times a server left the first region though that answered, seen from where clients are.
flip: from the death of the first region to the answer with the second, of every server and every death.
dead: seconds for which a server told a region that was dead while the other lived, all servers together, as a share of the
seconds of all deaths.
unanswered: queries without an answer with an address, of all.
"""

import argparse
import ctypes
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from string import Template

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
from peers_dns import ask

ROOT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).resolve().parent / "apart"
NAME = "cadence.example.com"
NEEDS = {"gdnsd": "gdnsd", "pdns_server": "pdns-server", "etcd": "etcd-server", "ip": "iproute2", "nft": "nftables",
         "unshare": "util-linux"}
INSIDE = "CADENCE_APART_FOLDER"
PLACES = {"a": 11, "b": 12, "anchor": 13, "e1": 21, "e2": 22, "e3": 23, "n1": 31, "n2": 32, "n3": 33, "client": 40}
NODES, ETCDS = ("n1", "n2", "n3"), ("e1", "e2", "e3")
ASKED_EVERY, SETTLES, LASTS = 0.05, 25, 45
START_SECONDS = 60


def address(place):
    return f"10.77.0.{PLACES[place]}"


# ------------------------------------------------------------------------------------------------------ the network


def run(*words, **more):
    subprocess.run([str(word) for word in words], check=True, **more)


def inside(place, *words):
    return ["ip", "netns", "exec", place, *map(str, words)]


def build_network():
    """Every place is a namespace of its own, on one bridge."""
    run("ip", "link", "add", "hub", "type", "bridge")
    run("ip", "link", "set", "hub", "up")
    for place in PLACES:
        run("ip", "netns", "add", place)
        run("ip", "link", "add", f"to-{place}", "type", "veth", "peer", "name", "eth0", "netns", place)
        run("ip", "link", "set", f"to-{place}", "master", "hub", "up")
        for words in (["addr", "add", f"{address(place)}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):
            run("ip", "-n", place, *words)
        rules = "table inet cut { chain heard { type filter hook input priority 0; }; }"
        run(*inside(place, "nft", rules))


def deafen(place, others):
    """Nothing of what the others send arrives at this place."""
    for other in others:
        run(*inside(place, "nft", f"add rule inet cut heard ip saddr {address(other)} drop"))


def cut(place, others):
    """Neither hears the other."""
    deafen(place, others)
    for other in others:
        deafen(other, [place])


def mend():
    for place in PLACES:
        run(*inside(place, "nft", "flush chain inet cut heard"))

# ------------------------------------------------------------------------------------------------------ the servers

REGION = """
import http.server, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((sys.argv[1], 80), Answers).serve_forever()
"""

# Which servers there are of each kind, and on which port.
KINDS = {"gdnsd": (("n1", "n2"), 5301), "PowerDNS Lua": (("n1", "n2"), 5302), "cadence-dns": (NODES, 5303)}


def start(place, words, log):
    with open(log, "w") as out:
        return subprocess.Popen(inside(place, *words), stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def start_etcd(folder):
    peers = ",".join(f"{name}=http://{address(name)}:2380" for name in ETCDS)
    for name in ETCDS:
        own = f"http://{address(name)}"
        start(name, ["etcd", "--name", name, "--data-dir", folder / name, "--pre-vote=true", "--initial-cluster", peers,
                     "--listen-peer-urls", f"{own}:2380", "--initial-advertise-peer-urls", f"{own}:2380",
                     "--listen-client-urls", f"{own}:2379", "--advertise-client-urls", f"{own}:2379"], folder / f"{name}.log")


def start_server(kind, place, options, folder):
    own = folder / f"{kind.split()[0]}-{place}"
    for each in ("run", "state", "zones"):
        (own / each).mkdir(parents=True)
    words = {"folder": own, "address": address(place), "port": KINDS[kind][1], "a": address("a"), "b": address("b"),
             "anchor": address("anchor"), "name": f"ns{place[1]}", "zone": NAME,
             "etcd": ", ".join(f'"http://{address(one)}:2379"' for one in ETCDS)}
    for file in (FILES / kind.split()[0]).iterdir():
        text = Template(file.read_text()).substitute(words)
        (own / ("zones/" + NAME if file.name == "zone" else file.name)).write_text(text)
    command = {"gdnsd": ["gdnsd", "-c", own, "start"], "PowerDNS Lua": ["pdns_server", f"--config-dir={own}"],
               "cadence-dns": [options.binary, "run", "--config", own / "config"]}[kind]
    return start(place, command, own / "log")


# ------------------------------------------------------------------------------------------------------ the clients


class Asked:
    """What one server told, and when that changed."""

    def __init__(self, kind, place):
        self.kind, self.place, self.told, self.unanswered, self.queries = kind, place, [], 0, 0
        self.stop = False
        self.thread = threading.Thread(target=self.ask_on, daemon=True)
        self.thread.start()

    def ask_on(self):
        enter("client")
        regions = {socket.inet_aton(address(region)).hex(): region for region in ("a", "b")}
        while not self.stop:
            began = time.monotonic()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(1)
                client.connect((address(self.place), KINDS[self.kind][1]))
                _, answers = ask(client, NAME, "A")
            told = next((regions.get(answer.split()[-1]) for answer in answers), None)
            self.queries += 1
            if told is None:
                self.unanswered += 1
            elif not self.told or self.told[-1][1] != told:
                self.told.append((time.monotonic(), told))
            time.sleep(max(0, ASKED_EVERY - (time.monotonic() - began)))

    def at(self, moment):
        before = [told for at, told in self.told if at <= moment]
        return before[-1] if before else None


def enter(place):
    """This thread, from here on, in the network of a place."""
    with open(f"/run/netns/{place}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {place}")


# ------------------------------------------------------------------------------------------------------- the events


def lose(place):
    """It hears nobody any more, so nobody hears of it."""
    deafen(place, [other for other in PLACES if other != place])


EVENTS = {
    "the first region dies": (lambda: lose("a"), True),
    "one way between n1 and the first region is cut": (lambda: cut("n1", ["a"]), False),
    "n2 does not hear the first region": (lambda: deafen("n2", ["a"]), False),
    "n1 is cut off from both regions and the anchor": (lambda: cut("n1", ["a", "b", "anchor"]), False),
    "n2 is cut off from etcd and the other servers": (lambda: cut("n2", [*ETCDS, "n1", "n3"]), False),
    "the same, and the first region dies": (lambda: (cut("n2", [*ETCDS, "n1", "n3"]), lose("a")), True),
    "n1 is cut off from etcd, the others and the first region":
        (lambda: cut("n1", [*ETCDS, "n2", "n3", "a"]), False),
    "etcd is gone": (lambda: [lose(one) for one in ETCDS], False),
    "a member of etcd is gone, and the first region dies":
        (lambda: (lose("e1"), lose("a")), True),
}


def play(rounds):
    """Everything that happens, one after the other: what, from when, until when, whether the first region was dead."""
    played = []
    for _ in range(rounds):
        for what, (do, dead) in EVENTS.items():
            began = time.monotonic()
            print(f"    {what}", file=sys.stderr, flush=True)
            do()
            time.sleep(LASTS)
            mend()
            played.append((what, began, time.monotonic(), dead))
            time.sleep(SETTLES)
    return played


# ------------------------------------------------------------------------------------------------------- the figures


def apart(servers, begin, end):
    """Seconds in which they told different regions, and how often that began."""
    moments = sorted({at for server in servers for at, _ in server.told if begin < at < end} | {begin, end})
    total, times, was = 0, 0, False
    for since, until in zip(moments, moments[1:]):
        different = len({server.at(since) for server in servers}) > 1
        total += (until - since) * different
        times += different and not was
        was = different
    return total, times


def figures(servers, played):
    begin, end = played[0][1], played[-1][2] + SETTLES
    deaths = [(began, ended) for _, began, ended, dead in played if dead]
    flips, stayed, needless = [], 0, 0
    for server in servers:
        for began, ended in deaths:
            moved = [at for at, told in server.told if began < at < ended and told == "b"]
            flips += [moved[0] - began] if moved and server.at(began) == "a" else []
            stayed += sum(until - since for since, until in zip([began, *moved[:1]], [*moved[:1], ended])
                          if server.at(since) == "a")
        is_dead = lambda at: any(began <= at <= ended + 3 for began, ended in deaths)
        needless += sum(told == "b" and not is_dead(at) for at, told in server.told if begin < at < end)
    seconds, times = apart(servers, begin, end)
    dead_share = stayed / (len(servers) * sum(ended - began for began, ended in deaths))
    return seconds, times, needless, flips, dead_share, len(deaths) * len(servers)


def report(asked, played):
    print("| | apart, s | times | needless | flip: median, s | longest | flips of | dead | unanswered |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for kind in KINDS:
        servers = [server for server in asked if server.kind == kind]
        seconds, times, needless, flips, dead, of = figures(servers, played)
        queries, lost = sum(s.queries for s in servers), sum(s.unanswered for s in servers)
        median, longest = (f"{statistics.median(flips):.2f}", f"{max(flips):.2f}") if flips else ("–", "–")
        print(f"| {len(servers)} × {kind} | {seconds:.1f} | {times} | {needless} | {median} | {longest} | {len(flips)} of {of} "
              f"| {dead:.0%} | {lost} of {queries} |")
    print("\nSeconds apart in each event, all rounds together:\n")
    print(f"| | {' | '.join(KINDS)} |\n|---|{'---:|' * len(KINDS)}")
    for what in EVENTS:
        spans = [(began, ended + SETTLES) for event, began, ended, _ in played if event == what]
        cells = [f"{sum(apart([s for s in asked if s.kind == kind], *span)[0] for span in spans):.1f}" for kind in KINDS]
        print(f"| {what} | {' | '.join(cells)} |")


def measure(options, folder):
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    build_network()
    for region in ("a", "b", "anchor"):
        start(region, [sys.executable, "-c", REGION, address(region)], folder / f"{region}.log")
    start_etcd(folder)
    for kind, (places, _) in KINDS.items():
        for place in places:
            start_server(kind, place, options, folder)
    asked = [Asked(kind, place) for kind, (places, _) in KINDS.items() for place in places]
    began = time.monotonic()
    while any(server.at(time.monotonic()) != "a" for server in asked):
        if time.monotonic() - began > START_SECONDS:
            silent = [f"{server.kind} on {server.place}" for server in asked if server.at(time.monotonic()) != "a"]
            sys.exit(f"not ready: {', '.join(silent)}; logs are in {folder}")
        time.sleep(0.1)
    time.sleep(SETTLES)
    for server in asked:
        server.queries = server.unanswered = 0
    report(asked, play(options.rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="how often all of it is played (10.5 minutes each)")
    parser.add_argument("--binary", default=str(ROOT / "target/dist/cadence-dns"), help="our program")
    options = parser.parse_args()
    missing = [package for command, package in NEEDS.items() if not shutil.which(command)]
    if missing or os.geteuid() != 0:
        sys.exit(f"as root, with {' '.join(missing or ['nothing missing'])}")
    if folder := os.environ.get(INSIDE):
        return measure(options, Path(folder))
    with tempfile.TemporaryDirectory(prefix="apart-") as folder:
        # The namespace of processes takes all of them along when it ends, that of networks the whole network.
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                   *sys.argv]
        sys.exit(subprocess.run(command, env={**os.environ, INSIDE: folder}).returncode)


if __name__ == "__main__":
    main()

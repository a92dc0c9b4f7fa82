"""As much of DNS messages as it takes to ask a question and to compare the answers of servers."""

import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
# Data with names, which may be compressed: octets before the first one, and how many names.
NAMES = {"NS": (0, 1), "CNAME": (0, 1), "SOA": (0, 2), "MX": (2, 1), "SRV": (6, 1)}


def ask(client, name, rtype):
    """The response code and the set of answers."""
    try:
        client.send(query(name, rtype))
        return read_reply(client.recv(4096))
    except OSError as error:
        return str(error), frozenset()


def query(name, rtype):
    """A question with EDNS, as resolvers put it."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", TYPES[rtype], 1)
    return struct.pack(">6H", 4711, 0, 1, 0, 0, 1) + question + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


def read_reply(message):
    """The response code and the answers as a set of lines, whatever their order and compression."""
    _, flags, questions, answers, _, _ = struct.unpack_from(">6H", message)
    at = 12
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    found = set()
    for _ in range(answers):
        owner, at = read_name(message, at)
        number, _, ttl, length = struct.unpack_from(">HHIH", message, at)
        rtype = next((name for name, value in TYPES.items() if value == number), f"TYPE{number}")
        at += 10 + length
        found.add(f"{owner} {ttl} {rtype} {read_data(message, rtype, at - length, at)}")
    return CODES.get(flags & 15, str(flags & 15)), frozenset(found)


def read_data(message, rtype, at, end):
    """The data of a record: names as such, all other octets as hexadecimal digits."""
    before, names = NAMES.get(rtype, (0, 0))
    words = [message[at : at + before].hex()]
    at += before
    for _ in range(names):
        name, at = read_name(message, at)
        words.append(name)
    return " ".join(filter(None, [*words, message[at:end].hex()]))


def read_name(message, at):
    """A name in lower case, and where it ends."""
    labels, end = [], None
    while length := message[at]:
        if length >= 0xC0:
            end = end or at + 2
            at = struct.unpack_from(">H", message, at)[0] & 0x3FFF
        else:
            labels.append(message[at + 1 : at + 1 + length].decode("latin-1").lower())
            at += 1 + length
    return ".".join(labels), end or at + 1

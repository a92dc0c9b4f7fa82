"""The zone that the peers serve, and what they are asked."""

import random

ORIGIN = "cadence.example.com"


def write_zones(source, folder, hosts):
    """The zone with h0, h1 and so on besides; without www and api for the server that steers them."""
    zone = source.read_text().splitlines(keepends=True)
    for name, left_out in (("zone", ()), ("steered", ("www ", "api "))):
        with open(folder / name, "w") as file:
            file.writelines(line for line in zone if not line.startswith(left_out))
            file.writelines(f"h{i} A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n" for i in range(hosts))


def mixed(luck, _hosts):
    """One line for dnsperf: 70 % A, 15 % AAAA, 10 % of no such name, 5 % others."""
    word = "".join(luck.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=8))
    kind = luck.random()
    if kind < 0.70:
        return luck.choice(["", *["www."] * 4, *["api."] * 3, "ns1.", f"{word}.wild."]) + f"{ORIGIN} A"
    if kind < 0.85:
        return luck.choice(["", "www.", "api."]) + f"{ORIGIN} AAAA"
    if kind < 0.95:
        return f"{word}.{ORIGIN} A"
    return luck.choice([f"{ORIGIN} SOA", f"{ORIGIN} NS", f"{ORIGIN} MX", f"{ORIGIN} TXT", f"www.{ORIGIN} TXT"])


def random_case(luck, hosts):
    """The same in the letter case of resolvers that guard against forgers; dnsperf has no such option."""
    name, rtype = mixed(luck, hosts).split()
    return "".join(luck.choice((c.lower(), c.upper())) for c in name) + " " + rtype


def random_hosts(luck, hosts):
    """One of many hosts, so that nearly every query reads memory that no cache holds."""
    return f"h{luck.randrange(hosts)}.{ORIGIN} A"


MIXES = {"mixed": (mixed, 8192), "case": (random_case, 8192), "hosts": (random_hosts, 200_000)}


def write_mix(folder, mix, hosts):
    """The file with the queries of a mix, the same ones in every run."""
    line, count = MIXES[mix]
    luck = random.Random(7)
    path = folder / f"{mix}.queries"
    path.write_text("".join(line(luck, hosts) + "\n" for _ in range(count)))
    return path

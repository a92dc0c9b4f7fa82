#!/usr/bin/env python3
"""What a scrape of /metrics costs: how long it takes, how large it is, and what it leaves in memory.

    cargo build --profile dist && tests/bench/scrapes.py target/dist/cadence-dns 1000

tests/bench/scrapes.py PROGRAM [NAMES]: one region in service of two, NAMES (1,000) steered names in one zone; two scrapes to get
warm, then a hundred, so far apart that a status is made for each. Time is from the request to the last octet, as the scraper
sees it; processor time and memory are the daemon's own. It needs no rights, and no network but the loopback.
"""

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
from changes import LISTEN, free_port, listen

SCRAPES = 100
# A status is shared for a tenth of a second.
APART_SECONDS = 0.11
WELL, STANDBY = "127.0.0.23", "127.0.0.24"


def write_files(folder, names, port, api, health):
    regions = "".join(f'[[region]]\nname = "{name}"\naddresses = ["{address}"]\n[[region.probe]]\ntcp = {health}\n'
                      for name, address in (("one", WELL), ("two", STANDBY)))
    steers = "".join(f'[[steer]]\nname = "n{i}.example.com"\nregions = ["one", "two"]\n' for i in range(names))
    (folder / "zone").write_text(f"@ 60 SOA ns1 hostmaster 1 1h 10m 1w 1m\n@ 60 NS ns1\nns1 60 A {LISTEN}\n")
    (folder / "config").write_text(
        f'[node]\nname = "scrapes"\nstate_dir = "{folder}/state"\n[dns]\nlisten = ["{LISTEN}:{port}"]\n'
        f'[control]\nsocket = "{folder}/control.sock"\n[api]\nlisten = ["{LISTEN}:{api}"]\n'
        f'[[zone]]\nname = "example.com"\nfile = "{folder}/zone"\n{regions}{steers}')
    (folder / "state").mkdir(mode=0o700)


def scrape(api):
    time.sleep(APART_SECONDS)
    began = time.perf_counter()
    page = urllib.request.urlopen(f"http://{LISTEN}:{api}/metrics", timeout=10).read()
    return time.perf_counter() - began, page


def used(pid):
    """Seconds of processor time of all threads, and MiB resident."""
    run = sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    status = Path(f"/proc/{pid}/status").read_text()
    return run, int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    names = int(sys.argv[2]) if len(sys.argv) == 3 else 1000
    port, api, health = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="cadence-scrapes-") as folder:
        folder = Path(folder)
        for address in (WELL, STANDBY):
            listen(address, health, answers=True)
        write_files(folder, names, port, api, health)
        with open(folder / "log", "w") as log:
            daemon = subprocess.Popen([sys.argv[1], "run", "--config", folder / "config"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    page = scrape(api)[1]
                    if b'cadence_dns_region_verdict{region="two",verdict="up"} 1' in page:
                        break
                except OSError:
                    pass
                if time.monotonic() > deadline or daemon.poll() is not None:
                    sys.exit((folder / "log").read_text()[-2000:])
                time.sleep(0.1)
            cold = used(daemon.pid)[1]
            scrape(api), scrape(api)
            run, warm = used(daemon.pid)
            taken = [scrape(api) for _ in range(SCRAPES)]
            run_after, after = used(daemon.pid)
            times, page = sorted(seconds for seconds, _ in taken), taken[-1][1]
        finally:
            daemon.kill()
            daemon.wait()
    print(f"{names} names: {len(page):,} octets in {page.count(b'# HELP')} families")
    print(f"a scrape takes {statistics.median(times) * 1e3:.1f} ms by the median, {times[-1] * 1e3:.1f} ms at most; "
          f"{(run_after - run) / SCRAPES * 1e3:.1f} ms of processor time with the status that it tells of")
    print(f"resident: {cold:.1f} MiB after the first, {warm:.1f} after three, {after:.1f} after {SCRAPES + 3}")


if __name__ == "__main__":
    main()

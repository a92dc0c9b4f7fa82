#!/usr/bin/env python3
"""A stand-in for one Cadence instance: exactly the part of it that a load balancer, a probe and a webhook sender see.

GET /health   200 {"status":"ok","time":"<RFC 3339>"}, whatever the databases do
POST /webhook 202

For tests, --fault FILE names a file that is looked at on every GET /health. While it is absent or empty, all is well.
It holds one JSON object:

    {"kind": "status", "status": 503}   that status, with Cadence's body
    {"kind": "body"}                    200, but "status" is not "ok"
    {"kind": "frozen"}                  200, but "time" stays at the file's own time
    {"kind": "slow", "seconds": 0.7}    the right answer, late

with three optional keys: "agent", so that only clients whose User-Agent starts so are hit (a load balancer's own checks
use the same path), "instance", so that of several instances that share the file only the one at this address is broken,
and "once", so that the fault is used up by the first request that it hits.
"""

import argparse
import datetime
import http.server
import json
import os
import socket
import sys
import time


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def rfc3339(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_fault(path, agent, instance):
    """The fault that hits a client, and the time since which it is there."""
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            fault = json.loads(file.read() or "null")
            since = os.fstat(file.fileno()).st_mtime
    except (FileNotFoundError, ValueError):
        return None
    if fault is None or not agent.startswith(fault.get("agent", "")):
        return None
    if fault.get("instance", instance) != instance:
        return None
    if fault.get("once") and not use_up(path):
        return None
    return fault | {"since": datetime.datetime.fromtimestamp(since, datetime.timezone.utc)}


def use_up(path):
    """Only one of several instances that share the file gets it."""
    try:
        os.unlink(path)
        return True
    except FileNotFoundError:
        return False


def health(fault):
    """Status and body of GET /health."""
    right = {"status": "ok", "time": rfc3339(now())}
    kind = fault["kind"] if fault else None
    if kind == "status":
        return fault["status"], right
    if kind == "body":
        return 200, right | {"status": "degraded"}
    if kind == "frozen":
        return 200, right | {"time": rfc3339(fault["since"])}
    if kind == "slow":
        time.sleep(fault["seconds"])
    return 200, {"status": "ok", "time": rfc3339(now())}


class Instance(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fault = None

    def do_GET(self):
        if self.path != "/health":
            return self.answer(404, {"error": "not found"})
        agent = self.headers.get("User-Agent", "")
        self.answer(*health(read_fault(self.fault, agent, self.server.server_name)))

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/webhook":
            return self.answer(404, {"error": "not found"})
        self.answer(202, {"status": "accepted"})

    def answer(self, status, body):
        payload = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        """Quiet: a line for each health check helps nobody."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def server_bind(self):
        # Without this, the standard library looks its own address up in the DNS.
        self.server_name, self.server_port = self.server_address
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def handle_error(self, request, client_address):
        """Quiet when the other side hangs up early, as health checks do."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    arguments = argparse.ArgumentParser(description="a stand-in for one Cadence instance")
    arguments.add_argument("--address", default="0.0.0.0")
    arguments.add_argument("--port", type=int, default=8000)
    arguments.add_argument("--fault", metavar="FILE")
    given = arguments.parse_args()
    Instance.fault = given.fault
    Server((given.address, given.port), Instance).serve_forever()


if __name__ == "__main__":
    main()

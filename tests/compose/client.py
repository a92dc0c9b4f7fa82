#!/usr/bin/env python3
"""A user: fetches a URL by name once a second, on a new connection each time, and prints which region answered."""

import http.client
import socket
import sys
import time
import urllib.parse

LIMIT_SECONDS = 3


def fetch(url):
    """The line to print for one request."""
    host, path = url.hostname, url.path or "/"
    address = socket.getaddrinfo(host, url.port or 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    connection = http.client.HTTPConnection(*address, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        region = response.headers.get("X-Region", "nobody we know")
        return f"{region:8}  {address[0]:12}  {response.status} {body}"
    finally:
        connection.close()


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    while True:
        began = time.monotonic()
        try:
            line = fetch(url)
        except OSError as error:
            line = f"{'nobody':8}  {error}"
        print(time.strftime("%H:%M:%S"), line, flush=True)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


if __name__ == "__main__":
    main()

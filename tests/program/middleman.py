#!/usr/bin/env python3
"""Stands between a daemon and its successor, and does what a test wants when one of them says something."""
import fcntl, json, os, select, signal, socket, subprocess, sys, time

PROGRAM, AT, DEED = "@PROGRAM@", "@AT@", "@DEED@"


def name(message):
    said = json.loads(message)
    return said if isinstance(said, str) else next(iter(said))


def is_there(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return ") Z " not in stat.read()
    except FileNotFoundError:
        return False


def do(offer, successor, ends, sockets):
    if DEED == "hang":
        successor.kill()
        successor.wait()
        lock = open(os.path.join(offer["state_dir"], "lock"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # the daemon has it still
        while True:
            time.sleep(1)
    if DEED == "crash":
        successor.kill()
        successor.wait()
        os.kill(os.getpid(), signal.SIGSEGV)
    if DEED == "kill the daemon":
        os.kill(offer["process"], signal.SIGKILL)
        while is_there(offer["process"]):  # and its sockets
            time.sleep(0.01)
        for number in sockets:
            os.close(number)
        for end in ends:  # last, for it is how the successor knows
            end.close()
        sys.exit(successor.wait())


def main():
    daemon = socket.socket(fileno=os.dup(0))
    with open("/dev/null") as nothing:
        os.dup2(nothing.fileno(), 0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    successor = subprocess.Popen([PROGRAM] + sys.argv[1:], stdin=theirs)
    theirs.close()
    offer = None
    while True:
        for end in select.select([daemon, ours], [], [])[0]:
            message, sockets, _, _ = socket.recv_fds(end, 1 << 18, 253)
            if not message:
                sys.exit(successor.wait() if end is ours else 1)
            said = name(message)
            if said == "Offer":
                offer = json.loads(message)["Offer"]
            if said == AT:
                do(offer, successor, [daemon, ours], sockets)
            socket.send_fds(ours if end is daemon else daemon, [message], sockets)
            for number in sockets:
                os.close(number)
            if said == "Serving":
                sys.exit(successor.wait())


main()

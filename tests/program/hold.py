#!/usr/bin/env python3
"""Holds one thread of a process, and no other, until stdin ends: hold.py THREAD."""
import ctypes, os, sys

SEIZE, INTERRUPT, ALL = 0x4206, 0x4207, 0x40000000
thread = int(sys.argv[1])
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in (SEIZE, INTERRUPT):
    if ptrace(request, thread, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, ALL)
print("held", flush=True)
sys.stdin.read()  # whoever ends lets go

"""Loopback ports for what the demonstration and the tests start."""

import itertools
import os
import socket

PORTS = range(20_000, 32_000)
"""Below those that Linux lends to outgoing connections (from 32,768 on): one could take a port before it is used."""

_walk = itertools.cycle(range(len(PORTS)))
_start = os.getpid() * 211  # processes side by side walk in places of their own


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment, and that this process was not given lately."""
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """The same for some ports in a row. Raises RuntimeError where the machine has none."""
    row: list[int] = []
    for step in itertools.islice(_walk, len(PORTS)):
        port = PORTS[(_start + step) % len(PORTS)]
        in_a_row = not row or port == row[-1] + 1
        row = ([*row, port] if in_a_row else [port]) if _is_free(port) else []
        if len(row) == count:
            return row
    raise RuntimeError(f"no {count} free ports in a row between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

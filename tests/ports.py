"""A port for a server that starts later: free now, and given to nobody meanwhile."""

from __future__ import annotations

import random
import socket

#: Below the ports that systems give to outgoing connections: one of those may take, before the
#: server starts, the port that ``bind`` to port 0 had found free.
PORTS = range(20_000, 32_000)

_DICE = random.SystemRandom()


def free_port() -> int:
    """Return a port of the loopback interface that no program uses."""
    while True:
        port = _DICE.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""Leases: of several nodes, one at a time does what only one may do.

A lease is a row with an epoch and a time, not the lock of a session, which a pooler would break and
a lost connection would free without the holder's notice. The holder renews it; if it does not, the
next node takes it and raises the epoch. A node that was paused may still believe that it holds the
lease. So a write that depends on it names the epoch in its own transaction (``Lease.fence``), and
fails if the epoch has risen.

The server's clock decides, so the clocks of the nodes do not matter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog
from eventsourcing.persistence import PersistenceError

from ledger.kernel.threads import Worker
from ledger.stores.database import Database

log = structlog.get_logger("ledger.leases")

#: How long a lease holds without being renewed, and how often it is renewed, in seconds.
HOLDS = 4.0
RENEWED = 1.0
#: The longest time of one renewal, in seconds; a node whose server is away keeps trying.
STEP_SECONDS = 60.0

_TAKE = """INSERT INTO {s}.leases AS l VALUES (%(name)s, 1, %(holder)s,
        clock_timestamp() + make_interval(secs => %(holds)s))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
        epoch = l.epoch + (l.holder <> excluded.holder)::int
    WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
    RETURNING epoch"""
_RENEW = """UPDATE {s}.leases SET until = clock_timestamp() + make_interval(secs => %(holds)s)
    WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s RETURNING epoch"""
_FREE = """UPDATE {s}.leases SET until = '-infinity'
    WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s"""
_HOLDER = "SELECT holder FROM {s}.leases WHERE name = %(name)s AND until >= clock_timestamp()"
_FENCE = """SELECT 1 FROM {s}.leases
    WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s FOR SHARE"""


class Lease:
    """The lease of a name, as one node holds it or tries to take it. Safe for threads.

    ``taken`` may be set: it is called when this node takes the lease over.
    """

    def __init__(
        self,
        database: Database,
        schema: str,
        name: str,
        holder: str,
    ) -> None:
        self.name = name
        self._database = database
        self._schema = schema
        self._values: dict[str, Any] = {"name": name, "holder": holder, "holds": HOLDS}
        self.taken: Callable[[], None] = lambda: None
        self._epoch: int | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self.worker = Worker(f"lease-{name}", self._run, limit=STEP_SECONDS)
        self._started = False

    @property
    def held(self) -> bool:
        """Whether this node held the lease when it last looked."""
        return self._epoch is not None

    def start(self) -> None:
        """Take the lease when it is free, and keep it, until ``stop``."""
        if not self._started:
            self._started = True
            self.try_once()
            self.worker.start()

    def stop(self) -> None:
        """Free the lease, so that another node takes it at once. Idempotent."""
        if not self._started:
            return
        self._started = False
        self.worker.ending()
        self._stopping.set()
        self.worker.join()
        with self._turn:
            epoch, self._epoch = self._epoch, None
            if epoch is not None:
                try:
                    with self._database.transaction() as connection:
                        connection.execute(self._sql(_FREE), {**self._values, "epoch": epoch})
                except PersistenceError as error:
                    log.info("lease_not_freed", lease=self.name, error=str(error))

    def try_once(self) -> bool:
        """Take or renew the lease; return whether this node holds it."""
        with self._turn:
            before = self._epoch
            statement = _TAKE if before is None else _RENEW
            try:
                with self._database.transaction() as connection:
                    # It need not wait for the standbys: the server that all ask is the judge.
                    connection.execute(b"SET LOCAL synchronous_commit = off")
                    row = connection.execute(
                        self._sql(statement), {**self._values, "epoch": before}
                    ).fetchone()
            except PersistenceError as error:
                log.warning("lease_unknown", lease=self.name, error=str(error))
                return self.held
            self._epoch = None if row is None else int(row[0])
        if before is None and self._epoch is not None:
            self.taken()
        elif before is not None and self._epoch is None:
            log.warning("lease_lost", lease=self.name, epoch=before)
        return self.held

    def holder(self) -> str | None:
        """Return the node that holds the lease; ``None`` if it is free."""
        rows = self._database.fetch(self._sql(_HOLDER), self._values)
        return str(rows[0][0]) if rows else None

    def fence(self) -> tuple[str, dict[str, Any]]:
        """Return a statement that finds a row only while this node holds the lease.

        Run it in the transaction of a write that depends on the lease, right before the commit: it
        keeps the lease from being taken over until then.
        """
        statement = _FENCE.replace("{s}", self._schema)
        return statement, {**self._values, "epoch": self._epoch or 0}

    def _sql(self, statement: str) -> bytes:
        return statement.replace("{s}", self._schema).encode()

    def _run(self) -> None:
        while not self._stopping.wait(RENEWED):
            self.worker.step()
            self.try_once()
            self.worker.rest()

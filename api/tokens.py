"""Bearer tokens: who a caller is. Kept beside the ledger, in a file of their own, as hashes.

The file may be read by a thief without loss: a token is 256 random bits, and only its SHA-256 is
stored. It may not be *written* by one: whoever can add a row can act as anybody.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import threading
import time
from contextlib import suppress
from datetime import date, timedelta
from hashlib import sha256
from typing import Self, get_args

import msgspec

from ledger.kernel import Actor, civil_moment
from ledger.kernel.clock import Clock, system_clock
from ledger.vocabulary import Role, normal_entity

#: A token looks like this, so that scanners for leaked secrets can recognise one.
PREFIX = "slt_"

#: A cached grant older than this is read again: revoking takes effect within so many seconds.
RECHECK_SECONDS = 2.0

#: Grants cached at most; beyond it the cache starts anew.
MAX_CACHED = 10_000

SCHEMA = """CREATE TABLE IF NOT EXISTS tokens (
    digest BLOB PRIMARY KEY,   -- SHA-256 of the token
    unit TEXT NOT NULL,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    entity TEXT,
    expires_on TEXT,           -- the last civil date on which it is good
    created_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT"""


class Grant(msgspec.Struct, frozen=True):
    """Who a caller is: a person of a unit, in a role. ``entity``: whom an entity_rep acts for."""

    unit: str
    person: str
    role: Role
    entity: str | None = None
    #: Names the token without giving it away; empty for a caller who has none.
    id: str = ""
    #: The moment from which it is good no more.
    ends: float | None = None

    def actor(self) -> Actor:
        """The grant as it will stand in what it records."""
        return Actor(unit_id=self.unit, person_id=self.person, role=self.role)


#: A caller without a token.
ANONYMOUS = Grant("public", "anonymous", "public")


class TokenEntry(msgspec.Struct, frozen=True):
    """One token as it is listed: everything but the token."""

    id: str
    unit: str
    person: str
    role: str
    entity: str | None
    expires_on: str | None
    created_at: str
    revoked_at: str | None


class Tokens:
    """The tokens in one SQLite file. Safe for threads; any number of processes may open it."""

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sqlite = sqlite3.connect(
            os.fspath(path), timeout=10, isolation_level=None, check_same_thread=False
        )
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute(SCHEMA)
        self._cache: dict[str, tuple[Grant, float]] = {}
        self._asked: dict[str, asyncio.Task[Grant | None]] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, clock: Clock = system_clock) -> Self:
        """The tokens kept at ``path``, which is made if it does not exist, for its owner alone."""
        name = os.fspath(path)
        if name != ":memory:":
            with suppress(FileExistsError):
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return cls(path, clock=clock)

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._sqlite.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def create(
        self,
        unit: str,
        person: str,
        role: Role,
        entity: str | None = None,
        expires_on: date | None = None,
    ) -> str:
        """A new token, shown this once. ``expires_on`` is the last day on which it is good.

        Raises ``ValueError`` for an unknown role, an empty name, or an ``entity_rep`` without
        entity.
        """
        if role not in get_args(Role):
            raise ValueError(f"{role!r} is no role; take one of {', '.join(get_args(Role))}")
        if not unit.strip() or not person.strip():
            raise ValueError("a token names its unit and its person")
        entity = None if entity is None else normal_entity(entity)
        if (role == "entity_rep") != (entity is not None):
            raise ValueError("an entity_rep's token names its entity, and no other token does")
        token = PREFIX + secrets.token_urlsafe(32)
        row = (
            _digest(token),
            unit,
            person,
            role,
            entity,
            expires_on.isoformat() if expires_on else None,
            self._clock().isoformat(timespec="seconds"),
        )
        with self._lock:
            self._sqlite.execute(
                "INSERT INTO tokens (digest, unit, person, role, entity, expires_on, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return token

    def revoke(self, token: str) -> bool:
        """End a token, given itself or its id; ``False`` if there is none that is still good."""
        digest = _digest(token).hex() if token.startswith(PREFIX) else token
        if len(digest) < 16:
            return False
        with self._lock:
            done = self._sqlite.execute(
                "UPDATE tokens SET revoked_at = ?"
                " WHERE substr(lower(hex(digest)), 1, ?) = ? AND revoked_at IS NULL",
                (self._clock().isoformat(timespec="seconds"), len(digest), digest),
            )
        self._cache.clear()
        return done.rowcount > 0

    def list(self) -> list[TokenEntry]:
        """All tokens ever created, oldest first."""
        with self._lock:
            rows = self._sqlite.execute(
                "SELECT substr(lower(hex(digest)), 1, 16), unit, person, role, entity, expires_on,"
                " created_at, revoked_at FROM tokens ORDER BY created_at, digest"
            ).fetchall()
        return [TokenEntry(*row) for row in rows]

    def lookup(self, token: str) -> Grant | None:
        """Whose token this is; ``None`` if it is unknown, revoked or expired. Reads the file.

        Compares hashes, of which a caller cannot choose the bits, so how long it takes tells
        nothing about any token.
        """
        digest = _digest(token)
        with self._lock:
            row = self._sqlite.execute(
                "SELECT unit, person, role, entity, expires_on FROM tokens"
                " WHERE digest = ? AND revoked_at IS NULL",
                (digest,),
            ).fetchone()
        if row is None:
            self._cache.pop(token, None)
            return None
        unit, person, role, entity, expires_on = row
        ends = _end_of(date.fromisoformat(expires_on)) if expires_on else None
        grant = Grant(unit, person, role, entity, digest.hex()[:16], ends)
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[token] = grant, time.monotonic()
        return self._unexpired(grant)

    def cached(self, token: str) -> Grant | None:
        """What ``lookup`` found in the last seconds; ``None`` says nothing. Does not block."""
        known = self._cache.get(token)
        if known is None or time.monotonic() - known[1] > RECHECK_SECONDS:
            return None
        return self._unexpired(known[0])

    async def grant(self, token: str) -> Grant | None:
        """``lookup`` off the event loop; callers that ask for a token at once share the answer."""
        asked = self._asked.get(token)
        if asked is None:
            asked = asyncio.create_task(asyncio.to_thread(self.lookup, token))
            self._asked[token] = asked
            asked.add_done_callback(lambda _: self._asked.pop(token, None))
        # Shielded: one caller who goes away must not take the answer from the others.
        return await asyncio.shield(asked)

    def _unexpired(self, grant: Grant) -> Grant | None:
        if grant.ends is not None and self._clock().timestamp() >= grant.ends:
            return None
        return grant


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def _end_of(day: date) -> float:
    return civil_moment(day + timedelta(days=1)).timestamp()

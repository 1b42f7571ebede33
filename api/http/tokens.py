"""Bearer tokens: who a caller is. Kept beside the ledger, in a file of their own, as hashes.

The file may be read by a thief without loss: a token is 256 random bits, and only its SHA-256 is
stored. It may not be *written* by one: whoever can add a row can act as anybody.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sqlite3
import threading
import time
from contextlib import closing
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Self, get_args

import msgspec
import structlog

from api.running.pools import TOKENS
from ledger.general.vocabulary import ActorId, EntityId, Role, UnitId, normal_entity
from ledger.kernel import Actor, civil_moment
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.subjects import check_subjects
from ledger.stores import StoreError
from ledger.stores.files import CHANGE, connect_read_only, open_to_others, private_file, trouble

log = structlog.get_logger("api.tokens")

#: A token looks like this, so that scanners for leaked secrets can recognise one.
PREFIX = "slt_"

#: A cached grant older than this is read again: revoking takes effect within so many seconds.
RECHECK_SECONDS = 2.0

#: Tokens that are drawn here look so; no other text is looked up, however its digest got there.
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")

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

#: Columns that a file of an earlier program lacks: who asked for a token, and who made it good.
_SINCE = ("requested_by", "approved_by")


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

    def reader(self) -> Grant:
        """Whose eyes it reads business with: an operator's are the public's, whatever it names."""
        if self.role != "operator":
            return self
        return Grant("public", "anonymous", "public", None, self.id, self.ends)

    def actor(self) -> Actor:
        """The grant as it will stand in what it records."""
        return Actor(unit_id=self.unit, person_id=self.person, role=self.role)


class Holder(msgspec.Struct, frozen=True):
    """Whom a token is for: a person of a unit, in a role; ``entity``: whom an entity_rep acts for.

    What it names stands in every record that its holder causes, so it must be readable there.
    """

    unit: UnitId
    person: ActorId
    role: Role
    entity: EntityId | None = None

    def __post_init__(self) -> None:
        if (self.role == "entity_rep") != (self.entity is not None):
            raise ValueError(
                "the token of an entity_rep must name its entity, and no other token may; "
                f"role is {self.role!r}, entity is {self.entity!r}"
            )


_EXPECTED = {
    "unit": "an id of letters, digits and . _ : / @ # ~ + -, beginning with a letter or digit, of "
    "at most 120 characters, as MRB",
    "person": "a badge id of letters, digits and . _ : / @ # ~ + -, beginning with a letter or "
    "digit, of at most 120 characters, as HEAD-001",
    "role": f"one of {', '.join(get_args(Role))}",
    "entity": "a Unified Social Credit Identifier, or <register>:<number>",
}


def holder_of(unit: str, person: str, role: str, entity: str | None) -> Holder:
    """Whom a token is for. Raises ``ValueError`` saying which part must be what."""
    entity = None if entity is None else normal_entity(entity)
    given = {"unit": unit, "person": person, "role": role, "entity": entity}
    for field in msgspec.structs.fields(Holder):
        try:
            msgspec.convert(given[field.name], field.type)
        except (msgspec.ValidationError, UnicodeError):
            raise ValueError(
                f"the {field.name} of a token must be {_EXPECTED[field.name]}; "
                f"it is {given[field.name]!r}"
            ) from None
    try:
        holder = msgspec.convert(given, Holder)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    check_subjects(holder)
    return holder


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
    requested_by: str | None = None
    approved_by: str | None = None


def draw() -> str:
    """A new token: 256 random bits. It is good for nothing until its digest is admitted."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The SHA-256 of a token, hex: all that this service ever keeps of it."""
    return _digest(token).hex()


class Tokens:
    """The tokens in one SQLite file. Safe for threads; any number of processes may open it."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock = system_clock,
        read_only: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        self._clock = clock
        self._lock = threading.Lock()
        try:
            self._sqlite = _shown(self.path) if read_only else _prepared(self.path)
            self._sqlite.execute("SELECT count(*) FROM tokens WHERE revoked_at IS NULL").fetchone()
        except sqlite3.Error as error:
            raise StoreError(trouble(Path(self.path), error)) from error
        self._cache: dict[str, tuple[Grant, float]] = {}
        self._asked: dict[str, asyncio.Task[Grant | None]] = {}

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        clock: Clock = system_clock,
        read_only: bool = False,
    ) -> Self:
        """The tokens kept at ``path``, which is made if it does not exist, for its owner alone.

        ``read_only``: to list them alone; nothing is made or changed, and no file is no tokens.
        """
        name = os.fspath(path)
        if name != ":memory:" and not read_only:
            private_file(Path(name))
            if (mode := open_to_others(Path(name), CHANGE)) is not None:
                raise StoreError(
                    f"{name} must be writable by its owner alone; its mode is {mode:04o}. chmod "
                    "go-w it, and look through token list: whoever can write it can act as anybody."
                )
        return cls(path, clock=clock, read_only=read_only)

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

        Raises ``ValueError`` for what cannot stand in a record: an unknown role, a unit, person or
        entity that is not an id, or an ``entity_rep`` without entity.
        """
        token = draw()
        self.admit(digest_of(token), holder_of(unit, person, role, entity), expires_on)
        return token

    def admit(
        self,
        digest: str,
        holder: Holder,
        expires_on: date | None = None,
        requested_by: str | None = None,
        approved_by: str | None = None,
    ) -> bool:
        """Make the token of a digest (hex) good; ``False`` if a token has this digest already."""
        row = (
            bytes.fromhex(digest),
            holder.unit,
            holder.person,
            holder.role,
            holder.entity,
            expires_on.isoformat() if expires_on else None,
            self._clock().isoformat(timespec="seconds"),
            requested_by,
            approved_by,
        )
        with self._lock:
            done = self._sqlite.execute(
                "INSERT OR IGNORE INTO tokens (digest, unit, person, role, entity, expires_on,"
                " created_at, requested_by, approved_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return done.rowcount > 0

    def entry(self, token: str) -> TokenEntry | None:
        """The token of an id (16 hex digits) or digest, or itself; ``None`` for an unknown one."""
        digest = digest_of(token) if token.startswith(PREFIX) else token
        found = [entry for entry in self.list() if digest.startswith(entry.id)]
        return found[0] if found else None

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
                " created_at, revoked_at, requested_by, approved_by FROM tokens"
                " ORDER BY created_at, digest"
            ).fetchall()
        return [TokenEntry(*row) for row in rows]

    def lookup(self, token: str) -> Grant | None:
        """Whose token this is; ``None`` if it is unknown, revoked or expired. Reads the file.

        Compares hashes, of which a caller cannot choose the bits, so how long it takes tells
        nothing about any token.
        """
        if not _FORM.fullmatch(token):
            return None
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
        try:
            holder_of(unit, person, role, entity)
        except ValueError as error:
            # An earlier program did not look: what it names could not be read back from a record.
            log.warning("token_unusable", id=digest.hex()[:16], error=str(error))
            return None
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
            asked = asyncio.create_task(TOKENS.run(lambda: self.lookup(token)))
            self._asked[token] = asked
            asked.add_done_callback(lambda _: self._asked.pop(token, None))
        # Shielded: one caller who goes away must not take the answer from the others.
        return await asyncio.shield(asked)

    def _unexpired(self, grant: Grant) -> Grant | None:
        if grant.ends is not None and self._clock().timestamp() >= grant.ends:
            return None
        return grant


def _prepared(path: str) -> sqlite3.Connection:
    sqlite = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    sqlite.execute("PRAGMA journal_mode = WAL")
    sqlite.execute(SCHEMA)
    _complete(sqlite)
    return sqlite


def _complete(sqlite: sqlite3.Connection) -> None:
    known = {row[1] for row in sqlite.execute("PRAGMA table_info(tokens)")}
    for column in _SINCE:
        if column not in known:
            sqlite.execute(f"ALTER TABLE tokens ADD COLUMN {column} TEXT")


def _shown(path: str) -> sqlite3.Connection:
    """The tokens of a file as they are by now, in memory: the file stays as it is."""
    shown = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    if Path(path).exists():
        with closing(connect_read_only(Path(path).absolute())) as there:
            there.backup(shown)
    shown.execute(SCHEMA)
    _complete(shown)
    return shown


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def _end_of(day: date) -> float:
    return civil_moment(day + timedelta(days=1)).timestamp()

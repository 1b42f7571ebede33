"""Bearer tokens, which say who a caller is; stored as hashes in a file or schema of the ledger.

A thief who reads them gains nothing: a token is 256 random bits, and only its SHA-256 is stored.
But nobody else may *write* them: a person who can add a row can act as anyone.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, get_args

import msgspec
import structlog
from msgspec.structs import replace

from api.running.pools import TOKENS
from ledger.general.audiences import audiences_for, audiences_of, kept_from, visibility_of
from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import ActorId, EntityId, Role, UnitId, normal_entity
from ledger.kernel import Actor, Recorded, Visibility, civil_moment
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.subjects import check_subjects
from ledger.opening import tables_of
from ledger.stores import StoreError
from ledger.stores.files import CHANGE, connect_read_only, open_to_others, private_file, trouble
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.tables import MEMORY, Declared, SQLiteFile, Tables, Transaction

log = structlog.get_logger("api.tokens")

#: Shown instead of a name that the reader may not know.
WITHHELD = "withheld"

#: The prefix of every token, so that scanners for leaked secrets recognise it.
PREFIX = "slt_"

#: A cached grant older than this is read again, so a revocation takes effect within this time.
RECHECK_SECONDS = 2.0

#: The form of the tokens made here; no other text is looked up, even if its digest is in the file.
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")

#: The most cached grants; beyond that the cache is emptied.
MAX_CACHED = 10_000

SESSIONS_SCHEMA = """CREATE TABLE IF NOT EXISTS sessions (
    digest BLOB PRIMARY KEY,   -- SHA-256 of the cookie
    token BLOB NOT NULL,       -- SHA-256 of the token, or of the provider's name for the person
    form TEXT NOT NULL,        -- sent with every form of the session
    begun REAL NOT NULL,
    seen REAL NOT NULL,
    posts TEXT,                -- the posts that the provider gave; NULL for a token
    post INTEGER NOT NULL DEFAULT 0
) STRICT"""
SCHEMA = """CREATE TABLE IF NOT EXISTS tokens (
    digest BLOB PRIMARY KEY,   -- SHA-256 of the token
    unit TEXT NOT NULL,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    entity TEXT,
    expires_on TEXT,           -- the last civil date on which it is good
    created_at TEXT NOT NULL,
    revoked_at TEXT,
    requested_by TEXT,
    approved_by TEXT
) STRICT"""

#: Columns that files of earlier versions lack: who requested a token and who approved it, the posts
#: of who signed in by the provider, and the one they act in.
_SINCE = {
    "tokens": {"requested_by": "TEXT", "approved_by": "TEXT"},
    "sessions": {"posts": "TEXT", "post": "INTEGER NOT NULL DEFAULT 0"},
}

#: The tokens, and the sessions of the console that began with them (``api.console.sessions``).
TOKENS_DECLARED = Declared(
    (SCHEMA, SESSIONS_SCHEMA),
    (
        """CREATE TABLE {s}.tokens (
            digest bytea PRIMARY KEY,
            unit text NOT NULL,
            person text NOT NULL,
            role text NOT NULL,
            entity text,
            expires_on text,
            created_at text NOT NULL,
            revoked_at text,
            requested_by text,
            approved_by text
        )""",
        """CREATE TABLE {s}.sessions (
            digest bytea PRIMARY KEY,
            token bytea NOT NULL,
            form text NOT NULL,
            begun double precision NOT NULL,
            seen double precision NOT NULL,
            posts text,
            post integer NOT NULL DEFAULT 0
        )""",
    ),
)


class Grant(msgspec.Struct, frozen=True):
    """Who a caller is: a person of a unit, in a role. ``entity``: the business of an entity_rep."""

    unit: str
    person: str
    role: Role
    entity: str | None = None
    #: Identifies the token without revealing it; empty for a caller without a token.
    id: str = ""
    #: The moment from which the token is no longer valid.
    ends: float | None = None

    def reader(self) -> Grant:
        """Return the grant for reading business data: an operator reads as the public."""
        if self.role != "operator":
            return self
        return Grant("public", "anonymous", "public", None, self.id, self.ends)

    def actor(self) -> Actor:
        """Return the actor that records of this caller name."""
        return Actor(unit_id=self.unit, person_id=self.person, role=self.role)

    @property
    def audiences(self) -> frozenset[str]:
        """The audiences that the caller has: it may see the events that have one of them."""
        return audiences_for(self.role, self.unit, self.entity)

    def sees(
        self,
        visibility: Visibility,
        actor_unit: str,
        tags: Collection[str] = (),
        kept_from: Collection[str] = (),
    ) -> bool:
        """Return whether the caller may see an event of this visibility by ``actor_unit``.

        ``visibility`` comes from ``visibility_of``; ``tags`` are the event's stored tags; the
        units in ``kept_from`` must not see it. Data shared with a partner's system depends on its
        subscriptions (``Entitlement``) instead.
        """
        if visibility == "public":
            return True
        if visibility != "shared" and self.unit in kept_from:
            return False
        return not self.audiences.isdisjoint(audiences_of(visibility, actor_unit, tags))

    def sees_record(self, record: Recorded) -> bool:
        """Apply ``sees`` to an event that is available as an object."""
        envelope, event = record.envelope, record.event
        tags = event.tags()
        visibility = visibility_of(envelope.type, envelope.visibility, tags)
        return self.sees(visibility, envelope.actor.unit_id, tags, event.kept_from())

    def sees_stored(self, stored: Any, fields: Mapping[str, Any]) -> bool:
        """Apply ``sees`` to a stored event; ``fields`` are its decoded content."""
        event = stored.event
        visibility = visibility_of(event.type, fields["visibility"], event.tags)
        kept = kept_from(event.type, visibility, event.tags, event.data)
        return self.sees(visibility, fields["actor"]["unit_id"], event.tags, kept)

    def knows_actor(self, topic: str, actor_unit: str, tags: Collection[str]) -> bool:
        """Return whether the caller may know which person recorded an event that it may see.

        The public is told only the unit and the role; so is a business, for events that are not
        about it. The person behind a finding is treated like a sealed event: a person who reports
        a unit acts in the same command as the resulting findings (CMP-R2).

        A caller who may not know the person is not told the command's id either: it is derived
        from the sender and the sender's key, so guesses could be tried against it.
        """
        if self.role in ("public", "subscriber_system", "operator"):
            return False
        if self.role == "entity_rep" and f"entity:{self.entity}" not in tags:
            return False
        return not self.hides_actor(topic, actor_unit)

    def hides_actor(self, topic: str, actor_unit: str) -> bool:
        """Return whether even the unit and the role of the person who acted are hidden."""
        return topic == FindingRaised.TOPIC and not self.sees("sealed", actor_unit)

    def shown_actor(self, topic: str, actor: Actor, tags: Collection[str]) -> Actor:
        """Return the actor of an event, without what the caller may not know."""
        if self.knows_actor(topic, actor.unit_id, tags):
            return actor
        if self.hides_actor(topic, actor.unit_id):
            return Actor(unit_id=WITHHELD, person_id=WITHHELD, role=WITHHELD)
        return replace(actor, person_id=WITHHELD)


class Holder(msgspec.Struct, frozen=True):
    """Whom a token is for: a person of a unit, in a role; ``entity``: business of an entity_rep.

    Every record that the holder causes contains these values, so they must be valid in a record.
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
    "at most 120 characters, such as MRB",
    "person": "a badge id of letters, digits and . _ : / @ # ~ + -, beginning with a letter or "
    "digit, of at most 120 characters, such as HEAD-001",
    "role": f"one of {', '.join(get_args(Role))}",
    "entity": "a Unified Social Credit Identifier, or <register>:<number>",
}


def holder_of(unit: str, person: str, role: str, entity: str | None) -> Holder:
    """Return the holder; raise ``ValueError`` with the part that is wrong and what it must be."""
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
    """One token in a list: everything except the token itself."""

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
    """Return a new token of 256 random bits. It is not valid until its digest is admitted."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token in hex, the only form in which this service keeps it."""
    return _digest(token).hex()


class Tokens:
    """The tokens of one ledger. Thread-safe; several processes may use them."""

    def __init__(self, tables: Tables, *, clock: Clock = system_clock) -> None:
        self.tables = tables
        self.path = tables.place
        self._clock = clock
        tables.rows("SELECT count(*) FROM {s}tokens WHERE revoked_at IS NULL")
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
        """Open the token file at ``path``; create it if missing, accessible only to its owner.

        ``read_only``: only list the tokens; nothing is created or changed, and a missing file
        counts as empty.
        """
        name = os.fspath(path)
        if name != MEMORY and not read_only:
            private_file(Path(name))
            if (mode := open_to_others(Path(name), CHANGE)) is not None:
                raise StoreError(
                    f"{name} must be writable by its owner alone; its mode is {mode:04o}. chmod "
                    "go-w it, and check the token list: anyone who can write the file can act as "
                    "any user."
                )
        return cls(_shown(name) if read_only else _prepared(name), clock=clock)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self.tables.close()

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
        """Create a token, which cannot be shown again. ``expires_on`` is its last valid day.

        Raises ``ValueError`` for an unknown role, for a unit, person or entity that is not a valid
        id, and for an ``entity_rep`` without an entity.
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
        """Make the token with this digest (hex) valid; return ``False`` if the digest is in use."""
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
        with self.tables.writing() as tables:
            done = tables.execute(
                "INSERT INTO {s}tokens (digest, unit, person, role, entity, expires_on,"
                " created_at, requested_by, approved_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                row,
            )
        return bool(done.rowcount > 0)

    def entry(self, token: str) -> TokenEntry | None:
        """Return the entry for a token, its id (16 hex digits) or its digest; else ``None``."""
        digest = digest_of(token) if token.startswith(PREFIX) else token
        matches = [entry for entry in self.list() if digest.startswith(entry.id)]
        return matches[0] if matches else None

    def revoke(self, token: str) -> bool:
        """Revoke a token, given the token or its id; return ``False`` if it was not valid."""
        digest = _digest(token).hex() if token.startswith(PREFIX) else token
        if len(digest) < 16:
            return False
        now = self._clock().isoformat(timespec="seconds")
        with self.tables.writing() as tables:
            valid = tables.execute("SELECT digest FROM {s}tokens WHERE revoked_at IS NULL")
            revoked = [(now, known) for (known,) in valid if known.hex().startswith(digest)]
            tables.executemany("UPDATE {s}tokens SET revoked_at = ? WHERE digest = ?", revoked)
        self._cache.clear()
        return bool(revoked)

    def list(self) -> list[TokenEntry]:
        """Return all tokens ever created, oldest first."""
        rows = self.tables.rows(
            "SELECT digest, unit, person, role, entity, expires_on, created_at, revoked_at,"
            " requested_by, approved_by FROM {s}tokens ORDER BY created_at, digest"
        )
        return [TokenEntry(digest.hex()[:16], *rest) for digest, *rest in rows]

    def lookup(self, token: str) -> Grant | None:
        """Return the grant of a token; ``None`` if unknown, revoked or expired. Reads the file.

        Only hashes are compared. A caller cannot choose their bits, so the time of the comparison
        reveals nothing about a token.
        """
        if not _FORM.fullmatch(token):
            return None
        grant = self.of_digest(_digest(token))
        if grant is None:
            self._cache.pop(token, None)
            return None
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[token] = grant, time.monotonic()
        return grant

    def of_digest(self, digest: bytes) -> Grant | None:
        """Return the grant of the token with this SHA-256; ``None`` as for ``lookup``."""
        rows = self.tables.rows(
            "SELECT unit, person, role, entity, expires_on FROM {s}tokens"
            " WHERE digest = ? AND revoked_at IS NULL",
            digest,
        )
        if not rows:
            return None
        unit, person, role, entity, expires_on = rows[0]
        try:
            holder_of(unit, person, role, entity)
        except ValueError as error:
            # An early version did not check holders; records that name this one would be
            # unreadable.
            log.warning("token_unusable", id=digest.hex()[:16], error=str(error))
            return None
        ends = _end_of(date.fromisoformat(expires_on)) if expires_on else None
        return self._unexpired(Grant(unit, person, role, entity, digest.hex()[:16], ends))

    def cached(self, token: str) -> Grant | None:
        """Return a recent result of ``lookup``; ``None`` if there is none. Never blocks."""
        known = self._cache.get(token)
        if known is None or time.monotonic() - known[1] > RECHECK_SECONDS:
            return None
        return self._unexpired(known[0])

    async def grant(self, token: str) -> Grant | None:
        """Run ``lookup`` outside the event loop; simultaneous callers share one lookup."""
        asked = self._asked.get(token)
        if asked is None:
            asked = asyncio.create_task(TOKENS.run(lambda: self.lookup(token)))
            self._asked[token] = asked
            asked.add_done_callback(lambda _: self._asked.pop(token, None))
        # Shielded: if one caller disconnects, the others still get the answer.
        return await asyncio.shield(asked)

    def _unexpired(self, grant: Grant) -> Grant | None:
        if grant.ends is not None and self._clock().timestamp() >= grant.ends:
            return None
        return grant


def open_tokens(recorder: LedgerRecorder, *, clock: Clock = system_clock) -> Tokens:
    """Open the tokens of a ledger, and make their place if there is none."""
    place = tables_of(recorder, "tokens", TOKENS_DECLARED)
    return (
        Tokens.open(place, clock=clock) if isinstance(place, Path) else Tokens(place, clock=clock)
    )


def _prepared(path: str) -> Tables:
    file = SQLiteFile(Path(path), TOKENS_DECLARED.sqlite)
    with file.writing() as tables:
        _complete(tables)
    return file


def _complete(tables: Transaction) -> None:
    for table, columns in _SINCE.items():
        known = {row[1] for row in tables.execute(f"PRAGMA table_info({table})")}
        for column, kind in columns.items():
            if column not in known:
                tables.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def _shown(path: str) -> Tables:
    """Copy the tokens of a file into memory; the file stays unchanged."""
    shown = SQLiteFile(Path(MEMORY), ())
    try:
        if Path(path).exists():
            with closing(connect_read_only(Path(path).absolute())) as there:
                shown.fill_from(there)
        with shown.writing() as tables:
            for statement in TOKENS_DECLARED.sqlite:
                tables.execute(statement)
            _complete(tables)
    except sqlite3.Error as error:
        raise StoreError(trouble(Path(path), error)) from error
    return shown


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def _end_of(day: date) -> float:
    return civil_moment(day + timedelta(days=1)).timestamp()

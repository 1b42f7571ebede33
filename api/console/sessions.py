"""Sessions of the console: a token is given once, a cookie stands for it afterwards.

The cookie is 256 random bits, new at every sign-in, so that nobody can prepare one for another
person. The file of the tokens has its digest and that of the token, never either of them. A session
ends when it was idle too long, when its time is over, when its token is revoked or expires, and
when its holder signs out.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from api.http.tokens import Grant, Tokens
from ledger.stores import StoreError
from ledger.stores.files import trouble

#: A session ends after this many seconds without a request, and after this many in all.
IDLE_SECONDS, WHOLE_SECONDS = 30 * 60.0, 12 * 3600.0
#: The use of a session is written down at most this often, in seconds.
SEEN_SECONDS = 30.0
#: The most sessions of one token; beginning another one ends the oldest.
MAX_SESSIONS = 10

_SCHEMA = """CREATE TABLE IF NOT EXISTS sessions (
    digest BLOB PRIMARY KEY,   -- SHA-256 of the cookie
    token BLOB NOT NULL,       -- SHA-256 of the token
    form TEXT NOT NULL,        -- sent with every form of the session
    begun REAL NOT NULL,
    seen REAL NOT NULL
) STRICT"""


class Session(msgspec.Struct, frozen=True):
    """A session in use: who it is, and the secret that its forms send."""

    grant: Grant
    form: str


class Sessions:
    """The sessions in the file of the tokens. Safe for threads; the methods block briefly.

    They raise ``StoreError`` if the file cannot be read or written.
    """

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._clock = clock
        self._lock = threading.Lock()
        self._path = Path(tokens.path)
        try:
            self._sqlite = sqlite3.connect(
                tokens.path, isolation_level=None, check_same_thread=False, timeout=10.0
            )
            self._sqlite.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(trouble(self._path, error)) from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._sqlite.close()

    def begin(self, token: str) -> str | None:
        """Begin a session for a token and return its cookie; ``None`` for a token that is not good.

        Sessions that are over are removed.
        """
        if self._tokens.lookup(token) is None:
            return None
        cookie, now, digest = secrets.token_urlsafe(32), self._clock(), _digest(token)
        with self._using():
            self._sqlite.execute(
                "DELETE FROM sessions WHERE seen < ? OR begun < ?",
                (now - IDLE_SECONDS, now - WHOLE_SECONDS),
            )
            self._sqlite.execute(
                "DELETE FROM sessions WHERE token = ? AND digest NOT IN"
                " (SELECT digest FROM sessions WHERE token = ? ORDER BY begun DESC LIMIT ?)",
                (digest, digest, MAX_SESSIONS - 1),
            )
            self._sqlite.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                (_digest(cookie), digest, secrets.token_urlsafe(24), now, now),
            )
        return cookie

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; ``None`` if there is none or it is over."""
        now, digest = self._clock(), _digest(cookie)
        with self._using():
            row = self._sqlite.execute(
                "SELECT token, form, begun, seen FROM sessions WHERE digest = ?", (digest,)
            ).fetchone()
            if row is None:
                return None
            token, form, begun, seen = row
            if now - seen > IDLE_SECONDS or now - begun > WHOLE_SECONDS:
                self._sqlite.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
                return None
            if now - seen > SEEN_SECONDS:
                self._sqlite.execute("UPDATE sessions SET seen = ? WHERE digest = ?", (now, digest))
        grant = self._tokens.of_digest(token)
        return None if grant is None else Session(grant, form)

    def end(self, cookie: str) -> None:
        """End the session of a cookie, if there is one."""
        with self._using():
            self._sqlite.execute("DELETE FROM sessions WHERE digest = ?", (_digest(cookie),))

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Take the lock. Raises ``StoreError`` for trouble of the file, as the stores do."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StoreError(trouble(self._path, error)) from error


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()

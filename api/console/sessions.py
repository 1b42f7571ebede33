"""Sessions of the console: a token is given once, a cookie stands for it afterwards.

The cookie is 256 random bits, new at every sign-in, so that nobody can prepare one for another
person. Its digest and that of the token are stored with the tokens, never either of them. A session
ends when it was idle too long, when its time is over, when its token is revoked or expires, and
when its holder signs out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from api.http.tokens import Grant, Tokens

#: A session ends after this many seconds without a request, and after this many in all.
IDLE_SECONDS, WHOLE_SECONDS = 30 * 60.0, 12 * 3600.0
#: The use of a session is written down at most this often, in seconds.
SEEN_SECONDS = 30.0
#: The most sessions of one token; beginning another one ends the oldest.
MAX_SESSIONS = 10


class Session(msgspec.Struct, frozen=True):
    """A session in use: who it is, and the secret that its forms send."""

    grant: Grant
    form: str


class Sessions:
    """The sessions, stored with the tokens. Safe for threads; the methods block briefly."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._tables = tokens.tables
        self._clock = clock

    def begin(self, token: str) -> str | None:
        """Begin a session for a token and return its cookie; ``None`` for a token that is not good.

        Sessions that are over are removed.
        """
        if self._tokens.lookup(token) is None:
            return None
        cookie, now, digest = secrets.token_urlsafe(32), self._clock(), _digest(token)
        with self._tables.writing() as tables:
            tables.execute(
                "DELETE FROM {s}sessions WHERE seen < ? OR begun < ?",
                (now - IDLE_SECONDS, now - WHOLE_SECONDS),
            )
            tables.execute(
                "DELETE FROM {s}sessions WHERE token = ? AND digest NOT IN"
                " (SELECT digest FROM {s}sessions WHERE token = ? ORDER BY begun DESC LIMIT ?)",
                (digest, digest, MAX_SESSIONS - 1),
            )
            tables.execute(
                "INSERT INTO {s}sessions VALUES (?, ?, ?, ?, ?)",
                (_digest(cookie), digest, secrets.token_urlsafe(24), now, now),
            )
        return cookie

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; ``None`` if there is none or it is over."""
        now, digest = self._clock(), _digest(cookie)
        rows = self._tables.rows(
            "SELECT token, form, begun, seen FROM {s}sessions WHERE digest = ?", digest
        )
        if not rows:
            return None
        token, form, begun, seen = rows[0]
        if now - seen > IDLE_SECONDS or now - begun > WHOLE_SECONDS:
            self.end(cookie)
            return None
        if now - seen > SEEN_SECONDS:
            with self._tables.writing() as tables:
                tables.execute("UPDATE {s}sessions SET seen = ? WHERE digest = ?", (now, digest))
        grant = self._tokens.of_digest(token)
        return None if grant is None else Session(grant, form)

    def end(self, cookie: str) -> None:
        """End the session of a cookie, if there is one."""
        with self._tables.writing() as tables:
            tables.execute("DELETE FROM {s}sessions WHERE digest = ?", (_digest(cookie),))


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()

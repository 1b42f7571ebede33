"""Sessions of the console: a cookie stands for a token, or for who signed in by the provider.

The cookie is 256 random bits, new at every sign-in, so that nobody can prepare one for another
person. Its digest and that of the token are stored with the tokens, never either of them. A session
ends when it was idle too long, when its time is over, when its token is revoked or expires, when
its holder signs out, and when an operator ends the sessions of its person.

A person of the provider may have several posts and acts in one of them at a time. Choosing
another one changes the secret of the forms: a form that was opened in one post is never sent in
another.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from api.http.tokens import Grant, Holder, Tokens
from ledger.general.vocabulary import same_person

#: A session ends after this many seconds without a request, and after this many in all.
IDLE_SECONDS, WHOLE_SECONDS = 30 * 60.0, 12 * 3600.0
#: The use of a session is written down at most this often, in seconds.
SEEN_SECONDS = 30.0
#: The most sessions of one token; beginning another one ends the oldest.
MAX_SESSIONS = 10

_POSTS = msgspec.json.Decoder(tuple[Holder, ...])


class Session(msgspec.Struct, frozen=True):
    """A session in use: who it is, the secret that its forms send, and the posts to choose from."""

    grant: Grant
    form: str
    posts: tuple[Holder, ...] = ()
    post: int = 0


class Sessions:
    """The sessions, stored with the tokens. Safe for threads; the methods block briefly.

    They raise ``StoreError`` if the tokens cannot be read or written.
    """

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
        return self._begun(_digest(token), None)

    def begin_as(self, account: str, posts: tuple[Holder, ...]) -> str:
        """Begin a session for who signed in by the provider, in the first of the posts."""
        return self._begun(_digest(account), msgspec.json.encode(posts).decode())

    def _begun(self, digest: bytes, posts: str | None) -> str:
        cookie, now = secrets.token_urlsafe(32), self._clock()
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
                "INSERT INTO {s}sessions (digest, token, form, begun, seen, posts)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (_digest(cookie), digest, _form_secret(), now, now, posts),
            )
        return cookie

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; ``None`` if there is none or it is over."""
        now, digest = self._clock(), _digest(cookie)
        rows = self._tables.rows(
            "SELECT token, form, begun, seen, posts, post FROM {s}sessions WHERE digest = ?", digest
        )
        if not rows:
            return None
        token, form, begun, seen, posts, post = rows[0]
        if now - seen > IDLE_SECONDS or now - begun > WHOLE_SECONDS:
            self.end(cookie)
            return None
        if now - seen > SEEN_SECONDS:
            with self._tables.writing() as tables:
                tables.execute("UPDATE {s}sessions SET seen = ? WHERE digest = ?", (now, digest))
        if posts is not None:
            held = _POSTS.decode(posts)
            return Session(_grant(held[post], token, begun + WHOLE_SECONDS), form, held, post)
        grant = self._tokens.of_digest(token)
        return None if grant is None else Session(grant, form)

    def choose(self, cookie: str, post: int) -> bool:
        """Act in another of the posts from now on; ``False`` if the session has no such post."""
        session = self.read(cookie)
        if session is None or not 0 <= post < len(session.posts):
            return False
        with self._tables.writing() as tables:
            tables.execute(
                "UPDATE {s}sessions SET post = ?, form = ? WHERE digest = ?",
                (post, _form_secret(), _digest(cookie)),
            )
        return True

    def end_of(self, person: str) -> int:
        """End every session of a person that the provider signed in; return how many there were."""
        with self._tables.writing() as tables:
            rows = tables.execute("SELECT digest, posts FROM {s}sessions WHERE posts IS NOT NULL")
            ended = [
                digest
                for digest, posts in rows.fetchall()
                if any(same_person(post.person, person) for post in _POSTS.decode(posts))
            ]
            tables.executemany(
                "DELETE FROM {s}sessions WHERE digest = ?", [(digest,) for digest in ended]
            )
        return len(ended)

    def end(self, cookie: str) -> None:
        """End the session of a cookie, if there is one."""
        with self._tables.writing() as tables:
            tables.execute("DELETE FROM {s}sessions WHERE digest = ?", (_digest(cookie),))


def _grant(holder: Holder, account: bytes, ends: float) -> Grant:
    """Return what a post allows; its id stands for the person in this post."""
    post = msgspec.json.encode(holder)
    name = sha256(account + post).hexdigest()[:16]
    return Grant(holder.unit, holder.person, holder.role, holder.entity, name, ends)


def _form_secret() -> str:
    return secrets.token_urlsafe(24)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()

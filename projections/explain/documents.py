"""Documents ready to be sent: the profiles asked for most lately, as bytes, never stale."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from datetime import date
from hashlib import sha256

import sqlalchemy as sa

from projections.follower import Follower
from projections.profiles import (
    PROFILES,
    Audience,
    Profiles,
    as_json,
    law_as_of,
    render,
    says_nothing,
)

#: Bytes of documents kept at most.
MAX_BYTES = 64 * 1024 * 1024

#: The ETag, the bytes, and the last day until which they hold.
Ready = tuple[str, bytes, date]
#: Business, audience, and whose planned visits it is told of.
_Key = tuple[str, Audience, str]


class Documents:
    """A bounded memory of documents, dropped the moment the follower commits a change to them.

    Each is its ETag and its bytes. The ETag is a digest of the bytes and no position: that would
    tell a reader of events that are hidden from it. Safe for threads. Where another process follows
    nothing is remembered, since nobody would say when it changes.
    """

    def __init__(self, follower: Follower, max_bytes: int = MAX_BYTES) -> None:
        self._follower = follower
        self._max_bytes = max_bytes
        self._bytes = 0
        self._ready: OrderedDict[_Key, Ready] = OrderedDict()
        self._keys: dict[str, set[_Key]] = {}
        self._loading: dict[_Key, object] = {}
        self._lock = threading.Lock()
        self._view = Profiles()
        follower.on_commit(self._committed)

    def get(self, entity: str, audience: Audience, today: date, plans: str = "") -> Ready | None:
        """The document of a day if it is at hand; it never blocks on a database."""
        if not self._follower.following:
            return None
        key = (entity, audience, plans)
        with self._lock:
            found = self._ready.get(key)
            if found is None or today > found[2]:
                return None
            self._ready.move_to_end(key)
            return found

    def load(self, entity: str, audience: Audience, today: date, plans: str = "") -> Ready | None:
        """The document of a day from the view, ``None`` where this audience knows of no such
        business.
        """
        key, mine = (entity, audience, plans), object()
        with self._lock:
            self._loading[key] = mine
        ready = self._read(entity, audience, today, plans)
        with self._lock:
            # If a change was committed meanwhile, what was read may be the old document.
            current = self._loading.get(key) is mine
            if current:
                del self._loading[key]
            if current and ready is not None and self._follower.following:
                self._drop(key)
                self._ready[key] = ready
                self._keys.setdefault(entity, set()).add(key)
                self._bytes += len(ready[1])
                while self._bytes > self._max_bytes:
                    self._drop(next(iter(self._ready)))
        return ready

    def _read(self, entity: str, audience: Audience, today: date, plans: str) -> Ready | None:
        columns = {
            "public": PROFILES.c.public_json,
            "restricted": PROFILES.c.state if plans else PROFILES.c.restricted_json,
            "entity": PROFILES.c.state,
        }
        column = columns[audience]
        query = sa.select(column.label("data"), PROFILES.c.holds_until, PROFILES.c.state).where(
            PROFILES.c.key == entity
        )
        with self._follower.views.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        body, until = bytes(row.data), date.fromisoformat(row.holds_until)
        if column is PROFILES.c.state or today > until:
            # One business asks for it, or a unit in whose plans it may stand, or a grade has
            # changed by time alone: rendered then.
            law = law_as_of(self._follower.source, self._follower.position("profiles"))
            profile = self._view.decode(row.state)
            day = max(today, profile.seen_on)
            body = as_json(render(profile, audience, law, plans=plans, today=day))
            until = min(profile.holds_until(day), law.manner_until(day))
        if says_nothing(body, entity, audience, plans):
            return None
        return sha256(body).hexdigest()[:32], body, until

    def _committed(self, view: str, keys: Collection[str], position: int) -> None:
        if view != Profiles.name:
            return
        with self._lock:
            for entity in keys:
                for key in tuple(self._keys.get(entity, ())):
                    self._drop(key)
            changed = set(keys)
            for key in [key for key in self._loading if key[0] in changed]:
                del self._loading[key]

    def _drop(self, key: _Key) -> None:
        found = self._ready.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])
            kept = self._keys[key[0]]
            kept.discard(key)
            if not kept:
                del self._keys[key[0]]

"""A cache of rendered profiles, as bytes ready to be sent; it never serves a stale one."""

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
    Profiles,
    Sight,
    as_json,
    law_as_of,
    render,
    says_nothing,
)

#: The most bytes of documents that are kept.
MAX_BYTES = 64 * 1024 * 1024

#: The ETag, the bytes, and the last day on which they are valid.
Ready = tuple[str, bytes, date]
_Key = tuple[str, Sight]


class Documents:
    """A bounded cache of documents; the follower's commit of a change drops the document at once.

    The ETag of a document is a digest of its bytes. A position would reveal hidden events to the
    reader. Thread-safe. If another process follows, nothing is cached, because this process would
    not hear of changes.
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

    def get(self, entity: str, sight: Sight, today: date) -> Ready | None:
        """Return the document for a day if it is cached; never blocks on the database."""
        if not self._follower.following:
            return None
        key = (entity, sight)
        with self._lock:
            ready = self._ready.get(key)
            if ready is None or today > ready[2]:
                return None
            self._ready.move_to_end(key)
            return ready

    def load(self, entity: str, sight: Sight, today: date) -> Ready | None:
        """Read the document for a day from the view and cache it.

        Returns ``None`` if these readers may not know of the business.
        """
        key, token = (entity, sight), object()
        with self._lock:
            self._loading[key] = token
        ready = self._read(entity, sight, today)
        with self._lock:
            # If a change was committed meanwhile, the document may be old: do not cache it.
            current = self._loading.get(key) is token
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

    def _read(self, entity: str, sight: Sight, today: date) -> Ready | None:
        columns = {
            "public": PROFILES.c.public_json,
            "restricted": PROFILES.c.state if sight.plans else PROFILES.c.restricted_json,
            "entity": PROFILES.c.state,
        }
        column = columns[sight.audience]
        query = sa.select(column.label("data"), PROFILES.c.holds_until, PROFILES.c.state).where(
            PROFILES.c.key == entity
        )
        with self._follower.views.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        body, until = bytes(row.data), date.fromisoformat(row.holds_until)
        if column is PROFILES.c.state or today > until:
            # Render on request: for the business itself, for a reader who may know of planned
            # visits, or because time alone has changed the grade.
            law = law_as_of(self._follower.source, self._follower.position("profiles"))
            profile = self._view.decode(row.state)
            day = max(today, profile.seen_on)
            body = as_json(render(profile, sight, law, today=day))
            until = min(profile.holds_until(day), law.manner_until(day))
        if says_nothing(body, entity, sight):
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
        ready = self._ready.pop(key, None)
        if ready is not None:
            self._bytes -= len(ready[1])
            kept = self._keys[key[0]]
            kept.discard(key)
            if not kept:
                del self._keys[key[0]]

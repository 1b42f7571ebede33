"""Documents ready to be sent: the profiles asked for most lately, as bytes, never stale."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
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

Ready = tuple[str, bytes]


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
        self._ready: OrderedDict[tuple[str, Audience], Ready] = OrderedDict()
        self._loading: dict[tuple[str, Audience], object] = {}
        self._lock = threading.Lock()
        self._view = Profiles()
        follower.on_commit(self._committed)

    def get(self, entity: str, audience: Audience) -> Ready | None:
        """The document if it is at hand; it never blocks on a database."""
        if not self._follower.following:
            return None
        key = (entity, audience)
        with self._lock:
            found = self._ready.get(key)
            if found is not None:
                self._ready.move_to_end(key)
            return found

    def load(self, entity: str, audience: Audience) -> Ready | None:
        """The document from the view, ``None`` where this audience knows of no such business."""
        key, mine = (entity, audience), object()
        with self._lock:
            self._loading[key] = mine
        ready = self._read(entity, audience)
        with self._lock:
            # If a change was committed meanwhile, what was read may be the old document.
            current = self._loading.get(key) is mine
            if current:
                del self._loading[key]
            if current and ready is not None and self._follower.following:
                self._drop(key)
                self._ready[key] = ready
                self._bytes += len(ready[1])
                while self._bytes > self._max_bytes:
                    self._drop(next(iter(self._ready)))
        return ready

    def _read(self, entity: str, audience: Audience) -> Ready | None:
        columns = {
            "public": PROFILES.c.public_json,
            "restricted": PROFILES.c.restricted_json,
            "entity": PROFILES.c.state,
        }
        query = sa.select(columns[audience]).where(PROFILES.c.key == entity)
        with self._follower.views.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        (data,) = row
        if audience == "entity":
            # Asked for seldom, by one business each: rendered when it is.
            law = law_as_of(self._follower.source, self._follower.position("profiles"))
            data = as_json(render(self._view.decode(data), audience, law))
        body = bytes(data)
        if says_nothing(body, entity, audience):
            return None
        return sha256(body).hexdigest()[:32], body

    def _committed(self, view: str, keys: Collection[str], position: int) -> None:
        if view != Profiles.name:
            return
        with self._lock:
            for key in keys:
                for audience in _AUDIENCES:
                    self._drop((key, audience))
                    self._loading.pop((key, audience), None)

    def _drop(self, key: tuple[str, Audience]) -> None:
        found = self._ready.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])


_AUDIENCES: tuple[Audience, ...] = ("public", "entity", "restricted")

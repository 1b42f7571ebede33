"""What the service answers, as far as integrators use it; unknown fields are passed over."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the feed, a CloudEvent 1.0.

    ``position`` is its place in the ledger; ``data`` its content, by ``type`` and
    ``schemaversion``.
    """

    id: str
    source: str
    type: str
    time: datetime
    position: int
    data: dict[str, Any]
    subject: str | None = None
    dataschema: str | None = None
    occurredat: datetime
    visibility: str
    schemaversion: int
    actorunit: str
    actorrole: str
    correlationid: str
    causationid: str | None = None
    commandid: str


class FeedPage(msgspec.Struct, frozen=True):
    """A page of the feed; the next one begins after ``next_after``."""

    events: tuple[Event, ...]
    next_after: int
    head: int


class Actor(msgspec.Struct, frozen=True):
    """Who acted; ``withheld`` in place of what the token may not know."""

    unit_id: str
    person_id: str
    role: str


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it was recorded: its envelope, and its body, which depends on its type."""

    position: int
    event_id: str
    type: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    correlation_id: str
    command_id: str
    visibility: str
    body: dict[str, Any]
    causation_id: str | None = None


class Recorded(msgspec.Struct, frozen=True):
    """The answer to a command. ``repeated``: it was recorded by an earlier request with its key.

    ``position``: read with ``at_least=position`` to see what was recorded.
    """

    position: int
    events: tuple[RecordedEvent, ...]
    repeated: bool


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the register says of a business."""

    name: str | None = None
    address: str | None = None
    area: str | None = None
    line: str | None = None
    registered_on: str | None = None


class ProfileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record on a credit profile. ``status`` says whether it is published, and why if not."""

    record: str
    status: str
    unit: str = ""
    kind: str = ""
    title: str = ""
    doc_no: str = ""
    severity: str | None = None
    amount_fen: int | None = None
    determined_on: date | None = None
    ended_on: date | None = None
    repairable: bool = False
    earliest_repair_on: date | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The credit profile of a business, as far as the token may know it.

    ``raw`` has every field that the service sent.
    """

    entity: str
    registered: bool
    listed: bool
    identity: Identity = Identity()
    grade: str | None = None
    records: tuple[ProfileRecord, ...] = ()
    raw: dict[str, Any] = {}


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that a subscriber must remove a record; ``acknowledged_on`` when it confirmed."""

    removal: str
    subscription: str
    unit: str
    entity: str
    record: str
    determined_by: str | None = None
    reason: str | None = None
    ended_on: date | None = None
    notified_on: date | None = None
    reminded_on: date | None = None
    removed_on: date | None = None
    acknowledged_on: date | None = None

"""Audit trails (审计轨迹): every event about a subject, as recorded and as corrected today.

The trail index (``projections.explain.trailindex``) selects the events of a page, among those that
the reader may see; their content comes from the ledger itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import Any
from uuid import UUID

import msgspec

from ledger.kernel import (
    Actor,
    LegalRef,
    Provenance,
    RecordCorrected,
    Recorded,
    Visibility,
    civil_moment,
    codec,
)
from ledger.kernel.corrections import CorrectionImpossible, as_corrected
from ledger.kernel.rules import rule_of
from ledger.transparency.merkle import leaf_hash
from projections.explain.trailindex import (
    MAX_POSITION,
    Reader,
    Row,
    Trails,
    corrections_of,
    microseconds,
    numbers,
    read,
    recorded_by,
)
from projections.follower import Views
from projections.source import Source

#: The most events on one page.
MAX_PAGE = 500

#: The most visible events examined for one page, if a filter passes few of them.
MAX_LOOK = 20_000

#: Of these as many are examined at a time.
_AT_A_TIME = 500


class TrailEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a trail.

    ``body``: the recorded fields. ``now``: the fields after corrections, whose positions are
    ``corrected_by``; absent if there are none. ``rule_id``, ``rule`` and ``law``: those of a
    finding. ``says``: what happened, as a sentence in the reader's language. ``hash``: the leaf
    hash of the stored bytes in the Merkle log (RFC 6962), which the public log tiles contain.
    ``proof``: the path of the inclusion proof (2.16). ``unreadable``: why this
    program cannot decode the event, instead of a body.
    """

    position: int
    type: str
    hash: str
    proof: str
    event_id: UUID | None = None
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    visibility: Visibility | None = None
    actor: Actor | None = None
    body: dict[str, Any] | None = None
    now: dict[str, Any] | None = None
    corrected_by: tuple[int, ...] = ()
    occurred_at_now: datetime | None = None
    legal_basis: tuple[LegalRef, ...] = ()
    policy_refs: dict[str, int] = {}
    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    command_id: str | None = None
    provenance: Provenance | None = None
    rule_id: str | None = None
    rule: str | None = None
    law: str | None = None
    unreadable: str | None = None
    says: str | None = None


class Trail(msgspec.Struct, frozen=True):
    """A page of a trail.

    ``next_after``: the position at which the page ends, if there is a next one; ``next`` is the
    same as a cursor, as lists have it.
    """

    entries: list[TrailEntry]
    next_after: int | None = None
    next: str | None = None


def trail(
    views: Views,
    source: Source,
    tags: Sequence[str],
    reader: Reader,
    *,
    after: int = 0,
    limit: int = 100,
    topics: Collection[str] = (),
    known_as_of: datetime | None = None,
    newest: bool = False,
    since: date | None = None,
    until: date | None = None,
    person: str | None = None,
) -> tuple[Trail, int]:
    """Return the events after a position that carry any of ``tags``, in order, at most ``limit``.

    ``newest``: the newest first, which come before the position; from the end if it is 0. ``since``
    and ``until``: the first and the last day of recording.

    At most ``MAX_LOOK`` events that ``reader`` may see are examined for one page. If ``topics`` and
    ``known_as_of`` (only events and corrections known by then) or ``person`` (who recorded them)
    pass few of them, the page is shorter and ``next_after`` is the last event examined. An
    officer's trail takes two tags: one for events about the officer, one for events that the
    officer recorded.

    The second value is the position that the index has reached.
    """
    limit = max(1, min(limit, MAX_PAGE))
    with views.reading() as connection:
        place = views.place(connection, Trails.name)
        wanted = numbers(connection, topics) if topics else None
        known = None if known_as_of is None else microseconds(known_as_of)
        first, end = 0, MAX_POSITION
        if since is not None:
            first = _last_before(source, civil_moment(since), place)
        if until is not None:
            end = _last_before(source, civil_moment(until + timedelta(1)), place) + 1
        if newest:
            end = min(end, after or end)
        else:
            first = max(first, after)
        rows = read(connection, reader, tags, first, end, newest=newest)
        by = None if person is None else recorded_by(connection, reader, person)
        narrowed = wanted is not None or known is not None or by is not None
        positions: list[int] = []
        last, looked, more = after, 0, True
        while more and looked < MAX_LOOK and len(positions) < limit:
            some = list(islice(rows, min(_AT_A_TIME, MAX_LOOK - looked) if narrowed else limit))
            looked += len(some)
            fitting = [row.position for row in some if _fits(row, wanted, known)]
            chosen = fitting if by is None else by(fitting)
            room = limit - len(positions)
            positions += chosen[:room]
            if len(chosen) >= room:
                last = positions[-1]
                more = last != some[-1].position or next(rows, None) is not None
            elif some:
                last = some[-1].position
                following = next(rows, None)
                more = following is not None
                rows = chain(() if following is None else (following,), rows)
            else:
                more = False
        positions.sort()  # for reading; the newest may have come first
        corrections = corrections_of(connection, positions)
    entries = _entries(source, positions, corrections, known_as_of)
    if newest:
        entries.reverse()
    return Trail(entries, last, str(last)) if more else Trail(entries), place


def _last_before(source: Source, moment: datetime, head: int) -> int:
    """Return the last position recorded before a moment, 0 if there is none.

    Recording times never decrease, so a binary search finds it.
    """
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        (stored,) = source.exactly([middle])
        recorded_at = codec.plain(stored.event.data)["recorded_at"]
        if datetime.fromisoformat(recorded_at) < moment:
            low = middle
        else:
            high = middle - 1
    return low


def _fits(row: Row, types: Collection[int] | None, known_at: int | None) -> bool:
    """Return whether an event has one of these types and, if that is known, was known by then."""
    if types is not None and row.type not in types:
        return False
    return known_at is None or row.known_at is None or row.known_at <= known_at


def _entries(
    source: Source,
    positions: Sequence[int],
    corrections: Sequence[int],
    known_as_of: datetime | None,
) -> list[TrailEntry]:
    events: list[tuple[Recorded | codec.UnreadableRecord, Any]] = []
    for stored in source.exactly(positions):
        try:
            events.append((codec.decode(stored.position, stored.event.data), stored))
        except codec.UnreadableRecord as error:
            events.append((error, stored))
    records = [record for record, _ in events if isinstance(record, Recorded)]
    now = _as_it_reads(source, records, corrections, known_as_of)
    return [_entry(record, stored, now) for record, stored in events]


Now = dict[UUID, tuple[Recorded | None, list[int]]]


def _as_it_reads(
    source: Source,
    records: Sequence[Recorded],
    positions: Sequence[int],
    known_as_of: datetime | None,
) -> Now:
    """Return the corrected records among ``records`` as they read now, with their corrections.

    ``positions`` are those of all corrections of these records.
    """
    wanted = {record.envelope.event_id: record for record in records}
    corrections: dict[UUID, list[Recorded]] = {}
    for stored in source.exactly(positions):
        record = codec.decode(stored.position, stored.event.data)
        known = known_as_of is None or record.envelope.known_at <= known_as_of
        if known and isinstance(record.event, RecordCorrected):
            corrections.setdefault(record.event.target_event_id, []).append(record)
    now: Now = {}
    for event_id in corrections.keys() & wanted.keys():
        positions = [record.position for record in corrections[event_id]]
        try:
            (reads, *_) = as_corrected([wanted[event_id], *corrections[event_id]])
        except CorrectionImpossible:
            # A correction that does not fit its event is shown all the same: it is recorded.
            now[event_id] = (None, positions)
        else:
            now[event_id] = (reads, positions)
    return now


def _entry(record: Recorded | codec.UnreadableRecord, stored: Any, now: Now) -> TrailEntry:
    proved: dict[str, Any] = {
        "position": stored.position,
        "type": stored.event.type,
        "hash": leaf_hash(stored.event.data).hex(),
        "proof": f"/v1/events/{stored.position}/proof",
    }
    if not isinstance(record, Recorded):
        return TrailEntry(**proved, unreadable=str(record))
    envelope = record.envelope
    body = codec.plain(stored.event.data)["body"]
    reads, corrected_by = now.get(envelope.event_id, (None, []))
    rule_id = getattr(record.event, "rule_id", None)
    rule = rule_of(rule_id) if isinstance(rule_id, str) else None
    return TrailEntry(
        **proved,
        event_id=envelope.event_id,
        occurred_at=envelope.occurred_at,
        recorded_at=envelope.recorded_at,
        visibility=envelope.visibility,
        actor=envelope.actor,
        body=body,
        now=None if reads is None else msgspec.to_builtins(reads.event),
        corrected_by=tuple(corrected_by),
        occurred_at_now=reads.envelope.occurred_at
        if reads is not None and reads.envelope.occurred_at != envelope.occurred_at
        else None,
        legal_basis=envelope.legal_basis,
        policy_refs=envelope.policy_refs,
        causation_id=envelope.causation_id,
        correlation_id=envelope.correlation_id,
        command_id=envelope.command_id,
        provenance=envelope.provenance,
        rule_id=rule_id,
        rule=None if rule is None else rule.message,
        law=None if rule is None else rule.law,
    )


__all__ = ["MAX_PAGE", "Reader", "Trail", "TrailEntry", "trail"]

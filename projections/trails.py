"""Audit trails (审计轨迹): every event about a subject, as recorded and as it reads today.

Straight from the ledger's tag index: a trail has no view that could lag, and no event can be
missing from it that the ledger holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ledger.kernel import Actor, LegalRef, Provenance, RecordCorrected, Recorded, Visibility, codec
from ledger.kernel.corrections import CorrectionImpossible, as_corrected
from ledger.kernel.folds import Selector
from ledger.kernel.rules import rules
from ledger.transparency.merkle import leaf_hash
from projections.source import Source

#: The most events on one page.
MAX_PAGE = 500

#: Events looked at for one page at most when the reader may see few of them.
MAX_LOOK = 5_000


class TrailEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a trail.

    ``body`` is what was recorded, field by field; ``now`` is what it says today, where corrections
    (at the positions ``corrected_by``) changed it. ``rule_id``, ``rule`` and ``law`` are those of
    a finding. ``hash`` is that of the stored bytes as a leaf of the Merkle log (RFC 6962; in the
    log's tiles for everybody), ``proof`` the path of the proof that it is included (2.16).
    ``unreadable`` stands in place of a body that this program cannot read.
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


class Trail(msgspec.Struct, frozen=True):
    """A page of a trail. ``next_after`` is the place to go on from, absent at the end."""

    entries: list[TrailEntry]
    next_after: int | None = None


#: Whether the reader may see an event of this type and visibility, by this unit, with these tags.
MaySee = Callable[[str, Visibility, str, Sequence[str]], bool]


def trail(
    source: Source,
    tags: Sequence[str],
    *,
    after: int = 0,
    limit: int = 100,
    may_see: MaySee = lambda topic, visibility, unit, tags: True,
    topics: Collection[str] = (),
    known_as_of: datetime | None = None,
) -> Trail:
    """The events after a position that carry any of ``tags``, in order, at most ``limit``.

    An officer's trail takes two tags: what concerns the officer, and what the officer did. With
    ``known_as_of``, only events and corrections that were known by then.
    """
    limit = max(1, min(limit, MAX_PAGE))
    selectors = [Selector(tuple(topics), (tag,)) for tag in tags]
    found: list[tuple[Recorded | codec.UnreadableRecord, Any]] = []
    looked, last = 0, after
    ended = False
    while len(found) < limit and looked < MAX_LOOK:
        page = source.after(selectors, last, limit + 1)
        for stored in page:
            if len(found) == limit:
                break
            looked += 1
            last = stored.position
            try:
                record = codec.decode(stored.position, stored.event.data)
            except codec.UnreadableRecord as error:
                # Nobody can say whom it concerns: it is shown to whoever may see everything.
                if may_see(stored.event.type, "sealed", "", stored.event.tags):
                    found.append((error, stored))
                continue
            envelope = record.envelope
            known = known_as_of is None or envelope.known_at <= known_as_of
            unit, seen_as = envelope.actor.unit_id, envelope.visibility
            if known and may_see(envelope.type, seen_as, unit, stored.event.tags):
                found.append((record, stored))
        if len(page) <= limit and (not page or page[-1].position == last):
            ended = True
            break
    records = [record for record, _ in found if isinstance(record, Recorded)]
    now = _as_it_reads(source, records, known_as_of)
    return Trail([_entry(record, stored, now) for record, stored in found], None if ended else last)


Now = dict[UUID, tuple[Recorded | None, list[int]]]


def _common(tag: str) -> bool:
    """Whether many events carry a tag of this kind; the rarest stands first in a selector."""
    return tag.startswith(("unit:", "matter:"))


def _as_it_reads(source: Source, records: Sequence[Recorded], known_as_of: datetime | None) -> Now:
    """The corrected records among ``records`` as they read now, with the corrections' positions."""
    wanted = {record.envelope.event_id: record for record in records}
    corrections: dict[UUID, list[Recorded]] = {}
    # A correction carries every tag of what it corrects, so that few corrections carry them all.
    selectors = {
        Selector((RecordCorrected.TOPIC,), tuple(sorted(record.event.tags(), key=_common)))
        for record in records
        if not isinstance(record.event, RecordCorrected) and record.event.tags()
    }
    for record in source.records(selectors) if selectors else ():
        known = known_as_of is None or record.envelope.known_at <= known_as_of
        if known and isinstance(record.event, RecordCorrected):
            corrections.setdefault(record.event.target_event_id, []).append(record)
    now: Now = {}
    for event_id in corrections.keys() & wanted.keys():
        positions = [record.position for record in corrections[event_id]]
        try:
            (reads, *_) = as_corrected([wanted[event_id], *corrections[event_id]])
        except CorrectionImpossible:
            # The trail shows what is recorded, a correction that fits nothing included.
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
    rule = rules().get(rule_id) if isinstance(rule_id, str) else None
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


__all__ = ["MAX_PAGE", "MaySee", "Trail", "TrailEntry", "Visibility", "trail"]

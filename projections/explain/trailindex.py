"""The index of audit trails: for each subject and audience, the visible events in order.

There is one row per event, subject and audience. A reader has at most five audiences; a supervisor
of the Justice Bureau with a token of another unit has one more for each set of units from which
something sealed is hidden. A page merges one range of this table per audience and reads no row that
its reader may not see. The content, the end and the cost of a page therefore depend only on what
the reader may see (rulebook 2.17).

A search (``projections.explain.searching``) combines conditions. So besides its subjects each event
has *facets*: its type, its rule, the policy versions and the laws that it names, its correlation
and its causation, each with rows like those of a subject. ``WORDS`` has the free texts of events.
Two ranges with many rows may have few in common, or none. So that a search need not walk one of
them row by row, ``BLOCKS`` has the positions of a range as bits, a row for each block of positions
that is complete and in which the range has many.

``NAMES`` numbers subjects, facets, audiences and types in the order of their first occurrence.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import ClassVar, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from ledger.general.audiences import (
    BUREAU,
    BUREAU_UNIT,
    OTHERS,
    SUPERVISING,
    audiences_of,
    units_named,
    visibility_of,
)
from ledger.general.findings import FindingRaised
from ledger.general.personaldata import words_of
from ledger.kernel import RecordCorrected, Recorded, codec
from projections.source import Entry, Source
from projections.tables import Code, Connection, Store, in_groups
from projections.views import View
from projections.words import search_key

#: The kinds of subjects that have a trail. ``actor`` is the person who recorded an event.
KINDS = frozenset(
    {
        "actor",
        "case",
        "complaint",
        "decision",
        "designation",
        "entity",
        "experience",
        "finding",
        "inspection",
        "joint",
        "matter",
        "officer",
        "outreach",
        "plan",
        "recon",
        "record",
        "supdoc",
        "task",
        "unit",
    }
)

#: The facet that every event has.
EVERYTHING = "=everything"

#: The most names kept in memory; beyond that they are read from the table again.
MAX_NAMES = 200_000

#: Rows read from one range at a time: the first and the largest number; it doubles each time.
_FEWEST = 32
_MOST = 1_024

#: More than any position.
MAX_POSITION = 2**63 - 1

_METADATA = sa.MetaData()

NAMES = sa.Table(
    "trail_names",
    _METADATA,
    sa.Column("name", Code, primary_key=True),
    sa.Column("id", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

TRAILS = sa.Table(
    "trails",
    _METADATA,
    sa.Column("subject", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("audience", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("type", sa.BigInteger, nullable=False),
    #: When the ledger knew of the event, in microseconds since 1970; null if it is unreadable.
    sa.Column("known_at", sa.BigInteger),
    #: The civil day on which it happened, as an ordinal; null if it is unreadable.
    sa.Column("day", sa.BigInteger),
    sqlite_with_rowid=False,
)

#: The free texts of events, as search keys.
WORDS = sa.Table(
    "trail_words",
    _METADATA,
    sa.Column("audience", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

#: Positions in a block, and the fewest rows of a range in a block that are kept as bits.
BLOCK, DENSE = 65_536, 1_024

#: The positions of a range within a block: the bit for each is set, the lowest one first.
BLOCKS = sa.Table(
    "trail_blocks",
    _METADATA,
    sa.Column("subject", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("audience", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bits", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

#: The corrections of each corrected event, found by the position of the event.
CORRECTIONS = sa.Table(
    "trail_corrections",
    _METADATA,
    sa.Column("target", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

_UNREADABLE = TRAILS.c.known_at.is_(None)

sa.Index(
    "trails_unreadable",
    TRAILS.c.position,
    sqlite_where=_UNREADABLE,
    postgresql_where=_UNREADABLE,
)

#: The prefix of an audience "the bureau without some units"; a JSON list of the units follows.
#: ``_END`` is the first text that sorts after all names with this prefix.
_BUT = f"{BUREAU} but "
_END = f"{BUREAU} but!"


#: The supervisors of the Justice Bureau itself: the audience of what is hidden from other units.
#: Nearly every supervisor is one, so they need not look for each set of units.
_AT_HOME = f"{BUREAU} at home"


class Reader(Protocol):
    """The reader of a trail: the reader's audiences and unit."""

    @property
    def audiences(self) -> frozenset[str]: ...
    @property
    def unit(self) -> str: ...


class Row(msgspec.Struct, frozen=True):
    """One event of a trail in the index; ``known_at`` as in ``TRAILS``."""

    position: int
    type: int
    known_at: int | None


def microseconds(moment: datetime) -> int:
    """Return a moment as the index stores it: whole microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


class Trails(View):
    """The view of the trail index, which includes events that this program cannot decode.

    An undecodable event is in the trails of the subjects in its stored tags, visible to the Justice
    Bureau alone, because it is not known who else may see it.
    """

    name = "trails"
    version = 5
    tables = (NAMES, TRAILS, WORDS, BLOCKS, CORRECTIONS)
    whole: ClassVar[bool] = True

    topics = frozenset()

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._next: int | None = None
        #: Whether all names of the table are in memory, so that a missing name is a new one.
        self._all = False
        #: The ranges of the block that is not complete yet, as offsets within it, from a position.
        self._held: dict[tuple[int, int], array[int]] = {}
        self._held_from = 1

    def outdated(self, connection: Connection, source: Source) -> bool:
        """Return whether this program can decode an event that the earlier program could not."""
        query = sa.select(TRAILS.c.position).where(_UNREADABLE).distinct().order_by("position")
        for stored in source.exactly(connection.execute(query).scalars().all()):
            with suppress(codec.UnreadableRecord):
                codec.decode(stored.position, stored.event.data)
                return True
        return False

    def begin(self, source: Source, position: int) -> None:
        # Names that a failed transaction numbered are not in the table.
        self._ids, self._next, self._all = {}, None, False
        self._held, self._held_from = {}, position + 1

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        placed = [_placed(entry) for entry in entries]
        ids = self._numbered(placed, store)
        rows = [
            (
                ids[subject],
                ids[audience],
                event.position,
                ids[event.type],
                event.known_at,
                event.day,
            )
            for event in placed
            for subject, audience in event.places
        ]
        store.add(TRAILS, rows)
        words = [
            (ids[audience], event.position, event.words)
            for event in placed
            if event.words
            for audience in event.audiences
        ]
        store.add(WORDS, words)
        for event in placed:
            self._hold(event, ids)
            if event.position % BLOCK == BLOCK - 1:
                store.add(BLOCKS, self._completed(event.position, store, source))
        corrections = [
            (entry.record.event.target_position, entry.position)
            for entry in entries
            if isinstance(entry.record, Recorded)
            and isinstance(entry.record.event, RecordCorrected)
        ]
        store.add(CORRECTIONS, corrections)

    def _hold(self, event: _Placed, ids: Mapping[str, int]) -> None:
        offset = event.position % BLOCK
        for subject, audience in event.places:
            self._held.setdefault((ids[subject], ids[audience]), array("I")).append(offset)

    def _completed(
        self, last: int, store: Store, source: Source
    ) -> list[tuple[int, int, int, bytes]]:
        """Return the rows of the block that ends at a position, and begin the next block."""
        first = max(1, last - BLOCK + 1)
        if self._held_from > first:
            # The caches were dropped within the block.
            earlier = source.page(first - 1, self._held_from - first, None).entries
            placed = [_placed(entry) for entry in earlier]
            ids = self._numbered(placed, store)
            for event in placed:
                self._hold(event, ids)
        rows = [
            (subject, audience, last // BLOCK, as_bits(offsets))
            for (subject, audience), offsets in self._held.items()
            if len(offsets) >= DENSE
        ]
        self._held, self._held_from = {}, last + 1
        return rows

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        return ()

    def committed(self) -> None:
        if len(self._ids) > MAX_NAMES:
            self._ids, self._all = {}, False

    def _numbered(self, placed: Iterable[_Placed], store: Store) -> dict[str, int]:
        """Return the numbers of all names that these events need; new names get the next ones."""
        ids = self._ids
        missing: dict[str, None] = {}
        for event in placed:
            for name in chain((event.type,), *event.places):
                if name not in ids:
                    missing[name] = None
        if self._next is None:
            highest = store.connection.execute(sa.select(sa.func.max(NAMES.c.id))).scalar_one()
            self._next = (highest or 0) + 1
            self._all = self._next == 1
        if missing and not self._all:
            ids.update((row.name, row.id) for row in store.get(NAMES, NAMES.c.name, missing))
        added = []
        for name in missing:
            if name not in ids:
                ids[name] = self._next
                added.append((name, self._next))
                self._next += 1
        store.add(NAMES, added)
        return ids


def as_bits(offsets: Iterable[int]) -> bytes:
    """Return the bits of a block in which those at these offsets are set."""
    bits = bytearray(BLOCK // 8)
    for offset in offsets:
        bits[offset >> 3] |= 1 << (offset & 7)
    return bytes(bits)


class _Placed(NamedTuple):
    """An event, with the pairs of subject and audience under which it is found."""

    position: int
    type: str
    known_at: int | None
    day: int | None
    places: list[tuple[str, str]]
    words: str
    audiences: Sequence[str]


def _placed(entry: Entry) -> _Placed:
    position, topic, tags, record = entry
    if not isinstance(record, Recorded):
        seen: Sequence[str] = _bureau_but(units_named(tags))
        places = [
            (tag, name) for tag in dict.fromkeys(tags) if _kind(tag) in KINDS for name in seen
        ]
        return _Placed(position, topic, None, None, places, "", ())
    envelope = record.envelope
    visibility = visibility_of(topic, envelope.visibility, tags)
    seen = _without(record, audiences_of(visibility, envelope.actor.unit_id, tags))
    places = []
    for tag in dict.fromkeys(tags):
        kind = _kind(tag)
        if kind == "actor":
            places += [(tag, name) for name in _without(record, knowing_actor(record, tags))]
        elif kind in KINDS:
            places += [(tag, name) for name in seen]
    places += [(facet, name) for facet in _facets(record) for name in seen]
    known_at, day = microseconds(envelope.known_at), record.occurred_on.toordinal()
    return _Placed(position, topic, known_at, day, places, _words(record), seen)


def facet(kind: str, value: object) -> str:
    """Return the name of a facet. No tag begins like it, so it is never taken for a subject."""
    return f"={kind}:{value}"


def _facets(record: Recorded) -> Iterator[str]:
    """Yield the facets of an event, each once."""
    envelope = record.envelope
    yield EVERYTHING
    yield facet("type", envelope.type)
    yield facet("correlation", envelope.correlation_id)
    if envelope.causation_id is not None:
        yield facet("causation", envelope.causation_id)
    if isinstance(rule := getattr(record.event, "rule_id", None), str):
        yield facet("rule", rule)
    for key, version in envelope.policy_refs.items():
        yield facet("policy", f"{key}@{version}")
    for law in dict.fromkeys(ref.instrument for ref in envelope.legal_basis):
        yield facet("law", law)


def _words(record: Recorded) -> str:
    """Return the free texts of an event as one search key, a line for each."""
    return "\n".join(words_key(words) for _, words in words_of(record.event))


def words_key(words: str) -> str:
    """Return free text in its form for searching. Databases end a text at the character NUL."""
    return search_key(words.replace("\0", " "))


def _kind(tag: str) -> str:
    return tag.partition(":")[0]


def knowing_actor(
    record: Recorded, tags: Sequence[str], kept_from: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the audiences that may know who recorded an event, without the units in ``kept_from``.

    An event found in an officer's trail reveals who recorded it. The public may know only the unit
    behind a public event, so the event counts as shared here; for a finding it counts as sealed.
    """
    envelope, unit = record.envelope, record.envelope.actor.unit_id
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    if isinstance(record.event, FindingRaised):
        visibility = "sealed"
    elif visibility == "public":
        visibility = "shared"
    return audiences_of(visibility, unit, tags, kept_from)


def _without(record: Recorded, audiences: tuple[str, ...]) -> tuple[str, ...]:
    """Return the audiences of an event without the units from which it is hidden."""
    if not (units := record.event.kept_from()):
        return audiences
    barred = {f"unit:{unit}" for unit in units}
    others = {BUREAU: _bureau_but(units)}
    if BUREAU_UNIT in units:
        others[SUPERVISING] = (OTHERS,)
    return tuple(other for a in audiences if a not in barred for other in others.get(a, (a,)))


def _bureau_but(units: Collection[str]) -> tuple[str, ...]:
    """Return the bureau's audiences, without its supervisors who belong to one of these units."""
    if not units:
        return (BUREAU,)
    elsewhere = _BUT + msgspec.json.encode(sorted(units)).decode()
    return (elsewhere,) if BUREAU_UNIT in units else (elsewhere, _AT_HOME)


def read(
    connection: Connection,
    reader: Reader,
    tags: Sequence[str],
    after: int = 0,
    before: int = MAX_POSITION,
    *,
    newest: bool = False,
) -> Iterator[Row]:
    """Yield the rows of all ``tags`` that a reader may see between two positions, each once.

    They come in order, or the newest first. It reads little more than the caller consumes.
    ``connection`` must stay open meanwhile.
    """
    names = numbered(connection, {*tags, *named(reader)})
    # A search for an unknown subject takes as long as one for hidden rows, so the response time
    # does not reveal which it was.
    scans = [
        _scan(connection, subject, audience, (after, before), newest)
        for subject in (names.get(tag, _NONE) for tag in tags)
        for audience in audiences_in(connection, reader, names, subject)
    ]
    last = 0
    for row in heapq.merge(*scans, key=_POSITION, reverse=newest):
        if row.position != last:  # an officer's own act can match both tags
            last = row.position
            yield row


def recorded_by(
    connection: Connection, reader: Reader, person: str
) -> Callable[[Sequence[int]], list[int]]:
    """Return a function that keeps the positions of the events that a person recorded.

    Only of events whose recorder the reader may know.
    """
    names = numbered(connection, {f"actor:{person}", *named(reader)})
    subject = names.get(f"actor:{person}", _NONE)
    query = sa.select(TRAILS.c.position).where(
        TRAILS.c.subject == subject,
        TRAILS.c.audience.in_(audiences_in(connection, reader, names, subject)),
    )

    def keep(positions: Sequence[int]) -> list[int]:
        known = {
            position
            for some in in_groups(positions)
            for position in connection.execute(query.where(TRAILS.c.position.in_(some))).scalars()
        }
        return [position for position in positions if position in known]

    return keep


def times_of(connection: Connection, reader: Reader, tag: str) -> tuple[list[int], list[int]]:
    """Return when the events about a subject happened and when they were known, each time once.

    The first are civil days as ordinals, the second are in microseconds since 1970.
    """
    names = numbered(connection, {tag, *named(reader)})
    subject = names.get(tag, _NONE)
    of_reader = (
        TRAILS.c.subject == subject,
        TRAILS.c.audience.in_(audiences_in(connection, reader, names, subject)),
        TRAILS.c.day.is_not(None),
    )
    happened, known = (
        connection.execute(sa.select(column).where(*of_reader).distinct()).scalars().all()
        for column in (TRAILS.c.day, TRAILS.c.known_at)
    )
    return sorted(happened), sorted(known)


def named(reader: Reader) -> frozenset[str]:
    """Return the names of a reader's audiences that do not depend on a subject."""
    at_home = BUREAU in reader.audiences and reader.unit == BUREAU_UNIT
    return reader.audiences | {_AT_HOME} if at_home else reader.audiences


def audiences_in(
    connection: Connection, reader: Reader, names: Mapping[str, int], subject: int
) -> list[int]:
    """Return the numbers of a reader's audiences under a subject; ``names`` numbers the names."""
    audiences = [names[name] for name in named(reader) if name in names]
    if BUREAU in reader.audiences and reader.unit != BUREAU_UNIT:
        audiences += _exceptions(connection, subject, reader.unit)
    return audiences


def numbers(connection: Connection, names: Collection[str]) -> frozenset[int]:
    """Return the numbers of these names; unknown names have none."""
    return frozenset(numbered(connection, names).values())


def numbered(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """Return the numbers of these names by name; unknown names are left out."""
    query = sa.select(NAMES.c.name, NAMES.c.id)
    return {
        row.name: row.id
        for some in in_groups(sorted(names))
        for row in connection.execute(query.where(NAMES.c.name.in_(some)))
    }


def _exceptions(connection: Connection, subject: int, unit: str) -> list[int]:
    """Return the bureau's audiences for events of a subject hidden from units other than ``unit``.

    Each set of units from which an event is hidden is an audience; a subject has few of them.
    """
    return [
        row.id
        for row in connection.execute(_KEPT, {"subject": subject})
        if unit not in msgspec.json.decode(row.name.removeprefix(_BUT))
    ]


def corrections_of(connection: Connection, positions: Sequence[int]) -> list[int]:
    """Return the positions of the corrections of the events at ``positions``, in order."""
    query = sa.select(CORRECTIONS.c.position)
    return sorted(
        position
        for some in in_groups(positions)
        for position in connection.execute(query.where(CORRECTIONS.c.target.in_(some))).scalars()
    )


def _scan(
    connection: Connection, subject: int, audience: int, between: tuple[int, int], newest: bool
) -> Iterator[Row]:
    """Yield the rows of one range, reading few rows first and then more at a time."""
    size = _FEWEST
    after, before = between
    bounds = {"subject": subject, "audience": audience, "after": after, "before": before}
    while True:
        rows = connection.execute(_DOWN if newest else _UP, {**bounds, "size": size}).all()
        for position, topic, known_at in rows:
            yield Row(position, topic, known_at)
        if len(rows) < size:
            return
        bounds["before" if newest else "after"] = rows[-1].position
        size = min(2 * size, _MOST)


#: No name has this number.
_NONE = -1
_POSITION = attrgetter("position")
_KEPT = sa.select(NAMES.c.name, NAMES.c.id).where(
    NAMES.c.name >= _BUT,
    NAMES.c.name < _END,
    sa.exists().where(TRAILS.c.subject == sa.bindparam("subject"), TRAILS.c.audience == NAMES.c.id),
)
_RANGE = (
    sa.select(TRAILS.c.position, TRAILS.c.type, TRAILS.c.known_at)
    .where(
        TRAILS.c.subject == sa.bindparam("subject"),
        TRAILS.c.audience == sa.bindparam("audience"),
        TRAILS.c.position > sa.bindparam("after"),
        TRAILS.c.position < sa.bindparam("before"),
    )
    .limit(sa.bindparam("size"))
)
_UP = _RANGE.order_by(TRAILS.c.position)
_DOWN = _RANGE.order_by(TRAILS.c.position.desc())

"""In-trays: what waits, kept by tray, so that a reader's inbox is one range of rows (2.18).

A tray is ``<role>@<unit>``; ``<role>@*`` of an office that answers for the whole region;
``entity_rep@<business>``; and ``enforcement_officer@<unit>/<officer>`` for what names the officers
who are responsible. An event opens an item in a tray, or ends it there, only if those who read
the tray may see the event (``ledger.general.audiences``): what somebody may not know changes
nothing in their inbox. Rows follow from the events about an item's main subject alone; a correction
lets them follow anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.general.audiences import audiences_for, audiences_of, visibility_of
from ledger.general.vocabulary import Role, person_key
from ledger.kernel import Event, RecordCorrected, Recorded, codec
from ledger.kernel.corrections import as_corrected
from ledger.kernel.folds import Selector
from projections.inbox.items import WAITS
from projections.inbox.waiting import OFFICES, Waiting
from projections.source import Entry, Source
from projections.tables import Code, Store, kept_from
from projections.views import View

#: Stands for every unit in the tray of an office that answers for the region.
ANYWHERE = "*"

INBOX = sa.Table(
    "inbox",
    sa.MetaData(),
    #: Orders an inbox by how long things have waited: position, row of the table, subject, tray.
    sa.Column("key", Code, primary_key=True),
    sa.Column("tray", Code, nullable=False, index=True),
    sa.Column("row", Code, nullable=False),
    sa.Column("system", Code, nullable=False),
    #: The tag of the subject, by which a deadline finds it too, and all that the end must carry.
    sa.Column("main", Code, nullable=False, index=True),
    sa.Column("about", Code, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("since", Code, nullable=False),
    sa.Column("unit", Code),
    #: The officers who are responsible, as a JSON array.
    sa.Column("persons", sa.Text, nullable=False),
    #: The ``person_key`` of who may not answer it, since it is their own request.
    sa.Column("but", Code),
    #: The units that may not know of it, whatever tray they read: an office's is the region's.
    sa.Column("kept_from", sa.Text, nullable=False),
    #: What the event says that the command may be filled with, as a JSON object.
    sa.Column("known", sa.Text, nullable=False),
)


_COLUMNS = tuple(column.name for column in INBOX.columns)


def tray_of(role: str, unit: str, person: str | None = None) -> str:
    """The name of a tray; ``person`` for what waits for one officer."""
    return f"{role}@{unit}" if person is None else f"{role}@{unit}/{person_key(person)}"


def place(position: int) -> str:
    """A position as it begins a key: of one length, so that keys sort by it."""
    return f"{position:012d}"


class Tray(msgspec.Struct, frozen=True):
    """A tray, and what its readers may see of a unit or business."""

    name: str
    role: Role
    unit: str
    entity: str | None = None

    def sees(self, audiences: Collection[str]) -> bool:
        """Whether its readers see an event with these audiences."""
        return not _audiences(self.role, self.unit, self.entity).isdisjoint(audiences)


#: The same few trays come again and again.
_audiences = lru_cache(maxsize=4096)(audiences_for)


def trays(waiting: Waiting, record: Recorded) -> Iterator[Tray]:
    """The trays of an item that a record opens."""
    event: Any = record.event
    units = waiting.units(record)
    persons = () if waiting.persons is None else waiting.persons(event)
    for role in sorted(waiting.roles_for(event)):
        if role == "entity_rep":
            entity = getattr(event, "entity", None)
            if entity is not None:
                yield Tray(tray_of(role, entity), role, "", entity)
        elif role in waiting.region:
            yield Tray(tray_of(role, ANYWHERE), role, "")
        elif role == "enforcement_officer" and persons:
            for unit in units:
                for person in sorted({person_key(person) for person in persons}):
                    yield Tray(tray_of(role, unit, person), role, unit)
        else:
            for unit in sorted(set(units)):
                yield Tray(tray_of(role, unit), role, unit)


class Inbox(View):
    """A row for each item in each tray in which it waits."""

    name = "inbox"
    version = 2
    tables = (INBOX,)

    def __init__(self, waits: Iterable[Waiting] | None = None) -> None:
        self.waits = tuple(WAITS.values() if waits is None else waits)
        self._opening: dict[str, list[Waiting]] = {}
        self._closing: dict[str, dict[str, Waiting]] = {}
        for waiting in self.waits:
            for event in waiting.opened_by:
                self._opening.setdefault(event.TOPIC, []).append(waiting)
            for event in waiting.closed_by:
                self._closing.setdefault(event.TOPIC, {})[waiting.name] = waiting
        #: The types that say something about a kind of main subject.
        self._about: dict[str, set[str]] = {}
        for waiting in self.waits:
            told = (*waiting.opened_by, *waiting.closed_by)
            self._about.setdefault(waiting.kind, set()).update(event.TOPIC for event in told)
        self.topics = frozenset({*self._opening, *self._closing, RecordCorrected.TOPIC})
        self._changed: set[str] = set()

    def shape(self) -> list[str]:
        return [
            *super().shape(),
            *(
                f"{w.name} {sorted(e.TOPIC for e in w.opened_by)} "
                f"{sorted(e.TOPIC for e in w.closed_by)} {w.commands} {sorted(w.region)}"
                for w in sorted(self.waits, key=lambda waiting: waiting.name)
            ),
        ]

    def opens(self, topic: str) -> Sequence[Waiting]:
        """The rows of the table whose items an event type opens."""
        return self._opening.get(topic, ())

    def closes(self, topic: str) -> dict[str, Waiting]:
        """The rows of the table whose items an event type ends, by name."""
        return self._closing.get(topic, {})

    def topics_about(self, tag: str) -> tuple[str, ...]:
        """The types from which the items about a main subject follow; none for another tag."""
        topics = self._about.get(tag.partition(":")[0])
        return () if topics is None else (*sorted(topics), RecordCorrected.TOPIC)

    def begin(self, source: Source, position: int) -> None:
        self._changed = set()

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        sheet = _Sheet(self, store, source)
        sheet.load(entries)
        for entry in entries:
            assert isinstance(entry.record, Recorded)
            if entry.type != RecordCorrected.TOPIC:
                sheet.take(entry.record, entry.tags)
        corrected = {tag for e in entries if e.type == RecordCorrected.TOPIC for tag in e.tags}
        for tag in sorted(corrected):
            sheet.again(tag, last)
        self._changed.update(sheet.write())

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        return self._changed

    def committed(self) -> None:
        self._changed = set()


class _Sheet:
    """The rows that one batch may change, in memory."""

    def __init__(self, view: Inbox, store: Store, source: Source) -> None:
        self._view = view
        self._store = store
        self._source = source
        self._rows: dict[str, dict[str, Any]] = {}
        self._by_main: dict[str, set[str]] = {}
        self._new: set[str] = set()
        self._gone: set[str] = set()

    def load(self, entries: Sequence[Entry]) -> None:
        """Fetch the rows that these entries may end or open anew."""
        self._fetch({tag for entry in entries for tag in entry.tags})

    def take(self, record: Recorded, tags: Sequence[str], only: str | None = None) -> None:
        """Let one record end items and open others (those about ``only``)."""
        envelope = record.envelope
        if envelope.provenance is not None and record.opening is None:
            return  # an import tells of the past, and nobody waits for an answer to it
        seen = audiences_of(
            visibility_of(envelope.type, envelope.visibility, tags),
            envelope.actor.unit_id,
            tags,
            record.event.kept_from(),
        )
        closing = self._view.closes(envelope.type)
        if closing:
            for tag in tags if only is None else (only,):
                for key in tuple(self._by_main.get(tag, ())):
                    row = self._rows[key]
                    waiting = closing.get(row["row"])
                    if (
                        waiting is not None
                        and (
                            isinstance(record.event, waiting.ended_for_all)
                            or set(row["about"].split("|")) <= set(tags)
                        )
                        and waiting.ends(record.event)
                        and (waiting.told or self._tray(row).sees(seen))
                    ):
                        self._drop(key)
        for waiting in self._view.opens(envelope.type):
            if waiting.when(record.event):
                for about in waiting.abouts(record.event):
                    if only in (None, about[0]) and self._follows(waiting, about[0], record):
                        self._open(waiting, about, record, seen)

    def again(self, tag: str, last: int) -> None:
        """Let the rows about a corrected subject follow anew from the ledger."""
        topics = self._view.topics_about(tag)
        if not topics:
            return
        self._fetch({tag})
        for key in sorted(self._by_main.get(tag, ())):
            self._drop(key)
        stored = self._source.stored([Selector(topics, (tag,))], last)
        records = as_corrected([codec.decode(s.position, s.event.data) for s in stored])
        for record, one in zip(records, stored, strict=True):
            if one.event.type != RecordCorrected.TOPIC:
                self.take(record, one.event.tags, only=tag)

    def write(self) -> Collection[str]:
        """Store what changed; the keys of it."""
        self._store.delete(INBOX, sorted(self._gone))
        self._store.put(INBOX, [self._rows[key] for key in sorted(self._new)])
        return {*self._gone, *self._new}

    def _open(
        self, waiting: Waiting, about: tuple[str, ...], record: Recorded, seen: Collection[str]
    ) -> None:
        event: Event = record.event
        persons = () if waiting.persons is None else waiting.persons(event)
        but = waiting.but(record)
        subject = "|".join(about)
        start = f"{place(record.position)}|{waiting.name}|{subject}"
        shared = {
            "row": waiting.name,
            "system": waiting.system,
            "main": about[0],
            "about": subject,
            "position": record.position,
            "since": record.occurred_on.isoformat(),
            "unit": next(iter(waiting.units(record)), None),
            "persons": msgspec.json.encode(persons).decode(),
            "but": None if but is None else person_key(but),
            "kept_from": kept_from(event.kept_from()),
            "known": msgspec.json.encode(waiting.known(event), enc_hook=str).decode(),
        }
        mains = self._by_main.setdefault(about[0], set())
        # An item has one row in a tray: what opens it anew takes the place of what opened it first.
        before = {
            self._rows[key]["tray"]: key
            for key in mains
            if (self._rows[key]["row"], self._rows[key]["about"]) == (waiting.name, subject)
        }
        for tray in trays(waiting, record):
            if not (waiting.told or tray.sees(seen)):
                continue
            if tray.name in before:
                self._drop(before[tray.name])
            key = f"{start}|{tray.name}"
            self._rows[key] = {"key": key, "tray": tray.name, **shared}
            mains.add(key)
            self._new.add(key)
            self._gone.discard(key)

    def _follows(self, waiting: Waiting, tag: str, record: Recorded) -> bool:
        """Whether what has to have happened before did, and was not undone since."""
        if waiting.bars is not None and waiting.bars(
            record.event,
            lambda cls, about: self._source.records(
                [Selector((cls.TOPIC,), (about,))], record.position - 1
            ),
        ):
            return False
        if not waiting.after:
            return True
        topics = tuple(sorted(e.TOPIC for e in (*waiting.after, *waiting.closed_by)))
        before = self._source.records([Selector(topics, (tag,))], record.position - 1)
        return bool(before) and isinstance(before[-1].event, waiting.after)

    def _tray(self, row: dict[str, Any]) -> Tray:
        role, _, place = row["tray"].partition("@")
        unit = place.partition("/")[0]
        if role == "entity_rep":
            return Tray(row["tray"], role, "", place)
        return Tray(row["tray"], role, "" if unit == ANYWHERE else unit)

    def _drop(self, key: str) -> None:
        row = self._rows.pop(key)
        self._by_main[row["main"]].discard(key)
        self._new.discard(key)
        self._gone.add(key)

    def _fetch(self, tags: Iterable[str]) -> None:
        wanted = [tag for tag in sorted(tags) if self._view.topics_about(tag)]
        for found in self._store.get(INBOX, INBOX.c.main, wanted):
            row = dict(zip(_COLUMNS, found, strict=True))
            if row["key"] not in self._rows and row["key"] not in self._gone:
                self._rows[row["key"]] = row
                self._by_main.setdefault(row["main"], set()).add(row["key"])


__all__ = ["ANYWHERE", "INBOX", "OFFICES", "Inbox", "Tray", "place", "tray_of", "trays"]

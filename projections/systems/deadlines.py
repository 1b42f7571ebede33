"""Deadlines as rows (期限, rulebook 0.6): one event opens a deadline, another discharges it.

One view serves every ``DeadlineRule`` of the program. The rows of one *about* tag depend on the
events that carry the tag, and on the policies and calendars that were in the ledger when each
deadline was opened. After a correction, the rows are derived again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    DeadlineRecomputed,
    DeadlineRule,
    Event,
    PolicyVersionAdopted,
    RecordCorrected,
    Recorded,
    WorkingCalendarPublished,
    codec,
)
from ledger.kernel.corrections import as_corrected
from ledger.kernel.days import DayCount, Unit
from ledger.kernel.deadlines import deadline_rules
from ledger.kernel.folds import Selector
from ledger.kernel.policies import PolicyVersions, PublishedYear
from projections.follower import Views
from projections.source import Entry, Source
from projections.tables import Code, Store, kept_from
from projections.views import View

_LEGAL = (PolicyVersionAdopted.TOPIC, WorkingCalendarPublished.TOPIC)

State = Literal["open", "done", "done_late", "missed", "lapsed"]

_METADATA = sa.MetaData()

DEADLINES = sa.Table(
    "deadlines",
    _METADATA,
    sa.Column("deadline", Code, primary_key=True),
    sa.Column("rule", Code, nullable=False, index=True),
    sa.Column("policy_key", Code),
    sa.Column("policy_version", sa.Integer),
    sa.Column("about", Code, nullable=False, index=True),
    sa.Column("unit", Code, index=True),
    sa.Column("entity", Code, index=True),
    #: The tags of the opening event, as a JSON array.
    sa.Column("subjects", sa.Text, nullable=False),
    #: Whether the opening event is sealed: then only the unit and the Justice Bureau see the row.
    sa.Column("sealed", sa.Boolean, nullable=False),
    sa.Column("kept_from", sa.Text, nullable=False),
    sa.Column("opened_position", sa.BigInteger, nullable=False, index=True),
    sa.Column("opened_event", Code, nullable=False, index=True),
    sa.Column("opened_on", Code, nullable=False),
    sa.Column("starts_on", Code, nullable=False),
    sa.Column("n", sa.Integer),
    sa.Column("counted_in", Code),
    #: The due date computed at the opening; ``due_on`` includes a move by a later calendar.
    sa.Column("first_due_on", Code),
    sa.Column("due_on", Code, index=True),
    sa.Column("provisional", sa.Boolean, nullable=False, index=True),
    sa.Column("calendar_version", Code, nullable=False),
    sa.Column("state", Code, nullable=False, index=True),
    sa.Column("done_position", sa.BigInteger),
    sa.Column("done_at", Code),
    sa.Column("done_on", Code, index=True),
    sa.Column("days_late", sa.Integer),
    sa.Column("missed_position", sa.BigInteger),
    sa.Column("lapsed_position", sa.BigInteger),
    sa.Column("recomputed_position", sa.BigInteger),
    #: For a deadline opened by an opening fact: the last due date that this ledger does not judge.
    sa.Column("unjudged_until", Code),
    #: Why the deadline has no due date, if it has none.
    sa.Column("note", sa.Text),
    # Counts are read from this index alone.
    sa.Index(
        "deadlines_counted",
        *("unit", "due_on", "rule", "state", "provisional", "done_on"),
        *("sealed", "kept_from", "entity", "about"),
    ),
)

#: The years with a published working calendar, and its newest version.
CALENDARS = sa.Table(
    "deadline_calendars",
    _METADATA,
    sa.Column("year", Code, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

_COLUMNS = tuple(column.name for column in DEADLINES.columns)


class Law:
    """The policies and calendars of a ledger, which can be asked as of any position."""

    def __init__(self, source: Source | None = None, position: int = 0) -> None:
        self._policies: dict[str, list[Recorded]] = {}
        self._calendars: list[Recorded] = []
        self._days: dict[int, DayCount] = {}
        if source is not None and position:
            self.learn(source, position)

    def learn(self, source: Source, position: int) -> None:
        """Read all policies and calendars up to a position, with their corrections."""
        records: list[Recorded] = []
        for topic in _LEGAL:  # one query each: not every store accepts two types without a tag
            records += source.records([Selector((topic,), ())], position)
        self._policies, self._calendars, self._days = {}, [], {}
        subjects = {tag for record in records for tag in record.event.tags()}
        corrections = source.records(
            [Selector((RecordCorrected.TOPIC,), (tag,)) for tag in sorted(subjects)], position
        )
        ours = {record.envelope.event_id for record in records}
        records += [
            record
            for record in corrections
            if isinstance(record.event, RecordCorrected) and record.event.target_event_id in ours
        ]
        for record in sorted(as_corrected(records), key=lambda record: record.position):
            if isinstance(record.event, PolicyVersionAdopted):
                self._policies.setdefault(record.event.key, []).append(record)
            elif isinstance(record.event, WorkingCalendarPublished):
                self._calendars.append(record)

    def policy(self, key: str, day: date, position: int) -> PolicyVersionAdopted | None:
        """Return the version in force on a day, among those adopted up to a position.

        If there is none, return the first version adopted later that covers the day.
        """
        adopted = self._policies.get(key, [])
        versions = PolicyVersions(key)
        for index, record in enumerate(adopted):
            versions.take(record)
            last = index + 1 == len(adopted) or adopted[index + 1].position > position
            if last and (version := versions.in_force(day)) is not None:
                return version
        return None

    def days(self, position: int) -> DayCount:
        """Return day counting by the calendars published up to a position."""
        known = sum(record.position <= position for record in self._calendars)
        if known not in self._days:
            years: dict[str, PublishedYear] = {}
            for record in self._calendars[:known]:
                assert isinstance(record.event, WorkingCalendarPublished)
                year = record.event.year
                years.setdefault(year, PublishedYear(year)).take(record)
            self._days[known] = DayCount(
                {int(y): fold.latest for y, fold in years.items() if fold.latest is not None}
            )
        return self._days[known]


class Deadlines(View):
    """A row for each opened deadline."""

    name = "deadlines"
    version = 6
    tables = (DEADLINES, CALENDARS)

    def __init__(self, rules: Iterable[DeadlineRule] | None = None) -> None:
        self.rules = tuple(deadline_rules().values() if rules is None else rules)
        self._opening: dict[str, list[DeadlineRule]] = {}
        self._discharging: dict[str, set[str]] = {}
        for rule in self.rules:
            self._opening.setdefault(rule.opened_by.TOPIC, []).append(rule)
            for event in rule.discharged_by:
                self._discharging.setdefault(event.TOPIC, set()).add(rule.name)
        self.topics = frozenset(
            {
                *self._opening,
                *self._discharging,
                DeadlineMissed.TOPIC,
                DeadlineLapsed.TOPIC,
                DeadlineRecomputed.TOPIC,
                RecordCorrected.TOPIC,
                PolicyVersionAdopted.TOPIC,
                WorkingCalendarPublished.TOPIC,
            }
        )
        self._by_name = {rule.name: rule for rule in self.rules}
        self._law = Law()
        self._changed: set[str] = set()

    def shape(self) -> list[str]:
        return [
            *super().shape(),
            *(
                f"{r.name} {r.policy_key} {r.part} {r.roll} {r.opened_by.TOPIC} "
                f"{sorted(event.TOPIC for event in r.discharged_by)}"
                for r in sorted(self.rules, key=lambda rule: rule.name)
            ),
        ]

    def rule(self, name: str) -> DeadlineRule:
        """Return a deadline rule by its name."""
        return self._by_name[name]

    def opens(self, topic: str) -> Sequence[DeadlineRule]:
        """Return the rules whose deadlines an event type opens."""
        return self._opening.get(topic, ())

    def discharges(self, topic: str) -> Collection[str]:
        """Return the names of the rules whose deadlines an event type discharges."""
        return self._discharging.get(topic, ())

    def begin(self, source: Source, position: int) -> None:
        self._law = Law(source, position)
        self._changed = set()

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        legal = [e for e in entries if e.type in _LEGAL]
        corrected = [e for e in entries if e.type == RecordCorrected.TOPIC]
        amended = [e for e in corrected if _kinds(e, "policy") or _kinds(e, "calendar")]
        if legal or amended:
            self._law.learn(source, last)
            store.put(
                CALENDARS,
                [
                    {"year": str(year), "version": calendar.version}
                    for year, calendar in self._law.days(last).years.items()
                ],
            )
        sheet = _Sheet(self, store, self._law)
        sheet.load(entries)
        for entry in entries:
            assert isinstance(entry.record, Recorded)
            sheet.take(entry.record, entry.tags)
        if corrected:
            self._again(corrected, sheet, store, source, last)
        if legal:
            sheet.fill({key for e in legal for key in _kinds(e, "policy")})
        if amended:
            # A corrected policy or calendar was wrong from the start, so all its rows change.
            days = any(_kinds(e, "calendar") for e in amended)
            sheet.amend(None if days else {key for e in amended for key in _kinds(e, "policy")})
        self._changed.update(sheet.write())

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        return self._changed

    def committed(self) -> None:
        self._changed = set()

    def _again(
        self,
        corrected: Sequence[Entry],
        sheet: _Sheet,
        store: Store,
        source: Source,
        last: int,
    ) -> None:
        """Derive the rows of the corrected events again from the ledger."""
        tags = {tag for entry in corrected for tag in entry.tags}
        targets = [
            str(event.target_event_id)
            for entry in corrected
            if isinstance(event := _event(entry), RecordCorrected)
        ]
        about = sheet.abouts(tags, targets)
        for tag in sorted(about):
            sheet.forget(tag)
            stored = source.stored([Selector(tuple(sorted(self.topics)), (tag,))], last)
            records = as_corrected([codec.decode(s.position, s.event.data) for s in stored])
            for record, recorded in zip(records, stored, strict=True):
                sheet.take(record, recorded.event.tags, only=tag)


class _Sheet:
    """The deadline rows that one batch may change, held in memory until they are written."""

    def __init__(self, view: Deadlines, store: Store, law: Law) -> None:
        self._view = view
        self._store = store
        self._law = law
        self._rows: dict[str, dict[str, Any]] = {}
        self._by_about: dict[str, dict[str, None]] = {}
        self._changed: dict[str, None] = {}
        self._gone: set[str] = set()
        self._kept: dict[str, dict[str, Any]] = {}

    def load(self, entries: Sequence[Entry]) -> None:
        """Fetch the rows that these entries may discharge, end or move."""
        tags: set[str] = set()
        ids: set[str] = set()
        for entry in entries:
            if self._view.discharges(entry.type):
                tags.update(entry.tags)
            elif isinstance(
                event := _event(entry), DeadlineMissed | DeadlineLapsed | DeadlineRecomputed
            ):
                ids.add(event.deadline_id)
        self._fetch(
            DEADLINES.c.about,
            [tag for tag in tags if not tag.startswith(("actor:", "command:"))],
        )
        self._fetch(DEADLINES.c.deadline, ids - self._rows.keys())

    def abouts(self, tags: Iterable[str], targets: Iterable[str]) -> set[str]:
        """Return the *about* tags of the rows that corrections of these subjects may change."""
        self._fetch(DEADLINES.c.about, tags)
        self._fetch(DEADLINES.c.opened_event, targets)
        wanted = set(tags)
        opened = set(targets)
        return {
            row["about"]
            for row in self._rows.values()
            if row["about"] in wanted or row["opened_event"] in opened
        } | {tag for tag in wanted if tag in self._by_about}

    def forget(self, about: str) -> None:
        """Drop the rows of a tag, but keep what the clock recorded about each deadline."""
        self._fetch(DEADLINES.c.about, [about])
        for name in self._by_about.pop(about, {}):
            self._kept[name] = self._rows.pop(name)
            self._changed.pop(name, None)
            self._gone.add(name)

    def take(self, record: Recorded, tags: Sequence[str], only: str | None = None) -> None:
        """Apply one record: open, discharge, end or move deadlines.

        With ``only``, those about it.
        """
        event = record.event
        topic = record.envelope.type
        rules = self._view.discharges(topic)
        if rules:
            for tag in tags if only is None else (only,):
                for name in self._by_about.get(tag, ()):
                    row = self._rows[name]
                    if row["rule"] in rules and record.position > row["opened_position"]:
                        self._done(row, record)
        for rule in self._view.opens(topic):
            about = rule.about(event)
            if about is not None and (only is None or about == only):
                self._open(rule, about, record, tags)
        if isinstance(event, DeadlineMissed | DeadlineLapsed) and only is None:
            self._end(event, record)
        elif isinstance(event, DeadlineRecomputed) and only is None:
            self._move(event, record)

    def fill(self, policies: set[str]) -> None:
        """Set the due date of rows that had none until a version of these policies was adopted."""
        waiting = self._store.connection.execute(
            sa.select(DEADLINES).where(
                DEADLINES.c.policy_key.in_(sorted(policies)), DEADLINES.c.due_on.is_(None)
            )
        )
        for values in waiting:
            self._keep(_as_dict(values))
        for row in list(self._rows.values()):
            if row["due_on"] is None and row["policy_key"] in policies:
                self._set_due(row, self._view.rule(row["rule"]))

    def amend(self, policies: set[str] | None) -> None:
        """Calculate the due dates of all rows under these policies again, or of all rows."""
        query = sa.select(DEADLINES)
        if policies is not None:
            query = query.where(DEADLINES.c.policy_key.in_(sorted(policies)))
        for values in self._store.connection.execute(query):
            self._keep(_as_dict(values))
        for row in list(self._rows.values()):
            if policies is None or row["policy_key"] in policies:
                self._set_due(row, self._view.rule(row["rule"]))

    def write(self) -> Collection[str]:
        """Write the changed rows and return their ids."""
        self._store.delete(DEADLINES, sorted(self._gone - self._rows.keys()))
        self._store.put(DEADLINES, [self._rows[name] for name in self._changed])
        return {*self._changed, *self._gone}

    def _fetch(self, column: sa.Column[Any], keys: Iterable[Any]) -> None:
        for values in self._store.get(DEADLINES, column, keys):
            self._keep(_as_dict(values))

    def _keep(self, row: dict[str, Any]) -> None:
        name = row["deadline"]
        if name not in self._rows and name not in self._gone:
            self._rows[name] = row
            self._by_about.setdefault(row["about"], {})[name] = None

    def _open(self, rule: DeadlineRule, about: str, opening: Recorded, tags: Sequence[str]) -> None:
        event: Any = opening.event
        name = rule.id_for(opening)
        row: dict[str, Any] = dict.fromkeys(_COLUMNS)
        row.update(
            deadline=name,
            rule=rule.name,
            policy_key=rule.policy_key,
            about=about,
            unit=rule.whose(event),
            entity=getattr(event, "entity", None),
            subjects=msgspec.json.encode(event.tags()).decode(),
            sealed=opening.envelope.visibility == "sealed",
            kept_from=kept_from(event.kept_from()),
            opened_position=opening.position,
            opened_event=str(opening.envelope.event_id),
            opened_on=opening.occurred_on.isoformat(),
            starts_on=rule.start(opening).isoformat(),
            unjudged_until=_iso(rule.unjudged_until(opening)),
            state="open",
            provisional=False,
            calendar_version="",
        )
        if rule.ends is not None:
            row["first_due_on"] = row["due_on"] = rule.ends(event).isoformat()
        self._rows[name] = row
        self._by_about.setdefault(about, {})[name] = None
        self._gone.discard(name)
        self._set_due(row, rule)
        kept = self._kept.pop(name, None)
        if kept is not None:
            row["missed_position"] = kept["missed_position"]
            row["lapsed_position"] = kept["lapsed_position"]
            if kept["recomputed_position"] is not None:
                for column in ("due_on", "provisional", "calendar_version", "recomputed_position"):
                    row[column] = kept[column]
            _judge(row)

    def _set_due(self, row: dict[str, Any], rule: DeadlineRule) -> None:
        self._changed[row["deadline"]] = None
        if row["policy_key"] is None:
            _judge(row)
            return
        assert rule.policy_key is not None
        position = row["opened_position"]
        opened_on = date.fromisoformat(row["opened_on"])
        policy = self._law.policy(rule.policy_key, opened_on, position)
        if policy is None:
            row["note"] = f"no version of {rule.policy_key} was in force on {opened_on}"
            return
        try:
            n, counted_in = _length(rule, policy)
            due = self._law.days(position).due(
                date.fromisoformat(row["starts_on"]), n, counted_in, roll=rule.roll
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            row["note"] = f"version {policy.version} of {rule.policy_key} sets no length: {error!r}"
            return
        row.update(
            policy_version=policy.version,
            n=n,
            counted_in=counted_in,
            first_due_on=due.on.isoformat(),
            note=None,
        )
        if row["recomputed_position"] is None:
            row.update(
                due_on=due.on.isoformat(),
                provisional=due.provisional,
                calendar_version=due.calendar_version,
            )
        _judge(row)

    def _done(self, row: dict[str, Any], record: Recorded) -> None:
        at = record.envelope.occurred_at.timestamp()
        day = self._view.rule(row["rule"]).counts(record).isoformat()
        # Compare by the day that counts: a late report may prove that the duty was done in time.
        if row["done_at"] is not None and (
            row["done_on"],
            float(row["done_at"]),
            row["done_position"],
        ) <= (day, at, record.position):
            return
        row["done_position"] = record.position
        row["done_at"] = repr(at)
        row["done_on"] = day
        _judge(row)
        self._changed[row["deadline"]] = None

    def _end(self, event: DeadlineMissed | DeadlineLapsed, record: Recorded) -> None:
        row = self._rows.get(event.deadline_id)
        if row is not None:
            missed = isinstance(event, DeadlineMissed)
            row["missed_position" if missed else "lapsed_position"] = record.position
            _judge(row)
            self._changed[event.deadline_id] = None

    def _move(self, event: DeadlineRecomputed, record: Recorded) -> None:
        row = self._rows.get(event.deadline_id)
        if row is not None:
            row.update(
                due_on=event.due_on.isoformat(),
                provisional=event.provisional,
                calendar_version=event.calendar_version,
                recomputed_position=record.position,
            )
            _judge(row)
            self._changed[event.deadline_id] = None


def _event(entry: Entry) -> Event | None:
    return entry.record.event if isinstance(entry.record, Recorded) else None


def _kinds(entry: Entry, kind: str) -> list[str]:
    """Return the subjects of a kind in an entry's tags."""
    prefix = f"{kind}:"
    return [tag.removeprefix(prefix) for tag in entry.tags if tag.startswith(prefix)]


def _as_dict(row: sa.Row[Any]) -> dict[str, Any]:
    return dict(zip(_COLUMNS, row, strict=True))


_COUNTED: dict[str, Unit] = {"wd": "wd", "cd": "cd", "month": "month", "months": "month"}


def _length(rule: DeadlineRule, policy: PolicyVersionAdopted) -> tuple[int, Unit]:
    """Return the length of a deadline and its unit, as ``DeadlineRule.due`` counts."""
    if rule.part is None:
        return int(policy.value), _COUNTED[policy.unit]
    return int(policy.value[rule.part]), _COUNTED[rule.part.rpartition("_")[2]]


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _judge(row: dict[str, Any]) -> None:
    """Set the state and the days late from the other columns of the row."""
    row["days_late"] = None
    if row["done_on"] is not None:
        late = 0
        if row["due_on"] is not None and row["due_on"] > (row["unjudged_until"] or ""):
            late = (date.fromisoformat(row["done_on"]) - date.fromisoformat(row["due_on"])).days
        row["state"] = "done_late" if late > 0 else "done"
        row["days_late"] = max(0, late)
    elif row["missed_position"] is not None:
        row["state"] = "missed"
    elif row["lapsed_position"] is not None:
        row["state"] = "lapsed"
    else:
        row["state"] = "open"


class DueDeadline(msgspec.Struct, frozen=True):
    """A deadline for which the clock must record something."""

    deadline: str
    rule: str
    opened_position: int
    due_on: str
    #: The versions of the calendars by which it was counted.
    calendar_version: str

    @property
    def known(self) -> str:
        """The calendars known when its date was computed, for an idempotency key per move."""
        return self.calendar_version.replace(" ", "+")


class Due(msgspec.Struct, frozen=True):
    """The deadlines that the clock must handle.

    ``overdue``: past, with a final date, and not recorded as missed or lapsed. ``movable``: the
    calendars are now published by which a provisional date becomes final.
    """

    overdue: list[DueDeadline]
    movable: list[DueDeadline]


def _judged() -> sa.ColumnElement[bool]:
    """Return the condition that a deadline was not already past when an opening fact opened it."""
    until = DEADLINES.c.unjudged_until
    return sa.or_(until.is_(None), DEADLINES.c.due_on > until)


#: The most deadlines given to the clock at a time.
MAX_DUE = 1_000


def due(views: Views, today: date) -> Due:
    """Return what the clock must record today: missed deadlines, and dates that became final."""
    late = sa.or_(DEADLINES.c.done_on.is_(None), DEADLINES.c.done_on > DEADLINES.c.due_on)
    columns = [DEADLINES.c[name] for name in DueDeadline.__struct_fields__]
    with views.reading() as connection:
        overdue = connection.execute(
            sa.select(*columns)
            .where(
                DEADLINES.c.due_on < today.isoformat(),
                _judged(),
                sa.not_(DEADLINES.c.provisional),
                DEADLINES.c.missed_position.is_(None),
                DEADLINES.c.lapsed_position.is_(None),
                late,
            )
            .order_by(DEADLINES.c.due_on, DEADLINES.c.deadline)
            .limit(MAX_DUE)
        ).all()
        provisional = connection.execute(
            sa.select(*columns)
            .where(DEADLINES.c.provisional, DEADLINES.c.missed_position.is_(None))
            .order_by(DEADLINES.c.opened_position, DEADLINES.c.deadline)
        ).all()
        years = _published(connection)
    movable = [DueDeadline(*row) for row in provisional if _unknown(row.calendar_version) & years]
    return Due([DueDeadline(*row) for row in overdue], movable[:MAX_DUE])


def is_provisional(connection: Connection, about: str, policy_key: str) -> bool:
    """Return whether a deadline of a policy about a subject waits for a working calendar."""
    provisional = sa.exists().where(
        DEADLINES.c.about == about,
        DEADLINES.c.policy_key == policy_key,
        DEADLINES.c.provisional,
    )
    return bool(connection.execute(sa.select(provisional)).scalar_one())


def _unknown(calendar_version: str) -> set[str]:
    """Return the years without a published calendar when a date was computed."""
    return {part.removesuffix(".0") for part in calendar_version.split() if part.endswith(".0")}


def _published(connection: Connection) -> set[str]:
    return set(connection.execute(sa.select(CALENDARS.c.year)).scalars())

"""Commands: wishes in the imperative, and what they see of the ledger while they decide.

A command decides from what it *reads*, and what it reads is its consistency boundary: each fold it
asks for is remembered with its selector, and the append is conditional on all of them. Nobody
writes a boundary by hand, so none can be too small.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform
from uuid import UUID

import msgspec

from ledger.kernel.days import DayCount, Due, YearCalendar
from ledger.kernel.deadlines import DeadlineRule
from ledger.kernel.events import (
    Actor,
    Event,
    Fact,
    KeywordStruct,
    LegalRef,
    Moment,
    Recorded,
    civil_date,
)
from ledger.kernel.folds import Fold, Selector
from ledger.kernel.memory import Kept, Witnesses
from ledger.kernel.policies import PolicyVersionAdopted, PolicyVersions, PublishedYear
from ledger.kernel.rules import (
    Forbidden,
    Malformed,
    OutOfStep,
    Refusal,
    Rule,
    UnknownReference,
)
from ledger.kernel.subjects import (
    Tag,
    check_subjects,
    doubts,
    hideable_tags,
    main_subject,
    make_tag,
    normalise_subjects,
    subject_fields,
)

F = TypeVar("F", bound=Fold)

#: How far a reported moment may lie ahead of the ledger's clock (rulebook 0.2).
CLOCK_TOLERANCE = timedelta(minutes=5)
#: How far an act that is done by recording it may be dated back.
BACKDATING_TOLERANCE = timedelta(days=1)

#: Nothing older is reported; the first moments of the calendar cannot even be reckoned with.
EARLIEST_YEAR = 1900


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Command(msgspec.Struct, metaclass=KeywordStruct, frozen=True, forbid_unknown_fields=True):
    """A wish to record something. Its fields are the request body.

    Every command is an ``Act`` or a ``Report``. ``occurred_at``: when it happened; now if absent.
    ``legal_basis``: the law that the actor cites.
    """

    occurred_at: Moment | None = None
    legal_basis: tuple[LegalRef, ...] = ()

    #: Whether somebody sends it: what the service notes itself may name any id that is recorded.
    SENT: ClassVar[bool] = True
    #: The roles that may send it; none for what the service gives to the ledger by itself.
    ROLES: ClassVar[frozenset[str]] = frozenset()
    #: The field that names the unit for which the actor acts, which must be the actor's own unit.
    ACTS_FOR: ClassVar[str] = ""
    #: The roles that may act for any unit all the same.
    ANY_UNIT: ClassVar[frozenset[str]] = frozenset()
    #: The roles that do by sending it what others only report: theirs is never dated back.
    IN_PERSON: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.SENT:
            normalise_subjects(self)
            check_subjects(self)

    @property
    def vouches(self) -> bool:
        """Whether it says itself where a doubtful id of it is shown; few commands can."""
        return False

    def may_be_dated_back(self, role: str) -> bool:
        """Whether an actor of this role may send it with an ``occurred_at`` of the past."""
        return role not in self.IN_PERSON

    def require_own_unit(self, actor: Actor) -> None:
        """Refuse an actor of another unit than the one for which the command acts."""
        if self.ACTS_FOR and actor.role not in self.ANY_UNIT:
            unit = getattr(self, self.ACTS_FOR)
            if unit is not None:
                _require_unit(actor, unit, f"/{self.ACTS_FOR}")

    def decide(self, ledger: Reading) -> Iterable[Event | Fact]:
        """The facts to record, in order; or a ``NotRecorded`` raised. Pure but for ``ledger``."""
        raise NotImplementedError


class Act(Command):
    """A command that takes effect by being recorded: never dated back, refused under a rule."""

    def may_be_dated_back(self, role: str) -> bool:
        return False


class DatedAct(Act):
    """An act that took effect outside of the ledger, on the day that its document bears.

    It is refused under a rule as every act is, and may be recorded later than it was done.
    """

    def may_be_dated_back(self, role: str) -> bool:
        return role not in self.IN_PERSON


class Report(Command):
    """A command that states a fact that happened: recorded though unlawful, with findings.

    It is refused only to who may not report it, or where it cannot be understood.
    """


class Context(msgspec.Struct, frozen=True):
    """Who sends a command, under which ids. ``command_id`` makes a repeat recognisable.

    ``audiences``: what the sender may know, as the ledger names audiences; ``None`` for one who
    knows everything (the service itself, its clock, an import). ``remembered``: the id is kept for
    this request even if it records nothing. Not for what the service sends by itself, which asks
    again under one key until there is something to record.
    """

    actor: Actor
    command_id: str
    correlation_id: UUID
    causation_id: UUID | None = None
    request_digest: str | None = None
    audiences: frozenset[str] | None = None
    remembered: bool = False


class SubjectKnown(Fold):
    """Has anything been recorded about this subject?"""

    tag: Tag
    known: bool = False

    def selector(self) -> Selector:
        return Selector((), (self.tag,))

    def take(self, record: Recorded) -> None:
        self.known = True


class Past(Protocol):
    """What a reading needs of the ledger."""

    def fold(self, fold: F) -> F: ...

    def kept(self, fold: Fold) -> Kept: ...

    def fold_all(self, folds: Iterable[Fold]) -> None: ...

    def record_at(self, position: int) -> Recorded | None: ...

    def audiences_of(self, record: Recorded) -> Iterable[str] | None: ...


class Watch:
    """Finds a fold that a command changed. On in tests; a snapshot of each fold read costs time."""

    #: Whether readings watch.
    ON: ClassVar[bool] = False

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Fold, bytes]] = {}

    def note(self, fold: Fold) -> None:
        """Remember how a fold is, the first time that it is read."""
        if id(fold) not in self._seen:
            self._seen[id(fold)] = fold, pickle.dumps(fold)

    def check(self) -> None:
        """Raise ``TypeError`` if a fold is other than when it was read."""
        for fold, before in self._seen.values():
            if pickle.dumps(fold) != before:
                raise TypeError(
                    f"{type(fold).__name__} was changed while a command read it; folds are shared, "
                    "so copy what you change"
                )


class Reading:
    """The ledger as one command sees it while it decides.

    ``at``: when the reported fact happened. ``now``: the ledger's time of recording. The folds
    that ``read`` returns are shared with other commands and must not be changed (``Watch``).

    A subject that the command names and its sender may not know of is *concealed*: each fold about
    it is blank, so that every check answers as for an id that nobody has used. Subjects that a
    rule derives by itself are read as they are.
    """

    def __init__(self, past: Past, command: Command, context: Context, now: datetime) -> None:
        self.at = command.occurred_at or now
        if self.at.year < EARLIEST_YEAR:
            raise Malformed(
                f"occurred_at {self.at.isoformat()} lies before the year {EARLIEST_YEAR}",
                "/occurred_at",
            )
        if self.at > now + CLOCK_TOLERANCE:
            raise Malformed(
                f"occurred_at {self.at.isoformat()} lies in the future; the ledger's clock says "
                f"{now.isoformat()}. Report facts after they happened.",
                "/occurred_at",
            )
        self.now = now
        self.actor = context.actor
        #: Who requested what the actor approves; ``None`` where the actor acts alone.
        self.requested_by: str | None = None
        #: The position of that request.
        self.requested_at: int | None = None
        self.command_id = context.command_id
        self.legal_basis = command.legal_basis
        self.policy_refs: dict[str, int] = {}
        #: Kind and id of what the command gives a name to.
        self.named: list[tuple[str, str]] = []
        self.selectors: list[Selector] = []
        self._past = past
        self._audiences = context.audiences
        #: Whether the sender knows of a hideable subject that the command names; asked only once.
        self._knows: dict[str, bool | None] = (
            {} if context.audiences is None else dict.fromkeys(hideable_tags(command))
        )
        self._names = 0
        self._watch = Watch() if Watch.ON else None

    @property
    def on(self) -> date:
        """The civil date on which the reported fact happened."""
        return civil_date(self.at)

    @property
    def today(self) -> date:
        """The civil date of recording."""
        return civil_date(self.now)

    def read(self, fold: F) -> F:
        """The answer to a question; from here on the decision depends on it.

        It is blank if the question is about a concealed subject.
        """
        kept = self._kept(fold)
        for tag in kept.selector.tags if self._knows else ():
            if tag in self._knows and not self._sender_knows(tag, kept):
                return fold.blank()
        return kept.fold  # type: ignore[return-value]

    def read_true(self, fold: F) -> F:
        """As ``read``, and true of concealed subjects too.

        For what the sender never learns: whether an id is free, and findings that others read.
        """
        return self._kept(fold).fold  # type: ignore[return-value]

    def _kept(self, fold: Fold) -> Kept:
        kept = self._past.kept(fold)
        self.selectors.append(kept.selector)
        if self._watch is not None:
            self._watch.note(kept.fold)
        return kept

    def require_unchanged(self) -> None:
        """Where readings watch, raise ``TypeError`` for a fold that the command changed."""
        if self._watch is not None:
            self._watch.check()

    def reveal(self, kind: str, value: str) -> None:
        """Let the sender know of a subject, which it knows by another one that it may see."""
        self._knows.pop(make_tag(kind, value), None)

    def _sender_knows(self, tag: str, kept: Kept) -> bool:
        """Whether the sender may know of a subject. What does not exist hides nothing."""
        knows = self._knows[tag]
        if knows is None:
            assert self._audiences is not None
            # The fold at hand has mostly read an event that the sender may see: no other look-up.
            handle, read = kept.selector.tags[0], kept.audiences
            knows = handle == tag and bool(read) and not self._audiences.isdisjoint(read or ())
            if not knows:
                all_of = self._past.kept(Witnesses(tag)).audiences
                knows = not all_of or not self._audiences.isdisjoint(all_of)
            self._knows[tag] = knows
        return knows

    def require_vouched(self, command: Command) -> None:
        """Refuse a doubtful id unless the command vouches for it or the ledger knows it already.

        Raises ``Malformed`` naming the field; the id is not repeated.
        """
        for field, tag, reason in doubts(command, self.today):
            if not command.vouches and not self.read(SubjectKnown(tag)).known:
                raise Malformed(reason, f"/{field}")

    def read_all(self, folds: Iterable[Fold]) -> None:
        """Have the answers to many questions ready: each is then ``read`` without a look-up."""
        self._past.fold_all(folds)

    def known(self, fold: F, hint: str = "") -> F:
        """The answer about a subject that has to exist. Raises ``UnknownReference``."""
        fold = self.read(fold)
        if not fold.exists:
            kind, value = _named(fold)
            raise UnknownReference(kind, value, hint)
        return fold

    def new(self, fold: F) -> F:
        """The blank answer about a subject that must not exist yet. Raises ``OutOfStep``.

        The same for a concealed one: an id that the sender gives can be taken only once. The
        answer therefore says nothing but that the id is taken.
        """
        fold = self.read_true(fold)
        kind, value = _named(fold)
        if fold.exists:
            raise _taken(kind, value)
        self.named.append((kind, value))
        return fold

    def refuse_taken(self, events: Iterable[Event]) -> None:
        """Refuse what was decided if it would begin a concealed subject a second time.

        Only a command that reads a subject which may begin with it comes so far.
        """
        if False not in self._knows.values():
            return
        for tag in filter(None, map(main_subject, events)):
            if self._knows.get(tag) is False:
                kind, _, value = tag.partition(":")
                raise _taken(kind, value)

    def record_at(self, position: int) -> Recorded | None:
        """The record at a position, as recorded. It cannot change, so nothing depends on it.

        For positions that a fold remembers; ``named_record`` for those that the sender names.
        """
        return self._past.record_at(position)

    def named_record(self, position: int) -> Recorded | None:
        """The record at a position that the command names, if its sender may see it."""
        record = self._past.record_at(position)
        if record is None or self._audiences is None:
            return record
        audiences = self._past.audiences_of(record)
        hidden = audiences is not None and self._audiences.isdisjoint(audiences)
        return None if hidden else record

    def opening(self, position: int) -> Recorded:
        """The record that opened something, at the position that a fold has remembered of it."""
        found = self.record_at(position)
        assert found is not None
        return found

    def policy(
        self, key: str, *, on: date | None = None, **where: str | None
    ) -> PolicyVersionAdopted | None:
        """The version of a policy in force when the fact happened (or ``on`` another day).

        Its number is noted in the ``policy_refs`` of everything that this command records.
        """
        versions = self.read(PolicyVersions(key))
        version = versions.in_force(on or self.on, **where)
        if version is not None:
            self.policy_refs[key] = version.version
        return version

    def setting(self, key: str, *, on: date | None = None, **where: str | None) -> Any:
        """The value of a policy that has to be in force. Raises ``Malformed`` when none is."""
        version = self.policy(key, on=on, **where)
        if version is None:
            day = on or self.on
            raise Malformed(
                f"policy {key} has no version in force on {day}; adopt one with effective_from "
                f"{day} or earlier first.",
                "/occurred_at",
            )
        return version.value

    def stated_day(self, key: str, year: int) -> date:
        """The day of a year that a policy states as ``MM-DD``; a stated day does not roll.

        Raises ``Malformed`` where the policy states none.
        """
        written = str(self.setting(key))
        try:
            return date.fromisoformat(f"{year:04}-{written}")
        except ValueError:
            raise Malformed(
                f"policy {key} must state a day as MM-DD; it says {written!r}"
            ) from None

    def days(self) -> DayCount:
        """Day counting by the calendars published so far."""
        return DayCount(_PublishedYears(self))

    def period(self, key: str, start: date, **where: str | None) -> Due:
        """The end of the period that a policy sets, counted from ``start``."""
        n = int(self.setting(key, on=start, **where))
        unit = self._past.fold(PolicyVersions(key)).in_force(start, **where)
        assert unit is not None
        return self.days().due(start, n, unit.unit)  # type: ignore[arg-type]

    def due(self, rule: DeadlineRule, opening: Recorded) -> Due:
        """When the deadline that ``opening`` opened falls due."""
        return rule.due(opening, self._policy_of(rule, opening), self.days())

    def days_late(self, rule: DeadlineRule, opened_at: int) -> int:
        """How many calendar days after its last day the reported fact performs a deadline.

        ``opened_at``: the position of the record that opened it.
        """
        return self.days_after(self.due(rule, self.opening(opened_at)))

    def days_after(self, last: date | Due) -> int:
        """How many calendar days after a last day the reported fact comes; 0 if it is in time.

        0 too while that day is provisional: nothing is late before the calendars say so (Annex B);
        and where it had passed before the ledger took over what was to be done.
        """
        if isinstance(last, Due):
            if last.provisional or not last.judged:
                return 0
            last = last.on
        return max(0, (self.on - last).days)

    def _policy_of(self, rule: DeadlineRule, opening: Recorded) -> PolicyVersionAdopted | None:
        """The version under which a deadline is counted: the one in force when it was opened."""
        if rule.policy_key is None:
            return None
        start = opening.occurred_on
        self.setting(rule.policy_key, on=start)
        return self._past.fold(PolicyVersions(rule.policy_key)).in_force(start)

    def require(self, condition: object, rule: Rule, **details: Any) -> None:
        """Refuse the command under ``rule`` unless ``condition`` holds."""
        if not condition:
            raise Refusal(rule, self._version_of(rule), **details)

    def _version_of(self, rule: Rule) -> int | None:
        """The version of the policy that sets a rule's number: the one used, else in force."""
        if rule.policy_key is None:
            return None
        if rule.policy_key not in self.policy_refs:
            self.policy(rule.policy_key)
        return self.policy_refs.get(rule.policy_key)

    def act_for(self, unit: str) -> None:
        """Refuse an actor of another unit: an officer acts for their own unit alone."""
        _require_unit(self.actor, unit)

    def require_kind(self, command: Command) -> None:
        """Refuse what the kind of a command, and what it declares, do not allow.

        An act that is done by recording it has no ``occurred_at`` of the past. Reports may be
        dated back, and are flagged when they come late (0.2).
        """
        backdated = self.now - self.at > BACKDATING_TOLERANCE
        if backdated and not command.may_be_dated_back(self.actor.role):
            raise Malformed(
                f"this act takes effect by being recorded; it cannot be backdated to "
                f"{self.at.isoformat()}. Leave occurred_at out.",
                "/occurred_at",
            )
        command.require_own_unit(self.actor)

    def not_before(self, day: date | None, what: str) -> None:
        """Refuse a report that is dated before the ``day`` of ``what`` it is about."""
        if day is not None and self.on < day:
            raise Malformed(f"{what} on {day} only, and this is dated {self.on}", "/occurred_at")

    def for_request(self, command: Command, requested_by: str, requested_at: int) -> Reading:
        """This reading for ``command``, which another person requested and the actor answers.

        ``requested_at``: the position of the request.
        """
        inner = copy(self)
        inner.requested_by, inner.requested_at = requested_by, requested_at
        if self._audiences is not None:
            inner._knows = self._knows | dict.fromkeys(hideable_tags(command))  # noqa: SLF001
        return inner

    def name(self, prefix: str) -> str:
        """An identifier for something this command creates: the same on every retry."""
        self._names += 1
        # The last digits: the first ones of a fresh id are the millisecond, which others share.
        return f"{prefix}.{self.command_id[-16:]}.{self._names}"


def _require_unit(actor: Actor, unit: str, pointer: str = "") -> None:
    if actor.unit_id != unit:
        raise Forbidden(
            f"{actor.person_id} belongs to unit {actor.unit_id} and cannot act for {unit}. Use a "
            f"token of {unit}.",
            pointer,
        )


def _taken(kind: str, value: str) -> OutOfStep:
    """The answer to an id that is in use, by whomever."""
    return OutOfStep(f"{kind} {value} is recorded already; take another id", taken=True)


def _named(fold: Fold) -> tuple[str, str]:
    """The kind and id of the subject that a fold asks about first."""
    name, kind = subject_fields(type(fold))[0]
    return kind, getattr(fold, name)


class _PublishedYears(Mapping[int, YearCalendar]):
    """The published years, each read when it is first asked for."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __getitem__(self, year: int) -> YearCalendar:
        published = self._reading.read(PublishedYear(str(year))).latest
        if published is None:
            raise KeyError(year)
        return published

    def __iter__(self) -> Iterator[int]:
        raise TypeError("published years are looked up, never listed")

    def __len__(self) -> int:
        raise TypeError("published years are looked up, never counted")

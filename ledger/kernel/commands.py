"""Commands, and the ``Reading`` through which they see the ledger while they decide.

The folds that a command reads are its consistency boundary: the reading notes the selector of each,
and the append is conditional on all of them. Nobody writes a boundary by hand, so none can be too
small.
"""

from __future__ import annotations

import pickle
from collections.abc import Container, Iterable, Iterator, Mapping
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
from ledger.kernel.folds import Fold, Selector, SubjectFold
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
S = TypeVar("S", bound=SubjectFold)

#: How far a reported time may be ahead of the ledger's clock (rulebook 0.2).
CLOCK_TOLERANCE = timedelta(minutes=5)
#: How far back an act may be dated if it takes effect by being recorded.
BACKDATING_TOLERANCE = timedelta(days=1)

#: The earliest year that a command may report. Dates near the year 1 make date arithmetic fail.
EARLIEST_YEAR = 1900


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Command(msgspec.Struct, metaclass=KeywordStruct, frozen=True, forbid_unknown_fields=True):
    """A request to record something. Its fields are the request body.

    Every command is an ``Act`` or a ``Report``. ``occurred_at``: when it happened; now if absent.
    ``legal_basis``: the law that the actor cites.
    """

    occurred_at: Moment | None = None
    legal_basis: tuple[LegalRef, ...] = ()

    #: Whether a client sends it. The ids in a command that the service makes itself are not
    #: checked, because they are recorded already.
    SENT: ClassVar[bool] = True
    #: The roles that may send it; empty for a command that only the service itself makes.
    ROLES: ClassVar[frozenset[str]] = frozenset()
    #: The field that names the unit for which the actor acts; it must be the actor's own unit.
    #: Empty where a field ``unit`` names the unit that the command is about.
    ACTS_FOR: ClassVar[str] = "unit"
    #: The roles that may act for any unit.
    ANY_UNIT: ClassVar[frozenset[str]] = frozenset()
    #: The roles that perform the act by sending the command, where others only report it. They
    #: cannot date it back.
    IN_PERSON: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.SENT:
            normalise_subjects(self)
            check_subjects(self)

    @property
    def vouches(self) -> bool:
        """Whether the command itself states where a doubtful id is proved; few commands can."""
        return False

    def may_be_dated_back(self, role: str) -> bool:
        """Whether an actor of this role may send it with an ``occurred_at`` in the past."""
        return role not in self.IN_PERSON

    def require_own_unit(self, actor: Actor) -> None:
        """Refuse an actor whose unit is not the one for which the command acts."""
        unit = getattr(self, self.ACTS_FOR, None)
        if unit is not None and actor.role not in self.ANY_UNIT:
            _require_unit(actor, unit, f"/{self.ACTS_FOR}")

    def decide(self, ledger: Reading) -> Iterable[Event | Fact]:
        """Return the facts to record, in order, or raise a ``NotRecorded``.

        Depends on nothing but the command's fields and ``ledger``.
        """
        raise NotImplementedError


class Act(Command):
    """A command that takes effect by being recorded.

    It cannot be dated back, and it is refused if it breaks a rule.
    """

    def may_be_dated_back(self, role: str) -> bool:
        return False


class DatedAct(Act):
    """An act that took effect outside the ledger, on the date of its document.

    Like every act it is refused if it breaks a rule, but it may be recorded later than it was done.
    """

    def may_be_dated_back(self, role: str) -> bool:
        return role not in self.IN_PERSON


class Report(Command):
    """A command that reports a fact. An unlawful fact is recorded too, with findings.

    It is refused only if its sender may not report it or if it cannot be understood.
    """


class Context(msgspec.Struct, frozen=True):
    """The sender of a command and its ids. A repeat is recognised by its ``command_id``.

    ``audiences``: the audiences that the sender belongs to; ``None`` for a sender who knows
    everything (the service itself, its clock, an import). ``remembered``: keep the id for this
    request even if the command records nothing. It is false for commands that the service makes,
    which are sent again under one key until they record something.
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
    """The part of the ledger's memory that a reading uses."""

    def fold(self, fold: F) -> F: ...

    def kept(self, fold: Fold) -> Kept: ...

    def fold_all(self, folds: Iterable[Fold]) -> None: ...

    def record_at(self, position: int) -> Recorded | None: ...

    def audiences_of(self, record: Recorded) -> Iterable[str] | None: ...


class Watch:
    """Detects folds that a command changed. Only tests turn it on: it pickles each fold read."""

    #: Whether readings watch their folds.
    ON: ClassVar[bool] = False

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Fold, bytes]] = {}

    def note(self, fold: Fold) -> None:
        """Remember the state of a fold when it is read for the first time."""
        if id(fold) not in self._seen:
            self._seen[id(fold)] = fold, pickle.dumps(fold)

    def check(self) -> None:
        """Raise ``TypeError`` if a fold has changed since it was read."""
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

    A subject that the command names but its sender may not know of is *concealed*: each fold about
    it is blank, so that every check answers as it does for an unused id. Subjects that the command
    does not name itself are read as they are.
    """

    def __init__(self, past: Past, command: Command, context: Context, now: datetime) -> None:
        self.at = command.occurred_at or now
        if self.at.year < EARLIEST_YEAR:
            raise Malformed(
                f"occurred_at must not be before the year {EARLIEST_YEAR}; it is "
                f"{self.at.isoformat()}",
                "/occurred_at",
            )
        if self.at > now + CLOCK_TOLERANCE:
            raise Malformed(
                f"occurred_at must not be in the future: it is {self.at.isoformat()}, and the "
                f"ledger's clock says {now.isoformat()}. Report facts after they happened.",
                "/occurred_at",
            )
        self.now = now
        self.actor = context.actor
        #: Who requested the act that the actor approves; ``None`` where the actor acts alone.
        self.requested_by: str | None = None
        #: The position of that request.
        self.requested_at: int | None = None
        self.command_id = context.command_id
        self.legal_basis = command.legal_basis
        self.policy_refs: dict[str, int] = {}
        #: Kind and id of each new subject that the command gives an id to.
        self.named: list[tuple[str, str]] = []
        self.selectors: list[Selector] = []
        self._past = past
        self._audiences = context.audiences
        #: Whether the sender knows each hideable subject that the command names; ``None`` until
        #: it is looked up.
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
        """Return the answer to a question and make the decision depend on it.

        The answer is blank if the question is about a concealed subject.
        """
        kept = self._kept(fold)
        for tag in kept.selector.tags if self._knows else ():
            if tag in self._knows and not self._sender_knows(tag, kept):
                return fold.blank()
        return kept.fold  # type: ignore[return-value]

    def read_true(self, fold: F) -> F:
        """Return the true answer to a question, even about a concealed subject.

        Use it only where the sender does not learn the answer: to see whether an id is free, and
        for findings that others read.
        """
        return self._kept(fold).fold  # type: ignore[return-value]

    def _kept(self, fold: Fold) -> Kept:
        kept = self._past.kept(fold)
        self.selectors.append(kept.selector)
        if self._watch is not None:
            self._watch.note(kept.fold)
        return kept

    def require_unchanged(self) -> None:
        """Raise ``TypeError`` if the command changed a fold; only where readings watch."""
        if self._watch is not None:
            self._watch.check()

    def reveal(self, kind: str, value: str) -> None:
        """Stop concealing a subject, because the sender sees another subject that names it."""
        self._knows.pop(make_tag(kind, value), None)

    def may_know(self, kind: str, value: str) -> bool:
        """Whether the sender may know of a subject that the command does not name.

        A rule may find such a subject by itself, for example the decision behind a document. Most
        rules ignore a subject that the sender may not know. A rule that must bind all units
        refuses the command without naming the subject.
        """
        if self._audiences is None:
            return True
        all_of = self._past.kept(Witnesses(make_tag(kind, value))).audiences
        return not all_of or not self._audiences.isdisjoint(all_of)

    def _sender_knows(self, tag: str, kept: Kept) -> bool:
        """Whether the sender may know of a subject. A subject that does not exist is not hidden."""
        knows = self._knows[tag]
        if knows is None:
            assert self._audiences is not None
            # In most cases this fold has already read an event that the sender may see; that saves
            # another look-up.
            handle, read = kept.selector.tags[0], kept.audiences
            knows = handle == tag and bool(read) and not self._audiences.isdisjoint(read or ())
            if not knows:
                all_of = self._past.kept(Witnesses(tag)).audiences
                knows = not all_of or not self._audiences.isdisjoint(all_of)
            self._knows[tag] = knows
        return knows

    def require_vouched(self, command: Command) -> None:
        """Refuse a doubtful id unless the command vouches for it or the ledger knows it already.

        Raises ``Malformed``, which names the field and does not repeat the id.
        """
        for field, tag, reason in doubts(command, self.today):
            if not command.vouches and not self.read(SubjectKnown(tag)).known:
                raise Malformed(reason, f"/{field}")

    def read_all(self, folds: Iterable[Fold]) -> None:
        """Load the answers to many questions at once; ``read`` then needs no look-up for each."""
        self._past.fold_all(folds)

    def known(self, fold: S, hint: str = "") -> S:
        """Return the answer about a subject that must exist. Raises ``UnknownReference``."""
        fold = self.read(fold)
        if not fold.exists:
            kind, value = _named(fold)
            raise UnknownReference(kind, value, hint)
        return fold

    def own(self, fold: S, hint: str = "", *, any_unit: Container[str] = ()) -> S:
        """Return the answer about a subject that must exist and belong to the actor's own unit.

        ``any_unit``: the roles that may act on the subjects of every unit. Raises
        ``UnknownReference`` or ``Forbidden``.
        """
        fold = self.known(fold, hint)
        if self.actor.role not in any_unit:
            self.act_for(fold.owner)
        return fold

    def new(self, fold: S) -> S:
        """Return the blank answer about a subject that must not exist yet. Raises ``OutOfStep``.

        A concealed subject takes its id too, because an id can be used only once. The exception
        therefore says only that the id is taken.
        """
        fold = self.read_true(fold)
        kind, value = _named(fold)
        if fold.exists:
            raise _taken(kind, value)
        self.named.append((kind, value))
        return fold

    def refuse_taken(self, events: Iterable[Event]) -> None:
        """Refuse a decision that would begin a concealed subject a second time.

        This can happen only for a command that reads a subject which it may itself begin.
        """
        if False not in self._knows.values():
            return
        for tag in filter(None, map(main_subject, events)):
            if self._knows.get(tag) is False:
                kind, _, value = tag.partition(":")
                raise _taken(kind, value)

    def record_at(self, position: int) -> Recorded | None:
        """Return the record at a position, as recorded; it never changes, so nothing is noted.

        Use it for positions that a fold remembers, and ``named_record`` for those that the command
        names.
        """
        return self._past.record_at(position)

    def named_record(self, position: int) -> Recorded | None:
        """Return the record at a position that the command names, if its sender may see it."""
        record = self._past.record_at(position)
        if record is None or self._audiences is None:
            return record
        audiences = self._past.audiences_of(record)
        hidden = audiences is not None and self._audiences.isdisjoint(audiences)
        return None if hidden else record

    def opening(self, position: int) -> Recorded:
        """Return the opening record at a position that a fold remembers."""
        record = self.record_at(position)
        assert record is not None
        return record

    def policy(
        self, key: str, *, on: date | None = None, **where: str | None
    ) -> PolicyVersionAdopted | None:
        """Return the version of a policy in force when the fact happened (or ``on`` another day).

        Its number goes into the ``policy_refs`` of every event that this command records.
        """
        versions = self.read(PolicyVersions(key))
        version = versions.in_force(on or self.on, **where)
        if version is not None:
            self.policy_refs[key] = version.version
        return version

    def setting(self, key: str, *, on: date | None = None, **where: str | None) -> Any:
        """Return the value of a policy in force. Raises ``Malformed`` if no version is in force."""
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
        """Return the day of ``year`` that a policy states as ``MM-DD``.

        A stated day does not move to the next working day. Raises ``Malformed`` if the policy
        states no such day.
        """
        written = str(self.setting(key))
        try:
            return date.fromisoformat(f"{year:04}-{written}")
        except ValueError:
            raise Malformed(
                f"policy {key} must state a day as MM-DD; it says {written!r}"
            ) from None

    def days(self) -> DayCount:
        """Return a day count over the calendars published so far."""
        return DayCount(_PublishedYears(self))

    def period(self, key: str, start: date, **where: str | None) -> Due:
        """Return the last day of the period that a policy sets, counted from ``start``."""
        n = int(self.setting(key, on=start, **where))
        unit = self._past.fold(PolicyVersions(key)).in_force(start, **where)
        assert unit is not None
        return self.days().due(start, n, unit.unit)  # type: ignore[arg-type]

    def due(self, rule: DeadlineRule, opening: Recorded) -> Due:
        """Return the last day of the deadline that ``opening`` opened."""
        return rule.due(opening, self._policy_of(rule, opening), self.days())

    def days_late(self, rule: DeadlineRule, opened_at: int) -> int:
        """Return how many calendar days after the deadline the reported fact happened.

        ``opened_at``: the position of the record that opened the deadline.
        """
        return self.days_after(self.due(rule, self.opening(opened_at)))

    def days_after(self, last: date | Due) -> int:
        """Return how many calendar days after ``last`` the reported fact happened; 0 if in time.

        Return 0 too while that day is provisional, because only a published calendar can make a
        fact late (Annex B), and if the day had passed before this ledger took over the matter.
        """
        if isinstance(last, Due):
            if last.provisional or not last.judged:
                return 0
            last = last.on
        return max(0, (self.on - last).days)

    def _policy_of(self, rule: DeadlineRule, opening: Recorded) -> PolicyVersionAdopted | None:
        """Return the policy version that sets a deadline's length: in force when it was opened."""
        if rule.policy_key is None:
            return None
        start = opening.occurred_on
        self.setting(rule.policy_key, on=start)
        return self._past.fold(PolicyVersions(rule.policy_key)).in_force(start)

    def require(self, condition: object, rule: Rule, *, told: bool = False, **details: Any) -> None:
        """Refuse the command under ``rule`` unless ``condition`` holds.

        ``told``: the condition fails because of a subject that the sender may not know of
        (``may_know``).
        """
        if not condition:
            raise Refusal(rule, self._version_of(rule), told=told, **details)

    def _version_of(self, rule: Rule) -> int | None:
        """Return the policy version that sets a rule's number: the one used, else in force now."""
        if rule.policy_key is None:
            return None
        if rule.policy_key not in self.policy_refs:
            self.policy(rule.policy_key)
        return self.policy_refs.get(rule.policy_key)

    def act_for(self, unit: str) -> None:
        """Refuse an actor of another unit: an officer acts only for their own unit."""
        _require_unit(self.actor, unit)

    def require_kind(self, command: Command) -> None:
        """Check the date and the unit of a command against what its class allows.

        An act that takes effect by being recorded cannot have an ``occurred_at`` in the past.
        Reports may be dated back; a late one is flagged (0.2).
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
        """Refuse a report that is dated before ``day``; ``what`` says what happened on that day."""
        if day is not None and self.on < day:
            raise Malformed(
                f"{what} on {day}; occurred_at must not be before that day, and it is {self.on}",
                "/occurred_at",
            )

    def for_request(self, command: Command, requested_by: str, requested_at: int) -> Reading:
        """Return this reading for ``command``, which another person requested.

        ``requested_at``: the position of the request.
        """
        inner = copy(self)
        inner.requested_by, inner.requested_at = requested_by, requested_at
        if self._audiences is not None:
            inner._knows = self._knows | dict.fromkeys(hideable_tags(command))  # noqa: SLF001
        return inner

    def name(self, prefix: str) -> str:
        """Return an identifier for something this command creates: the same on every retry."""
        self._names += 1
        # Take the last digits: the first ones are the millisecond, which other ids may share.
        return f"{prefix}.{self.command_id[-16:]}.{self._names}"


def _require_unit(actor: Actor, unit: str, pointer: str = "") -> None:
    if actor.unit_id != unit:
        raise Forbidden(
            f"{actor.person_id} belongs to unit {actor.unit_id} and cannot act for {unit}. Use a "
            f"token of {unit}.",
            pointer,
        )


def _taken(kind: str, value: str) -> OutOfStep:
    """Return the refusal of an id that is in use, whether or not the sender may know by whom."""
    return OutOfStep(f"{kind} {value} is recorded already; take another id", taken=True)


def _named(fold: Fold) -> tuple[str, str]:
    """Return the kind and id of the first subject that a fold asks about."""
    name, kind = subject_fields(type(fold))[0]
    return kind, getattr(fold, name)


class _PublishedYears(Mapping[int, YearCalendar]):
    """The published years; each is read when it is looked up."""

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

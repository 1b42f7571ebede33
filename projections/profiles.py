"""The credit profile of a business (信用档案, rulebook 2.16): one fold, and the view that keeps it.

The same fold answers three questions: the view's (what is known now), the replay's (what was known
then, or would be if), and the reader's, by ``render``, for one of three audiences.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from ledger.credit.events import (
    CreditRecordEntered,
    ObjectionFiled,
    ObjectionResolved,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.draws.events import DrawResultPublished
from ledger.entities.events import EntityLeftRegister, EntityRegistered, EntityRevised, Identity
from ledger.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    IrregularVisitReported,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    ResultNotified,
)
from ledger.grading.events import CreditGradeAssigned
from ledger.grading.folds import UNGRADED
from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    InspectionImported,
    ViolationImported,
    ViolationRectified,
)
from ledger.kernel import Fold, PolicyVersionAdopted, Recorded
from ledger.kernel.days import earliest_after_minimum
from ledger.kernel.policies import PolicyVersions
from ledger.supervision.events import FindingRaised
from ledger.vocabulary import EntityId
from projections.source import Entry, Source
from projections.tables import Code, Row, Store, in_groups
from projections.views import FoldView

#: Who reads: everyone; the business itself; the authorities.
Audience = Literal["public", "entity", "restricted"]

#: The policy by which visits are capped (rulebook 3).
VISIT_CAP = "visit_cap"

#: Answers which version of ``visit_cap`` holds for a unit and a grade on a day.
Caps = Callable[[date, str, str], PolicyVersionAdopted | None]


#: What happens to a credit record; each names it as ``record``.
CreditEvent = (
    CreditRecordEntered
    | PublicityStarted
    | PublicityTerminated
    | PublicitySuspended
    | PublicityResumed
    | ObjectionFiled
    | ObjectionResolved
)


class Part(msgspec.Struct, array_like=True, gc=False):
    """A part of the state, stored without field names: there are hundreds of thousands of them."""


class When(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The order in which facts about one thing count: when they happened, then their place."""

    at: float
    position: int


class Grading(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One assessment."""

    assessed_on: date
    position: int
    grade: str
    scheme: str
    source: str
    override: bool


class CreditEntry(Part):
    """One credit record and its publicity. Each date is of the newest such fact, by its own date.

    A record whose publicity was heard of before the record itself has no ``kind`` yet.
    """

    kind: str = ""
    unit: str = ""
    title: str = ""
    public: bool = False
    determined_on: date | None = None
    severity: str | None = None
    doc_no: str = ""
    amount_fen: int | None = None
    result: str | None = None
    fulfilled: bool = False
    started_on: date | None = None
    min_until: date | None = None
    max_until: date | None = None
    started: When | None = None
    ended: When | None = None
    ended_on: date | None = None
    end_reason: str | None = None
    suspended: When | None = None
    suspended_until: date | None = None
    resumed: When | None = None
    objected: When | None = None
    answered: When | None = None

    def take(self, record: Recorded) -> None:
        """Let one event about this record change it."""
        event, when = record.event, happened(record)
        match event:
            case CreditRecordEntered():
                self.kind, self.unit, self.title = event.kind, event.unit, event.title
                self.public, self.determined_on = event.public, event.determined_on
                self.severity, self.doc_no = event.severity, event.instrument.doc_no
                self.amount_fen, self.result = event.amount_fen, event.result
                self.fulfilled = event.fulfilled
            case PublicityStarted() if self.started is None or self.started < when:
                self.started, self.started_on = when, event.started_on
                self.min_until, self.max_until = event.min_until, event.max_until
            case PublicityTerminated() if self.ended is None or self.ended < when:
                self.ended, self.ended_on = when, event.terminated_on
                self.end_reason = event.reason
            case PublicitySuspended() if self.suspended is None or self.suspended < when:
                self.suspended, self.suspended_until = when, event.until
            case PublicityResumed():
                self.resumed = later(self.resumed, when)
            case ObjectionFiled():
                self.objected = later(self.objected, when)
            case ObjectionResolved():
                self.answered = later(self.answered, when)

    @property
    def over(self) -> bool:
        """Whether it ended, and was not started again later."""
        return self.ended is not None and (self.started is None or self.started < self.ended)

    @property
    def status(self) -> str:
        """``active``: counts, and is shown if it is public. Otherwise why it is not."""
        if self.over:
            return self.end_reason or "ended"
        paused = self.suspended is not None and (
            (self.resumed is None or self.resumed < self.suspended)
            and (self.started is None or self.started < self.suspended)
        )
        if paused:
            return "suspended"
        return "active" if self.started is not None or self.severity is None else "unpublished"

    @property
    def shown(self) -> bool:
        """Whether the public may see it: while its publicity lasts; undated if it is no breach."""
        return bool(self.kind) and self.public and self.status == "active"


class Visit(Part):
    """A task of the ledger: booked, held, concluded, published."""

    unit: str = ""
    kind: str = ""
    counter: str = ""
    planned_on: date | None = None
    noticed: bool = False
    cancelled: bool = False
    opened_on: date | None = None
    minutes: int | None = None
    result: str | None = None
    lawful_refusal: bool = False
    concluded_on: date | None = None
    notified_on: date | None = None
    published_on: date | None = None
    published_result: str | None = None

    @property
    def announced(self) -> bool:
        """Whether the business knows of it: until then it is planned, and plans are sealed."""
        return bool(self.noticed or self.opened_on or self.concluded_on or self.published_on)


class Inspection(Part):
    """An inspection that a register tells of; when it last said so, and when it unsaid it."""

    held_on: date | None = None
    unit: str = ""
    type: str = ""
    result: str | None = None
    action: str | None = None
    score: int | None = None
    penalty_points: bool = False
    grade: str | None = None
    seen: When | None = None
    gone: When | None = None


class Violation(Part):
    """A violation that a register tells of, found on a day and perhaps put right on another."""

    code: str = ""
    severity: str | None = None
    found_on: date | None = None
    inspection: str | None = None
    corrected_on: date | None = None
    seen: When | None = None
    gone: When | None = None


class CreditProfile(Fold, array_like=True):
    """What does the ledger hold against, and for, this business?

    Facts that come late change it as if they had come in time: each is compared by its own date.
    """

    entity: EntityId
    identity: Identity | None = None
    identified: When | None = None
    left: When | None = None
    grades: list[Grading] = msgspec.field(default_factory=list)
    records: dict[str, CreditEntry] = msgspec.field(default_factory=dict)
    visits: dict[str, Visit] = msgspec.field(default_factory=dict)
    inspections: dict[str, Inspection] = msgspec.field(default_factory=dict)
    violations: dict[str, Violation] = msgspec.field(default_factory=dict)
    findings: int = 0
    irregular_visits: int = 0

    # Identity

    def on_known(self, event: EntityRegistered | EntityRevised, record: Recorded) -> None:
        when = _known(record)
        if self.identified is None or self.identified < when:
            self.identified = when
            self.identity = event.identity

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.left = later(self.left, _known(record))

    # Grade

    def on_graded(self, event: CreditGradeAssigned, record: Recorded) -> None:
        self.grades.append(
            Grading(
                event.assessed_on,
                record.position,
                event.grade,
                event.scheme,
                event.source,
                event.override,
            )
        )
        self.grades.sort(key=lambda g: (g.assessed_on, g.position))

    def grade(self, on: date | None = None) -> str:
        """The grade in force on a day: the newest assessment not after it; else B (2.4d)."""
        for assessed in reversed(self.grades):
            if on is None or assessed.assessed_on <= on:
                return assessed.grade
        return UNGRADED

    # Credit records

    def on_credit(self, event: CreditEvent, record: Recorded) -> None:
        self.records.setdefault(event.record, CreditEntry()).take(record)

    # Visits of the ledger's own units

    def on_booked(self, event: InspectionTaskApproved) -> None:
        visit = self._visit(event.task, event.unit)
        visit.kind, visit.counter = event.kind, event.counter
        visit.planned_on = event.planned_on

    def on_noticed(self, event: InspectionNoticeIssued) -> None:
        self._visit(event.task, event.unit).noticed = True

    def on_cancelled(self, event: InspectionCancelled) -> None:
        visit = self._visit(event.task, event.unit)
        visit.cancelled = True

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self._visit(event.task, event.unit).opened_on = record.occurred_on

    def on_closed(self, event: OnSiteInspectionClosed) -> None:
        self._visit(event.task, event.unit).minutes = event.minutes_on_site

    def on_concluded(self, event: InspectionConcluded, record: Recorded) -> None:
        visit = self._visit(event.task, event.unit)
        visit.result, visit.lawful_refusal = event.result, event.lawful_refusal
        visit.concluded_on = record.occurred_on

    def on_notified(self, event: ResultNotified, record: Recorded) -> None:
        self._visit(event.task, event.unit).notified_on = record.occurred_on

    def on_published(self, event: DrawResultPublished) -> None:
        if event.withhold_reason is None:
            visit = self._visit(event.task, event.unit)
            visit.published_on, visit.published_result = event.published_on, event.result
            visit.lawful_refusal = visit.lawful_refusal or event.lawful_refusal

    def on_irregular(self, event: IrregularVisitReported, record: Recorded) -> None:
        # Units read this, and would learn that the business has reported one of them.
        self.irregular_visits += record.envelope.visibility != "sealed"

    def on_found(self, event: FindingRaised) -> None:
        self.findings += 1

    def _visit(self, task: str, unit: str) -> Visit:
        visit = self.visits.get(task)
        if visit is None:
            visit = self.visits[task] = Visit(unit=unit)
        return visit

    # What registers tell

    def on_inspection(self, event: InspectionImported, record: Recorded) -> None:
        seen = self.inspections.setdefault(event.inspection, Inspection())
        when = _known(record)
        if seen.seen is None or seen.seen < when:
            self.inspections[event.inspection] = Inspection(
                event.held_on,
                event.unit,
                event.type,
                event.result,
                event.action,
                event.score,
                event.score_meaning == "penalty_points",
                event.grade,
                when,
                seen.gone,
            )

    def on_inspection_withdrawn(self, event: ImportedInspectionWithdrawn, record: Recorded) -> None:
        seen = self.inspections.setdefault(event.inspection, Inspection())
        seen.gone = later(seen.gone, _known(record))

    def on_violation(self, event: ViolationImported, record: Recorded) -> None:
        found = self.violations.setdefault(event.violation, Violation())
        when = _known(record)
        if found.seen is None or found.seen < when:
            found.code, found.severity = event.code, event.severity
            found.found_on, found.inspection = event.found_on, event.inspection
            found.seen = when

    def on_rectified(self, event: ViolationRectified) -> None:
        found = self.violations.setdefault(event.violation, Violation())
        # The first day on which it was right; a second report does not make it later.
        if found.corrected_on is None or event.corrected_on < found.corrected_on:
            found.corrected_on = event.corrected_on

    def on_violation_withdrawn(self, event: ImportedViolationWithdrawn, record: Recorded) -> None:
        found = self.violations.setdefault(event.violation, Violation())
        found.gone = later(found.gone, _known(record))

    # Reading

    @property
    def exists(self) -> bool:
        """Whether anything at all is recorded of it."""
        return bool(
            self.identified
            or self.left
            or self.grades
            or self.records
            or self.visits
            or self.inspections
            or self.violations
            or self.findings
            or self.irregular_visits
        )

    @property
    def registered(self) -> bool:
        """Whether its register has named it."""
        return self.identified is not None

    @property
    def listed(self) -> bool:
        """Whether its register named it after it last left."""
        return self.identified is not None and (self.left is None or self.left < self.identified)

    @property
    def capped(self) -> bool:
        """Whether any visit was booked, so that caps are shown."""
        return any(visit.counter for visit in self.visits.values())


def happened(record: Recorded) -> When:
    """When a fact counts from: its own date."""
    return When(record.envelope.occurred_at.timestamp(), record.position)


def _known(record: Recorded) -> When:
    """For what a register says and later says otherwise: when it said so, not when it happened."""
    return When(record.envelope.known_at.timestamp(), record.position)


def later(one: When | None, other: When) -> When:
    """The later of two."""
    return other if one is None or one < other else one


def render(
    profile: CreditProfile,
    audience: Audience,
    caps: Caps | None = None,
    *,
    on: date | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """The document of a profile for an audience.

    ``caps`` gives the visit caps in force; ``on`` is the day as of which grade and caps are shown,
    without it the newest. Public: what the rulebook marks P and nothing else. Nobody is shown when
    a visit is planned; the authorities are told how many are. ``told`` saves preparing the same
    twice for two audiences.
    """
    told = told or Told(profile)
    identity = profile.identity
    document: dict[str, Any] = {
        "entity": profile.entity,
        "registered": profile.registered,
        "listed": profile.listed,
    }
    if identity is not None:
        document["identity"] = identity
    if audience != "public":
        document["grade"] = profile.grade(on)
        document["grades"] = [
            {
                "assessed_on": one.assessed_on,
                "grade": one.grade,
                "scheme": one.scheme,
                "source": one.source,
                "override": one.override,
            }
            for one in profile.grades
            if on is None or one.assessed_on <= on
        ]
    document["records"] = _records(profile, audience)
    if audience != "public":
        document["records_ended"] = _ended(profile)
    document["inspections"] = _inspections(profile, audience, told)
    document["violations"] = told.violations
    if audience != "public":
        document["caps"] = _caps(profile, audience, caps, on)
        document["burden"] = _burden(profile)
    if audience == "restricted":
        document["upcoming_visits"] = sum(_upcoming(visit) for visit in profile.visits.values())
        document["findings"] = profile.findings
        document["irregular_visits"] = profile.irregular_visits
    return document


def _records(profile: CreditProfile, audience: Audience) -> list[dict[str, Any]]:
    shown = []
    for record, entry in sorted(profile.records.items()):
        if not entry.kind or (audience == "public" and not entry.shown):
            continue
        document: dict[str, Any] = {
            "record": record,
            "kind": entry.kind,
            "title": entry.title,
            "unit": entry.unit,
            "doc_no": entry.doc_no,
            "determined_on": entry.determined_on,
        }
        for name in ("severity", "amount_fen", "result"):
            if (value := getattr(entry, name)) is not None:
                document[name] = value
        if entry.fulfilled:
            document["fulfilled"] = True
        if entry.started_on is not None:
            document["publicity"] = {
                "started_on": entry.started_on,
                "min_until": entry.min_until,
                "max_until": entry.max_until,
                # A minimum ends at midnight: what it waits for may happen the day after (0.7).
                "earliest_repair_on": None
                if entry.min_until is None
                else earliest_after_minimum(entry.min_until, 0),
            }
        if audience != "public":
            document["public"] = entry.public
            document["status"] = entry.status
            if entry.ended_on is not None:
                document["ended_on"] = entry.ended_on
            if entry.status == "suspended" and entry.suspended_until is not None:
                document["suspended_until"] = entry.suspended_until
            if entry.objected is not None and (
                entry.answered is None or entry.answered < entry.objected
            ):
                document["objection_open"] = True
        shown.append(document)
    return shown


def _ended(profile: CreditProfile) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in profile.records.values():
        if entry.over:
            reason = entry.end_reason or "ended"
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


class Told:
    """What registers tell of a business, prepared for reading; alike for every audience."""

    __slots__ = ("inspections", "violations")

    def __init__(self, profile: CreditProfile) -> None:
        counts: dict[str, list[int]] = {}
        severities: dict[str, int] = {}
        found = corrected = 0
        newest: date | None = None
        for one in profile.violations.values():
            if not _stands(one):
                continue
            found += 1
            right = one.corrected_on is not None
            corrected += right
            if one.severity is not None:
                severities[one.severity] = severities.get(one.severity, 0) + 1
            if newest is None or (one.found_on is not None and one.found_on > newest):
                newest = one.found_on
            if one.inspection is not None:
                of_it = counts.get(one.inspection)
                if of_it is None:
                    counts[one.inspection] = [1, not right]
                else:
                    of_it[0] += 1
                    of_it[1] += not right
        self.violations = {
            "found": found,
            "corrected": corrected,
            "open": found - corrected,
            "by_severity": dict(sorted(severities.items())),
            "last_found_on": newest,
        }
        self.inspections = [
            (one.held_on, name, _told(name, one, counts.get(name)))
            for name, one in profile.inspections.items()
            if one.held_on is not None and _stands(one)
        ]
        self.inspections.sort(key=_newest, reverse=True)


def _newest(entry: tuple[date, str, dict[str, Any]]) -> tuple[date, str]:
    return entry[:2]


def _told(name: str, one: Inspection, violations: list[int] | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "inspection": name,
        "unit": one.unit,
        "type": one.type,
        "held_on": one.held_on,
    }
    if one.result is not None:
        document["result"] = one.result
    if one.action is not None:
        document["action"] = one.action
    if one.score is not None:
        document["score"] = one.score
        document["score_meaning"] = "penalty_points" if one.penalty_points else "higher_is_better"
    if one.grade is not None:
        document["grade"] = one.grade
    if violations is not None:
        document["violations"], document["violations_open"] = violations
    return document


def _inspections(profile: CreditProfile, audience: Audience, told: Told) -> list[dict[str, Any]]:
    if not profile.visits:
        return [document for _, _, document in told.inspections]
    found = list(told.inspections)
    for task, visit in profile.visits.items():
        if audience == "public":
            if visit.published_on is None:
                continue
            held_on = visit.opened_on or visit.published_on
            document = {
                "task": task,
                "unit": visit.unit,
                "held_on": held_on,
                "result": visit.published_result,
                "published_on": visit.published_on,
            }
        else:
            # A visit that nobody has made is planned, and plans are sealed.
            known = visit.opened_on or visit.concluded_on or visit.published_on
            if known is None:
                continue
            held_on = known
            document = {
                "task": task,
                "unit": visit.unit,
                "kind": visit.kind,
                "held_on": held_on,
                "result": visit.result or visit.published_result,
                "minutes_on_site": visit.minutes,
                "notified_on": visit.notified_on,
                "published_on": visit.published_on,
            }
        if visit.lawful_refusal:
            document["lawful_refusal"] = True
        found.append((held_on, task, document))
    found.sort(key=_newest, reverse=True)
    return [document for _, _, document in found]


def _stands(one: Inspection | Violation) -> bool:
    """Whether a register tells of it still."""
    return one.seen is not None and (one.gone is None or one.gone < one.seen)


def _caps(
    profile: CreditProfile, audience: Audience, caps: Caps | None, on: date | None
) -> list[dict[str, Any]]:
    booked: dict[tuple[int, str], list[int]] = {}
    for visit in profile.visits.values():
        if visit.planned_on is None or not visit.counter:
            continue
        if audience == "entity" and not visit.announced:
            continue
        counts = booked.setdefault((visit.planned_on.year, visit.unit), [0, 0])
        if not visit.cancelled:
            counts[visit.counter != "capped"] += 1
    found = []
    for (year, unit), (capped, exempt) in sorted(booked.items()):
        last_day = date(year, 12, 31)
        day = last_day if on is None else min(on, last_day)
        grade = profile.grade(day)
        policy = None if caps is None else caps(day, unit, grade)
        cap = None if policy is None else cap_of(policy, grade)
        found.append(
            {
                "unit": unit,
                "year": year,
                "grade": grade,
                "used": capped,
                "exempt": exempt,
                "cap": cap,
                "left": None if cap is None else max(0, cap - capped),
                "policy_version": None if policy is None else policy.version,
            }
        )
    return found


def cap_of(policy: PolicyVersionAdopted, grade: str) -> int | None:
    """The number of visits that a version of ``visit_cap`` allows a grade."""
    value = policy.value
    number = value.get(grade) if isinstance(value, dict) else value
    return number if isinstance(number, int) else None


def _burden(profile: CreditProfile) -> dict[str, int]:
    imported = sum(_stands(one) for one in profile.inspections.values())
    held = [visit for visit in profile.visits.values() if visit.opened_on is not None]
    return {
        "visits": len(held) + imported,
        "minutes_on_site": sum(visit.minutes or 0 for visit in held),
    }


def _upcoming(visit: Visit) -> bool:
    return (
        bool(visit.counter)
        and not visit.cancelled
        and visit.opened_on is None
        and visit.concluded_on is None
    )


_JSON = msgspec.json.Encoder()


def as_json(document: Any) -> bytes:
    """The bytes of a document, as they are sent."""
    return _JSON.encode(document)


def says_nothing(body: bytes, entity: str, audience: Audience) -> bool:
    """Whether a document is that of a business of which nothing at all is recorded.

    To this audience nothing is then known of the business, whatever may be sealed.
    """
    return body == as_json(render(CreditProfile(entity), audience))


_METADATA = sa.MetaData()

PROFILES = sa.Table(
    "profiles",
    _METADATA,
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text),
    #: The name as it is searched by: case folded.
    sa.Column("name_key", Code, index=True),
    sa.Column("area", Code, index=True),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("registered", sa.Boolean, nullable=False),
    #: Whether the document for the public, or the authorities, says anything at all.
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("grade", Code, nullable=False),
    #: Whether the document shows caps, and so depends on the policy ``visit_cap``.
    sa.Column("capped", sa.Boolean, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("public_json", sa.LargeBinary, nullable=False),
    sa.Column("restricted_json", sa.LargeBinary, nullable=False),
    sa.Index(
        "profiles_capped",
        "capped",
        sqlite_where=sa.text("capped"),
        postgresql_where=sa.text("capped"),
    ),
)

_STATE = (PROFILES.c.key, PROFILES.c.position, PROFILES.c.state)


class Profiles(FoldView[CreditProfile]):
    """A row for each business: its state, and its documents ready to be sent.

    ``position`` is the last event about it, which not every reader may hear of: the ETag of a
    document is a digest of what it says.
    """

    name = "profiles"
    version = 2
    kind = "entity"
    fold = CreditProfile
    table = PROFILES
    tables = (PROFILES,)

    def __init__(self) -> None:
        super().__init__()
        self.topics |= {PolicyVersionAdopted.TOPIC}
        self._caps = PolicyVersions(VISIT_CAP)
        self._caps_position = 0
        self._adopted = False

    def begin(self, source: Source, position: int) -> None:
        super().begin(source, position)
        self._adopted = False
        self._caps, self._caps_position = caps_as_of(source, position)

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        super().take(entries, store, source, last)
        self._adopted |= any(f"policy:{VISIT_CAP}" in entry.tags for entry in entries)

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        if not self._adopted:
            return super().flush(store, source, last)
        # Rows that show caps are rendered anew under the policies as they now stand.
        self._caps, self._caps_position = caps_as_of(source, last)
        changed = super().flush(store, source, last)
        capped = sa.select(PROFILES.c.key).where(PROFILES.c.capped)
        rest = set(store.connection.execute(capped).scalars()) - self._open.keys()
        for keys in in_groups(sorted(rest)):
            self.write(
                {
                    row.key: (self.decode(row.state), row.position)
                    for row in store.get(PROFILES, PROFILES.c.key, keys, *_STATE)
                },
                store,
            )
            self._changed.update(keys)
        return changed

    def committed(self) -> None:
        super().committed()
        self._adopted = False

    def write(self, folds: Mapping[str, tuple[CreditProfile, int]], store: Store) -> None:
        moved = {
            key: (fold, max(at, self._caps_position) if fold.capped else at)
            for key, (fold, at) in folds.items()
        }
        super().write(moved, store)

    def row(self, fold: CreditProfile, position: int) -> Row:
        identity = fold.identity
        name = None if identity is None else identity.name
        told = Told(fold)
        public = as_json(render(fold, "public", told=told))
        restricted = as_json(render(fold, "restricted", in_force(self._caps), told=told))
        return {
            "name": name,
            "name_key": None if name is None else name.casefold(),
            "area": None if identity is None else identity.area,
            "listed": fold.listed,
            "registered": fold.registered,
            "public": not says_nothing(public, fold.entity, "public"),
            "restricted": not says_nothing(restricted, fold.entity, "restricted"),
            "grade": fold.grade(),
            "capped": fold.capped,
            "public_json": public,
            "restricted_json": restricted,
        }


def in_force(versions: PolicyVersions) -> Caps:
    """The caps of a policy's versions, by day, unit and grade."""

    def caps(day: date, unit: str, grade: str) -> PolicyVersionAdopted | None:
        return versions.in_force(day, unit=unit, grade=grade)

    return caps


def caps_as_of(source: Source, position: int) -> tuple[PolicyVersions, int]:
    """The versions of ``visit_cap`` adopted up to a position, and the position of the last one."""
    versions = PolicyVersions(VISIT_CAP)
    records = source.records([versions.selector()], position) if position else []
    return versions.over(records), records[-1].position if records else 0

"""Commands of credit recording and publicity (2.4a)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, Literal, get_args

from ledger.general.countersigning import Countersigned
from ledger.general.findings import finding
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import UNIT, roles
from ledger.general.values import Instrument, Result, Sector
from ledger.general.vocabulary import (
    DecisionId,
    EntityId,
    Fen,
    Name,
    RecordId,
    Role,
    TaskId,
    Text,
    UnitId,
    same_person,
)
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Recorded,
    Report,
    Rule,
    message,
)
from ledger.systems.commitments.rules import CMT_R1
from ledger.systems.credit import rules
from ledger.systems.credit.events import (
    Channels,
    CreditRecordEntered,
    ObjectionFiled,
    ObjectionResolved,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    RecordKind,
    RecordSeverity,
    ShownElsewhereReported,
    StopOfExecution,
)
from ledger.systems.credit.folds import Record, record_of
from ledger.systems.credit.regimes import DISHONESTY, last_public_day, reckoned
from ledger.systems.dishonesty.rules import DIS_R1
from ledger.systems.endings.effects import (
    ENDERS,
    alter_records,
    approved_end,
    end_outlived,
    end_records,
    ends_by_word,
    moved_bounds,
    same_ender,
)
from ledger.systems.filing.folds import Task
from ledger.systems.penalties.folds import Decision, DecisionsOf
from ledger.systems.sharing.effects import share

_KINDS: tuple[str, ...] = get_args(RecordKind)

#: Roles that act for every unit: the lead department for records that reach it, and the clock for
#: records whose time is over. All others act for their own unit (谁认定、谁录入).
_FOR_ALL = roles("credit_officer", "ledger_clock")


class EnterCreditRecord(DatedAct):
    """录入信用信息: enter an effective legal instrument on the credit record of a business.

    ``kind`` must be in the catalogue (CRD-R2). Dishonesty information has a ``severity``.
    ``source_event_position`` is the position of the event in this ledger on which the record is
    based.
    """

    # 谁认定、谁录入: a unit enters its own records, the lead department those from elsewhere.
    ROLES = roles("credit_officer", *UNIT)
    ANY_UNIT = _FOR_ALL

    record: RecordId
    entity: EntityId
    unit: UnitId
    kind: Name
    determined_on: date
    title: Name
    public: bool
    instrument: Instrument | None = None
    summary: Text | None = None
    severity: RecordSeverity | None = None
    sector: Sector = "general"
    amount_fen: Fen | None = None
    result: Result | None = None
    fulfilled: bool = False
    necessity_reason: Text | None = None
    catalogue_item: Name | None = None
    decision: DecisionId | None = None
    task: TaskId | None = None
    source_event_position: int | None = None
    source_ref: Name | None = None
    determined_by: UnitId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Record(self.record))
        inquiry.require(
            self.kind in _KINDS and (self.kind != "other" or self.catalogue_item),
            rules.CRD_R2,
            kind=self.kind,
            kinds=_KINDS,
        )
        if self.determined_on > inquiry.on:
            raise Malformed(
                "credit.determined-on-must-not-after",
                pointer="/determined_on",
                on=inquiry.on,
                determined_on=self.determined_on,
            )
        if self.kind in ("penalty", "serious_list") and self.severity is None:
            raise Malformed("credit.record-kind-must-severity", pointer="/severity", kind=self.kind)
        if self.instrument is not None:
            rules.require_first(
                inquiry, entity=self.entity, kind=self.kind, doc_no=self.instrument.doc_no
            )
        decision = self._decision(inquiry)
        self._check_determined(inquiry)
        instrument = self._effective_instrument(inquiry, decision)
        self._check_references(inquiry)
        source = self._source(inquiry)
        decided = None if decision is None else decision.decided
        entered = CreditRecordEntered(
            record=self.record,
            entity=self.entity,
            unit=self.unit,
            kind=self.kind,  # type: ignore[arg-type]  # CRD-R2 leaves the kinds of the catalogue
            instrument=instrument,
            determined_on=self.determined_on,
            title=self.title,
            public=self.public,
            summary=self.summary,
            severity=self.severity,
            sector=self.sector,
            amount_fen=self._amount(decision),
            result=self.result,
            fulfilled=self.fulfilled,
            necessity_reason=self.necessity_reason,
            catalogue_item=self.catalogue_item,
            decision=None if decision is None else decision.decision,
            task=self.task,
            source_event_id=None if source is None else source.envelope.event_id,
            source_ref=self.source_ref,
            determined_by=self.determined_by or (None if decided is None else decided.unit),
        )
        rules.require_as_decided(inquiry, entered)
        if self.public:
            self._check_public(inquiry)
        yield entered

    def _decision(self, inquiry: Inquiry) -> Decision | None:
        """Return the decision of the record: the one named, or that of its document number."""
        name = self.decision
        if name is None and self.kind == "penalty" and self.instrument is not None:
            name = inquiry.read(DecisionsOf(self.entity)).by_document(self.instrument.doc_no)
            if name is not None and not inquiry.may_know("decision", name):
                name = None  # numbers can be guessed; do not reveal that it was decided
        if name is None:
            return None
        decision = inquiry.known(Decision(name), "general.record-decision-first")
        determined_by = decision.decided.unit
        if self.determined_by not in (None, determined_by):
            raise Malformed(
                "credit.determined-by-must-be-unit-decision",
                pointer="/determined_by",
                determined_by=determined_by,
                given_determined_by=self.determined_by,
            )
        if inquiry.actor.role not in _FOR_ALL:
            inquiry.act_for(determined_by)
        return decision

    def _amount(self, decision: Decision | None) -> int | None:
        if self.amount_fen is None and decision is not None:
            return decision.fine_fen or None
        return self.amount_fen

    def _check_determined(self, inquiry: Inquiry) -> None:
        """Refuse a kind that needs notice and defence, which its own decision enters.

        The lead department enters records of another register, with their source_ref.
        """
        rule = {"serious_list": DIS_R1, "commitment_breach": CMT_R1}.get(self.kind)
        if rule is None:
            return
        inquiry.require(
            inquiry.actor.role == "credit_officer" and self.source_ref is not None,
            rule,
            commitment=self.source_ref or message("credit.commitment"),
            reason=message("credit.record-kind-entered-decision", kind=self.kind),
        )

    def _effective_instrument(self, inquiry: Inquiry, decision: Decision | None) -> Instrument:
        instrument = self.instrument
        reason = rules.why_ineffective(instrument, inquiry.on)
        if reason is None and decision is not None:
            if decision.undone is not None:
                undone = decision.undone
                reason = message(
                    "general.decision-undone",
                    decision=decision.decision,
                    instrument=undone.instrument,
                )
            elif decision.served is None:
                reason = message("credit.decision-not-been-served", decision=decision.decision)
        inquiry.require(reason is None, rules.CRD_R1, reason=reason)
        assert instrument is not None
        return instrument

    def _check_references(self, inquiry: Inquiry) -> None:
        if self.severity == "special_serious":
            regime = inquiry.policy(DISHONESTY, on=self.determined_on)
            if regime is None or regime.value.get("special_serious") is None:
                raise Malformed(
                    "credit.special-serious-must-be-determination-under-regime-2019",
                    pointer="/severity",
                    determined_on=self.determined_on,
                )
        if self.task is not None:
            task = inquiry.known(Task(self.task))
            if task.entity != self.entity:
                raise Malformed(
                    "credit.task-must-be-about",
                    pointer="/task",
                    entity=self.entity,
                    task=self.task,
                    task_entity=task.entity,
                )

    def _source(self, inquiry: Inquiry) -> Recorded | None:
        if self.source_event_position is None:
            return None
        source = inquiry.named_record(self.source_event_position)
        if source is None or f"entity:{self.entity}" not in source.event.tags():
            raise Malformed(
                "credit.source-event-position-must-be-position-fact-about",
                pointer="/source_event_position",
                entity=self.entity,
                source_event_position=self.source_event_position,
            )
        return source

    def _check_public(self, inquiry: Inquiry) -> None:
        rules.require_published(inquiry, self.severity, self.determined_on, self.necessity_reason)
        require_impersonal(inquiry, rules.CRD_R4, self.title, self.summary, self.necessity_reason)


class StartPublicity(Act):
    """开始公示: publish a record, for the time that the regime in force on its day sets."""

    ROLES = roles("credit_officer", *UNIT)

    record: RecordId
    channels: Channels

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        says = record.says
        if not says.public:
            raise OutOfStep("credit.record-entered-not-public-cannot-published", record=self.record)
        if record.ended is not None:
            raise OutOfStep("credit.record-ended", record=self.record, reason=record.ended.reason)
        if record.started is not None:
            raise OutOfStep(
                "credit.record-published-already",
                record=self.record,
                started_on=record.started.started_on,
            )
        min_until, max_until = _last_days(inquiry, says, self.channels)
        if max_until is not None and max_until < inquiry.on:
            raise OutOfStep(
                "credit.longest-publicity-ended", record=self.record, max_until=max_until
            )
        deadline = rules.publicity_deadline(says)
        due = None if deadline is None else inquiry.due(deadline, record.entered)
        late = 0 if due is None else inquiry.days_after(due)
        yield PublicityStarted(
            record=self.record,
            entity=says.entity,
            unit=says.unit,
            started_on=inquiry.on,
            channels=self.channels,
            min_until=min_until,
            max_until=max_until,
            days_late=late,
        )
        yield from share(inquiry, says)
        if due is not None and late:
            yield finding(
                inquiry,
                rules.CRD_V2,
                unit=says.unit,
                entity=says.entity,
                record=self.record,
                due_on=due.on.isoformat(),
                days_late=late,
            )


class TerminatePublicity(Countersigned):
    """终止公示: end a record. The decision on a repair ends a repaired record by itself (2.4e).

    No other reason may replace a repair. ``revoked`` needs a decision that was undone; if the
    ledger does not hold the decision, it needs the approval of a second person, as ``correction``
    does. ``source_delisted`` is for a record from another register (``source_ref``).
    """

    ROLES = roles("credit_officer", "ledger_clock", *UNIT)

    NAME: ClassVar[str] = "credit.terminate-publicity"
    APPROVERS: ClassVar[frozenset[Role]] = ENDERS

    record: RecordId
    reason: Literal["max_reached", "revoked", "correction", "source_delisted"]
    note: Text | None = None

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        _own_record(inquiry, self.record)

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return same_ender(person)

    def needs_second(self, inquiry: Inquiry) -> bool:
        return ends_by_word(inquiry.read(Record(self.record)), self.reason)

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        says = record.says
        if record.started is not None:
            inquiry.not_before(
                record.started.started_on, message("credit.publicity-began", record=self.record)
            )
        last = last_public_day(inquiry, record)
        if record.ended is not None and (
            record.ended.reason in ("repaired", "revoked", "correction")
            or self.reason not in ("revoked", "correction")
        ):
            raise OutOfStep(
                "credit.record-ended-already", record=self.record, reason=record.ended.reason
            )
        if self.reason == "max_reached" and (last is None or inquiry.on <= last):
            ends = message("credit.ends", last=last) if last else message("credit.no-last-day")
            raise OutOfStep("credit.longest-publicity-must-be-over", record=self.record, ends=ends)
        if self.reason == "source_delisted" and says.source_ref is None:
            raise OutOfStep(
                "credit.reason-source-delisted-needs-record-source-ref-another", record=self.record
            )
        require_impersonal(inquiry, rules.CRD_R4, self.note)
        if self.reason in ("revoked", "correction"):
            yield from approved_end(inquiry, record, self.reason)
        yield from end_records(inquiry, [record], reason=self.reason, note=self.note)
        due_on = self._due_on(inquiry, record, last)
        if due_on is not None and due_on < inquiry.on:
            yield finding(
                inquiry,
                rules.CRD_V1,
                unit=says.unit,
                entity=says.entity,
                record=self.record,
                due_on=due_on.isoformat(),
                reason=self.reason,
            )

    def _due_on(self, inquiry: Inquiry, record: Record, last: date | None) -> date | None:
        """Return the last day on which to end a public record, or ``None`` (CRD-V1).

        ``last`` is the last day on which the record may be public.
        """
        says = record.says
        if record.started is None or record.ended is not None or record.suspended(inquiry.on):
            return None
        ends = [] if last is None else [last + timedelta(days=1)]
        if says.decision is not None:
            undone = inquiry.read(Decision(says.decision)).undone
            if undone is not None:
                due = inquiry.period("publicity.withdraw_wd", undone.since)
                if not due.provisional:  # a provisional day makes nothing late (Annex B)
                    ends.append(due.on)
        return min(ends, default=None)


class ReviewBounds(Report):
    """复核公示期: move the last public days of a record to those that a later law sets.

    The clock sends this for records that would be public for longer than the transition allows
    (``dishonesty.transition``). Nothing is recorded if the days are right already.
    """

    ROLES = roles("ledger_clock")

    record: RecordId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = inquiry.known(Record(self.record))
        moved = moved_bounds(inquiry, record, record.says, because="transition")
        if moved is not None:
            yield moved
            yield from end_outlived(inquiry, [record], [moved])


class FollowDecision(Report):
    """随决定变更: change a record to match its decision, which was altered.

    The clock sends this for alterations that an earlier version of the program did not apply to the
    record. Nothing is recorded if the two match.
    """

    ROLES = roles("ledger_clock")

    record: RecordId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = inquiry.known(Record(self.record))
        says = record.says
        if says.decision is None or record.undone:
            return
        decision = inquiry.read(Decision(says.decision))
        content = decision.content
        if content is None or not decision.altered_by:
            return
        amount = content.fine_fen or None
        if (says.severity, says.amount_fen or None) == (content.severity, amount):
            return
        yield from alter_records(
            inquiry,
            [record],
            decision=says.decision,
            instrument=decision.altered_by[-1].instrument,
            severity=content.severity,
            amount_fen=amount,
        )


class ReportShownElsewhere(Report):
    """报告异地公示: report that another platform shows a record of this document (CRD-V4).

    What another system shows is a claim of that source, not a record of this ledger. A finding is
    raised if the record had ended here before that day, or had changed with its decision.
    """

    ROLES = roles("entity_rep", "credit_officer", "jb_supervisor", *UNIT)

    record: RecordId
    entity: EntityId
    where: Name
    seen_on: date
    says: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = record_of(inquiry, self.record, self.entity)
        if self.seen_on > inquiry.on:
            raise Malformed(
                "credit.seen-on-must-not-after",
                pointer="/seen_on",
                on=inquiry.on,
                seen_on=self.seen_on,
            )
        reported = ShownElsewhereReported(
            record=self.record,
            entity=self.entity,
            unit=record.determined_by,
            where=self.where,
            seen_on=self.seen_on,
            says=self.says,
        )
        yield reported
        since = self._over_since(record)
        if since is not None and since < self.seen_on:
            yield finding(
                inquiry,
                rules.CRD_V4,
                unit=record.determined_by,
                entity=self.entity,
                record=self.record,
                where=self.where,
                seen_on=self.seen_on.isoformat(),
                since=since.isoformat(),
            )

    def _over_since(self, record: Record) -> date | None:
        """Return the day on which the record ended or changed here, or ``None``."""
        if record.ended is not None:
            return record.ended.terminated_on
        return record.altered_on


class SuspendPublicity(Act):
    """中止公示: hide a record while the execution of its decision is stopped.

    ``order`` is the document that stopped it, and ``ground`` says who did. A pending
    reconsideration or lawsuit alone does not hide a record (2.4e). The last days do not move.
    """

    ROLES = roles("credit_officer", *UNIT)

    record: RecordId
    ground: StopOfExecution
    order: Name
    reason: Text
    until: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _public_record(inquiry, self.record)
        if record.suspended(inquiry.on):
            raise OutOfStep("credit.publicity-suspended-already", record=self.record)
        if self.until is not None and self.until < inquiry.on:
            raise Malformed(
                "general.until-must-not-before", pointer="/until", on=inquiry.on, until=self.until
            )
        require_impersonal(inquiry, rules.CRD_R4, self.order, self.reason)
        yield PublicitySuspended(
            record=self.record,
            entity=record.says.entity,
            unit=record.says.unit,
            suspended_on=inquiry.on,
            reason=self.reason,
            until=self.until,
            ground=self.ground,
            order=self.order,
        )


class ResumePublicity(Act):
    """恢复公示: show a suspended record again."""

    ROLES = roles("credit_officer", *UNIT)

    record: RecordId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _public_record(inquiry, self.record)
        if not record.suspended(inquiry.on):
            raise OutOfStep("credit.publicity-must-be-suspended", record=self.record)
        require_impersonal(inquiry, rules.CRD_R4, self.reason)
        yield PublicityResumed(
            record=self.record,
            entity=record.says.entity,
            unit=record.says.unit,
            resumed_on=inquiry.on,
            reason=self.reason,
        )


class FileObjection(Report):
    """提出异议: report that a business considers one of its records wrong."""

    ROLES = roles("entity_rep", "credit_officer", *UNIT)
    IN_PERSON = roles("entity_rep")

    record: RecordId
    entity: EntityId
    grounds: Text
    evidence_refs: tuple[Name, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = record_of(inquiry, self.record, self.entity)
        if record.objection is not None:
            raise OutOfStep("credit.objection-open-already", record=self.record)
        yield ObjectionFiled(
            record=self.record,
            entity=self.entity,
            unit=record.says.unit,
            grounds=self.grounds,
            evidence_refs=self.evidence_refs,
        )


class ResolveObjection(Countersigned):
    """处理异议: answer an objection; if it is upheld in full, the record ends in the same append.

    If the unit that answers also recorded the objection, a second person must approve upholding it,
    as with a correction.
    """

    ROLES = roles("credit_officer", *UNIT)

    NAME: ClassVar[str] = "credit.resolve-objection"
    APPROVERS: ClassVar[frozenset[Role]] = ENDERS

    record: RecordId
    outcome: Literal["upheld", "partly_upheld", "rejected"]
    explanation: Text

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        _own_record(inquiry, self.record)

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return same_ender(person)

    def needs_second(self, inquiry: Inquiry) -> bool:
        record = inquiry.read(Record(self.record))
        if self.outcome != "upheld" or record.objection is None or record.ended is not None:
            return False
        filed_by = record.objection.envelope.actor
        return filed_by.unit_id == inquiry.actor.unit_id or same_person(
            filed_by.person_id, inquiry.actor.person_id
        )

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        says = record.says
        if record.objection is None:
            raise OutOfStep("credit.no-objection-open", record=self.record)
        if inquiry.requested_at is not None and inquiry.requested_at < record.objection.position:
            raise OutOfStep(
                "credit.objection-filed-after-request",
                record=self.record,
                occurred_on=record.objection.occurred_on,
            )
        due = inquiry.due(rules.ANSWER_OBJECTION, record.objection)
        yield ObjectionResolved(
            record=self.record,
            entity=says.entity,
            unit=says.unit,
            outcome=self.outcome,
            explanation=self.explanation,
            days_late=inquiry.days_after(due),
        )
        if self.outcome == "upheld" and record.ended is None:
            if requested_by is not None:
                yield from approved_end(inquiry, record, "correction")
            yield from end_records(inquiry, [record], reason="correction")


def _own_record(inquiry: Inquiry, record_id: str) -> Record:
    """Return the record; only the lead department acts on a record of another unit."""
    return inquiry.own(Record(record_id), "general.enter-record-first", any_unit=_FOR_ALL)


def _public_record(inquiry: Inquiry, record_id: str) -> Record:
    record = _own_record(inquiry, record_id)
    if record.started is None or record.ended is not None:
        raise OutOfStep("credit.record-must-be-published-not-ended", record=record_id)
    return record


def _regime(inquiry: Inquiry, on: date) -> dict[str, Any]:
    regime: dict[str, Any] = inquiry.setting("dishonesty.regime", on=on)
    return regime


def _last_days(
    inquiry: Inquiry, says: CreditRecordEntered, channels: Channels
) -> tuple[date | None, date | None]:
    """Return the last days of the shortest and longest publicity; rest days do not move them."""
    if says.severity is None:
        return None, None
    _regime(inquiry, says.determined_on)
    return reckoned(inquiry, says, channels).bounds

"""Commands that correct a record, or record that a decision was revoked or altered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import DecisionId, EntityId, Name, Role, Text, UnitId
from ledger.kernel import (
    DeadlineMissed,
    DeadlineRecomputed,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    Recorded,
    Report,
    UnknownReference,
    WorkingCalendarPublished,
    message,
)
from ledger.kernel.commands import CLOCK_TOLERANCE
from ledger.kernel.corrections import CorrectionImpossible, corrected
from ledger.systems.corrections.effects import NullificationKind, altered_content, nullify
from ledger.systems.corrections.events import (
    AlteredField,
    FieldChange,
    LitigationConcluded,
    LitigationOutcome,
    RecordCorrected,
)
from ledger.systems.corrections.folds import DecisionStanding, as_it_reads
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.credit.rules import CRD_R4, require_as_decided, require_first
from ledger.systems.endings.effects import alter_records, end_outlived, moved_bounds
from ledger.systems.entities.events import Identity
from ledger.systems.entities.rules import plain_identity
from ledger.systems.penalties.events import PenaltyContent, PenaltyDecided
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import require_content

#: The code of the message that says what to do instead of correcting a record, by the topic of its
#: event or by its system.
INSTEAD: Mapping[str, str] = {
    RecordCorrected.TOPIC: "corrections.correct-original-record-once-more",
    PolicyVersionAdopted.TOPIC: "corrections.adopt-new-version-policy-instead",
    WorkingCalendarPublished.TOPIC: "corrections.publish-new-version-year-calendar",
    DeadlineMissed.TOPIC: "corrections.follows-from-opening-record-policy",
    DeadlineRecomputed.TOPIC: "corrections.follows-from-calendars-publish-new",
    "filing.annual-plan-approved": "corrections.amend-plan-instead",
    "filing.plan-amended": "corrections.amend-plan-once-more",
    "filing.special-plan-approved": "corrections.approve-another-special-plan-instead",
    "filing.special-inspection-filed": "corrections.file-inspection-anew",
    "filing.inspection-task-approved": "corrections.cancel-task-approve-another",
    "filing.inspection-cancelled": "corrections.approve-another-task",
    "catalogue": "corrections.revise-withdraw-matter-qualify-unit",
    "supervision": "corrections.dismiss-finding-state-correction-in",
    "grading": "corrections.assess-grade-anew",
    "commitments": "corrections.record-performance-breach-obligation-instead",
    "dishonesty": "corrections.determine-anew-after-new-notice",
    "credit": "corrections.suspend-resume-end-publicity-record",
    "repair": "corrections.take-next-step-case-revoke",
    "sharing": "corrections.end-subscription-subscribe-anew",
    "penalties": "corrections.record-competent-body-decided-about",
    "publicity": "corrections.publish-anew-withdraw-published",
    "process": "corrections.supersede-piece-evidence-say-why",
    "observation": "corrections.take-next-step-period-measure",
    "approvals": "corrections.answer-withdraw-request-make-another",
    "corrections": "corrections.record-competent-body-decided-later",
    "takeon": "corrections.correct-opening-fact-itself-end",
    "intake": "corrections.import-register-says",
    "transparency": "corrections.checkpoints-state-rotate-key-once",
}


#: The systems whose records a credit officer can correct.
CREDIT_SYSTEMS = frozenset({"credit", "grading", "entities", "intake", "penalties", "takeon"})


class CorrectRecord(Countersigned):
    """更正记录: correct a record that differs from the facts; a second person must approve it.

    ``old`` of each change is the present value, after earlier corrections. Each type of event
    declares the fields that report a fact; these and ``occurred_at`` can be corrected. The content
    of a decision is changed by a new decision. People of a unit correct the records of their unit.
    """

    # Everyone of a unit can request a correction; APPROVERS names who can approve it.
    ROLES = roles("jb_supervisor", "credit_officer", *UNIT)

    NAME: ClassVar[str] = "corrections.correct-record"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset(
        {"jb_supervisor", "credit_officer", "unit_head"}
    )

    target_position: Annotated[int, msgspec.Meta(ge=1)]
    field_changes: Annotated[tuple[FieldChange, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Text

    def confidential(self, inquiry: Inquiry) -> bool:
        target = inquiry.named_record(self.target_position)
        return target is not None and target.envelope.visibility == "sealed"

    def withheld_from(self, inquiry: Inquiry) -> tuple[str, ...]:
        target = inquiry.named_record(self.target_position)
        return () if target is None else target.event.kept_from()

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        target = self._target(inquiry)
        # Check the fields first: if nobody can correct them, do not tell who could.
        self._check_fields(target)
        if inquiry.actor.role not in ("jb_supervisor", "credit_officer"):
            inquiry.act_for(getattr(target.event, "unit", None) or target.envelope.actor.unit_id)
            # A unit cannot correct what others reported or certified about it.
            inquiry.act_for(target.envelope.actor.unit_id)
        system = target.envelope.type.partition(".")[0]
        if inquiry.actor.role == "credit_officer" and system not in CREDIT_SYSTEMS:
            raise Forbidden(
                "corrections.credit-officer-can-correct-only-records",
                credit_systems=sorted(CREDIT_SYSTEMS),
                type=target.envelope.type,
            )

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        target = self._target(inquiry)
        assert requested_by is not None
        self._check(as_it_reads(inquiry, target))
        if target.envelope.visibility == "public":
            words = (msgspec.json.encode(change.new).decode() for change in self.field_changes)
            require_impersonal(inquiry, CRD_R4, self.reason, *words)
        yield RecordCorrected(
            target_event_id=target.envelope.event_id,
            target_position=target.position,
            field_changes=self.field_changes,
            reason=self.reason,
            requested_by=requested_by,
            approved_by=inquiry.actor.person_id,
            subjects=tuple(target.event.tags()),
            target_visibility=target.envelope.visibility,
            target_kept_from=target.event.kept_from(),
        )
        current = corrected(as_it_reads(inquiry, target), self.field_changes).event
        if isinstance(current, CreditRecordEntered):
            yield from self._correct_record(inquiry, current)
        elif isinstance(current, PenaltyDecided):
            yield from self._correct_document(inquiry, current, requested_by)

    def _target(self, inquiry: Inquiry) -> Recorded:
        target = inquiry.named_record(self.target_position)
        if target is None:
            raise UnknownReference("record", str(self.target_position))
        return target

    def _correct_document(
        self, inquiry: Inquiry, current: PenaltyDecided, requested_by: str
    ) -> Iterator[Event]:
        """Correct the document number and the day on the credit records of a decision, too."""
        decision = inquiry.read(Decision(current.decision))
        known = decision.decision_made
        if known is None:
            return
        last = inquiry.today if decision.served is None else decision.served.served_on
        if current.decided_on > last:
            raise Malformed(
                "corrections.decided-on-must-not-after-when-decision",
                pointer=self._pointer("/body/decided_on "),
                last=last,
                decided_on=current.decided_on,
            )
        records = inquiry.read(CreditRecords(current.entity)).of_document(
            current.decision, known.doc_no
        )
        for record in records if known.decided_on != current.decided_on else ():
            yield from self._correct_day(inquiry, record, current.decided_on, requested_by)
        for record in records if known.doc_no != current.doc_no else ():
            says = record.says
            require_first(
                inquiry,
                entity=current.entity,
                kind=says.kind,
                doc_no=current.doc_no,
                but=record.record,
            )
            yield from alter_records(
                inquiry,
                [record],
                decision=current.decision,
                instrument=current.doc_no,
                severity=says.severity,
                amount_fen=says.amount_fen,
                doc_no=current.doc_no,
            )

    def _correct_day(
        self, inquiry: Inquiry, record: Record, day: date, requested_by: str
    ) -> Iterator[Event]:
        """Correct the day of a record, which must be the day of its decision (CRD-R6).

        The last days of its publicity move too, as after a correction of the record itself.
        """
        says, entered = record.says, record.entered
        if says.determined_on == day:
            return
        yield RecordCorrected(
            target_event_id=entered.envelope.event_id,
            target_position=entered.position,
            field_changes=(
                FieldChange(
                    path="/body/determined_on",
                    old=says.determined_on.isoformat(),
                    new=day.isoformat(),
                ),
            ),
            reason=self.reason,
            requested_by=requested_by,
            approved_by=inquiry.actor.person_id,
            subjects=tuple(entered.event.tags()),
            target_visibility=entered.envelope.visibility,
            target_kept_from=entered.event.kept_from(),
        )
        says = msgspec.structs.replace(says, determined_on=day)
        moved = moved_bounds(inquiry, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(inquiry, [record], [moved])

    def _correct_record(self, inquiry: Inquiry, current: CreditRecordEntered) -> Iterator[Event]:
        """Check a corrected record and move the last days of its publicity.

        The record must match its decision and stay the only one of its document.
        """
        record = inquiry.read(Record(current.record))
        # A later alteration of the record stays; replace only the fields corrected here.
        touched = {
            change.path.split("/")[2] for change in self.field_changes if "/body/" in change.path
        }
        compared = touched & {"determined_on", "instrument", "amount_fen"}
        says = msgspec.structs.replace(
            record.says, **{name: getattr(current, name) for name in compared}
        )
        # A difference that this correction does not touch is not checked.
        if says.instrument.doc_no != record.says.instrument.doc_no:
            require_first(
                inquiry,
                entity=says.entity,
                kind=says.kind,
                doc_no=says.instrument.doc_no,
                but=says.record,
            )
        if says != record.says:
            require_as_decided(inquiry, says)
        moved = moved_bounds(inquiry, record, says, because="correction")
        if moved is not None:
            yield moved
            yield from end_outlived(inquiry, [record], [moved])

    def _check_fields(self, target: Recorded) -> None:
        topic, fields = target.envelope.type, type(target.event).CORRECTABLE
        instead = INSTEAD.get(topic) or INSTEAD.get(
            topic.split(".")[0], "corrections.record-present-facts"
        )
        if not fields:
            raise Malformed(
                "corrections.position-cannot-corrected",
                pointer="/target_position",
                target_position=self.target_position,
                topic=topic,
                instead=message(instead),
            )
        for place, change in enumerate(self.field_changes):
            _, part, *rest = change.path.split("/")
            if part == "body" and rest[0] not in fields:
                raise Malformed(
                    "corrections.cannot-corrected-only-occurred-at-body",
                    pointer=f"/field_changes/{place}",
                    path=change.path,
                    topic=topic,
                    fields=sorted(fields),
                    instead=message(instead),
                )

    def _check(self, current: Recorded) -> None:
        for place, change in enumerate(self.field_changes):
            if change.old == change.new:
                raise Malformed(
                    "corrections.must-change",
                    pointer=f"/field_changes/{place}/new",
                    path=change.path,
                )
        try:
            result = corrected(current, self.field_changes)
        except CorrectionImpossible as error:
            raise Malformed(error.message, pointer=self._pointer(str(error))) from error
        identity = getattr(result.event, "identity", None)
        if isinstance(identity, Identity):
            try:
                plain = plain_identity(identity)
            except Malformed as error:
                raise Malformed(error.message, pointer="/field_changes") from error
            if plain != identity:
                raise Malformed(
                    "corrections.texts-identity-must-not-begin-end",
                    pointer="/field_changes",
                )
        if result.envelope.occurred_at > current.envelope.recorded_at + CLOCK_TOLERANCE:
            raise Malformed(
                "corrections.occurred-at-must-not-after-time-recording",
                pointer=self._pointer("/occurred_at "),
                recorded_at=current.envelope.recorded_at.isoformat(),
            )

    def _pointer(self, message: str) -> str:
        """Return the pointer to the change whose path begins a message, or else to all changes."""
        for place, change in enumerate(self.field_changes):
            if message.startswith(f"{change.path} "):
                return f"/field_changes/{place}"
        return "/field_changes"


class NullifyDecision(Report):
    """否定决定: record that a competent body revoked or altered a decision, or declared it
    unlawful or void.

    The decision must be on record with this unit and business, and must not be revoked or declared
    void already. ``content`` is the whole content of an altered penalty; ``altered`` names what was
    altered: the fields of a penalty, or, for another act, in words. The head of a unit records this
    for decisions of that unit. What depends on the decision (credit records, sanctions, grades)
    changes in the same append.
    """

    ROLES = roles("recon_officer", "unit_head")
    ANY_UNIT = roles("recon_officer")

    decision: DecisionId
    unit: UnitId
    kind: NullificationKind
    entity: EntityId | None = None
    by: Name
    instrument: Name
    effective_on: date
    reason: Text
    content: PenaltyContent | None = None
    altered: tuple[AlteredField, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if (self.kind == "altered") != (bool(self.altered) or self.content is not None):
            raise Malformed(
                (
                    message("corrections.content-altered-must-be-given-because-kind")
                    if self.kind == "altered"
                    else message(
                        "corrections.content-altered-must-be-left-out-because", kind=self.kind
                    )
                ),
                pointer="/altered",
            )
        hint = message("general.record-decision-first")
        standing = inquiry.own(
            DecisionStanding(self.decision), hint, any_unit=roles("recon_officer")
        )
        if self.unit != standing.unit:
            raise Malformed(
                "corrections.unit-must-be-unit-decision",
                pointer="/unit",
                decision=self.decision,
                unit=standing.unit,
                given_unit=self.unit,
            )
        if self.entity not in (None, standing.entity):
            expected = standing.entity or message("corrections.left-out")
            raise Malformed(
                "corrections.entity-must-be-decision",
                pointer="/entity",
                expected=expected,
                decision=self.decision,
                entity=self.entity,
            )
        if standing.ended_on is not None:
            raise OutOfStep(
                "corrections.decision-no-effect-since",
                decision=self.decision,
                ended_on=standing.ended_on,
                ended_by=standing.ended_by,
            )
        act = inquiry.read(Decision(self.decision))
        content = None
        if self.kind == "altered":
            content = altered_content(act, self.content, self.altered)
        if content is not None and act.exists:
            require_content(content, act.decided.decided_on, "/content")
        yield from nullify(
            inquiry,
            standing,
            self.kind,
            by=self.by,
            instrument=self.instrument,
            effective_on=self.effective_on,
            reason=self.reason,
            altered=self.altered,
            before=act.content if self.kind == "altered" else None,
            content=content,
        )


class RecordLitigation(Report):
    """记录行政诉讼结果: report how a court ended a suit about one of the unit's decisions.

    The decision itself does not change: if the judgment revokes or alters it, record that with
    nullify-decision.
    """

    ROLES = roles("unit_legal_office", "unit_head")

    decision: DecisionId
    court: Name
    case_no: Name
    instance: Literal["first", "second", "retrial"]
    outcome: LitigationOutcome
    judged_on: date
    final: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.own(DecisionStanding(self.decision), "general.record-decision-first")
        if self.judged_on > inquiry.on:
            raise Malformed(
                "corrections.judged-on-must-not-after",
                pointer="/judged_on",
                on=inquiry.on,
                judged_on=self.judged_on,
            )
        if standing.made_on is not None and self.judged_on < standing.made_on:
            raise Malformed(
                "corrections.judged-on-must-not-before-decision",
                pointer="/judged_on",
                made_on=standing.made_on,
                judged_on=self.judged_on,
            )
        yield LitigationConcluded(
            decision=self.decision,
            unit=standing.unit,
            entity=standing.entity,
            court=self.court,
            case_no=self.case_no,
            instance=self.instance,
            outcome=self.outcome,
            judged_on=self.judged_on,
            final=self.final,
        )

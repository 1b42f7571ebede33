"""Determinations: notice, defence, decision (2.4c)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, get_args

import msgspec

from ledger.general.personaldata import require_impersonal
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.values import Instrument, Sector, Severity
from ledger.general.vocabulary import (
    DeterminationId,
    EntityId,
    ListFieldId,
    Name,
    RecordId,
    Text,
    UnitId,
)
from ledger.kernel import (
    Act,
    Event,
    Forbidden,
    Inquiry,
    LegalRef,
    Malformed,
    Message,
    OutOfStep,
    Report,
    message,
)
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import Record
from ledger.systems.credit.rules import (
    CRD_R1,
    CRD_R2,
    CRD_R4,
    require_first,
    require_published,
    why_ineffective,
)
from ledger.systems.dishonesty import rules
from ledger.systems.dishonesty.events import (
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
)
from ledger.systems.dishonesty.folds import Determination

Basis = Annotated[tuple[LegalRef, ...], msgspec.Meta(min_length=1, max_length=20)]

#: The classes of dishonesty, the lightest first.
CLASSES: tuple[Severity, ...] = get_args(Severity)


class NotifyDetermination(Act):
    """告知: notify a business of an intended determination of dishonesty.

    The notice states the facts, the basis, the intended class and the last day of the defence.
    """

    ROLES = OFFICERS

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    notice_no: Name
    facts: Text
    ground: Name
    severity: Severity
    basis: Basis
    defence_until: date
    sector: Sector = "general"
    list_field: ListFieldId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Determination(self.determination))
        if self.list_field is not None and self.severity != "serious":
            raise Malformed(
                "dishonesty.severity-must-be-serious-list-field-given",
                pointer="/list_field",
                severity=self.severity,
            )
        earliest = inquiry.period("dishonesty.defence_wd", inquiry.on).on
        inquiry.require(
            self.defence_until >= earliest,
            rules.DIS_R1,
            reason=message(
                "dishonesty.defence-until-must-not-before",
                earliest=earliest,
                defence_until=self.defence_until,
            ),
        )
        _require_classified(inquiry, self.ground, self.severity, self.sector)
        yield DeterminationNotified(
            determination=self.determination,
            entity=self.entity,
            unit=self.unit,
            notice_no=self.notice_no,
            facts=self.facts,
            ground=self.ground,
            severity=self.severity,
            basis=self.basis,
            defence_until=self.defence_until,
            sector=self.sector,
            list_field=self.list_field,
        )


class SubmitDefence(Report):
    """陈述申辩: answer the notice; a late answer also counts until the determination.

    The business sends its answer itself. The unit records an answer that it received earlier, with
    ``occurred_at``; this does not shorten the time of the business (DIS-R1).
    """

    ROLES = roles("entity_rep", *UNIT)
    IN_PERSON = roles("entity_rep")

    determination: DeterminationId
    entity: EntityId
    statement: Text
    evidence_refs: tuple[Name, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.known(Determination(self.determination))
        notice = standing.notice
        assert notice is not None
        if notice.entity != self.entity:
            raise Forbidden(
                "dishonesty.determination-does-not-concern",
                determination=self.determination,
                entity=self.entity,
            )
        if inquiry.actor.role != "entity_rep":
            inquiry.act_for(notice.unit)
        if standing.determined is not None:
            raise OutOfStep(
                "dishonesty.determined-already",
                determination=self.determination,
                determined_on=standing.determined_on,
            )
        inquiry.not_before(
            standing.notified_on, message("dishonesty.notified", determination=self.determination)
        )
        yield DefenceSubmitted(
            determination=self.determination,
            entity=notice.entity,
            unit=notice.unit,
            statement=self.statement,
            evidence_refs=self.evidence_refs,
            days_late=inquiry.days_after(notice.defence_until),
        )


class DetermineDishonesty(Act):
    """认定失信行为: determine dishonest conduct and its class, after notice and defence.

    The class enters the credit record: ``record`` of ``kind`` is recorded in the same append, and
    its publicity counts from today. If the notice named a serious list and the class is serious,
    the listing enters the record instead, and ``record`` must be left out.
    """

    ROLES = roles("unit_head")

    determination: DeterminationId
    severity: Severity
    instrument: Instrument
    basis: Basis
    defence_handling: Text | None = None
    record: RecordId | None = None
    kind: Literal["penalty", "judgment", "tax", "other"] = "other"
    title: Name = "失信行为认定"
    public: bool = False
    summary: Text | None = None
    necessity_reason: Text | None = None
    catalogue_item: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.read(Determination(self.determination))
        notice = standing.notice
        inquiry.require(
            notice is not None,
            rules.DIS_R1,
            reason=message("dishonesty.not-notified-business", determination=self.determination),
        )
        assert notice is not None
        inquiry.act_for(notice.unit)
        if standing.determined is not None:
            raise OutOfStep(
                "dishonesty.determined-already",
                determination=self.determination,
                determined_on=standing.determined_on,
            )
        reason = self._unheard(inquiry, standing, notice)
        inquiry.require(reason is None, rules.DIS_R1, reason=reason)
        _require_classified(inquiry, notice.ground, self.severity, notice.sector)
        why = why_ineffective(self.instrument, inquiry.on)
        inquiry.require(why is None, CRD_R1, reason=why)
        record = self._record(inquiry, notice)
        if not standing.defences and standing.lapsed_on is None:
            # The day has passed, but the clock has not recorded that yet.
            yield rules.defence_lapsed(notice)
        yield DishonestyDetermined(
            determination=self.determination,
            entity=notice.entity,
            unit=notice.unit,
            severity=self.severity,
            ground=notice.ground,
            basis=self.basis,
            instrument=self.instrument,
            sector=notice.sector,
            defence_handling=self.defence_handling,
            record=self.record,
        )
        if record is not None:
            yield record

    def _unheard(
        self, inquiry: Inquiry, standing: Determination, notice: DeterminationNotified
    ) -> Message | None:
        if not standing.answered and inquiry.on <= notice.defence_until:
            return message(
                "dishonesty.business-can-still-defend-itself-until",
                defence_until=notice.defence_until,
            )
        if standing.defences and self.defence_handling is None:
            return message("dishonesty.defence-handling-must-say-how-defence-assessed")
        if CLASSES.index(self.severity) > CLASSES.index(notice.severity):
            return message(
                "dishonesty.severity-must-not-exceed-notice",
                severity=notice.severity,
                given_severity=self.severity,
            )
        return None

    def _record(
        self, inquiry: Inquiry, notice: DeterminationNotified
    ) -> CreditRecordEntered | None:
        if notice.list_field is not None and self.severity == "serious":
            if self.record is not None:
                raise Malformed(
                    "dishonesty.record-must-be-left-out-because-listing",
                    pointer="/record",
                    list_field=notice.list_field,
                )
            return None
        if self.record is None:
            raise Malformed("dishonesty.record-must-name-credit-record-gets", pointer="/record")
        inquiry.new(Record(self.record))
        inquiry.require(
            self.kind != "other" or self.catalogue_item,
            CRD_R2,
            kind=self.kind,
            kinds=message("dishonesty.penalty-judgment-tax"),
        )
        require_first(inquiry, entity=notice.entity, kind=self.kind, doc_no=self.instrument.doc_no)
        if self.public:
            require_published(inquiry, self.severity, inquiry.on, self.necessity_reason)
            require_impersonal(inquiry, CRD_R4, self.title, self.summary, self.necessity_reason)
        return CreditRecordEntered(
            record=self.record,
            entity=notice.entity,
            unit=notice.unit,
            kind=self.kind,
            instrument=self.instrument,
            determined_on=inquiry.on,
            title=self.title,
            public=self.public,
            summary=self.summary,
            severity=self.severity,
            sector=notice.sector,
            necessity_reason=self.necessity_reason,
            catalogue_item=self.catalogue_item,
            source_ref=self.determination,
        )


def _require_classified(inquiry: Inquiry, ground: str, severity: Severity, sector: Sector) -> None:
    """Require that the classification of the sector puts the ground into this class (DIS-R4)."""
    classes: dict[str, Any] = inquiry.setting("severity.map", domain=sector)
    inquiry.require(
        ground in classes[severity],
        rules.DIS_R4,
        ground=ground,
        severity=severity,
        sector=sector,
        instead=[name for name in CLASSES if ground in classes[name]] or message("dishonesty.none"),
    )

"""Commands of the two-lenient-one-exempt list: publish it, apply it, educate (2.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import CaseId, Name, Text, UnitId
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.kernel.days import add_months
from ledger.systems.leniency import rules
from ledger.systems.leniency.events import (
    ConditionMet,
    CorrectionCommitmentTaken,
    EducationRecorded,
    ItemPassedOver,
    LeniencyApplied,
    LeniencyListPublished,
    ListItem,
    PromisedCorrectionVerified,
)
from ledger.systems.leniency.folds import CaseLeniency, LeniencyLists
from ledger.systems.penalties.events import CaseFiled, ExcludedConduct
from ledger.systems.penalties.folds import (
    Case,
    Decision,
    KnownViolation,
    Violations,
    known_case,
    undecided_case,
)


class PublishLeniencyList(Act):
    """公布两轻一免清单: publish the next complete version of a unit's list."""

    ROLES = roles("unit_head")

    unit: UnitId
    items: Annotated[tuple[ListItem, ...], msgspec.Meta(min_length=1, max_length=500)]
    effective_from: date | None = None
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        effective_from = self.effective_from or inquiry.on
        if effective_from < inquiry.on:
            raise Malformed(
                "general.effective-from-must-not-lie-before-today",
                pointer="/effective_from",
                on=inquiry.on,
                effective_from=effective_from,
            )
        names = [item.item for item in self.items]
        for place, item in enumerate(self.items):
            conditions = [condition.condition for condition in item.conditions]
            if names.count(item.item) > 1:
                raise Malformed(
                    "leniency.item-must-be-listed-only-once",
                    pointer=f"/items/{place}",
                    item=item.item,
                )
            if not conditions or len(set(conditions)) != len(conditions):
                raise Malformed(
                    "leniency.item-must-least-one-condition-each",
                    pointer=f"/items/{place}/conditions",
                    item=item.item,
                )
        yield LeniencyListPublished(
            unit=self.unit,
            version=inquiry.read(LeniencyLists(self.unit)).latest + 1,
            effective_from=effective_from,
            items=self.items,
            url=self.url,
        )


class ApplyLeniency(Act):
    """适用两轻一免: apply an item of the list in a case, with evidence for each condition.

    ``circumstances`` are the circumstances of the case; the item may exclude some of them.
    ``excluded`` adds kinds of conduct that no item excuses to those in the case file.
    ``passed_over`` names the more favourable items that do not fit, with the condition not met.
    """

    ROLES = roles("unit_head", "office_head")

    case: CaseId
    item: Name
    list_version: int
    conditions: tuple[ConditionMet, ...]
    circumstances: tuple[Name, ...] = ()
    excluded: tuple[ExcludedConduct, ...] = ()
    passed_over: tuple[ItemPassedOver, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        item = self._item(inquiry, filed)
        self._check_excluded(inquiry, filed, item)
        self._check_conditions(inquiry, case, item)
        if any(condition.kind == "first_violation" for condition in item.conditions):
            _require_first(inquiry, filed)
        if item.outcome == "exempt":
            rules.require_education(inquiry, self.case, inquiry.on)
        yield LeniencyApplied(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            item=self.item,
            list_version=self.list_version,
            outcome=item.outcome,
            violation_code=filed.conduct.violation_code,
            conditions=self.conditions,
            applied_on=inquiry.on,
            passed_over=self.passed_over,
        )

    def _item(self, inquiry: Inquiry, filed: CaseFiled) -> ListItem:
        """Return the item, which must be in force and the most favourable that fits (FLX-R1)."""
        code, last_on = filed.conduct.violation_code, filed.conduct.last_on
        lists = inquiry.read(LeniencyLists(filed.unit))
        items = {
            (version, item.item): item for version, item in lists.items(code, last_on, inquiry.on)
        }
        item = items.get((self.list_version, self.item))
        reason = None
        if item is None:
            versions = [v.version for v in lists.in_force_between(last_on, inquiry.on)]
            listed = versions or message("general.none")
            reason = message(
                "leniency.between-no-such-item-about-force",
                last_on=last_on,
                on=inquiry.on,
                code=code,
                listed=listed,
            )
        else:
            passed = set()
            for place, entry in enumerate(self.passed_over):
                other = items.get((entry.list_version, entry.item))
                if other is None or entry.condition not in {c.condition for c in other.conditions}:
                    raise Malformed(
                        "leniency.passed-over-must-name-items-about-one",
                        pointer=f"/passed_over/{place}",
                        code=code,
                        list_version=entry.list_version,
                        item=entry.item,
                        condition=entry.condition,
                    )
                passed.add((entry.list_version, entry.item))
            for version, other in rules.more_favourable(inquiry, filed, item.outcome):
                if (version, other.item) not in passed:
                    reason = message(
                        "general.item-version",
                        item=other.item,
                        version=version,
                        outcome=other.outcome,
                    )
                    break
        inquiry.require(
            reason is None,
            rules.FLX_R1,
            item=self.item,
            list_version=self.list_version,
            reason=reason,
        )
        assert item is not None
        return item

    def _check_excluded(self, inquiry: Inquiry, filed: CaseFiled, item: ListItem) -> None:
        excluded: set[str] = {*filed.conduct.excluded, *self.excluded}
        excluded.update(c for c in item.excluded_if if c in self.circumstances)
        rules.require_excusable(inquiry, self.case, excluded)

    def _check_conditions(self, inquiry: Inquiry, case: Case, item: ListItem) -> None:
        shown = {met.condition: met.evidence for met in self.conditions}
        for place, met in enumerate(self.conditions):
            if met.condition not in {condition.condition for condition in item.conditions}:
                raise Malformed(
                    "leniency.conditions-must-name-conditions-item",
                    pointer=f"/conditions/{place}",
                    item=item.item,
                    condition=met.condition,
                )
        missing = [
            condition.condition
            for condition in item.conditions
            if shown.get(condition.condition) not in case.evidence
        ]
        inquiry.require(
            not missing,
            rules.FLX_R2,
            case=self.case,
            item=item.item,
            missing=missing,
        )


class RecordEducation(Report):
    """教育当事人: record how the business was educated (Art. 33)."""

    ROLES = OFFICERS

    case: CaseId
    method: Literal["interview", "on_site", "letter", "training"]
    content: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = undecided_case(inquiry, self.case)
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        yield EducationRecorded(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            method=self.method,
            content=self.content,
            educated_on=inquiry.on,
            educated_by=inquiry.actor.person_id,
        )


class TakeCorrectionCommitment(Report):
    """承诺改正: record what the business promises to correct, and by when."""

    ROLES = OFFICERS

    case: CaseId
    commitment: Text
    correct_by: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = undecided_case(inquiry, self.case)
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        if self.correct_by < inquiry.on:
            raise Malformed(
                "leniency.correct-by-must-not-lie-before-day",
                pointer="/correct_by",
                on=inquiry.on,
                correct_by=self.correct_by,
            )
        yield CorrectionCommitmentTaken(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            commitment=self.commitment,
            taken_on=inquiry.on,
            correct_by=self.correct_by,
        )


class VerifyPromisedCorrection(Report):
    """核实承诺改正: record that the business corrected what it promised; also after the case."""

    ROLES = OFFICERS

    case: CaseId
    evidence: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = known_case(inquiry, self.case)
        leniency = inquiry.read(CaseLeniency(self.case))
        if not leniency.commitments:
            raise OutOfStep("leniency.promise-business-case-must-be-recorded-first", case=self.case)
        promised = leniency.commitments[-1]
        if leniency.corrected is not None:
            raise OutOfStep(
                "general.correction-already-verified", verified_on=leniency.corrected.verified_on
            )
        inquiry.not_before(promised.taken_on, message("leniency.correction-promised"))
        yield PromisedCorrectionVerified(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            evidence=self.evidence,
            verified_on=inquiry.on,
            days_late=inquiry.days_after(promised.correct_by),
        )


def _require_first(inquiry: Inquiry, filed: CaseFiled) -> None:
    """Refuse a violation as a first one if an earlier one of its type is proven (FLX-R5)."""
    months = int(inquiry.setting("first_violation_months"))
    conduct = filed.conduct
    earlier = inquiry.read(Violations(filed.entity)).of_type(
        conduct.violation_code,
        add_months(conduct.first_on, -months),
        conduct.first_on,
        but=filed.case,
    )
    for violation in earlier:
        inquiry.require(
            not _proven(inquiry, violation),
            rules.FLX_R5,
            earlier=violation.case,
            committed_on=violation.conduct.last_on,
            months=months,
        )


def _proven(inquiry: Inquiry, violation: KnownViolation) -> bool:
    """Return whether a violation is proven: the business was punished or exempted for it."""
    return violation.exempted or any(
        inquiry.read(Decision(name)).undone is None for name in violation.decisions
    )

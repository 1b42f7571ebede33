"""Commands of the two-lenient-one-exempt list: publish it, apply it, teach (2.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import CaseId, Name, Text, UnitId
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Report
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
    """公布两轻一免清单: publish the next version of a unit's list, complete."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    items: Annotated[tuple[ListItem, ...], msgspec.Meta(min_length=1, max_length=500)]
    effective_from: date | None = None
    url: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        effective_from = self.effective_from or ledger.on
        if effective_from < ledger.on:
            raise Malformed("a list holds from its publication on", "/effective_from")
        names = [item.item for item in self.items]
        for place, item in enumerate(self.items):
            conditions = [condition.condition for condition in item.conditions]
            if names.count(item.item) > 1:
                raise Malformed(f"item {item.item} stands twice", f"/items/{place}")
            if not conditions or len(set(conditions)) != len(conditions):
                raise Malformed(
                    "an item has conditions, each under its own name", f"/items/{place}/conditions"
                )
        yield LeniencyListPublished(
            unit=self.unit,
            version=ledger.read(LeniencyLists(self.unit)).latest + 1,
            effective_from=effective_from,
            items=self.items,
            url=self.url,
        )


class ApplyLeniency(Act):
    """适用两轻一免: apply an item of the list in a case, with evidence for each condition.

    ``circumstances`` are those of the case that the item may name as excluding it; ``excluded``
    adds to what the case file says of conduct that no item excuses. ``passed_over`` names the more
    favourable items that do not fit.
    """

    ROLES = roles("unit_head", "office_head")

    case: CaseId
    item: Name
    list_version: int
    conditions: tuple[ConditionMet, ...]
    circumstances: tuple[Name, ...] = ()
    excluded: tuple[ExcludedConduct, ...] = ()
    passed_over: tuple[ItemPassedOver, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case, filed = undecided_case(ledger, self.case)
        item = self._item(ledger, filed)
        self._check_excluded(ledger, filed, item)
        self._check_conditions(ledger, case, item)
        if any(condition.kind == "first_violation" for condition in item.conditions):
            _require_first(ledger, filed)
        if item.outcome == "exempt":
            rules.require_education(ledger, self.case, ledger.on)
        yield LeniencyApplied(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            item=self.item,
            list_version=self.list_version,
            outcome=item.outcome,
            violation_code=filed.conduct.violation_code,
            conditions=self.conditions,
            applied_on=ledger.on,
            passed_over=self.passed_over,
        )

    def _item(self, ledger: Reading, filed: CaseFiled) -> ListItem:
        """The item, which has to be in force and the most favourable one that fits (FLX-R1)."""
        code, last_on = filed.conduct.violation_code, filed.conduct.last_on
        lists = ledger.read(LeniencyLists(filed.unit))
        items = {
            (version, item.item): item for version, item in lists.items(code, last_on, ledger.on)
        }
        item = items.get((self.list_version, self.item))
        reason = None
        if item is None:
            versions = [v.version for v in lists.in_force_between(last_on, ledger.on)]
            listed = ", ".join(map(str, versions)) or "none"
            reason = (
                f"no such item about {code} was in force from {last_on} to {ledger.on}; versions "
                f"then: {listed}"
            )
        else:
            passed = set()
            for place, one in enumerate(self.passed_over):
                other = items.get((one.list_version, one.item))
                if other is None or one.condition not in {c.condition for c in other.conditions}:
                    raise Malformed(
                        f"version {one.list_version} has no item {one.item} about {code} with "
                        f"condition {one.condition}",
                        f"/passed_over/{place}",
                    )
                passed.add((one.list_version, one.item))
            for version, other in rules.more_favourable(ledger, filed, item.outcome):
                if (version, other.item) not in passed:
                    reason = f"item {other.item} of version {version} is {other.outcome}"
                    break
        ledger.require(
            reason is None,
            rules.FLX_R1,
            item=self.item,
            list_version=self.list_version,
            reason=reason,
        )
        assert item is not None
        return item

    def _check_excluded(self, ledger: Reading, filed: CaseFiled, item: ListItem) -> None:
        excluded: set[str] = {*filed.conduct.excluded, *self.excluded}
        excluded.update(c for c in item.excluded_if if c in self.circumstances)
        rules.require_excusable(ledger, self.case, excluded)

    def _check_conditions(self, ledger: Reading, case: Case, item: ListItem) -> None:
        shown = {met.condition: met.evidence for met in self.conditions}
        for place, met in enumerate(self.conditions):
            if met.condition not in {condition.condition for condition in item.conditions}:
                raise Malformed(
                    f"item {item.item} has no condition {met.condition}", f"/conditions/{place}"
                )
        missing = [
            condition.condition
            for condition in item.conditions
            if shown.get(condition.condition) not in case.evidence
        ]
        ledger.require(
            not missing,
            rules.FLX_R2,
            case=self.case,
            item=item.item,
            missing=", ".join(missing),
        )


class RecordEducation(Report):
    """教育当事人: record how the business was taught (Art. 33)."""

    ROLES = OFFICERS

    case: CaseId
    method: Literal["interview", "on_site", "letter", "training"]
    content: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _, filed = undecided_case(ledger, self.case)
        ledger.not_before(filed.filed_on, f"case {self.case} was filed")
        yield EducationRecorded(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            method=self.method,
            content=self.content,
            educated_on=ledger.on,
            educated_by=ledger.actor.person_id,
        )


class TakeCorrectionCommitment(Report):
    """承诺改正: record what the business promises to put right, and by when."""

    ROLES = OFFICERS

    case: CaseId
    commitment: Text
    correct_by: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _, filed = undecided_case(ledger, self.case)
        ledger.not_before(filed.filed_on, f"case {self.case} was filed")
        if self.correct_by < ledger.on:
            raise Malformed("correct_by lies before the day of the promise", "/correct_by")
        yield CorrectionCommitmentTaken(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            commitment=self.commitment,
            taken_on=ledger.on,
            correct_by=self.correct_by,
        )


class VerifyPromisedCorrection(Report):
    """核实承诺改正: see that what the business promised is put right; also after the case."""

    ROLES = OFFICERS

    case: CaseId
    evidence: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _, filed = known_case(ledger, self.case)
        leniency = ledger.read(CaseLeniency(self.case))
        if not leniency.commitments:
            raise OutOfStep(f"nothing was promised in case {self.case}")
        promised = leniency.commitments[-1]
        if leniency.corrected is not None:
            raise OutOfStep(f"the correction was verified on {leniency.corrected.verified_on}")
        ledger.not_before(promised.taken_on, "it was promised")
        yield PromisedCorrectionVerified(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            evidence=self.evidence,
            verified_on=ledger.on,
            days_late=ledger.days_after(promised.correct_by),
        )


def _require_first(ledger: Reading, filed: CaseFiled) -> None:
    """Refuse to call a violation the first one when another of its type was found (FLX-R5)."""
    months = int(ledger.setting("first_violation_months"))
    conduct = filed.conduct
    earlier = ledger.read(Violations(filed.entity)).of_type(
        conduct.violation_code,
        add_months(conduct.first_on, -months),
        conduct.first_on,
        but=filed.case,
    )
    for one in earlier:
        ledger.require(
            not _proven(ledger, one),
            rules.FLX_R5,
            earlier=one.case,
            committed_on=one.conduct.last_on,
            months=months,
        )


def _proven(ledger: Reading, violation: KnownViolation) -> bool:
    """Whether a violation was found to have taken place: fined, warned or exempted for it."""
    return violation.exempted or any(
        ledger.read(Decision(name)).undone is None for name in violation.decisions
    )

"""Serious lists: publish their criteria, add and remove businesses (2.4c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from ledger.general.countersigning import Countersigned
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import roles
from ledger.general.values import Instrument
from ledger.general.vocabulary import (
    DeterminationId,
    ListFieldId,
    Name,
    RecordId,
    Role,
    Text,
    UnitId,
)
from ledger.kernel import Act, DatedAct, Event, Inquiry, OutOfStep, Rule, UnknownReference, message
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import Record
from ledger.systems.credit.rules import CRD_R1, CRD_R4, require_first, why_ineffective
from ledger.systems.dishonesty import rules
from ledger.systems.dishonesty.events import (
    ListBasisLevel,
    ListCriteria,
    ListCriteriaProposed,
    ListCriteriaPublished,
    ListCriteriaWithdrawn,
    SeriousListAdded,
)
from ledger.systems.dishonesty.folds import Determination, ListField, SeriousListing
from ledger.systems.endings.effects import (
    ENDERS,
    approved_end,
    end_records,
    ends_by_word,
    same_ender,
)

#: The kinds of basis that allow a serious list; a local regulation allows it within its area.
_HIGH_ENOUGH: frozenset[ListBasisLevel] = frozenset(
    {"law", "admin_regulation", "central_policy", "local_regulation"}
)


class ProposeListCriteria(DatedAct):
    """认定标准征求意见: open new criteria of the serious list of a field for public comments.

    The text is at ``url``. If it was put there earlier, report it with its own date; a late report
    is marked as late.
    """

    ROLES = roles("credit_officer", "unit_head")

    list_field: ListFieldId
    unit: UnitId
    proposal: ListCriteria
    url: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        field = inquiry.read(ListField(self.list_field))
        if field.exists and field.unit != self.unit:
            raise OutOfStep(
                "dishonesty.unit-must-be-one-keeps-list",
                list_field=self.list_field,
                unit=field.unit,
                given_unit=self.unit,
            )
        yield ListCriteriaProposed(
            list_field=self.list_field,
            unit=self.unit,
            version=field.latest + 1,
            proposal=self.proposal,
            url=self.url,
        )


class PublishListCriteria(Act):
    """公布认定标准: put criteria in force that have a sufficient legal basis (DIS-R2).

    They must have been open for public comments for ``serious_list.consultation`` days.
    """

    ROLES = roles("credit_officer", "unit_head")

    list_field: ListFieldId
    version: int

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        field = inquiry.own(ListField(self.list_field), "dishonesty.propose-criteria-first")
        version = field.versions.get(self.version)
        if version is None:
            raise UnknownReference(
                "version",
                str(self.version),
                message(
                    "dishonesty.newest-version", list_field=self.list_field, latest=field.latest
                ),
            )
        if version.published_on is not None:
            raise OutOfStep(
                "dishonesty.version-published-already",
                version=self.version,
                published_on=version.published_on,
            )
        basis = version.proposal.basis
        days = int(inquiry.setting("serious_list.consultation"))
        first = version.proposed_on + timedelta(days=days + 1)
        reason = None
        if basis.level not in _HIGH_ENOUGH:
            reason = message(
                "dishonesty.basis-must-be-one",
                high_enough=sorted(_HIGH_ENOUGH),
                instrument=basis.instrument,
                level=basis.level,
            )
        elif inquiry.on < first:
            reason = message(
                "dishonesty.version-must-be-open-comments-days-until",
                version=self.version,
                days=days,
                first=first - timedelta(days=1),
                proposed_on=version.proposed_on,
            )
        inquiry.require(reason is None, rules.DIS_R2, list_field=self.list_field, reason=reason)
        yield ListCriteriaPublished(
            list_field=self.list_field,
            unit=field.unit,
            version=self.version,
            adopted=version.proposal,
            proposed_on=version.proposed_on,
        )


class WithdrawListCriteria(Act):
    """废止认定标准: withdraw the criteria of a field, for example because their basis is repealed.

    No more businesses can be added to its list.
    """

    ROLES = roles("credit_officer", "unit_head")

    list_field: ListFieldId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        field = inquiry.own(ListField(self.list_field))
        version = field.in_force(inquiry.on)
        if version is None:
            raise OutOfStep("dishonesty.no-criteria-force-list-field", list_field=self.list_field)
        yield ListCriteriaWithdrawn(
            list_field=self.list_field, unit=field.unit, version=version, reason=self.reason
        )


class AddToSeriousList(Act):
    """列入严重失信主体名单: add a business to the list that its notice named (DIS-R1, DIS-R2).

    The listing enters the credit record ``record``, and its publicity counts from today.
    """

    ROLES = roles("unit_head")

    determination: DeterminationId
    record: RecordId
    instrument: Instrument
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.read(Determination(self.determination))
        notice, determined = standing.notice, standing.determined
        missing = None
        if notice is None:
            missing = message("dishonesty.not-notified-business", determination=self.determination)
        elif notice.list_field is None:
            missing = message(
                "dishonesty.notice-did-not-name-list", determination=self.determination
            )
        elif determined is None:
            missing = message(
                "dishonesty.must-be-determined-first",
                determination=self.determination,
                stage=standing.stage,
            )
        inquiry.require(missing is None, rules.DIS_R1, reason=missing)
        assert notice is not None
        assert notice.list_field is not None
        assert determined is not None
        inquiry.act_for(notice.unit)
        if determined.severity != "serious":
            raise OutOfStep(
                "dishonesty.must-found-serious-dishonesty",
                determination=self.determination,
                severity=determined.severity,
            )
        if standing.listed is not None:
            raise OutOfStep(
                "dishonesty.business-added-list-already", determination=self.determination
            )
        inquiry.new(Record(self.record))
        field = inquiry.read(ListField(notice.list_field))
        version = field.in_force(inquiry.on)
        inquiry.require(
            version is not None,
            rules.DIS_R2,
            list_field=notice.list_field,
            reason=message("dishonesty.no-criteria-force"),
        )
        assert version is not None
        require_first(
            inquiry, entity=notice.entity, kind="serious_list", doc_no=self.instrument.doc_no
        )
        why = why_ineffective(self.instrument, inquiry.on)
        inquiry.require(why is None, CRD_R1, reason=why)
        require_impersonal(inquiry, CRD_R4, self.reason)
        yield SeriousListAdded(
            record=self.record,
            determination=self.determination,
            entity=notice.entity,
            unit=notice.unit,
            list_field=notice.list_field,
            criteria_version=version,
            instrument=self.instrument,
            reason=self.reason,
            listed_on=inquiry.on,
        )
        yield CreditRecordEntered(
            record=self.record,
            entity=notice.entity,
            unit=notice.unit,
            kind="serious_list",
            instrument=self.instrument,
            determined_on=inquiry.on,
            title=field.versions[version].proposal.name,
            public=True,
            summary=self.reason,
            severity="serious",
            sector=notice.sector,
            source_ref=self.determination,
        )


class RemoveFromSeriousList(Countersigned):
    """移出严重失信主体名单: remove a business from the list and end the record of the listing.

    ``source_delisted``: the conditions of removal are met. A repair removes the business by itself
    (2.4e). The other reasons have the conditions of ``TerminatePublicity``.
    """

    ROLES = roles("unit_head")

    NAME: ClassVar[str] = "dishonesty.remove-from-serious-list"
    APPROVERS: ClassVar[frozenset[Role]] = ENDERS

    record: RecordId
    reason: Literal["source_delisted", "revoked", "correction"]
    note: Text | None = None

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        listing = self._listing(inquiry)
        if inquiry.actor.role != "credit_officer":
            inquiry.act_for(listing.unit)

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return same_ender(person)

    def needs_second(self, inquiry: Inquiry) -> bool:
        return ends_by_word(inquiry.known(Record(self.record)), self.reason)

    def _listing(self, inquiry: Inquiry) -> SeriousListing:
        return inquiry.known(
            SeriousListing(self.record), "dishonesty.name-record-listing-serious-list"
        )

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        listing = self._listing(inquiry)
        if listing.removed is not None:
            raise OutOfStep(
                "dishonesty.removed-already",
                record=self.record,
                removed_on=listing.removed.removed_on,
            )
        require_impersonal(inquiry, CRD_R4, self.note)
        record = inquiry.known(Record(self.record))
        if self.reason != "source_delisted":
            yield from approved_end(inquiry, record, self.reason)
        yield from end_records(inquiry, [record], reason=self.reason, note=self.note)

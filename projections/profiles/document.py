"""The type of the document about a business, for those who read it (``rendering``).

The document is made and compared as plain data, item by item; these types describe it. They are
derived from the folds and events whose fields it shows. A field that some audiences do not read, or
that a business may lack, is optional.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from msgspec import UnsetType

from ledger.systems.credit.events import TerminationReason
from ledger.systems.dishonesty.events import SanctionApplied, SeriousListAdded
from ledger.systems.dishonesty.folds import Determination
from ledger.systems.entities.events import Identity
from ledger.systems.entities.folds import Leave
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.keylist.folds import KeyDesignation
from ledger.systems.observation.folds import Observation
from projections.answers import fields_type, shown_type, struct_type
from projections.profiles.fold import CreditProfile
from projections.profiles.parts import CreditEntry, Inspection
from projections.profiles.rendering import ShownRegime
from projections.systems.commitments import ShownCommitment

#: What becomes of a record: all but the first three end it.
RecordStatus = Literal["active", "suspended", "unpublished", "ended"] | TerminationReason

#: What only a record's own audience reads of it is told by its status.
_INTERNAL = (
    *("sector", "channels", "started", "ended", "end_reason", "suspended", "resumed"),
    *("objected", "answered", "reinstated", "started_on", "min_until", "max_until"),
)

_Record: Any = shown_type(
    CreditEntry,
    _INTERNAL,
    called="ProfileRecord",
    record=str,
    publicity=fields_type(
        CreditEntry, "started_on", "min_until", "max_until", called="PublicityPeriod"
    ),
    earliest_repair_on=date | None,
    repairable=bool,
    regimes=list[ShownRegime],
    status=RecordStatus,
    objection_open=bool,
)
_Inspection: Any = shown_type(
    Inspection,
    ("penalty_points", "seen", "gone"),
    called="ProfileInspection",
    inspection=str,
    score_meaning=Literal["penalty_points", "higher_is_better"],
    violations=int,
    violations_open=int,
    # Of a visit that this ledger knows:
    task=str,
    kind=str,
    minutes_on_site=int | None,
    notified_on=date | None,
    published_on=date | None,
    lawful_refusal=bool,
)
_Violations = struct_type(
    "ProfileViolations",
    "The violations that registers reported.",
    found=int,
    corrected=int,
    open=int,
    by_severity=dict[str, int],
    last_found_on=date | None,
)
_Cap: Any = struct_type(
    "ProfileCap",
    "The visits that a unit has booked in a year, against the cap of the grade.",
    unit=str,
    year=int,
    grade=str,
    used=int,
    exempt=int,
    cap=int | None,
    left=int | None,
    policy_version=int | None,
)
_Burden = struct_type(
    "ProfileBurden",
    "How often units came, and how many inspections registers reported.",
    visits=int,
    minutes_on_site=int,
    joint_visits=int,
    avoided_by_merging=int,
    inspections_imported=int,
)
_Grade: Any = fields_type(
    CreditGradeAssigned,
    *("assessed_on", "grade", "scheme", "source", "override"),
    called="ProfileGrade",
)
_Listing: Any = fields_type(
    SeriousListAdded,
    *("record", "list_field", "unit", "listed_on", "reason"),
    called="ProfileListing",
    doc_no=str,
    determination=str | UnsetType,
)
_Designation: Any = fields_type(
    KeyDesignation,
    *("designation", "unit", "matters", "designated_on", "review_on"),
    called="ProfileDesignation",
)
_Determination: Any = fields_type(
    Determination,
    *("determination", "notified_on"),
    called="ProfileDetermination",
    unit=str,
    stage=str,
    severity=str,
    # Of the notice, until it is determined; then of the determination:
    defence_until=date | UnsetType,
    ground=str | UnsetType,
    determined_on=date | None | UnsetType,
    doc_no=str | UnsetType,
    record=str | UnsetType,
)
_Incentive: Any = struct_type(
    "ProfileIncentive",
    "An incentive that is promised or granted.",
    incentive=str,
    unit=str,
    measure=str,
    stage=str,
    apply_by=date | None,
    granted_on=date | None,
    until=date | None,
)
_Sanction: Any = fields_type(
    SanctionApplied,
    *("sanction", "unit", "record", "measure", "catalogue_version", "applied_on", "until"),
    called="ProfileSanction",
)
_Observation: Any = fields_type(
    Observation,
    *("observation", "unit", "four_new_kind", "activity", "starts_on", "ends_on"),
    called="ProfileObservation",
)

ShownProfile = struct_type(
    "ShownProfile",
    "The credit profile of a business, as far as the reader may know it.",
    entity=str,
    registered=bool,
    listed=bool,
    records=list[_Record],
    commitments=list[ShownCommitment],
    serious_list=list[_Listing],
    inspections=list[_Inspection],
    violations=_Violations,
    identity=Identity | UnsetType,
    former_names=list[str] | UnsetType,
    left=fields_type(Leave, "on", "kind", called="LeftRegister") | UnsetType,
    odd_id=fields_type(CreditProfile, "register_ref", called="OddId", what=str) | UnsetType,
    grade=str | UnsetType,
    grades=list[_Grade] | UnsetType,
    manner=str | UnsetType,
    records_ended=dict[str, int] | UnsetType,
    records_repaired=int | UnsetType,
    key_designations=list[_Designation] | UnsetType,
    determinations=list[_Determination] | UnsetType,
    incentives=list[_Incentive] | UnsetType,
    sanctions=list[_Sanction] | UnsetType,
    observation_periods=list[_Observation] | UnsetType,
    reconsiderations_open=int | UnsetType,
    caps=list[_Cap] | UnsetType,
    burden=_Burden | UnsetType,
    upcoming_visits=int | UnsetType,
    findings=int | UnsetType,
    irregular_visits=int | UnsetType,
)

"""The types of the documents about a business, for those who read them (``rendering``).

The documents are made and compared as plain data, item by item; these types describe them. What is
for some audiences only, and what a business may lack, is optional.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ledger.systems.entities.events import Identity
from projections.profiles.rendering import ShownRegime
from projections.systems.commitments import ShownCommitment


class ProfileGrade(msgspec.Struct, frozen=True):
    """One assessment of the grade."""

    assessed_on: date
    grade: str
    scheme: str
    source: str
    override: bool


class LeftRegister(msgspec.Struct, frozen=True):
    """When and how the business left its register."""

    on: date
    kind: str | None


class OddId(msgspec.Struct, frozen=True):
    """What is wrong with the business's code, and the register's own reference."""

    what: str
    register_ref: str | None


class PublicityPeriod(msgspec.Struct, frozen=True):
    """The publicity of a record, with the last days of its shortest and longest period."""

    started_on: date
    min_until: date | None
    max_until: date | None


class ProfileRecord(msgspec.Struct, frozen=True):
    """A credit record: its determination, publicity, earliest repair, and status."""

    record: str
    kind: str
    title: str
    unit: str
    doc_no: str
    determined_on: date | None
    severity: str | UnsetType = UNSET
    amount_fen: int | UnsetType = UNSET
    result: str | UnsetType = UNSET
    fulfilled: bool | UnsetType = UNSET
    publicity: PublicityPeriod | UnsetType = UNSET
    earliest_repair_on: date | UnsetType | None = UNSET
    repairable: bool | UnsetType = UNSET
    regimes: list[ShownRegime] | UnsetType = UNSET
    public: bool | UnsetType = UNSET
    status: str | UnsetType = UNSET
    ended_on: date | UnsetType = UNSET
    reinstated_on: date | UnsetType = UNSET
    suspended_until: date | UnsetType = UNSET
    objection_open: bool | UnsetType = UNSET


class ProfileInspection(msgspec.Struct, frozen=True):
    """A visit, by its task, or an inspection that a register reported."""

    unit: str
    held_on: date
    task: str | UnsetType = UNSET
    inspection: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    result: str | UnsetType | None = UNSET
    minutes_on_site: int | UnsetType | None = UNSET
    notified_on: date | UnsetType | None = UNSET
    published_on: date | UnsetType | None = UNSET
    lawful_refusal: bool | UnsetType = UNSET
    action: str | UnsetType = UNSET
    score: int | UnsetType = UNSET
    score_meaning: Literal["penalty_points", "higher_is_better"] | UnsetType = UNSET
    grade: str | UnsetType = UNSET
    violations: int | UnsetType = UNSET
    violations_open: int | UnsetType = UNSET


class ProfileViolations(msgspec.Struct, frozen=True):
    """The violations that registers reported."""

    found: int
    corrected: int
    open: int
    by_severity: dict[str, int]
    last_found_on: date | None


class ProfileCap(msgspec.Struct, frozen=True):
    """The visits that a unit has booked in a year, against the cap of the business's grade."""

    unit: str
    year: int
    grade: str
    used: int
    exempt: int
    cap: int | None
    left: int | None
    policy_version: int | None


class ProfileBurden(msgspec.Struct, frozen=True):
    """How often units came, and how many inspections registers reported."""

    visits: int
    minutes_on_site: int
    joint_visits: int
    avoided_by_merging: int
    inspections_imported: int


class ProfileListing(msgspec.Struct, frozen=True):
    """An entry on a serious list."""

    record: str
    list_field: str
    unit: str
    listed_on: date
    doc_no: str
    reason: str
    determination: str | UnsetType | None = UNSET


class ProfileDesignation(msgspec.Struct, frozen=True):
    """A designation for key supervision; it lapses after ``review_on``."""

    designation: str
    unit: str
    matters: tuple[str, ...]
    designated_on: date | None
    review_on: date | None


class ProfileDetermination(msgspec.Struct, frozen=True):
    """A determination of dishonesty; before it is made, its notice."""

    determination: str
    unit: str
    stage: str
    notified_on: date | None
    severity: str
    defence_until: date | UnsetType = UNSET
    ground: str | UnsetType = UNSET
    determined_on: date | UnsetType | None = UNSET
    doc_no: str | UnsetType = UNSET
    record: str | UnsetType = UNSET


class ProfileIncentive(msgspec.Struct, frozen=True):
    """An incentive that is promised or granted."""

    incentive: str
    unit: str
    measure: str
    stage: str
    apply_by: date | None
    granted_on: date | None
    until: date | None


class ProfileSanction(msgspec.Struct, frozen=True):
    """A sanction in force."""

    sanction: str
    unit: str
    record: str
    measure: str
    catalogue_version: int
    applied_on: date
    until: date | None


class ProfileObservation(msgspec.Struct, frozen=True):
    """An observation period that runs."""

    observation: str
    unit: str
    four_new_kind: str | None
    activity: str
    starts_on: date | None
    ends_on: date | None


class ShownProfile(msgspec.Struct, frozen=True):
    """The credit profile of a business, as far as the reader may know it."""

    entity: str
    registered: bool
    listed: bool
    records: list[ProfileRecord]
    commitments: list[ShownCommitment]
    serious_list: list[ProfileListing]
    inspections: list[ProfileInspection]
    violations: ProfileViolations
    identity: Identity | UnsetType = UNSET
    former_names: list[str] | UnsetType = UNSET
    left: LeftRegister | UnsetType = UNSET
    odd_id: OddId | UnsetType = UNSET
    grade: str | UnsetType = UNSET
    grades: list[ProfileGrade] | UnsetType = UNSET
    manner: str | UnsetType = UNSET
    records_ended: dict[str, int] | UnsetType = UNSET
    records_repaired: int | UnsetType = UNSET
    key_designations: list[ProfileDesignation] | UnsetType = UNSET
    determinations: list[ProfileDetermination] | UnsetType = UNSET
    incentives: list[ProfileIncentive] | UnsetType = UNSET
    sanctions: list[ProfileSanction] | UnsetType = UNSET
    observation_periods: list[ProfileObservation] | UnsetType = UNSET
    reconsiderations_open: int | UnsetType = UNSET
    caps: list[ProfileCap] | UnsetType = UNSET
    burden: ProfileBurden | UnsetType = UNSET
    upcoming_visits: int | UnsetType = UNSET
    findings: int | UnsetType = UNSET
    irregular_visits: int | UnsetType = UNSET

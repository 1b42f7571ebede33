"""How a business stands besides its records: commitments, lists, measures, periods, disputes.

Few businesses have any of it, so that it lies apart from the rest of the state. What the systems
themselves decide by is kept: their own folds, each about one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

from ledger.systems.commitments.folds import Commitment
from ledger.systems.dishonesty.folds import Determination, Incentive, Sanction, SeriousListing
from ledger.systems.keylist.folds import KeyDesignation
from ledger.systems.observation.folds import Observation
from projections.profiles.parts import Part
from projections.systems import commitments

#: Who reads: everyone; the business itself; the authorities.
Audience = Literal["public", "entity", "restricted"]

#: The planned visits of every unit, where it is said whose are told of.
EVERY = "*"


class Dispute(Part):
    """A reconsideration case: whether it was applied for, and whether it is over."""

    applied: bool = False
    over: bool = False

    @property
    def open(self) -> bool:
        """Whether the case is undecided."""
        return self.applied and not self.over


class Standing(msgspec.Struct, array_like=True, gc=False):
    """What stands of each thing, by its id; listings by the record on which they stand."""

    commitments: dict[str, Commitment] = {}
    determinations: dict[str, Determination] = {}
    listings: dict[str, SeriousListing] = {}
    incentives: dict[str, Incentive] = {}
    sanctions: dict[str, Sanction] = {}
    designations: dict[str, KeyDesignation] = {}
    observations: dict[str, Observation] = {}
    disputes: dict[str, Dispute] = {}
    #: For each joint visit recorded as held: the day, and minutes from first to last.
    joint_visits: dict[str, tuple[date, int]] = {}


#: Of a business that has nothing of it.
NOTHING = Standing()


def shown(standing: Standing, audience: Audience, on: date | None) -> Iterator[tuple[str, Any]]:
    """What an audience reads of it, as of a day or as last recorded, by the document's names.

    The public reads public commitments, the serious list, and key designations where the list of
    them is public. What a unit is about to determine is no fact yet: the business alone reads it.
    Complaints stand here for nobody. What is recorded of a business says who complained (CMP-R2).
    """
    for section in SECTIONS:
        if audience not in section.readers:
            continue
        items = [
            said
            for _, one in sorted(getattr(standing, section.kept).items())
            if (said := section.said(one, audience, on)) is not None
        ]
        if items or not section.hidden(audience):
            yield section.name, items
    if audience != "public":
        yield "reconsiderations_open", sum(one.open for one in standing.disputes.values())


class Section(NamedTuple):
    """One list of the document: its name, where the things lie, and what is said of each.

    ``said`` gives ``None`` for what the audience does not read, or not on that day.
    """

    name: str
    kept: str
    said: Callable[[Any, Audience, date | None], dict[str, Any] | None]
    readers: tuple[Audience, ...] = ("entity", "restricted")

    def hidden(self, audience: Audience) -> bool:
        """Whether it is left out where it is empty.

        Where the list is not public, an empty one would tell the public what is not so.
        """
        return audience == "public" and self.name == "key_designations"


#: Which designations each audience reads. The authorities are one audience: what is not shared
#: among them all is read from the list of designations, by whom it concerns.
_LISTS_READ: dict[Audience, tuple[str, ...]] = {
    "public": ("public",),
    "entity": ("public", "shared", "restricted"),
    "restricted": ("public", "shared"),
}


def _lasts(said: dict[str, Any], on: date | None) -> bool:
    """Whether a measure's last day has not passed, though nobody has ended it yet."""
    until = said["until"]
    return on is None or until is None or on <= until


def _commitment(one: Commitment, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not one.exists or (audience == "public" and not one.public):
        return None
    said = commitments.document(one)
    del said["entity"]
    return said


def _listing(one: SeriousListing, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not one.stands:
        return None
    added = one.added
    assert added is not None
    said = {
        "record": added.record,
        "list_field": added.list_field,
        "unit": added.unit,
        "listed_on": added.listed_on,
        "doc_no": added.instrument.doc_no,
        "reason": added.reason,
    }
    if audience != "public":
        said["determination"] = added.determination
    return said


def _determination(
    one: Determination, audience: Audience, on: date | None
) -> dict[str, Any] | None:
    if not one.exists or (one.determined is None and audience != "entity"):
        return None
    notice, determined = one.notice, one.determined
    assert notice is not None
    said = {
        "determination": one.determination,
        "unit": notice.unit,
        "stage": one.stage,
        "notified_on": one.notified_on,
    }
    if determined is None:
        return {**said, "severity": notice.severity, "defence_until": notice.defence_until}
    record = one.listed or determined.record
    return {
        **said,
        "severity": determined.severity,
        "ground": determined.ground,
        "determined_on": one.determined_on,
        "doc_no": determined.instrument.doc_no,
        **({} if record is None else {"record": record}),
    }


def _incentive(one: Incentive, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not one.exists or one.stage == "ended":
        return None
    granted, promised = one.granted, one.promised
    said = {
        "incentive": one.incentive,
        "unit": one.unit,
        "measure": one.measure,
        "stage": one.stage,
        "apply_by": None if promised is None else promised.apply_by,
        "granted_on": None if granted is None else granted.granted_on,
        "until": None if granted is None else granted.until,
    }
    return said if _lasts(said, on) else None


def _sanction(one: Sanction, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not one.alive:
        return None
    applied = one.applied
    assert applied is not None
    said = {
        "sanction": one.sanction,
        "unit": applied.unit,
        "record": applied.record,
        "measure": applied.measure,
        "catalogue_version": applied.catalogue_version,
        "applied_on": applied.applied_on,
        "until": applied.until,
    }
    return said if _lasts(said, on) else None


def _designation(one: KeyDesignation, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if one.stage != "designated" or one.listed_as not in _LISTS_READ[audience]:
        return None
    if on is not None and not one.in_force(on):
        return None
    return {
        "designation": one.designation,
        "unit": one.unit,
        "matters": one.matters,
        "designated_on": one.designated_on,
        # It lapses after this day, though nobody ends it.
        "review_on": one.review_on,
    }


def _observation(one: Observation, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not one.exists or one.stage != "granted" or (on is not None and not one.runs(on)):
        return None
    return {
        "observation": one.observation,
        "unit": one.unit,
        "four_new_kind": one.four_new_kind,
        "activity": one.activity,
        "starts_on": one.starts_on,
        "ends_on": one.ends_on,
    }


_ALL: tuple[Audience, ...] = ("public", "entity", "restricted")

#: The lists in the order of the document.
SECTIONS = (
    Section("commitments", "commitments", _commitment, _ALL),
    Section("serious_list", "listings", _listing, _ALL),
    Section("key_designations", "designations", _designation, _ALL),
    Section("determinations", "determinations", _determination),
    Section("incentives", "incentives", _incentive),
    Section("sanctions", "sanctions", _sanction),
    Section("observation_periods", "observations", _observation),
)

"""The parts of a profile besides records: commitments, lists, measures, periods, disputes.

Few businesses have any of these, so they are kept apart from the rest of the state. The state
holds the same folds by which the systems themselves decide.
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

#: The audiences: everyone, the business itself, the authorities.
Audience = Literal["public", "entity", "restricted"]

#: As ``plans``: the planned visits of all units are counted.
EVERY = "*"


class Sight(NamedTuple):
    """What a reader sees of a business: which document, and whose planned visits it counts.

    ``plans``: the unit whose planned visits are counted for an authority, ``EVERY`` for all units,
    or empty for none.
    """

    audience: Audience
    plans: str = ""

    def counts_plans_of(self, unit: str) -> bool:
        """Return whether planned visits of a unit are counted."""
        return self.plans in (EVERY, unit)


#: What everybody sees of a business.
PUBLIC = Sight("public")
#: What every authority sees.
RESTRICTED = Sight("restricted")


class Dispute(Part):
    """A reconsideration case: whether it was applied for and whether it is over."""

    applied: bool = False
    over: bool = False

    @property
    def open(self) -> bool:
        """Whether the case is undecided."""
        return self.applied and not self.over


class Standing(msgspec.Struct, array_like=True, gc=False):
    """The state of each item by its id; listings by the credit record on which they rest."""

    commitments: dict[str, Commitment] = {}
    determinations: dict[str, Determination] = {}
    listings: dict[str, SeriousListing] = {}
    incentives: dict[str, Incentive] = {}
    sanctions: dict[str, Sanction] = {}
    designations: dict[str, KeyDesignation] = {}
    observations: dict[str, Observation] = {}
    disputes: dict[str, Dispute] = {}
    #: For each joint visit recorded as held: its day, and the minutes from first arrival to last
    #: departure.
    joint_visits: dict[str, tuple[date, int]] = {}


#: The state of a business that has none of these.
NOTHING = Standing()


def shown(standing: Standing, audience: Audience, on: date | None) -> Iterator[tuple[str, Any]]:
    """Yield the sections of the document that an audience reads, on a day or as last recorded.

    The public reads public commitments, the serious list, and key designations if their list is
    public. A determination that a unit only intends is shown to the business alone. Complaints are
    shown to no audience, because a complaint in a profile would reveal who complained (CMP-R2).
    """
    for section in SECTIONS:
        if audience not in section.readers:
            continue
        items = [
            shown_item
            for _, item in sorted(getattr(standing, section.kept).items())
            if (shown_item := section.said(item, audience, on)) is not None
        ]
        if items or not section.hidden(audience):
            yield section.name, items
    if audience != "public":
        yield "reconsiderations_open", sum(item.open for item in standing.disputes.values())


class Section(NamedTuple):
    """One list of the document: its name, the field of ``Standing``, and how an item is shown.

    ``said`` returns ``None`` for an item that the audience may not read, or not on that day.
    """

    name: str
    kept: str
    said: Callable[[Any, Audience, date | None], dict[str, Any] | None]
    readers: tuple[Audience, ...] = ("entity", "restricted")

    def hidden(self, audience: Audience) -> bool:
        """Return whether an empty list is left out of the document.

        Some key lists are not public, so an empty list would wrongly say that there is no
        designation.
        """
        return audience == "public" and self.name == "key_designations"


#: The kinds of lists whose designations each audience reads. All authorities are one audience; a
#: designation that only some of them may read is shown in the list of designations instead.
_LISTS_READ: dict[Audience, tuple[str, ...]] = {
    "public": ("public",),
    "entity": ("public", "shared", "restricted"),
    "restricted": ("public", "shared"),
}


def _lasts(document: dict[str, Any], on: date | None) -> bool:
    """Return whether a measure's last day has not passed, even if no event has ended it."""
    until = document["until"]
    return on is None or until is None or on <= until


def _commitment(
    commitment: Commitment, audience: Audience, on: date | None
) -> dict[str, Any] | None:
    if not commitment.exists or (audience == "public" and not commitment.public):
        return None
    document = commitments.document(commitment)
    del document["entity"]
    return document


def _listing(listing: SeriousListing, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not listing.stands:
        return None
    added = listing.added
    assert added is not None
    document = {
        "record": added.record,
        "list_field": added.list_field,
        "unit": added.unit,
        "listed_on": added.listed_on,
        "doc_no": added.instrument.doc_no,
        "reason": added.reason,
    }
    if audience != "public":
        document["determination"] = added.determination
    return document


def _determination(
    state: Determination, audience: Audience, on: date | None
) -> dict[str, Any] | None:
    if not state.exists or (state.determined is None and audience != "entity"):
        return None
    notice, determined = state.notice, state.determined
    assert notice is not None
    document = {
        "determination": state.determination,
        "unit": notice.unit,
        "stage": state.stage,
        "notified_on": state.notified_on,
    }
    if determined is None:
        return {**document, "severity": notice.severity, "defence_until": notice.defence_until}
    record = state.listed or determined.record
    return {
        **document,
        "severity": determined.severity,
        "ground": determined.ground,
        "determined_on": state.determined_on,
        "doc_no": determined.instrument.doc_no,
        **({} if record is None else {"record": record}),
    }


def _incentive(incentive: Incentive, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not incentive.exists or incentive.stage == "ended":
        return None
    granted, promised = incentive.granted, incentive.promised
    document = {
        "incentive": incentive.incentive,
        "unit": incentive.unit,
        "measure": incentive.measure,
        "stage": incentive.stage,
        "apply_by": None if promised is None else promised.apply_by,
        "granted_on": None if granted is None else granted.granted_on,
        "until": None if granted is None else granted.until,
    }
    return document if _lasts(document, on) else None


def _sanction(sanction: Sanction, audience: Audience, on: date | None) -> dict[str, Any] | None:
    if not sanction.alive:
        return None
    applied = sanction.applied
    assert applied is not None
    document = {
        "sanction": sanction.sanction,
        "unit": applied.unit,
        "record": applied.record,
        "measure": applied.measure,
        "catalogue_version": applied.catalogue_version,
        "applied_on": applied.applied_on,
        "until": applied.until,
    }
    return document if _lasts(document, on) else None


def _designation(
    designation: KeyDesignation, audience: Audience, on: date | None
) -> dict[str, Any] | None:
    if designation.stage != "designated" or designation.listed_as not in _LISTS_READ[audience]:
        return None
    if on is not None and not designation.in_force(on):
        return None
    return {
        "designation": designation.designation,
        "unit": designation.unit,
        "matters": designation.matters,
        "designated_on": designation.designated_on,
        # The designation lapses after this day, even if no event ends it.
        "review_on": designation.review_on,
    }


def _observation(
    observation: Observation, audience: Audience, on: date | None
) -> dict[str, Any] | None:
    if (
        not observation.exists
        or observation.stage != "granted"
        or (on is not None and not observation.runs(on))
    ):
        return None
    return {
        "observation": observation.observation,
        "unit": observation.unit,
        "four_new_kind": observation.four_new_kind,
        "activity": observation.activity,
        "starts_on": observation.starts_on,
        "ends_on": observation.ends_on,
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

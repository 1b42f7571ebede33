"""Histories of public lists: every edition of a list, its content on a day, and the changes.

All lists that the notice requires to be public use this module (2.18). A fold per list turns its
events into editions, a ``History`` keeps them, and a view holds one row per list. Drafts do not
make editions, so a history shows only what was published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from ledger.general.vocabulary import (
    DelegationId,
    JointArtefactId,
    KeyDomain,
    MatterId,
    MeasureCatalogueId,
    PlanId,
    UnitId,
)
from ledger.kernel import Fold, RecordCorrected, Recorded
from ledger.systems.catalogue.events import (
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
)
from ledger.systems.delegations.events import (
    DelegationEnded,
    DelegationResumed,
    DelegationSuspended,
    PowerDelegated,
)
from ledger.systems.dishonesty.events import MeasureCataloguePublished
from ledger.systems.draws.events import DrawMatterListPublished
from ledger.systems.filing.events import AnnualPlanApproved, PlanAmended, PlanItem, PlanPublished
from ledger.systems.joint.events import JointListPublished
from ledger.systems.keylist.events import KeyMatterDelisted, KeyMatterListed
from ledger.systems.leniency.events import LeniencyListPublished
from ledger.systems.penalties.events import BenchmarkPublished
from projections.views import FoldView, subject_table

#: The elements of a list by their ids, as plain values.
Elements = dict[str, Any]
#: The field with the last day of an element's validity; several versions may be valid at a time.
_VALID_TO = "valid_to"
#: The field with the last day of an element's term; a new term replaces the earlier one.
_EXPIRES_ON = "expires_on"


class Edition(msgspec.Struct, omit_defaults=True):
    """One edition of a list: the day from which it holds, and its content.

    A ``whole`` edition is complete; any other changes single elements of the earlier editions. A
    ``final`` edition is not overridden by editions of later days. ``changed`` and ``removed`` count
    the differences from the edition published before. ``position``: that of the event;
    ``corrected_on``: the day of the event's last correction.
    """

    version: int
    since: date
    put: Elements = msgspec.field(default_factory=dict)
    dropped: list[str] = msgspec.field(default_factory=list)
    reason: str | None = None
    url: str | None = None
    whole: bool = False
    final: bool = False
    changed: int = 0
    removed: int = 0
    position: int = 0
    corrected_on: date | None = None

    def lapsed(self, day: date) -> bool:
        """Return whether the validity of all its elements has ended before ``day``."""
        return bool(self.put) and all(
            _is_over(element, _VALID_TO, day) for element in self.put.values()
        )


class History(msgspec.Struct):
    """The editions of one list, in the order of publication."""

    editions: list[Edition] = msgspec.field(default_factory=list)

    def change(
        self,
        since: date,
        put: Mapping[str, Any],
        dropped: Iterable[str] = (),
        *,
        reason: str | None = None,
        final: bool = False,
    ) -> None:
        """Add an edition that changes single elements."""
        elements, removed = _plain(put), list(dropped)
        self.editions.append(
            Edition(
                self.newest + 1,
                since,
                elements,
                removed,
                reason,
                final=final,
                changed=len(elements),
                removed=len(removed),
            )
        )

    def replace(
        self,
        since: date,
        whole: Mapping[str, Any],
        *,
        version: int | None = None,
        url: str | None = None,
    ) -> None:
        """Add a complete edition that replaces the one before.

        A version that is published again stays the same edition and gets the new ``url``.
        """
        for edition in self.editions:
            if edition.version == version:
                edition.url = url
                return
        before, now = self.elements(), _plain(whole)
        self.editions.append(
            Edition(
                self.newest + 1 if version is None else version,
                since,
                now,
                url=url,
                whole=True,
                changed=sum(before.get(name) != element for name, element in now.items()),
                removed=sum(name not in now for name in before),
            )
        )

    @property
    def newest(self) -> int:
        """The highest version; 0 if there is none."""
        return max((edition.version for edition in self.editions), default=0)

    def on(self, day: date) -> Edition | None:
        """Return the edition in force on a day: the one with the latest ``since`` (2.17).

        Among editions with the same ``since``, the one published last counts.
        """
        begun = [edition for edition in self.editions if edition.since <= day]
        holding = [edition for edition in begun if not edition.lapsed(day)] or begun
        return max(reversed(holding), key=lambda edition: edition.since, default=None)

    def elements(self, version: int | None = None) -> Elements:
        """Return the elements of the list in a version; by default, in the newest edition."""
        until: list[Edition] = []
        for edition in self.editions:
            until.append(edition)
            if edition.version == version:
                break
        return _held(until)

    def elements_on(self, day: date) -> Elements:
        """Return the elements of the list on a day, by all editions until then in order of days.

        An element whose validity ended before the day does not count, so an earlier version of it
        may apply again. An element whose term ended is not in the list.
        """
        begun = [edition for edition in self.editions if edition.since <= day]
        begun.sort(key=lambda edition: (edition.final, edition.since))
        return {
            name: element
            for name, element in _held(begun, day).items()
            if not _is_over(element, _EXPIRES_ON, day)
        }

    def corrected_on(self, day: date) -> date | None:
        """Return the last day on which a record of an edition in force by ``day`` was corrected."""
        days = [e.corrected_on for e in self.editions if e.since <= day and e.corrected_on]
        return max(days, default=None)

    def difference(self, older: int, newer: int) -> dict[str, Any]:
        """Return what was added, removed and changed between two versions."""
        before, after = self.elements(older), self.elements(newer)
        return {
            "added": [named(name, after[name]) for name in after if name not in before],
            "removed": [named(name, before[name]) for name in before if name not in after],
            "changed": [
                change
                for name in after
                if name in before
                for change in _changes(name, before[name], after[name])
            ],
        }


def named(name: str, element: Any) -> dict[str, Any]:
    """Return an element as it is shown: its id and its fields."""
    return {"element": name, **(element if isinstance(element, dict) else {"value": element})}


def _changes(name: str, old: Any, new: Any) -> list[dict[str, Any]]:
    """Return the differences between two versions of an element, field by field."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [{"element": name, "old": old, "new": new}]
    return [
        {"element": name, "field": field, "old": old.get(field), "new": new.get(field)}
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field)
    ]


def _held(editions: Iterable[Edition], day: date | None = None) -> Elements:
    """Return the elements after these editions, without those that ended before ``day``."""
    held: Elements = {}
    for edition in editions:
        if edition.whole:
            held = {}
        for name in edition.dropped:
            held.pop(name, None)
        for name, element in edition.put.items():
            if day is None or not _is_over(element, _VALID_TO, day):
                held[name] = element
    return held


def _is_over(element: Any, field: str, day: date) -> bool:
    """Return whether the last day in a field of an element lies before ``day``."""
    last = element.get(field) if isinstance(element, dict) else None
    return last is not None and last < day.isoformat()


def _plain(elements: Mapping[str, Any]) -> Elements:
    """Return elements as plain values, without empty fields."""
    return {
        name: _without_nothing(msgspec.to_builtins(element)) for name, element in elements.items()
    }


def _without_nothing(element: Any) -> Any:
    if not isinstance(element, dict):
        return element
    return {name: value for name, value in element.items() if value not in (None, [], "")}


def _by(items: Iterable[Any], name: str) -> dict[str, Any]:
    """Return items by the value of one of their fields."""
    return {str(getattr(item, name)): item for item in items}


class PublicFold(Fold):
    """What was published of a list, and which editions were corrected?"""

    @property
    def history(self) -> History:
        """The editions of the list."""
        raise NotImplementedError

    @property
    def exists(self) -> bool:
        return bool(self.history.editions)

    def take(self, record: Recorded) -> None:
        known = len(self.history.editions)
        super().take(record)
        for edition in self.history.editions[known:]:
            edition.position = record.position

    def on_corrected(self, event: RecordCorrected, record: Recorded) -> None:
        for edition in self.history.editions:
            if edition.position == event.target_position:
                edition.corrected_on = record.occurred_on


class MatterHistory(PublicFold):
    """What was published about this matter, element by element, and was it withdrawn?"""

    matter: MatterId
    history: History = msgspec.field(default_factory=History)
    drafts: dict[int, MatterElements] = msgspec.field(default_factory=dict)

    def on_listed(self, event: MatterListed) -> None:
        self.drafts[1] = event.elements

    def on_revised(self, event: MatterRevised) -> None:
        self.drafts[event.version] = event.elements

    def on_published(self, event: MatterPublished) -> None:
        elements = event.elements or self.drafts.get(event.version)
        whole = {"unit": event.unit, **_fields(elements)}
        self.history.replace(event.published_on, whole, version=event.version, url=event.url)

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        if self.exists:
            gone = {"withdrawn": event.reason}
            self.history.change(record.occurred_on, gone, reason=event.reason, final=True)


class MatterCatalogue(PublicFold):
    """Which matters has this unit published, each with all its elements (执法事项清单)?"""

    unit: UnitId
    history: History = msgspec.field(default_factory=History)
    drafts: dict[str, dict[int, MatterElements]] = msgspec.field(default_factory=dict)

    def on_listed(self, event: MatterListed) -> None:
        self.drafts.setdefault(event.matter, {})[1] = event.elements

    def on_revised(self, event: MatterRevised) -> None:
        self.drafts.setdefault(event.matter, {})[event.version] = event.elements

    def on_published(self, event: MatterPublished) -> None:
        for edition in self.history.editions:
            known = edition.put.get(event.matter)
            if known is not None and known["version"] == event.version:
                # Published again at another address: still the same edition.
                known["url"] = event.url
                return
        elements = event.elements or self.drafts.get(event.matter, {}).get(event.version)
        element = {**_fields(elements), "version": event.version, "url": event.url}
        self.history.change(event.published_on, {event.matter: element})

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        if event.matter in self.history.elements():
            self.history.change(
                record.occurred_on, {}, [event.matter], reason=event.reason, final=True
            )


def _fields(elements: MatterElements | None) -> Elements:
    fields: Elements = {} if elements is None else _without_nothing(msgspec.to_builtins(elements))
    return fields


class DrawMatterHistory(PublicFold):
    """For which matters does this unit draw, in each version of its list (随机抽查事项清单)?"""

    unit: UnitId
    history: History = msgspec.field(default_factory=History)

    def on_published(self, event: DrawMatterListPublished) -> None:
        whole = _by(event.items, "matter")
        self.history.replace(event.published_on, whole, version=event.version)


class PlanHistory(PublicFold):
    """What does each published version of this plan contain?"""

    plan: PlanId
    history: History = msgspec.field(default_factory=History)
    drafts: dict[int, dict[str, PlanItem]] = msgspec.field(default_factory=dict)

    def on_approved(self, event: AnnualPlanApproved) -> None:
        self.drafts[1] = _by(event.items, "matter")

    def on_amended(self, event: PlanAmended) -> None:
        items = dict(self.drafts.get(event.version - 1, {}))
        for matter in event.diff.removed_matters:
            items.pop(matter, None)
        self.drafts[event.version] = {**items, **_by(event.diff.set_items, "matter")}

    def on_published(self, event: PlanPublished, record: Recorded) -> None:
        items = _by(event.items, "matter") or self.drafts.get(event.version, {})
        self.history.replace(record.occurred_on, items, version=event.version, url=event.url)


class JointListHistory(PublicFold):
    """Which matters are inspected jointly, in each version of this list?"""

    artefact: JointArtefactId
    history: History = msgspec.field(default_factory=History)

    def on_published(self, event: JointListPublished) -> None:
        whole: dict[str, dict[str, Any]] = {matter: {} for matter in event.matters}
        self.history.replace(event.published_on, whole, version=event.version, url=event.url)


class KeyMatterHistory(PublicFold):
    """Which matters of this domain were under key supervision, and until when?"""

    domain: KeyDomain
    history: History = msgspec.field(default_factory=History)

    def on_listed(self, event: KeyMatterListed, record: Recorded) -> None:
        element = {
            name: getattr(event, name)
            for name in ("unit", "risk_assessment", "procedure_ref", "expires_on")
        }
        self.history.change(record.occurred_on, {event.matter: element})

    def on_delisted(self, event: KeyMatterDelisted, record: Recorded) -> None:
        self.history.change(record.occurred_on, {}, [event.matter], reason=event.reason)


class LeniencyHistory(PublicFold):
    """Which violations does this unit treat leniently, in each version of its list?"""

    unit: UnitId
    history: History = msgspec.field(default_factory=History)

    def on_published(self, event: LeniencyListPublished) -> None:
        whole = _by(event.items, "item")
        self.history.replace(event.effective_from, whole, version=event.version, url=event.url)


class BenchmarkHistory(PublicFold):
    """How does this unit use its discretion, in each version of its benchmark?"""

    unit: UnitId
    history: History = msgspec.field(default_factory=History)

    def on_published(self, event: BenchmarkPublished) -> None:
        whole = _by(event.items, "violation_code")
        self.history.replace(event.effective_from, whole, version=event.version, url=event.url)


class MeasureHistory(PublicFold):
    """Which measures does each version of this catalogue contain?"""

    catalogue: MeasureCatalogueId
    history: History = msgspec.field(default_factory=History)

    def on_published(self, event: MeasureCataloguePublished) -> None:
        whole = _by(event.items, "measure")
        self.history.replace(event.effective_from, whole, version=event.version)


class UnitHistory(PublicFold):
    """For what was this unit qualified, qualification by qualification (执法主体)?"""

    unit: UnitId
    history: History = msgspec.field(default_factory=History)

    def on_qualified(self, event: EnforcementUnitQualified) -> None:
        qualification = {
            name: getattr(event, name) for name in event.__struct_fields__ if name != "unit"
        }
        self.history.change(event.valid_from, {"qualification": qualification})


class Suspension(msgspec.Struct, omit_defaults=True):
    """The first and last day of an officer's suspension, and the list version that added it."""

    version: int
    officer: str
    since: date
    until: date | None = None

    def days(self) -> dict[str, Any]:
        """Return the days as they are shown with a certificate."""
        shown = {"suspended_from": self.since.isoformat()}
        return shown if self.until is None else {**shown, "suspended_to": self.until.isoformat()}


class OfficerList(History):
    """Certificates by their numbers; a suspension applies to all present and later certificates."""

    suspensions: list[Suspension] = msgspec.field(default_factory=list)

    def suspend(self, officer: str, since: date, until: date | None) -> None:
        """Add the edition in which an officer is suspended."""
        held = sum(certificate["officer"] == officer for certificate in self.elements().values())
        self.change(since, {})
        self.editions[-1].changed = held
        self.suspensions.append(Suspension(self.newest, officer, since, until))

    def elements(self, version: int | None = None) -> Elements:
        last = self.newest if version is None else version
        return _suspended(
            super().elements(version), (s for s in self.suspensions if s.version <= last)
        )

    def elements_on(self, day: date) -> Elements:
        holding = (
            s for s in self.suspensions if s.since <= day and (s.until is None or day <= s.until)
        )
        return _suspended(super().elements_on(day), holding)


def _suspended(certificates: Elements, suspensions: Iterable[Suspension]) -> Elements:
    """Return the certificates, with the days of the last suspension of suspended officers."""
    days = {suspension.officer: suspension.days() for suspension in suspensions}
    return {
        number: {**certificate, **days.get(certificate["officer"], {})}
        for number, certificate in certificates.items()
    }


class OfficerHistory(PublicFold):
    """Which certificates do the officers of this unit hold (执法人员名录)?

    It shows the number, the domains and the validity of each certificate, and nothing else about a
    person; in particular not why a certificate was suspended.
    """

    unit: UnitId
    history: OfficerList = msgspec.field(default_factory=OfficerList)

    def on_certified(self, event: OfficerCertified) -> None:
        names = ("officer", "domains", "valid_from", "valid_to")
        certificate = {name: getattr(event, name) for name in names}
        self.history.change(event.valid_from, {event.cert_no: certificate})

    def on_suspended(self, event: OfficerCertificateSuspended) -> None:
        self.history.suspend(event.officer, event.suspended_from, event.suspended_to)


class DelegationHistory(PublicFold):
    """What was delegated by this decision, and was it suspended or ended?"""

    delegation: DelegationId
    history: History = msgspec.field(default_factory=History)

    def on_delegated(self, event: PowerDelegated, record: Recorded) -> None:
        whole = {name: getattr(event, name) for name in event.__struct_fields__[1:]}
        self.history.change(record.occurred_on, whole)

    def on_suspended(self, event: DelegationSuspended, record: Recorded) -> None:
        suspension = {"since": event.since, "until": event.until, "reason": event.reason}
        self.history.change(record.occurred_on, {"suspended": suspension}, reason=event.reason)

    def on_resumed(self, event: DelegationResumed, record: Recorded) -> None:
        self.history.change(record.occurred_on, {}, ("suspended",), reason=event.reason)

    def on_ended(self, event: DelegationEnded, record: Recorded) -> None:
        ended = {"ended_on": event.ended_on}
        self.history.change(record.occurred_on, ended, reason=event.reason)


class HistoryView(FoldView[Any]):
    """One row per list of one kind."""


def _view(topic: str, subject: str, question: type[Fold]) -> type[HistoryView]:
    name = f"history_{topic}"
    table = subject_table(name)
    attributes = {
        "__doc__": f"A row for each history of {topic.replace('_', ' ')}.",
        "__module__": __name__,
        "name": name,
        "kind": subject,
        "fold": question,
        "table": table,
        "tables": (table,),
    }
    return type(f"HistoryOf{question.__name__}", (HistoryView,), attributes)


#: The histories of all public lists, by the last part of the path under which they are read.
HISTORIES: dict[str, type[HistoryView]] = {
    "matters": _view("matters", "matter", MatterHistory),
    "matter-lists": _view("matter_lists", "unit", MatterCatalogue),
    "draw-matter-lists": _view("draw_matter_lists", "unit", DrawMatterHistory),
    "plans": _view("plans", "plan", PlanHistory),
    "joint-artefacts": _view("joint_lists", "joint-artefact", JointListHistory),
    "key-lists": _view("key_lists", "key", KeyMatterHistory),
    "leniency-lists": _view("leniency_lists", "unit", LeniencyHistory),
    "benchmarks": _view("benchmarks", "unit", BenchmarkHistory),
    "measure-catalogues": _view("measure_catalogues", "measure-catalogue", MeasureHistory),
    "units": _view("units", "unit", UnitHistory),
    "officer-lists": _view("officer_lists", "unit", OfficerHistory),
    "delegations": _view("delegations", "delegation", DelegationHistory),
}

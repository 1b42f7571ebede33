"""A past for the reading side: events appended as they are, without any command deciding."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.dcb.api import DCBEvent, DCBRecorder

from ledger.intake.events import InspectionImported, ViolationImported
from ledger.kernel import (
    Actor,
    Event,
    FieldChange,
    LegalRef,
    PolicyVersionAdopted,
    Provenance,
    RecordCorrected,
    WorkingCalendarPublished,
    civil_moment,
    codec,
)
from ledger.kernel.events import Envelope
from ledger.systems.filing.events import InspectionTaskApproved, NonOnsiteConsidered

E1, E2, E3 = "91620100MA7LX0017J", "91620100MA7LX0025D", "91620100MA7LX00338"
ACTOR = Actor(unit_id="MRB", person_id="OFF-001", role="unit_head")


def moment(on: str | date | datetime) -> datetime:
    if isinstance(on, datetime):
        return on
    return civil_moment(date.fromisoformat(on) if isinstance(on, str) else on, 12)


class Past:
    """Appends events to a recorder; each `add` gives the position."""

    def __init__(self, recorder: DCBRecorder) -> None:
        self.recorder = recorder
        self.last = 0
        self.events: dict[int, tuple[Envelope, Event]] = {}

    def add(
        self,
        event: Event,
        on: str | date | datetime = "2026-03-02",
        *,
        recorded: str | date | datetime | None = None,
        known: str | date | datetime | None = None,
        visibility: str | None = None,
        policy_refs: dict[str, int] | None = None,
        legal_basis: tuple[LegalRef, ...] = (),
    ) -> int:
        self.last += 1
        provenance = None
        if known is not None:
            provenance = Provenance(
                source="reg", file="f", row=self.last, digest="0" * 64, known_at=moment(known)
            )
        envelope = Envelope(
            event_id=UUID(int=self.last),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment(on),
            recorded_at=moment(on if recorded is None else recorded),
            actor=ACTOR,
            correlation_id=UUID(int=self.last),
            command_id=f"{self.last:032x}",
            visibility=visibility or event.visibility(),
            policy_refs=policy_refs or {},
            legal_basis=legal_basis,
            provenance=provenance,
        )
        self.events[self.last] = (envelope, event)
        self.put(event.TOPIC, codec.encode(envelope, event), [*event.tags(), "actor:OFF-001"])
        return self.last

    def put(self, type_: str, data: bytes, tags: list[str]) -> int:
        return self.recorder.append([DCBEvent(type=type_, data=data, tags=tags)])

    def unreadable(self, type_: str, tags: list[str]) -> int:
        """An event whose bytes are no record."""
        self.last += 1
        return self.put(type_, b"\x00", tags)

    def correct(self, position: int, path: str, old: Any, new: Any, on: Any, **more: Any) -> int:
        envelope, event = self.events[position]
        return self.add(
            RecordCorrected(
                target_event_id=envelope.event_id,
                target_position=position,
                field_changes=(FieldChange(path=path, old=old, new=new),),
                reason="typing error",
                requested_by="OFF-001",
                approved_by="MRB-HEAD",
                subjects=tuple(event.tags()),
            ),
            on,
            **more,
        )


def task(name: str, entity: str = E1, **fields: Any) -> InspectionTaskApproved:
    return InspectionTaskApproved(
        **{
            "task": name,
            "entity": entity,
            "unit": "MRB",
            "kind": "daily",
            "trigger": "plan",
            "matters": ("M-101",),
            "officers": ("OFF-001", "OFF-002"),
            "planned_on": date(2026, 3, 18),
            "approver": "MRB-HEAD",
            "counter": "capped",
            "non_onsite_considered": NonOnsiteConsidered(
                written=True, shared_data=True, remote=False, conclusion="insufficient"
            ),
            **fields,
        }
    )


def policy(key: str, value: Any, unit: str, since: str = "2020-01-01", version: int = 1) -> Event:
    return PolicyVersionAdopted(
        key=key,
        version=version,
        value=value,
        unit=unit,
        effective_from=date.fromisoformat(since),
        source=LegalRef(instrument="test"),
        confidence="U",
    )


def caps(a: int = 1, version: int = 1, since: str = "2020-01-01") -> Event:
    return policy("visit_cap", {"A": a, "B": a, "C": 2, "D": 4}, "table", since, version)


def regime(general: int = 3, version: int = 1, since: str = "2020-01-01") -> Event:
    periods = {
        "minor": {"min_months": 0, "max_months": 3},
        "general": {"min_months": general, "max_months": 12},
        "serious": {"min_months": 12, "max_months": 36},
    }
    return policy("dishonesty.regime", periods, "table", since, version)


def calendar(year: int, holidays: tuple[date, ...] = (), version: int = 1) -> Event:
    return WorkingCalendarPublished(
        year=str(year), version=version, holidays=holidays, makeup_workdays=(), source="test"
    )


def inspection(name: str, entity: str = E1, held_on: str = "2015-05-04", **fields: Any) -> Event:
    return InspectionImported(
        inspection=name,
        entity=entity,
        unit="DPH",
        type="routine",
        held_on=date.fromisoformat(held_on),
        **fields,
    )


def violation(name: str, entity: str = E1, found_on: str = "2015-05-04", **fields: Any) -> Event:
    return ViolationImported(
        violation=name, entity=entity, code="103", found_on=date.fromisoformat(found_on), **fields
    )


def day(number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number)

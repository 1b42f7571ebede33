"""What the record of a case shows, as facts: each step with a document, a seizure with its film."""

from __future__ import annotations

from datetime import date

from ledger.kernel import civil_moment
from ledger.systems.process.events import AvRecordSealed, ProcessStepRecorded, Step

ALL_STEPS: tuple[Step, ...] = (
    "initiate",
    "investigate",
    "review",
    "decide",
    "serve",
    "execute",
)


def step(
    name: Step, on: date, case: str = "CASE-1", entity: str = "91620100MA7LX01051"
) -> ProcessStepRecorded:
    """A document of a step, of nine o'clock on a day."""
    return ProcessStepRecorded(
        evidence=f"{case}-{name}",
        case=case,
        entity=entity,
        unit="MRB",
        step=name,
        medium="text",
        evidence_hash="a" * 64,
        taken_at=civil_moment(on, 9),
    )


def film(on: date, case: str = "CASE-1", entity: str = "91620100MA7LX01051") -> AvRecordSealed:
    """A film of a seizure on a day."""
    return AvRecordSealed(
        evidence=f"{case}-film",
        case=case,
        entity=entity,
        unit="MRB",
        medium="video",
        sha256="a" * 64,
        start=civil_moment(on, 9),
        end=civil_moment(on, 10),
        covers="seizure",
    )


def whole_record(
    on: date, case: str = "CASE-1", entity: str = "91620100MA7LX01051"
) -> list[ProcessStepRecorded | AvRecordSealed]:
    """All steps of a case and a film, all of one day: nothing of the record stops the case."""
    return [*(step(name, on, case, entity) for name in ALL_STEPS), film(on, case, entity)]

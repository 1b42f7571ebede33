"""The last place, the last visit, one decision: of two processes on one file one gets it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from ledger.kernel import Actor, Command, Event, Fact, codec
from ledger.opening import open_ledger
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.credit.events import PublicityTerminated
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.events import InspectionTaskApproved
from ledger.systems.keylist.commands import ListKeyMatter
from ledger.systems.keylist.events import KeyMatterListed
from ledger.systems.repair.commands import GrantRepair
from ledger.systems.repair.events import (
    RepairAccepted,
    RepairApplied,
    RepairForwarded,
    RepairGranted,
    RepairRefused,
)
from ledger.verification import verify_records
from tests.gwt import HEAD, Record, on
from tests.racing import RACERS, race
from tests.systems.repairing import GRANT, PROOFS, REFUSE, commitment, started
from tests.systems.repairing import record as credit_record
from tests.systems.test_filing import REGION, matter, published, task

E = TypeVar("E", bound=Event)

ROUNDS = 10
MOMENT = "2026-03-02T09:00:00+08:00"
NOW = datetime.fromisoformat(MOMENT)
DOMAINS = (
    "food_drug",
    "public_health",
    "natural_resources",
    "environment",
    "work_safety",
    "labour",
    "urban_management",
    "transport",
    "financial_services",
    "education_training",
)


def entity(number: int) -> str:
    """A business without a USCC for each round."""
    return f"race:{number}"


def prepare(path: Path, *facts: Event | Fact) -> None:
    with SQLiteRecorder(path) as recorder, open_ledger(recorder, clock=lambda: NOW) as ledger:
        ledger.execute(Record(facts=(*REGION, *facts)), HEAD)


def events(path: Path, kind: type[E]) -> list[E]:
    """What is recorded of a type; the file is verified before."""
    with SQLiteRecorder(path) as recorder:
        assert verify_records(recorder).faults == ()
        found = [codec.decode(s.position, s.event.data).event for s in recorder.read()]
    return [event for event in found if isinstance(event, kind)]


def list_matter(name: str, number: int) -> tuple[Command, Actor]:
    """Each racer lists a matter of its own on the list of the round's domain."""
    domain = DOMAINS[number]
    command = ListKeyMatter(
        domain=domain,
        matter=f"{domain}.{name}",
        unit="MRB",
        procedure_ref="P",
        risk_assessment=f"RA-{name}",
        expires_on=date(2026, 12, 31),
    )
    return command, HEAD


@pytest.mark.timeout(120)
def test_KEY_R2_two_processes_race_for_the_last_place(tmp_path: Path) -> None:
    """Four of five places are taken in each domain: one racer gets the fifth, one is refused."""
    path = tmp_path / "ledger.db"
    facts: list[Fact] = []
    for domain in DOMAINS:
        for name in RACERS:
            own = f"{domain}.{name}"
            facts += [
                on("2026-01-06", matter(own, domain=domain)),
                on("2026-01-06", published(own)),
            ]
        taken = KeyMatterListed(
            domain=domain,
            matter=f"{domain}.0",
            unit="MRB",
            risk_assessment="RA",
            procedure_ref="P",
            expires_on=date(2026, 12, 31),
        )
        facts += [
            on("2026-02-02", msgspec.structs.replace(taken, matter=f"{domain}.{n}"))
            for n in range(4)
        ]
    prepare(path, *facts)
    answers = race(path, RACERS, ROUNDS, list_matter, MOMENT)
    assert [sorted(answer.values()) for answer in answers] == [["KEY-R2", "recorded"]] * ROUNDS
    listed = events(path, KeyMatterListed)
    assert len(listed) == 5 * ROUNDS
    winners = {event.matter for event in listed if not event.matter[-1].isdigit()}
    assert winners == {
        f"{DOMAINS[number]}.{name}"
        for number, answer in enumerate(answers)
        for name, said in answer.items()
        if said == "recorded"
    }


def approve(name: str, number: int) -> tuple[Command, Actor]:
    """Each racer approves a daily task at the round's business, which nobody has graded: cap 1."""
    return task(f"T-{number}-{name}", entity=entity(number)), HEAD


@pytest.mark.timeout(120)
def test_SUP_R1_two_processes_race_for_the_last_visit(tmp_path: Path) -> None:
    """One capped visit is left at each business: one racer books it, one is refused."""
    path = tmp_path / "ledger.db"
    known = [
        on("2026-01-06", EntityRegistered(entity=entity(n), identity=Identity()))
        for n in range(ROUNDS)
    ]
    prepare(path, *known)
    answers = race(path, RACERS, ROUNDS, approve, MOMENT)
    assert [sorted(answer.values()) for answer in answers] == [["SUP-R1", "recorded"]] * ROUNDS
    booked = [event.entity for event in events(path, InspectionTaskApproved)]
    assert sorted(booked) == [entity(number) for number in range(ROUNDS)]


def decide(name: str, number: int) -> tuple[Command, Actor]:
    """One racer grants the repair of the round, the other refuses it; they change sides."""
    wish = GRANT if (name == RACERS[0]) is bool(number % 2) else REFUSE
    return msgspec.structs.replace(wish, repair=f"REP-{number}"), HEAD


@pytest.mark.timeout(120)
def test_two_processes_race_to_decide_a_repair(tmp_path: Path) -> None:
    """Each accepted application is granted or refused, and whoever comes second is out of step."""
    path = tmp_path / "ledger.db"
    facts: list[Fact] = []
    for number in range(ROUNDS):
        about = {"entity": entity(number), "unit": "MRB"}
        named = {"repair": f"REP-{number}", **about}
        facts += [
            on("2025-06-02", credit_record(f"CR-{number}", determined="2025-06-02", **about)),
            on("2025-06-04", started(f"CR-{number}", on="2025-06-04", until="2026-06-02", **about)),
            on("2026-02-16", commitment(f"CMT-{number}", entity=entity(number))),
            on(
                "2026-02-17",
                RepairApplied(
                    **named,
                    records=(f"CR-{number}",),
                    channel="window",
                    proofs=PROOFS,
                    commitment=f"CMT-{number}",
                ),
            ),
            on("2026-02-17", RepairForwarded(**named)),
            on("2026-02-24", RepairAccepted(**named)),
        ]
    prepare(path, *facts)
    answers = race(path, RACERS, ROUNDS, decide, MOMENT)
    assert [sorted(answer.values()) for answer in answers] == [["OutOfStep", "recorded"]] * ROUNDS
    granted = {event.repair for event in events(path, RepairGranted)}
    refused = {event.repair for event in events(path, RepairRefused)}
    assert granted == {
        f"REP-{number}"
        for number, answer in enumerate(answers)
        for name, said in answer.items()
        if said == "recorded" and isinstance(decide(name, number)[0], GrantRepair)
    }
    assert granted | refused == {f"REP-{number}" for number in range(ROUNDS)}
    assert not granted & refused
    # What follows from a grant is there once, and nothing of it from a refusal.
    ended = [event.record for event in events(path, PublicityTerminated)]
    assert sorted(ended) == sorted(name.replace("REP", "CR") for name in granted)

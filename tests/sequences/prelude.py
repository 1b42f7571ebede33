"""How every walk begins: units that may act, people, businesses, matters, plans, lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec

from ledger.general.values import Instrument
from ledger.kernel import Actor, Command
from ledger.systems.catalogue import commands as catalogue
from ledger.systems.draws import commands as draws
from ledger.systems.entities import commands as entities
from ledger.systems.filing import commands as filing
from ledger.systems.grading import commands as grading
from ledger.systems.joint import commands as joint
from ledger.systems.legalreview import commands as legalreview
from ledger.systems.leniency import commands as leniency
from ledger.systems.penalties import commands as penalties
from ledger.systems.progress import commands as progress
from tests.sequences.town import BUSINESSES, OFFICERS, UNITS, Town, actor

LAW = "中华人民共和国食品安全法"
#: The types of violation that cases are about.
VIOLATIONS = ("FS-034", "FS-035", "FS-036")
LIST_DOC = "国市监信发〔2022〕6号"


def inspected(unit: str) -> str:
    """The matter that a unit inspects."""
    return f"M-{unit}"


def licensed(unit: str) -> str:
    """The matter under which a unit grants licences."""
    return f"M-{unit}-LIC"


def plan_of(unit: str) -> str:
    """The plan of a unit for the year of the walk."""
    return f"PLAN-{unit}-2026"


def elements(name: str, act_kind: str = "inspection", law: str = LAW) -> dict[str, Any]:
    """The elements of a matter that rests on an Act."""
    return {
        "name": name,
        "act_kind": act_kind,
        "office_id": "业务科",
        "bases": [{"level": "law", "instrument": law, "article": "110"}],
        "domain": "food_drug",
    }


def item(matter: str, *, months: range = range(1, 13)) -> dict[str, Any]:
    """A line of an annual plan."""
    return {
        "matter": matter,
        "mode": "key",
        "target_class": "食品",
        "planned_visits": 10,
        "months": list(months),
    }


def benchmark_item(code: str) -> dict[str, Any]:
    """What a benchmark says of one type of violation."""
    return {
        "violation_code": code,
        "basis": "食品安全法 Art. 124",
        "types": ["fine", "warning", "licence_revocation"],
        "statutory_min_fen": 0,
        "statutory_max_fen": 50_000_000,
        "tiers": [
            {"tier": "一般", "circumstances": "其他", "min_fen": 0, "max_fen": 50_000_000},
        ],
    }


def instrument(town: Town, kind: str = "penalty_decision") -> Instrument:
    """A document of today on which a credit record may rest."""
    return Instrument(kind=kind, doc_no=town.name("文"), effective_on=town.today)  # type: ignore[arg-type]


def of(kind: type[Command], /, **fields: Any) -> Command:
    """A command from plain values."""
    return msgspec.convert(fields, kind)


def prelude(town: Town) -> Iterator[tuple[Command, Actor]]:
    """The commands with which a walk begins, each with its sender; all have to succeed."""
    jb, edb, rlo = (actor(r, "") for r in ("jb_supervisor", "credit_officer", "rlo_assessor"))
    for unit in UNITS:
        yield (
            of(
                catalogue.QualifyUnit,
                unit=unit,
                name=f"{unit} 局",
                kind="organ",
                valid_from=date(2020, 1, 1),
            ),
            jb,
        )
        for officer in OFFICERS[unit]:
            yield (
                of(
                    catalogue.CertifyOfficer,
                    officer=officer,
                    unit=unit,
                    cert_no=f"甘{officer}",
                    valid_from=date(2024, 1, 1),
                    valid_to=date(2029, 1, 1),
                    domains=["food_drug", "general"],
                ),
                jb,
            )
        yield (
            of(
                legalreview.RegisterReviewer,
                officer=f"{unit}-LEGAL",
                unit=unit,
                qualification_no=f"A-{unit}",
            ),
            jb,
        )
        yield (
            of(
                progress.EnrolReportingUnit,
                unit=unit,
                groups=["enforcement_units"],
                since="2026-01",
            ),
            jb,
        )
    for place, entity in enumerate(BUSINESSES):
        identity = {"name": f"兰州新区{place}食品有限公司", "area": "中川园区", "line": "食品"}
        yield of(entities.RegisterEntity, entity=entity, identity=identity), edb
        yield (
            of(
                grading.AssignGrade,
                entity=entity,
                grade="ABCD"[place % 4],
                source="samr",
                scheme=LIST_DOC,
                assessed_on=town.today,
                factors=[{"kind": "external_assessment", "says": "通用型企业信用风险分类"}],
            ),
            edb,
        )
    for unit in UNITS:
        yield from _unit(town, unit)
    yield (
        of(
            joint.PublishJointList,
            artefact="JL-2026",
            matters=[inspected(unit) for unit in UNITS],
            url="https://example.org/jl",
        ),
        jb,
    )
    for unit in UNITS:
        town.wait(days=1)
        yield of(filing.AcceptFiling, plan=plan_of(unit)), jb
    assert rlo.role == "rlo_assessor"


def _unit(town: Town, unit: str) -> Iterator[tuple[Command, Actor]]:
    head = actor("unit_head", unit)
    for matter, kind in ((inspected(unit), "inspection"), (licensed(unit), "licence")):
        yield (
            of(catalogue.ListMatter, matter=matter, unit=unit, elements=elements(matter, kind)),
            head,
        )
        yield (
            of(catalogue.PublishMatter, matter=matter, unit=unit, url="https://example.org/m"),
            head,
        )
    yield (
        of(
            filing.ApproveAnnualPlan,
            plan=plan_of(unit),
            unit=unit,
            year=2026,
            items=[item(inspected(unit))],
        ),
        head,
    )
    yield of(filing.FileAnnualPlan, plan=plan_of(unit), unit=unit), head
    yield (
        of(
            draws.PublishDrawMatterList,
            unit=unit,
            items=[
                {
                    "matter": inspected(unit),
                    "draw_class": "key",
                    "target_class": "食品",
                    "method": "on_site",
                }
            ],
        ),
        head,
    )
    yield (
        of(
            penalties.PublishBenchmark,
            unit=unit,
            title="裁量基准",
            items=[benchmark_item(code) for code in VIOLATIONS],
        ),
        head,
    )
    conditions = [{"condition": "minor", "kind": "minor", "text": "违法行为轻微"}]
    yield (
        of(
            leniency.PublishLeniencyList,
            unit=unit,
            items=[
                {
                    "item": f"L-{outcome}",
                    "outcome": outcome,
                    "violation_code": code,
                    "basis": "行政处罚法 Art. 33",
                    "conditions": conditions,
                }
                for outcome, code in zip(
                    ("lenient", "mitigated", "exempt"), VIOLATIONS, strict=True
                )
            ],
        ),
        head,
    )


def later(town: Town, days: int) -> date:
    """Some days after today."""
    return town.today + timedelta(days=days)

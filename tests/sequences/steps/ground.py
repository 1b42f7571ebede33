"""Steps of the ground that all others stand on: catalogue, entities, persons, policies, grading."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from ledger.kernel import Actor, Recorded
from ledger.systems.catalogue import commands as catalogue
from ledger.systems.corrections import commands as corrections
from ledger.systems.delegations import commands as delegations
from ledger.systems.entities import commands as entities
from ledger.systems.grading import commands as grading
from ledger.systems.persons import commands as persons
from ledger.systems.policies import commands as policies
from ledger.systems.publicity import commands as publicity
from tests.scenarios.world import CALENDAR_2027
from tests.sequences.drafts import Draft, NotNow
from tests.sequences.prelude import LAW, LIST_DOC, elements, inspected, licensed
from tests.sequences.steps import RARE, Table
from tests.sequences.town import BUSINESSES, OFFICERS, UNITS, actor

TABLE = Table()
add = TABLE.add

#: Laws on which nothing rests that a walk needs.
MINOR_LAWS = tuple(f"兰州新区食品管理条例{n}" for n in range(4))


def _spare(x: Draft) -> bool:
    """A matter that a walk can do without."""
    return x.thing.id not in {m for unit in UNITS for m in (inspected(unit), licensed(unit))}


def _elements(x: Draft) -> dict[str, Any]:
    law = x.pick((LAW, *MINOR_LAWS))
    return elements("检查事项", x.pick(("inspection", "licence", "penalty", "confirmation")), law)


def _unpublished(x: Draft) -> bool:
    last = max(
        r.position
        for r in x.thing.records
        if type(r.event).__name__ in ("MatterListed", "MatterRevised")
    )
    published = [r.position for r in x.thing.records if type(r.event).__name__ == "MatterPublished"]
    return not published or last > published[-1]


add(
    catalogue.QualifyUnit,
    unit=lambda x: x.name("ORG"),
    name="执法服务中心",
    kind="entrusted_org",
    valid_from=lambda x: x.today,
    entrusted_by=lambda x: x.pick(UNITS),
    entrustment_ref="委托书1号",
    entrusted_matters=lambda x: [inspected(x.body["entrusted_by"])],
)
add(
    catalogue.CertifyOfficer,
    officer=lambda x: x.name("OFF"),
    unit=lambda x: x.pick(UNITS),
    cert_no=lambda x: x.name("甘A"),
    valid_from=lambda x: x.day(-9),
    valid_to=lambda x: x.day(x.dice.randint(5, 400)),
    domains=["food_drug"],
)
add(
    catalogue.SuspendCertificate,
    "officer",
    after="OfficerCertified",
    before="OfficerCertificateSuspended",
    when=lambda x: x.thing.id.startswith("OFF-"),
    suspended_from=lambda x: x.today,
)
add(
    catalogue.DeclareConflict,
    officer=lambda x: OFFICERS[x.unit][4],
    basis=lambda x: x.pick(("declared", "upheld")),
    sent_by="jb_supervisor",
)


def _conflicts(x: Draft) -> list[str]:
    """The businesses from which the officer is barred."""
    open_: list[str] = []
    for record in x.thing.records:
        name = type(record.event).__name__
        entity = getattr(record.event, "entity", None)
        if name == "OfficerConflictDeclared" and entity not in open_:
            open_.append(entity)
        elif name == "OfficerConflictEnded" and entity in open_:
            open_.remove(entity)
    return open_


add(
    catalogue.EndConflict,
    "officer",
    after="OfficerConflictDeclared",
    when=_conflicts,
    entity=lambda x: x.pick(_conflicts(x)),
)


add(catalogue.ListMatter, new="matter", elements=_elements)
add(
    catalogue.ReviseMatter,
    "matter",
    after="MatterListed",
    before="MatterWithdrawn",
    when=_spare,
    elements=_elements,
)
add(
    catalogue.PublishMatter,
    "matter",
    after="MatterListed",
    before="MatterWithdrawn",
    when=_unpublished,
    url="https://example.org/m",
)
add(
    catalogue.AssignMatterCodes,
    "matter",
    after="MatterPublished",
    before="MatterWithdrawn",
    weight=RARE,
    codes=lambda x: [{"supervision_item": "01164010100000", "valid_from": x.today}],
)
add(
    catalogue.WithdrawMatter,
    "matter",
    after="MatterPublished",
    before="MatterWithdrawn",
    when=_spare,
)
add(
    catalogue.ReportBasisRepealed,
    law=lambda x: x.pick(
        law
        for law in MINOR_LAWS
        if law not in x.book.things.get("law", {})
        or "BasisRepealed" not in x.book.thing("law", law).names
    ),
    repealed_on=lambda x: x.day(-x.dice.randint(0, 20)),
)

add(
    entities.RegisterEntity,
    entity=lambda x: x.name("gs-register:"),
    identity=lambda x: {"name": f"小店{x.dice.randint(1, 99)}", "area": "秦川园区"},
    sent_by="credit_officer",
)
add(
    entities.ReviseEntity,
    "entity",
    after="EntityRegistered",
    before="EntityLeftRegister",
    identity=lambda x: {"name": f"新名{x.dice.randint(1, 99)}", "line": "食品"},
    sent_by="credit_officer",
)
add(
    entities.DelistEntity,
    "entity",
    after="EntityRegistered",
    before="EntityLeftRegister",
    when=lambda x: x.thing.id not in BUSINESSES[:4],
    weight=RARE,
)


add(
    entities.RecordLegalRepresentative,
    "entity",
    after="EntityRegistered",
    weight=RARE,
    name="张三丰",
    sent_by=lambda x: actor("unit_head", x.unit),
)


add(
    persons.RegisterPerson,
    name="张三丰",
    contact="13900000000",
    sent_by=lambda x: actor(x.pick(("unit_head", "jb_supervisor", "recon_officer")), x.unit),
)


def _keeper(x: Draft) -> Actor:
    """Who answers for a person's data: the unit that took it down."""
    by = x.thing.record("PersonRegistered").envelope.actor
    supervisors = ("jb_supervisor", "recon_officer")
    return actor(by.role if by.role in supervisors else "unit_head", by.unit_id)


add(
    persons.ErasePerson,
    "person",
    after="PersonRegistered",
    before="PersonErased",
    sent_by=_keeper,
    weight=RARE,
    legal_basis=({"instrument": "个人信息保护法", "article": "47"},),
)

add(
    policies.AdoptPolicyVersion,
    key="triage_wd",
    value=lambda x: x.dice.randint(2, 6),
    unit="wd",
    effective_from=lambda x: x.today,
    source={"instrument": "兰新司发〔2026〕1号"},
    confidence="U",
)
add(
    policies.PublishWorkingCalendar,
    **CALENDAR_2027,
    weight=RARE,
)

FACTORS = [{"kind": "external_assessment", "says": "通用型企业信用风险分类"}]
add(
    grading.AssignGrade,
    entity=lambda x: x.business(),
    scheme=LIST_DOC,
    source="samr",
    assessed_on=lambda x: x.today,
    factors=FACTORS,
)
add(grading.RecomputeGrade, entity=lambda x: x.business(), sent_by="credit_officer")
add(
    grading.OverrideGrade,
    entity=lambda x: x.business(),
    scheme=LIST_DOC,
    grade=lambda x: x.pick("BC"),
    factors=[{"kind": "other", "says": "重大事故调查中"}],
    override_reason="事故调查期间提级监管",
)


#: What may become of a decision.
NULLIFIED = (
    "DecisionRevoked",
    "DecisionAltered",
    "DecisionDeclaredVoid",
    "DecisionDeclaredUnlawful",
)


def _changed(value: Any, dice: random.Random) -> Any:
    """Another value of the same kind, as JSON has it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + dice.randint(1, 3)
    if not isinstance(value, str):
        raise NotNow
    try:
        return (date.fromisoformat(value) - timedelta(days=dice.randint(1, 5))).isoformat()
    except ValueError:
        pass
    try:
        return (datetime.fromisoformat(value) - timedelta(hours=dice.randint(1, 30))).isoformat()
    except ValueError:
        return f"{value}（更正）"


def _target(x: Draft) -> Recorded:
    position = x.body["target_position"]
    return next(r for r in x.book.records if r.position == position)


def _correctable(x: Draft) -> int:
    corrected = {
        r.event.target_position
        for r in x.book.records
        if isinstance(r.event, corrections.RecordCorrected)
    }
    return x.pick(
        r.position
        for r in x.book.records
        if type(r.event).CORRECTABLE and r.position not in corrected
    )


def _field_changes(x: Draft) -> list[dict[str, Any]]:
    record = _target(x)
    body = msgspec.to_builtins(record.event)
    if x.chance(0.3):
        old = msgspec.to_builtins(record.envelope)["occurred_at"]
        return [{"path": "/occurred_at", "old": old, "new": _changed(old, x.dice)}]
    fields = sorted(f for f in type(record.event).CORRECTABLE if isinstance(body.get(f), str | int))
    field = x.pick(fields)
    return [{"path": f"/body/{field}", "old": body[field], "new": _changed(body[field], x.dice)}]


add(
    corrections.CorrectRecord,
    target_position=_correctable,
    field_changes=_field_changes,
    reason="录入错误",
    sent_by="jb_supervisor",
)
add(
    corrections.NullifyDecision,
    "decision",
    after="ActDecided",
    before="DecisionRevoked DecisionDeclaredVoid",
    label="of an act",
    kind=lambda x: x.pick(("revoked", "altered", "declared_unlawful", "declared_void")),
    entity=lambda x: x.thing.get("entity"),
    effective_on=lambda x: x.today,
    by="新区人民法院",
    instrument=lambda x: x.name("判"),
    altered=lambda x: (
        [{"field": "doc_no", "before": "1", "after": "2"}] if x.body["kind"] == "altered" else []
    ),
)
add(
    corrections.NullifyDecision,
    "decision",
    after="PenaltyDecided",
    before="DecisionRevoked DecisionDeclaredVoid",
    label="of a penalty",
    weight=RARE,
    kind=lambda x: x.pick(("revoked", "altered", "declared_unlawful", "declared_void")),
    entity=lambda x: x.thing.get("entity"),
    effective_on=lambda x: x.today,
    by="新区人民法院",
    instrument=lambda x: x.name("判"),
    altered=lambda x: (
        [{"field": "fine_fen", "before": x.thing.get("fine_fen"), "after": 100}]
        if x.body["kind"] == "altered"
        else []
    ),
)

add(
    corrections.RecordLitigation,
    "decision",
    after="PenaltyDecided",
    weight=RARE,
    court="新区人民法院",
    case_no=lambda x: x.name("行初"),
    instance="first",
    outcome="claim_dismissed",
    judged_on=lambda x: x.today,
)

add(
    publicity.PublishExAnte,
    title="执法人员名录",
    url="https://example.org",
    digest=lambda x: x.digest(),
)
add(
    publicity.DecideAct,
    new="decision",
    matter=lambda x: licensed(x.unit),
    unit=lambda x: x.pick(UNITS),
    entity=lambda x: x.pick((*BUSINESSES, None)),
    doc_no=lambda x: x.name("许"),
)
add(
    publicity.ServeAct,
    "decision",
    after="ActDecided",
    before="ActServed DecisionRevoked DecisionDeclaredVoid DecisionDeclaredUnlawful",
)
add(
    publicity.PublishAct,
    "decision",
    after="ActDecided ActServed",
    before="ActPublished DecisionRevoked DecisionDeclaredVoid DecisionDeclaredUnlawful",
    summary="准予食品经营许可",
    redactions=lambda x: x.pick(([], ["经办人姓名"])),
)
add(
    publicity.WithdrawAct,
    "decision",
    after="ActPublished",
    before="ActWithdrawn",
    when=lambda x: not x.thing.names.isdisjoint(NULLIFIED),
)
add(
    publicity.PublishAnnualStats,
    unit=lambda x: x.pick(
        unit
        for unit in UNITS
        if not any(
            s.id == f"{unit}:2025" for s in x.book.of("annual-stats", "AnnualStatsPublished")
        )
    ),
    year=2025,
    url="https://example.org/stats",
)


# Powers delegated to townships.
def _of_others(x: Draft) -> list[str]:
    return [inspected(x.pick([unit for unit in UNITS if unit != x.unit]))]


add(
    delegations.DelegatePower,
    new="delegation",
    unit=lambda x: x.pick(UNITS),
    matters=_of_others,
    powers=["inspection"],
    valid_from=lambda x: x.today,
    valid_to=lambda x: x.day(200),
)
add(
    delegations.SuspendDelegation,
    "delegation",
    after="PowerDelegated",
    before="DelegationSuspended DelegationEnded",
    until=lambda x: x.day(5),
    since=lambda x: x.today,
    when=lambda x: x.today <= x.thing.get("valid_to"),
)
add(
    delegations.EndDelegation,
    "delegation",
    after="PowerDelegated",
    before="DelegationEnded",
    weight=RARE,
)
add(
    delegations.AssessDelegation,
    "delegation",
    after="PowerDelegated",
    before="DelegationEnded",
)

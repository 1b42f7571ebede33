"""Steps of take-ons: what older systems held, each fact entered by one and confirmed by another.

The second person is the one who approves whatever was requested.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ledger.systems.takeon import commands as takeon
from tests.sequences.drafts import Draft
from tests.sequences.prelude import LAW, inspected
from tests.sequences.steps import RARE, Table
from tests.sequences.town import OFFICERS, UNITS

TABLE = Table()
add = TABLE.add

add(
    takeon.OpenTakeOn,
    new="takeon",
    source=lambda x: x.name("OLD"),
    day=lambda x: x.day(-x.dice.choice((0, 1, 5))),
    says="旧系统停用",
    sent_by="jb_supervisor",
)

OPEN: dict[str, Any] = {"on": "takeon", "after": "TakeOnOpened", "before": "TakeOnClosed"}


def _before(x: Draft, days: int) -> date:
    """Some days before the takeover."""
    day: date = x.thing.last("TakeOnOpened").day
    return day - timedelta(days=days)


def _unit(x: Draft) -> str:
    return x.pick(UNITS)


def _listed(x: Draft) -> str:
    return x.some("entity", "EntityRegistered", "EntityLeftRegister").id


def _age(x: Draft) -> int:
    """How many days before the takeover a penalty was decided; it is live for a year."""
    return int(x.dice.choice((12, 40, 200, 320)))


def _payments(x: Draft) -> list[dict[str, Any]]:
    if x.chance(0.5):
        return []
    paid = {"paid_on": x.body["served_on"], "amount_fen": x.dice.choice((100_000, 500_000))}
    return [{**paid, "receipt_no": x.name("R")}]


_PENALTY: dict[str, Any] = {
    "unit": _unit,
    "ref": lambda x: x.name("CF"),
    "entity": lambda x: x.business(),
    "doc_no": lambda x: x.name("旧罚"),
    "decided_on": lambda x: _before(x, _age(x)),
    "types": ["fine"],
    "severity": "general",
    "fine_fen": 500_000,
    "served_on": lambda x: x.body["decided_on"] + timedelta(days=3),
    "payments": _payments,
    "sent_by": "unit_head",
}
add(
    takeon.TakeOnPenalty,
    **OPEN,
    **_PENALTY,
    label="published",
    published_on=lambda x: x.body["served_on"] + timedelta(days=5),
    channels=["credit_china", "unit_site"],
    summary=lambda x: x.pick((None, "处罚摘要")),
)
add(takeon.TakeOnPenalty, **OPEN, **_PENALTY, label="not published yet")
add(
    takeon.TakeOnCommitment,
    **OPEN,
    unit=_unit,
    ref=lambda x: x.name("CN"),
    entity=lambda x: x.business(),
    type="voluntary",
    made_on=lambda x: _before(x, 60),
    obligations=lambda x: [
        {"obligation": "O-1", "due_on": _before(x, 20), "done_on": _before(x, 15)},
        {"obligation": "O-2", "due_on": _before(x, x.dice.choice((3, -9, -40)))},
    ],
    sent_by="unit_head",
)
add(
    takeon.TakeOnDesignation,
    **OPEN,
    unit=_unit,
    ref=lambda x: x.name("ZD"),
    entity=_listed,
    matters=lambda x: [inspected(x.unit)],
    tracking_officer=lambda x: OFFICERS[x.unit][0],
    designated_on=lambda x: _before(x, 100),
    review_on=lambda x: x.day(60),
    notified_on=lambda x: _before(x, 99),
    sent_by="unit_head",
    weight=RARE,
)
add(
    takeon.TakeOnDeadline,
    **OPEN,
    unit=_unit,
    ref=lambda x: x.name("DL"),
    started_on=lambda x: _before(x, 10),
    due_on=lambda x: _before(x, x.dice.choice((2, -6, -20))),
    basis={"instrument": LAW},
    sent_by="unit_head",
)
add(
    takeon.PerformOpenDuty,
    "duty",
    after="OpenDeadlineTakenOn",
    before="OpenDutyPerformed",
    sent_by="unit_head",
)
add(
    takeon.CloseTakeOn,
    **OPEN,
    when=lambda x: len(x.thing.events("OpeningFactTakenOn")) > 4,
    facts=lambda x: sum(not fact.confidential for fact in x.thing.events("OpeningFactTakenOn")),
    sent_by="jb_supervisor",
    weight=RARE,
)

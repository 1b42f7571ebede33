"""Further steps: late and corrected facts of records, and businesses that leave and come back."""

from __future__ import annotations

from typing import Any

from ledger.systems.corrections import commands as corrections
from ledger.systems.credit import commands as credit
from ledger.systems.entities import commands as entities
from ledger.systems.grading import commands as grading
from tests.sequences.drafts import Draft, NotNow
from tests.sequences.prelude import LIST_DOC
from tests.sequences.steps import RARE, Table
from tests.sequences.town import BUSINESSES, UNITS

_TABLE = Table()
_add = _TABLE.add
#: The steps, beside those of ``tests.sequences``.
EXTRA = _TABLE.steps


def _left(x: Draft) -> bool:
    names = [type(r.event).__name__ for r in x.thing.records]
    moves = [n for n in names if n in ("EntityLeftRegister", "EntityReentered")]
    return bool(moves) and moves[-1] == "EntityLeftRegister"


_add(
    entities.DelistEntity,
    "entity",
    after="EntityRegistered",
    when=lambda x: x.thing.id in BUSINESSES and not _left(x),
    label="late",
    kind=lambda x: x.pick(("deregistered", "licence_revoked", "moved_out")),
    left_on=lambda x: x.day(-x.dice.choice((0, 1, 20, 60))),
    weight=RARE,
)
_add(
    entities.ReenterEntity,
    "entity",
    after="EntityLeftRegister",
    when=_left,
    annuls=lambda x: x.chance(0.4),
    listed_on=lambda x: x.day(-x.dice.choice((0, 0, 1, 10))),
    sent_by="credit_officer",
)
_add(
    credit.EnterCreditRecord,
    new="record",
    label="of any time",
    unit=lambda x: x.pick(UNITS),
    entity=lambda x: x.business(),
    kind="penalty",
    determined_on=lambda x: x.day(-x.dice.randint(0, 1100)),
    title="行政处罚",
    severity=lambda x: x.pick(("minor", "general", "general", "serious")),
    sector=lambda x: x.pick(("food", "general", "general")),
    public=lambda x: x.body["severity"] != "minor",
    amount_fen=500_000,
    instrument=lambda x: {
        "kind": "penalty_decision",
        "doc_no": x.name("罚"),
        "effective_on": x.body["determined_on"],
    },
    sent_by="unit_head",
)
_add(
    credit.StartPublicity,
    "record",
    after="CreditRecordEntered",
    before="PublicityStarted PublicityTerminated",
    label="at any time",
    when=lambda x: x.thing.get("public"),
    channels=lambda x: x.pick((["credit_china"], ["credit_china", "necips"])),
    sent_by="unit_head",
)


def _entered(x: Draft) -> Any:
    return x.thing.record("CreditRecordEntered")


def _determined(x: Draft) -> list[dict[str, Any]]:
    old = _entered(x).event.determined_on
    new = old + (x.today - old) * x.dice.choice((-1, 1)) // x.dice.randint(2, 9)
    if new in (old, x.today) or new > x.today:
        raise NotNow
    return [{"path": "/body/determined_on", "old": old.isoformat(), "new": new.isoformat()}]


_add(
    corrections.CorrectRecord,
    "record",
    after="CreditRecordEntered",
    before="RecordCorrected",
    label="determined on another day",
    target_position=lambda x: _entered(x).position,
    field_changes=_determined,
    reason="录入错误",
    sent_by="jb_supervisor",
)
_add(
    grading.AssignGrade,
    label="that names records",
    entity=lambda x: x.business(),
    scheme=LIST_DOC,
    source=lambda x: x.pick(("samr", "edb")),
    grade=lambda x: x.pick("ABCD"),
    assessed_on=lambda x: x.day(-x.dice.choice((0, 0, 3, 40))),
    factors=lambda x: [
        {
            "kind": "serious_record" if record.get("severity") == "serious" else "general_record",
            "record": record.id,
        }
        for record in x.few(
            [r for r in x.book.of("record", "CreditRecordEntered", "PublicityTerminated")
             if r.get("entity") == x.body["entity"] and r.get("severity")]
        )
    ],
    sent_by="credit_officer",
)  # fmt: skip

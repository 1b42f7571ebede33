"""An irregular visit is complained of; the bureau looks into it; units answer for what was found.

The bureau reads new findings every month, and the unit answers; those of the last weeks wait.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from api.district.story.common import CHUNHE, SITE
from api.district.walk import Walk
from ledger.general.findings import FindingRaised

#: How many days a finding waits before the bureau reads it.
_READ_AFTER = 20


def plan(walk: Walk) -> None:
    """The complaint in the fourth month; the bureau's desk every month."""
    walk.later(95, partial(_complaint, walk), at="10:00")
    for month in range(2, 13):
        walk.later(month * 30 + 5, partial(_clear_desk, walk), at="15:00")
    walk.later(230, partial(_proposal, walk))
    walk.later(260, partial(_circular, walk))


def _complaint(walk: Walk) -> None:
    """Two people came for “research”, without a code, and left a list of demands."""
    complaint = f"CMP-{walk.today.year}-01"
    walk.send(
        "Chunhe",
        "complaints/receive-complaint",
        complaint=complaint,
        channel="web",
        subject_unit="EMB",
        handled_by="JB",
        facts="两名工作人员以调研名义入企，未亮码，留下整改清单",
        anonymous=False,
        entity=CHUNHE,
        visit={
            "irregular_visit": f"IV-{walk.today.year}-01",
            "visited_on": (walk.today - timedelta(days=1)).isoformat(),
            "label": "research",
            "officers_seen": 2,
            "checklist_or_order_left": True,
        },
    )
    walk.send("JB", "complaints/acknowledge-complaint", complaint=complaint)
    walk.later(3, partial(_accepted, walk, complaint))


def _accepted(walk: Walk, complaint: str) -> None:
    walk.send(
        "JB",
        "complaints/accept-complaint",
        complaint=complaint,
        allegation="以调研名义入企检查，未亮码，留下整改清单",
    )
    found = _open_findings(walk, "EMB")
    for finding in found:
        walk.send("JB", "supervision/triage-finding", finding_id=finding, assessment="责令说明")
    document = f"SD-{walk.today.year}-01"
    walk.send(
        "JB",
        "supervision/issue-supervision-doc",
        document=document,
        kind="notice",
        unit="EMB",
        doc_no=f"兰新监通〔{walk.today.year}〕1号",
        demands=["说明入企情况", "撤回整改清单"],
        findings=found,
    )
    walk.later(9, partial(_answered, walk, complaint, document, found))


def _answered(walk: Walk, complaint: str, document: str, found: list[str]) -> None:
    walk.send(
        "EMB head",
        "supervision/answer-supervision-doc",
        document=document,
        unit="EMB",
        response="确系未备案入企，清单已撤回，两人已离岗培训",
    )
    walk.send(
        "JB",
        "complaints/take-investigation-step",
        complaint=complaint,
        step="unit_statement",
        shown="承认以调研名义检查",
    )
    walk.send(
        "JB",
        "complaints/resolve-complaint",
        complaint=complaint,
        outcome="substantiated",
        remedy="撤回整改清单",
        feedback_text="情况属实，清单已撤回，相关人员已离岗培训",
    )
    walk.send(
        "Chunhe",
        "complaints/give-complaint-feedback",
        complaint=complaint,
        satisfied=True,
        entity=CHUNHE,
    )
    for finding in found:
        _close(walk, finding)


def _close(walk: Walk, finding: str) -> None:
    walk.send("JB", "supervision/accept-rectification", finding_id=finding, note="已整改到位")
    walk.send("JB", "supervision/close-finding", finding_id=finding, conclusion="已整改")


def _open_findings(walk: Walk, unit: str, days: int = 0) -> list[str]:
    """Return the findings of a unit that are at least ``days`` old and that nobody has read."""
    read = {
        record.event.finding_id  # type: ignore[attr-defined]
        for record in walk.recorded("supervision.finding-triaged", f"unit:{unit}")
    }
    return [
        event.finding_id
        for record in walk.recorded(FindingRaised.TOPIC, f"unit:{unit}")
        if isinstance(event := record.event, FindingRaised)
        and event.finding_id not in read
        and walk.now - record.envelope.recorded_at >= timedelta(days=days)
    ]


def _clear_desk(walk: Walk) -> None:
    """Read what was found of the units some time ago; they answer, and it is closed."""
    for unit, answers in (("MRB", "MRB legal"), ("EMB", "EMB legal"), ("ZCZ", "ZCZ head")):
        for finding in _open_findings(walk, unit, _READ_AFTER):
            name = {"finding_id": finding}
            walk.send("JB", "supervision/triage-finding", **name, assessment="责令说明")
            walk.send(
                answers,
                "supervision/respond-to-finding",
                **name,
                unit=unit,
                response="已说明情况，明确专人负责并改进",
            )
            _close(walk, finding)


def _proposal(walk: Walk) -> None:
    """The office for governing by law proposes a document; the bureau issues it."""
    walk.send(
        "RLO",
        "supervision/propose-supervision-doc",
        proposal=f"PROP-{walk.today.year}-01",
        kind="opinion",
        unit="MRB",
        demands=["建立检查结果公示到期提醒"],
        reason="督促检查发现部分检查结果公示不及时",
    )


def _circular(walk: Walk) -> None:
    walk.send(
        "JB",
        "supervision/issue-circular",
        document=f"CIR-{walk.today.year}-01",
        kind="typical_case",
        units=["EMB"],
        title="以调研名义入企检查典型案例",
        text="某单位未经备案以调研名义进入企业并留下整改清单，已责令撤回，相关人员离岗培训。",
        url=f"{SITE}/circulars/1",
    )

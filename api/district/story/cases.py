"""Cases: a heavy fine with a hearing, small fines, an exemption, a reconsideration; a licence."""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import cycle

from api.district.story.common import (
    BAIHE,
    CHUNHE,
    DIGEST,
    EXPIRED_FOOD,
    FINE,
    HUANGHE,
    LONGWEI,
    QINGTIAN,
    SITE,
    XINHE,
    decide,
    document,
    enter_record,
    open_case,
    tell_fine,
)
from api.district.walk import Walk
from ledger.systems.casefiles.folds import UnitCases

#: What is on record of a case that is decided and served.
_STEPS = ("initiate", "investigate", "review", "decide", "serve")
TOLD_FINE, HEAVY_FINE = 15_000_000, 12_000_000


def plan(walk: Walk) -> None:
    """The heavy case from the fourth month on; files are reviewed in the ninth."""
    walk.later(70, partial(_guidance, walk))
    walk.later(110, partial(_heavy, walk))
    walk.later(60, partial(_small, walk, LONGWEI, 2, 0))
    walk.later(200, partial(_small, walk, BAIHE, 3, 9))
    walk.later(335, partial(_small, walk, HUANGHE, 4, 0))
    walk.later(180, partial(_exempt, walk))
    walk.later(100, partial(_licence, walk))
    walk.later(245, partial(_review_files, walk))
    figures_on = date(walk.after(4).year + 1, 1, 15)
    walk.later((figures_on - walk.today).days, partial(_annual_figures, walk))


def _guidance(walk: Walk) -> None:
    """A business under observation is guided before it is punished."""
    walk.send(
        "MRB officer",
        "observation/take-soft-measure",
        soft_measure=f"SM-{walk.today.year}-01",
        entity=CHUNHE,
        unit="MRB",
        measure="admin_guidance",
        issue=EXPIRED_FOOD,
        facts="货架上有超过保质期的食品",
        response_due=walk.after(14).isoformat(),
        observation="OBS-1",
    )


def _heavy(walk: Walk) -> None:
    """Guidance came to nothing: a case, a hearing, a review, and 120,000 yuan."""
    year = walk.today.year
    case, decision = f"CASE-{year}-01", f"DEC-{year}-01"
    open_case(walk, case, CHUNHE, matter="M-101")
    for evidence, title in (("EV-1", "现场检查笔录与照片"), ("EV-2", "召回公告与台账")):
        walk.send(
            "MRB officer",
            "penalties/add-evidence",
            evidence=evidence,
            case=case,
            kind="documentary",
            title=title,
        )
    document(walk, case, "initiate", "investigate")
    tell_fine(walk, case, TOLD_FINE, hearing_right=True)
    walk.later(3, partial(_hearing_asked, walk, case, decision))


def _hearing_asked(walk: Walk, case: str, decision: str) -> None:
    walk.send("Chunhe", "penalties/request-hearing", case=case, entity=CHUNHE)
    walk.send(
        "MRB officer",
        "penalties/hear-statement",
        case=case,
        statement="已主动召回全部产品",
        examined="召回属实",
        adopted=True,
    )
    day = walk.after(16)
    walk.send(
        "MRB legal",
        "penalties/announce-hearing",
        case=case,
        place="二楼会议室",
        host="LEGAL-2-MRB",
        hearing_on=day.isoformat(),
    )
    walk.plan(day, partial(_heard, walk, case, decision))


def _heard(walk: Walk, case: str, decision: str) -> None:
    walk.send(
        "MRB second legal",
        "penalties/hold-hearing",
        case=case,
        host="LEGAL-2-MRB",
        record_digest=DIGEST,
    )
    walk.send(
        "MRB head",
        "leniency/apply-leniency",
        case=case,
        item="LN-034",
        list_version=1,
        conditions=[{"condition": "recalled", "evidence": "EV-2"}],
        passed_over=[
            {
                "item": "EX-034",
                "list_version": 1,
                "condition": "no-harm",
                "reason": "两名消费者就医",
            }
        ],
    )
    walk.send(
        "MRB investigator",
        "legalreview/request-legal-review",
        case=case,
        triggers=["major_rights_after_hearing", "unit_list"],
        draft_ref="处罚决定草案",
        types=["fine"],
        fine_fen=HEAVY_FINE,
    )
    walk.later(4, partial(_decided, walk, case, decision))


def _decided(walk: Walk, case: str, decision: str) -> None:
    walk.send("MRB legal", "legalreview/conclude-legal-review", case=case, opinion="approve")
    document(walk, case, "review")
    walk.send(
        "MRB head",
        "penalties/hold-collective-discussion",
        case=case,
        participants=["HEAD-MRB", "OFFICE-MRB"],
        minutes_ref=f"会议纪要〔{walk.today.year}〕6号",
        conclusion="同意从轻",
    )
    decide(walk, decision, case, CHUNHE, HEAVY_FINE, tier="一般")
    document(walk, case, "decide")
    walk.send("MRB officer", "penalties/serve-penalty", decision=decision, repair_notice=True)
    document(walk, case, "serve")
    record = decision.replace("DEC", "CR")
    enter_record(walk, record, CHUNHE, decision, HEAVY_FINE)
    walk.later(2, partial(_public, walk, decision, record))
    walk.later(12, partial(_paid, walk, case, decision, HEAVY_FINE))
    walk.later(35, partial(_reconsidered, walk, decision))


def _public(walk: Walk, decision: str, record: str) -> None:
    """The decision is public, a measure rests on the record, the grade falls."""
    walk.send(
        "MRB head",
        "penalties/publish-decision",
        decision=decision,
        summary="经营超过保质期的食品，罚款十二万元",
    )
    walk.send("EDB", "grading/recompute-grade", entity=CHUNHE)
    walk.send(
        "MRB head",
        "dishonesty/apply-sanction",
        sanction=f"SAN-{walk.today.year}-01",
        entity=CHUNHE,
        unit="MRB",
        record=record,
        measure="closer-look",
    )


def _paid(walk: Walk, case: str, decision: str, fine_fen: int) -> None:
    """The fine is paid, the case closed with its record complete, and archived."""
    walk.send(
        "MRB officer",
        "penalties/record-payment",
        decision=decision,
        receipt_no=f"缴 {decision}",
        amount_fen=fine_fen,
    )
    document(walk, case, "execute")
    walk.send(
        "MRB officer",
        "penalties/close-case",
        case=case,
        reason="executed",
        conclusion="罚款已缴清，已改正",
    )
    walk.send(
        "MRB legal", "process/archive-case", case=case, archive_no=f"档 {case}", digest=DIGEST
    )


def _reconsidered(walk: Walk, decision: str) -> None:
    """The business finds the fine too high; the organ maintains it."""
    recon = f"RCN-{walk.today.year}-01"
    served = walk.recorded("penalties.penalty-served", f"decision:{decision}")[-1]
    walk.send(
        "Chunhe",
        "reconsideration/apply-for-reconsideration",
        recon=recon,
        decision=decision,
        organ="RECON",
        known_on=served.envelope.occurred_at.date().isoformat(),
        grounds="裁量过重",
        entity=CHUNHE,
    )
    walk.later(2, partial(_recon_accepted, walk, recon))
    walk.later(30, partial(_recon_decided, walk, recon))


def _recon_accepted(walk: Walk, recon: str) -> None:
    heard = walk.recorded("penalties.hearing-held", "unit:MRB")[-1]
    walk.send("RECON", "reconsideration/accept-application", recon=recon)
    walk.send("RECON", "reconsideration/send-copy", recon=recon)
    walk.later(
        6,
        lambda: walk.send(
            "MRB legal",
            "reconsideration/submit-reply",
            recon=recon,
            reply="已从轻，在裁量基准之内",
            evidence=[{"name": "听证笔录", "gathered_on": str(heard.envelope.occurred_at.date())}],
        ),
    )


def _recon_decided(walk: Walk, recon: str) -> None:
    walk.send(
        "RECON",
        "reconsideration/decide-case",
        recon=recon,
        outcome="maintain",
        instrument=f"兰新复决〔{walk.today.year}〕8号",
        reasons="事实清楚，裁量适当",
    )
    walk.send("RECON", "reconsideration/serve-recon-decision", recon=recon)


def _small(walk: Walk, entity: str, number: int, days_late: int) -> None:
    """A fine of 5,000 yuan that nobody disputes, published in time or some days late."""
    year = walk.today.year
    case, decision = f"CASE-{year}-{number:02d}", f"DEC-{year}-{number:02d}"
    open_case(walk, case, entity)
    tell_fine(walk, case, FINE)
    walk.send(
        "MRB officer", "penalties/waive-rights", case=case, rights=["statement"], how="declared"
    )
    decide(walk, decision, case, entity, FINE, tier="一般")
    walk.send("MRB officer", "penalties/serve-penalty", decision=decision, repair_notice=True)
    enter_record(walk, decision.replace("DEC", "CR"), entity, decision, FINE)
    walk.later(
        2 + (days_late and days_late + 10),
        lambda: walk.send(
            "MRB legal",
            "penalties/publish-decision",
            decision=decision,
            summary="经营超过保质期的食品，罚款五千元",
        ),
    )

    def collected() -> None:
        document(walk, case, *_STEPS)
        _paid(walk, case, decision, FINE)

    walk.later(14, collected)


def _exempt(walk: Walk) -> None:
    """A first, harmless violation that is put right: education instead of a fine."""
    case = f"CASE-{walk.today.year}-05"
    open_case(walk, case, XINHE)
    walk.send(
        "MRB officer",
        "penalties/add-evidence",
        evidence="EV-5",
        case=case,
        kind="documentary",
        title="下架与销毁记录",
    )
    walk.send(
        "MRB officer",
        "leniency/record-education",
        case=case,
        method="interview",
        content="约谈负责人，讲解保质期管理要求",
    )
    walk.send(
        "MRB head",
        "leniency/apply-leniency",
        case=case,
        item="EX-034",
        list_version=1,
        conditions=[{"condition": "no-harm", "evidence": "EV-5"}],
    )

    def closed() -> None:
        document(walk, case, *_STEPS)
        walk.send(
            "MRB officer",
            "penalties/close-case",
            case=case,
            reason="exempt",
            conclusion="首次违法，危害后果轻微并及时改正，不予处罚",
        )

    walk.later(3, closed)


def _licence(walk: Walk) -> None:
    decision = f"LIC-{walk.today.year}-01"
    walk.send(
        "MRB head",
        "publicity/decide-act",
        decision=decision,
        unit="MRB",
        matter="M-401",
        doc_no="SC10162010000001",
        entity=QINGTIAN,
    )
    walk.send("MRB officer", "publicity/serve-act", decision=decision)
    walk.later(
        3,
        lambda: walk.send(
            "MRB head", "publicity/publish-act", decision=decision, summary="准予食品生产许可"
        ),
    )


def _review_files(walk: Walk) -> None:
    """The unit reads all files of the year in which it finished more cases; one is put right."""
    batch = f"CFR-{walk.today.year}-01"
    years = {
        year: walk.desk.now(UnitCases("MRB", year)).cases
        for year in (walk.today.year - 1, walk.today.year)
    }
    year = max(years, key=lambda year: len(years[year]))
    filed = years[year]
    walk.send(
        "MRB legal", "casefiles/open-self-review", batch=batch, unit="MRB", year=year, cases=filed
    )
    for case, score in zip(filed, cycle((93, 84, 91)), strict=False):
        walk.send(
            "MRB legal",
            "casefiles/score-case-file",
            batch=batch,
            case=case,
            score=score,
            outcome="excellent" if score >= 90 else "pass",
        )
    file = f"{batch}:{filed[-1]}"
    walk.send("MRB legal", "casefiles/raise-issue", casefile=file, issue="送达回证缺签收时间")
    walk.send(
        "JB",
        "casefiles/order-rectification",
        casefile=file,
        demands="补正送达回证",
        due_on=walk.after(20).isoformat(),
    )
    walk.send("JB", "casefiles/publish-review-report", batch=batch)
    walk.later(
        12,
        lambda: walk.send("JB", "casefiles/verify-rectification", casefile=file, note="已补正"),
    )


def _annual_figures(walk: Walk) -> None:
    """What the bureau did in the year that ended, counted from the ledger."""
    year = walk.today.year - 1
    first, last = f"{year}-01-01", f"{year}-12-31"

    def of_year(kind: str) -> list[object]:
        return [
            record.event
            for record in walk.recorded(kind, "unit:MRB")
            if first <= record.envelope.occurred_at.date().isoformat() <= last
        ]

    fines = [event.fine_fen for event in of_year("penalties.penalty-decided")]  # type: ignore[attr-defined]
    figures = {
        "licences": len(of_year("publicity.act-decided")),
        "penalties": len(fines),
        "compulsions": 0,
        "inspections": len(of_year("filing.on-site-inspection-closed")),
        "other_acts": 0,
        "fines_fen": sum(fines),
        "reconsidered": 0,
        "litigated": 0,
    }
    walk.send(
        "MRB head",
        "publicity/publish-annual-stats",
        unit="MRB",
        year=year,
        figures=figures,
        url=f"{SITE}/scjg/{year}",
    )

"""One unit through 2026: the Market Regulation Bureau, from its plan to its assessment.

Its plan is returned once and filed again; it draws twice, follows a complaint, punishes four
businesses and publishes one decision late; it answers its supervisor; its files are read by itself
and by another unit; it reports nine tasks a month, once a day late; it publishes its figures, is
scored, and appeals in vain. Whoever knows the position of a score finds the same score.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ledger.kernel.days import add_months
from tests.cast import E_A, E_B, E_C, E_D
from tests.scenarios.world import rules, types
from tests.scenarios.year import DIGEST, Year, drawn_by_hand, systems_of

QINGTIAN, YUFENG = "91620100MA7LX0068T", "91620100MA7LX0084G"
OF_B = [E_B, QINGTIAN, YUFENG]
SPRING = {"双色球第2026040期": "05 11 17 20 26 32 09", "上证综指2026-04-13收盘": "3988.40"}
AUTUMN = {"双色球第2026103期": "02 08 13 19 27 30 16", "上证综指2026-09-14收盘": "4120.06"}
CASES = [f"CASE-2026-{number}" for number in range(1, 5)]
ON_THE_SPOT = [
    {
        "matter": "M-201",
        "draw_class": "general",
        "ratio_cap": "1.00",
        "target_class": "食品生产",
        "method": "on_site",
    }
]


async def test_a_unit_through_a_year(tmp_path: Path) -> None:
    """From the scheme that it is measured by, in December, to the score that everybody reads."""
    async with Year(tmp_path, "2025-12-29") as year:
        await the_measure_is_known_beforehand(year)
        await the_unit_lays_itself_open(year)
        await the_plan_is_returned_and_filed_again(year)
        await month_ends(year, "2026-01")
        await a_complaint_is_followed(year)
        await month_ends(year, "2026-02")
        await two_businesses_are_punished(year)
        await month_ends(year, "2026-03")
        await spring_is_drawn(year)
        await month_ends(year, "2026-04")
        await a_decision_is_published_late(year)
        await the_unit_answers_its_supervisor(year)
        await month_ends(year, "2026-05")
        await the_unit_reads_its_own_files(year)
        await month_ends(year, "2026-06")
        await month_ends(year, "2026-07")
        await month_ends(year, "2026-08", one_day_late=2)
        await autumn_is_drawn(year)
        await month_ends(year, "2026-09")
        await a_fourth_business_is_punished(year)
        await month_ends(year, "2026-10")
        await another_unit_reads_what_is_drawn(year)
        await month_ends(year, "2026-11")
        await a_file_is_put_right(year)
        await month_ends(year, "2026-12")
        await the_years_figures_are_public(year)
        cutoff = await the_unit_is_scored(year)
        await the_unit_appeals_in_vain(year)
        await the_score_is_what_the_ledger_says(year, cutoff)
        await twelve_months_are_on_record(year)
        await nothing_is_left_unsaid(year)
        assert year.verified() == year.recorder.head()


# December and January: what is known beforehand


async def the_measure_is_known_beforehand(year: Year) -> None:
    """Shares of what was done well, and never how much was fined; and who reports from January."""
    in_time = {"nil": "0.5", "full": "1"}
    indicators = [
        indicator("decisions_in_time", "40", "penalties_published", in_time, three_systems=True),
        indicator("results_in_time", "20", "results_published", in_time, three_systems=True),
        {
            **indicator("files_passed", "20", "", {}),
            "formula": {
                "of": ["case_files_passed"],
                "per": ["case_files_reviewed"],
                "nil": "0",
                "full": "1",
            },
        },
        {
            **indicator("findings_left", "20", "", {}),
            "direction": "lower",
            "formula": {"of": ["findings_open"], "nil": "4", "full": "0"},
        },
    ]
    adopt = "assessment/adopt-assessment-scheme"
    fines = {**indicators[0], "code": "fines", "title": "罚款数额"}
    await year.refused("ASM-R1", "RLO", adopt, year="2026", indicators=[fines, *indicators[1:]])
    await year.send("RLO", adopt, year="2026", indicators=indicators)
    await year.send(
        "JB",
        "progress/enrol-reporting-unit",
        unit="MRB",
        groups=["enforcement_units"],
        since="2026-01",
    )


def indicator(
    code: str, weight: str, metric: str, points: dict[str, str], **more: Any
) -> dict[str, Any]:
    """How many of the same acts were done in time."""
    return {
        "code": code,
        "weight": weight,
        "direction": "higher",
        "formula": {"of": [f"{metric}_in_time"], "per": [metric], **points},
        **more,
    }


async def the_unit_lays_itself_open(year: Year) -> None:
    """Its powers, people and procedures, and two more businesses that it may have to visit."""
    year.until("2026-01-04 08:00")
    await year.given_region()
    year.until("2026-01-05")
    for entity, name in ((QINGTIAN, "晴田食品有限公司"), (YUFENG, "裕丰食品有限公司")):
        await year.send("EDB", "entities/register-entity", entity=entity, identity={"name": name})
    await year.lists_matter("MRB", "M-101", "食品生产监督检查", "food_drug")
    await year.lists_matter("MRB", "M-201", "标签与价格抽查", "general")
    for item in ("basis", "bodies", "draw_list", "officers", "powers", "procedure", "remedies"):
        await year.send(
            "MRB legal",
            "publicity/publish-ex-ante",
            unit="MRB",
            item=item,
            title=f"事前公开 {item}",
            url=f"https://example.org/mrb/{item}",
            digest=DIGEST,
        )
    shown = await year.get("public", "/v1/ex-ante-publicity/MRB")
    assert shown["missing"] == []


async def the_plan_is_returned_and_filed_again(year: Year) -> None:
    """The bureau misses the autumn in it; the second version counts, and the public reads it."""
    year.until("2026-01-12")
    labels = {**year.item("M-201", [4]), "mode": "random"}
    plan = {"plan": "PLAN-MRB-2026", "unit": "MRB"}
    await year.send("MRB head", "filing/approve-annual-plan", **plan, year=2026, items=[labels])
    await year.send("MRB legal", "filing/file-annual-plan", **plan)
    await year.send("JB", "filing/return-filing", plan="PLAN-MRB-2026", reasons="缺下半年抽查安排")
    year.until("2026-01-16")
    both = {**labels, "months": [4, 9]}
    await year.send(
        "MRB head",
        "filing/amend-plan",
        **plan,
        reason="补充下半年抽查",
        diff={"set_items": [both]},
    )
    await year.send("MRB legal", "filing/file-annual-plan", **plan)
    await year.send("JB", "filing/accept-filing", plan="PLAN-MRB-2026")
    await year.send("MRB legal", "filing/publish-plan", **plan, url="https://example.org/plan")
    shown = await year.get("public", "/v1/plans/PLAN-MRB-2026")
    assert shown["version"] == 2
    listed = await year.send(
        "MRB head", "draws/publish-draw-matter-list", unit="MRB", items=ON_THE_SPOT
    )
    work = {
        "work": "W-MRB-2026-2",
        "task_no": 2,
        "goals": ["随机抽查事项清单覆盖全部抽查事项"],
        "milestones": [{"milestone": "MS-1", "says": "清单公布", "due_on": "2026-03-31"}],
    }
    await year.send(
        "MRB head", "workplans/adopt-work-plan",
        work_plan="WP-MRB-2026", unit="MRB", year=2026, basis="年度重点工作", works=[work],
    )  # fmt: skip
    await year.send(
        "MRB head", "workplans/reach-milestone", milestone="W-MRB-2026-2/MS-1", says="清单已公布",
        evidence_events=[listed["events"][0]["position"]],
    )  # fmt: skip


# Visits, cases, draws


async def a_complaint_is_followed(year: Year) -> None:
    """Filed with the unit's own lawyers first; on the other counter, since somebody called."""
    year.until("2026-02-25")
    visit = year.task("T-COMPLAINT", E_C, "2026-02-26", kind="case", trigger="complaint")
    await year.refused("FIL-R2", "MRB head", "filing/approve-task", **visit)
    filing = year.filing("F-2026-1", entity=E_C)
    await year.send("MRB legal", "filing/file-special-inspection", **filing)
    await year.send("MRB head", "filing/approve-task", **visit, filing="F-2026-1")
    year.until("2026-02-26 08:00")
    await year.visit("T-COMPLAINT", "2026-02-26", "case_filed")
    year.until("2026-02-27")
    await year.reports_result("T-COMPLAINT")


async def two_businesses_are_punished(year: Year) -> None:
    """Decided, served, and before the public the next day; paid within the month."""
    year.until("2026-03-09")
    decisions = [
        await year.punishes(case, entity) for case, entity in ((CASES[0], E_C), (CASES[1], E_D))
    ]
    year.until("2026-03-10")
    for decision in decisions:
        await published(year, decision)
    year.until("2026-03-23")
    await year.collects(CASES[0])
    await year.collects(CASES[1])


async def spring_is_drawn(year: Year) -> None:
    """One of each stratum is drawn, visited, and reported to the public."""
    drawn = await drawn_in(year, "DRAW-SPRING", "2026-04-07", "2026-04-13", SPRING)
    assert drawn == {E_A: "A", first_of(OF_B, SPRING, "DRAW-SPRING"): "B", E_C: "C", E_D: "D"}
    year.until("2026-04-15 08:00")
    tasks = [await year.visits_drawn("DRAW-SPRING", "M-201", one, "no_issue") for one in drawn]
    year.until("2026-04-17")
    for task in tasks:
        await year.reports_result(task)


async def a_decision_is_published_late(year: Year) -> None:
    """Decided after the May holidays, and left lying for four days beyond its seventh."""
    year.until("2026-05-06")
    decision = await year.punishes(CASES[2], E_B)
    due = await year.deadline("publicity.penalty_wd", about=f"decision:{decision}")
    assert due["due_on"] == "2026-05-14", "Saturday 05-09 is a working day"
    year.until("2026-05-18")
    assert ("2026-05-15", "FindingRaised", "PUB-V1") in year.nights
    answer = await published(year, decision)
    assert answer["events"][0]["body"]["days_late"] == 4
    await year.collects(CASES[2])


async def the_unit_answers_its_supervisor(year: Year) -> None:
    """What it says first does not suffice; what it does then does."""
    [found] = await year.findings(rule_id="PUB-V1")
    name = {"finding_id": found["finding"]}
    await year.send("JB", "supervision/triage-finding", **name, assessment="制发意见书")
    await year.send(
        "JB",
        "supervision/issue-supervision-doc",
        document="SD-2026-1",
        kind="opinion",
        unit="MRB",
        doc_no="兰新监意〔2026〕1号",
        demands=["说明逾期公开原因", "建立公开提醒"],
        findings=[found["finding"]],
    )
    year.until("2026-05-20")
    await year.send(
        "MRB legal",
        "supervision/answer-supervision-doc",
        document="SD-2026-1",
        unit="MRB",
        response="经办人休假",
    )
    await year.send("JB", "supervision/reject-rectification", **name, reason="未建立提醒")
    year.until("2026-05-27")
    await year.send(
        "MRB head",
        "supervision/respond-to-finding",
        **name,
        unit="MRB",
        response="已设公开到期提醒, 指定备岗",
    )
    await year.send("JB", "supervision/accept-rectification", **name, note="提醒已启用")
    await year.refused("SUP-R4", "MRB head", "supervision/close-finding", **name, conclusion="-")
    await year.send("JB", "supervision/close-finding", **name, conclusion="已整改")


async def autumn_is_drawn(year: Year) -> None:
    """Whose visit of the year was in spring is not on the roster, but for those of whom all are
    drawn; one is new, and visited.
    """
    drawn = await drawn_in(year, "DRAW-AUTUMN", "2026-09-07", "2026-09-14", AUTUMN)
    others = [one for one in OF_B if one != first_of(OF_B, SPRING, "DRAW-SPRING")]
    new = first_of(others, AUTUMN, "DRAW-AUTUMN")
    assert drawn[new] == "B"
    announced = await year.get("public", "/v1/draws/DRAW-AUTUMN")
    assert sum(announced["excluded"].values()) == 2, announced
    year.until("2026-09-16 08:00")
    for entity in drawn.keys() - {new}:
        exempt = {
            "draw": "DRAW-AUTUMN",
            "entity": entity,
            "reason": "already_inspected_same_matter",
            "evidence": f"T-DRAW-SPRING-{entity[-5:]}",
        }
        await year.send("MRB coordinator", "draws/request-exemption", **exempt)
        await year.send("MRB head", "draws/exempt-target", **exempt)
    task = await year.visits_drawn("DRAW-AUTUMN", "M-201", new, "issue_corrected_on_spot")
    year.until("2026-09-18")
    await year.reports_result(task)


async def a_fourth_business_is_punished(year: Year) -> None:
    """In time, as everything since the reminder."""
    year.until("2026-10-12")
    decision = await year.punishes(CASES[3], YUFENG)
    year.until("2026-10-13")
    await published(year, decision)
    year.until("2026-10-20")
    await year.collects(CASES[3])


async def published(year: Year, decision: str) -> dict[str, Any]:
    return await year.send(
        "MRB legal", "penalties/publish-decision", decision=decision, summary="罚款五千元"
    )


async def drawn_in(
    year: Year, draw: str, announced: str, out: str, seed: dict[str, str]
) -> dict[str, str]:
    """A draw of MRB, from what is announced one day to who is drawn on another."""
    year.until(announced)
    sources = dict.fromkeys(seed, f"{out}T15:00")
    roster_hash = await year.announces_draw(draw, "M-201", sources)
    year.until(f"{out} 16:00")
    return await year.draws(draw, roster_hash, seed)


def first_of(entities: list[str], seed: dict[str, str], draw: str) -> str:
    """Whom a stranger finds drawn among businesses with a B."""
    return drawn_by_hand("|".join(seed.values()), draw, "B", entities)[0]


# Files


async def the_unit_reads_its_own_files(year: Year) -> None:
    """All three that there are, and it thinks well of them."""
    year.until("2026-06-15")
    await year.send(
        "MRB legal",
        "casefiles/open-self-review",
        batch="CFR-SELF",
        unit="MRB",
        year=2026,
        cases=CASES[:3],
    )
    for case in CASES[:3]:
        await scored(year, "MRB legal", "CFR-SELF", case, 93, "excellent")


async def another_unit_reads_what_is_drawn(year: Year) -> None:
    """Three of the four files; one lacks something, and is to be put right by a day."""
    year.until("2026-11-09")
    sources = ["双色球第2026128期", "上证综指2026-11-13收盘"]
    announcement = {
        "batch": "CFR-MUTUAL",
        "unit": "MRB",
        "year": 2026,
        "mode": "mutual",
        "cases": CASES,
        "sources": [
            {"name": name, "publication_at": "2026-11-13T15:00:00+08:00"} for name in sources
        ],
    }
    announce = "casefiles/announce-review"
    await year.refused("CFR-R1", "JB", announce, **announcement, reviewing_unit="MRB")
    await year.send("JB", announce, **announcement, reviewing_unit="EMB")
    year.until("2026-11-16")
    values = ["01 07 14 22 25 31 04", "4098.77"]
    expected = drawn_by_hand("|".join(values), "CFR-MUTUAL", "MRB", CASES)[:3]
    await year.send(
        "JB", "casefiles/draw-review-batch", batch="CFR-MUTUAL", values=values, cases=expected
    )
    worst, *others = expected
    for case in others:
        await scored(year, "EMB legal", "CFR-MUTUAL", case, 90, "excellent")
    answer = await scored(year, "EMB legal", "CFR-MUTUAL", worst, 70, "pass")
    assert rules(answer) == (["CFR-V3"] if worst in CASES[:3] else []), "it thought too well of it"
    file = f"CFR-MUTUAL:{worst}"
    await year.send("EMB legal", "casefiles/raise-issue", casefile=file, issue="送达回证缺签收时间")
    await year.send(
        "JB",
        "casefiles/order-rectification",
        casefile=file,
        demands="补正送达回证",
        due_on="2026-12-15",
    )
    await year.send("JB", "casefiles/publish-review-report", batch="CFR-MUTUAL")


async def a_file_is_put_right(year: Year) -> None:
    """A week before its day."""
    year.until("2026-12-08")
    [file] = await year.whole("MRB head", "/v1/case-files", stage="rectifying")
    answer = await year.send(
        "JB", "casefiles/verify-rectification", casefile=file["casefile"], note="已补正"
    )
    assert types(answer) == ["casefiles.rectification-verified"]


async def scored(
    year: Year, who: str, batch: str, case: str, score: int, outcome: str
) -> dict[str, Any]:
    return await year.send(
        who, "casefiles/score-case-file", batch=batch, case=case, score=score, outcome=outcome
    )


# Every month


async def month_ends(year: Year, month: str, one_day_late: int | None = None) -> None:
    """The unit reports its nine tasks as the ledger fills them in; the bureau clears its desk."""
    last = add_months(date.fromisoformat(f"{month}-01"), 1) - timedelta(days=1)
    year.until(f"{last} 14:00")
    await the_bureau_clears_its_desk(year)
    filled = await year.get("MRB office", f"/v1/progress/MRB/{month}")
    assert [one["due_on"] for one in filled["reports"]] == [str(last)] * 9
    for task in filled["tasks"]:
        if task["task_no"] not in (None, one_day_late):
            await reported(year, filled, task)
    await the_bureau_clears_its_desk(year)
    if one_day_late is None:
        return
    year.until(f"{last + timedelta(days=1)} 08:00")
    filled = await year.get("MRB office", f"/v1/progress/MRB/{month}")
    answer = await reported(year, filled, filled["tasks"][one_day_late - 1])
    assert answer["events"][0]["body"]["days_late"] == 1
    assert year.happened("FindingRaised", "LDG-V1") == [str(last + timedelta(days=1))]


async def reported(year: Year, filled: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """One task: the ledger's figures, and a story only where there is something to tell."""
    figures = {one["name"]: one["value"] for one in task["metrics"]}
    narrative = {"narrative": "按计划推进, 数据见台账"} if any(figures.values()) else {}
    answer = await year.send(
        "MRB office",
        "progress/submit-progress-ledger",
        unit="MRB",
        month=filled["month"],
        task_no=task["task_no"],
        metrics=figures,
        ledger_cutoff_position=filled["cutoff_position"],
        **narrative,
    )
    report = answer["events"][0]["body"]["report"]
    await year.send("JB", "progress/accept-ledger", report=report)
    return answer


async def the_bureau_clears_its_desk(year: Year) -> None:
    """What was found of the unit is read, answered, put right and closed."""
    for found in await year.findings(unit="MRB", state="raised"):
        name = {"finding_id": found["finding"]}
        await year.send("JB", "supervision/triage-finding", **name, assessment="责令说明")
        await year.send(
            "MRB legal",
            "supervision/respond-to-finding",
            **name,
            unit="MRB",
            response="已说明并改进",
        )
        await year.send("JB", "supervision/accept-rectification", **name, note="已改进")
        await year.send("JB", "supervision/close-finding", **name, conclusion="已整改")


# The year's end


async def the_years_figures_are_public(year: Year) -> None:
    """Called for on New Year's Day, published two weeks before their last day."""
    year.until("2027-01-15")
    due = await year.deadline("publicity.annual_stats", unit="MRB")
    assert due["due_on"] == "2027-01-31"
    told = [event for event in await year.everything("JB") if event["data"].get("unit") == "MRB"]
    fined = [event["data"]["fine_fen"] for event in told
             if event["type"] == "penalties.penalty-decided"]  # fmt: skip
    visited = sum(event["type"] == "filing.inspection-concluded" for event in told)
    assert (len(fined), sum(fined), visited) == (4, 2_000_000, 6)
    figures = {
        "licences": 0,
        "penalties": len(fined),
        "compulsions": 0,
        "inspections": visited,
        "other_acts": 0,
        "fines_fen": sum(fined),
        "reconsidered": 0,
        "litigated": 0,
    }
    await year.send(
        "MRB head",
        "publicity/publish-annual-stats",
        unit="MRB",
        year=2026,
        figures=figures,
        url="https://example.org/mrb/2026",
    )
    public = await year.get("public", "/v1/annual-statistics/MRB:2026")
    assert public["figures"]["penalties"] == 4


async def the_unit_is_scored(year: Year) -> int:
    """At a position that leaves out nothing of the year; returns it."""
    year.until("2027-01-18")
    cutoff = year.recorder.head()
    answer = await year.send(
        "RLO", "assessment/run-assessment", year="2026", unit="MRB", cutoff_position=cutoff
    )
    run = answer["events"][0]["body"]
    assert types(answer) == ["assessment.assessment-run-completed"]
    assert {one["indicator"]: (one["of"], one.get("per")) for one in run["scores"]} == {
        "2026.decisions_in_time": (3, 4),
        "2026.results_in_time": (6, 6),
        "2026.files_passed": (6, 6),
        "2026.findings_left": (0, None),
    }
    # Three of four is half way from 0.5 to 1: 20 points of 40, and all of the other 60.
    assert run["total"] == "80.00"
    return cutoff


async def the_unit_appeals_in_vain(year: Year) -> None:
    """Late is late; somebody other than who ran the score says so, and the scores are public."""
    year.until("2027-01-20")
    appeal = {"score": "2026.MRB"}
    await year.send(
        "MRB head",
        "assessment/appeal-score",
        **appeal,
        grounds="一件逾期公开已整改",
        indicator="2026.decisions_in_time",
    )
    await year.hidden("", "/v1/assessments/2026", 404)
    answer = {"outcome": "rejected", "reasons": "逾期属实, 整改已计入监督问题"}
    decide = "assessment/decide-appeal"
    await year.refused("GEN-R2", "RLO", decide, **appeal, **answer)
    await year.send("RLO second", decide, **appeal, **answer)
    await year.send("RLO", "assessment/publish-assessment", year="2026")


async def the_score_is_what_the_ledger_says(year: Year, cutoff: int) -> None:
    """At the stated position it is the same, whatever was recorded since; at another, another."""
    public = await year.get("public", "/v1/assessments/2026")
    [score] = public["scores"]
    assert (score["unit"], score["cutoff_position"]) == ("MRB", cutoff)
    assert year.recorder.head() > cutoff
    rerun = await year.get("MRB head", "/v1/scores/2026.MRB/rerun", cutoff=cutoff)
    assert (rerun["same"], rerun["total"]) == (True, score["total"])
    half = await year.get("RLO", "/v1/scores/2026.MRB/rerun", cutoff=cutoff // 2)
    assert half["same"] is None
    assert half["scores"] != rerun["scores"]


# What can be asked at the end


async def twelve_months_are_on_record(year: Year) -> None:
    """A hundred and eight reports, all accepted, one of them late."""
    reports = await year.whole("JB", "/v1/reports", unit="MRB")
    reports = [one for one in reports if one["opened"]["month"] < "2027-01"]
    assert len(reports) == 12 * 9
    assert {one["stage"] for one in reports} == {"accepted"}
    assert [one["report"] for one in reports if one["days_late"]] == ["2026-08.2.MRB"]
    visits = {
        one["submitted"]["month"]: one["submitted"]["metrics"]["inspections"]
        for one in reports
        if one["opened"]["task_no"] == 2
    }
    assert {month: n for month, n in visits.items() if n} == {
        "2026-02": 1,
        "2026-04": 4,
        "2026-09": 1,
    }


async def nothing_is_left_unsaid(year: Year) -> None:
    """The unit's trail, its findings, its deadlines, and the feed."""
    found = await year.whole("JB", "/v1/findings", unit="MRB")
    assert Counter((one["rule_id"], one["state"]) for one in found) == {
        ("PUB-V1", "closed"): 1,
        ("LDG-V1", "closed"): 1,
        ("CMP-V5", "closed"): 1,  # it has published neither mailbox nor telephone for complaints
        ("LDG-V2", "closed"): 11,  # months in which there was nothing to do
        ("DRW-V7", "closed"): 2,  # two of five are more than a tenth
        ("DRW-V6", "raised"): 2,  # where one of one is certain, and was let off: a lead, no proof
    }
    late = [one for one in await year.whole("MRB head", "/v1/deadlines") if one.get("days_late")]
    assert sorted((one["rule"], one["days_late"]) for one in late) == [
        ("ledger.month_end", 1),
        ("publicity.penalty_wd", 4),
    ]
    trail = await year.get("JB", "/v1/units/MRB/trail", limit=1)
    assert trail["entries"][0]["type"] == "progress.reporting-unit-enrolled"
    heard = await year.everything("JB")
    assert [event["position"] for event in heard] == list(range(1, year.recorder.head() + 1))
    assert systems_of(heard) >= {"casefiles", "progress", "assessment", "publicity", "draws"}

"""One business through 2026: 春禾食品, across every system that a business meets.

It is registered, keeps a promise, is drawn and visited, does not put right what was found, is
bothered by another unit and complains, is fined, guided, heard by the reconsideration organ,
repaired, and ends the year where it stood in March. Every night the clock looks; what it finds is
part of the story.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cast import E_A, E_B, E_C, E_D
from tests.scenarios.world import CALENDAR_2027, rules, types
from tests.scenarios.year import DIGEST, Year, drawn_by_hand, systems_of

CHUNHE = "91620100MA7LX0084G"
PROFILE = f"/v1/entities/{CHUNHE}/profile"
DRAW = "DRAW-2026-04"
EXPIRED_FOOD = "FS-034"
TOLD_FINE, FINE = 15_000_000, 12_000_000  # 150,000 yuan, then 120,000
#: The title of its credit record as it was typed at first, and as it should have been.
TITLE_TYPED, TITLE = "行政处罚: 罚款十五万元", "行政处罚: 罚款十二万元"


async def test_a_business_through_a_year(tmp_path: Path) -> None:
    """From its registration in January to the first days of 2027, and what can be asked then."""
    async with Year(tmp_path) as year:
        await year.given_region()
        await chunhe_opens_its_shop(year)
        await the_rules_of_the_year_are_public(year)
        await units_plan_their_year(year)
        await chunhe_keeps_its_promise(year)
        await chunhe_is_drawn(year)
        await chunhe_is_visited(year)
        await guidance_comes_before_punishment(year)
        await two_people_come_for_research(year)
        await the_bureau_looks_into_it(year)
        await a_case_is_opened_and_told(year)
        await a_hearing_is_held(year)
        await the_list_of_leniency_is_read(year)
        await the_fine_is_reviewed_and_decided(year)
        await decision_and_repair_notice_come_together(year)
        await the_penalty_stands_on_the_record(year)
        await chunhe_is_put_under_key_supervision(year)
        await two_units_come_in_one_visit(year)
        await the_reconsideration_organ_maintains_the_fine(year)
        await a_typing_error_is_objected_to(year)
        await repair_takes_its_time(year)
        await everything_that_rested_on_the_record_ends(year)
        await a_third_visit_is_one_too_many(year)
        await a_licence_is_renewed_across_the_year(year)
        await the_year_ends(year)
        await this_is_what_the_profile_says(year)
        await this_is_how_it_came_to_be(year)
        await this_is_what_supervisors_see(year)
        await everybody_has_heard_everything_once(year)
        assert year.verified() == year.recorder.head()


# January to March: what everybody can know beforehand


async def chunhe_opens_its_shop(year: Year) -> None:
    """Registered, graded; a promise in place of a document; patience with its live sales."""
    year.until("2026-01-05")
    year.tokens["Chunhe"] = year.service.tokens.create(
        "ENTITY", "REP-CHUNHE", "entity_rep", entity=CHUNHE
    )
    identity = {"name": "兰州新区春禾食品有限公司", "area": "秦川园区", "line": "食品生产"}
    await year.send("EDB", "entities/register-entity", entity=CHUNHE, identity=identity)
    await year.send("EDB", "grading/recompute-grade", entity=CHUNHE)
    assert await grade(year) == "B", "nothing is known of it yet"
    await year.send(
        "Chunhe",
        "commitments/make-commitment",
        commitment="CMT-2026-001",
        entity=CHUNHE,
        unit="MRB",
        type="approval_substitute",
        text_hash=DIGEST,
        obligations=[{"obligation": "场所证明", "due_on": "2026-02-27", "says": "补齐场所证明"}],
        public=True,
    )
    answer = await year.send(
        "MRB head",
        "observation/grant-observation",
        observation="OBS-2026-01",
        entity=CHUNHE,
        unit="MRB",
        four_new_kind="business_form",
        activity="直播带货食品",
        policy_basis={"level": "national", "instrument": "国办发〔2019〕38号"},
        domain="food_drug",
        bottom_lines=["safety", "fraud"],
        months=12,
    )
    assert answer["events"][0]["body"]["ends_on"] == "2027-01-05"


async def the_rules_of_the_year_are_public(year: Year) -> None:
    """Matters, benchmark, leniency, measures, joint lists: all before they are used."""
    year.until("2026-01-07")
    await year.lists_matter("MRB", "M-101", "食品生产监督检查", "food_drug")
    await year.lists_matter("MRB", "M-201", "标签与价格抽查", "general")
    await year.lists_matter("MRB", "M-401", "食品生产许可", "food_drug", act_kind="licence")
    await year.lists_matter("EMB", "M-301", "安全生产检查", "work_safety")
    await year.send(
        "MRB head",
        "publicity/publish-ex-ante",
        unit="MRB",
        item="powers",
        title="市场监管局权责清单",
        url="https://example.org/powers",
        digest=DIGEST,
    )
    await the_unit_binds_itself(year)
    await the_region_agrees_on_measures_and_joint_visits(year)


async def the_unit_binds_itself(year: Year) -> None:
    """How MRB will punish, when it will be gentle, and what its lawyers will read."""
    await year.send(
        "MRB head",
        "penalties/publish-benchmark",
        unit="MRB",
        title="食品安全行政处罚裁量基准",
        items=[
            {
                "violation_code": EXPIRED_FOOD,
                "basis": "中华人民共和国食品安全法 Art. 124",
                "types": ["fine"],
                "statutory_min_fen": 10_000_000,
                "statutory_max_fen": 20_000_000,
                "tiers": [
                    {
                        "tier": "一般",
                        "circumstances": "货值不足一万元",
                        "min_fen": 13_000_000,
                        "max_fen": 17_000_000,
                    }
                ],
            }
        ],
    )
    await year.send(
        "MRB head",
        "leniency/publish-leniency-list",
        unit="MRB",
        items=[EXEMPT_IF_HARMLESS, LENIENT_IF_RECALLED],
    )
    await year.send(
        "MRB head",
        "legalreview/publish-major-decision-list",
        unit="MRB",
        lines=[{"line": "大额罚款", "description": "十万元以上罚款", "fine_from_fen": 10_000_000}],
    )
    await year.send(
        "JB",
        "legalreview/register-reviewer",
        officer="LEGAL-MRB",
        unit="MRB",
        qualification_no="A-LEGAL-MRB",
    )


EXEMPT_IF_HARMLESS: dict[str, Any] = {
    "item": "EX-034",
    "outcome": "exempt",
    "violation_code": EXPIRED_FOOD,
    "basis": "行政处罚法 Art. 33",
    "conditions": [{"condition": "no-harm", "kind": "no_harm", "text": "没有造成危害后果"}],
}
LENIENT_IF_RECALLED: dict[str, Any] = {
    "item": "LN-034",
    "outcome": "lenient",
    "violation_code": EXPIRED_FOOD,
    "basis": "行政处罚法 Art. 32",
    "conditions": [{"condition": "recalled", "kind": "other", "text": "主动召回全部产品"}],
}


async def the_region_agrees_on_measures_and_joint_visits(year: Year) -> None:
    """Which sanctions there are, which matters go together and when; and a bank subscribes."""
    year.until("2026-01-08")
    await year.send(
        "EDB",
        "dishonesty/publish-measure-catalogue",
        unit="EDB",
        source={"instrument": "全国失信惩戒措施基础清单"},
        items=[
            measure("closer-look", "sanction", "列为重点检查对象", from_severity="general"),
            measure("fast-lane", "incentive", "行政审批绿色通道"),
        ],
    )
    await year.send(
        "JB",
        "joint/publish-joint-list",
        artefact="JL-2026",
        matters=["M-101", "M-301"],
        url="https://example.org/joint-list",
    )
    await year.send(
        "JB",
        "joint/publish-joint-calendar",
        artefact="JC-2026",
        year=2026,
        entries=[
            {"lead": "MRB", "participants": ["EMB"], "months": [7], "subject": "食品生产企业"}
        ],
    )
    await year.send(
        "JB",
        "joint/adopt-unified-form",
        artefact="UF-7",
        title="食品生产企业综合查一次",
        items=[
            {"item": "生产过程控制", "matter": "M-101"},
            {"item": "消防通道", "matter": "M-301"},
        ],
    )
    await year.send(
        "BANK",
        "sharing/subscribe-feed",
        subscription="SUB-BANK",
        unit="BANK",
        purpose="贷款审批中查询失信信息",
        legal_basis=[{"instrument": "征信业管理条例", "article": "21"}],
        filters={"types": ["credit.*"]},
    )


def measure(name: str, kind: str, says: str, **more: Any) -> dict[str, Any]:
    basis = [{"instrument": "优化营商环境条例", "article": "53"}]
    return {"measure": name, "kind": kind, "says": says, "basis": basis, **more}


async def units_plan_their_year(year: Year) -> None:
    """What is planned is what may be done: labels in April by lot, production in July together."""
    year.until("2026-01-12")
    labels = {**year.item("M-201", [4]), "mode": "random"}
    await year.plans_its_year("MRB", labels, year.item("M-101", [7, 10]))
    await year.plans_its_year("EMB", year.item("M-301", [7]))
    await year.send(
        "MRB head",
        "draws/publish-draw-matter-list",
        unit="MRB",
        items=[
            {
                "matter": "M-201",
                "draw_class": "general",
                "ratio_cap": "1.00",
                "target_class": "食品生产",
                "method": "on_site",
            }
        ],
    )


async def chunhe_keeps_its_promise(year: Year) -> None:
    """A day before it was due. The public reads it, and the month after its grade is an A."""
    year.until("2026-02-26")
    answer = await year.send(
        "MRB head",
        "commitments/fulfil-commitment",
        commitment="CMT-2026-001",
        obligation="场所证明",
        evidence=["场所证明原件"],
    )
    kept = answer["events"][1]["body"]
    assert (kept["kind"], kept["fulfilled"]) == ("commitment", True)
    await year.send(
        "MRB head", "credit/start-publicity", record=kept["record"], channels=["credit_china"]
    )
    [shown] = (await year.get("public", PROFILE))["records"]
    assert shown["title"] == "信用承诺履行"
    year.until("2026-03-02")
    assert year.happened("CreditGradeAssigned") == ["2026-03-01"]
    assert await grade(year) == "A"


# April: the draw


async def chunhe_is_drawn(year: Year) -> None:
    """One of two with an A. Who knows the public values finds the same, and nobody knew before."""
    year.until("2026-04-13")
    sources = {
        "双色球第2026043期开奖日期": "2026-04-19T21:30",
        "双色球第2026043期开奖号码": "2026-04-19T21:30",
        "上证综指2026-04-20收盘": "2026-04-20T15:00",
    }
    roster_hash = await year.announces_draw(DRAW, "M-201", sources)
    values = dict(zip(sources, ("20260419", "03 09 15 21 28 33 01", "4012.17"), strict=True))
    early = [{"source": name, "value": value} for name, value in values.items()]
    await year.refused("DRW-R1", "MRB coordinator", "draws/reveal-seed", draw=DRAW, values=early)

    year.until("2026-04-20 16:00")
    drawn = await year.draws(DRAW, roster_hash, values)
    assert drawn == {CHUNHE: "A", E_B: "B", E_C: "C", E_D: "D"}
    assert drawn_by_hand("|".join(values.values()), DRAW, "A", [E_A, CHUNHE])[0] == CHUNHE
    checked = await year.send("RECON", "draws/verify-draw", draw=DRAW)
    assert checked["events"][0]["body"]["ok"] is True
    assert (await year.get("public", f"/v1/draws/{DRAW}/targets"))["items"] == []


async def chunhe_is_visited(year: Year) -> None:
    """Scanned in, told of its rights and of what was found; and it says what it thinks."""
    year.until("2026-04-22 08:00")
    task = await year.visits_drawn(DRAW, "M-201", CHUNHE, "order_to_correct")
    assert task == "T-DRAW-2026-04-0084G"
    await year.send("Chunhe", "filing/rate-visit", task=task, entity=CHUNHE, score=4)
    year.until("2026-04-23 08:00")
    for neighbour in (E_B, E_C, E_D):
        theirs = await year.visits_drawn(DRAW, "M-201", neighbour, "no_issue")
        await year.reports_result(theirs)
    year.until("2026-04-24")
    await year.reports_result(task)
    assert await on_the_record(year, "public") == ["commitment", "inspection_result"]
    account = await year.get("Chunhe", f"/v1/entities/{CHUNHE}/burden")
    assert (account["visits"], account["minutes_on_site"]) == (1, 59)
    assert await grade(year) == "A", "an order is no dishonesty"


async def guidance_comes_before_punishment(year: Year) -> None:
    """It is under observation: no case before something gentler was tried, and came to nothing."""
    year.until("2026-04-28")
    await year.refused("OBS-R3", "MRB head", "penalties/file-case", **the_case(year))
    await year.send(
        "MRB officer",
        "observation/take-soft-measure",
        soft_measure="SM-2026-01",
        entity=CHUNHE,
        unit="MRB",
        measure="admin_guidance",
        issue=EXPIRED_FOOD,
        facts="货架上有超过保质期的食品",
        response_due="2026-05-12",
        observation="OBS-2026-01",
    )
    year.until("2026-05-13")
    assert year.happened("DeadlineMissed", "observation.soft_measure") == ["2026-05-13"]


# May: an irregular visit


async def two_people_come_for_research(year: Year) -> None:
    """No code, no notice, and a list of what to put right. The findings are there at once."""
    year.until("2026-05-14 10:00")
    answer = await year.send(
        "Chunhe",
        "complaints/receive-complaint",
        complaint="CMP-2026-01",
        channel="web",
        subject_unit="EMB",
        handled_by="JB",
        facts="两名工作人员以调研名义入企, 未亮码, 留下整改清单",
        anonymous=False,
        entity=CHUNHE,
        visit={
            "irregular_visit": "IV-2026-01",
            "visited_on": "2026-05-13",
            "label": "research",
            "officers_seen": 2,
            "checklist_or_order_left": True,
        },
    )
    assert rules(answer) == ["FIL-V1", "FIL-V3", "FIL-V5"]
    await year.send(
        "EMB legal",
        "complaints/accept-complaint",
        expect=422,  # the unit accused does not know of it
        complaint="CMP-2026-01",
        allegation="以调研名义入企",
    )
    await year.send("JB", "complaints/acknowledge-complaint", complaint="CMP-2026-01")


async def the_bureau_looks_into_it(year: Year) -> None:
    """A notice to EMB, its answer, what it puts right; and the business is told."""
    year.until("2026-05-18")
    await year.send(
        "JB",
        "complaints/accept-complaint",
        complaint="CMP-2026-01",
        allegation="以调研名义入企检查, 未亮码, 留下整改清单",
    )
    found = await year.findings(unit="EMB")
    assert [one["rule_id"] for one in found] == ["FIL-V1", "FIL-V3", "FIL-V5"]
    await triaged(year, found)
    await year.send(
        "JB",
        "supervision/issue-supervision-doc",
        document="SD-2026-01",
        kind="notice",
        unit="EMB",
        doc_no="兰新监通〔2026〕1号",
        demands=["说明5月13日入企情况", "撤回整改清单"],
        findings=[one["finding"] for one in found],
    )
    deadline = await year.deadline("supervision.response_wd", about="supdoc:SD-2026-01")
    assert (deadline["due_on"], deadline["unit"]) == ("2026-06-08", "EMB")

    year.until("2026-05-28")
    await year.send(
        "EMB head",
        "supervision/answer-supervision-doc",
        document="SD-2026-01",
        unit="EMB",
        response="确系未备案入企, 清单已撤回, 两人已离岗培训",
    )
    await year.send(
        "JB",
        "complaints/take-investigation-step",
        complaint="CMP-2026-01",
        step="unit_statement",
        shown="承认以调研名义检查",
    )
    answer = await year.send(
        "JB",
        "complaints/resolve-complaint",
        complaint="CMP-2026-01",
        outcome="substantiated",
        remedy="撤回整改清单",
        feedback_text="情况属实, 清单已撤回",
    )
    assert rules(answer) == ["CMP-V3"]
    await year.send(
        "Chunhe",
        "complaints/give-complaint-feedback",
        complaint="CMP-2026-01",
        satisfied=True,
        entity=CHUNHE,
    )
    await the_findings_are_closed(year)


async def the_findings_are_closed(year: Year) -> None:
    """By the bureau, never by the unit that they are about."""
    year.until("2026-05-29")
    found = await year.findings(unit="EMB")
    await triaged(year, [one for one in found if one["rule_id"] == "CMP-V3"])
    await year.refused(
        "SUP-R4",
        "EMB head",
        "supervision/close-finding",
        finding_id=found[0]["finding"],
        conclusion="已整改",
    )
    for one in found:
        name = one["finding"]
        await year.send(
            "JB", "supervision/accept-rectification", finding_id=name, note="清单已撤回"
        )
        await year.send("JB", "supervision/close-finding", finding_id=name, conclusion="已整改")
    assert {one["state"] for one in await year.findings(unit="EMB")} == {"closed"}


async def triaged(year: Year, found: list[dict[str, Any]], who: str = "JB") -> None:
    """A supervisor reads each finding and says how it goes on."""
    for one in found:
        await year.send(
            who, "supervision/triage-finding", finding_id=one["finding"], assessment="责令说明"
        )


# May and June: the penalty


def the_case(year: Year) -> dict[str, Any]:
    """The body of the case about what was found on 04-22."""
    conduct = {
        "violation_code": EXPIRED_FOOD,
        "act": "货架上有超过保质期的食品",
        "first_on": "2026-04-22",
        "last_on": "2026-04-22",
    }
    found = {"task": "T-DRAW-2026-04-0084G", "matter": "M-101"}
    return year.case("CASE-2026-01", CHUNHE, conduct=conduct, **found)


async def a_case_is_opened_and_told(year: Year) -> None:
    """What is intended, on what facts, and that a hearing may be asked for."""
    year.until("2026-06-01")
    await year.send("MRB head", "penalties/file-case", **the_case(year))
    for evidence, title in (("EV-1", "现场检查笔录与照片"), ("EV-2", "召回公告与台账")):
        await year.send(
            "MRB officer",
            "penalties/add-evidence",
            evidence=evidence,
            case="CASE-2026-01",
            kind="documentary",
            title=title,
        )
    await year.given_steps("CASE-2026-01", "initiate", "investigate")
    await year.send(
        "MRB officer",
        "penalties/serve-prior-notice",
        **year.notice("CASE-2026-01", TOLD_FINE, hearing_right=True),
    )
    deadline = await year.deadline("penalty.hearing.request", about="case:CASE-2026-01")
    assert deadline["due_on"] == "2026-06-08"
    await year.refused("PEN-R1", "MRB head", "penalties/decide-penalty", **the_decision(year))


async def a_hearing_is_held(year: Year) -> None:
    """It asks for one, and has seven working days to prepare, a festival not counted."""
    year.until("2026-06-05")
    await year.send("Chunhe", "penalties/request-hearing", case="CASE-2026-01", entity=CHUNHE)
    await year.send(
        "MRB officer",
        "penalties/hear-statement",
        case="CASE-2026-01",
        statement="已主动召回全部产品",
        examined="召回属实",
        adopted=True,
    )
    year.until("2026-06-10")
    hearing = {"case": "CASE-2026-01", "place": "二楼会议室", "host": "LEGAL-2"}
    announce = "penalties/announce-hearing"
    # Seven working days after Wednesday 06-10; Friday 06-19 is the Dragon Boat Festival.
    await year.refused("PEN-R1", "MRB legal", announce, **hearing, hearing_on="2026-06-22")
    await year.send("MRB legal", announce, **hearing, hearing_on="2026-06-23")
    year.until("2026-06-23")
    await year.send(
        "MRB second legal",
        "penalties/hold-hearing",
        case="CASE-2026-01",
        host="LEGAL-2",
        record_digest=DIGEST,
    )


async def the_list_of_leniency_is_read(year: Year) -> None:
    """The most favourable item comes first; it fails for a reason; only then the next applies."""
    year.until("2026-06-24")
    lenient = {
        "case": "CASE-2026-01",
        "item": "LN-034",
        "list_version": 1,
        "conditions": [{"condition": "recalled", "evidence": "EV-2"}],
    }
    apply = "leniency/apply-leniency"
    problem = await year.refused("FLX-R1", "MRB head", apply, **lenient)
    assert "EX-034" in problem["detail"]
    exempt = {**lenient, "item": "EX-034", "conditions": []}
    await year.refused("FLX-R2", "MRB head", apply, **exempt)
    passed = {
        "item": "EX-034",
        "list_version": 1,
        "condition": "no-harm",
        "reason": "两名消费者就医",
    }
    await year.send("MRB head", apply, **lenient, passed_over=[passed])


async def the_fine_is_reviewed_and_decided(year: Year) -> None:
    """By a lawyer who has no part in it, by the heads together, and then by the head."""
    year.until("2026-06-25")
    await year.refused("LRV-R1", "MRB head", "penalties/decide-penalty", **the_decision(year))
    await year.send(
        "MRB investigator",
        "legalreview/request-legal-review",
        case="CASE-2026-01",
        triggers=["major_rights_after_hearing", "unit_list"],
        draft_ref="草案 1",
        types=["fine"],
        fine_fen=FINE,
    )
    year.until("2026-06-29")
    await year.send(
        "MRB legal",
        "legalreview/conclude-legal-review",
        case="CASE-2026-01",
        opinion="approve",
    )
    await year.given_steps("CASE-2026-01", "review")
    await year.refused("LRV-R3", "MRB head", "penalties/decide-penalty", **the_decision(year))
    await year.send(
        "MRB head",
        "penalties/hold-collective-discussion",
        case="CASE-2026-01",
        participants=["HEAD-MRB", "OFFICE-MRB"],
        minutes_ref="会议纪要〔2026〕6号",
        conclusion="同意从轻",
    )
    answer = await year.send("MRB head", "penalties/decide-penalty", **the_decision(year))
    decided = answer["events"][0]["body"]
    assert types(answer) == ["penalties.penalty-decided"], "like cases, like outcomes"
    assert (decided["leniency"], decided["fine_fen"]) == ("lenient", FINE)
    await year.given_steps("CASE-2026-01", "decide")


def the_decision(year: Year) -> dict[str, Any]:
    return year.decision("DEC-2026-01", "CASE-2026-01", CHUNHE, fine_fen=FINE, tier="一般")


async def decision_and_repair_notice_come_together(year: Year) -> None:
    """两书同达; the public reads the decision within seven working days."""
    year.until("2026-06-30")
    serve = {"decision": "DEC-2026-01"}
    await year.refused(
        "PEN-R6", "MRB officer", "penalties/serve-penalty", **serve, repair_notice=False
    )
    await year.refused(
        "PUB-R2", "MRB head", "penalties/publish-decision", **serve, summary="罚款十二万元"
    )
    await year.send("MRB officer", "penalties/serve-penalty", **serve, repair_notice=True)
    await year.given_steps("CASE-2026-01", "serve")
    deadline = await year.deadline("publicity.penalty_wd", about="decision:DEC-2026-01")
    assert deadline["due_on"] == "2026-07-08"
    year.until("2026-07-02")
    await year.send(
        "MRB head",
        "penalties/publish-decision",
        **serve,
        summary="经营超过保质期的食品, 罚款十二万元",
    )
    public = await year.get("public", "/v1/decisions/DEC-2026-01")
    assert (public["entity"], public["published_on"]) == (CHUNHE, "2026-07-02")
    owed = await year.get("Chunhe", "/v1/decisions/DEC-2026-01/payment")
    assert (owed["outstanding_fen"], owed["pay_by"]) == (FINE, "2026-07-15")


async def the_penalty_stands_on_the_record(year: Year) -> None:
    """The bank reads it, a measure rests on it, and the grade falls to C."""
    # The amount is typed wrong, and that is a chapter of its own.
    answer = await year.send(
        "MRB head",
        "credit/enter-credit-record",
        record="CR-2026-01",
        entity=CHUNHE,
        unit="MRB",
        kind="penalty",
        determined_on="2026-06-29",
        title=TITLE_TYPED,
        public=True,
        severity="general",
        amount_fen=FINE,
        decision="DEC-2026-01",
        instrument={
            "kind": "penalty_decision",
            "doc_no": the_decision(year)["doc_no"],
            "effective_on": "2026-06-29",
        },
    )
    assert types(answer) == ["credit.credit-record-entered"]
    answer = await year.send(
        "MRB head",
        "credit/start-publicity",
        record="CR-2026-01",
        channels=["credit_china", "unit_site"],
    )
    assert types(answer) == ["credit.publicity-started", "sharing.record-shared"]
    started = answer["events"][0]["body"]
    assert (started["min_until"], started["max_until"]) == ("2026-09-29", "2027-06-29")
    await year.send("EDB", "grading/recompute-grade", entity=CHUNHE)
    assert await grade(year) == "C"
    await year.send(
        "MRB head",
        "dishonesty/apply-sanction",
        sanction="SAN-2026-01",
        entity=CHUNHE,
        unit="MRB",
        record="CR-2026-01",
        measure="closer-look",
    )
    year.until("2026-07-10")
    await year.send(
        "MRB officer",
        "penalties/record-payment",
        decision="DEC-2026-01",
        receipt_no="缴 1",
        amount_fen=FINE,
    )
    await year.given_steps("CASE-2026-01", "execute")
    await year.send(
        "MRB officer",
        "penalties/close-case",
        case="CASE-2026-01",
        reason="executed",
        conclusion="罚款已缴清",
    )
    await year.send(
        "MRB legal", "process/archive-case", case="CASE-2026-01", archive_no="档1", digest=DIGEST
    )
    record = await year.get("MRB head", "/v1/process-records/CASE-2026-01")
    assert (record["missing"], record["archive_no"]) == ([], "档1")


# July: help, and a visit together


async def chunhe_is_put_under_key_supervision(year: Year) -> None:
    """A tool against risk and no dishonesty: guidance, then somebody who looks how it goes."""
    year.until("2026-07-13")
    await year.send(
        "MRB head",
        "keylist/list-key-matter",
        domain="food_drug",
        matter="M-101",
        unit="MRB",
        procedure_ref="兰新市监规〔2026〕1号",
        risk_assessment="RA-2026-01",
        expires_on="2027-07-12",
    )
    designation = {
        "designation": "KEY-2026-01",
        "entity": CHUNHE,
        "unit": "MRB",
        "matters": ["M-101"],
        "reason": "过期食品未及时下架",
        "tracking_officer": "OFF-003",
        "guidance_plan": "一企一策 1",
        "review_on": "2026-10-15",
    }
    await year.refused("KEY-R4", "MRB head", "keylist/designate-key-unit", **designation)
    told = {"notice_no": "兰新市监告〔2026〕9号", "notified_on": "2026-07-13"}
    await year.send("MRB head", "keylist/designate-key-unit", **designation, **told)
    await year.send(
        "MRB officer",
        "keylist/provide-guidance",
        designation="KEY-2026-01",
        subject="保质期台账与下架流程",
    )
    before = await year.get("public", PROFILE)
    assert "key" not in str(before), "nothing of it is on the profile"


async def two_units_come_in_one_visit(year: Year) -> None:
    """进一次门、查多项事: two units, one arrival, one form, a result for each, one visit."""
    year.until("2026-07-14")
    await year.send(
        "MRB head",
        "joint/plan-joint",
        joint="JNT-2026-01",
        unit="MRB",
        entity=CHUNHE,
        participants=[
            {"unit": "MRB", "matters": ["M-101"]},
            {"unit": "EMB", "matters": ["M-301"]},
        ],
        modes=["regular", "by_list", "one_form"],
        window_from="2026-07-20",
        window_to="2026-07-24",
        calendar="JC-2026",
        joint_list="JL-2026",
        unified_form="UF-7",
    )
    await year.send("EMB head", "joint/accept-join", joint="JNT-2026-01", unit="EMB")
    for unit, matter, officers in PARTS:
        await year.send(
            f"{unit} head",
            "filing/approve-task",
            **year.task(
                f"T-JNT-{unit}",
                CHUNHE,
                "2026-07-21",
                unit=unit,
                matters=[matter],
                officers=officers,
                joint="JNT-2026-01",
            ),
        )
    await they_come_and_leave_together(year)
    joint = await year.get("Chunhe", "/v1/joints/JNT-2026-01")
    assert joint["results"] == {"MRB": "no_issue", "EMB": "no_issue"}
    account = await year.get("Chunhe", f"/v1/entities/{CHUNHE}/burden")
    assert (account["visits"], account["joint_visits"]) == (2, 1)
    await a_suspicion_is_set_aside(year)


PARTS = (("MRB", "M-101", ["OFF-003", "OFF-004"]), ("EMB", "M-301", ["OFF-011", "OFF-012"]))


async def they_come_and_leave_together(year: Year) -> None:
    year.until("2026-07-21")
    for unit, _, officers in PARTS:
        who, task = f"{unit} head", f"T-JNT-{unit}"
        letter = "A" if unit == "MRB" else "B"
        shown = [f"甘{letter}-{officer[-3:]}" for officer in officers]
        opening = year.opening(task, officers=officers, certs_shown=shown)
        await year.send(who, "filing/issue-inspection-notice", task=task, notice_no=f"N-{task}")
        await year.send(who, "filing/scan-entry", task=task, act_code="AC-JNT-1", device="D-1")
        await year.send(who, "filing/open-inspection", **opening)
    year.until("2026-07-21 10:30")
    for unit, _, _ in PARTS:
        who, task = f"{unit} head", f"T-JNT-{unit}"
        signed = {"record_digest": DIGEST, "entity_signature": "店长"}
        await year.send(who, "filing/sign-on-site-record", task=task, **signed)
        await year.send(who, "filing/close-inspection", task=task)
        await year.send(who, "filing/conclude-inspection", task=task, result="no_issue")
    answer = await year.send(
        "MRB head",
        "joint/record-joint-visit",
        joint="JNT-2026-01",
        matters_checked=["M-101", "M-301"],
        record_digest=DIGEST,
    )
    assert rules(answer) == []
    await year.send(
        "MRB officer",
        "keylist/log-tracking-visit",
        designation="KEY-2026-01",
        officers=["OFF-003"],
        summary="下架流程已建立",
        task="T-JNT-MRB",
    )
    year.until("2026-07-22")
    for unit, _, _ in PARTS:
        await year.reports_result(f"T-JNT-{unit}", f"{unit} head")


async def a_suspicion_is_set_aside(year: Year) -> None:
    """EMB was complained of ten weeks before. The clock says so; two supervisors look."""
    [found] = await year.findings(rule_id="CMP-V1")
    assert (found["unit"], found["facts"]["days"]) == ("EMB", 68)
    await triaged(year, [found], who="JB second")
    dismissal = {
        "finding_id": found["finding"],
        "reason": "1月公布的联合检查日历内, 由市场监管局牵头",
    }
    request = await year.request("JB", "supervision/dismiss-finding", **dismissal)
    await year.refused("SUP-R3", "JB", "approvals/approve-request", approval=request)
    await year.send("JB second", "approvals/approve-request", approval=request)


# July to September: two ways to say no


async def the_reconsideration_organ_maintains_the_fine(year: Year) -> None:
    """Applied for, accepted, answered and decided in time; the penalty stands."""
    year.until("2026-08-03")
    await year.send(
        "Chunhe",
        "reconsideration/apply-for-reconsideration",
        recon="RCN-2026-01",
        decision="DEC-2026-01",
        organ="RECON",
        known_on="2026-06-30",
        grounds="裁量过重",
        entity=CHUNHE,
    )
    year.until("2026-08-05")
    await year.send("RECON", "reconsideration/accept-application", recon="RCN-2026-01")
    await year.send("RECON", "reconsideration/send-copy", recon="RCN-2026-01")
    deadline = await year.deadline("recon.ordinary.decide", about="recon:RCN-2026-01")
    assert deadline["due_on"] == "2026-10-08", "the sixtieth day, 10-04, is a holiday"
    year.until("2026-08-12")
    await year.send(
        "MRB legal",
        "reconsideration/submit-reply",
        recon="RCN-2026-01",
        reply="已从轻, 在裁量基准之内",
        evidence=[{"name": "听证笔录", "gathered_on": "2026-06-23"}],
    )
    year.until("2026-09-02")
    answer = await year.send(
        "RECON",
        "reconsideration/decide-case",
        recon="RCN-2026-01",
        outcome="maintain",
        instrument="兰新复决〔2026〕8号",
        reasons="事实清楚, 裁量适当",
    )
    assert types(answer) == ["reconsideration.recon-decided"], "nothing that rests on it ends"
    await year.send("RECON", "reconsideration/serve-recon-decision", recon="RCN-2026-01")


async def a_typing_error_is_objected_to(year: Year) -> None:
    """The record says what was first intended, not what was decided; both are remembered."""
    year.until("2026-09-04")
    await year.send(
        "Chunhe",
        "credit/file-objection",
        record="CR-2026-01",
        entity=CHUNHE,
        grounds="公示标题与决定书不一致",
        evidence_refs=["DEC-2026-01"],
    )
    trail = await year.get("JB", "/v1/records/CR-2026-01/trail")
    [entered] = [one for one in trail["entries"] if one["type"] == "credit.credit-record-entered"]
    change = {"path": "/body/title", "old": TITLE_TYPED, "new": TITLE}
    correction = {
        "target_position": entered["position"],
        "field_changes": [change],
        "reason": "录入错误",
    }
    request = await year.request("MRB officer", "corrections/correct-record", **correction)
    await year.refused("GEN-R1", "MRB officer", "approvals/approve-request", approval=request)
    await year.send("MRB head", "approvals/approve-request", approval=request)
    await year.send(
        "MRB head",
        "credit/resolve-objection",
        record="CR-2026-01",
        outcome="partly_upheld",
        explanation="标题已更正, 记录继续公示",
    )
    [shown] = [r for r in (await year.get("public", PROFILE))["records"] if r["kind"] == "penalty"]
    assert (shown["title"], shown["amount_fen"]) == (TITLE, FINE)


# September and October: the way back


async def repair_takes_its_time(year: Year) -> None:
    """Not a day before three months are over; then handed on, accepted and granted in time."""
    year.until("2026-09-28")
    await year.send(
        "Chunhe",
        "commitments/make-commitment",
        commitment="CMT-2026-002",
        entity=CHUNHE,
        unit="MRB",
        type="repair",
        text_hash=DIGEST,
        obligations=[{"obligation": "自查", "due_on": "2026-12-18", "says": "每月自查保质期"}],
        public=True,
    )
    application = {
        "repair": "REP-2026-01",
        "entity": CHUNHE,
        "records": ["CR-2026-01"],
        "channel": "credit_china",
        "commitment": "CMT-2026-002",
        "proofs": [
            {"shows": "conduct_corrected", "ref": "整改报告"},
            {"shows": "obligations_performed", "ref": "缴 1"},
        ],
    }
    problem = await year.refused("REP-R1", "Chunhe", "repair/apply-repair", **application)
    assert problem["details"]["earliest"] == "2026-09-30"
    year.until("2026-09-30")
    # The inspection ended with an order to correct: no paper shows that it was met.
    problem = await year.refused("REP-R2", "Chunhe", "repair/apply-repair", **application)
    assert problem["details"]["missing"] == "conduct_corrected"
    await year.send(
        "MRB head",
        "repair/record-duties-performed",
        record="CR-2026-01",
        duty="conduct_corrected",
        performed_on="2026-09-29",
        evidence=["复查记录"],
    )
    await year.send("Chunhe", "repair/apply-repair", **application)
    await year.send("EDB", "repair/forward-repair", repair="REP-2026-01", to_unit="MRB")
    deadline = await year.deadline("repair.accept_wd", about="repair:REP-2026-01")
    assert deadline["due_on"] == "2026-10-10", "a Saturday, and a working day"
    year.until("2026-10-09")
    await year.send("MRB legal", "repair/accept-repair", repair="REP-2026-01")


async def everything_that_rested_on_the_record_ends(year: Year) -> None:
    """In one append: publicity, sharing, the measure, the grade. The bank confirms the next day."""
    year.until("2026-10-12")
    answer = await year.send(
        "MRB head",
        "repair/grant-repair",
        repair="REP-2026-01",
        verified=["conduct_corrected", "obligations_performed"],
        verification="现场核查, 缴款系统核对",
    )
    assert types(answer) == [
        "repair.repair-granted",
        "credit.publicity-terminated",
        "sharing.removal-notified",
        "dishonesty.sanction-lifted",
        "grading.credit-grade-assigned",
    ]
    assert await grade(year) == "A"
    assert "CR-2026-01" not in str(await year.get("public", PROFILE))
    year.until("2026-10-13")
    removal = answer["events"][2]["body"]["removal"]
    await year.send("BANK", "sharing/acknowledge-removal", removal=removal, removed_on="2026-10-13")
    for target in ("credit_china", "unit_site"):
        await year.send(
            "MRB head",
            "repair/synchronise-repair",
            repair="REP-2026-01",
            target=target,
            acked_on="2026-10-13",
        )
    assert (await year.get("EDB", "/v1/sharing/subscriptions", owing="true"))["items"] == []
    await year.send(
        "MRB head",
        "keylist/review-key-designation",
        designation="KEY-2026-01",
        outcome="remove",
        grounds="风险已消除",
    )


async def a_third_visit_is_one_too_many(year: Year) -> None:
    """With an A the cap is one, and MRB has used two. Keeping faith is rewarded instead."""
    year.until("2026-10-14")
    problem = await year.refused(
        "SUP-R1", "MRB head", "filing/approve-task", **year.task("T-4", CHUNHE, "2026-10-19")
    )
    assert (problem["details"]["grade"], problem["details"]["cap"]) == ("A", 1)
    assert problem["details"]["used"] == 2
    await year.send(
        "MRB head",
        "filing/record-off-site-check",
        unit="MRB",
        entity=CHUNHE,
        matters=["M-101"],
        means=["shared_data"],
        result="no_issue",
    )
    incentive = {
        "incentive": "INC-2026-01",
        "entity": CHUNHE,
        "unit": "MRB",
        "measure": "fast-lane",
    }
    await year.send(
        "MRB head",
        "dishonesty/promise-incentive",
        **incentive,
        ground="信用等级为A",
        apply_by="2026-11-13",
    )
    year.until("2026-11-02")
    await year.send("MRB head", "dishonesty/grant-incentive", **incentive, until="2027-10-31")


# December: the year's end


async def a_licence_is_renewed_across_the_year(year: Year) -> None:
    """Its day of publicity falls into a year without a calendar; then the calendar comes."""
    year.until("2026-12-16")
    answer = await year.send(
        "MRB head",
        "commitments/fulfil-commitment",
        commitment="CMT-2026-002",
        obligation="自查",
        evidence=["自查记录"],
    )
    kept = answer["events"][1]["body"]["record"]
    await year.send("MRB head", "credit/start-publicity", record=kept, channels=["credit_china"])
    year.until("2026-12-28")
    await year.send(
        "MRB head",
        "publicity/decide-act",
        decision="LIC-2026-01",
        unit="MRB",
        matter="M-401",
        doc_no="SC10162010000001",
        entity=CHUNHE,
    )
    await year.send("MRB officer", "publicity/serve-act", decision="LIC-2026-01")
    about = {"about": "decision:LIC-2026-01"}
    deadline = await year.deadline("publicity.penalty_wd.licence", **about)
    assert (deadline["due_on"], deadline["provisional"]) == ("2027-01-07", True)
    year.until("2026-12-30")
    await year.send("JB", "policies/publish-working-calendar", **CALENDAR_2027)
    year.until("2026-12-31")
    deadline = await year.deadline("publicity.penalty_wd.licence", **about)
    assert (deadline["due_on"], deadline["provisional"]) == ("2027-01-08", False)
    assert ("2026-12-31", "DeadlineRecomputed", "publicity.penalty_wd.licence") in year.nights


async def the_year_ends(year: Year) -> None:
    """The licence is public, observation is over, the draw is held against its promise."""
    year.until("2027-01-05")
    await year.send(
        "MRB head", "publicity/publish-act", decision="LIC-2026-01", summary="食品生产许可延续"
    )
    year.until("2027-01-08")
    assert year.happened("DrawReviewed") == ["2027-01-01"]
    assert year.happened("ObservationExpired") == ["2027-01-06"]
    assert year.happened("AnnualStatsFellDue") == ["2027-01-01"] * 3, "one for each unit"


# What can be asked at the end


async def this_is_what_the_profile_says(year: Year) -> None:
    """To everybody; to the business; to the authorities, on any day of the year."""
    assert await on_the_record(year, "public") == [
        "commitment",
        "inspection_result",
        "inspection_result",
        "inspection_result",
        "commitment",
    ]
    assert await on_the_record(year, "Chunhe") == [
        "commitment",
        "inspection_result",
        "penalty",
        "inspection_result",
        "inspection_result",
        "commitment",
    ]
    own = await year.get("Chunhe", PROFILE)
    assert own["records_ended"] == {"repaired": 1}
    [mrb] = [caps for caps in own["caps"] if caps["unit"] == "MRB"]
    assert (mrb["used"], mrb["cap"], mrb["left"]) == (2, 1, 0)
    assert (own["burden"]["visits"], own["burden"]["joint_visits"]) == (2, 1)
    assert [one["incentive"] for one in own["incentives"]] == ["INC-2026-01"]
    assert own["sanctions"] == own["key_designations"] == []
    for day, then in (
        ("2026-02-25", "B"),
        ("2026-02-26", "A"),
        ("2026-07-02", "C"),
        ("2026-10-11", "C"),
        ("2026-10-12", "A"),
    ):
        assert (await year.get("EDB", PROFILE, valid_as_of=day))["grade"] == then, day
    # What was known in July of July, and what is known now of it: the title was typed wrong.
    for known, title in (("2026-07-31T09:00:00+08:00", TITLE_TYPED), (None, TITLE)):
        query = {} if known is None else {"known_as_of": known}
        then = await year.get("EDB", PROFILE, valid_as_of="2026-07-31", **query)
        [penalty] = [record for record in then["records"] if record["kind"] == "penalty"]
        assert penalty["title"] == title


async def this_is_how_it_came_to_be(year: Year) -> None:
    """Replay and trail tell the same story, with the law and the policy of each day."""
    replay = await year.get("JB", f"/v1/entities/{CHUNHE}/replay")
    told = [step["type"] for step in replay["steps"]]
    grades = [(one["assessed_on"], one["grade"]) for one in replay["profile"]["grades"]]
    assert grades == [
        ("2026-01-05", "B"),
        ("2026-03-01", "A"),
        ("2026-07-02", "C"),
        ("2026-10-12", "A"),
        ("2027-01-01", "A"),  # the same, from a second promise that was kept
    ]
    assert told.count("grading.credit-grade-assigned") == len(grades)
    assert replay["profile"] == await year.get("JB", PROFILE)
    without = await year.get("JB", f"/v1/entities/{CHUNHE}/replay", without="CR-2026-01")
    assert [r["record"] for r in without["profile"]["records"] if r["kind"] == "penalty"] == []

    entries = await the_whole_trail(year)
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(set(positions))
    assert {step["position"] for step in replay["steps"]} <= set(positions)
    steps = [entry["type"] for entry in entries]
    order = (
        "entities.entity-registered",
        "draws.draw-target-selected",
        "filing.on-site-inspection-opened",
        "complaints.complainant-named",
        "penalties.penalty-decided",
        "joint.joint-visit-held",
        "reconsideration.recon-decided",
        "corrections.record-corrected",
        "repair.repair-granted",
        "publicity.act-published",
        "observation.observation-expired",
    )
    places = [steps.index(step) for step in order]
    assert places == sorted(places)
    [started] = [e for e in entries if e["type"] == "credit.publicity-started"
                 and e["body"]["record"] == "CR-2026-01"]  # fmt: skip
    assert started["policy_refs"]["dishonesty.regime"] == 3
    graph = await year.get("JB", "/v1/decisions/DEC-2026-01/impact")
    assert {item["kind"] for item in graph["items"]} >= {"decision", "record", "grade", "sanction"}


async def the_whole_trail(year: Year) -> list[dict[str, Any]]:
    """Its trail, page by page."""
    page = await year.get("JB", f"/v1/entities/{CHUNHE}/trail", limit=100)
    entries: list[dict[str, Any]] = page["entries"]
    while after := page.get("next_after"):
        page = await year.get("JB", f"/v1/entities/{CHUNHE}/trail", limit=100, after=after)
        entries += page["entries"]
    return entries


async def this_is_what_supervisors_see(year: Year) -> None:
    """The findings and how each ended; no deadline that somebody still owes and is late with."""
    found = await year.whole("JB", "/v1/findings")
    assert sorted((one["rule_id"], one["state"]) for one in found) == [
        *[("CFR-V2", "raised")] * 3,  # of each unit: nobody has reviewed its files for a year
        ("CMP-V1", "dismissed"),
        ("CMP-V3", "closed"),
        ("FIL-V1", "closed"),
        ("FIL-V3", "closed"),
        ("FIL-V5", "closed"),
    ]
    deadlines = await year.whole("JB", "/v1/deadlines", entity=CHUNHE)
    states = {state: {d["rule"] for d in deadlines if d["state"] == state}
              for state in ("open", "missed", "lapsed")}  # fmt: skip
    assert states == {
        "open": {"dishonesty.incentive.until"},
        "missed": {"observation.soft_measure"},
        "lapsed": {"observation.end"},
    }
    assert not any(one.get("days_late") for one in deadlines), "nothing was done late"
    # What is refused about a visit that is planned is read by those who may know of it.
    refusals = (await year.get("JB", "/v1/access", kind="refusal", limit=500))["items"]
    told = [one["body"]["rule"] for one in refusals]
    assert told[0] == "DRW-R1"
    assert told[-1] == "SUP-R1"


async def everybody_has_heard_everything_once(year: Year) -> None:
    """The feed has no gaps and no duplicates; a partner hears its part, and no more."""
    head = year.recorder.head()
    heard = await year.everything("JB")
    assert [event["position"] for event in heard] == list(range(1, head + 1))
    assert len({event["id"] for event in heard}) == head
    # The other story is that of a unit: files that are reviewed, reports and assessment.
    assert systems_of(heard) == SYSTEMS_OF_A_BUSINESS
    bank = [event for event in await year.everything("BANK") if "CR-2026-01" in str(event["data"])]
    assert [event["type"] for event in bank] == HEARD_BY_A_PARTNER
    log = year.service.keeper
    assert log.wait_for(head, 60) is not None
    proof = await year.client.get(f"/v1/events/{head}/proof", headers=bearer(year, "JB"))
    assert (await proof.text()).startswith("c2sp.org/tlog-proof@v1")


SYSTEMS_OF_A_BUSINESS = {
    "approvals", "catalogue", "commitments", "complaints", "corrections", "credit", "deadlines",
    "dishonesty", "draws", "entities", "filing", "grading", "joint", "keylist", "legalreview",
    "leniency", "observation", "penalties", "persons", "policies", "process", "publicity",
    "reconsideration", "repair", "sharing", "supervision",
}  # fmt: skip
HEARD_BY_A_PARTNER = [
    "credit.credit-record-entered",
    "credit.publicity-started",
    "credit.publicity-terminated",
    "sharing.removal-notified",
]


def bearer(year: Year, who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {year.tokens[who]}"}


async def on_the_record(year: Year, who: str) -> list[str]:
    """The kinds of the records that somebody sees, by the day they were determined on."""
    records = (await year.get(who, PROFILE))["records"]
    return [one["kind"] for one in sorted(records, key=lambda one: one["determined_on"])]


async def grade(year: Year) -> str:
    """Its grade today."""
    return str((await year.get("EDB", PROFILE))["grade"])

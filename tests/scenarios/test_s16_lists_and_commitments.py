"""S16: serious lists, sanctions and commitments, from the notice to what the public reads."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.opening import LEDGER_CLOCK
from ledger.systems.credit.events import PublicityTerminated
from tests.cast import E_A, E_B, E_C
from tests.gwt import Record
from tests.scenarios.world import World, types

LAW = {"instrument": "中华人民共和国食品安全法", "article": "113"}
LISTED = {"kind": "list_decision", "doc_no": "兰新市监失〔2026〕3号", "effective_on": "2026-05-19"}


def notice(determination: str = "DET-1", **changed: Any) -> dict[str, Any]:
    """The body of a notice to E-C that it is to be put on the list."""
    return {
        "determination": determination,
        "entity": E_C,
        "unit": "MRB",
        "notice_no": f"告〔2026〕{determination}",
        "facts": "使用非食品原料生产食品",
        "ground": "licence_revocation",
        "severity": "serious",
        "basis": [LAW],
        "defence_until": "2026-05-18",
        "sector": "food",
        "list_field": "food_drug",
        **changed,
    }


def listing(**changed: Any) -> dict[str, Any]:
    return {
        "determination": "DET-1",
        "record": "CR-LIST",
        "instrument": LISTED,
        "reason": "吊销许可证",
        **changed,
    }


def decision(**changed: Any) -> dict[str, Any]:
    return {
        "determination": "DET-1",
        "severity": "serious",
        "instrument": LISTED,
        "basis": [LAW],
        **changed,
    }


def commitment(name: str, *, public: bool, entity: str = E_B) -> dict[str, Any]:
    return {
        "commitment": name,
        "entity": entity,
        "unit": "MRB",
        "type": "approval_substitute",
        "text_hash": "ab" * 32,
        "obligations": [
            {"obligation": "O-1", "due_on": "2026-06-30", "says": "补齐场所证明"},
            {"obligation": "O-2", "due_on": "2026-07-31"},
        ],
        "public": public,
    }


async def given_list(world: World) -> None:
    """The criteria of the list, before the public from 2026-03-01 and in force from 04-01."""
    world.at("2026-03-01")
    criteria = {
        "name": "食品药品严重失信主体名单",
        "basis": {"level": "law", **LAW},
        "criteria": ["因食品安全违法被吊销许可证"],
    }
    await world.send(
        "EDB",
        "dishonesty/propose-list-criteria",
        list_field="food_drug",
        unit="EDB",
        proposal=criteria,
        url="https://example.org/criteria",
    )
    body = {"list_field": "food_drug", "version": 1}
    world.at("2026-03-31 23:00")
    refused = await world.refused("DIS-R2", "EDB", "dishonesty/publish-list-criteria", **body)
    assert (refused["policy_key"], refused["policy_version"]) == ("serious_list.consultation", 1)
    world.at("2026-04-01 00:30")
    await world.send("EDB", "dishonesty/publish-list-criteria", **body)


async def given_catalogue(world: World) -> None:
    """One sanction, for serious information and three years at most."""
    await world.send(
        "EDB",
        "dishonesty/publish-measure-catalogue",
        unit="EDB",
        source={"instrument": "全国失信惩戒措施基础清单"},
        items=[
            {
                "measure": "no-tenders",
                "kind": "sanction",
                "says": "限制参加政府采购活动",
                "basis": [{"instrument": "中华人民共和国政府采购法", "article": "77"}],
                "from_severity": "serious",
                "max_months": 36,
            }
        ],
    )


async def answer(world: World, who: str, path: str) -> Any:
    """What somebody is answered: the document, or the status where it is no success."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    response = await world.client.get(
        path, headers=headers, params={"at_least": str(world.recorder.head())}
    )
    return await response.json() if response.status == 200 else response.status


async def keys(world: World, who: str, path: str, key: str) -> Any:
    """The ids of a list as somebody sees it; the status where it may not be read."""
    found = await answer(world, who, path)
    return found if isinstance(found, int) else [item[key] for item in found["items"]]


async def test_s16_serious_list_and_sanction(world: World) -> None:
    """No listing without notice, no sanction beyond the catalogue; all of it ends together."""
    await given_list(world)
    world.at("2026-05-11")
    await world.refused("DIS-R1", "MRB head", "dishonesty/add-to-serious-list", **listing())
    await world.send("MRB officer", "dishonesty/notify-determination", **notice())
    assert (await world.deadline("dishonesty.defence"))["due_on"] == "2026-05-18"
    world.at("2026-05-18 20:00")
    assert world.tick() == []
    await world.refused("DIS-R1", "MRB head", "dishonesty/determine-dishonesty", **decision())
    world.at("2026-05-19 00:30")
    await world.get("JB", "/v1/determinations")
    lapsed = [("DeadlineLapsed", "dishonesty.defence"), ("DefenceLapsed", "")]
    assert [one for one in world.tick() if one[0].endswith("Lapsed")] == lapsed
    world.at("2026-05-19")
    await world.send("MRB head", "dishonesty/determine-dishonesty", **decision())
    listed = await world.send("MRB head", "dishonesty/add-to-serious-list", **listing())
    assert types(listed) == ["dishonesty.serious-list-added", "credit.credit-record-entered"]
    await world.send(
        "MRB head", "credit/start-publicity", record="CR-LIST", channels=["credit_china"]
    )

    sanction = {
        "sanction": "SAN-1",
        "entity": E_C,
        "unit": "EMB",
        "record": "CR-LIST",
        "measure": "no-tenders",
        "until": "2029-05-19",
    }
    await world.refused("DIS-R3", "EMB head", "dishonesty/apply-sanction", **sanction)
    await given_catalogue(world)
    absent = {**sanction, "measure": "close-the-shop"}
    problem = await world.refused("DIS-R3", "EMB head", "dishonesty/apply-sanction", **absent)
    assert "close-the-shop" in problem["detail"]
    longer = {**sanction, "until": "2029-05-20"}
    await world.refused("DIS-R3", "EMB head", "dishonesty/apply-sanction", **longer)
    await world.send("EMB head", "dishonesty/apply-sanction", **sanction)

    # The list and the catalogue are public; the sanction is shared among the authorities.
    on_list = await answer(world, "", "/v1/serious-list/CR-LIST")
    assert (on_list["entity"], on_list["listed_on"]) == (E_C, "2026-05-19")
    assert "determination" not in on_list
    (field,) = (await answer(world, "", "/v1/list-fields"))["items"]
    assert [v["published_on"] for v in field["versions"]] == ["2026-04-01"]
    catalogue = await answer(world, "", "/v1/measure-catalogues/region")
    assert catalogue["versions"][0]["items"][0]["measure"] == "no-tenders"
    for who, expected in (
        ("EMB head", ["SAN-1"]),
        ("EEB head", ["SAN-1"]),
        ("E-C", ["SAN-1"]),
        ("E-B", []),
        ("", 403),
    ):
        assert await keys(world, who, "/v1/sanctions?alive=true", "sanction") == expected, who

    world.at("2027-06-01")
    removed = await world.send(
        "MRB head",
        "dishonesty/remove-from-serious-list",
        record="CR-LIST",
        reason="source_delisted",
    )
    assert types(removed)[:3] == [
        "credit.publicity-terminated",
        "dishonesty.sanction-lifted",
        "dishonesty.serious-list-removed",
    ]
    assert await keys(world, "", "/v1/serious-list", "record") == []
    assert await answer(world, "", "/v1/serious-list/CR-LIST") == 404
    past = await answer(world, "MRB head", "/v1/serious-list/CR-LIST")
    assert (past["removed_on"], past["removed_because"]) == ("2027-06-01", "source_delisted")
    assert await keys(world, "E-C", "/v1/serious-list", "record") == ["CR-LIST"]
    assert await keys(world, "E-B", "/v1/serious-list", "record") == []
    assert await keys(world, "JB", "/v1/sanctions?alive=true", "sanction") == []
    again = {**sanction, "sanction": "SAN-2"}
    problem = await world.refused("DIS-R5", "EMB head", "dishonesty/apply-sanction", **again)
    assert "source_delisted" in problem["detail"]


async def test_s16_a_defence_is_heard_and_seen_by_whom_it_concerns(world: World) -> None:
    """The business answers; what was held of it stands in the determination."""
    world.at("2026-05-11")
    await world.send("MRB officer", "dishonesty/notify-determination", **notice(list_field=None))
    plea = {"determination": "DET-1", "entity": E_C, "statement": "原料由供货商误发"}
    await world.send("E-B", "dishonesty/submit-defence", expect=403, **plea)
    await world.send("E-C", "dishonesty/submit-defence", **plea)
    body = decision(
        instrument={**LISTED, "effective_on": "2026-05-11"},
        record="CR-DET",
        kind="penalty",
        public=True,
    )
    refused = await world.refused("DIS-R1", "MRB head", "dishonesty/determine-dishonesty", **body)
    assert "defence" in refused["detail"]
    heard = {**body, "defence_handling": "供货合同不足以证明"}
    await world.send("MRB head", "dishonesty/determine-dishonesty", **heard)
    own = await answer(world, "E-C", "/v1/determinations/DET-1")
    assert (own["stage"], own["determined"]["defence_handling"]) == (
        "determined",
        "供货合同不足以证明",
    )
    assert [d["statement"] for d in own["defences"]] == ["原料由供货商误发"]
    for who, status in (("E-B", 404), ("EMB head", 404), ("", 403)):
        assert await answer(world, who, "/v1/determinations/DET-1") == status, who
    profile = await world.get("MRB head", f"/v1/entities/{E_C}/profile")
    assert [(r["record"], r["severity"]) for r in profile["records"]] == [("CR-DET", "serious")]


async def test_s16_commitments(world: World) -> None:
    """A breach with evidence and notice enters the profile; a day that passes does not."""
    world.at("2026-05-11")
    await world.send("E-B", "commitments/make-commitment", **commitment("CMT-1", public=True))
    await world.send("MRB head", "commitments/make-commitment", **commitment("CMT-2", public=False))
    breach = {"commitment": "CMT-1", "obligation": "O-1", "record": "CR-BREACH"}
    world.at("2026-07-01")
    await world.get("JB", "/v1/commitments")
    missed = [rule for kind, rule in world.tick() if kind == "DeadlineMissed"]
    assert missed == ["commitments.obligation"] * 2
    assert (await world.get("E-B", f"/v1/entities/{E_B}/profile"))["records"] == []
    world.at("2026-07-20")
    for without in (
        {},
        {"notice_ref": "兰新市监告7号", "notified_on": "2026-07-06"},
        {"evidence": ["核查记录7号"]},
    ):
        await world.refused(
            "CMT-R1", "MRB head", "commitments/establish-breach", **breach, **without
        )
    established = await world.send(
        "MRB head",
        "commitments/establish-breach",
        **breach,
        evidence=["核查记录7号"],
        notice_ref="兰新市监告7号",
        notified_on="2026-07-06",
    )
    assert types(established) == [
        "commitments.commitment-breached",
        "credit.credit-record-entered",
    ]
    for who in ("MRB head", "E-B"):
        profile = await world.get(who, f"/v1/entities/{E_B}/profile")
        assert [(r["record"], r["kind"]) for r in profile["records"]] == [
            ("CR-BREACH", "commitment_breach")
        ]
    assert (await answer(world, "", f"/v1/entities/{E_B}/profile"))["records"] == []

    # The public reads public commitments, whoever is concerned all of the own.
    for who, expected in (
        ("", ["CMT-1"]),
        ("E-B", ["CMT-2", "CMT-1"]),
        ("E-A", ["CMT-1"]),
        ("MRB head", ["CMT-2", "CMT-1"]),
        ("EMB head", ["CMT-1"]),
        ("JB", ["CMT-2", "CMT-1"]),
    ):
        assert await keys(world, who, "/v1/commitments", "commitment") == expected, who
    assert await answer(world, "E-A", "/v1/commitments/CMT-2") == 404
    broken = await answer(world, "", "/v1/commitments/CMT-1")
    assert broken["stage"] == "breached"
    assert [o["breached_on"] for o in broken["obligations"]] == ["2026-07-20", None]
    only = "/v1/commitments?stage=open"
    assert await keys(world, "JB", only, "commitment") == ["CMT-2"]


async def test_dis_v2_a_promise_is_watched(world: World) -> None:
    """DIS-V2 over HTTP: the clock finds it; unit and business see the incentive, others do not."""
    world.at("2026-05-11")
    await world.send(
        "MRB head",
        "dishonesty/promise-incentive",
        incentive="INC-1",
        entity=E_A,
        unit="MRB",
        measure="fast-lane",
        ground="连续两年无不良记录",
        apply_by="2026-06-10",
    )
    world.at("2026-06-11")
    await world.get("JB", "/v1/incentives")
    assert ("FindingRaised", "DIS-V2") in world.tick()
    (found,) = await world.findings(rule_id="DIS-V2")
    assert (found["unit"], found["entity"]) == ("MRB", E_A)
    granted = await world.send(
        "MRB head",
        "dishonesty/grant-incentive",
        incentive="INC-1",
        entity=E_A,
        unit="MRB",
        measure="fast-lane",
    )
    assert granted["events"][0]["body"]["days_late"] == 1
    for who, expected in (("E-A", ["INC-1"]), ("EMB head", ["INC-1"]), ("E-B", []), ("", 403)):
        assert await keys(world, who, "/v1/incentives?stage=granted", "incentive") == expected, who


async def test_dis_v1_is_watched(world: World) -> None:
    """DIS-V1: what a register has ended, its import does not lift; the clock does, once."""
    world.at("2026-05-11")
    await given_catalogue(world)
    await world.send(
        "EDB",
        "credit/enter-credit-record",
        record="CR-1",
        entity=E_C,
        unit="MRB",
        kind="serious_list",
        severity="serious",
        title="严重违法失信名单",
        determined_on="2026-05-01",
        public=True,
        instrument={"kind": "list_decision", "doc_no": "1号", "effective_on": "2026-05-01"},
        source_ref="信用中国 778",
    )
    await world.send(
        "EMB head",
        "dishonesty/apply-sanction",
        sanction="SAN-1",
        entity=E_C,
        unit="EMB",
        record="CR-1",
        measure="no-tenders",
        until="2029-05-11",
    )
    await world.get("JB", "/v1/sanctions")
    assert "DIS-V1" not in [rule for _, rule in world.tick()]
    ended = PublicityTerminated(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        reason="source_delisted",
        terminated_on=date(2026, 5, 11),
    )
    world.service.ledger.execute(Record(facts=(ended,)), LEDGER_CLOCK)
    await world.get("JB", "/v1/sanctions")
    assert world.tick() == [("SanctionLifted", ""), ("FindingRaised", "DIS-V1")]
    await world.get("JB", "/v1/sanctions")
    assert world.tick() == []
    lifted = await world.get("E-C", "/v1/sanctions/SAN-1")
    assert lifted["lifted"]["reason"] == "removed"
    (found,) = await world.findings(rule_id="DIS-V1")
    assert (found["unit"], found["facts"]["sanction"]) == ("EMB", "SAN-1")


async def test_grades_are_recomputed_by_the_month(world: World) -> None:
    """2.4d: the clock grades a business that nobody grades elsewhere, and says it once."""
    entity = "91620100MA7LX0017J"
    world.at("2026-05-11")
    await world.send("EDB", "entities/register-entity", entity=entity, identity={"name": "新店"})
    penalty = {
        "unit": "MRB",
        "kind": "penalty",
        "severity": "serious",
        "title": "行政处罚",
        "determined_on": "2026-05-11",
        "public": False,
        "instrument": {"kind": "penalty_decision", "doc_no": "1号", "effective_on": "2026-05-11"},
    }
    # What SAMR has graded it grades anew by itself, unless something serious comes in later.
    for number, (business, severity) in enumerate(((entity, "serious"), (E_B, "general"))):
        await world.send(
            "MRB head",
            "credit/enter-credit-record",
            record=f"CR-{number}",
            entity=business,
            **{**penalty, "severity": severity},
        )
    world.at("2026-05-31")
    await world.get("JB", "/v1/sanctions")
    assert world.tick() == []
    world.at("2026-06-01")
    assert world.tick() == [("CreditGradeAssigned", "")]
    assert world.tick() == []
    grade = (await world.get("EDB", f"/v1/entities/{entity}/profile"))["grade"]
    assert grade == "D"
    # E-B is graded by SAMR, and stays so until SAMR grades it anew.
    assert (await world.get("EDB", f"/v1/entities/{E_B}/profile"))["grade"] == "B"

"""What must not be learnt, by each way of reading: feed, trail, events, profile, replay, lists."""

from __future__ import annotations

import asyncio
import io
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from api.running.logs import configure_logging
from api.views import RESOURCES
from ledger.kernel import LegalRef
from ledger.systems.commitments.events import CommitmentMade, Obligation
from ledger.systems.dishonesty.events import DeterminationNotified, SanctionApplied
from ledger.systems.draws.checking import verify
from ledger.systems.keylist.events import KeyUnitDesignated
from ledger.systems.observation.events import ObservationGranted, PolicyBasis
from ledger.systems.reconsideration.events import ReconApplied
from tests.cast import E_A, E_B, E_C
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    announcement,
    given_roster,
    values,
)
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        world.tokens["nobody"] = ""
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([3])
        world.at("2026-03-16")
        yield world


async def ask(world: World, who: str, path: str, **query: Any) -> Any:
    """The answer of a resource to somebody; its status where it is no success."""
    token = world.tokens[who]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if not path.endswith(("/impact", "/feed")) and "/events/" not in path:
        query["at_least"] = world.recorder.head()
    answer = await world.client.get(path, headers=headers, params=query)
    return await answer.json() if answer.status == 200 else answer.status


async def feed(world: World, who: str) -> list[dict[str, Any]]:
    page = await ask(world, who, "/v1/feed", limit=1000)
    found: list[dict[str, Any]] = page["events"]
    return found


async def trail(world: World, who: str, of: str) -> list[dict[str, Any]]:
    page = await ask(world, who, f"/v1/{of}/trail")
    return [] if page == 404 else list(page["entries"])


async def events(world: World, who: str) -> list[dict[str, Any]]:
    """Every event that somebody can have one by one."""
    found = [await ask(world, who, f"/v1/events/{n}") for n in range(1, world.recorder.head() + 1)]
    return [event for event in found if event != 404]


async def everything(world: World, who: str, entity: str) -> str:
    """Whatever somebody can read of a business and its units, as one text."""
    parts: list[Any] = [await feed(world, who), await events(world, who)]
    parts += [await trail(world, who, of) for of in ("units/MRB", f"entities/{entity}")]
    parts += [
        await ask(world, who, path)
        for path in (
            f"/v1/entities/{entity}/profile",
            f"/v1/entities/{entity}/replay",
            "/v1/findings",
            "/v1/deadlines",
            "/v1/tasks",
            "/v1/complaints",
            "/v1/complaints/CMP-1",
            "/v1/reconsiderations",
        )
    ]
    return msgspec.json.encode(parts).decode()


async def lines(world: World, who: str) -> list[dict[str, Any]]:
    """The feed as NDJSON."""
    answer = await world.client.get(
        "/v1/feed?limit=1000",
        headers={
            "Authorization": f"Bearer {world.tokens[who]}",
            "Accept": "application/x-ndjson",
        },
    )
    return [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]


async def etag(world: World, who: str, entity: str) -> str:
    token = world.tokens[who]
    answer = await world.client.get(
        f"/v1/entities/{entity}/profile",
        params={"at_least": str(world.recorder.head())},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    return answer.headers["ETag"]


async def report(world: World, **changed: Any) -> dict[str, Any]:
    """E-C reports a visit of MRB."""
    return await world.send(
        "E-C",
        "filing/report-irregular-visit",
        **{
            "irregular_visit": "IV-SECRET",
            "entity": E_C,
            "reporter": "entity",
            "visited_on": "2026-03-13",
            "facts": "来了两个人",
            "unit": "MRB",
            "matters": ["M-101"],
            "officers_seen": 1,
            **changed,
        },
    )


async def test_the_reporter_is_not_named(world: World) -> None:
    """What was found is its handler's alone until the unit is told; nowhere stands who said so."""
    others = ("MRB head", "EMB head", "EDB", "RECON", "RLO", "E-A", "E-C", "nobody")
    before = {who: await everything(world, who, E_C) for who in others if who != "E-C"}
    shown = {who: await etag(world, who, E_C) for who in others}
    answer = await report(world)
    assert await lines(world, "JB") == await feed(world, "JB")
    found = [e for e in await feed(world, "JB") if e["type"] == "supervision.finding-raised"]
    assert {e["data"]["rule_id"] for e in found} == {"FIL-V1", "FIL-V3", "FIL-V4"}
    assert all(e["data"]["facts"] == {"visited_on": "2026-03-13"} for e in found)
    assert await ask(world, "RLO", f"/v1/findings/{found[0]['data']['finding_id']}") == 404
    for who in others:
        assert await etag(world, who, E_C) == shown[who]
        if who != "E-C":  # it reported the visit
            assert await everything(world, who, E_C) == before[who], who
    # The unit learns of it with the notice (S7) and with it the other offices; and not by whom.
    named = [e["body"]["finding_id"] for e in answer["events"][1:]]
    await world.send(
        "JB", "supervision/triage-finding", finding_id=named[0], assessment="核实",
    )  # fmt: skip
    for who in others:
        if who != "E-C":
            assert await everything(world, who, E_C) == before[who], who
    await world.send(
        "JB", "supervision/issue-supervision-doc",
        document="SD-1", kind="notice", unit="MRB", doc_no="监通〔2026〕1号", demands=["说明"],
        findings=named,
    )  # fmt: skip
    for who in ("MRB head", "EDB", "RECON", "RLO"):
        items = (await ask(world, who, "/v1/findings"))["items"]
        assert {f["finding"] for f in items} == set(named), who
        assert not any({"entity", "withheld_from", "in_confidence"} & f.keys() for f in items)
        assert await trail(world, who, "officers/REP-C") == []
        text = await everything(world, who, E_C)
        for secret in ("REP-C", "IV-SECRET", "ENTITY", "entity_rep"):
            assert secret not in text, (who, secret)
        assert answer["events"][0]["command_id"] not in text
    # Whoever looks into it has all of it.
    seen = await trail(world, "JB", "officers/REP-C")
    assert seen[0]["type"] == "filing.irregular-visit-reported"
    assert {e["causation_id"] for e in seen[1:]} == {seen[0]["event_id"]}
    # Others have nothing, and the reporter has its answer.
    for who in ("EMB head", "E-A", "E-C", "nobody"):
        assert "supervision.finding" not in await everything(world, who, E_C)
    assert len(answer["events"]) == len(seen)


async def test_a_late_rating_names_nobody(world: World) -> None:
    """GEN-V1 beside a sealed rating leads neither to the visit nor to the business."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    await world.visit("T-1", "2026-03-18")
    world.at("2026-04-20")
    head = world.recorder.head()
    answer = await world.send(
        "E-C",
        "filing/rate-visit",
        task="T-1",
        entity=E_C,
        score=1,
        occurred_at="2026-03-19T09:00:00+08:00",
    )
    assert [e["body"].get("rule_id") for e in answer["events"]] == [None, "GEN-V1"]
    for who in ("MRB head", "EMB head", "E-A", "E-C", "nobody"):
        assert [e for e in await feed(world, who) if e["position"] > head] == []
        assert "GEN-V1" not in await everything(world, who, E_C)
    assert "GEN-V1" in await everything(world, "JB", E_C)


async def test_a_planned_visit_is_not_announced(world: World) -> None:
    """Until the notice a business reads the same as before, also where findings stand beside."""
    readers = ("E-C", "E-A", "nobody")
    before = {who: await everything(world, who, E_C) for who in readers}
    etags = {who: await etag(world, who, E_C) for who in readers}
    for number in range(1, 6):
        await world.send(
            "MRB legal",
            "filing/file-special-inspection",
            **world.filing(f"F-{number}", entity=E_C),
        )
    # Beside the last, being exempt as all of them, SUP-V1 is found.
    for number, task in enumerate(("T-1", "T-2", "T-3", "T-4", "T-SECRET"), start=1):
        planned = world.task(
            task, E_C, "2026-03-18", kind="case", trigger="complaint", filing=f"F-{number}"
        )
        answer = await world.send("MRB head", "filing/approve-task", **planned)
    assert [e["body"].get("rule_id") for e in answer["events"]] == [None, "SUP-V1"]
    for who in readers:
        assert await everything(world, who, E_C) == before[who]
        assert await etag(world, who, E_C) == etags[who]
        assert await trail(world, who, "inspections/T-SECRET") == []
        hidden = await ask(world, who, f"/v1/entities/{E_C}/replay", without=world.recorder.head())
        assert hidden == 403 or hidden["left_out"] == []
    # Another unit learns of no task either; its own does.
    assert "T-SECRET" not in await everything(world, "EMB head", E_C)
    for who in ("EMB head", "EDB"):
        assert await ask(world, who, "/v1/tasks/T-SECRET") == 404
    assert "T-SECRET" in await everything(world, "MRB head", E_C)
    world.at("2026-03-18")
    await world.send(
        "MRB officer", "filing/issue-inspection-notice", task="T-SECRET", notice_no="N-1"
    )
    told = await ask(world, "E-C", f"/v1/entities/{E_C}/profile")
    assert (told["caps"][0]["used"], told["caps"][0]["exempt"]) == (0, 1)
    replayed = await ask(world, "E-C", f"/v1/entities/{E_C}/replay")
    assert replayed["steps"][-1]["type"] == "filing.inspection-notice-issued"
    assert "filing.inspection-task-approved" not in {s["type"] for s in replayed["steps"]}
    assert await etag(world, "E-A", E_C) == etags["E-A"]


async def readable(world: World, who: str, position: int) -> dict[str, str]:
    """Whatever somebody can ask for, of an event too, by its address, as it is answered."""
    await ask(world, who, "/v1/entities")  # every view has caught up, or waits for it
    named = {
        "entity": E_C,
        "unit": "MRB",
        "officer": "OFF-001",
        "matter": "M-101",
        "month": "2026-03",
        "plan": "PLAN-MRB-2026",
        "position": str(position),
    }
    found = {}
    for resource in RESOURCES:
        path = resource.path
        for name, value in named.items():
            path = path.replace(f"{{{name}}}", value)
        if "{" not in path:
            answer = await ask(world, who, path)
            if isinstance(answer, dict):
                for place in ("position", "composed_at"):
                    answer.pop(place, None)  # how far the ledger has come is no secret
            found[path] = msgspec.json.encode(answer).decode()
    for path in ("/v1/supervision/visits?beyond=true", "/v1/supervision/visits?beyond=false"):
        found[path] = msgspec.json.encode(await ask(world, who, path)).decode()
    events = await feed(world, who)
    return found | {"/v1/feed": msgspec.json.encode(events).decode()}


async def test_a_planned_visit_is_the_units_alone(world: World) -> None:
    """Whoever else has an office reads the same before and after it is approved, wherever."""
    others = ("EMB head", "EDB", "RLO", "RECON", "E-C", "nobody")
    task = world.recorder.head() + 1
    before = {who: await readable(world, who, task) for who in others}
    etags = {who: await etag(world, who, E_C) for who in others}
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    assert world.recorder.head() == task
    for who in others:
        assert await etag(world, who, E_C) == etags[who], who
        after = await readable(world, who, task)
        assert {path for path in after if after[path] != before[who][path]} == set(), who
    for who in ("MRB head", "JB"):
        profile = await ask(world, who, f"/v1/entities/{E_C}/profile")
        assert (profile["upcoming_visits"], profile["caps"][0]["used"]) == (1, 1)
        (visits,) = (await ask(world, who, "/v1/supervision/visits"))["items"]
        assert visits["capped"] == 1
    # Made, it is a fact like others.
    await world.visit("T-1", "2026-03-18")
    for who in ("EMB head", "EDB", "RLO", "RECON"):
        profile = await ask(world, who, f"/v1/entities/{E_C}/profile")
        assert profile["caps"][0]["used"] == 1
    for who in ("EDB", "RLO", "RECON"):
        (visits,) = (await ask(world, who, "/v1/supervision/visits"))["items"]
        assert visits["capped"] == 1


async def test_a_business_known_by_what_is_sealed_is_not_known(world: World) -> None:
    """That anything is recorded of a business is a part of what is sealed."""
    unknown = "91620100MA7LX0025D"
    create = world.service.tokens.create
    world.tokens["new"] = create("ENTITY", "REP-N", "entity_rep", entity=unknown)
    await world.send(
        "new",
        "filing/report-irregular-visit",
        irregular_visit="IV-2",
        entity=unknown,
        reporter="entity",
        visited_on="2026-03-13",
        facts="来了",
        unit="MRB",
    )
    for who in ("MRB head", "EDB", "E-A", "nobody"):
        assert await ask(world, who, f"/v1/entities/{unknown}/profile") == 404
        as_of = await ask(world, who, f"/v1/entities/{unknown}/profile", valid_as_of="2026-04-01")
        assert as_of == 404
        assert await ask(world, who, f"/v1/entities/{unknown}/replay") in (403, 404)
        listed = (await ask(world, who, "/v1/entities"))["items"]
        assert unknown not in {e["entity"] for e in listed}


async def complain(world: World, **changed: Any) -> dict[str, Any]:
    """E-C complains of a visit of MRB, through the Justice Bureau."""
    return await world.send(
        "JB",
        "complaints/receive-complaint",
        **{
            "complaint": "CMP-1",
            "channel": "12345",
            "subject_unit": "MRB",
            "handled_by": "JB",
            "facts": "本公司两次被检查, 未亮码",
            "anonymous": False,
            "entity": E_C,
            "complainant": "person-7f3a9c21",
            "contact": "contact-55e1d0aa",
            "officers": ["OFF-001"],
            "visit": {"irregular_visit": "IV-SECRET", "visited_on": "2026-03-13"},
            **changed,
        },
    )


#: What leads to who complained, and what was said in confidence.
SECRETS = ("person-7f3a9c21", "contact-55e1d0aa", "IV-SECRET", "本公司", "情况属实", "两名人员承认")


async def test_CMP_R2_the_complainant_is_not_named(world: World) -> None:
    """From the first day to the last the unit accused reads what is alleged, and never by whom."""
    before = {who: await everything(world, who, E_C) for who in ("MRB head", "EDB", "EMB head")}
    etags = {who: await etag(world, who, E_C) for who in before}
    entities = {who: text.count(E_C) for who, text in before.items()}
    await complain(world)
    # Before it is accepted the unit knows what was found about the visit and no more.
    assert "CMP-1" not in await everything(world, "MRB head", E_C)
    assert await ask(world, "MRB head", "/v1/complaints/CMP-1") == 404
    await world.send("JB", "complaints/acknowledge-complaint", complaint="CMP-1")
    await world.send("JB", "complaints/accept-complaint", complaint="CMP-1", allegation="未亮码")
    await world.send(
        "JB",
        "complaints/take-investigation-step",
        complaint="CMP-1",
        step="interview",
        shown="两名人员承认",
    )
    world.at("2026-06-01")
    assert ("FindingRaised", "CMP-V2") in world.tick()  # it was to be resolved by 05-15
    await world.send(
        "JB",
        "complaints/resolve-complaint",
        complaint="CMP-1",
        outcome="partly",
        remedy="今后亮码",
        feedback_text="情况属实",
    )
    for who in before:
        text = await everything(world, who, E_C)
        for secret in SECRETS:
            assert secret not in text, (who, secret)
        assert text.count(E_C) == entities[who], who
        assert await etag(world, who, E_C) == etags[who]
        assert E_C not in msgspec.json.encode(await trail(world, who, "complaints/CMP-1")).decode()
    seen = await ask(world, "MRB head", "/v1/complaints/CMP-1")
    assert seen["allegation"] == "未亮码"
    assert not {"facts", "entity", "complainant", "contact", "channel", "steps"} & seen.keys()
    # Whoever handles it has all of it; the business its own; nobody else anything.
    handled = await ask(world, "JB", "/v1/complaints/CMP-1")
    assert (handled["entity"], handled["steps"][0]["shown"]) == (E_C, "两名人员承认")
    own = await ask(world, "E-C", "/v1/complaints/CMP-1")
    assert (own["stage"], own["feedback_text"]) == ("resolved", "情况属实")
    assert "steps" not in own
    for who in ("E-A", "EMB head"):
        assert await ask(world, who, "/v1/complaints/CMP-1") == 404
        assert (await ask(world, who, "/v1/complaints"))["items"] == []
    assert await ask(world, "nobody", "/v1/complaints") == 403


async def test_an_anonymous_complaint_is_nobodys_own(world: World) -> None:
    """Somebody else may have complained of how a business was treated: it does not learn of it."""
    await complain(world, anonymous=True, complainant=None, contact=None)
    await world.send("JB", "complaints/accept-complaint", complaint="CMP-1", allegation="未亮码")
    for who in ("E-C", "E-A"):
        assert await ask(world, who, "/v1/complaints/CMP-1") == 404
    assert (await ask(world, "JB", "/v1/complaints/CMP-1"))["entity"] == E_C


async def test_a_complaint_is_handed_on_whole(world: World) -> None:
    """Whoever it is transferred to reads what was complained of, though others took it down."""
    await complain(world)
    assert await ask(world, "park", "/v1/complaints/CMP-1") == 404
    await world.send(
        "JB", "complaints/transfer-complaint", complaint="CMP-1", to="PARK", reason="属地"
    )
    assert (await ask(world, "park", "/v1/complaints/CMP-1"))["entity"] == E_C
    rows = (await ask(world, "park", "/v1/deadlines"))["items"]
    assert [row["rule"] for row in rows] == ["complaint.accept_wd.transferred"]
    answer = await world.send(
        "park", "complaints/accept-complaint", complaint="CMP-1", allegation="未亮码"
    )
    assert [e["type"] for e in answer["events"]] == ["complaints.complaint-accepted"]


async def test_CMP_V1_the_unit_does_not_learn_that_it_is_watched(world: World) -> None:
    """Neither in the answer to its approval nor afterwards, however the finding is handled."""
    await complain(world)
    readers = ("MRB head", "EDB", "E-C", "EMB head", "nobody")
    world.at("2026-03-17")
    answer = await world.send(
        "MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18")
    )
    assert [e["type"] for e in answer["events"]] == ["filing.inspection-task-approved"]
    before = {who: await everything(world, who, E_C) for who in readers}
    etags = {who: await etag(world, who, E_C) for who in readers}
    assert ("FindingRaised", "CMP-V1") in world.tick()
    (found,) = await world.findings(rule_id="CMP-V1")
    name = found["finding"]
    await world.send("JB", "supervision/triage-finding", finding_id=name, assessment="查")
    dismissal = {"finding_id": name, "reason": "年度计划内"}
    request = await world.request("JB", "supervision/dismiss-finding", **dismissal)
    await world.refused("SUP-R3", "JB", "approvals/approve-request", approval=request)
    for who in readers:
        assert await everything(world, who, E_C) == before[who], who
        assert await etag(world, who, E_C) == etags[who]
        assert await trail(world, who, f"findings/{name}") == []
        assert await ask(world, who, f"/v1/findings/{name}") == 404
    rows = (await ask(world, "JB", "/v1/deadlines", about=f"finding:{name}"))["items"]
    assert [row["state"] for row in rows] == ["done"]


RECORD = {
    "record": "CR-1",
    "entity": E_C,
    "unit": "MRB",
    "kind": "penalty",
    "determined_on": "2026-03-10",
    "title": "未按规定留样",
    "public": True,
    "severity": "general",
    "instrument": {"kind": "penalty_decision", "doc_no": "D-1", "effective_on": "2026-03-10"},
}


async def test_how_a_business_stands_is_read_by_whom_it_concerns(world: World) -> None:
    """Of commitments, measures, periods and disputes each audience reads its own part, no more."""
    whose: dict[str, Any] = {"entity": E_C, "unit": "MRB"}
    readers = ("nobody", "E-A", "E-C", "EMB head", "MRB head")
    shown = {who: await etag(world, who, E_C) for who in readers}

    async def changed() -> list[str]:
        """For whom the profile reads otherwise than at the last look."""
        found = []
        for who in readers:
            now = await etag(world, who, E_C)
            if now != shown[who]:
                found.append(who)
            shown[who] = now
        return found

    everybody, concerned = list(readers), ["E-C", "EMB head", "MRB head"]
    obligation = Obligation(obligation="a", due_on=date(2026, 6, 1))
    for name, public in (("CMT-PUBLIC", True), ("CMT-SECRET", False)):
        world.given(
            CommitmentMade(
                **whose,
                commitment=name,
                type="voluntary",
                text_hash="0" * 64,
                obligations=(obligation,),
                public=public,
            )
        )
        assert await changed() == (everybody if public else concerned)
    world.given(
        DeterminationNotified(
            **whose,
            determination="DET-SECRET",
            notice_no="N-1",
            facts="某事",
            ground="warning",
            severity="general",
            basis=(LegalRef(instrument="law"),),
            defence_until=date(2026, 4, 1),
        )
    )
    assert await changed() == ["E-C"]
    world.given(
        SanctionApplied(
            **whose,
            sanction="S-SECRET",
            record="CR-1",
            measure="no-funds",
            catalogue_version=1,
            applied_on=date(2026, 3, 16),
        )
    )
    assert await changed() == concerned
    world.given(
        ObservationGranted(
            **whose,
            observation="OBS-SECRET",
            four_new_kind="model",
            activity="无人配送",
            policy_basis=PolicyBasis(level="national", instrument="law"),
            domain="transport",
            starts_on=date(2026, 3, 16),
            ends_on=date(2026, 12, 31),
            bottom_lines=("safety",),
        )
    )
    assert await changed() == concerned
    for name, listed_as, who_reads in (
        ("KEY-SHARED", "shared", concerned),
        ("KEY-SECRET", "restricted", ["E-C"]),
        ("KEY-PUBLIC", "public", everybody),
    ):
        world.given(
            KeyUnitDesignated(
                **whose,
                designation=name,
                matters=("M-101",),
                reason="x",
                tracking_officer="OFF-001",
                guidance_plan="G-1",
                review_on=date(2026, 9, 1),
                notice_no="N-1",
                notified_on=date(2026, 3, 16),
                grade="C",
                listed_as=listed_as,
            )
        )
        assert await changed() == who_reads
    world.given(
        ReconApplied(
            **whose,
            recon="RC-SECRET",
            decision="D-1",
            organ="RECON",
            known_on=date(2026, 3, 1),
            last_day=date(2026, 4, 30),
            grounds="不服",
        )
    )
    assert await changed() == concerned
    for who in ("nobody", "E-A"):
        text = msgspec.json.encode(await ask(world, who, f"/v1/entities/{E_C}/profile")).decode()
        assert "SECRET" not in text
        assert {"CMT-PUBLIC", "KEY-PUBLIC"} <= set(re.findall(r"[A-Z]+-PUBLIC", text))
    for who in ("EMB head", "MRB head"):
        profile = await ask(world, who, f"/v1/entities/{E_C}/profile")
        text = msgspec.json.encode(profile).decode()
        for name in ("DET-SECRET", "KEY-SECRET", "RC-SECRET", "不服"):
            assert name not in text
        assert profile["reconsiderations_open"] == 1
    # What is stored is what a replay shows, and what building it anew gives.
    assert world.rebuilt() == []


async def test_the_public_reads_records_where_they_can_end(world: World) -> None:
    """Credit records are public in the profile, while they are shown, and nowhere else."""

    async def seen(who: str) -> list[Any]:
        ways = [
            [e for e in await feed(world, who) if e["type"].startswith("credit.")],
            [e for e in await events(world, who) if e["type"].startswith("credit.")],
            [e for e in await trail(world, who, f"entities/{E_C}") if "credit." in e["type"]],
            await trail(world, who, "records/CR-1"),
        ]
        assert len({len(way) for way in ways}) == 1
        profile = await ask(world, who, f"/v1/entities/{E_C}/profile")
        return [len(ways[0]), len(profile["records"])]

    public = ("nobody", "E-A")
    before = await etag(world, "nobody", E_C)
    await world.send("MRB head", "credit/enter-credit-record", **RECORD)
    assert [await seen(who) for who in public] == [[0, 0]] * 2
    assert await etag(world, "nobody", E_C) == before
    await world.send("MRB head", "credit/start-publicity", record="CR-1", channels=["credit_china"])
    assert [await seen(who) for who in public] == [[0, 1]] * 2
    end = {"record": "CR-1", "reason": "correction"}
    await world.sign("MRB office", "MRB head", "credit/terminate-publicity", **end)
    assert [await seen(who) for who in public] == [[0, 0]] * 2
    assert await etag(world, "nobody", E_C) == before
    # Who has approved its end is for those whom it concerns.
    for who, told in (("E-C", 4), ("MRB head", 4), ("EMB head", 3), ("JB", 4)):
        assert await seen(who) == [told, 1]


async def test_grades_of_others_are_not_for_businesses(world: World) -> None:
    """What units share with each other a business reads of itself alone."""
    for who, entities in (("E-A", [E_A]), ("E-B", [E_B]), ("nobody", [])):
        for found in (await feed(world, who), await events(world, who)):
            graded = [e for e in found if e["type"] == "grading.credit-grade-assigned"]
            assert [(e.get("data") or e["body"])["entity"] for e in graded] == entities
        others = await trail(world, who, f"entities/{E_C}")
        assert "grading.credit-grade-assigned" not in {e["type"] for e in others}
        profile = await ask(world, who, f"/v1/entities/{E_C}/profile")
        assert "grade" not in profile


async def test_who_did_what_is_not_asked_by_name(world: World) -> None:
    """The public's trail of an officer holds what concerns the officer, not the officer's acts."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    done = await trail(world, "MRB head", "officers/HEAD-MRB")
    assert "catalogue.matter-published" in {e["type"] for e in done}
    assert await trail(world, "nobody", "officers/HEAD-MRB") == []


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "1899-12-31T00:00:00+08:00"])
async def test_moments_before_anything(world: World, moment: str) -> None:
    """A moment that cannot be reckoned with is malformed, and it is said where it stands."""
    problem = await world.send(
        "EDB", "entities/delist-entity", expect=400, entity=E_A, reason="x", occurred_at=moment
    )
    assert problem["pointer"] == "/occurred_at"


def test_the_log_holds_no_variables() -> None:
    """A traceback says where it failed, not what somebody had sent."""
    out = io.BytesIO()
    before = structlog.get_config()
    try:
        writer = configure_logging(out)
        _fail("geheim-4711")
        writer.close()
    finally:
        structlog.configure(**before)
    line = msgspec.json.decode(out.getvalue())
    assert line["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert b"geheim-4711" not in out.getvalue()


def _fail(body: str) -> None:
    try:
        len(body) // 0
    except ZeroDivisionError:
        structlog.get_logger("x").exception("failed")


async def test_PUB_V2_the_public_reads_nowhere_what_was_withdrawn(world: World) -> None:
    """The documents are public and can be withdrawn; a feed cannot unsay what it has said."""
    world.at("2026-06-01")
    await world.given_licence("LIC-1", E_C)
    await world.given_case("CASE-1", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **world.decision("D-1", "CASE-1", E_C))
    await world.send("MRB officer", "penalties/serve-penalty", decision="D-1", repair_notice=True)
    await world.send("MRB head", "publicity/publish-act", decision="LIC-1", summary="准予许可")
    await world.send("MRB head", "penalties/publish-decision", decision="D-1", summary="罚款五千元")
    documents = (("/v1/acts/LIC-1", "准予许可"), ("/v1/decisions/D-1", "罚款五千元"))
    outsiders = ("nobody", "public", "E-A")
    for who in outsiders:
        for path, said in documents:
            assert (await ask(world, who, path))["summary"] == said
    for decision, command in (
        ("LIC-1", "publicity/withdraw-act"),
        ("D-1", "penalties/withdraw-decision"),
    ):
        await world.send(
            "MRB head",
            "corrections/nullify-decision",
            decision=decision,
            unit="MRB",
            entity=E_C,
            kind="revoked",
            by="新区行政复议机构",
            instrument="复决3号",
            effective_on="2026-06-01",
            reason="越权",
        )
        await world.send("MRB head", command, decision=decision, explanation="已被撤销")
    for who in (*outsiders, "MRB head", "E-C"):
        text = await everything(world, who, E_C)
        for path, said in documents:
            trail_of = path.removeprefix("/v1/").replace("acts", "decisions")
            text += msgspec.json.encode(await trail(world, who, trail_of)).decode()
            if who in outsiders:
                text += msgspec.json.encode(await ask(world, who, path)).decode()
                assert said not in text, who
            else:
                assert said in text, who
        assert text.count("已被撤销") >= 2, who


async def test_who_operated_a_draw_is_told_to_its_authorities_alone(tmp_path: Path) -> None:
    """Announced, made, verified and voided: the public and a partner read which unit, nobody."""
    async with World(tmp_path) as world:
        world.tokens["nobody"] = ""
        await world.given_region()
        await given_roster(world)
        world.at("2026-07-16 10:00")
        await world.send(OPERATOR, "draws/announce-draw", **announcement())
        await asyncio.to_thread(world.service.keeper.wait_for, world.recorder.head(), 5)
        world.at("2026-07-20 16:00")
        await world.send(OPERATOR, "draws/reveal-seed", **values())
        await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
        await world.send("JB", "draws/verify-draw", draw=DRAW)
        void = {"draw": DRAW, "reason_code": "software_fault", "evidence": "程序缺陷"}
        await world.sign(OPERATOR, "MRB head", "draws/void-draw", **void)
        partner = world.service.tokens.create("BANK", "BANK-SYS", "subscriber_system")
        world.tokens["partner"] = partner
        persons = ("COORD-MRB", "HEAD-MRB", "JB-001")
        await asyncio.to_thread(world.service.keeper.wait_for, world.recorder.head(), 5)
        for who in ("nobody", "partner"):
            of_draw = [e for e in await feed(world, who) if e["type"].startswith("draws.draw-")]
            assert {e["type"] for e in of_draw} >= {"draws.draw-executed", "draws.draw-voided"}
            parts: list[Any] = [of_draw, await trail(world, who, f"draws/{DRAW}")]
            parts += [e for e in await events(world, who) if e["type"].startswith("draws.draw-")]
            parts.append(await ask(world, who, f"/v1/draws/{DRAW}"))
            file = await ask(world, who, f"/v1/draws/{DRAW}/export")
            records = [b64decode(file[one]["record"]) for one in ("announcement", "execution")]
            text = msgspec.json.encode([parts, file]) + b"".join(records)
            for person in persons:
                assert person.encode() not in text, (who, person)
            report = verify(msgspec.json.encode(file))
            assert report.differs is None
            assert all(
                f"{what} is event" in str(report.held) for what in ("announcement", "outcome")
            )
        for who in ("MRB head", "JB"):
            told = await ask(world, who, f"/v1/draws/{DRAW}")
            assert told["operators"] == ["COORD-MRB"]
            steps = [
                (e["data"]["step"], e["data"].get("approver"))
                for e in await feed(world, who)
                if e["type"] == "draws.draw-operated"
            ]
            assert steps == [("announced", None), ("executed", None), ("voided", "HEAD-MRB")]
        assert "operators" not in await ask(world, "EMB head", f"/v1/draws/{DRAW}")

"""What of a penalty may be shown to the public, judged now (2.17): its page follows its record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.kernel import Event, RecordCorrected
from ledger.kernel.corrections import FieldChange
from ledger.systems.credit.events import (
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.penalties.events import DecisionPublished, DecisionWithdrawn
from ledger.systems.publicity.events import ActPublished
from tests.cast import E_B, E_C
from tests.scenarios.world import World

PROFILE = f"/v1/entities/{E_C}/profile"
OUTSIDE = ("public", "E-B", "EMB head", "BANK")
CONCERNED = ("E-C", "MRB head", "JB", "EDB")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One penalty of 2026-05-11, published and on record; another one without a record."""
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-05-11")
        for number, entity in ((1, E_C), (2, E_B)):
            case, decision = f"CASE-{number}", f"DEC-{number}"
            await world.given_case(case, entity)
            body = world.decision(decision, case, entity)
            await world.send("MRB head", "penalties/decide-penalty", **body)
            await world.send(
                "MRB officer", "penalties/serve-penalty", decision=decision, repair_notice=True
            )
            await world.send(
                "MRB head", "penalties/publish-decision", decision=decision, summary="罚款五千元"
            )
        await world.given_record(
            "CR-1",
            E_C,
            "2026-05-11",
            decision="DEC-1",
            instrument={
                "kind": "penalty_decision",
                "doc_no": "兰新市监罚〔2026〕DEC-1",
                "effective_on": "2026-05-11",
            },
        )
        yield world


def ended(reason: Any, on: date) -> PublicityTerminated:
    """How the record ended."""
    return PublicityTerminated(
        record="CR-1", entity=E_C, unit="MRB", reason=reason, terminated_on=on
    )


async def listed(world: World, who: str) -> list[str]:
    """The decisions that somebody is shown in the list."""
    return [one["decision"] for one in (await world.get(who, "/v1/decisions", sort="id"))["items"]]


@pytest.mark.parametrize("reason", ["repaired", "max_reached"])
async def test_the_page_of_a_decision_ends_with_its_record(world: World, reason: str) -> None:
    """The address answers as for what never was; whom it concerns reads it all the same."""
    for who in OUTSIDE:
        assert await world.status(who, "/v1/decisions/DEC-1") == 200
    world.at("2026-08-20")
    world.given(ended(reason, date(2026, 8, 20)))
    never = await world.client.get("/v1/decisions/DEC-9")
    for who in OUTSIDE:
        assert await world.status(who, "/v1/decisions/DEC-1") == 404, who
        assert await listed(world, who) == ["DEC-2"], who
        gone = await world.client.get(
            "/v1/decisions/DEC-1", headers={"Authorization": f"Bearer {world.tokens[who]}"}
        )
        shown = await gone.json()
        assert {**shown, "instance": "", "request_id": ""} == {
            **(await never.json()),
            "instance": "",
            "request_id": "",
        }
    for who in CONCERNED:
        assert (await world.get(who, "/v1/decisions/DEC-1"))["decision"] == "DEC-1", who
        assert "DEC-1" in await listed(world, who), who
    # At whatever day they name.
    for day in ("2026-05-12", "2026-08-19"):
        for known in (None, "2026-06-01T09:00:00+08:00"):
            when = {"valid_as_of": day} | ({} if known is None else {"known_as_of": known})
            assert (await world.get("public", PROFILE, **when))["records"] == []
            [record] = (await world.get("MRB head", PROFILE, **when))["records"]
            assert record["record"] == "CR-1"


async def test_nothing_is_public_again_after_a_repair(world: World) -> None:
    """Neither when the record comes back, nor when the decision is revoked, nor by a new text."""
    world.at("2026-08-20")
    world.given(
        ended("repaired", date(2026, 8, 20)),
        PublicityReinstated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="breach",
            ended_on=date(2026, 8, 20),
            reinstated_on=date(2026, 8, 25),
        ),
    )
    assert await world.status("public", "/v1/decisions/DEC-1") == 404
    undo: dict[str, Any] = {
        "decision": "DEC-1",
        "unit": "MRB",
        "by": "RECON",
        "instrument": "1号",
        "effective_on": "2026-08-20",
        "reason": "处罚过重",
    }
    content = {"types": ["fine"], "fine_fen": 400_000, "severity": "general"}
    await world.send(
        "RECON", "corrections/nullify-decision", kind="altered", content=content, **undo
    )
    await world.send(
        "MRB head", "penalties/withdraw-decision", decision="DEC-1", explanation="变更"
    )
    problem = await world.send(
        "MRB head", "penalties/publish-decision", 409, decision="DEC-1", summary="罚款四千元"
    )
    assert "must not be published any more" in problem["detail"]
    await world.send("RECON", "corrections/nullify-decision", kind="revoked", **undo)
    assert await world.status("public", "/v1/decisions/DEC-1") == 404
    assert await listed(world, "public") == ["DEC-2"]


async def test_a_revoked_decision_keeps_number_day_and_reason(world: World) -> None:
    """Where its record did not end before in another way."""
    world.at("2026-06-30")
    await world.send(
        "RECON",
        "corrections/nullify-decision",
        decision="DEC-1",
        unit="MRB",
        kind="revoked",
        by="RECON",
        instrument="1号",
        effective_on="2026-06-30",
        reason="证据不足",
    )
    await world.send(
        "MRB head", "penalties/withdraw-decision", decision="DEC-1", explanation="复议撤销"
    )
    page = await world.get("public", "/v1/decisions/DEC-1")
    assert page == {
        "decision": "DEC-1",
        "doc_no": "兰新市监罚〔2026〕DEC-1",
        "entity": E_C,
        "unit": "MRB",
        "published_on": "2026-05-11",
        "withdrawn_on": "2026-06-30",
        "reason": "revoked",
        "explanation": "复议撤销",
    }


async def test_a_region_may_keep_the_pages(world: World) -> None:
    """``publicity.decision_follows_record`` is a policy."""
    await world.send(
        "JB",
        "policies/adopt-policy-version",
        key="publicity.decision_follows_record",
        value=False,
        unit="text",
        effective_from="2026-05-12",
        source={"instrument": "兰州新区规定"},
        confidence="U",
    )
    world.at("2026-08-20")
    world.given(ended("repaired", date(2026, 8, 20)))
    assert await world.status("public", "/v1/decisions/DEC-1") == 200
    assert await listed(world, "public") == ["DEC-1", "DEC-2"]


def told_in_public() -> list[Event]:
    """What earlier versions of the program recorded as public of a decision and of its record."""
    day = date(2026, 6, 1)
    of_decision: dict[str, Any] = {"decision": "DEC-1", "entity": E_C, "unit": "MRB"}
    of_record: dict[str, Any] = {"record": "CR-1", "entity": E_C, "unit": "MRB"}
    return [
        DecisionPublished(**of_decision, summary="罚款五千元", published_on=day),
        DecisionWithdrawn(
            **of_decision, reason="altered", nullified_on=day, withdrawn_on=day, explanation="变更"
        ),
        PublicityStarted(**of_record, started_on=day, channels=("unit_site",)),
        PublicitySuspended(**of_record, suspended_on=day, reason="诉讼"),
        PublicityResumed(**of_record, resumed_on=day, reason="诉讼终结"),
        ended("max_reached", day),
        ActPublished(
            decision="ACT-1",
            unit="MRB",
            entity=E_C,
            kind="licence",
            summary="准予许可",
            published_on=day,
        ),
        RecordCorrected(
            target_event_id=UUID(int=1),
            target_position=1,
            field_changes=(FieldChange(path="/body/summary", old="-", new="罚款五千元"),),
            reason="笔误",
            requested_by="MRB-1",
            approved_by="MRB-2",
            subjects=("decision:DEC-1", f"entity:{E_C}", "unit:MRB"),
            target_visibility="public",
        ),
    ]


@pytest.mark.parametrize("told", told_in_public(), ids=lambda told: type(told).__name__)
async def test_no_event_of_a_record_or_decision_is_public(
    world: World, monkeypatch: pytest.MonkeyPatch, told: Event
) -> None:
    """Those that an earlier program recorded as public are read as shared: in trails, by their
    position, in receipts, in the feed with every filter, whether or not the record has ended.
    """
    world.at("2026-06-01")
    with monkeypatch.context() as earlier:
        earlier.setattr(type(told), "visibility", lambda _: "public")
        world.given(told)
    position = world.recorder.head()
    trails = [f"/v1/entities/{E_C}/trail", "/v1/units/MRB/trail"]
    trails += [f"/v1/{kind}/{name}/trail" for kind, name in paths_of(told)]
    feeds: list[dict[str, str]] = [{}, {"type": told.TOPIC}]
    feeds += [{"subject": tag} for tag in told.tags()]

    async def positions(who: str) -> set[str]:
        found = set()
        for path in trails:
            if await world.status(who, path) == 200:
                entries = (await world.get(who, path, limit=500))["entries"]
                found |= {path} & {path for one in entries if one["position"] == position}
        for query in feeds:
            events = (await world.get(who, "/v1/feed", after=position - 1, **query))["events"]
            found |= {str(query) for one in events if one["position"] == position}
        for part in ("", "/proof"):
            path = f"/v1/events/{position}{part}"
            answer = await world.client.get(
                path, headers={"Authorization": f"Bearer {world.tokens[who]}"}
            )
            assert answer.status in (200, 404)
            found |= {path} if answer.status == 200 else set()
        return found

    everywhere = {*trails, *map(str, feeds)}
    everywhere |= {f"/v1/events/{position}{part}" for part in ("", "/proof")}
    for who in ("public", "E-B"):
        assert await positions(who) == set(), who
    for who in ("E-C", "MRB head", "EMB head", "JB"):
        assert await positions(who) == everywhere, who
    assert (await world.get("JB", f"/v1/events/{position}"))["visibility"] == "public"
    page = await world.get("public", "/v1/feed", after=position - 1, limit=1)
    assert (page["events"], page["next_after"]) == ([], position)


def paths_of(told: Event) -> list[tuple[str, str]]:
    """The trails of the record and the decision that an event names."""
    pairs = (tag.split(":") for tag in told.tags())
    kinds = {"record": "records", "decision": "decisions"}
    return [(kinds[kind], name) for kind, name in pairs if kind in kinds]


async def test_drafts_of_matters_are_not_shown_to_the_public(world: World) -> None:
    """It reads the newest version that was published, and that a matter was withdrawn."""
    await world.given_matter("M-1", listed="2026-05-11", published="2026-05-11 10:00")
    await world.given_matter("M-2", listed="2026-05-11 11:00", published=None)
    revision = {
        "matter": "M-1",
        "unit": "MRB",
        "elements": world.elements("修改后的事项"),
        "reason": "law_change",
    }
    await world.send("MRB head", "catalogue/revise-matter", **revision)
    for who in ("public", "E-C"):
        [shown] = (await world.get(who, "/v1/matters"))["items"]
        assert (shown["matter"], shown["name"], shown["version"]) == ("M-1", "检查事项 M-1", 1)
        assert await world.status(who, "/v1/matters/M-2") == 404
        versions = (await world.get(who, "/v1/matters/M-1"))["versions"]
        assert [one["version"] for one in versions] == [1]
    for who in ("MRB head", "JB"):
        names = {one["name"] for one in (await world.get(who, "/v1/matters"))["items"]}
        assert names == {"修改后的事项", "检查事项 M-2"}
        assert len((await world.get(who, "/v1/matters/M-1"))["versions"]) == 2
    await world.send("MRB head", "catalogue/withdraw-matter", matter="M-1", unit="MRB", reason="-")
    [shown] = (await world.get("public", "/v1/matters"))["items"]
    assert (shown["published"], shown["withdrawn"]) == (False, True)
    assert (await world.get("public", "/v1/matters", published="true"))["items"] == []


async def test_bounds_shown_are_those_that_the_clock_applies(tmp_path: Path) -> None:
    """Profile, list, deadline and the earliest day say what the transition brings."""
    async with World(tmp_path, "2025-06-01") as world:
        await world.given_record("CR-1", E_C, "2025-06-02")

        async def shown() -> set[tuple[str, str]]:
            found = set()
            for who in ("public", "E-C", "JB"):
                [record] = (await world.get(who, PROFILE))["records"]
                publicity = record["publicity"]
                found.add((publicity["max_until"], record["earliest_repair_on"]))
            [due] = [
                row["due_on"]
                for row in (await world.get("JB", "/v1/deadlines", about="record:CR-1"))["items"]
                if row["rule"].startswith("dishonesty.regime.max") and row["state"] == "open"
            ]
            [listed] = (await world.get("JB", "/v1/repair/records", on="2026-01-05"))["items"]
            return found | {(due, listed["earliest_on"])}

        # At once, before the clock has looked.
        assert await shown() == {("2026-06-02", "2025-09-03")}
        world.tick()
        assert await shown() == {("2026-06-02", "2025-09-03")}
        world.at("2026-06-02 23:00")
        assert ("PublicityTerminated", "") not in world.tick()
        world.at("2026-06-03 01:00")
        assert ("PublicityTerminated", "") in world.tick()


async def test_a_suspension_with_a_last_day_ends_with_it(tmp_path: Path) -> None:
    """Without anything recorded, in every profile at once: the record counts, and is shown."""
    async with World(tmp_path) as world:
        await world.given_region(ungraded=(E_C,))
        await world.given_record("CR-1", E_C, "2026-05-11")
        world.at("2026-05-20")
        world.given(
            PublicitySuspended(
                record="CR-1",
                entity=E_C,
                unit="MRB",
                suspended_on=date(2026, 5, 20),
                reason="重整",
                until=date(2026, 6, 20),
            )
        )
        for day, shown, status, grade in (
            ("2026-06-20", [], "suspended", "B"),
            ("2026-06-21", ["CR-1"], "active", "C"),
        ):
            world.at(day)
            public = await world.get("public", PROFILE)
            assert [one["record"] for one in public["records"]] == shown
            for when in ({}, {"valid_as_of": day}):
                profile = await world.get("JB", PROFILE, **when)
                [record] = profile["records"]
                assert (record["status"], profile["grade"]) == (status, grade), (day, when)
                assert ("suspended_until" in record) == (status == "suspended")


async def test_the_public_reads_no_record_beyond_its_last_day(tmp_path: Path) -> None:
    """Though the clock has not come yet, which finds that it is over; nor as of a day before."""
    async with World(tmp_path) as world:
        await world.given_region(ungraded=(E_C,))
        await world.given_record("CR-1", E_C, "2026-05-11")
        for day, shown in (("2027-05-11", ["CR-1"]), ("2027-05-12", [])):
            world.at(day)
            for when in ({}, {"valid_as_of": "2026-06-01"}):
                public = await world.get("public", PROFILE, **when)
                assert [one["record"] for one in public["records"]] == shown, (day, when)
            [record] = (await world.get("JB", PROFILE))["records"]
            assert record["status"] == "active"


async def test_a_page_ends_with_the_last_day_of_its_record(world: World) -> None:
    """Though the clock has not come; not if the decision was revoked before."""
    for day, shown in (("2027-05-11", ["DEC-1", "DEC-2"]), ("2027-05-12", ["DEC-2"])):
        world.at(day)
        assert await listed(world, "public") == shown
        assert await world.status("public", "/v1/decisions/DEC-1") == (
            200 if "DEC-1" in shown else 404
        )
    assert "DEC-1" in await listed(world, "JB")


async def test_the_page_of_a_revoked_decision_stays(world: World) -> None:
    """Beyond the last day that its record would have had."""
    world.at("2026-06-30")
    world.given(ended("revoked", date(2026, 6, 30)))
    world.at("2027-06-01")
    assert await listed(world, "public") == ["DEC-1", "DEC-2"]

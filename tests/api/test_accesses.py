"""Who was refused and which supervisor looked stands in a ledger of its own (rulebook 0.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ledger.kernel import Actor
from ledger.systems.complaints.events import ComplaintReceived
from tests.cast import E_A
from tests.gwt import Record
from tests.scenarios.world import PRESCRIBED, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        yield world


async def told(world: World, **query: Any) -> list[dict[str, Any]]:
    response = await world.client.get(
        "/v1/access",
        params=query,
        headers={"Authorization": f"Bearer {world.tokens['JB']}"},
    )
    assert response.status == 200, await response.text()
    items: list[dict[str, Any]] = (await response.json())["items"]
    return items


async def test_a_refusal_is_taken_down(world: World) -> None:
    """Who was refused under which rule and policy version can be found, by rule, person, entity."""
    task = world.task("T-1", E_A, "2026-05-11")
    await world.given_matter("M-101")
    await world.refused("FIL-R1", "MRB head", "filing/approve-task", **task)

    (refusal,) = await told(world, kind="refusal")

    assert refusal["type"] == "access.command-refused"
    assert refusal["actor"]["person_id"] == "HEAD-MRB"
    assert refusal["body"]["rule"] == "FIL-R1"
    assert (refusal["body"]["command"], refusal["body"]["entity"]) == ("ApproveTask", E_A)
    assert await told(world, rule_id="FIL-R1") == [refusal]
    assert await told(world, person="HEAD-MRB") == [refusal]
    assert await told(world, kind="refusal", entity=E_A, unit="MRB") == [refusal]
    assert await told(world, rule_id="FIL-R2") == []


async def test_a_supervisor_who_looks_is_taken_down(world: World) -> None:
    """The question is taken down as it was asked; a unit's own reading is not supervision."""
    await world.get("JB second", f"/v1/entities/{E_A}/profile")
    await world.get("MRB head", f"/v1/entities/{E_A}/profile")

    looked = await told(world, kind="consultation", entity=E_A)

    assert [one["actor"]["person_id"] for one in looked] == ["JB-002"]
    assert looked[0]["body"]["route"] == "/v1/entities/{entity}/profile"
    assert looked[0]["body"]["asked"].startswith(f"/v1/entities/{E_A}/profile?at_least=")


async def test_the_watchers_are_watched(world: World) -> None:
    """Asking the access ledger is taken down in it, before it answers."""
    (asked,) = await told(world)

    assert asked["body"]["route"] == "/v1/access"


async def test_words_are_not_taken_down(world: World) -> None:
    """Whoever was searched by name does not stand in a ledger that forgets nothing."""
    await world.get("JB second", "/v1/entities", name="张三", limit=5)
    await world.get("JB second", "/v1/entities", q="张三", sort="-id")
    assert await world.status("JB second", "/v1/entities/张三/profile") == 404

    looked = await told(world, kind="consultation")

    asked = [one["body"]["asked"] for one in looked]
    assert any("name=withheld&limit=5" in one for one in asked), asked
    assert any("q=withheld&sort=-id" in one for one in asked), asked
    assert any(one.startswith("/v1/entities/withheld/profile") for one in asked), asked


NUMBER, PHONE, NAME = "110101199003074477", "13909310042", "QZXNAME"
PERSON = "psn-" + "0" * 32


async def looked(world: World, path: str) -> int:
    """A supervisor asks for a path as it stands here; the status of the answer."""
    headers = {"Authorization": f"Bearer {world.tokens['JB second']}"}
    async with world.client.get(path, headers=headers) as response:
        return response.status


async def asked_for(world: World) -> list[str]:
    """What that supervisor has asked for, by the access ledger."""
    found = await told(world, kind="consultation", person="JB-002", limit=500)
    return [one["body"]["asked"] for one in found]


PLACES = (
    "/v1/persons/{}",
    "/v1/entities/{}/profile",
    "/v1/officers/{}",
    "/v1/inspections/{}/trail",
    "/v1/progress/{}/2026-05",
    "/v1/events/{}",
    "/v1/findings?unit={}",
    "/v1/findings?state={}",
    "/v1/findings?rule_id={}",
    "/v1/findings?auto={}",
    "/v1/findings?raised_before={}",
    "/v1/entities?name={}",
    "/v1/entities?after={}",
    "/v1/tasks?stage={}",
    "/v1/deadlines?about={}",
    "/v1/feed?after={}",
    "/v1/access?about_person={}",
    "/v1/access?person={}",
)


@pytest.mark.parametrize("word", [NUMBER, PHONE, NAME, f"psn-{NUMBER}", f"sf:{NAME}"])
async def test_what_might_be_a_person_is_not_taken_down(world: World, word: str) -> None:
    """Numbers and names in ASCII are words too, wherever a supervisor puts them."""
    for place in PLACES:
        await looked(world, place.format(word))

    assert await asked_for(world) == [place.format("withheld") for place in PLACES]
    assert word not in str(await told(world, limit=500))


async def test_what_the_ledger_knows_is_taken_down(world: World) -> None:
    """Which business, unit, officer, person, rule, day and page was looked at can be read."""
    await world.given_matter("M-101")
    badge = "13909310001"
    await world.send(
        "JB",
        "catalogue/certify-officer",
        officer=badge,
        unit="MRB",
        cert_no="甘A-099",
        domains=["food_drug"],
        valid_from="2026-01-01",
        valid_to="2029-01-01",
    )
    for path in (
        f"/v1/officers/{badge}",
        f"/v1/entities/{E_A}/profile?valid_as_of=2026-05-01",
        "/v1/matters/M-101/trail?after=0",
        "/v1/officers/OFF-001",
        f"/v1/persons/{PERSON}",
        "/v1/progress/MRB/2026-05",
        "/v1/events/1",
        f"/v1/findings?unit=MRB&entity={E_A}&rule_id=FIL-V1&state=raised&auto=true&limit=5",
        f"/v1/access?kind=refusal&person=JB-002&unit=MRB&about_person={PERSON}",
        f"/v1/deadlines?about=entity:{E_A}&due_before=2026-05-01",
        "/v1/scores?year=2026",
        "/v1/entities?name=withheld",
    ):
        await looked(world, path)
        assert (await asked_for(world))[-1] == path


async def test_only_a_token_finds_a_person(world: World) -> None:
    """Of any other word there is no document, and no look at one."""
    for word in (NUMBER, NAME, "OFF-001", PERSON):
        assert await looked(world, f"/v1/persons/{word}") == 404
    for word in (NUMBER, NAME, "OFF-001"):
        assert await looked(world, f"/v1/access?about_person={word}") == 400


async def test_what_cannot_be_read_back_is_not_written(world: World) -> None:
    """A question about something that is no business's id is taken down without one."""
    response = await world.client.get(
        "/v1/entities/%F0%9F%8D%9C%20x/profile" + "?known_as_of=" + "9" * 3000,
        headers={"Authorization": f"Bearer {world.tokens['JB']}"},
    )
    assert response.status in (400, 404)

    (asked, _) = await told(world, kind="consultation")

    assert "entity" not in asked["body"]
    assert len(asked["body"]["asked"]) < 1_100


@pytest.mark.parametrize("who", ["MRB head", "EDB", "E-A"])
async def test_it_is_for_supervisors(world: World, who: str) -> None:
    """Nobody else learns who was refused or what a supervisor looks at."""
    response = await world.client.get(
        "/v1/access", headers={"Authorization": f"Bearer {world.tokens[who]}"}
    )

    assert response.status == 403


async def test_pages(world: World) -> None:
    """It is read in order, page by page."""
    for _ in range(3):
        await world.get("JB", "/v1/units")

    first = await told(world, kind="consultation", limit=2)
    rest = await told(world, kind="consultation", after=first[-1]["position"])

    assert [one["position"] for one in first] == [1, 2]
    assert rest[0]["position"] == 3


class TestWhoMayKnow:
    """A line is shown to whoever may know its subjects, and to nobody else (2.17)."""

    @pytest.fixture
    async def sealed(self, world: World) -> World:
        """A sealed complaint and a planned visit: 司法局 reads both, 依法治区办 neither."""
        world.at("2026-03-16")
        await world.given_matter("M-101")
        await world.given_plan([3, 5])
        await world.send(
            "E-A",
            "complaints/receive-complaint",
            complaint="CMP-1",
            entity=E_A,
            channel="web",
            subject_unit="MRB",
            facts="来了两个人",
            anonymous=False,
            handled_by="JB",
        )
        task = world.task("T-1", E_A, "2026-05-11", prescribed_by=PRESCRIBED)
        await world.send("MRB head", "filing/approve-task", **task)
        return world

    LOOKS = ("/v1/complaints/CMP-1", "/v1/inspections/T-1/trail", "/v1/feed?subject=task:T-1")

    async def lines(self, world: World, who: str, **query: Any) -> list[dict[str, Any]]:
        found = (await world.get(who, "/v1/access", limit=500, **query))["items"]
        return [one for one in found if one["body"].get("route") != "/v1/access"]

    async def test_looks(self, sealed: World) -> None:
        """What the bureau looked at that is sealed is not in what the others read of it."""
        for path in self.LOOKS:
            await looked(sealed, path)
        await looked(sealed, f"/v1/entities/{E_A}/profile")
        bureau = [one["body"]["asked"] for one in await self.lines(sealed, "JB", person="JB-002")]
        assert bureau == [*self.LOOKS, f"/v1/entities/{E_A}/profile"]
        others = [one["body"]["asked"] for one in await self.lines(sealed, "RLO", person="JB-002")]
        assert others == [f"/v1/entities/{E_A}/profile"]

    async def test_who_is_named_in_sealed_events_alone(self, sealed: World) -> None:
        """A unit, a business or a person whom one reads of in confidence others read nowhere."""
        complaint = ComplaintReceived(
            complaint="CMP-9",
            unit="JB",
            subject_unit="UNHEARD",
            channel="web",
            facts="两名工作人员",
            anonymous=True,
        )
        reporter = Actor(unit_id="ENTITY", person_id="REP-UNHEARD", role="entity_rep")
        sealed.service.ledger.execute(Record(facts=(complaint,)), reporter)
        headers = {"Authorization": f"Bearer {sealed.tokens['RLO']}"}
        for name in ("UNHEARD", "REP-UNHEARD", "NEVER"):
            await sealed.client.get(f"/v1/access?person={name}&unit={name}", headers=headers)
            await looked(sealed, f"/v1/findings?unit={name}")
            await looked(sealed, f"/v1/access?person={name}")
        bureau = await self.asked(sealed, "JB", "JB-002")
        assert bureau == [
            f"/v1/{page}={name}"
            for name in ("UNHEARD", "REP-UNHEARD", "withheld")
            for page in ("findings?unit", "access?person")
        ]
        withheld = "/v1/access?person=withheld&unit=withheld"
        assert (await self.asked(sealed, "RLO", "RLO-001"))[:3] == [withheld] * 3
        assert "UNHEARD" not in str(await self.asked(sealed, "RLO", "JB-002"))

    async def asked(self, world: World, who: str, by: str) -> list[str]:
        found = await world.get(who, "/v1/access", limit=500, person=by, kind="consultation")
        return [one["body"]["asked"] for one in found["items"]]

    async def test_refusals(self, sealed: World) -> None:
        """A refusal of something planned tells of it, and so does the rule that refused it."""
        await sealed.refused("SUP-R1", "MRB head", "filing/approve-task",
                             **sealed.task("T-2", E_A, "2026-05-12"))  # fmt: skip
        assert [one["body"]["rule"] for one in await self.lines(sealed, "JB", kind="refusal")] == [
            "SUP-R1"
        ]
        for query in ({}, {"kind": "refusal"}, {"entity": E_A}, {"unit": "MRB"}):
            assert await self.lines(sealed, "RLO", **query) == []

    async def test_a_subject_that_was_never_hidden(self, sealed: World) -> None:
        """A case is the supervisors': who was refused about it is told to them all."""
        await sealed.send("MRB head", "penalties/file-case", **sealed.case("CASE-1", E_A))
        notice = sealed.notice("CASE-1", 20_000_000)  # which has to tell of the hearing
        await sealed.refused("PEN-R1", "MRB officer", "penalties/serve-prior-notice", **notice)
        for who in ("JB", "RLO"):
            (line,) = await self.lines(sealed, who, kind="refusal")
            assert (line["body"]["rule"], line["body"]["unit"]) == ("PEN-R1", "MRB")

    async def test_pages_follow(self, sealed: World) -> None:
        """Pages are as long as what the reader may see, and go on only where there is more."""
        for _ in range(3):
            for path in self.LOOKS:
                await looked(sealed, path)
            await looked(sealed, "/v1/units")
        headers = {"Authorization": f"Bearer {sealed.tokens['RLO']}"}
        url, met = "/v1/access?person=JB-002&limit=2", []
        for _ in range(2):
            async with sealed.client.get(url, headers=headers) as page:
                met.append([one["body"]["asked"] for one in (await page.json())["items"]])
                link = page.headers.get("Link")
                url = link.partition("<")[2].partition(">")[0] if link else ""
        assert met == [["/v1/units"] * 2, ["/v1/units"]]
        assert not url

    async def test_the_subjects_are_not_shown(self, sealed: World) -> None:
        """Which subjects a line has is for deciding who reads it, and in no answer."""
        for path in self.LOOKS:
            await looked(sealed, path)
        for one in await self.lines(sealed, "JB"):
            assert not {"subjects", "withheld_from"} & one["body"].keys()


async def test_a_trial_is_taken_down(world: World) -> None:
    """Who was told what a command would record, although it recorded nothing."""
    await world.given_matter("M-101")
    await world.given_plan([3])
    task = world.task("T-1", E_A, "2026-03-26", prescribed_by=PRESCRIBED)
    headers = {"Authorization": f"Bearer {world.tokens['MRB head']}"}
    path = "/v1/filing/approve-task?dry_run=true"
    tried = await world.client.post(path, json=task, headers=headers)
    assert tried.status == 200, await tried.text()

    (trial,) = await told(world, kind="trial")

    assert trial["type"] == "access.command-tried"
    assert trial["actor"]["person_id"] == "HEAD-MRB"
    assert (trial["body"]["command"], trial["body"]["entity"]) == ("ApproveTask", E_A)
    assert await told(world, kind="trial", unit="MRB", entity=E_A) == [trial]
    # A refused trial is a refusal.
    unfounded = world.task("T-2", E_A, "2026-03-26")
    refused = await world.client.post(path, json=unfounded, headers=headers)
    assert refused.status == 422
    assert len(await told(world, kind="trial")) == 1
    assert len(await told(world, kind="refusal")) == 1


async def test_a_file_is_taken_down_whichever_way_it_is_asked_for(world: World) -> None:
    """Ten thousand rows asked for by ``Accept`` are no page of fifty."""
    headers = {"Authorization": f"Bearer {world.tokens['JB second']}"}
    for path, accept in (
        ("/v1/entities.csv?limit=5", "*/*"),
        ("/v1/entities?limit=5", "text/csv"),
        ("/v1/entities", "application/json"),
        ("/v1/events/search.ndjson?proofs=false", "*/*"),
        ("/v1/events/search?proofs=false", "application/x-ndjson"),
    ):
        async with world.client.get(path, headers={**headers, "Accept": accept}) as answer:
            assert answer.status == 200

    assert await asked_for(world) == [
        "/v1/entities.csv?limit=5",
        "/v1/entities.csv?limit=5",
        "/v1/entities",
        "/v1/events/search.ndjson?proofs=false",
        "/v1/events/search.ndjson?proofs=false",
    ]

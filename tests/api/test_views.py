"""What is answered from views and trails: to whom, as of when, and page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.views import RESOURCES, readiness
from ledger.general.findings import FindingRaised
from ledger.kernel import Ledger
from ledger.systems.catalogue.events import OfficerCertified
from ledger.systems.complaints.events import ComplaintAccepted, ComplaintReceived, ComplaintResolved
from ledger.systems.entities.events import EntityRegistered, EntityRevised, Identity
from ledger.systems.supervision.events import (
    FindingTriaged,
    SupervisionDocAnswered,
    SupervisionDocIssued,
)
from projections.follower import Follower
from projections.opening import open_views
from tests.empty import lay_views
from tests.projections.facts import E1, E2, E3, Past, calendar, caps, inspection, policy, task
from tests.projections.test_profiles import ended, grade, opened, record, started

PROFILE = f"/v1/entities/{E1}/profile"


@pytest.fixture
def past(ledger: Ledger) -> Past:
    return Past(ledger.recorder)


@pytest.fixture
def follower(ledger: Ledger, tmp_path: Path) -> Iterator[Follower]:
    lay_views(tmp_path / "ledger.db")
    views = open_views(f"sqlite:///{tmp_path / 'ledger.db'}")
    with Follower(ledger.recorder, views) as opened_follower:
        opened_follower.start()
        yield opened_follower
    views.close()


@pytest.fixture
async def face(make_face: Callable[..., Any], follower: Follower) -> Any:
    return await make_face(views=follower, resources=RESOURCES, readiness=readiness(follower))


@pytest.fixture
def rep(face: Any) -> str:
    """A token of the business itself."""
    return str(face.tokens.create("E1", "P-REP", "entity_rep", entity=E1))


async def get(face: Any, path: str, token: str | None = None, status: int = 200) -> Any:
    wait = {"X-Position-AtLeast": str(face.head())} if "/trail" in path else {}
    answer = await face.get(path, token, headers=wait)
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_three_readers_three_documents(face: Any, past: Past, rep: str) -> None:
    """The public, the business and the authorities are each shown their own."""
    past.add(EntityRegistered(entity=E1, identity=Identity(name="Wan He", area="P1")))
    past.add(grade("C", "2026-03-01"))
    past.add(caps())
    last = past.add(task("T-1"))
    at = f"{PROFILE}?at_least={last}"
    public = await get(face, at)
    assert "grade" not in public
    assert "caps" not in public
    own = await get(face, at, rep)
    assert own["caps"] == []  # nobody has told it of the visit
    assert "upcoming_visits" not in own
    assert "findings" not in own
    official = await get(face, at, face.mrb)
    assert (official["upcoming_visits"], official["caps"][0]["used"]) == (1, 1)
    # Of another unit's plans nobody learns.
    emb = await get(face, at, face.tokens.create("EMB", "P", "unit_head"))
    assert (emb["upcoming_visits"], emb["caps"], emb["grade"]) == (0, [], "C")
    for role in ("credit_officer", "rlo_assessor", "recon_officer"):
        seen = await get(face, at, face.tokens.create("RLO", role, role))
        assert "upcoming_visits" not in seen
        assert seen["caps"] == []
    assert (await get(face, at, face.jb))["upcoming_visits"] == 1
    other = face.tokens.create("E2", "P", "entity_rep", entity=E2)
    assert await get(face, at, other) == public


async def test_profile_etag(face: Any, past: Past) -> None:
    """The ETag changes with the document; what has not changed is not sent."""
    past.add(inspection("I-1"), "2015-05-04")
    past.add(inspection("I-2", E2), "2015-05-04")
    answer = await face.get(f"{PROFILE}?at_least=2")
    etag = answer.headers["ETag"]
    assert answer.headers["X-Position"] == "2"
    again = await face.get(PROFILE, headers={"If-None-Match": etag})
    assert again.status == 304
    seen = {etag}
    for number in range(3, 9):
        # Each change reaches the very next read that asks for it, though documents are kept ready.
        past.add(inspection(f"I-{number}"), "2015-05-05")
        answer = await face.get(f"{PROFILE}?at_least={number}", headers={"If-None-Match": etag})
        assert answer.headers["X-Position"] == f"{number}"
        assert len((await answer.json())["inspections"]) == number - 1
        seen.add(answer.headers["ETag"])
    assert len(seen) == 7
    assert (await face.get(f"{PROFILE}?at_least=999999")).status == 425


async def test_nobody_known(face: Any) -> None:
    """An unknown business is 404 on every resource about it."""
    for path in ("profile", "trail", "profile?valid_as_of=2026-01-01"):
        await get(face, f"/v1/entities/{E3}/{path}", face.jb, 404)
    await get(face, f"/v1/entities/{E3}/replay", face.jb, 404)


async def test_profile_as_of(face: Any, past: Past) -> None:
    """Two axes over HTTP: the grade on a day, as known at a moment."""
    past.add(grade("D", "2026-03-02"), "2026-03-02")
    past.add(grade("B", "2026-03-02"), "2026-07-03")
    known = "known_as_of=2026-06-01T23:59:59%2B08:00"
    path = f"{PROFILE}?valid_as_of=2026-06-01"
    assert (await get(face, f"{path}&{known}", face.jb))["grade"] == "D"
    assert (await get(face, path, face.jb))["grade"] == "B"
    await get(face, f"{PROFILE}?valid_as_of=soon", face.jb, 400)
    await get(face, f"{PROFILE}?known_as_of=2026-06-01", face.jb, 400)
    await get(face, f"{PROFILE}?valid=2026-06-01", face.jb, 400)


async def test_replay_over_http(face: Any, past: Past, rep: str) -> None:
    """Steps, omissions and hypotheses; not for the public, nor for another business."""
    past.add(record())
    past.add(started())
    past.add(FindingRaised(finding_id="F-1", type="x", rule_id="FIL-V1", auto=True, entity=E1))
    path = f"/v1/entities/{E1}/replay?at_least=3"
    shown = await get(face, path, face.jb)
    assert [step["position"] for step in shown["steps"]] == [1, 2, 3]
    assert shown["steps"][2]["rule_id"] == "FIL-V1"
    # The business learns nothing of findings against a unit.
    own = await get(face, path, rep)
    assert [step["position"] for step in own["steps"]] == [1, 2]
    left = await get(face, f"{path}&without=CR-1", face.jb)
    assert (left["profile"]["records"], left["left_out"]) == ([], [1, 2])
    imagined = await get(face, f"{path}&as_if_repaired=CR-1@2026-08-01", face.jb)
    assert imagined["profile"]["records_ended"] == {"repaired": 1}
    assert (await get(face, f"{path}&to_position=1", face.jb))["position"] == 1
    await get(face, f"{path}&as_if_repaired=CR-1", face.jb, 400)
    await get(face, f"{path}&as_if_repaired=CR-1@0001-01-01", face.jb, 400)
    await get(face, f"{path}&as_if_repaired=CR-9@2026-08-01", face.jb, 404)
    await get(face, path, None, 403)
    other = face.tokens.create("E2", "P", "entity_rep", entity=E2)
    await get(face, path, other, 403)


async def test_trail_shows_both_values(face: Any, past: Past) -> None:
    """A corrected event is shown as recorded, and what it says now beside it."""
    past.add(inspection("reg/1", score=90), "2015-05-04", known="2016-02-02")
    past.correct(1, "/body/score", 90, 78, "2017-12-23", known="2017-12-23")
    shown = await get(face, f"/v1/entities/{E1}/trail", face.jb)
    first, second = shown["entries"]
    assert (first["body"]["score"], first["now"]["score"]) == (90, 78)
    assert first["corrected_by"] == [2]
    assert first["provenance"]["source"] == "reg"
    assert second["type"] == "corrections.record-corrected"
    then = await get(face, f"/v1/entities/{E1}/trail?known_as_of=2016-06-01T00:00:00Z", face.jb)
    assert [e.get("now") for e in then["entries"]] == [None]
    assert (await get(face, "/v1/inspections/reg/1/trail"))["entries"][0]["position"] == 1


async def test_trail_is_seen_in_part(face: Any, past: Past) -> None:
    """A token is shown what it may see; whoever may see nothing finds nothing there."""
    past.add(task("T-1"))
    past.add(inspection("I-1"), "2015-05-04")
    path = f"/v1/entities/{E1}/trail"
    assert [e["position"] for e in (await get(face, path))["entries"]] == [2]
    assert [e["position"] for e in (await get(face, path, face.mrb))["entries"]] == [1, 2]
    await get(face, "/v1/inspections/T-1/trail", None, 404)
    assert len((await get(face, "/v1/officers/OFF-001/trail", face.jb))["entries"]) == 2
    assert len((await get(face, "/v1/officers/OFF-002/trail", face.jb))["entries"]) == 1
    assert len((await get(face, "/v1/matters/M-101/trail", face.mrb))["entries"]) == 1
    assert len((await get(face, "/v1/units/MRB/trail", face.mrb))["entries"]) == 1


async def test_each_entry_of_a_trail_can_be_proved(face: Any, past: Past) -> None:
    """An entry names the leaf hash of the stored bytes, and where their inclusion is proved."""
    past.add(task("T-1"))
    past.add(inspection("I-1"), "2015-05-04")
    past.unreadable("filing.inspection-cancelled", [f"entity:{E1}"])
    entries = (await get(face, f"/v1/entities/{E1}/trail", face.jb))["entries"]
    stored = list(past.recorder.read())
    assert [e["hash"] for e in entries] == [
        sha256(b"\x00" + one.event.data).hexdigest() for one in stored
    ]
    assert [e["proof"] for e in entries] == [f"/v1/events/{n}/proof" for n in (1, 2, 3)]


async def test_what_came_of_complaints_about_an_officer(face: Any, past: Past) -> None:
    """The Justice Bureau counts them; others do not learn that an officer was named (CMP-R2)."""
    certified = OfficerCertified(
        officer="OFF-001",
        unit="MRB",
        cert_no="C-1",
        valid_from=date(2024, 1, 1),
        valid_to=date(2027, 1, 1),
        domains=("food_drug",),
    )
    past.add(certified)
    for number, outcome in enumerate(("substantiated", "partly", "no", None, "substantiated"), 1):
        of_it: dict[str, Any] = {
            "complaint": f"CMP-{number}",
            "unit": "JB",
            "subject_unit": "MRB",
        }
        # The last names somebody else, of whom nothing but that is recorded.
        named = ("OFF-009",) if number == 5 else ("OFF-001",)
        past.add(
            ComplaintReceived(**of_it, channel="web", facts="x", anonymous=True, officers=named)
        )
        past.add(ComplaintAccepted(**of_it, allegation="x"))
        last = past.add(ComplaintResolved(**of_it, outcome=outcome)) if outcome else past.last
    at = f"at_least={last}"
    seen = await get(face, f"/v1/officers/OFF-001?{at}", face.jb)
    assert seen["complaints"] == {
        "substantiated": 1,
        "partly": 1,
        "no": 1,
        "not_accepted": 0,
        "open": 1,
    }
    own = await get(face, f"/v1/officers/OFF-001?{at}", face.mrb)
    assert own["certificates"][0]["cert_no"] == "C-1"
    assert "complaints" not in own
    assert (await get(face, f"/v1/officers/OFF-009?{at}", face.jb))["complaints"][
        "substantiated"
    ] == 1
    credit = face.tokens.create("EDB", "P-EDB", "credit_officer")
    await get(face, f"/v1/officers/OFF-009?{at}", credit, 404)


async def test_trail_by_pages(face: Any, past: Past) -> None:
    """Following the links gives every event once, in order, however many may not be seen."""
    for number in range(25):
        past.add(inspection(f"I-{number}") if number % 3 else task(f"T-{number}"))
    found: list[int] = []
    path: str | None = f"/v1/entities/{E1}/trail?limit=4&at_least=25"
    while path:
        answer = await face.get(path)
        found += [e["position"] for e in (await answer.json())["entries"]]
        link = answer.headers.get("Link")
        path = link.split(">")[0].lstrip("<") if link else None
    assert found == [n + 1 for n in range(25) if n % 3]
    await get(face, f"/v1/entities/{E1}/trail?limit=0", None, 400)
    await get(face, f"/v1/entities/{E1}/trail?after=x", None, 400)


async def test_search(face: Any, past: Past) -> None:
    """Businesses are found by how their name begins, in any case and script, page by page."""
    for entity, name in ((E1, "兰州万和"), (E2, "Wan He_1"), (E3, "wan he%2")):
        past.add(EntityRegistered(entity=entity, identity=Identity(name=name, area="P1")))
    at = "at_least=3"
    assert [e["entity"] for e in (await get(face, f"/v1/entities?name=兰州&{at}"))["items"]] == [E1]
    page = await face.get(f"/v1/entities?name=WAN&limit=1&{at}")
    assert [e["entity"] for e in (await page.json())["items"]] == [E2]
    path = page.headers["Link"].split(">")[0].lstrip("<")
    assert [e["entity"] for e in (await get(face, path))["items"]] == [E3]
    assert (await get(face, "/v1/entities?name=%25"))["items"] == []
    assert "grade" not in (await get(face, "/v1/entities"))["items"][0]
    assert len((await get(face, "/v1/entities?area=P1&listed=true", face.jb))["items"]) == 3
    await get(face, "/v1/entities?name=", None, 400)


async def test_any_part_of_a_name_finds_a_business(face: Any, past: Past) -> None:
    """Characters, initials and former names; a row of hidden documents is not found."""
    names = {E1: "兰州新区春禾商贸有限公司", E2: "兰州新区丰华（集团）有限公司", E3: "重庆银行"}
    for entity, name in names.items():
        past.add(EntityRegistered(entity=entity, identity=Identity(name=name, area="P1")))
    renamed = Identity(name="甘肃瑞德集团", area="P1")
    last = past.add(EntityRevised(entity=E2, identity=renamed, reason="更名"))

    async def found(q: str, **more: str) -> list[str]:
        query = {"q": q, "at_least": str(last), **more}
        answer = await face.get("/v1/entities", params=query)
        return [one["entity"] for one in (await answer.json())["items"]]

    for q, wanted in {
        "春": [E1],
        "春禾": [E1],
        "新区": sorted([E1, E2]),
        "lzxqch": [E1],
        "LZXQ fh": [E2],
        "丰华(集团)": [E2],
        "瑞德": [E2],
        "cqyh": [E3],
        "zqyx": [E3],
        E1[8:].lower(): [E1],
        "春禾 瑞德": [],
        "_": [],
    }.items():
        assert await found(q) == wanted, q
    assert await found("公司", sort="-id") == sorted([E1, E2])[::-1]
    answer = await face.get("/v1/entities", params={"q": "丰华", "total": "true"})
    body = await answer.json()
    assert (body["items"][0]["former_name"], body["total"]) == (True, 1)


async def test_pages_stay_whole_while_events_arrive(face: Any, past: Past) -> None:
    """What was there at the first page is shown once, whatever is recorded between the pages."""
    for number in range(12):
        raised = FindingRaised(
            finding_id=f"F-{number:02}", type="x", rule_id="FIL-V1", auto=True, unit="MRB"
        )
        past.add(raised, f"2026-03-{1 + number // 3:02}")
    for sort in ("raised_on", "-raised_on", "id", "-id"):
        there = {f"F-{number:02}" for number in range(12)}
        seen: list[str] = []
        query = {"sort": sort, "limit": "2", "at_least": str(past.last)}
        for step in range(30):
            answer = await face.get("/v1/findings", params=query, token=face.jb)
            page = await answer.json()
            seen += [one["finding"] for one in page["items"]]
            assert ("next" in page) == ("next" in answer.links)
            if "next" not in page:
                break
            raised = FindingRaised(
                finding_id=f"F-{sort}-{step}", type="x", rule_id="FIL-V1", auto=True, unit="MRB"
            )
            past.add(raised, f"2026-03-{1 + step % 6:02}")
            query |= {"after": page["next"], "at_least": str(past.last)}
        assert len(seen) == len(set(seen))
        assert there <= set(seen)


async def test_findings(face: Any, past: Past) -> None:
    """A unit sees its own findings, a supervisor all, the public none."""
    for number, unit in enumerate(("MRB", "EMB", "MRB")):
        past.add(
            FindingRaised(
                finding_id=f"F-{number}", type="unfiled", rule_id="FIL-V1", auto=True, unit=unit
            )
        )
    past.add(FindingTriaged(finding_id="F-0", assessment="real"))
    path = "/v1/findings?at_least=4"
    ids = [f["finding"] for f in (await get(face, path, face.jb))["items"]]
    assert ids == ["F-2", "F-1", "F-0"]  # the latest first
    assert [f["finding"] for f in (await get(face, path, face.mrb))["items"]] == ["F-2", "F-0"]
    triaged = await get(face, f"{path}&state=triaged", face.jb)
    assert [f["assessment"] for f in triaged["items"]] == ["real"]
    assert triaged["items"][0]["age_days"] > 0
    assert (await get(face, "/v1/findings/F-1", face.jb))["unit"] == "EMB"
    await get(face, "/v1/findings/F-1", face.mrb, 404)
    await get(face, "/v1/findings/F-9", face.jb, 404)
    await get(face, path, None, 403)
    await get(face, f"{path}&state=lost", face.jb, 400)
    assert len((await get(face, "/v1/findings/F-0/trail", face.jb))["entries"]) == 2


async def test_deadlines(face: Any, past: Past) -> None:
    """Deadlines are filtered by state, day, unit; a unit sees its own."""
    past.add(policy("supervision.response_wd", 5, "wd"))
    past.add(calendar(2026))
    for number, unit in enumerate(("MRB", "EMB")):
        past.add(
            SupervisionDocIssued(
                document=f"SD-{number}", kind="notice", unit=unit, doc_no="1", demands=("说明",)
            ),
            "2026-03-16",
        )
    answer = SupervisionDocAnswered(document="SD-0", unit="MRB", response="已改正")
    last = past.add(answer, "2026-03-17")
    path = f"/v1/deadlines?at_least={last}"
    items = (await get(face, path, face.jb))["items"]
    assert [(d["about"], d["state"], d["due_on"]) for d in items] == [
        ("supdoc:SD-0", "done", "2026-03-23"),
        ("supdoc:SD-1", "open", "2026-03-23"),
    ]
    assert len((await get(face, f"{path}&overdue=true", face.jb))["items"]) == 1
    assert len((await get(face, f"{path}&due_before=2026-03-23", face.jb))["items"]) == 0
    assert len((await get(face, f"{path}&state=done", face.mrb))["items"]) == 1
    assert len((await get(face, f"{path}&unit=EMB", face.mrb))["items"]) == 0
    await get(face, f"{path}&state=late", face.jb, 400)
    await get(face, path, None, 403)


async def test_policies_tasks_and_the_rest(face: Any, past: Past, rep: str) -> None:
    """The small views answer by key and in pages, each to whom it may."""
    past.add(caps(1))
    past.add(caps(3, version=2, since="2099-01-01"))
    past.add(task("T-1"))
    past.add(task("T-2"))
    last = past.add(opened("T-2"), "2026-03-20")
    at = f"at_least={last}"
    shown = await get(face, f"/v1/policies/visit_cap?{at}")
    assert (shown["in_force"], len(shown["versions"])) == (1, 2)
    assert (await get(face, "/v1/policies?on=2099-02-01"))["items"][0]["in_force"] == 2
    await get(face, "/v1/policies/none", None, 404)
    tasks = (await get(face, f"/v1/tasks?{at}", face.mrb))["items"]
    assert [t["stage"] for t in tasks] == ["opened", "approved"]
    assert [t["task"] for t in (await get(face, f"/v1/tasks?{at}", rep))["items"]] == ["T-2"]
    await get(face, "/v1/tasks/T-1", rep, 404)  # a planned visit is sealed until it begins
    assert (await get(face, "/v1/tasks/T-2", rep))["stage"] == "opened"
    # Of a visit that has opened everybody reads who was where, and no more.
    told = await get(face, "/v1/tasks/T-2", None)
    assert told.keys() == {"task", "unit", "entity", "matters", "opened_on", "stage"}
    assert (await get(face, f"/v1/officers/OFF-001?{at}", face.jb))["visits"] == 1
    for path in ("/v1/matters", "/v1/plans", "/v1/units"):
        assert (await get(face, path))["items"] == []
    for path in ("/v1/matters/M", "/v1/plans/P"):
        await get(face, path, None, 404)


async def test_readiness_names_a_stopped_view(face: Any, past: Past, follower: Follower) -> None:
    """A view that stopped makes the process unready, and says where it stopped."""
    past.add(task("T-1"))
    position = past.unreadable("filing.inspection-cancelled", ["task:T-1"])
    follower.wait_for(position, 5)
    answer = await face.get("/readyz", face.operator)
    parts = (await answer.json())["parts"]
    assert parts["tasks"]["ready"] is False
    assert f"stopped at position {position}" in parts["tasks"]["detail"]
    assert parts["findings"]["ready"] is True


async def test_ready_means_not_far_behind(
    make_face: Callable[..., Any], past: Past, follower: Follower
) -> None:
    """A view that lags more than is allowed makes it unready; answers say how far the view is."""
    face = await make_face(views=follower, resources=RESOURCES, readiness=readiness(follower, 5))
    past.add(task("T-0"))
    assert follower.wait_for(1, 60)
    with follower._turn:  # it cannot go on meanwhile
        for n in range(1, 7):
            past.add(task(f"T-{n}"))
            answer = await face.get("/readyz", face.operator)
            parts = (await answer.json())["parts"]
            assert parts["tasks"]["lag"] == n
            assert (answer.status, parts["tasks"]["ready"]) == (
                (200, True) if n <= 5 else (503, False)
            )
        listed = await face.get("/v1/tasks", face.jb)
        assert (listed.headers["X-View-Position"], len((await listed.json())["items"])) == ("1", 1)
    assert follower.wait_for(7, 60)
    assert (await face.get("/readyz")).status == 200
    for path in ("/v1/tasks", "/v1/tasks/T-3", "/v1/findings"):
        assert (await face.get(path, face.jb)).headers["X-View-Position"] == "7"


async def test_a_repaired_record_leaves_the_public(face: Any, past: Past) -> None:
    """Scenario S15: after the repair the public sees no record, the audit sees all of it."""
    past.add(EntityRegistered(entity=E1, identity=Identity(name="Wan He")))
    past.add(record())
    past.add(started())
    assert len((await get(face, f"{PROFILE}?at_least=3"))["records"]) == 1
    past.add(ended())
    assert (await get(face, f"{PROFILE}?at_least=4"))["records"] == []
    trail = await get(face, "/v1/records/CR-1/trail", face.jb)
    assert len(trail["entries"]) == 3
    assert date.fromisoformat(trail["entries"][2]["body"]["terminated_on"]) == date(2026, 7, 27)

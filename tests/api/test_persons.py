"""Natural persons over HTTP: sealed at the edge, opened for few, each look taken down, erased."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import structlog

from api.running.logs import LogWriter, configure_logging
from api.service import Service
from ledger.opening import sibling
from ledger.verification import verify_records
from tests.cast import E_A
from tests.scenarios.world import PRESCRIBED, World

NAME, CONTACT, NUMBER = "欧阳震华", "兰州新区纬一路七号 13909310042", "620102199001011233"
PIPL = [{"instrument": "个人信息保护法", "article": "Art. 47"}]


@pytest.fixture
def log() -> Iterator[BytesIO]:
    """The JSON log, down to the last line."""
    out = BytesIO()
    writer: LogWriter = configure_logging(out, level=0)
    out.finish = lambda: writer.settle(5)  # type: ignore[attr-defined]
    yield out
    writer.close()
    structlog.reset_defaults()


@pytest.fixture
async def world(tmp_path: Path, log: BytesIO) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        create = world.service.tokens.create
        world.tokens |= {
            "JB of MRB": create("MRB", "JB-AT-MRB", "jb_supervisor"),
            "JB accused": create("JB", "OFF-001", "jb_supervisor"),
        }
        await world.given_region()
        yield world


async def register(world: World, who: str = "JB", **changed: Any) -> str:
    """Take down who somebody is; the token."""
    body = {"name": NAME, "contact": CONTACT, "id_number": NUMBER} | changed
    answer = await world.send(who, "persons/register-person", **body)
    token: str = answer["events"][0]["body"]["person"]
    return token


async def complain(world: World, person: str, **changed: Any) -> None:
    """The person complains of MRB, at the Justice Bureau."""
    await world.send(
        "JB",
        "complaints/receive-complaint",
        **{
            "complaint": "CMP-1",
            "channel": "window",
            "subject_unit": "MRB",
            "handled_by": "JB",
            "facts": "两人入企未亮码",
            "anonymous": False,
            "entity": E_A,
            "complainant": person,
            "officers": ["OFF-001"],
        }
        | changed,
    )


async def ask(world: World, who: str, person: str) -> Any:
    """The document about a person; its status where there is none."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    response = await world.client.get(f"/v1/persons/{person}", headers=headers)
    return await response.json() if response.status == 200 else response.status


def spellings(text: str) -> list[bytes]:
    """A text in every form in which it might lie somewhere."""
    found = [text.encode(code) for code in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")]
    escaped = text.encode("ascii", "backslashreplace")
    hexed = [form for one in found for form in (one.hex().encode(), one.hex().upper().encode())]
    coded = [_coded(one, skip) for one in found for skip in (0, 1, 2)]
    return [*found, escaped, *hexed, *coded]


def _coded(text: bytes, skip: int) -> bytes:
    """The base64 digits that the text alone decides, ``skip`` bytes after a group of three."""
    digits = b64encode(b"\0" * skip + text + b"\0\0")
    return digits[-(-8 * skip // 6) : 8 * (skip + len(text)) // 6]


def lies_in(folder: Path, *texts: bytes) -> list[str]:
    """The files of a folder that hold any of the texts."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(text in path.read_bytes() for text in texts)
    ]


def settled(world: World, log: BytesIO) -> bytes:
    """The log, once the views have caught up and every line is written."""
    assert world.service.follower.wait_for(world.recorder.head(), 60)
    log.finish()  # type: ignore[attr-defined]
    return log.getvalue()


def backed_up(folder: Path, to: Path) -> None:
    """A copy of every database of a ledger, as SQLite makes it."""
    to.mkdir()
    for path in folder.glob("*.db"):
        with (
            closing(sqlite3.connect(path)) as original,
            closing(sqlite3.connect(to / path.name)) as copy,
        ):
            original.backup(copy)


async def test_a_name_is_nowhere_before_and_after(
    world: World, log: BytesIO, tmp_path: Path
) -> None:
    """In no byte of any file or log line, whatever was done with it; and the key in none after."""
    forms = [form for text in (NAME, CONTACT, NUMBER) for form in spellings(text)]
    planted = tmp_path / "planted"
    planted.write_bytes(b"..." + b64encode(b"x" + NAME.encode("gb18030") + b"yy") + b"...")
    assert lies_in(tmp_path, *forms) == ["planted"], "the search finds what is there"
    planted.unlink()
    headers = {"Authorization": f"Bearer {world.tokens['JB']}", "Idempotency-Key": "k-1"}
    body = {"name": NAME, "contact": CONTACT, "id_number": NUMBER}
    answers = [
        await world.client.post("/v1/persons/register-person", json=sent, headers=headers)
        for sent in (body, body, body | {"name": NAME + "二"})
    ]
    assert [answer.status for answer in answers] == [201, 200, 422]
    first = await answers[0].json()
    assert (await answers[1].json())["events"] == first["events"]
    person = first["events"][0]["body"]["person"]
    # Whatever goes wrong on the way says nothing of it either.
    for broken in ({"id_number": "620102199001011239"}, {"name": 7}, {"sealed": {}}):
        await world.send("JB", "persons/register-person", expect=400, **body | broken)
    await world.send("E-A", "persons/register-person", expect=403, **body)
    await complain(world, person)
    refusal = await world.refused(
        "PII-R1",
        "JB",
        "persons/erase-person",
        person=person,
        reason="consent_withdrawn",
        legal_basis=PIPL,
    )
    assert "CMP-1" in refusal["detail"]
    assert (await ask(world, "JB", person))["name"] == NAME
    assert (await ask(world, "E-A", person)) == 404
    said = settled(world, log)
    assert b"register-person" in said
    assert not [form for form in forms if form in said]
    assert lies_in(tmp_path, *forms) == []
    vault = world.service.vault
    secret = vault.secret(person)
    assert secret is not None
    pieces = [secret[:16], secret[16:32], secret[32:48], secret[48:]]
    assert lies_in(tmp_path, *pieces) == ["ledger.db.vault.db"]

    await world.send(
        "JB", "complaints/refuse-complaint", complaint="CMP-1", reason="-", feedback_text="已告知"
    )
    await world.send(
        "JB",
        "persons/erase-person",
        person=person,
        reason="consent_withdrawn",
        legal_basis=PIPL,
    )
    backed_up(tmp_path, tmp_path / "backup")
    said = settled(world, log)
    assert lies_in(tmp_path, *forms, *pieces, b64encode(secret), secret.hex().encode()) == []
    assert not [form for form in (*forms, *pieces) if form in said]
    assert verify_records(world.recorder).faults == ()
    assert world.rebuilt() == []
    gone = await ask(world, "JB", person)
    assert (gone["stage"], gone["reason"]) == ("erased", "consent_withdrawn")
    assert not {"name", "contact", "id_number"} & gone.keys()
    # The complaint stands as it stood, by its token; what is sent again finds nobody.
    assert (await world.get("JB", "/v1/complaints/CMP-1"))["complainant"] == person
    again = await world.client.post("/v1/persons/register-person", json=body, headers=headers)
    assert again.status == 409
    repeated = await world.send(
        "JB",
        "persons/erase-person",
        expect=200,
        person=person,
        reason="consent_withdrawn",
        legal_basis=PIPL,
    )
    assert repeated["events"] == []


async def test_CMP_R2_who_reads_a_complainant(world: World) -> None:
    """The Justice Bureau, who handles it and the person; never the accused, wherever they sit."""
    person = await register(world)
    world.tokens["person"] = world.service.tokens.create("PUBLIC", person, "public")
    assert (await ask(world, "JB of MRB", person))["contact"] == CONTACT  # nobody is accused yet
    await complain(world, person)
    readers = ("JB", "JB second", "person")
    others = ("MRB head", "MRB officer", "EMB head", "E-A", "EDB", "RECON", "public", "park")
    for who in readers:
        assert (await ask(world, who, person))["name"] == NAME, who
    for who in (*others, "JB of MRB", "JB accused"):
        assert await ask(world, who, person) == 404, who
    assert await ask(world, "", person) == 401
    assert await ask(world, "JB", "psn-" + "0" * 32) == 404
    await world.send(
        "JB", "complaints/transfer-complaint", complaint="CMP-1", to="PARK", reason="属地"
    )
    assert (await ask(world, "park", person))["id_number"] == NUMBER


async def test_each_look_is_taken_down(world: World) -> None:
    """Whoever asks, whether they are shown anything or not; nobody without a token."""
    person = await register(world, "MRB office")
    for who in ("MRB head", "EMB head", "JB", ""):
        await ask(world, who, person)
    response = await world.client.get(
        "/v1/access",
        params={"about_person": person},
        headers={"Authorization": f"Bearer {world.tokens['JB']}"},
    )
    looks = (await response.json())["items"]
    assert [look["actor"]["person_id"] for look in looks] == ["HEAD-MRB", "HEAD-EMB", "JB-001"]
    assert {look["body"]["person"] for look in looks} == {person}
    assert {look["body"]["route"] for look in looks} == {"/v1/persons/{person}"}


@pytest.mark.parametrize(
    "facts",
    [
        "+8613987654321",
        "8613987654321",
        "１３９８７６５４３２１",
        "139-8765-4321",
        "139 8765 4321",
        "110101 19900307 4477",
        "x110101199003074477",
    ],
)
async def test_no_number_of_a_person_is_recorded(world: World, facts: str) -> None:
    """Of whoever writes it, in whichever spelling; the refusal says where it stands."""
    head = world.recorder.head()
    complaint = {
        "complaint": "CMP-1",
        "channel": "window",
        "subject_unit": "MRB",
        "handled_by": "JB",
        "facts": facts,
        "anonymous": True,
    }
    problem = await world.send("JB", "complaints/receive-complaint", expect=400, **complaint)
    assert problem["pointer"] == "/facts"
    assert world.recorder.head() == head


async def test_a_case_against_a_citizen_holds_no_number(world: World) -> None:
    """Others read of it under /v1/cases, and nobody can take it out again."""
    filed = world.case("CASE-1", E_A, party="citizen")
    said = {
        "case": "CASE-110101199003074477",
        "cause": "涉嫌110101199003074477",
        "conduct": filed["conduct"] | {"act": "欧阳13987654321"},
    }
    pointers = {"case": "/case", "cause": "/cause", "conduct": "/conduct/act"}
    for field, text in said.items():
        body = filed | {field: text}
        problem = await world.send("MRB head", "penalties/file-case", expect=400, **body)
        assert problem["pointer"] == pointers[field]
        assert "persons/register-person" in problem["detail"]
    await world.send("MRB head", "penalties/file-case", **filed)


async def test_an_applicant_is_read_by_the_organ(world: World) -> None:
    """The organ that decides; another unit's people and the respondent's do not."""
    from ledger.systems.reconsideration.events import ReconApplied

    person = await register(world)
    assert await ask(world, "RECON", person) == 404
    day = world.now.date()
    world.given(
        ReconApplied(
            recon="RCN-1", decision="DEC-1", unit="MRB", organ="RECON", known_on=day, last_day=day,
            grounds="事实不清", person=person,
        )
    )  # fmt: skip
    assert (await ask(world, "RECON", person))["name"] == NAME
    for who in ("MRB head", "EMB head"):
        assert await ask(world, who, person) == 404


async def test_what_is_sealed_is_not_sent(world: World) -> None:
    """Nobody hands in ciphertexts of their own."""
    answer = await world.send("JB", "persons/register-person", name=NAME)
    body = answer["events"][0]["body"]
    sealed = {"person": body["person"], "name": body["name"]}
    await world.send("JB", "persons/register-person", expect=400, sealed=sealed)
    await world.send(
        "MRB officer",
        "filing/sign-on-site-record",
        expect=400,
        task="T-1",
        record_digest="ab" * 32,
        signatory=sealed,
    )


async def test_a_blank_is_nobody(world: World) -> None:
    """A name or contact of spaces is malformed, in any script's spaces, and seals nothing."""
    for field in ("name", "contact"):
        for blank in ("   ", "\t\n", "\u3000"):
            answer = await world.send(
                "JB", "persons/register-person", expect=400, **{"name": NAME, field: blank}
            )
            assert answer["pointer"] == f"/{field}"
            assert answer["detail"].endswith("text that is not blank")
    answer = await world.send(
        "MRB officer", "filing/sign-on-site-record", expect=400, task="T-1", entity_signature=" "
    )
    assert answer["pointer"] == "/entity_signature"


async def test_who_signs_on_site_is_sealed(world: World) -> None:
    """The record names a person, whom the unit reads; with a refusal beside it, it is neither."""
    await world.given_matter("M-101")
    await world.given_plan([3])
    world.at("2026-03-16")
    task = world.task("T-1", E_A, "2026-03-18", prescribed_by=PRESCRIBED)
    await world.send("MRB head", "filing/approve-task", **task)
    await world.visit("T-1", "2026-03-18")
    records = (await world.get("JB", f"/v1/entities/{E_A}/trail"))["entries"]
    (signed,) = (r["body"] for r in records if r["type"] == "filing.on-site-record-signed")
    assert "entity_signature" not in signed
    assert (await ask(world, "MRB head", signed["signatory"]))["name"] == "店长"
    assert await ask(world, "EMB head", signed["signatory"]) == 404
    await world.send(
        "MRB officer",
        "filing/sign-on-site-record",
        expect=409,
        task="T-1",
        record_digest="ab" * 32,
        entity_signature="店长",
        refusal_reason="不认可",
    )


async def test_an_old_vault_brings_nobody_back(world: World, tmp_path: Path) -> None:
    """A key that comes back with a copy of the vault is destroyed when the service starts."""
    person = await register(world)
    path = sibling(world.path, "vault")
    kept = tmp_path / "kept"
    copyfile(path, kept)
    secret = world.service.vault.secret(person)
    assert secret is not None
    await world.send(
        "JB", "persons/erase-person", person=person, reason="unlawful_processing", legal_basis=PIPL
    )
    world.service.vault.close()
    kept.replace(path)
    path.chmod(0o600)
    assert lies_in(tmp_path, secret) == ["ledger.db.vault.db"]
    await world.client.close()
    world.service.close()
    Service(f"sqlite:///{world.path}", clock=lambda: world.now).close()
    assert lies_in(tmp_path, secret) == []


async def test_a_vault_that_fails_takes_nothing(world: World) -> None:
    """503, and nothing recorded in clear or otherwise; erasing goes on when it is repeated."""
    person = await register(world)
    head = world.recorder.head()
    holder = sqlite3.connect(sibling(world.path, "vault"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    world.service.vault._sqlite.execute("PRAGMA busy_timeout = 50")
    await world.send("JB", "persons/register-person", expect=503, name=NAME)
    assert world.recorder.head() == head
    erase = {"person": person, "reason": "unlawful_processing", "legal_basis": PIPL}
    said = await world.send("JB", "persons/erase-person", expect=503, **erase)
    assert said["type"].endswith("unfinished")
    assert said["position"] == world.recorder.head() == head + 1
    assert "name" not in await ask(world, "JB", person)
    holder.execute("ROLLBACK")
    holder.close()
    assert world.service.vault.secret(person) is not None
    await world.send("JB", "persons/erase-person", expect=200, **erase)
    assert world.service.vault.secret(person) is None


async def test_a_legal_representative_is_read_by_few(world: World) -> None:
    """Sealed at the edge, shown as a person to the unit that took the data down and to JB alone."""
    url = f"/v1/entities/{E_A}/legal-representatives"
    body = {"entity": E_A, "name": NAME, "id_number": NUMBER}
    answer = await world.send("MRB head", "entities/record-legal-representative", **body)
    assert NAME not in str(answer)
    person = answer["events"][0]["body"]["person"]

    async def read(who: str) -> Any:
        headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
        response = await world.client.get(url, headers=headers)
        return (await response.json())["items"] if response.status == 200 else response.status

    for who in ("MRB head", "JB"):
        (item,) = await read(who)
        assert item["person"] == person
        assert (await ask(world, who, person))["name"] == NAME
    assert [await read(who) for who in ("EMB head", "E-A", "")] == [404, 404, 401]
    passport = body | {"id_number": "E12345678", "id_type": "02"}
    await world.send("MRB head", "entities/record-legal-representative", **passport)
    passport["id_type"] = "01"
    problem = await world.send(
        "MRB head", "entities/record-legal-representative", expect=400, **passport
    )
    assert problem["pointer"] == "/id_number"

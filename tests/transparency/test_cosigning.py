"""The ledger has its checkpoints cosigned, whatever the witnesses do or leave undone."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port
from prometheus_client.parser import text_string_to_metric_families

from api.log import cosigning
from api.log.cosigning import Cosigning
from api.log.witness import make_witness_app
from api.service import Service
from ledger.opening import key_file
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.transparency.checkpoints import (
    Checkpoint,
    cosign,
    cosigned,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.transparency.keys import make_key, next_key, read_key
from ledger.transparency.notes import COSIGNATURE, Signer, parse_note, parse_vkey
from ledger.transparency.policy import PolicyError, parse_policy
from ledger.transparency.proofs import parse_receipt
from ledger.transparency.store import Signed
from ledger.transparency.submissions import SIZE_TYPE, parse_submission
from ledger.transparency.witness import OtherSize, Witness, origin_hash
from tests.api.answers import faults_at
from tests.cast import HEAD
from tests.empty import lay_views
from tests.gwt import Record
from tests.transparency.regions import OTHERS, WITNESS, signer

ORIGIN = "ledger.example/v1/log"
SECOND = signer("witness.example/w2", 4)
KEYS = {"one": WITNESS, "two": SECOND}

Answer = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes in service takes moments here."""
    monkeypatch.setattr(cosigning, "PAUSE", 0.01)
    monkeypatch.setattr(cosigning, "LONGEST_PAUSE", 0.02)


class Region:
    """A ledger's service and the witnesses that it is told of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.key = make_key(next_key(key_file(folder / "ledger.db")), ORIGIN)
        lay_views(folder / "ledger.db")
        self.services: list[Service] = []
        self.servers: list[TestServer] = []
        self.witnesses: list[Witness] = []
        self.count = 0

    async def serves(self, app: web.Application) -> str:
        """The address of an application."""
        server = TestServer(app)
        await server.start_server()
        self.servers.append(server)
        return str(server.make_url("/")).rstrip("/")

    def witness(self, name: str) -> Witness:
        """A real witness of this ledger's log."""
        trusted = [self.key.verifier()]
        self.witnesses.append(Witness(self.folder / f"{name}.db", KEYS[name], trusted))
        return self.witnesses[-1]

    async def answers(self, answer: Answer, shows: Answer | None = None) -> str:
        """The address of a witness that answers, and shows checkpoints, as it is told to."""
        app = web.Application()
        app.router.add_post("/add-checkpoint", answer)
        if shows is not None:
            app.router.add_get("/{log}/checkpoint", shows)
        return await self.serves(app)

    def opened(self, quorum: str = "any", **addresses: str) -> Service:
        """The service, with these witnesses."""
        lines = [
            f"witness {name} {KEYS[name].verifier(COSIGNATURE).vkey()} {address}"
            for name, address in addresses.items()
        ]
        group = f"group all-of-them {quorum} {' '.join(addresses)}"
        said = "\n".join([*lines, group, "quorum all-of-them"] if addresses else ["quorum none"])
        policy = parse_policy(said.encode())
        self.services.append(Service(self.url, witnesses=policy))
        return self.services[-1]

    def record(self, service: Service, count: int = 1) -> int:
        """Record something; the head afterwards."""
        for _ in range(count):
            self.count += 1
            fact = EntityRegistered(entity=f"register:{self.count}", identity=Identity(name="行"))
            service.ledger.execute(Record(facts=(fact,)), HEAD)
        return service.recorder.head()

    async def close(self) -> None:
        for service in self.services:
            await asyncio.to_thread(service.close)
            service.ledger.close()
        for server in self.servers:
            await server.close()
        for witness in self.witnesses:
            witness.close()


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Region]:
    region = Region(tmp_path)
    yield region
    await region.close()


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What a condition comes to, once it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def signed_at(service: Service, size: int) -> Signed:
    """A checkpoint that covers so many events, once it is signed."""
    signed = await asyncio.to_thread(service.keeper.wait_for, size, 10.0)
    assert signed is not None
    assert signed.size >= size
    return signed


def witnesses(service: Service) -> Cosigning:
    assert service.witnesses is not None
    return service.witnesses


def operator(service: Service) -> dict[str, str]:
    """The header of an operator's token."""
    return {"Authorization": f"Bearer {service.tokens.create('IT', 'OP-1', 'operator')}"}


def witnessed(service: Service, size: int) -> Callable[[], bool]:
    def reached() -> bool:
        found = witnesses(service).witnessed
        return found is not None and found.size >= size

    return reached


async def test_cosigned_and_published(region: Region) -> None:
    """Both witnesses' lines stand under the checkpoint, and travel with the receipts."""
    addresses = {n: await region.serves(make_witness_app(region.witness(n))) for n in KEYS}
    service = region.opened("all", **addresses)
    keys = [signer.verifier(COSIGNATURE) for signer in KEYS.values()]
    async with TestClient(TestServer(service.app())) as client:
        for _ in range(3):
            size = region.record(service, 5)
            await until(witnessed(service, size))
            note = parse_note(await (await client.get("/v1/log/witnessed")).read())
            assert parse_checkpoint(note.text).size == size
            assert len(cosigned(note, keys)) == 2
            assert parse_note(await (await client.get("/v1/log/checkpoint")).read()) == note
        listed = await (await client.get("/v1/log/witnesses")).read()
        assert not faults_at("/v1/log/witnesses", listed)
        seen = msgspec.json.decode(listed)
        assert {(w["name"], w["answers"], w["size"]) for w in seen["items"]} == {
            (name, True, size) for name in KEYS
        }
        assert seen["size"] == size
        token = service.tokens.create("JB", "JB-001", "jb_supervisor")
        auth = {"Authorization": f"Bearer {token}"}
        proof = await (await client.get(f"/v1/events/{size}/proof", headers=auth)).read()
        record = await (await client.get(f"/v1/events/{size}/record", headers=auth)).read()
        parse_receipt(proof).verify(record, [region.key.verifier()])
        assert len(cosigned(parse_note(parse_receipt(proof).checkpoint), keys)) == 2
        ready = (await (await client.get("/readyz", headers=operator(service))).json())["parts"][
            "witnesses"
        ]
        assert ready == {
            "ready": True,
            "detail": "2 of 2 witnesses cosign",
            "position": size,
            "lag": 0,
        }


async def test_what_is_cosigned_is_remembered(region: Region) -> None:
    """After a restart a witness is asked from where it stands."""
    asked: list[int] = []
    witness = region.witness("one")

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        asked.append(parse_submission(body).old)
        return web.Response(text=await asyncio.to_thread(witness.add_checkpoint, body))

    address = await region.answers(answer)
    first = region.opened(one=address)
    size = region.record(first)
    await until(witnessed(first, size))
    await asyncio.to_thread(first.close)
    asked.clear()

    second = region.opened(one=address)
    assert witnessed(second, size)()
    await asyncio.sleep(0.3)
    assert asked == [size], "whether it has seen more, before anything is signed"
    after = region.record(second)
    await until(witnessed(second, after))
    assert asked == [size, size]


async def test_a_witness_that_stands_elsewhere(region: Region) -> None:
    """409 says from which size on; the proof is sent from there."""
    before = region.opened(one=f"http://127.0.0.1:{unused_port()}")
    seen = region.record(before)
    signed = await signed_at(before, seen)
    witness = region.witness("one")
    witness.add_checkpoint(b"old 0\n\n" + signed.note())
    await asyncio.to_thread(before.close)

    service = region.opened(one=await region.serves(make_witness_app(witness)))
    await until(witnessed(service, region.record(service, 3)))
    outcomes = witnesses(service).witnesses[0].outcomes
    assert outcomes["409"] == 1
    assert set(outcomes) == {"409", "cosigned"}


async def test_a_dead_witness_stops_nothing(region: Region) -> None:
    """Recording, signing and the other witness go on; who fails is named where operators look."""
    service = region.opened(
        one=f"http://127.0.0.1:{unused_port()}",
        two=await region.serves(make_witness_app(region.witness("two"))),
    )
    async with TestClient(TestServer(service.app())) as client:
        for _ in range(3):
            size = region.record(service)
            await until(witnessed(service, size))
        dead = witnesses(service).witnesses[0]
        await until(lambda: dead.error)
        answer = await client.get("/readyz", headers=operator(service))
        part = (await answer.json())["parts"]["witnesses"]
        assert (answer.status, part["ready"]) == (200, True)
        assert part["detail"].startswith("1 of 2 witnesses cosign; one: ")
        numbers = {
            (s.name, *sorted(s.labels.values())): s.value
            for f in text_string_to_metric_families(
                await (await client.get("/metrics", headers=operator(service))).text()
            )
            for s in f.samples
        }
        assert numbers["log_witness_up", "one"] == 0
        assert numbers["log_witness_up", "two"] == 1
        assert numbers["log_witness_size", "two"] == numbers["log_witnessed_size",] == size
        assert numbers["log_witness_answers_total", "one", "unreachable"] >= 1


async def test_no_quorum_no_witnessed_checkpoint(region: Region) -> None:
    """As long as one that is needed is silent, signing goes on and nothing counts as witnessed."""
    service = region.opened(
        "all",
        one=f"http://127.0.0.1:{unused_port()}",
        two=await region.serves(make_witness_app(region.witness("two"))),
    )
    size = region.record(service)
    await until(lambda: witnesses(service).witnesses[1].cosigned == size)
    async with TestClient(TestServer(service.app())) as client:
        assert (await client.get("/v1/log/witnessed")).status == 404
        note = parse_note(await (await client.get("/v1/log/checkpoint")).read())
        assert len(note.signatures) == 2


async def test_a_silent_witness(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request at a time, given up after a while; nobody waits for it, not even the end."""
    waiting, most, sizes = 0, 0, []

    async def answer(request: web.Request) -> web.Response:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        text = parse_note(parse_submission(await request.read()).checkpoint).text
        sizes.append(parse_checkpoint(text).size)
        try:
            await asyncio.sleep(1.0)
        finally:
            waiting -= 1
        return web.Response(text=cosign(text, WITNESS, 1_700_000_000).line())

    monkeypatch.setattr(cosigning, "PATIENCE", 0.5)
    service = region.opened(one=await region.answers(answer))
    for _ in range(6):
        size = region.record(service)
        await signed_at(service, size)
        await asyncio.sleep(0.1)
    silent = witnesses(service).witnesses[0]
    await until(lambda: silent.outcomes["timeout"] >= 2)
    assert most <= 2  # what was given up may still sleep there when the next one comes
    assert sizes == sorted(sizes), "the newest checkpoint only"
    await asyncio.to_thread(service.close)  # it ends, although its witness is silent


async def test_newest_only(region: Region) -> None:
    """What was signed while a slow witness answered is asked for at once, and only its last."""
    sizes, most, waiting = [], 0, 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal most, waiting
        waiting += 1
        most = max(most, waiting)
        text = parse_note(parse_submission(await request.read()).checkpoint).text
        sizes.append(parse_checkpoint(text).size)
        await asyncio.sleep(1.0)
        waiting -= 1
        return web.Response(text=cosign(text, WITNESS, 1_700_000_000).line())

    service = region.opened(one=await region.answers(answer))
    signed = []
    for _ in range(5):
        size = region.record(service)
        await signed_at(service, size)
        signed.append(size)
    await until(witnessed(service, signed[-1]))
    assert most == 1
    assert sizes[-1] == signed[-1]
    assert len(sizes) < len(signed), "some were passed over"


def said(status: int, text: str = "", media_type: str = "text/plain") -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        headers = {"Content-Type": media_type, "Location": "/elsewhere"}
        return web.Response(status=status, body=text.encode(), headers=headers)

    return answer


def signs(key: Signer, *, instead: str | None = None, at: int = 1_700_000_000) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        text = parse_note(parse_submission(await request.read()).checkpoint).text
        return web.Response(text=cosign(instead or text, key, at).line())

    return answer


#: What a witness may answer, how that is counted, and what is said of it.
OF_NO_USE: tuple[tuple[Answer, str, str], ...] = (
    (said(500, "sorry"), "500", "500 sorry"),
    (said(302), "302", "302"),
    (said(403, "whose key is this?"), "403", "403 whose key"),
    (said(404), "404", "404"),
    (said(422), "422", "422, but it shows no evidence for this"),
    (said(409, "5\n"), "unusable", "must be text/x.tlog.size"),
    (said(409, "many\n", SIZE_TYPE), "unusable", "must be a decimal number; it is 'many'"),
    (said(409, "9" * 5_000, SIZE_TYPE), "unusable", "a size must be"),
    (said(409, "0\n", SIZE_TYPE), "unusable", "must have another size"),
    (said(409, "999\n", SIZE_TYPE), "ahead", "it shows no evidence for this"),
    (said(200), "unusable", "no signatures"),
    (said(200, "yes"), "unusable", "no signatures"),
    (said(200, "— yes\n"), "unusable", "not a signature line"),
    (said(200, "x" * 300_000), "unusable", "must have at most"),
    (signs(SECOND), "unusable", "not signed by"),
    (signs(WITNESS, instead=f"{ORIGIN}\n1\n{'A' * 43}=\n"), "unusable", "is wrong"),
    (signs(WITNESS, at=0), "unusable", "must state a time"),
)


async def test_answers_of_no_use(region: Region) -> None:
    """Each is counted and said, nothing of it is published, and a good one is taken after it."""
    now, calls = OF_NO_USE[0][0], 0

    async def changing(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        answer = await now(request)
        calls += 1
        return answer

    service = region.opened(one=await region.answers(changing))
    size = region.record(service)
    await signed_at(service, size)
    one = witnesses(service).witnesses[0]
    for answer, outcome, says in OF_NO_USE:
        before = one.outcomes[outcome]
        now, calls = answer, 0
        # What the last one answered may still be on its way: the third is looked at for certain.
        await until(lambda: calls >= 3)  # noqa: B023 - it is looked at in this round
        assert says in str(one.error)
        assert one.outcomes[outcome] > before
        signed = service.keeper.log.checkpoint()
        assert signed is not None
        assert (signed.size, len(parse_note(signed.note()).signatures)) == (size, 1)
        assert witnesses(service).witnessed is None
    now = signs(WITNESS)
    await until(witnessed(service, size))
    await until(lambda: one.error is None)


@pytest.mark.parametrize("more", [0, 10])
async def test_another_tree_of_the_same_name(
    region: Region, more: int, another_machine: Callable[[], None]
) -> None:
    """A witness that has seen another history stops the signing, whichever of the two is longer."""
    witness = region.witness("one")
    service = region.opened(one=await region.serves(make_witness_app(witness)))
    await until(witnessed(service, region.record(service, 3)))
    size = service.recorder.head()
    await asyncio.to_thread(service.close)
    key = key_file(region.folder / "ledger.db")
    for file in region.folder.glob("ledger.db*"):
        if file.is_file() and file != key:
            file.unlink()
    another_machine()
    key.rename(next_key(key))  # a thief, or a fool, begins anew with it

    if more:  # and has not told the witness until there is more of it
        alone = Service(region.url)
        await signed_at(alone, region.record(alone, more))
        await asyncio.to_thread(alone.close)
    again = region.opened(one=f"{service_address(service)}")
    assert (again.recorder.head() > size) is bool(more)
    one = witnesses(again).witnesses[0]
    outcome = "422" if more else "ahead"
    await until(lambda: one.error and one.outcomes[outcome])
    assert "another log uses its name" in str(again.keeper.error)
    signed = again.keeper.log.checkpoint()
    region.record(again, 2)
    await asyncio.sleep(1)
    assert again.keeper.log.checkpoint() == signed, "nothing more is signed"
    assert witnesses(again).witnessed is None
    with pytest.raises(OtherSize) as other:
        witness.add_checkpoint(b"old 0\n\n" + signed.note())  # type: ignore[union-attr]
    assert other.value.size == size


async def test_an_old_state_asks_before_it_signs(
    region: Region, another_machine: Callable[[], None]
) -> None:
    """A log brought back to an earlier day is told so by a witness before it signs anything."""
    address = await region.serves(make_witness_app(region.witness("one")))
    service = region.opened(one=address)
    await until(witnessed(service, region.record(service)))
    before = service.keeper.log.checkpoint()
    await asyncio.to_thread(service.close)
    saved = region.folder.with_name("saved")
    shutil.copytree(region.folder, saved)

    service = region.opened(one=address)
    await until(witnessed(service, region.record(service, 5)))
    await asyncio.to_thread(service.close)
    another_machine()
    for file in saved.glob("ledger.*db"):
        # Into the same files, as a disk's snapshot brings them back: not even as copies.
        (region.folder / file.name).write_bytes(file.read_bytes())
    for file in region.folder.glob("*-wal"):
        file.unlink()

    again = region.opened(one=address)
    await until(lambda: again.keeper.error)
    assert "this is an old copy" in str(again.keeper.error)
    assert again.keeper.log.checkpoint() == before
    region.record(again, 20)
    await asyncio.sleep(1)
    assert again.keeper.log.checkpoint() == before


@pytest.mark.parametrize("answer", [said(409, "999999\n", SIZE_TYPE), said(422, "no")])
@pytest.mark.parametrize("shown", ["nothing", "what was signed", "another key's", "rubbish"])
async def test_a_witness_without_evidence_stops_nothing(
    region: Region, answer: Answer, shown: str
) -> None:
    """Whoever answers at its address may say what they want: the other one suffices, as agreed.

    It is named where operators look, and the log is signed from the first start on.
    """
    service = region.opened()
    size = region.record(service)
    signed = await signed_at(service, size)
    await asyncio.to_thread(service.close)
    larger = Checkpoint(ORIGIN, 999_999, b"x" * 32)
    notes = {
        "what was signed": signed.note(),
        "another key's": sign_checkpoint(larger, signer(ORIGIN, 9)).encode(),
        "rubbish": b"\xff",
    }

    async def shows(_request: web.Request) -> web.Response:
        return web.Response(body=notes[shown], status=200)

    service = region.opened(
        one=await region.answers(answer, None if shown == "nothing" else shows),
        two=await region.serves(make_witness_app(region.witness("two"))),
    )
    for _ in range(2):
        await until(witnessed(service, region.record(service)))
    liar = witnesses(service).witnesses[0]
    await until(lambda: liar.error)
    assert "it shows no evidence for this" in str(liar.error)
    assert service.keeper.error is None
    async with TestClient(TestServer(service.app())) as client:
        parts = (await (await client.get("/readyz", headers=operator(service))).json())["parts"]
        assert parts["witnesses"]["detail"].startswith("1 of 2 witnesses cosign; one: ")
        assert parts["log"]["detail"] == "signing"
        metrics = await (await client.get("/metrics", headers=operator(service))).text()
        assert 'log_witness_up{witness="one"} 0.0' in metrics


@pytest.mark.parametrize("size", [3, 999_999])
async def test_one_witness_with_evidence_stops_the_signing(region: Region, size: int) -> None:
    """A tree that this log did not sign, under its signature: larger, or another beginning."""
    other = sign_checkpoint(Checkpoint(ORIGIN, size, b"x" * 32), region.key)

    async def shows(request: web.Request) -> web.Response:
        assert request.match_info["log"] == origin_hash(ORIGIN)
        return web.Response(body=other.encode())

    service = region.opened(
        one=await region.answers(said(422), shows),
        two=await region.serves(make_witness_app(region.witness("two"))),
    )
    await until(lambda: service.keeper.error)
    assert "another log uses its name" in str(service.keeper.error)


async def test_what_another_service_signed_is_no_fork(region: Region) -> None:
    """Two on one ledger: the witness knows of what was signed since this one looked."""
    witness = region.witness("one")
    first = region.opened()
    await signed_at(first, region.record(first))

    async def answer(_request: web.Request) -> web.Response:
        signed = await signed_at(first, region.record(first, 3))
        witness.add_checkpoint(b"old 0\n\n" + signed.note())
        return web.Response(body=b"%d\n" % signed.size, status=409, content_type=SIZE_TYPE)

    async def shows(request: web.Request) -> web.Response:
        found = witness.newest(request.match_info["log"])
        assert found is not None
        return web.Response(body=found.note())

    address = await region.answers(answer, shows)
    key = WITNESS.verifier(COSIGNATURE).vkey()
    policy = parse_policy(f"witness one {key} {address}\nquorum one".encode())
    asking = Cosigning(first.keeper, policy)
    assert await asyncio.to_thread(asking.look) is None


async def test_a_damaged_tile_is_no_fork(region: Region) -> None:
    """A proof that does not hold is not sent: tiles are made anew, and the witness cosigns."""
    address = await region.serves(make_witness_app(region.witness("one")))
    service = region.opened(one=address)
    await until(witnessed(service, region.record(service, 2)))
    stands = service.recorder.head()
    await asyncio.to_thread(service.close)
    alone = Service(region.url)
    await signed_at(alone, region.record(alone, 559 - stands))
    await asyncio.to_thread(alone.close)
    with closing(sqlite3.connect(region.folder / "ledger.db.tiles.db")) as tiles:
        tiles.execute(
            "UPDATE tiles SET hashes = CAST(substr(hashes, 1, 4800) || x'00' ||"
            " substr(hashes, 4802) AS BLOB) WHERE level = 0 AND n = 0"
        )
        tiles.commit()

    again = region.opened(one=address)
    await until(witnessed(again, 559))
    assert again.keeper.error is None
    await until(witnessed(again, region.record(again)))


def service_address(service: Service) -> str | None:
    return witnesses(service).witnesses[0].witness.url


def test_policies_that_cannot_be_meant(tmp_path: Path) -> None:
    """A policy of other logs, or whose witnesses cannot all be asked, is refused at the start."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    key = WITNESS.verifier(COSIGNATURE).vkey()
    for text, says in (
        (f"log {OTHERS.verifier().vkey()}\nquorum none", "other logs"),
        (f"witness one {key}\nquorum one", "must suffice for the policy's quorum"),
    ):
        with pytest.raises(PolicyError, match=says):
            Service(url, witnesses=parse_policy(text.encode()))
    assert parse_vkey(read_key(key_file(tmp_path / "ledger.db")).verifier().vkey())
